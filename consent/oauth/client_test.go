package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"jali/internal/jose"
)

func TestClientAuthentication(t *testing.T) {
	h := open(t)
	sign := func(header, claims m) func() url.Values {
		return func() url.Values {
			f := h.parForm(h.bank, once)
			f.Set("client_assertion", h.assertion(h.bank, header, claims))
			return f
		}
	}
	change := func(params ...string) func() url.Values {
		return func() url.Values { return h.parForm(h.bank, once, params...) }
	}
	at := func(d time.Duration) int64 { return h.clock.now().Add(d).Unix() }
	stranger, someoneElse := h.bank, h.bank
	stranger.key = must(jose.Generate(jose.ES256))
	someoneElse.id = "client_nobody"
	used := h.parForm(h.bank, once)
	if got := h.post("/oauth/par", used); got.status != 201 {
		t.Fatal(got)
	}

	for _, tt := range []struct {
		why  string
		form func() url.Values
		ok   bool
	}{
		{"good", change(), true},
		{"client_id left out: the assertion says it", change("client_id", ""), true},
		{"typ of the newer draft", sign(m{"typ": "client-authentication+jwt"}, nil), true},
		{"exp 5 minutes ahead", sign(nil, m{"exp": at(5 * time.Minute)}), true},

		{"an unknown client", func() url.Values { return h.parForm(someoneElse, once) }, false},
		{"another client's id", change("client_id", "client_other"), false},
		{"a stranger's key", func() url.Values { return h.parForm(stranger, once) }, false},
		{"no assertion", change("client_assertion", ""), false},
		{"no type", change("client_assertion_type", ""), false},
		{"another type", change("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"), false},
		{"a secret in place of it", change("client_assertion", "", "client_secret", "x"), false},
		{"a secret beside it", change("client_secret", "x"), false},
		{"nonsense", change("client_assertion", "x.y.z"), false},
		{"no iss", sign(nil, m{"iss": nil}), false},
		{"another iss", sign(nil, m{"iss": "client_other"}), false},
		{"no sub", sign(nil, m{"sub": nil}), false},
		{"another sub", sign(nil, m{"sub": "client_other"}), false},
		{"no aud", sign(nil, m{"aud": nil}), false},
		{"aud with a slash", sign(nil, m{"aud": issuer + "/"}), false},
		{"no exp", sign(nil, m{"exp": nil}), false},
		{"exp 5 minutes back", sign(nil, m{"exp": at(-5 * time.Minute)}), false},
		{"exp now", sign(nil, m{"exp": at(0)}), false},
		{"exp an hour ahead", sign(nil, m{"exp": at(time.Hour)}), false},
		{"exp as a string", sign(nil, m{"exp": "2000000000"}), false},
		{"no iat", sign(nil, m{"iat": nil}), false},
		{"iat before the server started", sign(nil, m{"iat": at(-2 * time.Second)}), false},
		{"no jti", sign(nil, m{"jti": nil}), false},
		{"an empty jti", sign(nil, m{"jti": " "}), false},
		{"an endless jti", sign(nil, m{"jti": strings.Repeat("x", 257)}), false},
		{"a key of its own", sign(m{"jwk": h.bank.key.Public().JWK()}, nil), false},
		{"crit", sign(m{"crit": []string{"exp"}}, nil), false},
		{"a proof for an assertion", sign(m{"typ": "dpop+jwt"}, nil), false},
		{"the same one again", func() url.Values { return used }, false},
		{"larger than 8 KiB", sign(nil, m{"x": strings.Repeat("x", 8<<10)}), false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			got := h.post("/oauth/par", tt.form())
			if tt.ok && got.status != 201 || !tt.ok && (got.status != 401 || got.text("error") != "invalid_client") {
				t.Errorf("got %v; want ok: %v", got, tt.ok)
			}
		})
	}

	t.Run("unknown, foreign key and forged alg answer alike", func(t *testing.T) {
		for _, pair := range [][2]url.Values{
			{h.parForm(someoneElse, once), h.parForm(stranger, once)},
			{h.parForm(someoneElse, once, "client_assertion", "x"), h.parForm(h.bank, once, "client_assertion", "x")},
		} {
			if a, b := h.post("/oauth/par", pair[0]), h.post("/oauth/par", pair[1]); a.body != b.body || a.status != b.status {
				t.Errorf("an unknown client: %v; a known one: %v", a, b)
			}
		}
	})
	t.Run("HTTP Basic", func(t *testing.T) {
		got := h.send("POST", "/oauth/token", http.Header{
			"Content-Type": {"application/x-www-form-urlencoded"}, "Authorization": {"Basic Y2xpZW50X2Jhbms6eA=="},
		}, strings.NewReader("grant_type=client_credentials"))
		if got.status != 401 || got.text("error") != "invalid_client" || !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Basic") {
			t.Errorf("got %v with %q", got, got.header.Get("WWW-Authenticate"))
		}
	})
	t.Run("after a restart", func(t *testing.T) {
		form := h.parForm(h.bank, once)
		h.clock.pass(3 * time.Second)
		h.http.Config.Handler = h.site(h.newServer())
		if got := h.post("/oauth/par", form); got.text("error") != "invalid_client" {
			t.Errorf("an assertion from before the start: %v", got)
		}
	})
}

// TestPlainOAuthClient: golang.org/x/oauth2 knows neither PAR nor DPoP. Both of
// its steps are refused in words that say what is missing.
func TestPlainOAuthClient(t *testing.T) {
	h := open(t)
	c := oauth2.Config{ClientID: h.bank.id, ClientSecret: "secret", RedirectURL: callback,
		Endpoint: oauth2.Endpoint{AuthURL: h.http.URL + "/oauth/authorize", TokenURL: h.http.URL + "/oauth/token"}}
	if got := h.get(strings.TrimPrefix(c.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)), h.http.URL)); got.status != 400 || !strings.Contains(got.body, "pushed") {
		t.Errorf("authorize: %v", got)
	}
	code, _ := h.code(h.bank, once)
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleAutoDetect, oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
		c.Endpoint.AuthStyle = style
		_, err := c.Exchange(context.Background(), code, oauth2.VerifierOption(verifier))
		var no *oauth2.RetrieveError
		if !errors.As(err, &no) || no.ErrorCode != "invalid_client" || !strings.Contains(no.ErrorDescription, "private_key_jwt") {
			t.Errorf("Exchange = %v", err)
		}
	}
	// Taught private_key_jwt, it still has no proof.
	c.ClientSecret = ""
	_, err := c.Exchange(context.Background(), code, oauth2.VerifierOption(verifier),
		oauth2.SetAuthURLParam("client_assertion_type", assertionType),
		oauth2.SetAuthURLParam("client_assertion", h.assertion(h.bank, nil, nil)))
	var no *oauth2.RetrieveError
	if !errors.As(err, &no) || no.ErrorCode != "invalid_dpop_proof" || !strings.Contains(no.ErrorDescription, "RFC 9449") {
		t.Errorf("Exchange = %v", err)
	}
}

func FuzzForm(f *testing.F) {
	f.Add("grant_type=authorization_code&code=x")
	f.Add("a=%00&a=%ff;b")
	f.Fuzz(func(t *testing.T, body string) {
		form, err := parseForm(body)
		if (err == nil) != (form != nil) {
			t.Fatalf("parseForm = %v, %v", form, err)
		}
		for name, values := range form {
			if len(values) != 1 || values[0] == "" {
				t.Fatalf("%q = %q", name, values)
			}
		}
	})
}
