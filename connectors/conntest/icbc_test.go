package conntest_test

import (
	"net/http"
	"testing"

	"jali/connectors"
	"jali/connectors/conntest"
	"jali/connectors/icbc"
	"jali/connectors/mock"
)

func TestICBC(t *testing.T) {
	town := found(t)
	conntest.Run(t, conntest.Setup{
		Connect: func(t *testing.T, client *http.Client) connectors.Connector { return dongling(t, town, client) },
		Login:   login(town.People()[0]), Dead: altered(map[string]any{"agreement": "100000000000001"}),
		Now: now, From: now.AddDate(0, 0, -75), To: now, Signed: true, Secrets: town.Canaries,
		Ail:      func(x mock.Trouble) { town.Ail(mock.DonglingBank, x) },
		Standing: true,
	})
}

func dongling(t *testing.T, town *mock.Town, client *http.Client) *icbc.Connector {
	t.Helper()
	a := town.Dongling()
	c, err := icbc.New(icbc.Config{Gateway: a.GatewayURL, AppID: a.AppID, CorpNo: a.CorpNo, Key: private(t, a.AppKey),
		BankKey: public(t, a.PublicKey), HTTP: client, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
