package main

import (
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"

	"jali/connectors"
	"jali/internal/dial"
	"jali/internal/secret"
)

// sourceSetting is one entry of `sources` in the config file.
type sourceSetting struct {
	ID      string `yaml:"id"`
	Dialect string `yaml:"dialect"`
	Name    struct {
		ZH string `yaml:"zh"`
		EN string `yaml:"en"`
	} `yaml:"name"`
	AllowPrivate bool   `yaml:"allow-private"`
	Limits       limits `yaml:"limits"`

	// Where it is; what is left out is the live platform's.
	Gateway   string `yaml:"gateway"`
	Authorize string `yaml:"authorize"`
	API       string `yaml:"api"`
	SNS       string `yaml:"sns"`
	Issuer    string `yaml:"issuer"`

	// Who Jali is there.
	AppID         string `yaml:"app-id"`
	AppSecretFile string `yaml:"app-secret-file"`
	MchID         string `yaml:"mchid"`
	Serial        string `yaml:"serial"`
	ClientID      string `yaml:"client-id"`
	KeyFile       string `yaml:"key-file"`
	KeyID         string `yaml:"key-id"`
	PublicKeyID   string `yaml:"public-key-id"`
	PublicKeyFile string `yaml:"public-key-file"`

	alipaySetting    `yaml:",inline"`
	wechatpaySetting `yaml:",inline"`

	OpenBanking openbankingSetting `yaml:"openbanking"`
	UnionPay    unionpaySetting    `yaml:"unionpay"`
	FDX         fdxSetting         `yaml:"fdx"`
	BerlinGroup berlingroupSetting `yaml:"berlingroup"`
	ICBC        icbcSetting        `yaml:"icbc"`
	CMB         cmbSetting         `yaml:"cmb"`
}

// loadSources makes the connectors that the config file names; without a file
// there are none, and people can upload bill files alone.
func loadSources(path string) (*connectors.Registry, error) {
	registry := &connectors.Registry{}
	if path == "" {
		return registry, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Sources []yaml.Node `yaml:"sources"`
	}
	if err := yaml.Unmarshal(b, &file); err != nil {
		return nil, fmt.Errorf("the config file is not YAML: %w", err)
	}
	for i, node := range file.Sources {
		s, err := readSetting(&node)
		if err != nil {
			return nil, fmt.Errorf("source %d in the config file: %w", i+1, err)
		}
		c, err := s.connector()
		if err == nil {
			err = registry.Register(c)
		}
		if err != nil {
			return nil, fmt.Errorf("source %d (%s) in the config file: %w", i+1, s.ID, err)
		}
	}
	return registry, nil
}

// readSetting refuses members that no source has.
func readSetting(node *yaml.Node) (s sourceSetting, err error) {
	b, err := yaml.Marshal(node)
	if err != nil {
		return s, err
	}
	d := yaml.NewDecoder(strings.NewReader(string(b)))
	d.KnownFields(true)
	return s, d.Decode(&s)
}

func (s sourceSetting) connector() (connectors.Connector, error) {
	source, err := s.Limits.of(connectors.Source{ID: s.ID, Name: connectors.Name{ZH: s.Name.ZH, EN: s.Name.EN}})
	if err != nil {
		return nil, err
	}
	client := dial.New(dial.Config{AllowPrivate: s.AllowPrivate})
	if s.Dialect == "fdx" {
		return s.fdx(source, client)
	}
	if s.Dialect == "berlingroup" {
		return s.berlingroup(source)
	}
	key, err := readSecret(s.KeyFile)
	if err != nil {
		return nil, err
	}
	switch s.Dialect {
	case "alipay":
		return s.alipay(source, client, key)
	case "wechatpay":
		return s.wechatpay(source, client, key)
	case "unionpay":
		return s.UnionPay.connector(s, source, client, key)
	case "openbanking":
		return s.openbanking(source, client, key)
	case "icbc":
		return s.icbc(source, client, key)
	case "cmb":
		return s.cmb(source, client, key)
	default:
		return nil, fmt.Errorf("there is no dialect %q; there are alipay, wechatpay, unionpay, openbanking, fdx, berlingroup, icbc and cmb", s.Dialect)
	}
}

// readSecret reads a file that only its owner may read.
func readSecret(path string) (secret.Value, error) {
	info, err := os.Stat(path)
	if err != nil {
		return secret.Value{}, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return secret.Value{}, fmt.Errorf("%s can be read by others: chmod 600 %s", path, path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return secret.Value{}, err
	}
	return secret.Of(strings.TrimSpace(string(b))), nil
}
