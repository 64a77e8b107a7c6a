package main

import (
	"net/http"
	"time"

	"jali/connectors"
	"jali/connectors/alipay"
	"jali/connectors/mock"
	"jali/internal/secret"
)

// townAlipay speaks v2 in key mode: no start waits for the key of an authority.
func townAlipay(t *mock.Town, client func() *http.Client, now func() time.Time) ([]connectors.Connector, error) {
	a := t.Alipay()
	wallet, err := alipay.New(alipay.Config{
		Source:  connectors.Source{ID: mock.Alipay, Name: connectors.Name{ZH: "支付宝", EN: "Alipay"}, Kind: connectors.Wallet},
		Gateway: a.GatewayURL, Authorize: a.AuthorizeURL, AppID: a.AppID,
		Key: secret.Of(privatePEM(a.AppKey)), AlipayKey: publicPEM(a.PublicKey), HTTP: client(), Now: now,
	})
	return []connectors.Connector{wallet}, err
}

// alipayAccess is what an operator who registered with the town's Alipay holds,
// for either protocol and mode of keys.
func alipayAccess(t *mock.Town) map[string]string {
	a, certs := t.Alipay(), t.AlipayCerts()
	return map[string]string{"gateway": a.GatewayURL, "api": a.APIURL, "authorize": a.AuthorizeURL, "app_id": a.AppID,
		"private_key": privatePEM(a.AppKey), "alipay_public_key": publicPEM(a.PublicKey), "content_key": a.ContentKey,
		"app_cert": certs.App, "alipay_cert": certs.Alipay, "root_cert": certs.Root}
}
