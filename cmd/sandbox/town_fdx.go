package main

import (
	"net/http"
	"time"

	"jali/connectors"
	"jali/connectors/fdx"
	"jali/connectors/mock"
	"jali/internal/jose"
)

// townFDX is the finance company, whose days are Shanghai's.
func townFDX(t *mock.Town, client func() *http.Client, now func() time.Time) ([]connectors.Connector, error) {
	a := t.Qingshi()
	key, err := jose.ParsePKCS8(privateDER(a.ClientKey))
	if err != nil {
		return nil, err
	}
	lender, err := fdx.New(fdx.Config{
		Source: connectors.Source{ID: a.ID, Name: connectors.Name{ZH: a.ZH, EN: a.EN}, Kind: connectors.Bank},
		API:    a.API, Issuer: a.Issuer, PAR: a.PAR, Authorize: a.Authorize, Token: a.Token,
		ClientID: a.ClientID, Key: key, KeyID: a.KeyID, Zone: time.FixedZone("Asia/Shanghai", 8*60*60), HTTP: client(), Now: now,
	})
	return []connectors.Connector{lender}, err
}
