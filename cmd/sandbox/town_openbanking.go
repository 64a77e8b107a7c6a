package main

import (
	"net/http"
	"time"

	"jali/connectors"
	"jali/connectors/mock"
	"jali/connectors/openbanking"
	"jali/internal/jose"
)

// townBanks are those of UK Open Banking: each in the version that it names
// first, the one of v3.1 by the hybrid flow. They do not count how often they
// are read while nobody is there.
func townBanks(t *mock.Town, client func() *http.Client, now func() time.Time) ([]connectors.Connector, error) {
	var all []connectors.Connector
	for _, b := range t.Banks() {
		key, err := jose.ParsePKCS8(privateDER(b.ClientKey))
		if err != nil {
			return nil, err
		}
		bank, err := openbanking.New(openbanking.Config{
			Source: connectors.Source{ID: b.ID, Name: connectors.Name{ZH: b.ZH, EN: b.EN}, Kind: connectors.Bank, Unattended: -1},
			API:    b.APIBase, Version: b.Version, Hybrid: b.Version == "v3.1", Issuer: b.Issuer, ClientID: b.ClientID, Key: key, KeyID: b.KeyID,
			HTTP: client(), Now: now,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, bank)
	}
	return all, nil
}
