package main

import (
	"net/http"
	"time"

	"jali/connectors"
	"jali/connectors/mock"
	"jali/connectors/unionpay"
	"jali/internal/secret"
)

// townUnionPay reaches further back than the platform says that it keeps files.
func townUnionPay(t *mock.Town, client func() *http.Client, now func() time.Time) ([]connectors.Connector, error) {
	u := t.UnionPay()
	shop, err := unionpay.New(unionpay.Config{
		Source: connectors.Source{ID: mock.UnionPay, Name: connectors.Name{ZH: "银联", EN: "UnionPay"}, Kind: connectors.Wallet, History: 90 * 24 * time.Hour},
		Files:  u.FilesURL, Login: u.LoginURL, Open: u.OpenURL, AppID: u.AppID, AppSecret: u.AppSecret,
		Acquirer: u.Acquirer, Certificate: u.Certificate, Key: secret.Of(privatePEM(u.Key)), Roots: u.Roots, Intermediates: u.Intermediates,
		HTTP: client(), Now: now,
	})
	return []connectors.Connector{shop}, err
}
