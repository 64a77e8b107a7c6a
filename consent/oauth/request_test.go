package oauth

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/consent"
	"jali/internal/jose"
)

func TestRequestObjects(t *testing.T) {
	h := open(t)
	huge := strings.Repeat("x", maxRequestObject)
	for _, tt := range []struct {
		why             string
		header, changes m
		outside         []string
		code            string // empty: accepted
	}{
		{"good, though the client need not sign", nil, nil, nil, ""},
		{"typ as a whole media type", m{"typ": "application/OAuth-Authz-Req+JWT"}, nil, nil, ""},
		{"nbf 59 minutes old, exp an hour behind it", nil, m{"nbf": h.in(-59 * time.Minute), "exp": h.in(time.Minute)}, nil, ""},
		{"iat 8 s ahead", nil, m{"iat": h.in(8 * time.Second)}, nil, ""},
		{"a person for sub", nil, m{"sub": "somebody"}, nil, ""},
		{"max_age as a number", nil, m{"max_age": 0}, nil, ""},
		{"the acr that there is, among others", nil, m{"acr_values": "urn:x phr"}, nil, ""},
		{"members that nobody reads", nil, m{"claims": m{"id_token": nil}, "prompt": "consent", "jti": 7}, nil, ""},
		{"an empty state is none", nil, m{"state": ""}, nil, ""},
		{"outside, what would be wrong inside", nil, nil, []string{"response_type", "token", "redirect_uri", "https://evil.example",
			"scope", "openid", "authorization_details", "x", "code_challenge_method", "plain", "dpop_jkt", "x", "grant_id", "x", "resource", "x"}, ""},

		{"no typ", m{"typ": nil}, nil, nil, "invalid_request_object"},
		{"typ JWT", m{"typ": "JWT"}, nil, nil, "invalid_request_object"},
		{"a client assertion's typ", m{"typ": "client-authentication+jwt"}, nil, nil, "invalid_request_object"},
		{"a key of its own", m{"jwk": h.bank.key.Public().JWK()}, nil, nil, "invalid_request_object"},
		{"crit", m{"crit": []string{"exp"}}, nil, nil, "invalid_request_object"},
		{"no iss", nil, m{"iss": nil}, nil, "invalid_request_object"},
		{"another iss", nil, m{"iss": h.other.id}, nil, "invalid_request_object"},
		{"no client_id", nil, m{"client_id": nil}, nil, "invalid_request_object"},
		{"another client_id", nil, m{"client_id": h.other.id}, nil, "invalid_request_object"},
		{"the client for sub: it would pass for an assertion", nil, m{"sub": h.bank.id}, nil, "invalid_request_object"},
		{"sub is a number", nil, m{"sub": 1}, nil, "invalid_request_object"},
		{"exp as a string", nil, m{"exp": "2000000000"}, nil, "invalid_request_object"},
		{"nbf as a string", nil, m{"nbf": "1"}, nil, "invalid_request_object"},
		{"iat a minute ahead", nil, m{"iat": h.in(time.Minute)}, nil, "invalid_request_object"},
		{"state is a number", nil, m{"state": 7}, nil, "invalid_request_object"},
		{"nonce is an object", nil, m{"nonce": m{}}, nil, "invalid_request_object"},
		{"scope is an array", nil, m{"scope": []string{scopeQuery}}, nil, "invalid_request_object"},
		{"a NUL", nil, m{"state": "a\x00b"}, nil, "invalid_request_object"},
		{"max_age as a string", nil, m{"max_age": "0"}, nil, "invalid_request_object"},
		{"max_age is negative", nil, m{"max_age": -1}, nil, "invalid_request_object"},
		{"max_age is null", nil, m{"max_age": json.RawMessage("null")}, nil, "invalid_request_object"},
		{"authorization_details as a string", nil, m{"authorization_details": once}, nil, "invalid_request_object"},
		{"larger than 32 KiB", nil, m{"x": huge}, nil, "invalid_request_object"},

		{"no authorization_details", nil, m{"authorization_details": nil}, []string{"authorization_details", once}, "invalid_request"},
		{"authorization_details beyond the purpose", nil, m{"authorization_details": json.RawMessage(strings.Replace(once, `{"limit":1}`, `{"limit":9,"per":"day"}`, 1))}, nil, "invalid_authorization_details"},
		{"no PKCE inside", nil, m{"code_challenge": nil}, []string{"code_challenge", s256(verifier)}, "invalid_request"},
		{"response_type only outside", nil, m{"response_type": nil}, []string{"response_type", "code"}, "invalid_request"},
		{"another redirect_uri", nil, m{"redirect_uri": "https://evil.example"}, []string{"redirect_uri", callback}, "invalid_request"},
		{"the implicit flow", nil, m{"response_type": "token"}, []string{"response_type", "code"}, "unsupported_response_type"},
		{"an acr that there is not", nil, m{"acr_values": "urn:x"}, nil, "unmet_authentication_requirements"},
		{"a scope that there is not", nil, m{"scope": "openid"}, nil, "invalid_scope"},
		{"another resource", nil, m{"resource": "https://evil.example"}, nil, "invalid_target"},
		{"a request_uri beside it", nil, nil, []string{"request_uri", requestURIPrefix + "x"}, "invalid_request"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			h.t = t
			form := h.signed(tt.header, tt.changes, tt.outside...)
			if tt.code != "" {
				h.pushFails(form, tt.code)
			} else if got := h.post("/oauth/par", form); got.status != http.StatusCreated {
				t.Errorf("got %v; want 201", got)
			}
		})
	}
}

