package client_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"strings"
	"testing"

	"jali/internal/jose"
	"jali/openapi/client"
)

// Whatever a Key signs, the house verifies.
func TestKeysSignWhatTheHouseVerifies(t *testing.T) {
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, edwards, _ := ed25519.GenerateKey(rand.Reader)
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for alg, private := range map[string]crypto.Signer{"ES256": p256, "EdDSA": edwards, "PS256": big} {
		key, err := client.NewKey(private, "")
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		public, err := jose.ParseKeySet([]byte(`{"keys":[` + string(key.JWK()) + `]}`))
		if err != nil {
			t.Fatalf("%s: its public key: %v", alg, err)
		}
		var said struct{ Kid, Alg, D string }
		if json.Unmarshal(key.JWK(), &said) != nil || said.Kid != public[0].Thumbprint() || said.Alg != alg || said.D != "" {
			t.Errorf("%s: %s, want the thumbprint %s and nothing private", alg, key.JWK(), public[0].Thumbprint())
		}
		for range 20 { // a number of ECDSA's may be short
			compact, err := key.Sign(map[string]any{"typ": "JWT"}, map[string]any{"sub": "x"})
			if err != nil {
				t.Fatalf("%s: %v", alg, err)
			}
			if _, err := jose.Verify(compact, public, jose.Expect{MaxBytes: 8 << 10, Types: []string{"jwt"}}); err != nil {
				t.Errorf("%s: %v", alg, err)
			}
		}
	}
}

// The keys of RFC 7515, appendix A.3, and RFC 8037, appendix A.1.
const (
	rfcEC = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`
	rfcEd = `{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	rfcID = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" // RFC 8037, appendix A.3
)

func TestParseKey(t *testing.T) {
	big, _ := rsa.GenerateKey(rand.Reader, 2048)
	set := func(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }
	wide := jsonOf(map[string]any{"kty": "RSA", "n": big.N.Bytes(), "e": "AQAB"})
	for _, tt := range []struct {
		why, jwk string
		ok       bool
	}{
		{"of RFC 7515", rfcEC, true},
		{"of RFC 8037", rfcEd, true},
		{"in a set", set(rfcEC), true},
		{"two in a set: which?", set(rfcEC, rfcEd), false},
		{"none in a set", set(), false},
		{"public alone", strings.Replace(rfcEC, `"d"`, `"dd"`, 1), false},
		{"halves of two keys", strings.Replace(rfcEC, "x_FE", "x_FF", 1), false},
		{"halves of two keys on another curve", strings.Replace(rfcEd, "11qY", "12qY", 1), false},
		{"another curve", strings.Replace(rfcEC, "P-256", "P-384", 1), false},
		{"a shared secret", `{"kty":"oct","k":"AAAA"}`, false},
		{"RSA without its primes", wide, false},
		{"not base64url", strings.Replace(rfcEC, `"d":"`, `"d":"=`, 1), false},
		{"no JSON", "-----BEGIN PRIVATE KEY-----", false},
		{"a number too long", strings.Replace(rfcEC, `"d":"`, `"d":"AAAA`, 1), false},
		{"a mountain", strings.Repeat(" ", 17<<10) + rfcEC, false},
	} {
		if key, err := client.ParseKey([]byte(tt.jwk)); (err == nil) != tt.ok || err == nil && key == nil {
			t.Errorf("%s: %v", tt.why, err)
		}
	}
	key, _ := client.ParseKey([]byte(rfcEd))
	if !strings.Contains(string(key.JWK()), `"kid":"`+rfcID+`"`) {
		t.Errorf("its kid is not the thumbprint of RFC 8037: %s", key.JWK())
	}
	if key, _ = client.ParseKey([]byte(strings.Replace(rfcEd, `"kty"`, `"kid":"mine","kty"`, 1))); !strings.Contains(string(key.JWK()), `"kid":"mine"`) {
		t.Errorf("its own kid is gone: %s", key.JWK())
	}
}

func TestKeysThatAreTooWeak(t *testing.T) {
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []crypto.Signer{p384, small} {
		if _, err := client.NewKey(private, ""); err == nil {
			t.Errorf("a %T is taken", private)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	for _, seed := range []string{rfcEC, rfcEd, `{"keys":[` + rfcEC + `]}`, `{"kty":"RSA","n":"AQ","e":"AQAB","d":"AQ","p":"AQ","q":"AQ"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		key, err := client.ParseKey(b)
		if err != nil {
			return
		}
		public, err := jose.ParseKeySet([]byte(`{"keys":[` + string(key.JWK()) + `]}`))
		if err != nil {
			t.Skip("the house is stricter about names of keys")
		}
		compact, err := key.Sign(nil, map[string]any{"sub": "x"})
		if err != nil {
			t.Fatalf("it is a key, and does not sign: %v", err)
		}
		if _, err := jose.Verify(compact, public, jose.Expect{MaxBytes: 64 << 10}); err != nil {
			t.Errorf("it signs otherwise than its public half says: %v", err)
		}
	})
}
