package oauth

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"jali/internal/fault"
)

// proofModules are about DPoP proofs: what they say, and what they bind.
var proofModules = map[string]module{
	// Each is wrong in one thing, and then there are those that only look it.
	"dpop-negative-tests": func(h *house) {
		h.refusesBadProofsAtResource()
		got, _ := h.tokens(h.bank, daily)
		token := got.text("access_token")
		proof := func(header, changes m) string {
			return h.rawProof(h.bank.dpop, "GET", issuer+"/v1/views/x", token, header, changes)
		}
		for why, good := range map[string]string{
			"nothing else":                   proof(nil, nil),
			"htu with a query and fragment":  proof(nil, m{"htu": issuer + "/v1/views/x?a=b#c"}),
			"htu in upper case":              proof(nil, m{"htu": strings.ToUpper(issuer) + "/v1/views/x"}),
			"htu with the scheme's own port": proof(nil, m{"htu": issuer + ":443/v1/views/x"}),
			"members nobody knows":           proof(m{"more": "x"}, m{"more": m{"x": 1}}),
		} {
			if err := h.read("DPoP "+token, good); err != nil {
				h.t.Errorf("%s: %v", why, err)
			}
		}
		used := proof(nil, m{"jti": "the id of both"})
		h.wantRead("its first use", "", "DPoP "+token, used)
		h.wantRead("the same proof again", "invalid_dpop_proof", "DPoP "+token, used)
		h.wantRead("its jti in another proof of the key's", "invalid_dpop_proof", "DPoP "+token,
			proof(m{"more": "x"}, m{"jti": "the id of both"}))
		h.wantRead("alg is missing", "invalid_dpop_proof", "DPoP "+token, s64(`{"typ":"dpop+jwt","jwk":`+string(h.bank.dpop.Public().JWK())+"}")+used[strings.IndexByte(used, '.'):])
		h.wantRead("another key", "invalid_token", "DPoP "+token, h.rawProof(h.other.dpop, "GET", issuer+"/v1/views/x", token, nil, nil))
		h.wantRead("no proof", "invalid_dpop_proof", "DPoP "+token)
		h.wantRead("Bearer, and no proof", "invalid_token", "Bearer "+token)
		h.wantRead("Bearer, and a proof", "invalid_token", "Bearer "+token, proof(nil, nil))
		h.wantRead("after all that", "", "DPoP "+token, proof(nil, nil))
	},
	"check-dpop-proof-nbf-exp": func(h *house) {
		h.provesAllAlong(m{"nbf": h.in(0), "exp": h.in(5 * time.Minute)})
	},
	"ensure-dpopproof-with-iat-10seconds-after-succeeds": func(h *house) {
		h.provesAllAlong(m{"iat": h.in(8 * time.Second)})
		h.provesAllAlong(m{"iat": h.in(10 * time.Second)})
	},
	"ensure-dpopproof-with-iat-10seconds-before-succeeds": func(h *house) {
		h.clock.pass(time.Minute) // the server has been up for a while
		h.provesAllAlong(m{"iat": h.in(-10 * time.Second)})
	},

	"ensure-dpop-auth-code-binding-success": func(h *house) {
		h.carry(h.parForm(h.bank, once, "dpop_jkt", h.bank.dpop.Public().Thumbprint()), h.parProof(h.bank))
	},
	"ensure-dpopproof-at-par-endpoint-binding-success": func(h *house) {
		h.carry(h.parForm(h.bank, once), h.parProof(h.bank))
	},
	"ensure-mismatched-dpop-jkt-fails": func(h *house) {
		h.pushFails(h.parForm(h.bank, once, "dpop_jkt", h.other.dpop.Public().Thumbprint()), "invalid_dpop_proof", h.parProof(h.bank))
	},
	"ensure-token-endpoint-fails-with-mismatched-dpop-jkt": func(h *house) {
		form := h.parForm(h.bank, once, "dpop_jkt", h.bank.dpop.Public().Thumbprint())
		h.redeemsByItsKeyAlone(h.answered(h.bank, form).Get("code"))
	},
	"ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt": func(h *house) {
		h.redeemsByItsKeyAlone(h.answered(h.bank, h.parForm(h.bank, once), h.parProof(h.bank)).Get("code"))
	},
	"ensure-holder-of-key-required": func(h *house) {
		code, _ := h.code(h.bank, once)
		h.wantError("no proof", h.post("/oauth/token", h.redeemForm(h.bank, code)), http.StatusBadRequest, "invalid_dpop_proof")
		if got := h.redeem(h.bank, code); got.status != http.StatusOK {
			h.t.Errorf("and then with one: %v", got)
		}
	},
	"access-token-type-header-case-sensitivity": func(h *house) {
		got, _ := h.tokens(h.bank, daily)
		token := got.text("access_token")
		for _, scheme := range []string{"DPoP", "dpop", "DPOP", "dPOp"} {
			h.wantRead(scheme, "", scheme+" "+token, h.proof(h.bank.dpop, "GET", issuer+"/v1/views/x", token, nil))
		}
	},
}

func (h *house) parProof(a app) string { return h.proof(a.dpop, "POST", issuer+"/oauth/par", "", nil) }

// read calls the data API.
func (h *house) read(authorization string, proofs ...string) error {
	r := httptest.NewRequest("GET", "http://inside/v1/views/x?limit=1", nil)
	r.Header.Set("Authorization", authorization)
	r.Header["Dpop"] = proofs
	_, err := h.server.Authenticate(http.Header{}, r)
	return err
}

// wantRead reads, and must be refused with a code; empty: let in.
func (h *house) wantRead(why, code, authorization string, proofs ...string) {
	h.t.Helper()
	if err := h.read(authorization, proofs...); code == "" && err != nil || code != "" && fault.Of(err).Code != code {
		h.t.Errorf("%s: %v; want %q", why, err, code)
	}
}

// provesAllAlong goes from PAR to the data with proofs that have these claims.
func (h *house) provesAllAlong(claims m) {
	h.t.Helper()
	proof := func(method, path, token string) string {
		return h.proof(h.bank.dpop, method, issuer+path, token, claims)
	}
	code := h.answered(h.bank, h.parForm(h.bank, once), proof("POST", "/oauth/par", "")).Get("code")
	got := h.post("/oauth/token", h.redeemForm(h.bank, code), proof("POST", "/oauth/token", ""))
	if got.status != http.StatusOK {
		h.t.Fatalf("token: %v", got)
	}
	token := got.text("access_token")
	h.wantRead("the data API", "", "DPoP "+token, proof("GET", "/v1/views/x", token))
}

// redeemsByItsKeyAlone tries a code that was bound to the bank's key before
// there was one.
func (h *house) redeemsByItsKeyAlone(code string) {
	h.t.Helper()
	thief := h.bank
	thief.dpop = h.other.dpop
	h.wantError("another key", h.redeem(thief, code), http.StatusBadRequest, "invalid_grant")
	if got := h.redeem(h.bank, code); got.status != http.StatusOK {
		h.t.Errorf("the right key: %v", got)
	}
}
