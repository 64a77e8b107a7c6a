package alipay

import (
	"cmp"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"jali/connectors"
	"jali/internal/dial"
	"jali/internal/secret"
)

const (
	// Gateway and Authorize are the public addresses of the live platform.
	Gateway   = "https://openapi.alipay.com/gateway.do"
	Authorize = "https://openauth.alipay.com/oauth2/publicAppAuthorize.htm"

	history   = 365 * 24 * time.Hour
	maxWindow = 31 * 24 * time.Hour
)

// Config is how Jali is known to Alipay.
type Config struct {
	// Source describes the institution; empty fields take Alipay's own.
	Source connectors.Source
	// Gateway and Authorize default to the live platform. Plain http is for
	// loopback addresses alone.
	Gateway, Authorize string
	AppID              string
	// Key is the application's RSA private key, 2048 bits or more: PEM, or the
	// bare base64 that Alipay's key tool writes (PKCS#1 or PKCS#8).
	Key secret.Value
	// AlipayKey is Alipay's RSA public key, PEM or bare base64 (PKIX).
	AlipayKey string
	HTTP      *http.Client // nil: dial.New with its zero Config
	Now       func() time.Time
}

// Connector speaks to Alipay. It is safe for concurrent use.
type Connector struct {
	source    connectors.Source
	gateway   string
	authorize *url.URL
	appID     string
	key       *rsa.PrivateKey
	alipay    *rsa.PublicKey
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
	key, err := privateKey(c.Key)
	if err != nil {
		return nil, err
	}
	public, err := publicKey(c.AlipayKey)
	if err != nil {
		return nil, err
	}
	gateway, err := dial.Endpoint(cmp.Or(c.Gateway, Gateway))
	if err != nil {
		return nil, fmt.Errorf("alipay: Gateway: %w", err)
	}
	authorize, err := dial.Endpoint(cmp.Or(c.Authorize, Authorize))
	if err != nil {
		return nil, fmt.Errorf("alipay: Authorize: %w", err)
	}
	if c.HTTP == nil {
		c.HTTP = dial.New(dial.Config{})
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Connector{source: describe(c.Source), gateway: gateway.String(), authorize: authorize,
		appID: c.AppID, key: key, alipay: public, http: c.HTTP, now: c.Now}, nil
}

// describe fills in what the operator left out, and holds windows to what the
// platform answers.
func describe(s connectors.Source) connectors.Source {
	if s.ID == "" {
		s.ID = "alipay"
	}
	if s.Name == (connectors.Name{}) {
		s.Name = connectors.Name{ZH: "支付宝", EN: "Alipay"}
	}
	if s.Kind == "" {
		s.Kind = connectors.Wallet
	}
	if s.History <= 0 || s.History > history {
		s.History = history
	}
	if s.MaxWindow <= 0 || s.MaxWindow > maxWindow {
		s.MaxWindow = maxWindow
	}
	return s
}

// Source describes Alipay.
func (c *Connector) Source() connectors.Source { return c.source }
