package main

import (
	"net/http"
	"time"

	"jali/connectors"
	"jali/connectors/mock"
	"jali/connectors/wechatpay"
	"jali/internal/secret"
)

// townWeChatPay reads a month in one call, as often as it likes and many at
// once: the town bears more than the platform does, and such a call is several
// exchanges, in each of which others may wait.
func townWeChatPay(t *mock.Town, client func() *http.Client, now func() time.Time) ([]connectors.Connector, error) {
	w := t.WeChatPay()
	shop, err := wechatpay.New(wechatpay.Config{
		Source: connectors.Source{ID: mock.WeChatPay, Name: connectors.Name{ZH: "微信支付", EN: "WeChat Pay"}, Kind: connectors.Wallet,
			MaxWindow: 31 * 24 * time.Hour, PerSecond: 10_000, Total: 512},
		API: w.BaseURL, SNS: w.BaseURL, Login: w.BaseURL, AppID: w.AppID, AppSecret: w.AppSecret,
		MchID: w.MchID, Serial: w.SerialNo, Key: secret.Of(privatePEM(w.MerchantKey)),
		PlatformKeys: map[string]string{w.PublicKeyID: publicPEM(w.PublicKey)}, HTTP: client(), Now: now,
	})
	return []connectors.Connector{shop}, err
}

// wechatAccess is a registration as WeChat Pay's own libraries take it.
func wechatAccess(w mock.WeChatPayAccess) map[string]string {
	all := map[string]string{"base": w.RootURL, "authorize": w.AuthorizeURL, "app_id": w.AppID, "app_secret": w.AppSecret.RevealString(),
		"mchid": w.MchID, "serial": w.SerialNo, "private_key": privatePEM(w.MerchantKey)}
	if w.PublicKey != nil {
		all["public_key_id"], all["public_key"] = w.PublicKeyID, publicPEM(w.PublicKey)
	} else {
		all["api_v3_key"] = w.APIv3Key.RevealString()
	}
	return all
}
