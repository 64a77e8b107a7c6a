package wechatpay

import (
	"cmp"
	"crypto/rsa"
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
	// The public addresses of the live platform.
	API   = "https://api.mch.weixin.qq.com"
	Login = "https://open.weixin.qq.com"
	SNS   = "https://api.weixin.qq.com"

	// history stays inside the three months of the bill API whatever the
	// lengths of the months.
	history   = 89 * 24 * time.Hour
	maxWindow = 31 * 24 * time.Hour

	// perSecond is what the platform bears of applications for fund-flow bills,
	// one of which is made for each day, from all of a service provider's
	// merchants together.
	perSecond = 3
)

// Config is how Jali is known to WeChat and WeChat Pay.
type Config struct {
	// Source describes the institution; empty fields take WeChat Pay's own.
	Source connectors.Source
	// API, Login and SNS default to the live platform; a path is a prefix of
	// every call. Plain http is for loopback addresses alone.
	API, Login, SNS string

	AppID     string // of the official account or app that people sign in to
	AppSecret secret.Value

	MchID  string       // the service provider's number
	Serial string       // of the certificate that belongs to Key
	Key    secret.Value // RSA of 2048 bits or more, as wire.PrivateKey reads it (apiclient_key.pem)
	// PlatformKeys are WeChat Pay's public keys (PEM, PKIX) by their ids
	// (PUB_KEY_ID_…); more than one while a key is being replaced.
	PlatformKeys map[string]string
	// APIv3Key opens the list of platform certificates, for merchants that
	// still have those; both while one changes to a public key.
	APIv3Key secret.Value
	// TradeBillOnly leaves the fund-flow bill out, for service providers who
	// have not opened the product 下载二级商户资金账单: no withdrawals then.
	TradeBillOnly bool

	HTTP *http.Client // nil: dial.New with its zero Config
	Now  func() time.Time
}

// Connector speaks to WeChat Pay. It is safe for concurrent use.
type Connector struct {
	source          connectors.Source
	api, login, sns *url.URL
	appID           string
	appSecret       secret.Value
	mchID, serial   string
	key             *rsa.PrivateKey
	trusted         *trusted
	asks            string // the public key that answers are to be signed with
	tradeOnly       bool
	http            *http.Client
	now             func() time.Time
}

var (
	_ connectors.Connector  = (*Connector)(nil)
	_ connectors.BillLister = (*Connector)(nil)
	_ connectors.Linker     = (*Connector)(nil)
	_ connectors.Refresher  = (*Connector)(nil)
)

// New checks c and parses its keys once.
func New(c Config) (*Connector, error) {
	for name, v := range map[string]string{"AppID": c.AppID, "AppSecret": c.AppSecret.RevealString(), "MchID": c.MchID, "Serial": c.Serial} {
		if v == "" || strings.ContainsAny(v, "\"\n\r") {
			return nil, fmt.Errorf("wechatpay: %s is empty or unusable", name)
		}
	}
	n := &Connector{source: describe(c.Source), appID: c.AppID, appSecret: c.AppSecret, mchID: c.MchID,
		serial: c.Serial, tradeOnly: c.TradeBillOnly, http: c.HTTP, now: c.Now}
	for _, e := range []struct {
		name, given, usual string
		to                 **url.URL
	}{{"API", c.API, API, &n.api}, {"Login", c.Login, Login, &n.login}, {"SNS", c.SNS, SNS, &n.sns}} {
		u, err := dial.Endpoint(cmp.Or(e.given, e.usual))
		if err != nil {
			return nil, fmt.Errorf("wechatpay: %s: %w", e.name, err)
		}
		*e.to = u
	}
	var err error
	if n.key, err = wire.PrivateKey(c.Key); err != nil {
		return nil, fmt.Errorf("wechatpay: Key %w", err)
	}
	if err = n.believe(c); err != nil {
		return nil, err
	}
	if n.http == nil {
		n.http = dial.New(dial.Config{})
	}
	n.http = dial.Only(n.http, n.api, n.sns)
	if n.now == nil {
		n.now = time.Now
	}
	return n, nil
}

// describe fills in what the operator left out, and holds what is told of the
// source to what the platform answers.
func describe(s connectors.Source) connectors.Source {
	s.ID = cmp.Or(s.ID, "wechatpay")
	s.Name = cmp.Or(s.Name, connectors.Name{ZH: "微信支付", EN: "WeChat Pay"})
	s.Kind = cmp.Or(s.Kind, connectors.Wallet)
	if s.History <= 0 || s.History > history {
		s.History = history
	}
	if s.PerSecond <= 0 {
		s.PerSecond = perSecond
	}
	if s.MaxWindow <= 0 { // a call of a day asks for one bill of each sort
		s.MaxWindow = day
	}
	s.MaxWindow = min(s.MaxWindow, maxWindow)
	if s.Concurrent <= 0 {
		s.Concurrent = 8
	}
	return s
}

// Source describes WeChat Pay.
func (c *Connector) Source() connectors.Source { return c.source }
