package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"jali/connectors"
)

// certificateOf is one of key's, signed by itself, as an authority's are.
func certificateOf(t *testing.T, key *rsa.PrivateKey) string {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "R1"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return fileOf(t, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// Which protocol is spoken, with which keys and whether encrypted follows from
// what the operator names.
func TestAlipayOfTheConfig(t *testing.T) {
	private, public, key := keyFiles(t)
	cert, content := certificateOf(t, key), fileOf(t, "content-key", []byte("MDEyMzQ1Njc4OWFiY2RlZg==\n"))
	const base = `sources:
  - {id: alipay, dialect: alipay, name: {zh: 支付宝, en: Alipay}, app-id: "2021000000000000", key-file: KEY, MODE}
`
	certs := "app-cert-file: CERT, alipay-cert-file: CERT, root-cert-file: CERT"
	for _, tt := range []struct {
		why, mode string
		ok        bool
	}{
		{"key mode", "public-key-file: PUBLIC", true},
		{"certificate mode", certs, true},
		{"v3", "public-key-file: PUBLIC, api: 'https://openapi.alipay.com'", true},
		{"v3 with certificates, encrypted", certs + ", api: 'https://openapi.alipay.com', content-key-file: CONTENT", true},
		{"encrypted", "public-key-file: PUBLIC, content-key-file: CONTENT", true},
		{"files from elsewhere", "public-key-file: PUBLIC, download: 'https://files.example'", true},
		{"no keys of Alipay's", "api: 'https://openapi.alipay.com'", false},
		{"both modes", certs + ", public-key-file: PUBLIC", false},
		{"a certificate short", "app-cert-file: CERT, root-cert-file: CERT", false},
		{"a content key that is none", "public-key-file: PUBLIC, content-key-file: PUBLIC", false},
		{"v3 under a path", "public-key-file: PUBLIC, api: 'https://openapi.alipay.com/v3'", false},
		{"a file that is not there", "public-key-file: /nowhere", false},
	} {
		text := strings.NewReplacer("KEY,", private+",", "PUBLIC", public, "CERT", cert, "CONTENT", content).Replace(strings.Replace(base, "MODE", tt.mode, 1))
		registry, err := loadSources(fileOf(t, "jali.yaml", []byte(text)))
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok %v", tt.why, err, tt.ok)
			continue
		}
		if !tt.ok {
			continue
		}
		if c, found := registry.Find("alipay"); !found || c.Source().Kind != connectors.Wallet || c.Source().History < 5*365*24*time.Hour {
			t.Errorf("%s: %+v, %v", tt.why, c, found)
		}
	}
}
