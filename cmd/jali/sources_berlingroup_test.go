package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jali/connectors"
)

// The example's bank of the Berlin Group is one that Jali starts with, once its
// keys and certificates are where it says; and what is amiss in it is named.
func TestConfigOfBerlinGroup(t *testing.T) {
	dir := t.TempDir()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(0x9FA1), Subject: pkix.Name{CommonName: "Jali"}, NotAfter: time.Now().AddDate(1, 0, 0)}
	cert, err := x509.CreateCertificate(rand.Reader, leaf, leaf, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"xihe-qsealc.key": {Type: "PRIVATE KEY", Bytes: der}, "xihe-qwac.key": {Type: "PRIVATE KEY", Bytes: der},
		"xihe-qsealc.pem": {Type: "CERTIFICATE", Bytes: cert}, "xihe-qwac.pem": {Type: "CERTIFICATE", Bytes: cert},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile("jali.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(b), "  - id: xihe_bank\n")
	if !ok {
		t.Fatal("the example has no bank of the Berlin Group")
	}
	entry, _, _ := strings.Cut(after, "\n  - id: ")
	entry = "sources:\n  - id: xihe_bank\n" + strings.ReplaceAll(entry, "/etc/jali/", dir+"/")
	for _, tt := range []struct{ why, from, to, want string }{
		{why: "as it is"},
		{"with a longer history", "      history-days: 90", "      history-days: 365", ""},
		{"without a seal's certificate", "certificate-file: " + dir + "/xihe-qsealc.pem", "certificate-file: \"\"", "both, or neither"},
		{"with a QWAC that is none", "tls-cert-file: " + dir + "/xihe-qwac.pem", "tls-cert-file: " + dir + "/xihe-qwac.key", "xihe-qwac.key"},
		{"with a zone that is none", "Asia/Shanghai", "Xi/He", "berlingroup.zone"},
		{"with an address that is none", "198.51.100.1", "here", "berlingroup.address"},
		{"with a delta that is none", "      delta: entryReferenceFrom", "      delta: sometimes", "Delta"},
		{"with a member that is none", "card-accounts", "cards", "cards"},
		{"with an address that is no service's", "https://xs2a.xihe.example", "http://xs2a.xihe.example", "berlingroup: API"},
	} {
		path := filepath.Join(dir, "jali.yaml")
		if err := os.WriteFile(path, []byte(strings.Replace(entry, tt.from, tt.to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		registry, err := loadSources(path)
		switch {
		case tt.want != "":
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want one that names %s", tt.why, err, tt.want)
			}
			continue
		case err != nil:
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		c, _ := registry.Find("xihe_bank")
		s := c.Source()
		days := 90
		if tt.to != "" {
			days = 365
		}
		if s.Name.ZH != "西河银行" || s.Kind != connectors.Bank || s.Unattended != 4 || s.History != time.Duration(days)*24*time.Hour {
			t.Errorf("%s: %+v", tt.why, s)
		}
	}
}
