package oauth

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/consent"
	"jali/internal/jose"
)

// opened is what stands in a signed authorization response, and nothing may
// stand beside it.
func (h *house) opened(got answer) jose.Claims {
	h.t.Helper()
	u, err := url.Parse(got.header.Get("Location"))
	if err != nil || got.status != http.StatusSeeOther {
		h.t.Fatalf("finish: %v, to %q", got, got.header.Get("Location"))
	}
	q := u.Query()
	q.Del("from") // of the redirect_uri's own
	if len(q) != 1 || len(q["response"]) != 1 || u.Fragment != "" {
		h.t.Fatalf("the client is told %v", q)
	}
	token, err := jose.Verify(q.Get("response"), jose.KeySet{issuerKey.Public()}, jose.Expect{MaxBytes: 8 << 10})
	if err != nil {
		h.t.Fatal(err)
	}
	return token.Claims
}

func TestSignedResponses(t *testing.T) {
	for _, mode := range []string{"jwt", "query.jwt"} {
		for _, tt := range []struct {
			why     string
			yes     bool
			state   string
			members []string
		}{
			{"a yes", true, "the state", []string{"aud", "code", "exp", "iss", "state"}},
			{"a yes without state", true, "", []string{"aud", "code", "exp", "iss"}},
			{"a no", false, "the state", []string{"aud", "error", "error_description", "exp", "iss", "state"}},
		} {
			t.Run(mode+", "+tt.why, func(t *testing.T) {
				h := open(t)
				got := h.post("/oauth/par", h.parForm(h.bank, once, "response_mode", mode, "state", tt.state))
				in := h.opened(h.get(h.decide(h.visit(h.bank, got.text("request_uri")), tt.yes)))
				if names := slices.Sorted(maps.Keys(in)); !slices.Equal(names, tt.members) {
					t.Errorf("it holds %q; want %q", names, tt.members)
				}
				iss, _ := in.String("iss")
				aud, _ := in.String("aud")
				state, _ := in.String("state")
				no, _ := in.String("error")
				exp, _ := in.Time("exp")
				if iss != issuer || aud != h.bank.id || state != tt.state || (no == "access_denied") == tt.yes ||
					!exp.After(h.clock.now()) || exp.After(h.clock.now().Add(10*time.Minute)) {
					t.Errorf("it says %v", in)
				}
				if !tt.yes {
					return
				}
				code, _ := in.String("code")
				if got := h.redeem(h.bank, code); got.status != http.StatusOK {
					t.Errorf("token: %v", got)
				}
			})
		}
	}
}

func TestSignedResponsesAreDemanded(t *testing.T) {
	h := open(t)
	h.change(h.bank, func(c *consent.Client) { c.SignedResponses = true })
	h.pushFails(h.parForm(h.bank, once), "invalid_request")
	h.pushFails(h.parForm(h.bank, once, "response_mode", "query"), "invalid_request")
	// There are no others, whoever asks.
	for _, a := range []app{h.bank, h.other} {
		for _, mode := range []string{"fragment", "form_post", "fragment.jwt", "form_post.jwt", "JWT", "query jwt"} {
			h.pushFails(h.parForm(a, once, "response_mode", mode), "invalid_request")
		}
	}
	got := h.post("/oauth/par", h.parForm(h.bank, once, "response_mode", "jwt"))
	if in := h.opened(h.get(h.decide(h.visit(h.bank, got.text("request_uri")), true))); !in.Has("code") {
		t.Errorf("it says %v", in)
	}
}

// A signed request for a signed response: what FAPI 2.0 Message Signing has a
// client do.
func TestSignedBothWays(t *testing.T) {
	h := open(t)
	h.signs()
	got := h.post("/oauth/par", h.signed(nil, m{"response_mode": "jwt"}, "response_mode", "query"))
	in := h.opened(h.get(h.decide(h.visit(h.bank, got.text("request_uri")), true)))
	if code, _ := in.String("code"); !strings.HasPrefix(code, "grant_") {
		t.Errorf("it says %v", in)
	}
}
