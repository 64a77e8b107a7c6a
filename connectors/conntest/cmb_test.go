package conntest_test

import (
	"net/http"
	"testing"

	"jali/connectors"
	"jali/connectors/cmb"
	"jali/connectors/conntest"
	"jali/connectors/mock"
	"jali/internal/secret"
)

func TestCMB(t *testing.T) {
	town := found(t)
	conntest.Run(t, conntest.Setup{
		Connect: func(t *testing.T, client *http.Client) connectors.Connector { return zhaolu(t, town, client) },
		Login:   login(town.People()[0]), Dead: altered(map[string]any{"client": "1000000001"}),
		Now: now, From: now.AddDate(0, 0, -180), To: now, Signed: true, Secrets: town.Canaries,
		Ail: func(x mock.Trouble) { town.Ail(mock.ZhaoluBank, x) },
	})
}

func zhaolu(t *testing.T, town *mock.Town, client *http.Client) *cmb.Connector {
	t.Helper()
	a := town.Zhaolu()
	c, err := cmb.New(cmb.Config{API: a.APIURL, Authorize: a.AuthorizeURL, Token: a.TokenURL, UID: a.UID, Key: secret.Of(a.Key),
		SM4Key: secret.Of(a.SM4Key), BankKey: a.BankKey, HTTP: client, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
