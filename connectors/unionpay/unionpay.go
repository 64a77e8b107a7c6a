package unionpay

import (
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/fault"
	"jali/internal/secret"
)

const (
	// The public addresses of the live platforms.
	Files = "https://filedownload.95516.com"
	Login = "https://open.95516.com/s/open/html/oauth.html"
	Open  = "https://open.95516.com"

	// Signer is whom the live platform's certificates name; those of its test
	// environment name 00040000:SIGN.
	Signer = "中国银联股份有限公司"

	day         = 24 * time.Hour
	history     = 30 * day
	longHistory = 360 * day
	maxWindow   = 31 * day
)

// Config is how Jali is known to UnionPay and 云闪付.
type Config struct {
	// Source describes the institution; empty fields take UnionPay's own.
	Source connectors.Source
	// Files, Login and Open default to the live platforms. Plain http is for
	// loopback addresses alone.
	Files, Login, Open string

	AppID     string // of 云闪付's open platform
	AppSecret secret.Value

	Acquirer    string       // 收单机构代码, acqInsCode
	Certificate string       // PEM: the acquirer's signing certificate, whose serial number is certId
	Key         secret.Value // its private key, as wire.PrivateKey reads it
	// Roots and Intermediates are whom certificates of answers are believed
	// from (acp_prod_root.cer, acp_prod_middle.cer), in PEM.
	Roots, Intermediates string
	// Signer is whom those certificates name: the constant of that name, unless set.
	Signer string

	HTTP *http.Client // nil: dial.New with its zero Config
	Now  func() time.Time
}

// Connector speaks to UnionPay. It is safe for concurrent use.
type Connector struct {
	source             connectors.Source
	files, login, open *url.URL
	appID              string
	appSecret          secret.Value
	acquirer, signer   string
	certID             *big.Int
	key                *rsa.PrivateKey
	roots, middle      *x509.CertPool
	backend            atomic.Pointer[backendToken]
	http               *http.Client
	now                func() time.Time
}

var (
	_ connectors.Connector  = (*Connector)(nil)
	_ connectors.BillLister = (*Connector)(nil)
	_ connectors.Linker     = (*Connector)(nil)
)

// New checks c and parses its keys and certificates once.
func New(c Config) (*Connector, error) {
	if c.AppID == "" || c.AppSecret.Empty() {
		return nil, errors.New("unionpay: AppID or AppSecret is empty")
	}
	if !wire.Code(c.Acquirer, 11) {
		return nil, errors.New("unionpay: Acquirer is not a 收单机构代码 of up to 11 digits")
	}
	n := &Connector{source: describe(c.Source), appID: c.AppID, appSecret: c.AppSecret, acquirer: c.Acquirer,
		signer: cmp.Or(c.Signer, Signer), http: c.HTTP, now: c.Now}
	for _, e := range []struct {
		name, given, usual string
		to                 **url.URL
	}{{"Files", c.Files, Files, &n.files}, {"Login", c.Login, Login, &n.login}, {"Open", c.Open, Open, &n.open}} {
		u, err := dial.Endpoint(cmp.Or(e.given, e.usual))
		if err != nil {
			return nil, fmt.Errorf("unionpay: %s: %w", e.name, err)
		}
		*e.to = u
	}
	var err error
	if n.key, err = wire.PrivateKey(c.Key); err != nil {
		return nil, fmt.Errorf("unionpay: Key %w", err)
	}
	own, err := wire.Certificate(c.Certificate)
	if err != nil {
		return nil, fmt.Errorf("unionpay: Certificate %w", err)
	}
	if public, ok := own.PublicKey.(*rsa.PublicKey); !ok || !public.Equal(n.key.Public()) {
		return nil, errors.New("unionpay: Certificate is of another key than Key")
	}
	n.certID = own.SerialNumber
	n.roots, n.middle = x509.NewCertPool(), x509.NewCertPool()
	if !n.roots.AppendCertsFromPEM([]byte(c.Roots)) {
		return nil, errors.New("unionpay: Roots holds no certificate: no answer could be believed")
	}
	if c.Intermediates != "" && !n.middle.AppendCertsFromPEM([]byte(c.Intermediates)) {
		return nil, errors.New("unionpay: Intermediates holds no certificate")
	}
	if n.http == nil {
		n.http = dial.New(dial.Config{})
	}
	n.http = dial.Only(n.http, n.files, n.open)
	if n.now == nil {
		n.now = time.Now
	}
	return n, nil
}

// describe fills in what the operator left out, and what the platform tells no
// more than.
func describe(s connectors.Source) connectors.Source {
	s.ID = cmp.Or(s.ID, "unionpay")
	s.Name = cmp.Or(s.Name, connectors.Name{ZH: "银联", EN: "UnionPay"})
	s.Kind = cmp.Or(s.Kind, connectors.Wallet)
	s.History = min(cmp.Or(max(s.History, 0), history), longHistory)
	s.MaxWindow = min(cmp.Or(max(s.MaxWindow, 0), maxWindow), maxWindow)
	if s.Concurrent <= 0 {
		s.Concurrent = 4
	}
	s.NoBalances = true
	return s
}

// Source describes UnionPay.
func (c *Connector) Source() connectors.Source { return c.source }

// Accounts answers the one account that a credential opens. It asks nobody:
// which merchant it is stands in the credential.
func (c *Connector) Accounts(_ context.Context, v connectors.Credential) ([]connectors.Account, error) {
	k, err := read(v)
	if err != nil {
		return nil, err
	}
	return []connectors.Account{{
		Ref:    connectors.AccountRef{ID: secret.Of(k.Merchant)},
		Number: secret.Of(k.Merchant),
		Kind:   connectors.Settlement, Side: connectors.Asset, Name: "银联商户结算", Currency: cny,
	}}, nil
}

// Balances answers none: UnionPay tells none.
func (c *Connector) Balances(_ context.Context, v connectors.Credential, _ []connectors.AccountRef) ([]connectors.Balance, error) {
	_, err := read(v)
	return nil, err
}

// do sends r and answers what came, whatever its status.
func (c *Connector) do(r *http.Request, limit int64) (dial.Answer, error) {
	a, err := wire.Do(c.http, r, limit)
	switch {
	case err != nil:
		return a, err
	case a.Status == http.StatusUnauthorized:
		// Neither platform says by it anything of a person.
		return a, connectors.ErrRefused.Because(fault.Cause("HTTP status 401"))
	}
	return a, connectors.Answered(a.Status, a.RetryAfter(c.now()))
}
