package conntest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/conntest"
	"jali/connectors/mock"
	"jali/connectors/wechatpay"
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

func shopOf(t *testing.T, a mock.WeChatPayAccess, client *http.Client) *wechatpay.Connector {
	t.Helper()
	cfg := wechatpay.Config{API: a.BaseURL, SNS: a.BaseURL, Login: strings.TrimSuffix(a.AuthorizeURL, "/connect/oauth2/authorize"),
		AppID: a.AppID, AppSecret: a.AppSecret, MchID: a.MchID, Serial: a.SerialNo, Key: private(t, a.MerchantKey),
		APIv3Key: a.APIv3Key, HTTP: client, Now: clock}
	if a.PublicKey != nil {
		cfg.PlatformKeys = map[string]string{a.PublicKeyID: public(t, a.PublicKey)}
	}
	cfg.Source.MaxWindow = 31 * 24 * time.Hour
	c, err := wechatpay.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
