package conntest_test

import (
	"net/http"
	"net/netip"
	"testing"

	"jali/connectors"
	"jali/connectors/berlingroup"
	"jali/connectors/conntest"
	"jali/connectors/mock"
)

// often is how many readings a day without the person are agreed with Xihe Bank
// for the suite, which makes more than four.
const often = 10_000

func xihe(t *testing.T, town *mock.Town, client *http.Client, change func(*berlingroup.Config)) *berlingroup.Connector {
	t.Helper()
	x := town.Xihe()
	config := berlingroup.Config{
		Source: connectors.Source{ID: x.ID, Name: connectors.Name{ZH: x.ZH, EN: x.EN}, Unattended: often},
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
			town.XiheAgrees(often)
			conntest.Run(t, conntest.Setup{
				Connect: func(t *testing.T, client *http.Client) connectors.Connector {
					return xihe(t, town, client, func(c *berlingroup.Config) { tt.change(town, c) })
				},
				Login: login(town.People()[4]), Dead: altered(tt.dead),
				Now: now, From: now.AddDate(0, 0, -75), To: now, Secrets: town.Canaries,
				Presence:  conntest.Headers{IP: "PSU-IP-Address", UserAgent: "PSU-User-Agent"},
				Ail:       func(x mock.Trouble) { town.Ail(mock.XiheBank, x) },
				Tokenless: tt.way == "scaRedirect",
			})
		})
	}
}
