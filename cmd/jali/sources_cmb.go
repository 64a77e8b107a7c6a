package main

import (
	"net/http"
	"os"
	"time"

	"jali/connectors"
	"jali/connectors/cmb"
	"jali/internal/secret"
)

// cmbSetting is what only CMB's direct link is told.
type cmbSetting struct {
	UID        string `yaml:"uid"`
	SM4KeyFile string `yaml:"sm4-key-file"`
	Token      string `yaml:"token"` // of the login that tells customer numbers
}

func (s sourceSetting) cmb(source connectors.Source, client *http.Client, key secret.Value) (connectors.Connector, error) {
	bank, err := os.ReadFile(s.PublicKeyFile)
	if err != nil {
		return nil, err
	}
	seal, err := readSecret(s.CMB.SM4KeyFile)
	if err != nil {
		return nil, err
	}
	return cmb.New(cmb.Config{Source: source, API: s.API, Authorize: s.Authorize, Token: s.CMB.Token, UID: s.CMB.UID,
		Key: key, SM4Key: seal, BankKey: string(bank), HTTP: client, Now: time.Now})
}
