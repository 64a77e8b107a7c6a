package berlingroup

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/secret"
)

// Config is how Jali is known to one bank, and what the bank has published of
// what the framework leaves open.
type Config struct {
	// Source describes the bank; its ID is required. Unattended is also asked
	// for as frequencyPerDay and is 4 if it is 0; History is 90 days if it is 0.
	Source connectors.Source
	// API is where /accounts stands: "https://…/psd2/v1".
	API string
	// Metadata is the document of the bank's authorization server (RFC 8414).
	// A scaOAuth link must be this; empty: it must be on API's host.
	Metadata string
	// ClientID is the organizationIdentifier of the certificates,
	// "PSDDE-BAFIN-123456": needed at banks that offer scaOAuth.
	ClientID string

	// Certificate and Key seal requests (QSealC): both, or neither. PEM; RSA.
	Certificate string
	Key         secret.Value

	AllAccounts  bool           // ask for all accounts of the person (allPsd2), not for those that they pick at the bank
	CardAccounts bool           // the bank has /card-accounts
	BookedOnly   bool           // the bank does not tell pending rows
	Delta        Delta          // how the bank tells what is new; empty: it does not
	Zone         *time.Location // of the bank's days; nil: UTC+8
	Address      netip.Addr     // of this machine, said in place of a person's that is not known

	HTTP *http.Client // with the QWAC; nil: dial.New with its zero Config
	Now  func() time.Time
}

// Delta is one of the two ways to ask for what is new.
type Delta string

const (
	ByEntryReference Delta = "entryReferenceFrom"
	ByDeltaList      Delta = "deltaList"
)

const (
	published  = 90 * 24 * time.Hour // of bookings, without authentication anew
	unattended = 4                   // accesses a day without the person
)

// Connector speaks to one bank. It is safe for concurrent use.
type Connector struct {
	source     connectors.Source
	api        *url.URL
	metadata   *url.URL // nil: on api's host
	client     string
	seal       *seal // nil: nothing is signed
	all        bool
	cards      bool
	bookedOnly bool
	delta      Delta
	zone       *time.Location
	address    netip.Addr
	http       *http.Client
	now        func() time.Time

	mu    sync.Mutex
	ended map[string]time.Time // links that were finished: a redirect has no code that the bank would spend
}

var (
	_ connectors.Connector    = (*Connector)(nil)
	_ connectors.BillLister   = (*Connector)(nil)
	_ connectors.ChangeLister = (*Connector)(nil)
	_ connectors.Linker       = (*Connector)(nil)
	_ connectors.Refresher    = (*Connector)(nil)
	_ connectors.Unlinker     = (*Connector)(nil)
)

// New checks c. It asks the bank nothing.
func New(c Config) (*Connector, error) {
	n := &Connector{source: c.Source, client: c.ClientID, all: c.AllAccounts, cards: c.CardAccounts, bookedOnly: c.BookedOnly,
		delta: c.Delta, zone: c.Zone, address: c.Address, http: c.HTTP, now: c.Now, ended: map[string]time.Time{}}
	var err error
	if n.api, err = dial.Endpoint(c.API); err != nil {
		return nil, fmt.Errorf("berlingroup: API: %w", err)
	}
	n.api = n.api.JoinPath("/") // links of the bank are read from below it
	switch {
	case c.Source.ID == "":
		return nil, errors.New("berlingroup: Source.ID is empty")
	case c.Metadata != "" && c.ClientID == "":
		return nil, errors.New("berlingroup: Metadata is given and ClientID is empty")
	case (c.Certificate == "") != c.Key.Empty():
		return nil, errors.New("berlingroup: Certificate and Key are given both, or neither")
	case c.Delta != "" && c.Delta != ByEntryReference && c.Delta != ByDeltaList:
		return nil, errors.New("berlingroup: Delta is neither entryReferenceFrom nor deltaList")
	}
	if c.Metadata != "" {
		if n.metadata, err = dial.Endpoint(c.Metadata); err != nil {
			return nil, fmt.Errorf("berlingroup: Metadata: %w", err)
		}
	}
	if c.Certificate != "" {
		if n.seal, err = newSeal(c.Certificate, c.Key); err != nil {
			return nil, err
		}
	}
	if n.source.Kind == "" {
		n.source.Kind = connectors.Bank
	}
	if n.source.Concurrent <= 0 {
		n.source.Concurrent = 4
	}
	if n.source.Unattended <= 0 {
		n.source.Unattended = unattended
	}
	if n.source.History <= 0 {
		n.source.History = published
	}
	if n.zone == nil {
		n.zone = wire.Beijing
	}
	if n.http == nil {
		n.http = dial.New(dial.Config{})
	}
	if n.now == nil {
		n.now = time.Now
	}
	services := []*url.URL{n.api}
	if n.metadata != nil {
		services = append(services, n.metadata)
	}
	n.http = dial.Only(n.http, services...)
	return n, nil
}

// Source describes the bank.
func (c *Connector) Source() connectors.Source { return c.source }