// A member that stands twice means one thing to who signed it and another to
// who reads it.
func TestRequestObjectNamesNothingTwice(t *testing.T) {
	h := open(t)
	claims := strings.Replace(string(must(json.Marshal(h.claims(nil)))), `{`, `{"state":"another",`, 1)
	object := must(h.bank.key.Sign(m{"typ": requestType}, json.RawMessage(claims)))
	h.pushFails(h.form(h.bank, "request", object), "invalid_request_object")
}

func TestRequestObjectsInEveryAlgorithm(t *testing.T) {
	for _, alg := range jose.Algorithms() {
		h := open(t)
		h.bank.key = must(jose.Generate(alg))
		h.signs()
		if back := h.carry(h.signed(nil, nil)); back.Get("state") != "the state" {
			t.Errorf("%s: the client is told %v", alg, back)
		}
	}
}

// What was signed is what the person is asked and what is granted.
func TestRequestObjectIsWhatIsAsked(t *testing.T) {
	h := open(t)
	got := h.post("/oauth/par", h.signed(nil, m{"authorization_details": json.RawMessage(daily), "scope": scopeRevoke + " " + scopeQuery}, "authorization_details", once))
	id := h.visit(h.bank, got.text("request_uri"))
	g, err := h.consent.Show(t.Context(), h.person, id)
	if err != nil || g.Asked.Purpose != consent.BalanceOverview {
		t.Errorf("asked is %+v, %v", g.Asked, err)
	}
	tokens := h.redeem(h.bank, h.back(h.get(h.decide(id, true))).Get("code"))
	details, _ := json.Marshal(tokens.json["authorization_details"])
	if !strings.Contains(string(details), `"purpose":"balance_overview"`) || tokens.text("scope") != scopeQuery+" "+scopeRevoke {
		t.Errorf("token: %v", tokens)
	}
}

// The key that a signed request names is the one that its code is bound to; one
// that is named beside it binds nothing.
func TestRequestObjectBindsTheCode(t *testing.T) {
	h := open(t)
	key, other := h.bank.dpop.Public().Thumbprint(), h.other.dpop.Public().Thumbprint()
	h.carry(h.signed(nil, m{"dpop_jkt": key}, "dpop_jkt", other))
	h.carry(h.signed(nil, nil, "dpop_jkt", other))
	uri := h.post("/oauth/par", h.signed(nil, m{"dpop_jkt": other}, "dpop_jkt", key)).text("request_uri")
	code := h.back(h.get(h.decide(h.visit(h.bank, uri), true))).Get("code")
	h.wantError("another key", h.redeem(h.bank, code), 400, "invalid_grant")
}

// Of a request object only what it asks is kept.
func TestRequestObjectIsNotKept(t *testing.T) {
	h := open(t)
	form := h.signed(nil, nil)
	h.post("/oauth/par", form)
	kept := h.dump()
	if !strings.Contains(kept, "the state") {
		t.Fatal("this looks in the wrong place")
	}
	for part := range strings.SplitSeq(form.Get("request"), ".") {
		if strings.Contains(kept, part) {
			t.Error("a part of the request object is kept")
		}
	}
}

func FuzzRequestObject(f *testing.F) {
	h := open(f)
	for _, changes := range []m{nil, {"max_age": 1e9}, {"aud": []any{issuer, nil}}, {"exp": 1e300}, {"authorization_details": []any{}}, {"state": m{"a": 1}}, {"nbf": nil}} {
		f.Add(must(json.Marshal(h.claims(changes))))
	}
	f.Add([]byte(`{"state":"\u0000\ud800"}`))
	f.Fuzz(func(t *testing.T, claims []byte) {
		if !json.Valid(claims) {
			return
		}
		compact := must(h.bank.key.Sign(m{"typ": requestType}, json.RawMessage(claims)))
		bank := must(h.consent.Client(t.Context(), consent.ClientID(h.bank.id)))
		r := must(http.NewRequestWithContext(t.Context(), "POST", issuer+"/oauth/par", nil))
		form, err := h.server.parameters(call{Request: r, form: url.Values{"request": {compact}}, client: bank, now: h.clock.now()})
		if err != nil {
			if no := refusalOf(err); no.code != "invalid_request_object" {
				t.Errorf("%s: %v", claims, err)
			}
			return
		}
		for name, values := range form {
			known := slices.Contains(textParams, name) || slices.Contains(numberParams, name) || name == "authorization_details"
			if len(values) != 1 || values[0] == "" || strings.ContainsRune(values[0], 0) || !known {
				t.Errorf("%s became %q = %q", claims, name, values)
			}
		}
	})
}
