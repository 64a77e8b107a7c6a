package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"jali/connectors"
	"jali/connectors/berlingroup"
	"jali/internal/dial"
)

// berlingroupSetting is what only banks of the Berlin Group's framework have.
type berlingroupSetting struct {
	Metadata        string `yaml:"metadata"`         // of the authorization server, where it is on another host than api
	CertificateFile string `yaml:"certificate-file"` // QSealC; its key is key-file
	TLSCertFile     string `yaml:"tls-cert-file"`    // QWAC
	TLSKeyFile      string `yaml:"tls-key-file"`
	AllAccounts     bool   `yaml:"all-accounts"`
	CardAccounts    bool   `yaml:"card-accounts"`
	BookedOnly      bool   `yaml:"booked-only"`
	Delta           string `yaml:"delta"`
	Zone            string `yaml:"zone"`    // of the bank's days; left out: Asia/Shanghai
	Address         string `yaml:"address"` // of this machine
}

func (s sourceSetting) berlingroup(source connectors.Source) (connectors.Connector, error) {
	b := s.BerlinGroup
	c := berlingroup.Config{Source: source, API: s.API, Metadata: b.Metadata, ClientID: s.ClientID, AllAccounts: b.AllAccounts,
		CardAccounts: b.CardAccounts, BookedOnly: b.BookedOnly, Delta: berlingroup.Delta(b.Delta), Now: time.Now}
	if b.Zone == "" {
		b.Zone = "Asia/Shanghai"
	}
	var err error
	if c.Zone, err = time.LoadLocation(b.Zone); err != nil {
		return nil, fmt.Errorf("berlingroup.zone is no time zone: %w", err)
	}
	if b.Address != "" {
		if c.Address, err = netip.ParseAddr(b.Address); err != nil {
			return nil, errors.New("berlingroup.address is no IP address")
		}
	}
	if (b.CertificateFile == "") != (s.KeyFile == "") {
		return nil, errors.New("key-file is the key of berlingroup.certificate-file: give both, or neither")
	}
	if s.KeyFile != "" {
		if c.Key, err = readSecret(s.KeyFile); err != nil {
			return nil, err
		}
		certificate, err := os.ReadFile(b.CertificateFile)
		if err != nil {
			return nil, err
		}
		c.Certificate = string(certificate)
	}
	out := dial.Config{AllowPrivate: s.AllowPrivate}
	if b.TLSCertFile != "" || b.TLSKeyFile != "" {
		key, err := readSecret(b.TLSKeyFile)
		if err != nil {
			return nil, err
		}
		chain, err := os.ReadFile(b.TLSCertFile)
		if err != nil {
			return nil, err
		}
		shown, err := tls.X509KeyPair(chain, key.Reveal())
		if err != nil {
			return nil, fmt.Errorf("%s and its key: %w", b.TLSCertFile, err)
		}
		out.Certificates = []tls.Certificate{shown}
	}
	c.HTTP = dial.New(out)
	return berlingroup.New(c)
}
