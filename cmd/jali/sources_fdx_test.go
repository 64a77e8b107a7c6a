package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The example's institution of FDX is one that Jali starts with, once its key
// is where it says; and what is amiss in it is named.
func TestConfigOfFDX(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	keyFile, secretFile := filepath.Join(dir, "key.pem"), filepath.Join(dir, "secret")
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(secretFile, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("jali.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(b), "  - id: qingshi\n")
	if !ok {
		t.Fatal("the example has no institution of FDX")
	}
	entry, _, _ := strings.Cut(after, "\n  - id: ")
	entry = "sources:\n  - id: qingshi\n" + strings.ReplaceAll(entry, "/etc/jali/qingshi-client.pem", keyFile)
	for _, tt := range []struct{ why, from, to, want string }{
		{why: "as it is"},
		{"with a secret in place of the key", "    key-file: " + keyFile + "\n", "", "client-secret-file"},
		{"with a zone that is none", "Asia/Shanghai", "Qing/Shi", "fdx.zone"},
		{"with a member that is none", "      par:", "      pra:", "pra"},
		{"with an address that is no service's", "https://auth.qingshi.example/token", "http://auth.qingshi.example/token", "fdx: Token"},
	} {
		text := strings.Replace(entry, tt.from, tt.to, 1)
		if tt.want == "client-secret-file" {
			text = strings.Replace(text, "      par:", "      client-secret-file: "+secretFile+"\n      par:", 1)
			tt.want = ""
		}
		path := filepath.Join(dir, "jali.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		registry, err := loadSources(path)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.why, err)
		case tt.want == "":
			if c, ok := registry.Find("qingshi"); !ok || c.Source().Name.ZH != "青石消费金融" || c.Source().History == 0 {
				t.Errorf("%s: it is not there, or says not who it is", tt.why)
			}
		case err == nil || !strings.Contains(err.Error(), tt.want):
			t.Errorf("%s: %v, want one that names %s", tt.why, err, tt.want)
		}
	}
}
