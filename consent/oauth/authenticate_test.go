package oauth

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"jali/internal/fault"
)

func TestDataAPIRefuses(t *testing.T) {
	h := open(t)
	got, _ := h.tokens(h.bank, once)
	token := got.text("access_token")
	good := func() string { return h.proof(h.bank.dpop, "GET", issuer+"/v1/views/a%20b", token, nil) }
	used := good()
	made := h.proof(h.other.dpop, "GET", issuer+"/v1/views/a%20b", token, nil)
	for _, tt := range []struct {
		why    string
		auth   []string
		proofs []string
		code   string // of the fault; empty: good
		error  string // in the challenge
	}{
		{"good", []string{"DPoP " + token}, []string{used}, "", ""},
		{"the scheme in lower case (RFC 9110, section 11.1)", []string{"dpop " + token}, []string{good()}, "", ""},
		{"nothing", nil, nil, "invalid_token", ""},
		{"a proof alone", nil, []string{good()}, "invalid_token", ""},
		{"Bearer", []string{"Bearer " + token}, []string{good()}, "invalid_token", "invalid_token"},
		{"Basic", []string{"Basic " + token}, []string{good()}, "invalid_token", "invalid_token"},
		{"two tokens", []string{"DPoP " + token, "DPoP " + token}, []string{good()}, "invalid_token", "invalid_token"},
		{"two in one header", []string{"DPoP " + token + ", DPoP x"}, []string{good()}, "invalid_token", "invalid_token"},
		{"no token behind the scheme", []string{"DPoP"}, []string{good()}, "invalid_token", "invalid_token"},
		{"an unknown token", []string{"DPoP x"}, []string{h.proof(h.bank.dpop, "GET", issuer+"/v1/views/a%20b", "x", nil)}, "invalid_token", "invalid_token"},
		{"no proof", []string{"DPoP " + token}, nil, "invalid_dpop_proof", "invalid_dpop_proof"},
		{"two proofs", []string{"DPoP " + token}, []string{good(), good()}, "invalid_dpop_proof", "invalid_dpop_proof"},
		{"the same proof again", []string{"DPoP " + token}, []string{used}, "invalid_dpop_proof", "invalid_dpop_proof"},
		{"a proof for another path", []string{"DPoP " + token}, []string{h.proof(h.bank.dpop, "GET", issuer+"/v1/views/b", token, nil)}, "invalid_dpop_proof", "invalid_dpop_proof"},
		{"a proof for another method", []string{"DPoP " + token}, []string{h.proof(h.bank.dpop, "POST", issuer+"/v1/views/a%20b", token, nil)}, "invalid_dpop_proof", "invalid_dpop_proof"},
		{"a proof for the Host that was sent", []string{"DPoP " + token}, []string{h.proof(h.bank.dpop, "GET", "http://inside/v1/views/a%20b", token, nil)}, "invalid_dpop_proof", "invalid_dpop_proof"},
		{"a proof without ath", []string{"DPoP " + token}, []string{h.proof(h.bank.dpop, "GET", issuer+"/v1/views/a%20b", token, m{"ath": nil})}, "invalid_dpop_proof", "invalid_dpop_proof"},
		{"a proof for another token", []string{"DPoP " + token}, []string{h.proof(h.bank.dpop, "GET", issuer+"/v1/views/a%20b", "other", nil)}, "invalid_dpop_proof", "invalid_dpop_proof"},
		{"another key's proof", []string{"DPoP " + token}, []string{made}, "invalid_token", "invalid_token"},
		{"that again: nothing is remembered of it", []string{"DPoP " + token}, []string{made}, "invalid_token", "invalid_token"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := httptest.NewRequest("GET", "http://inside/v1/views/a%20b?limit=1", nil)
			r.Header["Authorization"], r.Header["Dpop"] = tt.auth, tt.proofs
			_, err := h.server.Authenticate(http.Header{}, r)
			if tt.code == "" {
				if err != nil {
					t.Errorf("Authenticate = %v", err)
				}
				return
			}
			var no *Unauthorized
			if !errors.As(err, &no) || fault.Of(err).Code != tt.code || fault.Of(err).Kind != fault.Unauthenticated {
				t.Fatalf("Authenticate = %v; want %s", err, tt.code)
			}
			if c := no.Challenge(); !strings.HasPrefix(c, "DPoP ") || !strings.Contains(c, `algs="ES256 PS256 EdDSA Ed25519"`) ||
				(tt.error == "") != !strings.Contains(c, "error=") || !strings.Contains(c, tt.error) || strings.Contains(c, token) {
				t.Errorf("Challenge = %s", c)
			}
		})
	}
}
