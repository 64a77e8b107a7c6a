package oauth

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// pushModules are about what may be pushed, and what comes back of it.
var pushModules = map[string]module{
	"ensure-authorization-request-without-state-success": func(h *house) {
		if back := h.carry(h.parForm(h.bank, once, "state", "")); back.Has("state") {
			h.t.Errorf("the client is told %v; it sent no state", back)
		}
	},
	"ensure-authorization-request-with-long-state": func(h *house) {
		long := strings.Repeat("s", 512)
		if back := h.carry(h.parForm(h.bank, once, "state", long)); back.Get("state") != long {
			h.t.Errorf("the client is told %v", back)
		}
	},
	"ensure-authorization-request-without-nonce-success": func(h *house) { h.carry(h.parForm(h.bank, once)) },
	"ensure-authorization-request-with-64-char-nonce-success": func(h *house) {
		h.carry(h.parForm(h.bank, once, "nonce", strings.Repeat("n", 64)))
	},
	"ensure-authorization-request-with-long-nonce": func(h *house) {
		h.carry(h.parForm(h.bank, once, "nonce", strings.Repeat("n", 512)))
	},

	"ensure-other-scope-order-succeeds": func(h *house) {
		for _, scope := range []string{scopeQuery + " " + scopeRevoke, scopeRevoke + " " + scopeQuery} {
			h.carry(h.parForm(h.bank, once, "scope", scope))
		}
	},
	// The intent of a request is the grant that it would change.
	"ensure-server-handles-non-matching-intent-id": func(h *house) {
		_, foreign := h.tokens(h.other, daily)
		for _, id := range []string{"grant_unknown", string(foreign)} {
			h.pushFails(h.parForm(h.bank, daily, "grant_management_action", "replace", "grant_id", id), "invalid_grant_id")
		}
	},

	"ensure-redirect-uri-in-authorization-request": func(h *house) {
		h.pushFails(h.parForm(h.bank, once, "redirect_uri", ""), "invalid_request")
	},
	"ensure-registered-redirect-uri": func(h *house) {
		for _, other := range []string{"https://bank.example/other", callback + "&x=y", strings.ToUpper(callback), "https://bank.example/callback"} {
			h.pushFails(h.parForm(h.bank, once, "redirect_uri", other), "invalid_request")
		}
	},
	"ensure-response-type-code-idtoken-fails": func(h *house) {
		h.pushFails(h.parForm(h.bank, once, "response_type", "code id_token"), "unsupported_response_type")
	},
	"ensure-response-type-token-fails": func(h *house) {
		h.pushFails(h.parForm(h.bank, once, "response_type", "token"), "unsupported_response_type")
	},

	"par-ensure-pkce-required": func(h *house) {
		h.pushFails(h.parForm(h.bank, once, "code_challenge", "", "code_challenge_method", ""), "invalid_request")
	},
	"par-plain-pkce-rejected": func(h *house) {
		h.pushFails(h.parForm(h.bank, once, "code_challenge", verifier, "code_challenge_method", "plain"), "invalid_request")
		h.pushFails(h.parForm(h.bank, once, "code_challenge", verifier, "code_challenge_method", ""), "invalid_request") // which means plain
	},
	"ensure-pkce-code-verifier-required": func(h *house) {
		code, _ := h.code(h.bank, once)
		h.redeemFails(h.redeemForm(h.bank, code, "code_verifier", ""), "invalid_grant")
	},
	"incorrect-pkce-code-verifier-rejected": func(h *house) {
		code, _ := h.code(h.bank, once)
		h.redeemFails(h.redeemForm(h.bank, code, "code_verifier", strings.Repeat("x", 43)), "invalid_grant")
		h.redeemFails(h.redeemForm(h.bank, code, "code_verifier", ""), "invalid_grant") // fosite forgets that there was a challenge
		if got := h.redeem(h.bank, code); got.status != http.StatusOK {
			h.t.Errorf("the right verifier after the wrong ones: %v", got)
		}
	},

	"par-attempt-invalid-http-method": func(h *house) {
		form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		for _, method := range []string{"GET", "PUT", "DELETE", "PATCH"} {
			got := h.send(method, "/oauth/par", form, strings.NewReader(h.parForm(h.bank, once).Encode()))
			if got.status != http.StatusMethodNotAllowed || got.text("error") != "invalid_request" || got.header.Get("Allow") != "POST" {
				h.t.Errorf("%s: %v", method, got)
			}
		}
	},
	"par-authorization-request-containing-request_uri-form-param": func(h *house) {
		form := h.parForm(h.bank, once)
		form.Set("request_uri", requestURIPrefix+"x")
		h.pushFails(form, "invalid_request")
		h.pushFails(h.form(h.bank, "request_uri", h.push(h.bank, once)), "invalid_request")
	},
	// The suite's module sends nothing twice, and sees the whole flow through.
	"par-without-duplicate-parameters": func(h *house) {
		h.carry(h.parForm(h.bank, once))
		form := h.parForm(h.bank, once)
		for name := range form {
			twice := maps.Clone(form)
			twice[name] = []string{form.Get(name), form.Get(name)}
			h.pushFails(twice, "invalid_request")
		}
	},
}

// carry sees a pushed form of the bank's through to a token, and answers what
// the bank was told on the way.
func (h *house) carry(form url.Values, proofs ...string) url.Values {
	h.t.Helper()
	back, _ := h.carryFor(h.bank, form, proofs...)
	return back
}

func (h *house) carryFor(a app, form url.Values, proofs ...string) (url.Values, answer) {
	h.t.Helper()
	back := h.answered(a, form, proofs...)
	got := h.redeem(a, back.Get("code"))
	if got.status != http.StatusOK {
		h.t.Fatalf("token: %v", got)
	}
	return back, got
}

// answered sees a pushed form through to what the client is told at the end of
// the browser's way.
func (h *house) answered(a app, form url.Values, proofs ...string) url.Values {
	h.t.Helper()
	got := h.post("/oauth/par", form, proofs...)
	if got.status != http.StatusCreated {
		h.t.Fatalf("PAR: %v", got)
	}
	return h.back(h.get(h.decide(h.visit(a, got.text("request_uri")), true)))
}

// pushFails pushes a form that must be refused and leave nothing behind.
func (h *house) pushFails(form url.Values, code string, proofs ...string) {
	h.t.Helper()
	before := h.rows()
	h.wantError("PAR", h.post("/oauth/par", form, proofs...), http.StatusBadRequest, code)
	if h.rows() != before {
		h.t.Error("something was stored")
	}
}

// redeemFails asks for a token with a good proof and must be refused.
func (h *house) redeemFails(form url.Values, code string) {
	h.t.Helper()
	h.wantError("token", h.post("/oauth/token", form, h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil)), http.StatusBadRequest, code)
}
