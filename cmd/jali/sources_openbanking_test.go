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
	"time"
)

// The example's banks of UK Open Banking are ones that Jali starts with, once
// their keys are where it says; and what is amiss in them is named.
func TestConfigOfOpenBanking(t *testing.T) {
	dir := t.TempDir()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(dir, "key.pem")
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("jali.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	entry := "sources:\n"
	for _, id := range []string{"jiangnan_bank", "beishan_bank"} {
		_, after, ok := strings.Cut(string(b), "  - id: "+id+"\n")
		if !ok {
			t.Fatalf("the example has no %s", id)
		}
		one, _, _ := strings.Cut(after, "\n  - id: ")
		one, _, _ = strings.Cut(one, "\n\n")
		entry += "  - id: " + id + "\n" + one + "\n"
	}
	entry = strings.NewReplacer("/etc/jali/jiangnan-client.pem", keyFile, "/etc/jali/beishan-client.pem", keyFile).Replace(entry)
	for _, tt := range []struct{ why, from, to, want string }{
		{why: "as it is"},
		{"without its version", "      version: v3.1\n", "", ""}, // the path says it
		{"with a version that is not spoken", "version: v3.1", "version: v2.0", "v3.1 and v4.0 are"},
		{"with a path that says none, and none said", "/open-banking/v4.0/aisp", "/aisp", "say v3.1 or v4.0"},
		{"with a member that is none", "hybrid:", "hybird:", "hybird"},
		{"with a limit below zero", "unattended-per-day: 4", "unattended-per-day: -1", "below zero"},
		{"with an address that is no service's", "https://api.beishan.example", "http://api.beishan.example", "openbanking: API"},
	} {
		path := filepath.Join(dir, "jali.yaml")
		if err := os.WriteFile(path, []byte(strings.Replace(entry, tt.from, tt.to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		registry, err := loadSources(path)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.why, err)
		case tt.want == "":
			c, ok := registry.Find("beishan_bank")
			if !ok || c.Source().Name.EN != "Beishan Bank" || c.Source().History != 730*24*time.Hour || c.Source().Unattended != 4 {
				t.Errorf("%s: it is not there, or says not what it bears", tt.why)
			}
		case err == nil || !strings.Contains(err.Error(), tt.want):
			t.Errorf("%s: %v, want one that names %s", tt.why, err, tt.want)
		}
	}
}
