package main

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"time"

	"jali/connectors"
	"jali/connectors/fdx"
	"jali/internal/jose"
	"jali/internal/secret"
)

// fdxSetting is what only institutions of FDX have.
type fdxSetting struct {
	PAR        string `yaml:"par"`
	Token      string `yaml:"token"`
	SecretFile string `yaml:"client-secret-file"` // in place of key-file
	Zone       string `yaml:"zone"`               // where its days begin; left out: UTC
	Currency   string `yaml:"currency"`           // of accounts that do not tell theirs
}

func (s sourceSetting) fdx(source connectors.Source, client *http.Client) (connectors.Connector, error) {
	c := fdx.Config{Source: source, API: s.API, Issuer: s.Issuer, PAR: s.FDX.PAR, Authorize: s.Authorize, Token: s.FDX.Token,
		ClientID: s.ClientID, KeyID: s.KeyID, Currency: s.FDX.Currency, HTTP: client, Now: time.Now}
	var err error
	if c.Zone, err = time.LoadLocation(s.FDX.Zone); err != nil {
		return nil, fmt.Errorf("fdx.zone is no time zone: %w", err)
	}
	if s.KeyFile == "" {
		if c.Secret, err = readSecret(s.FDX.SecretFile); err != nil {
			return nil, err
		}
		return fdx.New(c)
	}
	key, err := readSecret(s.KeyFile)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(key.Reveal())
	if block == nil {
		return nil, fmt.Errorf("%s is not PEM", s.KeyFile)
	}
	if c.Key, err = jose.ParsePKCS8(secret.New(block.Bytes)); err != nil {
		return nil, fmt.Errorf("%s: %w", s.KeyFile, err)
	}
	return fdx.New(c)
}
