package conntest_test

import (
	"crypto/x509"
	"net/http"
	"slices"
	"testing"

	"jali/connectors"
	"jali/connectors/conntest"
	"jali/connectors/fdx"
	"jali/connectors/mock"
	"jali/internal/dial"
	"jali/internal/jose"
	"jali/internal/secret"
)

func lender(t *testing.T, town *mock.Town, client *http.Client) *fdx.Connector {
	t.Helper()
	a := town.Qingshi()
	der, err := x509.MarshalPKCS8PrivateKey(a.ClientKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := jose.ParsePKCS8(secret.New(der))
	if err != nil {
		t.Fatal(err)
	}
	c, err := fdx.New(fdx.Config{
		Source: connectors.Source{ID: a.ID, Name: connectors.Name{ZH: a.ZH, EN: a.EN}}, API: a.API, Issuer: a.Issuer,
		PAR: a.PAR, Authorize: a.Authorize, Token: a.Token, ClientID: a.ClientID, Key: key, KeyID: a.KeyID,
		Zone: beijing, HTTP: client, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFDX(t *testing.T) {
	town := found(t)
	conntest.Run(t, conntest.Setup{
		Connect: func(t *testing.T, client *http.Client) connectors.Connector { return lender(t, town, client) },
		Login:   login(town.People()[0]), Dead: altered(map[string]any{"access": "dead", "refresh": "dead"}),
		Now: now, From: now.AddDate(0, 0, -75), To: now, Secrets: town.Canaries,
		Presence: conntest.Headers{IP: "x-fapi-customer-ip-address", UserAgent: "x-customer-user-agent", Since: "x-fapi-auth-date"},
		Numbers:  true,
		Ail:      func(x mock.Trouble) { town.Ail(mock.Qingshi, x) },
	})
}

// TestACreditLineIsToldAlikeByWalletAndLender: what is bought by 花呗, given
// back or repaid can be counted once only if both dialects keep what joins the
// bills, and mean the same by them.
func TestACreditLineIsToldAlikeByWalletAndLender(t *testing.T) {
	town := found(t)
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	p := town.People()[0]
	read := func(c interface {
		connectors.Connector
		connectors.Linker
		connectors.BillLister
	}) (all []connectors.Bill) {
		ctx := t.Context()
		l, err := c.Begin(ctx, "a-state-of-128-random-bits", "http://127.0.0.1/linked")
		if err != nil {
			t.Fatal(err)
		}
		k, err := c.Finish(ctx, l, login(p)(t, l.URL, true))
		if err != nil {
			return nil // no account there
		}
		accounts, err := c.Accounts(ctx, k)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range accounts {
			for next, more := connectors.Cursor(""), true; more; more = next != "" {
				page, err := c.Bills(ctx, k, a.Ref, now.AddDate(0, 0, -30), now, next)
				if err != nil {
					t.Fatal(err)
				}
				all, next = append(all, page.Bills...), page.Next
			}
		}
		return all
	}
	elsewhere := read(wallet(t, town, client))
	for _, b := range town.Banks() {
		elsewhere = append(elsewhere, read(bank(t, b, client))...)
	}
	kinds := map[connectors.Kind]int{}
	for _, b := range read(lender(t, town, client)) {
		kinds[b.Kind]++
		if b.Kind == connectors.Interest {
			continue // between the lender and its books
		}
		at := slices.IndexFunc(elsewhere, func(x connectors.Bill) bool {
			return x.Amount == b.Amount && slices.Contains(x.Refs, b.Order) && x.Kind == b.Kind
		})
		if at < 0 {
			t.Errorf("a %s of %v at the lender stands nowhere else", b.Kind, b.At)
			continue
		}
		way, flow := elsewhere[at].Direction == b.Direction, elsewhere[at].Flow == b.Flow
		if inner := b.Kind.Inner(); way == inner || !flow || inner != (b.Flow == connectors.FlowInternal) || (!inner && elsewhere[at].Method != "花呗") {
			t.Errorf("a %s is %s, %s at the lender, and %s, %s by %s elsewhere", b.Kind, b.Direction, b.Flow, elsewhere[at].Direction, elsewhere[at].Flow, elsewhere[at].Method)
		}
	}
	for _, k := range []connectors.Kind{connectors.Payment, connectors.Repayment, connectors.Interest} {
		if kinds[k] == 0 {
			t.Errorf("no %s in a month: %v", k, kinds)
		}
	}
	if kinds[connectors.Other] > 0 {
		t.Errorf("%d bills of the lender have words that its dialect does not know", kinds[connectors.Other])
	}
}
