package alipay

import (
	"cmp"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/secret"
)

const (
	// Gateway, API, Authorize and Download are the public addresses of the live
	// platform: of v2, of v3, of the page where people agree, and of bill files.
	Gateway   = "https://openapi.alipay.com/gateway.do"
	API       = "https://openapi.alipay.com"
	Authorize = "https://openauth.alipay.com/oauth2/publicAppAuthorize.htm"
	Download  = "https://dwbillcenter.alipay.com"

	logReach  = 364 * 24 * time.Hour // a year, less a day for a listing to be walked in
	fileReach = 6 * 365 * 24 * time.Hour
	maxWindow = 31 * 24 * time.Hour
	pageSize  = 2000
)

// Config is how Jali is known to Alipay. Keys are RSA, of 2048 bits or more.
type Config struct {
	// Source describes the institution; empty fields take Alipay's own. With a
	// History of a year or less no bill files are asked for.
	Source connectors.Source
	// Gateway and Authorize default to the live platform. Plain http is for
	// loopback addresses alone.
	Gateway, Authorize string
	// API is where REST v3 is spoken, without a path ([API]); empty: v2.
	API string
	// Download is where bill files come from; it defaults to [Download], or to
	// the host of a Gateway that is not the live one. No other host is believed.
	Download string
	AppID    string
	// Key is the application's private key: PEM, or the bare base64 that
	// Alipay's key tool writes (PKCS#1 or PKCS#8).
	Key secret.Value

	// AlipayKey is Alipay's public key, PEM or bare base64 (PKIX). In
	// certificate mode it is empty, and these are PEM: the application's
	// certificate, Alipay's with what is between it and a root, and the roots.
	AlipayKey                     string
	AppCert, AlipayCert, RootCert string

	// ContentKey is the AES key that the platform shows, in base64; empty: what
	// is asked and answered is not encrypted beyond TLS.
	ContentKey secret.Value

	HTTP *http.Client // nil: dial.New with its zero Config
	Now  func() time.Time
}

// Connector speaks to Alipay. It is safe for concurrent use.
type Connector struct {
	source    connectors.Source
	gateway   string
	api       string // empty: v2
	authorize *url.URL
	download  *url.URL
	appID     string
	key       *rsa.PrivateKey
	trust     trust
	content   *content // nil: not encrypted
	http      *http.Client
	now       func() time.Time
}

var (
	_ connectors.Connector  = (*Connector)(nil)
	_ connectors.BillLister = (*Connector)(nil)
	_ connectors.Linker     = (*Connector)(nil)
	_ connectors.Refresher  = (*Connector)(nil)
)

// New checks c and parses its keys once.
func New(c Config) (*Connector, error) {
	if c.AppID == "" {
		return nil, errors.New("alipay: AppID is empty")
	}
	if c.HTTP == nil {
		c.HTTP = dial.New(dial.Config{})
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	made := &Connector{source: describe(c.Source), appID: c.AppID, now: c.Now}
	var err error
	if made.key, err = wire.PrivateKey(c.Key); err != nil {
		return nil, fmt.Errorf("alipay: Key %w", err)
	}
	if made.trust, err = newTrust(c, made.key); err != nil {
		return nil, err
	}
	if made.content, err = newContent(c.ContentKey); err != nil {
		return nil, err
	}
	gateway, err := dial.Endpoint(cmp.Or(c.Gateway, Gateway))
	if err != nil {
		return nil, fmt.Errorf("alipay: Gateway: %w", err)
	}
	made.gateway = gateway.String()
	if made.authorize, err = dial.Endpoint(cmp.Or(c.Authorize, Authorize)); err != nil {
		return nil, fmt.Errorf("alipay: Authorize: %w", err)
	}
	if c.Download == "" && made.gateway != Gateway {
		c.Download = gateway.Scheme + "://" + gateway.Host
	}
	if made.download, err = dial.Endpoint(cmp.Or(c.Download, Download)); err != nil {
		return nil, fmt.Errorf("alipay: Download: %w", err)
	}
	services := []*url.URL{gateway, made.download}
	if c.API != "" {
		api, err := dial.Endpoint(c.API)
		if err != nil {
			return nil, fmt.Errorf("alipay: API: %w", err)
		}
		if strings.Trim(api.Path, "/") != "" {
			return nil, errors.New("alipay: API has a path; its signatures cover /v3/… as the platform sees it")
		}
		made.api = api.Scheme + "://" + api.Host
		services = append(services, api)
	}
	made.http = dial.Only(c.HTTP, services...)
	return made, nil
}

// describe fills in what the operator left out, and holds windows to what the
// platform answers.
func describe(s connectors.Source) connectors.Source {
	s.ID = cmp.Or(s.ID, "alipay")
	if s.Name == (connectors.Name{}) {
		s.Name = connectors.Name{ZH: "支付宝", EN: "Alipay"}
	}
	s.Kind = cmp.Or(s.Kind, connectors.Wallet)
	if s.History <= 0 || s.History > fileReach {
		s.History = fileReach
	}
	if s.MaxWindow <= 0 || s.MaxWindow > maxWindow {
		s.MaxWindow = maxWindow
	}
	s.PageSize = pageSize
	return s
}

// Source describes Alipay.
func (c *Connector) Source() connectors.Source { return c.source }
