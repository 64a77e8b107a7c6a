package conntest_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/connectors/conntest"
	"jali/connectors/mock"
	"jali/connectors/openbanking"
	"jali/internal/dial"
	"jali/internal/jose"
	"jali/internal/secret"
)

// TestBanks: each of the town's banks, in each version; one asked by the hybrid
// flow.
func TestBanks(t *testing.T) {
	town := found(t)
	for i, b := range town.Banks() {
		for _, version := range []string{"v3.1", "v4.0"} {
			b := inVersion(b, version)
			t.Run(b.ID+" "+version, func(t *testing.T) {
				setup := bankSetup(t, town, b)
				if i == 1 && version == b.Version {
					setup.Connect = func(t *testing.T, client *http.Client) connectors.Connector {
						return bank(t, b, client, func(c *openbanking.Config) { c.Hybrid = true })
					}
				}
				conntest.Run(t, setup)
			})
		}
	}
}

// inVersion is a bank in the version given, which it speaks beside its own.
func inVersion(b mock.BankAccess, version string) mock.BankAccess {
	b.APIBase = strings.Replace(b.APIBase, b.Version, version, 1)
	return b
}

func bankSetup(t *testing.T, town *mock.Town, b mock.BankAccess) conntest.Setup {
	return conntest.Setup{
		Connect: func(t *testing.T, client *http.Client) connectors.Connector { return bank(t, b, client) },
		Login:   login(borrower(t, town, b)), Dead: altered(map[string]any{"access": "dead", "refresh": "dead"}),
		Now: now, From: now.AddDate(0, 0, -75), To: now, Secrets: town.Canaries,
		Presence: conntest.Headers{IP: "x-fapi-customer-ip-address", UserAgent: "x-customer-user-agent", Since: "x-fapi-auth-date"},
		Ail:      func(x mock.Trouble) { town.Ail(b.ID, x) },
	}
}

