package main

import (
	"net/http"
	"net/netip"
	"time"

	"jali/connectors"
	"jali/connectors/berlingroup"
	"jali/connectors/mock"
	"jali/internal/secret"
)

// townBerlinGroup is Xihe Bank, which bears four readings a day while the person
// is away: a client that says they look themselves is not counted.
func townBerlinGroup(t *mock.Town, client func() *http.Client, now func() time.Time) ([]connectors.Connector, error) {
	x := t.Xihe()
	bank, err := berlingroup.New(berlingroup.Config{
		Source: connectors.Source{ID: x.ID, Name: connectors.Name{ZH: x.ZH, EN: x.EN}, Kind: connectors.Bank},
		API:    x.APIBase, Metadata: x.Metadata, ClientID: x.ClientID, Certificate: x.Certificate, Key: secret.Of(privatePEM(x.Key)),
		CardAccounts: true, Delta: berlingroup.ByEntryReference, Address: netip.MustParseAddr("127.0.0.1"), HTTP: client(), Now: now,
	})
	return []connectors.Connector{bank}, err
}
