package main

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"time"

	"jali/connectors"
	"jali/connectors/openbanking"
	"jali/internal/jose"
	"jali/internal/secret"
)

// openbankingSetting is what only banks of UK Open Banking have.
type openbankingSetting struct {
	Version string `yaml:"version"` // v3.1 or v4.0; left out: as api says
	Hybrid  bool   `yaml:"hybrid"`  // the bank signs its answer at the redirect URI: "code id_token"
}

func (s sourceSetting) openbanking(source connectors.Source, client *http.Client, key secret.Value) (connectors.Connector, error) {
	block, _ := pem.Decode(key.Reveal())
	if block == nil {
		return nil, fmt.Errorf("%s is not PEM", s.KeyFile)
	}
	private, err := jose.ParsePKCS8(secret.New(block.Bytes))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.KeyFile, err)
	}
	o := s.OpenBanking
	return openbanking.New(openbanking.Config{
		Source: source, API: s.API, Version: o.Version, Hybrid: o.Hybrid, Issuer: s.Issuer, ClientID: s.ClientID, Key: private, KeyID: s.KeyID,
		HTTP: client, Now: time.Now,
	})
}