func bank(t *testing.T, b mock.BankAccess, client *http.Client, more ...func(*openbanking.Config)) *openbanking.Connector {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(b.ClientKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := jose.ParsePKCS8(secret.New(der))
	if err != nil {
		t.Fatal(err)
	}
	cfg := openbanking.Config{
		Source: connectors.Source{ID: b.ID, Name: connectors.Name{ZH: b.ZH, EN: b.EN}, Kind: connectors.Bank, History: 400 * 24 * time.Hour},
		API:    b.APIBase, Issuer: b.Issuer, ClientID: b.ClientID, Key: key, KeyID: b.KeyID, HTTP: client, Now: clock}
	for _, change := range more {
		change(&cfg)
	}
	c, err := openbanking.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// linkTo links a person to a bank and answers their accounts there: none where
// they are no client, who are sent back without a code.
func linkTo(t *testing.T, c *openbanking.Connector, p mock.Person) (connectors.Credential, []connectors.Account) {
	t.Helper()
	ctx := context.Background()
	l, err := c.Begin(ctx, "astateof128randombits", "http://127.0.0.1/linked")
	if err != nil {
		t.Fatal(err)
	}
	k, err := c.Finish(ctx, l, login(p)(t, l.URL, true))
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := c.Accounts(ctx, k)
	if err != nil {
		t.Fatal(err)
	}
	return k, accounts
}

// borrower finds a client of the bank who has a card of credit there.
func borrower(t *testing.T, town *mock.Town, b mock.BankAccess) mock.Person {
	t.Helper()
	client := dial.New(dial.Config{AllowPrivate: true})
	defer client.CloseIdleConnections()
	c := bank(t, b, client)
	for _, p := range town.People() {
		if !town.Serves(b.ID, p.ID) {
			continue
		}
		if _, accounts := linkTo(t, c, p); slices.ContainsFunc(accounts, func(a connectors.Account) bool { return a.Kind == connectors.CreditCard }) {
			return p
		}
	}
	t.Fatalf("nobody has a card of credit at %s", b.ID)
	return mock.Person{}
}

// TestBothVersionsTellOneThing: one person's accounts, read over a consent of
// each version, are the same accounts with the same balances, bills and
// statements.
func TestBothVersionsTellOneThing(t *testing.T) {
	town := found(t)
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	ctx := context.Background()
	for _, b := range town.Banks() {
		p := borrower(t, town, b)
		tell := func(version string) (lines []string, kinds map[connectors.AccountKind]int) {
			c := bank(t, inVersion(b, version), client)
			k, accounts := linkTo(t, c, p)
			kinds = map[connectors.AccountKind]int{}
			for _, a := range accounts {
				kinds[a.Kind]++
				lines = append(lines, fmt.Sprint(a.Ref.ID.RevealString(), a.Number.RevealString(), a.Kind, a.Side, a.Name, a.Currency))
				balances, err := c.Balances(ctx, k, []connectors.AccountRef{a.Ref})
				if err != nil {
					t.Fatal(err)
				}
				for _, x := range balances {
					lines = append(lines, fmt.Sprint(x.Kind, x.Amount, x.AsOf))
				}
				var next connectors.Cursor
				for page := 0; page == 0 || next != ""; page++ {
					got, err := c.Bills(ctx, k, a.Ref, now.AddDate(0, 0, -60), now, next)
					if err != nil {
						t.Fatal(err)
					}
					for _, x := range got.Bills {
						if x.Kind == connectors.Other {
							t.Errorf("%s in %s: no kind for %s %s", b.ID, version, x.RawKind, x.Description)
						}
						lines = append(lines, fmt.Sprintf("%+v", x))
					}
					next = got.Next
				}
				statements, err := c.Statements(ctx, k, a.Ref, now.AddDate(-1, 0, 0), now)
				if err != nil {
					t.Fatal(err)
				}
				for _, x := range statements {
					lines = append(lines, fmt.Sprint(x.ID, x.Period, x.Due, x.Minimum, x.DueDate, x.Paid, x.Settled))
				}
			}
			return lines, kinds
		}
		old, kinds := tell("v3.1")
		young, _ := tell("v4.0")
		if d := cmp.Diff(old, young); d != "" {
			t.Errorf("%s tells in v4.0 other than in v3.1:\n%s", b.ID, d)
		}
		if kinds[connectors.CreditCard] == 0 || len(old) < 50 {
			t.Errorf("%s: only %d lines of %v: too few to tell", b.ID, len(old), kinds)
		}
	}
}

// TestAWalletOfECNYIsOneAtTheTownsBanks: each of the banks keeps some.
func TestAWalletOfECNYIsOneAtTheTownsBanks(t *testing.T) {
	town := found(t)
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	people := town.People()
	for i, who := range []mock.Person{people[0], people[2]} {
		c := bank(t, town.Banks()[i], client)
		k, accounts := linkTo(t, c, who)
		at := slices.IndexFunc(accounts, func(a connectors.Account) bool { return a.Kind == connectors.ECNY })
		if at < 0 {
			t.Fatalf("%s has no wallet of e-CNY at bank %d", who.ID, i)
		}
		wallet := accounts[at]
		if wallet.Side != connectors.Asset || wallet.Name != "数字人民币钱包" || len(wallet.Number.RevealString()) != 16 {
			t.Errorf("%+v", wallet)
		}
		page, err := c.Bills(context.Background(), k, wallet.Ref, now.AddDate(0, 0, -90), now, "")
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[connectors.Kind]int{}
		for _, b := range page.Bills {
			kinds[b.Kind]++
			if b.Kind == connectors.Topup && (b.Direction != connectors.In || b.Flow != connectors.FlowInternal) {
				t.Errorf("a filling goes %s and is %s", b.Direction, b.Flow)
			}
		}
		if kinds[connectors.Topup] == 0 || kinds[connectors.Payment] == 0 {
			t.Errorf("a wallet of e-CNY told %v", kinds)
		}
	}
}

// TestAPendingBillKeepsItsReference: a bank that books under another id leaves
// the reference alone, by which the two can be told to be one.
func TestAPendingBillKeepsItsReference(t *testing.T) {
	town := found(t)
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	b := town.Banks()[0]
	c := bank(t, b, client)
	k, accounts := linkTo(t, c, town.People()[0])
	pending := func() map[string]string { // ids by reference
		out := map[string]string{}
		for _, a := range accounts {
			page, err := c.Bills(context.Background(), k, a.Ref, now.AddDate(0, 0, -2), now, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range page.Bills {
				if x.State == connectors.Pending {
					out[x.Order] = x.ID
				}
			}
		}
		return out
	}
	as := pending()
	town.Ail(b.ID, mock.Trouble{Rebooked: true})
	be := pending()
	if len(as) == 0 || len(as) != len(be) {
		t.Fatalf("%d bills are pending, %d of them told by another id", len(as), len(be))
	}
	for ref, id := range as {
		if be[ref] == "" || be[ref] == id {
			t.Errorf("the bill of reference %s is told as %q, then as %q", ref, id, be[ref])
		}
	}
}
