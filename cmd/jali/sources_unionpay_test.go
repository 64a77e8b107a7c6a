package main

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"jali/connectors"
)

func TestUnionPayOfTheConfig(t *testing.T) {
	private, _, key := keyFiles(t)
	c := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "acquirer"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	crt := fileOf(t, "sign.cer.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	_, other, _ := keyFiles(t)
	const base = `sources:
  - {id: qr, dialect: unionpay, name: {zh: 银联, en: UnionPay}, app-id: "1", app-secret-file: APPSECRET, key-file: KEY, unionpay: {MORE}}
`
	for _, tt := range []struct {
		why, more string
		ok        bool
	}{
		{"as the example is", "acquirer: \"48020000\", certificate-file: CRT, roots-file: CRT, intermediates-file: CRT", true},
		{"without an intermediate, in the test environment", "acquirer: \"48020000\", certificate-file: CRT, roots-file: CRT, signer: \"00040000:SIGN\"", true},
		{"no acquirer", "certificate-file: CRT, roots-file: CRT", false},
		{"no root", "acquirer: \"48020000\", certificate-file: CRT", false},
		{"a root that is a key", "acquirer: \"48020000\", certificate-file: CRT, roots-file: OTHER", false},
		{"a member of another dialect's", "acquirer: \"48020000\", certificate-file: CRT, roots-file: CRT, delta: deltaList", false},
	} {
		text := strings.NewReplacer("APPSECRET", fileOf(t, "app-secret", []byte("s3cret")), "KEY,", private+",", "CRT", crt, "OTHER", other).Replace(strings.Replace(base, "MORE", tt.more, 1))
		registry, err := loadSources(fileOf(t, "jali.yaml", []byte(text)))
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok %v", tt.why, err, tt.ok)
			continue
		}
		if !tt.ok {
			continue
		}
		if c, _ := registry.Find("qr"); strings.Join(connectors.Tells(c), " ") != "bills" {
			t.Errorf("%s: it tells %v", tt.why, connectors.Tells(c))
		}
	}
}
