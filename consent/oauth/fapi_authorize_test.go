package oauth

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// authorizeModules are about the browser's way: request_uri and answer.
var authorizeModules = map[string]module{
	// TestMetadata holds the whole of it.
	"discovery-end-point-verification": func(h *house) {
		got := h.get("/.well-known/openid-configuration").json
		if got["issuer"] != issuer || got["require_pushed_authorization_requests"] != true || got["authorization_response_iss_parameter_supported"] != true {
			h.t.Errorf("metadata: %v", got)
		}
		for _, name := range []string{"authorization_endpoint", "token_endpoint", "pushed_authorization_request_endpoint", "introspection_endpoint", "revocation_endpoint", "jwks_uri"} {
			if at, _ := got[name].(string); !strings.HasPrefix(at, issuer+"/oauth/") {
				h.t.Errorf("%s is %v", name, got[name])
			}
		}
		for name, allowed := range map[string][]string{
			"response_types_supported":                         {"code"},
			"response_modes_supported":                         {"query", "jwt", "query.jwt"},
			"code_challenge_methods_supported":                 {"S256"},
			"token_endpoint_auth_methods_supported":            {"private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"},
			"token_endpoint_auth_signing_alg_values_supported": {"PS256", "ES256", "EdDSA", "Ed25519"},
			"request_object_signing_alg_values_supported":      {"PS256", "ES256", "EdDSA", "Ed25519"},
			"authorization_signing_alg_values_supported":       {"PS256", "ES256", "EdDSA", "Ed25519"},
			"introspection_signing_alg_values_supported":       {"PS256", "ES256", "EdDSA", "Ed25519"},
			"dpop_signing_alg_values_supported":                {"PS256", "ES256", "EdDSA", "Ed25519"},
		} {
			list, _ := got[name].([]any)
			if len(list) == 0 {
				h.t.Errorf("%s is missing", name)
			}
			for _, one := range list {
				if text, _ := one.(string); !slices.Contains(allowed, text) {
					h.t.Errorf("%s holds %v", name, one)
				}
			}
		}
	},
	"user-rejects-authentication": func(h *house) {
		where := h.decide(h.visit(h.bank, h.push(h.bank, once)), false)
		back := h.back(h.get(where))
		if back.Get("error") != "access_denied" || back.Get("state") != "the state" || back.Get("iss") != issuer || back.Has("code") {
			h.t.Errorf("the client is told %v", back)
		}
		if got := h.get(where); got.status != http.StatusBadRequest {
			h.t.Errorf("the ticket worked twice: %v", got)
		}
	},
	"ensure-unsigned-authorization-request-without-using-par-fails": func(h *house) {
		h.noVisit("client_id", h.bank.id, "response_type", "code", "redirect_uri", callback, "state", "x",
			"code_challenge", s256(verifier), "code_challenge_method", "S256", "authorization_details", once)
	},
	"par-attempt-reuse-request_uri": func(h *house) {
		uri := h.push(h.bank, once)
		h.back(h.get(h.decide(h.visit(h.bank, uri), true)))
		h.noVisit("client_id", h.bank.id, "request_uri", uri)
	},
	"par-ensure-reused-request-uri-prior-to-auth-completion-succeeds": func(h *house) {
		uri := h.push(h.bank, once)
		id := h.visit(h.bank, uri)
		for range 3 { // reloaded, and opened in another tab
			if again := h.visit(h.bank, uri); again != id {
				h.t.Errorf("visited again, the request_uri leads to %q; want %q", again, id)
			}
		}
		if back := h.back(h.get(h.decide(id, true))); !back.Has("code") {
			h.t.Errorf("the client is told %v", back)
		}
	},
	"par-attempt-to-use-expired-request_uri": func(h *house) {
		uri := h.push(h.bank, once)
		h.clock.pass(requestLife)
		h.noVisit("client_id", h.bank.id, "request_uri", uri)
	},
	"par-attempt-to-use-request_uri-for-different-client": func(h *house) {
		uri := h.push(h.bank, once)
		h.noVisit("client_id", h.other.id, "request_uri", uri)
		h.visit(h.bank, uri) // it was not used up
	},
}

// noVisit opens the authorization endpoint, which must tell the person and
// send the browser nowhere.
func (h *house) noVisit(query ...string) {
	h.t.Helper()
	q := url.Values{}
	for i := 0; i < len(query); i += 2 {
		q.Set(query[i], query[i+1])
	}
	got := h.get("/oauth/authorize?" + q.Encode())
	if got.status != http.StatusBadRequest || !strings.Contains(got.body, "这个授权请求无法继续") || got.header.Get("Location") != "" {
		h.t.Errorf("authorize: %v, to %q", got, got.header.Get("Location"))
	}
}
