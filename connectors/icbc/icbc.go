package icbc

import (
	"cmp"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/secret"
)

// Gateway is the public address of the live platform.
const Gateway = "https://gw.open.icbc.com.cn"

// Config is how Jali is known to the bank.
type Config struct {
	// Source describes the bank; empty fields take ICBC's own. Its limits are
	// the operator's to state: the platform publishes none for this service.
	Source connectors.Source
	// Gateway is where /api and /ui stand; it defaults to the live platform.
	Gateway string
	AppID   string
	// CorpNo and AccCompNo are the cooperator's numbers of the first and the
	// second level (一级、二级合作方编号). Without the second, accounts are kept for
	// their holders themselves (自主记账).
	CorpNo, AccCompNo string
	// Key is the application's RSA private key, 2048 bits or more: PEM, or bare
	// base64 (PKCS#1 or PKCS#8).
	Key secret.Value
	// SignType is what the application was registered with: RSA2, the default, or RSA.
	SignType string
	// BankKey is the gateway's RSA public key, PEM or bare base64 (PKIX).
	BankKey string

	HTTP *http.Client // nil: dial.New with its zero Config
	Now  func() time.Time
}

// Connector speaks to the bank. It is safe for concurrent use.
type Connector struct {
	source            connectors.Source
	gateway           *url.URL
	appID             string
	corpNo, accCompNo string
	key               *rsa.PrivateKey
	signType          string
	bank              *rsa.PublicKey
	http              *http.Client
	now               func() time.Time
}

var (
	_ connectors.Connector  = (*Connector)(nil)
	_ connectors.BillLister = (*Connector)(nil)
	_ connectors.Linker     = (*Connector)(nil)
)

// New checks c and parses its keys once.
func New(c Config) (*Connector, error) {
	switch {
	case c.AppID == "":
		return nil, errors.New("icbc: AppID is empty")
	case c.CorpNo == "":
		return nil, errors.New("icbc: CorpNo is empty")
	}
	n := &Connector{source: describe(c.Source), appID: c.AppID, corpNo: c.CorpNo, accCompNo: c.AccCompNo,
		signType: cmp.Or(c.SignType, "RSA2"), http: c.HTTP, now: c.Now}
	if _, ok := digests[n.signType]; !ok {
		return nil, errors.New("icbc: SignType is neither RSA2 nor RSA")
	}
	var err error
	if n.key, err = wire.PrivateKey(c.Key); err != nil {
		return nil, fmt.Errorf("icbc: Key %w", err)
	}
	if n.bank, err = wire.PublicKey(c.BankKey, minGatewayBits); err != nil {
		return nil, fmt.Errorf("icbc: BankKey %w", err)
	}
	if n.gateway, err = dial.Endpoint(cmp.Or(c.Gateway, Gateway)); err != nil {
		return nil, fmt.Errorf("icbc: Gateway: %w", err)
	}
	if n.http == nil {
		n.http = dial.New(dial.Config{})
	}
	n.http = dial.Only(n.http, n.gateway)
	if n.now == nil {
		n.now = time.Now
	}
	return n, nil
}

func describe(s connectors.Source) connectors.Source {
	s.ID = cmp.Or(s.ID, "icbc")
	if s.Name == (connectors.Name{}) {
		s.Name = connectors.Name{ZH: "中国工商银行", EN: "ICBC"}
	}
	s.Kind = cmp.Or(s.Kind, connectors.Bank)
	return s
}

// Source describes the bank.
func (c *Connector) Source() connectors.Source { return c.source }
