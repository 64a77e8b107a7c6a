package conntest_test

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/mock"
	"jali/internal/dial"
	"jali/internal/secret"
)

var (
	beijing = time.FixedZone("UTC+8", 8*60*60)
	now     = time.Date(2026, 10, 20, 12, 0, 0, 0, beijing)
)

// found founds a town whose clock stands still.
func found(t *testing.T) *mock.Town {
	t.Helper()
	var handler atomic.Value
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.Load().(http.Handler).ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	town, err := mock.New(mock.Config{Seed: 7, Now: func() time.Time { return now }, BaseURL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	handler.Store(town.Handler())
	return town
}

// login fills in a login page of the town as a person does.
func login(p mock.Person) func(*testing.T, string, bool) url.Values {
	return func(t *testing.T, page string, agree bool) url.Values {
		t.Helper()
		decision := "refuse"
		if agree {
			decision = "agree"
		}
		transport := &http.Transport{DisableKeepAlives: true}
		client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		page, _, _ = strings.Cut(page, "#")
		resp, err := client.PostForm(page, url.Values{"login": {p.Login}, "password": {p.Password}, "decision": {decision}})
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		to, err := resp.Location()
		if err != nil {
			t.Fatalf("the login page answered %d: %v", resp.StatusCode, err)
		}
		if answer, err := url.ParseQuery(to.Fragment); err == nil && to.Fragment != "" {
			return answer // of a hybrid flow, which the page hands on
		}
		return to.Query()
	}
}

// altered changes members of a credential, which are all JSON here.
func altered(change map[string]any) func(connectors.Credential) connectors.Credential {
	return func(k connectors.Credential) connectors.Credential {
		var m map[string]any
		if err := json.Unmarshal(k.Reveal(), &m); err != nil {
			panic(err)
		}
		for name, v := range change {
			m[name] = v
		}
		b, err := json.Marshal(m)
		if err != nil {
			panic(err)
		}
		return secret.New(b)
	}
}

func private(t *testing.T, k *rsa.PrivateKey) secret.Value {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return secret.New(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func public(t *testing.T, k *rsa.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func clock() time.Time { return now }

// TestOnePurchaseIsToldAlikeByWalletAndBank: what is paid by wallet from a card
// can be counted once only if both dialects keep what joins the two bills.
func TestOnePurchaseIsToldAlikeByWalletAndBank(t *testing.T) {
	town := found(t)
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	p := town.People()[0]
	type seen struct {
		bill connectors.Bill
		tail string
	}
	read := func(c interface {
		connectors.Connector
		connectors.Linker
		connectors.BillLister
	}) []seen {
		ctx := context.Background()
		l, err := c.Begin(ctx, "astateof128randombits", "http://127.0.0.1/linked")
		if err != nil {
			t.Fatal(err)
		}
		q := login(p)(t, l.URL, true)
		k, err := c.Finish(ctx, l, q)
		if err != nil {
			t.Fatal(err)
		}
		accounts, err := c.Accounts(ctx, k)
		if err != nil {
			t.Fatal(err)
		}
		var all []seen
		for _, a := range accounts {
			number := a.Number.RevealString()
			for next, more := connectors.Cursor(""), true; more; more = next != "" {
				page, err := c.Bills(ctx, k, a.Ref, now.AddDate(0, 0, -60), now, next)
				if err != nil {
					t.Fatal(err)
				}
				for _, b := range page.Bills {
					all = append(all, seen{b, number[len(number)-4:]})
				}
				next = page.Next
			}
		}
		return all
	}
	var banks []seen
	for _, b := range town.Banks() {
		banks = append(banks, read(bank(t, b, client))...)
	}
	joined, kinds := 0, map[connectors.Kind]int{}
	for _, w := range read(wallet(t, town, client)) {
		kinds[w.bill.Kind]++
		if !strings.HasSuffix(w.bill.Method, ")") {
			continue
		}
		at := slices.IndexFunc(banks, func(b seen) bool {
			return strings.HasSuffix(w.bill.Method, "("+b.tail+")") && b.bill.Amount == w.bill.Amount &&
				slices.ContainsFunc(b.bill.Refs, func(ref string) bool { return slices.Contains(w.bill.Refs, ref) })
		})
		if at < 0 {
			t.Errorf("a %s by %s of %v has no twin at a bank", w.bill.Kind, w.bill.Method, w.bill.At)
			continue
		}
		if twin := banks[at].bill; twin.Kind != w.bill.Kind {
			t.Errorf("a %s by wallet is a %s at the bank: %s", w.bill.Kind, twin.Kind, twin.Description)
		}
		joined++
	}
	if joined == 0 {
		t.Error("nothing was paid by wallet from a card")
	}
	for _, b := range banks {
		kinds[b.bill.Kind]++
	}
	for _, k := range []connectors.Kind{connectors.Payment, connectors.Transfer, connectors.Topup, connectors.Income, connectors.Interest, connectors.Repayment} {
		if kinds[k] == 0 {
			t.Errorf("no bill in two months was read as a %s: %v", k, kinds)
		}
	}
	if kinds[connectors.Other] > 0 {
		t.Errorf("%d bills of the town have words that no dialect knows", kinds[connectors.Other])
	}
}
