package oauth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"net/http"
	"net/url"
	"time"

	"jali/internal/jose"
	"jali/internal/secret"
)

// assertionModules are about client assertions: at the token endpoint, and the
// plan's par- ones at PAR.
var assertionModules = map[string]module{
	"ensure-client-assertion-in-token-endpoint": func(h *house) {
		h.tokenShuts("no assertion", func(f url.Values) {
			f.Del("client_assertion")
			f.Del("client_assertion_type")
		})
	},
	"ensure-client-assertion-with-exp-is-5-minutes-in-past-fails": func(h *house) {
		h.tokenShuts("an exp of 5 minutes ago", h.asserting(m{"exp": h.in(-5 * time.Minute)}))
	},
	"ensure-client-assertion-with-no-sub-fails": func(h *house) {
		h.tokenShuts("no sub", h.asserting(m{"sub": nil}))
	},
	"ensure-client-assertion-with-wrong-aud-fails": func(h *house) {
		for _, aud := range []any{nil, "https://other.example", issuer + "/", "jali.example", callback} {
			h.tokenShuts("another aud", h.asserting(m{"aud": aud}))
		}
	},
	"ensure-signed-client-assertion-with-RS256-fails": func(h *house) {
		key := must(rsa.GenerateKey(rand.Reader, 2048))
		h.bank.key = must(jose.ParsePKCS8(secret.New(must(x509.MarshalPKCS8PrivateKey(key)))))
		h.publish() // with PS256 it is good, as tokenShuts sees at its end
		h.tokenShuts("RS256", func(f url.Values) {
			claims := m{"iss": h.bank.id, "sub": h.bank.id, "aud": issuer, "jti": rand.Text(), "iat": h.in(0), "exp": h.in(time.Minute)}
			f.Set("client_assertion", rs256(key, m{"kid": h.bank.key.Public().ID()}, claims))
		})
	},
	// Its client_id is the second client's, its assertion says so too, and the
	// first one's key has signed it.
	"ensure-client-id-in-token-endpoint": func(h *house) {
		h.tokenShuts("another client's id", func(f url.Values) {
			mixed := h.other
			mixed.key = h.bank.key
			f.Set("client_id", h.other.id)
			f.Set("client_assertion", h.assertion(mixed, nil, nil))
		})
		h.tokenShuts("another client's id beside the right assertion", func(f url.Values) { f.Set("client_id", h.other.id) })
	},

	"par-test-array-as-audience-fails": func(h *house) {
		h.pushShuts(m{"aud": []string{issuer}})
		h.pushShuts(m{"aud": []string{issuer, "https://other.example"}})
	},
	"par-test-par-endpoint-url-as-audience-fails":   func(h *house) { h.pushShuts(m{"aud": issuer + "/oauth/par"}) },
	"par-test-token-endpoint-url-as-audience-fails": func(h *house) { h.pushShuts(m{"aud": issuer + "/oauth/token"}) },
	"par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted": func(h *house) {
		form := h.parForm(h.bank, once)
		h.asserting(m{"nbf": h.in(8 * time.Second), "iat": h.in(8 * time.Second)})(form)
		h.carry(form)
	},
	"par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails": func(h *house) {
		h.pushShuts(m{"nbf": h.in(61 * time.Second)})
		h.pushShuts(m{"iat": h.in(61 * time.Second)})
	},
}

// asserting puts an assertion of the bank's with changes into a form.
func (h *house) asserting(changes m) func(url.Values) {
	return func(f url.Values) { f.Set("client_assertion", h.assertion(h.bank, nil, changes)) }
}

// tokenShuts sends a good code with a form that shows the wrong client, or
// none. It must be refused, and must not have used the code up.
func (h *house) tokenShuts(why string, spoil func(url.Values)) {
	h.t.Helper()
	code, _ := h.code(h.bank, once)
	form := h.redeemForm(h.bank, code)
	spoil(form)
	got := h.post("/oauth/token", form, h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil))
	h.wantError(why, got, http.StatusUnauthorized, "invalid_client")
	if got := h.redeem(h.bank, code); got.status != http.StatusOK {
		h.t.Errorf("%s, and then the code as it should be: %v", why, got)
	}
}

// pushShuts pushes with an assertion of the bank's that is wrong in one way.
func (h *house) pushShuts(changes m) {
	h.t.Helper()
	form, before := h.parForm(h.bank, once), h.rows()
	h.asserting(changes)(form)
	h.wantError("PAR", h.post("/oauth/par", form), http.StatusUnauthorized, "invalid_client")
	if h.rows() != before {
		h.t.Error("something was stored")
	}
}
