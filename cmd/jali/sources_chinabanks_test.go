package main

import (
	"strings"
	"testing"

	"jali/connectors"
)

// The banks of the open platform's and the direct link's manner, of files as
// an operator has them.
func TestChinaBanksOfTheConfig(t *testing.T) {
	private, public, _ := keyFiles(t)
	// The demo keys that CMB publishes.
	user := fileOf(t, "user", []byte("NBtl7WnuUtA2v5FaebEkU0/Jj1IodLGT6lQqwkzmd2E=\n"))
	bank := fileOf(t, "bank", []byte("BNsIe9U0x8IeSe4h/dxUzVEz9pie0hDSfMRINRXc7s1UIXfkExnYECF4QqJ2SnHxLv3z/99gsfDQrQ6dzN5lZj0=\n"))
	seal := fileOf(t, "seal", []byte("VuAzSWQhsoNqzn0K\n"))
	const icbc = "id: icbc, dialect: icbc, app-id: '1', key-file: PRIVATE, public-key-file: PUBLIC, icbc: {corp-no: '100004', sign-type: RSA2}"
	const cmb = "id: cmb, dialect: cmb, authorize: 'https://a.example', key-file: USER, public-key-file: BANK, cmb: {token: 'https://b.example', uid: N002432758, sm4-key-file: SEAL}"
	for _, tt := range []struct {
		why, setting, old, new string
		ok                     bool
	}{
		{"icbc", icbc, "", "", true},
		{"icbc's first signature", icbc, "RSA2", "RSA", true},
		{"icbc of a second cooperator", icbc, "corp-no", "acc-comp-no: '10011005', corp-no", true},
		{"icbc without a cooperator", icbc, "corp-no", "acc-comp-no", false},
		{"icbc by certificate", icbc, "RSA2", "CA", false},
		{"icbc without the gateway's key", icbc, "PUBLIC", "/nowhere", false},
		{"icbc with a member of nobody's", icbc, "sign-type", "sign", false},
		{"cmb", cmb, "", "", true},
		{"cmb elsewhere", cmb, "authorize", "api: 'http://127.0.0.1:1/cdcserver/api/v2', authorize", true},
		{"cmb without a login", cmb, "authorize: 'https://a.example', ", "", false},
		{"cmb without a user", cmb, "uid: N002432758, ", "", false},
		{"cmb without a seal", cmb, "SEAL", "/nowhere", false},
		{"cmb with a key of RSA", cmb, "USER", "PRIVATE", false},
		{"cmb with a bank's key of RSA", cmb, "BANK", "PUBLIC", false},
	} {
		setting := strings.Replace(tt.setting, tt.old, tt.new, 1)
		text := "sources:\n  - {" + strings.NewReplacer("PRIVATE", private, "PUBLIC", public, "USER", user, "BANK", bank, "SEAL", seal).Replace(setting) + "}\n"
		registry, err := loadSources(fileOf(t, "jali.yaml", []byte(text)))
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok %v", tt.why, err, tt.ok)
			continue
		}
		if !tt.ok {
			continue
		}
		id, _, _ := strings.Cut(tt.why, " ")
		id, _, _ = strings.Cut(id, "'")
		if c, found := registry.Find(id); !found || c.Source().Kind != connectors.Bank || c.Source().Name.ZH == "" {
			t.Errorf("%s: %+v, %v", tt.why, c, found)
		}
	}
}
