package oauth

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"jali/internal/fault"
)

// tokenModules are about what the token endpoint gives and takes back, and the
// whole way to it.
var tokenModules = map[string]module{
	// Two clients; the second names its key by dpop_jkt alone.
	"happy-flow": func(h *house) {
		var tokens []string
		for _, a := range []app{h.bank, h.other} {
			params := []string{"nonce", strings.Repeat("n", 43)}
			if a.id == h.other.id {
				params = append(params, "dpop_jkt", a.dpop.Public().Thumbprint())
			}
			back, got := h.carryFor(a, h.parForm(a, daily, params...))
			if back.Get("iss") != issuer || back.Get("state") != "the state" || back.Has("id_token") {
				h.t.Errorf("the client is told %v", back)
			}
			if got.text("token_type") != "DPoP" || got.json["expires_in"] != accessLife.Seconds() || got.json["id_token"] != nil || got.json["scope"] != nil {
				h.t.Errorf("token: %v", got)
			}
			token := got.text("access_token")
			if c, err := h.call(a.dpop, token); err != nil || string(c.Client) != a.id {
				h.t.Errorf("the data API knows %+v, %v", c, err)
			}
			tokens = append(tokens, token)
		}
		if tokens[0] == tokens[1] {
			h.t.Error("two clients got one token")
		}
		h.opensByItsKeyAlone(tokens)
		r := httptest.NewRequest("GET", "http://inside/v1/views/x?access_token="+tokens[0], nil)
		r.Header.Set("DPoP", h.proof(h.bank.dpop, "GET", issuer+"/v1/views/x", tokens[0], nil))
		if _, err := h.server.Authenticate(http.Header{}, r); fault.Of(err).Code != "invalid_token" {
			h.t.Errorf("a token in the query: %v", err)
		}
	},

	// RFC 6749, section 4.1.2: what the first use gave goes too. The grant
	// stays: it is the person's.
	"attempt-reuse-authorization-code-after-one-second": func(h *house) {
		code, id := h.code(h.bank, daily)
		got := h.redeem(h.bank, code)
		access, refresh := got.text("access_token"), got.text("refresh_token")
		h.wantError("another client tries the used code", h.redeem(h.other, code), http.StatusBadRequest, "invalid_grant")
		if _, err := h.call(h.bank.dpop, access); err != nil {
			h.t.Errorf("another client could take a token away: %v", err)
		}
		h.clock.pass(time.Second)
		h.wantError("after a second", h.redeem(h.bank, code), http.StatusBadRequest, "invalid_grant")
		if _, err := h.call(h.bank.dpop, access); fault.Of(err).Code != "invalid_token" {
			h.t.Errorf("the access token outlives its code's second use: %v", err)
		}
		h.wantError("the refresh token", h.refresh(h.bank, refresh), http.StatusBadRequest, "invalid_grant")
		h.clock.pass(codeLife)
		h.wantError("after the code's own end too", h.redeem(h.bank, code), http.StatusBadRequest, "invalid_grant")
		if _, err := h.consent.Live(h.t.Context(), "client_bank", id); err != nil {
			h.t.Errorf("the grant: %v", err)
		}
	},
	"ensure-token-endpoint-fails-with-expired-auth-code": func(h *house) {
		code, _ := h.code(h.bank, once)
		h.clock.pass(codeLife)
		h.redeemFails(h.redeemForm(h.bank, code), "invalid_grant")
	},
	"ensure-authorization-code-is-bound-to-client": func(h *house) {
		code, _ := h.code(h.bank, once)
		h.wantError("another client", h.redeem(h.other, code), http.StatusBadRequest, "invalid_grant")
		if got := h.redeem(h.bank, code); got.status != http.StatusOK {
			h.t.Errorf("its own: %v", got)
		}
	},

	"refresh-token": func(h *house) {
		var refreshes, tokens []string
		for _, a := range []app{h.bank, h.other} {
			got, _ := h.tokens(a, daily)
			refresh := got.text("refresh_token")
			if refresh == "" || !isVisible(refresh) {
				h.t.Fatalf("refresh_token is %q (RFC 6749, appendix A.17)", refresh)
			}
			for range 2 { // not rotated, and used again: FAPI 2.0 Security Profile, section 5.3.2.1
				again := h.refresh(a, refresh)
				if again.status != http.StatusOK || again.json["refresh_token"] != nil || again.text("access_token") == got.text("access_token") {
					h.t.Fatalf("refresh: %v", again)
				}
				if _, err := h.call(a.dpop, again.text("access_token")); err != nil {
					h.t.Errorf("the data API: %v", err)
				}
			}
			h.wantError("no proof", h.post("/oauth/token", h.refreshForm(a, refresh)), http.StatusBadRequest, "invalid_dpop_proof")
			refreshes, tokens = append(refreshes, refresh), append(tokens, got.text("access_token"))
		}
		h.opensByItsKeyAlone(tokens)
		h.wantError("the second client's, by the first", h.refresh(h.bank, refreshes[1]), http.StatusBadRequest, "invalid_grant")
		thief := h.bank
		thief.dpop = h.other.dpop
		h.wantError("another key", h.refresh(thief, refreshes[0]), http.StatusBadRequest, "invalid_grant")
		none := h.refreshForm(h.bank, refreshes[0])
		none.Del("client_assertion")
		h.wantError("nobody", h.post("/oauth/token", none, h.tokenProof(h.bank)), http.StatusUnauthorized, "invalid_client")
		if got := h.refresh(h.bank, refreshes[0]); got.status != http.StatusOK {
			h.t.Errorf("after all that: %v", got)
		}
	},
}

func (h *house) tokenProof(a app) string {
	return h.proof(a.dpop, "POST", issuer+"/oauth/token", "", nil)
}

func (h *house) refreshForm(a app, token string) url.Values {
	return h.form(a, "grant_type", "refresh_token", "refresh_token", token)
}

func (h *house) refresh(a app, token string) answer {
	h.t.Helper()
	return h.post("/oauth/token", h.refreshForm(a, token), h.tokenProof(a))
}

// opensByItsKeyAlone tries the bank's token and the other client's with each
// other's key.
func (h *house) opensByItsKeyAlone(tokens []string) {
	h.t.Helper()
	for i, a := range []app{h.other, h.bank} {
		if _, err := h.call(a.dpop, tokens[i]); fault.Of(err).Code != "invalid_token" {
			h.t.Errorf("%s uses the other's token: %v", a.id, err)
		}
	}
}
