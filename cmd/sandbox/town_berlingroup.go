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

// xiheReadings is how often a day Xihe Bank may be read while the person is
// away. Four, as banks have it, are used up before a developer has looked twice.
const xiheReadings = 10_000

// townBerlinGroup is Xihe Bank.
func townBerlinGroup(t *mock.Town, client *http.Client, now func() time.Time) ([]connectors.Connector, error) {
	x := t.Xihe()
	t.XiheAgrees(xiheReadings)
	bank, err := berlingroup.New(berlingroup.Config{
		Source: connectors.Source{ID: x.ID, Name: connectors.Name{ZH: x.ZH, EN: x.EN}, Kind: connectors.Bank, Unattended: xiheReadings},
		API:    x.APIBase, Metadata: x.Metadata, ClientID: x.ClientID, Certificate: x.Certificate, Key: secret.Of(privatePEM(x.Key)),
		CardAccounts: true, Delta: berlingroup.ByEntryReference, Address: netip.MustParseAddr("127.0.0.1"), HTTP: client, Now: now,
	})
	return []connectors.Connector{bank}, err
}
