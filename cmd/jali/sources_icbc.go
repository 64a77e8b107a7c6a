package main

import (
	"net/http"
	"os"
	"time"

	"jali/connectors"
	"jali/connectors/icbc"
	"jali/internal/secret"
)

// icbcSetting is what only ICBC's open platform is told.
type icbcSetting struct {
	CorpNo    string `yaml:"corp-no"`     // 一级合作方编号
	AccCompNo string `yaml:"acc-comp-no"` // 二级合作方编号
	SignType  string `yaml:"sign-type"`   // RSA2 or RSA; left out: RSA2
}

func (s sourceSetting) icbc(source connectors.Source, client *http.Client, key secret.Value) (connectors.Connector, error) {
	bank, err := os.ReadFile(s.PublicKeyFile)
	if err != nil {
		return nil, err
	}
	return icbc.New(icbc.Config{Source: source, Gateway: s.Gateway, AppID: s.AppID, CorpNo: s.ICBC.CorpNo, AccCompNo: s.ICBC.AccCompNo,
		SignType: s.ICBC.SignType, Key: key, BankKey: string(bank), HTTP: client, Now: time.Now})
}
