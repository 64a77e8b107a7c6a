package conntest_test

import (
	"context"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/berlingroup"
	"jali/connectors/conntest"
	"jali/connectors/mock"
)

// attended is a connector whose person is there: Xihe Bank bears four readings
// a day without them, and the suite makes more.
type attended struct{ *berlingroup.Connector }

func there(ctx context.Context) context.Context {
	return connectors.Present(ctx, connectors.Presence{IP: netip.MustParseAddr("198.51.100.7"), UserAgent: "test"})
}

func (a attended) Accounts(ctx context.Context, k connectors.Credential) ([]connectors.Account, error) {
	return a.Connector.Accounts(there(ctx), k)
}

func (a attended) Balances(ctx context.Context, k connectors.Credential, refs []connectors.AccountRef) ([]connectors.Balance, error) {
	return a.Connector.Balances(there(ctx), k, refs)
}

func (a attended) Bills(ctx context.Context, k connectors.Credential, r connectors.AccountRef, from, to time.Time, next connectors.Cursor) (connectors.Page, error) {
	return a.Connector.Bills(there(ctx), k, r, from, to, next)
}

func (a attended) Changes(ctx context.Context, k connectors.Credential, r connectors.AccountRef, since connectors.Mark, next connectors.Cursor) (connectors.ChangePage, error) {
	return a.Connector.Changes(there(ctx), k, r, since, next)
}

func xihe(t *testing.T, town *mock.Town, client *http.Client, change func(*berlingroup.Config)) *berlingroup.Connector {
	t.Helper()
	x := town.Xihe()
	config := berlingroup.Config{
		Source: connectors.Source{ID: x.ID, Name: connectors.Name{ZH: x.ZH, EN: x.EN}},
		API:    x.APIBase, Metadata: x.Metadata, ClientID: x.ClientID, Certificate: x.Certificate, Key: private(t, x.Key),
		CardAccounts: true, Delta: berlingroup.ByEntryReference, Address: netip.MustParseAddr("198.51.100.1"), HTTP: client, Now: clock}
	change(&config)
	c, err := berlingroup.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestXiheBank: both ways to the person's authentication that the framework has
// for a browser.
func TestXiheBank(t *testing.T) {
	for _, tt := range []struct {
		way    string
		change func(*mock.Town, *berlingroup.Config)
		dead   map[string]any
	}{
		{"scaOAuth", func(*mock.Town, *berlingroup.Config) {}, map[string]any{"access": "dead", "refresh": "dead"}},
		{"scaRedirect", func(town *mock.Town, c *berlingroup.Config) {
			c.API, c.Metadata, c.ClientID, c.AllAccounts = town.Xihe().RedirectAPIBase, "", "", true
		}, map[string]any{"consent": "dead"}},
	} {
		t.Run(tt.way, func(t *testing.T) {
			town := found(t)
			conntest.Run(t, conntest.Setup{
				Connect: func(t *testing.T, client *http.Client) connectors.Connector {
					return attended{xihe(t, town, client, func(c *berlingroup.Config) { tt.change(town, c) })}
				},
				Login: login(town.People()[0]), Dead: altered(tt.dead),
				Now: now, From: now.AddDate(0, 0, -75), To: now, Secrets: town.Canaries,
			})
		})
	}
}
