package main

import (
	"errors"
	"net/http"
	"os"
	"time"

	"jali/connectors"
	"jali/connectors/alipay"
	"jali/internal/secret"
)

// alipaySetting is what only Alipay is told.
type alipaySetting struct {
	Download       string `yaml:"download"`
	AppCertFile    string `yaml:"app-cert-file"`
	AlipayCertFile string `yaml:"alipay-cert-file"`
	RootCertFile   string `yaml:"root-cert-file"`
	ContentKeyFile string `yaml:"content-key-file"`
}

// alipay is in key mode with public-key-file, or in certificate mode with the
// three certificates. With api it speaks v3.
func (s sourceSetting) alipay(source connectors.Source, client *http.Client, key secret.Value) (connectors.Connector, error) {
	config := alipay.Config{Source: source, Gateway: s.Gateway, Authorize: s.Authorize, API: s.API, Download: s.Download, AppID: s.AppID, Key: key,
		HTTP: client, Now: time.Now}
	files := map[*string]string{&config.AlipayKey: s.PublicKeyFile,
		&config.AppCert: s.AppCertFile, &config.AlipayCert: s.AlipayCertFile, &config.RootCert: s.RootCertFile}
	some := false
	for text, path := range files {
		if path == "" {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		*text, some = string(b), true
	}
	if !some {
		return nil, errors.New("set public-key-file, or app-cert-file, alipay-cert-file and root-cert-file for an application with certificates")
	}
	if s.ContentKeyFile != "" {
		var err error
		if config.ContentKey, err = readSecret(s.ContentKeyFile); err != nil {
			return nil, err
		}
	}
	return alipay.New(config)
}
