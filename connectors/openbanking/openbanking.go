package openbanking

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"jali/connectors"
	"jali/internal/dial"
	"jali/internal/jose"
)

// What the standard says of every bank: without the person their accounts are
// read four times a day (Regulatory Technical Standards on strong customer
// authentication, article 36(5)(b)), and a page has a thousand records at most
// (Read/Write Data API Profile, Pagination). A bank may say otherwise.
const (
	unattended = 4
	pageSize   = 1000
)

// Config is how Jali is known to one bank.
type Config struct {
	// Source describes the bank; its ID is required. Limits that are left out
	// are those of the standard; an Unattended below zero is a bank that does not
	// count readings.
	Source connectors.Source
	// API is where /accounts stands: "https://…/open-banking/v4.0/aisp".
	API string
	// Version is "v3.1" or "v4.0"; empty: the one in API's path.
	Version string
	// Issuer is the bank's authorization server.
	Issuer string
	// Authorize, Token and JWKS are its endpoints; any that is empty is
	// learned from {Issuer}/.well-known/openid-configuration when it is needed.
	// They may be on other hosts than the Issuer; each is asked at its own alone.
	Authorize, Token, JWKS string

	ClientID string
	// Key signs client assertions and request objects: RSA, for PS256.
	Key jose.PrivateKey
	// Hybrid asks for the bank's signature over the code and the state ("code
	// id_token"), which then come in the fragment of the redirect URI.
	Hybrid bool
	// KeyID is the kid that the bank knows Key by; empty: the key's own.
	KeyID string

	HTTP *http.Client // nil: dial.New with its zero Config
	Now  func() time.Time
}

// Connector speaks to one bank. It is safe for concurrent use.
type Connector struct {
	source   connectors.Source
	api      *url.URL
	version  version
	hybrid   bool
	issuer   string
	given    endpoints
	found    discovery
	clientID string
	key      jose.PrivateKey
	keyID    string
	http     *http.Client // to what the issuer names, each by itself: sendThere
	toAPI    *http.Client // to the API alone, with what a person's token opens
	now      func() time.Time
}

var (
	_ connectors.Connector       = (*Connector)(nil)
	_ connectors.BillLister      = (*Connector)(nil)
	_ connectors.StatementLister = (*Connector)(nil)
	_ connectors.Linker          = (*Connector)(nil)
	_ connectors.Refresher       = (*Connector)(nil)
	_ connectors.Unlinker        = (*Connector)(nil)
)

// New checks c. It asks the bank nothing.
func New(c Config) (*Connector, error) {
	switch {
	case c.Source.ID == "":
		return nil, errors.New("openbanking: Source.ID is empty")
	case c.ClientID == "":
		return nil, errors.New("openbanking: ClientID is empty")
	case c.Key.Empty() || c.Key.Algorithm() != jose.PS256:
		return nil, errors.New("openbanking: Key is not an RSA key for PS256")
	}
	n := &Connector{source: c.Source, hybrid: c.Hybrid, issuer: c.Issuer, clientID: c.ClientID, key: c.Key, keyID: c.KeyID,
		given: endpoints{c.Authorize, c.Token, c.JWKS}, http: c.HTTP, now: c.Now}
	var err error
	if n.api, err = dial.Endpoint(c.API); err != nil {
		return nil, fmt.Errorf("openbanking: API: %w", err)
	}
	if n.version, err = versionOf(c.Version, n.api.Path); err != nil {
		return nil, err
	}
	if _, err := dial.Endpoint(c.Issuer); err != nil {
		return nil, fmt.Errorf("openbanking: Issuer: %w", err)
	}
	for name, text := range map[string]string{"Authorize": c.Authorize, "Token": c.Token, "JWKS": c.JWKS} {
		if text == "" {
			continue
		}
		if _, err := dial.Endpoint(text); err != nil {
			return nil, fmt.Errorf("openbanking: %s: %w", name, err)
		}
	}
	if n.source.Kind == "" {
		n.source.Kind = connectors.Bank
	}
	if n.source.Concurrent <= 0 {
		n.source.Concurrent = 4
	}
	switch {
	case n.source.Unattended == 0:
		n.source.Unattended = unattended
	case n.source.Unattended < 0:
		n.source.Unattended = 0
	}
	if n.source.PageSize == 0 {
		n.source.PageSize = pageSize
	}
	if n.keyID == "" {
		n.keyID = n.key.Public().ID()
	}
	if n.http == nil {
		n.http = dial.New(dial.Config{})
	}
	n.toAPI = dial.Only(n.http, n.api)
	if n.now == nil {
		n.now = time.Now
	}
	return n, nil
}

// Source describes the bank.
func (c *Connector) Source() connectors.Source { return c.source }
