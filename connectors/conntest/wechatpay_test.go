package conntest_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/conntest"
	"jali/connectors/mock"
	"jali/connectors/wechatpay"
	"jali/internal/dial"
)

// TestWeChatPay is a merchant in public-key mode, and one with certificates.
func TestWeChatPay(t *testing.T) {
	for mode, access := range map[string]func(*mock.Town) mock.WeChatPayAccess{
		"public key": (*mock.Town).WeChatPay, "certificates": (*mock.Town).WeChatPayCertificates,
	} {
		t.Run(mode, func(t *testing.T) {
			town := found(t)
			conntest.Run(t, conntest.Setup{
				Connect: func(t *testing.T, client *http.Client) connectors.Connector {
					return shopOf(t, access(town), client)
				},
				Login: login(town.People()[0]), Dead: altered(map[string]any{"sub_mchid": "1999999999", "refresh": "dead"}),
				Ail: func(x mock.Trouble) { town.Ail(mock.WeChatPay, x) }, Tokenless: true,
				Now: now, From: now.AddDate(0, 0, -9), To: now, Signed: true, Secrets: town.Canaries,
			})
		})
	}
}

func shop(t *testing.T, town *mock.Town, client *http.Client) *wechatpay.Connector {
	return shopOf(t, town.WeChatPay(), client)
}

func shopOf(t *testing.T, a mock.WeChatPayAccess, client *http.Client, change ...func(*wechatpay.Config)) *wechatpay.Connector {
	t.Helper()
	cfg := wechatpay.Config{API: a.BaseURL, SNS: a.BaseURL, Login: strings.TrimSuffix(a.AuthorizeURL, "/connect/oauth2/authorize"),
		AppID: a.AppID, AppSecret: a.AppSecret, MchID: a.MchID, Serial: a.SerialNo, Key: private(t, a.MerchantKey),
		APIv3Key: a.APIv3Key, HTTP: client, Now: clock}
	if a.PublicKey != nil {
		cfg.PlatformKeys = map[string]string{a.PublicKeyID: public(t, a.PublicKey)}
	}
	cfg.Source.MaxWindow = 31 * 24 * time.Hour
	for _, f := range change {
		f(&cfg)
	}
	c, err := wechatpay.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The town replaces its platform certificate: what it signs goes on being
// believed, once the list has been asked for again.
func TestWeChatPayReplacesItsCertificate(t *testing.T) {
	town := found(t)
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	ahead := time.Duration(0)
	c := shopOf(t, town.WeChatPayCertificates(), client, func(cfg *wechatpay.Config) { cfg.Now = func() time.Time { return now.Add(ahead) } })
	ctx := context.Background()
	l, err := c.Begin(ctx, "astateof128randombits", "http://127.0.0.1/linked")
	if err != nil {
		t.Fatal(err)
	}
	k, err := c.Finish(ctx, l, login(town.People()[0])(t, l.URL, true))
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := c.Accounts(ctx, k)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		why  string
		do   func() error
		want error
	}{
		{"the first certificate", func() error { return nil }, nil},
		{"another, within a minute of the first look", town.RotateWeChatPay, connectors.ErrUnsigned},
		{"after a minute", func() error { ahead = time.Minute; return nil }, nil},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Balances(ctx, k, []connectors.AccountRef{accounts[0].Ref}); !errors.Is(err, step.want) {
			t.Errorf("%s: %v, want %v", step.why, err, step.want)
		}
	}
}
