package cmb

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
	"jali/internal/secret"
)

// API is the public address of the live server.
const API = "https://cdc.cmbchina.com/cdcserver/api/v2"

// history is how far back movements go: 13 months.
const history = 395 * 24 * time.Hour

// Config is how Jali is known to the bank.
type Config struct {
	// Source describes the bank; empty fields take CMB's own.
	Source connectors.Source
	API    string // defaults to the live server
	// Authorize and Token are where a person is linked; see the package's comment.
	Authorize, Token string
	// UID is the user of the company's net bank that signs, as N002432758.
	UID string
	// Key is that user's SM2 private key: PEM (PKCS#8 or SEC 1), or its 32 bytes in
	// hexadecimal or base64.
	Key secret.Value
	// SM4Key is the 16 characters, or their bytes in hexadecimal, that seal requests and answers.
	SM4Key secret.Value
	// BankKey is the bank's SM2 public key: PEM, or its uncompressed point of 65
	// bytes in hexadecimal or base64.
	BankKey string

	HTTP *http.Client // nil: dial.New with its zero Config
	Now  func() time.Time
}

// Connector speaks to the bank. It is safe for concurrent use.
type Connector struct {
	source               connectors.Source
	api, authorize, swap *url.URL
	uid                  string
	*suite
	http *http.Client
	now  func() time.Time
}

var (
	_ connectors.Connector    = (*Connector)(nil)
	_ connectors.BillLister   = (*Connector)(nil)
	_ connectors.ChangeLister = (*Connector)(nil)
	_ connectors.Linker       = (*Connector)(nil)
)

// New checks c and parses its keys once.
func New(c Config) (*Connector, error) {
	if c.UID == "" || len(c.UID) > 16 || strings.Trim(c.UID, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return nil, errors.New("cmb: UID is not one of a user")
	}
	n := &Connector{source: describe(c.Source), uid: c.UID, http: c.HTTP, now: c.Now}
	var err error
	if n.suite, err = newSuite(c); err != nil {
		return nil, err
	}
	for _, e := range []struct {
		name, text string
		to         **url.URL
	}{{"API", cmp.Or(c.API, API), &n.api}, {"Authorize", c.Authorize, &n.authorize}, {"Token", c.Token, &n.swap}} {
		if *e.to, err = dial.Endpoint(e.text); err != nil {
			return nil, fmt.Errorf("cmb: %s: %w", e.name, err)
		}
	}
	if n.http == nil {
		n.http = dial.New(dial.Config{})
	}
	n.http = dial.Only(n.http, n.api, n.swap)
	if n.now == nil {
		n.now = time.Now
	}
	return n, nil
}

// describe fills in what is the bank's own. Queries change nothing, and 20 of
// a company are answered at once.
func describe(s connectors.Source) connectors.Source {
	s.ID = cmp.Or(s.ID, "cmb")
	if s.Name == (connectors.Name{}) {
		s.Name = connectors.Name{ZH: "招商银行", EN: "China Merchants Bank"}
	}
	s.Kind = cmp.Or(s.Kind, connectors.Bank)
	s.History = cmp.Or(s.History, history)
	s.PageSize = cmp.Or(s.PageSize, 200)
	s.Total = cmp.Or(s.Total, 20)
	s.Hedge = true
	return s
}

// Source describes the bank.
func (c *Connector) Source() connectors.Source { return c.source }
