package main

import (
	"net/http"
	"time"

	"jali/connectors"
	"jali/connectors/cmb"
	"jali/connectors/icbc"
	"jali/connectors/mock"
	"jali/internal/secret"
)

// townChinaBanks are the banks that speak in the manner of ICBC and of CMB.
func townChinaBanks(t *mock.Town, client func() *http.Client, now func() time.Time) ([]connectors.Connector, error) {
	d, z := t.Dongling(), t.Zhaolu()
	dongling, err := icbc.New(icbc.Config{
		Source:  connectors.Source{ID: mock.DonglingBank, Name: connectors.Name{ZH: "东岭银行", EN: "Dongling Bank"}, Kind: connectors.Bank},
		Gateway: d.GatewayURL, AppID: d.AppID, CorpNo: d.CorpNo, Key: secret.Of(privatePEM(d.AppKey)), BankKey: publicPEM(d.PublicKey), HTTP: client(), Now: now,
	})
	if err != nil {
		return nil, err
	}
	zhaolu, err := cmb.New(cmb.Config{
		Source: connectors.Source{ID: mock.ZhaoluBank, Name: connectors.Name{ZH: "招鹿银行", EN: "Zhaolu Bank"}, Kind: connectors.Bank},
		API:    z.APIURL, Authorize: z.AuthorizeURL, Token: z.TokenURL, UID: z.UID, Key: secret.Of(z.Key), SM4Key: secret.Of(z.SM4Key), BankKey: z.BankKey,
		HTTP: client(), Now: now,
	})
	return []connectors.Connector{dongling, zhaolu}, err
}
