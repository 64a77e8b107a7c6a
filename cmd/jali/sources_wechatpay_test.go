package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jali/connectors"
)

// fileOf writes what only the server may read, and answers where.
func fileOf(t *testing.T, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// keyFiles are a private RSA key and its public key, in PEM.
func keyFiles(t *testing.T) (private, public string, key *rsa.PrivateKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	open, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return fileOf(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		fileOf(t, "public.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: open})), key
}

// A merchant's mode follows from which key the operator names.
func TestWeChatPayOfTheConfig(t *testing.T) {
	private, public, _ := keyFiles(t)
	secretFile, apiV3 := fileOf(t, "app-secret", []byte("s3cret")), fileOf(t, "api-v3", []byte(strings.Repeat("k", 32)+"\n"))
	const base = `sources:
  - {id: shop, dialect: wechatpay, name: {zh: 微信支付, en: WeChat Pay}, app-id: wx1, mchid: "1900000001", serial: AB, app-secret-file: APPSECRET, key-file: KEY, MODE}
`
	for _, tt := range []struct {
		why, mode string
		ok        bool
	}{
		{"public-key mode", "public-key-id: PUB_KEY_ID_1, public-key-file: PUBLIC", true},
		{"platform-certificate mode", "api-v3-key-file: APIV3", true},
		{"both, while changing over", "public-key-id: PUB_KEY_ID_1, public-key-file: PUBLIC, api-v3-key-file: APIV3", true},
		{"without the product of fund-flow bills", "api-v3-key-file: APIV3, trade-bill-only: true", true},
		{"neither", "trade-bill-only: true", false},
		{"a public key without an id", "public-key-file: PUBLIC", false},
		{"an APIv3 key of another length", "api-v3-key-file: APPSECRET", false},
		{"a member of another dialect's", "api-v3-key-file: APIV3, shape: round", false},
	} {
		text := strings.NewReplacer("APPSECRET", secretFile, "KEY,", private+",", "PUBLIC", public, "APIV3", apiV3).Replace(strings.Replace(base, "MODE", tt.mode, 1))
		registry, err := loadSources(fileOf(t, "jali.yaml", []byte(text)))
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok %v", tt.why, err, tt.ok)
			continue
		}
		if !tt.ok {
			continue
		}
		c, ok := registry.Find("shop")
		if !ok || c.Source().Kind != connectors.Wallet || c.Source().PerSecond == 0 {
			t.Errorf("%s: %+v, %v", tt.why, c, ok)
		}
	}
}
