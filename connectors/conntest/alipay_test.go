package conntest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/alipay"
	"jali/connectors/conntest"
	"jali/connectors/mock"
	"jali/internal/dial"
	"jali/internal/secret"
)

// wallet makes a connector that speaks v2 in key mode, changed as told.
func wallet(t *testing.T, town *mock.Town, client *http.Client, change ...func(*alipay.Config)) *alipay.Connector {
	t.Helper()
	a := town.Alipay()
	config := alipay.Config{Gateway: a.GatewayURL, Authorize: a.AuthorizeURL, AppID: a.AppID,
		Key: private(t, a.AppKey), AlipayKey: public(t, a.PublicKey), HTTP: client, Now: clock}
	for _, f := range change {
		f(&config)
	}
	c, err := alipay.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// alipayWays are the ways in which the platform may be spoken to.
func alipayWays(town *mock.Town) map[string][]func(*alipay.Config) {
	a, certs := town.Alipay(), town.AlipayCerts()
	withCerts := func(c *alipay.Config) {
		c.AlipayKey, c.AppCert, c.AlipayCert, c.RootCert = "", certs.App, certs.Alipay, certs.Root
	}
	encrypted := func(c *alipay.Config) { c.ContentKey = secret.Of(a.ContentKey) }
	rest := func(c *alipay.Config) { c.API = a.APIURL }
	short := func(c *alipay.Config) { c.Source.History = 430 * 24 * time.Hour } // as far as the town goes; one way is tried for six years
	return map[string][]func(*alipay.Config){
		"v2, key": {}, "v2, certificate": {withCerts, short}, "v2, key, AES": {encrypted, short},
		"v3, key": {rest, short}, "v3, certificate, AES": {rest, withCerts, encrypted, short},
	}
}

func alipaySetup(town *mock.Town, wrap func(*alipay.Connector) connectors.Connector, change ...func(*alipay.Config)) conntest.Setup {
	return conntest.Setup{
		Connect: func(t *testing.T, client *http.Client) connectors.Connector {
			return wrap(wallet(t, town, client, change...))
		},
		Login: login(town.People()[0]), Dead: altered(map[string]any{"access": "authusrBdead", "refresh": "dead"}),
		Now: now, From: now.AddDate(0, 0, -75), To: now, Signed: true, Secrets: town.Canaries,
		Ail:   func(x mock.Trouble) { town.Ail(mock.Alipay, x) },
		Blind: []string{"balances", "bills"}, // neither says whose it is
	}
}

func TestAlipay(t *testing.T) {
	town := found(t)
	ways := alipayWays(town)
	town.RenewAlipayCert() // after the operator's download: answers name one that is to be fetched
	for how, change := range ways {
		t.Run(how, func(t *testing.T) {
			conntest.Run(t, alipaySetup(town, func(c *alipay.Connector) connectors.Connector { return c }, change...))
		})
	}
	t.Run("one history", func(t *testing.T) { tellsOneHistory(t, town, ways) })
}

// tellsOneHistory: what the log tells, the files and the orders tell alike,
// whichever way the platform is spoken to.
func tellsOneHistory(t *testing.T, town *mock.Town, ways map[string][]func(*alipay.Config)) {
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	ctx := context.Background()
	var first map[string]connectors.Bill
	for how, change := range ways {
		c := wallet(t, town, client, change...)
		l, err := c.Begin(ctx, "astateof128randombits", "http://127.0.0.1/linked")
		if err != nil {
			t.Fatal(err)
		}
		k, err := c.Finish(ctx, l, login(town.People()[0])(t, l.URL, true))
		if err != nil {
			t.Fatal(err)
		}
		accounts, err := c.Accounts(ctx, k)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]connectors.Bill{}
		for from := now.AddDate(0, -14, 0); from.Before(now); from = from.Add(c.Source().MaxWindow) {
			to := from.Add(c.Source().MaxWindow)
			if to.After(now) {
				to = now
			}
			for next, more := connectors.Cursor(""), true; more; more = next != "" {
				page, err := c.Bills(ctx, k, accounts[0].Ref, from, to, next)
				if err != nil {
					t.Fatalf("%s: [%v, %v): %v", how, from, to, err)
				}
				for _, b := range page.Bills {
					if _, twice := all[b.ID]; twice {
						t.Errorf("%s: the bill of %v is told twice", how, b.At)
					}
					all[b.ID] = b
				}
				next = page.Next
			}
		}
		if first == nil {
			first = all
		}
		if len(all) != len(first) {
			t.Errorf("%s: %d bills, %d by another way", how, len(all), len(first))
		}
		old, lines := 0, 0
		for id, b := range all {
			if other := first[id]; b.Description != other.Description || b.Method != other.Method || b.Kind != other.Kind || b.Amount != other.Amount || b.Flow != other.Flow {
				t.Errorf("%s: a %s of %v is told otherwise by another way", how, b.Kind, b.At)
			}
			if b.Description == "" || b.Counterparty == "" {
				t.Errorf("%s: a %s of %v lacks what it was for or with whom", how, b.Kind, b.At)
			}
			if b.At.Before(now.Add(-366 * 24 * time.Hour)) {
				old++
			}
			if b.Method == "花呗" {
				lines++
				if b.Flow != connectors.FlowOut && b.Kind != connectors.Refund || strings.Contains(b.Description, "花呗") {
					t.Errorf("%s: bought by 花呗: %s %s %q", how, b.Kind, b.Flow, b.Description)
				}
			}
		}
		if old == 0 || lines == 0 {
			t.Errorf("%s: %d bills of more than a year ago, %d by 花呗: nothing was tested", how, old, lines)
		}
	}
}
