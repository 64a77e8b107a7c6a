package main

import (
	"net/http"
	"os"
	"time"

	"jali/connectors"
	"jali/connectors/unionpay"
	"jali/internal/secret"
)

// unionpaySetting is what only UnionPay is told.
type unionpaySetting struct {
	Acquirer          string `yaml:"acquirer"`
	CertificateFile   string `yaml:"certificate-file"`
	RootsFile         string `yaml:"roots-file"`
	IntermediatesFile string `yaml:"intermediates-file"`
	Signer            string `yaml:"signer"`
}

func (u unionpaySetting) connector(s sourceSetting, source connectors.Source, client *http.Client, key secret.Value) (connectors.Connector, error) {
	var certificate, roots, middle string
	for _, f := range []struct {
		path string
		to   *string
	}{{u.CertificateFile, &certificate}, {u.RootsFile, &roots}, {u.IntermediatesFile, &middle}} {
		if f.path == "" && f.to == &middle {
			continue
		}
		b, err := os.ReadFile(f.path)
		if err != nil {
			return nil, err
		}
		*f.to = string(b)
	}
	appSecret, err := readSecret(s.AppSecretFile)
	if err != nil {
		return nil, err
	}
	return unionpay.New(unionpay.Config{
		Source: source, Files: s.Gateway, Login: s.Authorize, Open: s.API, AppID: s.AppID, AppSecret: appSecret,
		Acquirer: u.Acquirer, Certificate: certificate, Key: key, Roots: roots, Intermediates: middle, Signer: u.Signer, HTTP: client, Now: time.Now,
	})
}
