package conntest_test

import (
	"crypto/x509"
	"net/http"
	"testing"

	"jali/connectors"
	"jali/connectors/conntest"
	"jali/connectors/fdx"
	"jali/connectors/mock"
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
