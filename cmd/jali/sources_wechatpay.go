package main

import (
	"errors"
	"net/http"
	"os"
	"time"

	"jali/connectors"
	"jali/connectors/wechatpay"
	"jali/internal/secret"
)

// wechatpaySetting is what only WeChat Pay is told.
type wechatpaySetting struct {
	APIv3KeyFile  string `yaml:"api-v3-key-file"`
	TradeBillOnly bool   `yaml:"trade-bill-only"`
}

// wechatpay is in public-key mode, in platform-certificate mode, or in both
// while the one replaces the other.
func (s sourceSetting) wechatpay(source connectors.Source, client *http.Client, key secret.Value) (connectors.Connector, error) {
	var keys map[string]string
	if s.PublicKeyFile != "" {
		public, err := os.ReadFile(s.PublicKeyFile)
		if err != nil {
			return nil, err
		}
		keys = map[string]string{s.PublicKeyID: string(public)}
	}
	var apiV3 secret.Value
	if s.APIv3KeyFile != "" {
		var err error
		if apiV3, err = readSecret(s.APIv3KeyFile); err != nil {
			return nil, err
		}
	}
	if keys == nil && apiV3.Empty() {
		return nil, errors.New("set public-key-id and public-key-file, or api-v3-key-file for a merchant with platform certificates")
	}
	appSecret, err := readSecret(s.AppSecretFile)
	if err != nil {
		return nil, err
	}
	return wechatpay.New(wechatpay.Config{
		Source: source, API: s.API, Login: s.Authorize, SNS: s.SNS, AppID: s.AppID, AppSecret: appSecret, MchID: s.MchID, Serial: s.Serial,
		Key: key, PlatformKeys: keys, APIv3Key: apiV3, TradeBillOnly: s.TradeBillOnly, HTTP: client, Now: time.Now,
	})
}
