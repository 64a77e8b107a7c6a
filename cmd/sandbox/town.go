package main

import (
	"net/http"
	"time"

	"jali/connectors"
	"jali/connectors/mock"
	"jali/connectors/openbanking"
	"jali/internal/dial"
	"jali/internal/jose"
)

// townSources are the connectors to the town's institutions, made of what an
// operator who registered there would hold.
func townSources(t *mock.Town, now func() time.Time) (*connectors.Registry, error) {
	client := dial.New(dial.Config{AllowPrivate: true})
	registry := &connectors.Registry{}
	for _, make := range []func(*mock.Town, *http.Client, func() time.Time) ([]connectors.Connector, error){
		townAlipay, townWeChatPay, townBanks, townFDX, townBerlinGroup,
	} {
		made, err := make(t, client, now)
		if err != nil {
			return nil, err
		}
		for _, c := range made {
			if err := registry.Register(c); err != nil {
				return nil, err
			}
		}
	}
	return registry, nil
}

// townBanks are those of UK Open Banking.
func townBanks(t *mock.Town, client *http.Client, now func() time.Time) ([]connectors.Connector, error) {
	var all []connectors.Connector
	for _, b := range t.Banks() {
		key, err := jose.ParsePKCS8(privateDER(b.ClientKey))
		if err != nil {
			return nil, err
		}
		bank, err := openbanking.New(openbanking.Config{
			Source: connectors.Source{ID: b.ID, Name: connectors.Name{ZH: b.ZH, EN: b.EN}, Kind: connectors.Bank},
			API:    b.APIBase, Issuer: b.Issuer, ClientID: b.ClientID, Key: key, KeyID: b.KeyID, HTTP: client, Now: now,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, bank)
	}
	return all, nil
}
