package fdx

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"jali/connectors"
	"jali/internal/dial"
	"jali/internal/jose"
	"jali/internal/secret"
)

const (
	day = 24 * time.Hour

	usualHistory  = 400 * day // thirteen months and a little: the most that any purpose may read
	usualPage     = 500
	longestGrant  = 365 * day // FDX's User Experience Guidelines: a year from the last yes
	postedWithin  = 7 * day   // how long after its time a transaction is posted at the latest
	accountsAsked = 20        // in one accountIds
)

// Config is how Jali is known to one institution.
type Config struct {
	// Source describes the institution; its ID is required. History (400
	// days) is the lookback that a consent asks for, PageSize (500) the limit
	// of a page.
	Source connectors.Source
	// API is where /accounts stands: "https://api.fi.com/fdx/v6".
	API string
	// Issuer is the authorization server: the audience of client assertions,
	// and what iss in its answers must be (RFC 9207).
	Issuer string
	// PAR, Authorize and Token are its endpoints.
	PAR, Authorize, Token string

	ClientID string
	// Key signs client assertions: RSA for PS256, or P-256 for ES256.
	Key jose.PrivateKey
	// KeyID is the kid that the institution knows Key by; empty: the key's own.
	KeyID string
	// Secret is for client_secret_basic, where there is no Key.
	Secret secret.Value

	// Zone is where the institution's days begin; nil: UTC.
	Zone *time.Location
	// Currency is of accounts that do not tell theirs; empty: they are not
	// believed.
	Currency string

	HTTP *http.Client // nil: dial.New with its zero Config
	Now  func() time.Time
}

// Connector speaks to one institution. It is safe for concurrent use.
type Connector struct {
	c   Config
	api *url.URL
}

var (
	_ connectors.Connector       = (*Connector)(nil)
	_ connectors.BillLister      = (*Connector)(nil)
	_ connectors.StatementLister = (*Connector)(nil)
	_ connectors.Linker          = (*Connector)(nil)
	_ connectors.Refresher       = (*Connector)(nil)
	_ connectors.Unlinker        = (*Connector)(nil)
)

// New checks c. It asks the institution nothing.
func New(c Config) (*Connector, error) {
	switch {
	case c.Source.ID == "":
		return nil, errors.New("fdx: Source.ID is empty")
	case c.ClientID == "":
		return nil, errors.New("fdx: ClientID is empty")
	case c.Key.Empty() == c.Secret.Empty():
		return nil, errors.New("fdx: either Key or Secret is needed")
	case !c.Key.Empty() && c.Key.Algorithm() != jose.PS256 && c.Key.Algorithm() != jose.ES256:
		return nil, errors.New("fdx: Key is neither for PS256 nor for ES256")
	case c.Currency != "" && !threeLetters(c.Currency):
		return nil, errors.New("fdx: Currency is not three upper-case letters")
	}
	c.Source.Kind = cmp.Or(c.Source.Kind, connectors.Bank)
	c.Source.History = cmp.Or(c.Source.History, usualHistory)
	c.Source.PageSize = cmp.Or(c.Source.PageSize, usualPage)
	c.Zone = cmp.Or(c.Zone, time.UTC)
	if c.KeyID == "" && !c.Key.Empty() {
		c.KeyID = c.Key.Public().ID()
	}
	if c.HTTP == nil {
		c.HTTP = dial.New(dial.Config{})
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	var services []*url.URL
	for _, p := range []struct{ name, text string }{
		{"API", c.API}, {"Issuer", c.Issuer}, {"PAR", c.PAR}, {"Authorize", c.Authorize}, {"Token", c.Token},
	} {
		u, err := dial.Endpoint(p.text)
		if err != nil {
			return nil, fmt.Errorf("fdx: %s: %w", p.name, err)
		}
		services = append(services, u)
	}
	// Tokens and assertions go to these and nowhere else, whatever is answered.
	c.HTTP = dial.Only(c.HTTP, services...)
	return &Connector{c: c, api: services[0]}, nil
}

// Source describes the institution.
func (c *Connector) Source() connectors.Source { return c.c.Source }

func threeLetters(s string) bool {
	return len(s) == 3 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
