package conntest_test

import (
	"net/http"
	"testing"

	"jali/connectors"
	"jali/connectors/conntest"
	"jali/connectors/mock"
	"jali/connectors/unionpay"
)

func TestUnionPay(t *testing.T) {
	town := found(t)
	conntest.Run(t, conntest.Setup{
		Connect: func(t *testing.T, client *http.Client) connectors.Connector {
			t.Helper()
			a := town.UnionPay()
			c, err := unionpay.New(unionpay.Config{Files: a.FilesURL, Login: a.LoginURL, Open: a.OpenURL, AppID: a.AppID, AppSecret: a.AppSecret,
				Acquirer: a.Acquirer, Certificate: a.Certificate, Key: private(t, a.Key), Roots: a.Roots, Intermediates: a.Intermediates, HTTP: client, Now: clock})
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		Login: login(town.People()[0]), Dead: altered(map[string]any{"merId": "898310100000000"}),
		Ail: func(x mock.Trouble) { town.Ail(mock.UnionPay, x) }, Tokenless: true,
		Now: now, From: now.AddDate(0, 0, -20), To: now, Signed: true, Secrets: town.Canaries,
	})
}
