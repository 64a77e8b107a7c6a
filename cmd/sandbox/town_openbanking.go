package main

import (
	"net/http"
	"time"

	"jali/connectors"
	"jali/connectors/mock"
	"jali/connectors/openbanking"
	"jali/internal/jose"
)

// asOften is how often the town's banks are read while nobody is there, in place
// of four times a day: they count no such readings, and tests read them all day.
const asOften = 1 << 20

// townBanks are those of UK Open Banking: each in the version that it names
// first, the one of v3.1 by the hybrid flow.
func townBanks(t *mock.Town, client *http.Client, now func() time.Time) ([]connectors.Connector, error) {
	var all []connectors.Connector
	for _, b := range t.Banks() {
		key, err := jose.ParsePKCS8(privateDER(b.ClientKey))
		if err != nil {
			return nil, err
		}
		bank, err := openbanking.New(openbanking.Config{
			Source: connectors.Source{ID: b.ID, Name: connectors.Name{ZH: b.ZH, EN: b.EN}, Kind: connectors.Bank, Unattended: asOften},
			API:    b.APIBase, Version: b.Version, Hybrid: b.Version == "v3.1", Issuer: b.Issuer, ClientID: b.ClientID, Key: key, KeyID: b.KeyID,
			HTTP: client, Now: now,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, bank)
	}
	return all, nil
}
