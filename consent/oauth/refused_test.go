package oauth

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"jali/consent"
	"jali/consent/dpop"
	"jali/internal/fault"
)

func TestPushRefuses(t *testing.T) {
	h := open(t)
	proof := func() string { return h.proof(h.bank.dpop, "POST", issuer+"/oauth/par", "", nil) }
	jkt := h.bank.dpop.Public().Thumbprint()
	for _, tt := range []struct {
		why    string
		params []string
		proofs []string
		code   string // empty: accepted
	}{
		{"as it should be", nil, nil, ""},
		{"a short state, which fosite refuses", []string{"state", "x"}, nil, ""},
		{"a state of 2048 bytes", []string{"state", strings.Repeat("s", 2048)}, nil, ""},
		{"a proof", nil, []string{proof()}, ""},
		{"dpop_jkt", []string{"dpop_jkt", jkt}, nil, ""},
		{"both", []string{"dpop_jkt", jkt}, []string{proof()}, ""},
		{"the resource by name", []string{"resource", issuer + "/v1"}, nil, ""},
		{"response_mode query", []string{"response_mode", "query"}, nil, ""},
		{"a nonce of 2048 bytes", []string{"nonce", strings.Repeat("n", 2048)}, nil, ""},
		{"a max_age, which every yes meets", []string{"max_age", "0"}, nil, ""},
		{"the acr that everyone has, among others", []string{"acr_values", "urn:x phr"}, nil, ""},
		{"what OpenID Connect would heed", []string{"prompt", "none", "claims", "{", "ui_locales", "en"}, nil, ""},

		{"a state of 2049 bytes", []string{"state", strings.Repeat("s", 2049)}, nil, "invalid_request"},
		{"a state with a line break", []string{"state", "a\nb"}, nil, "invalid_request"},
		{"no response_type", []string{"response_type", ""}, nil, "invalid_request"},
		{"response_mode fragment", []string{"response_mode", "fragment"}, nil, "invalid_request"},
		{"a nonce of 2049 bytes", []string{"nonce", strings.Repeat("n", 2049)}, nil, "invalid_request"},
		{"a max_age that is no number", []string{"max_age", "1.5"}, nil, "invalid_request"},
		{"a negative max_age", []string{"max_age", "-1"}, nil, "invalid_request"},
		{"another acr", []string{"acr_values", "urn:x phrh"}, nil, "unmet_authentication_requirements"},
		{"a scope", []string{"scope", "openid"}, nil, "invalid_scope"},
		{"a scope too many", []string{"scope", scopeQuery + " openid"}, nil, "invalid_scope"},
		{"an action that there is not", []string{"grant_management_action", "update"}, nil, "invalid_request"},
		{"a challenge that is no hash", []string{"code_challenge", "x"}, nil, "invalid_request"},
		{"a challenge with padding", []string{"code_challenge", s256(verifier) + "="}, nil, "invalid_request"},
		{"no authorization_details", []string{"authorization_details", ""}, nil, "invalid_request"},
		{"authorization_details of another type", []string{"authorization_details", `[{"type":"payment"}]`}, nil, "invalid_authorization_details"},
		{"an unknown member", []string{"authorization_details", strings.Replace(once, `"uses"`, `"more":1,"uses"`, 1)}, nil, "invalid_authorization_details"},
		{"beyond the purpose", []string{"authorization_details", strings.Replace(once, `{"limit":1}`, `{"limit":99,"per":"day"}`, 1)}, nil, "invalid_authorization_details"},
		{"another resource", []string{"resource", "https://evil.example"}, nil, "invalid_target"},
		{"dpop_jkt that is no thumbprint", []string{"dpop_jkt", "x"}, nil, "invalid_request"},
		{"a proof for another endpoint", nil, []string{h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil)}, "invalid_dpop_proof"},
		{"two proofs", nil, []string{proof(), proof()}, "invalid_dpop_proof"},
		{"nonsense for a proof", nil, []string{"x"}, "invalid_dpop_proof"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			before := h.rows()
			got := h.post("/oauth/par", h.parForm(h.bank, once, tt.params...), tt.proofs...)
			if tt.code == "" {
				if got.status != 201 || got.json["expires_in"] != 300.0 {
					t.Errorf("got %v; want 201", got)
				}
				return
			}
			h.wantError(tt.why, got, 400, tt.code)
			if h.rows() != before {
				t.Error("something was stored")
			}
		})
	}
}

func TestAuthorizeRefuses(t *testing.T) {
	h := open(t)
	uri := h.push(h.bank, once)
	q := func(pairs ...string) string {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return "/oauth/authorize?" + v.Encode()
	}
	for _, tt := range []struct{ why, path, code string }{
		{"no client_id", q("request_uri", uri), "request_not_pushed"},
		{"request_uri twice", q("client_id", h.bank.id, "request_uri", uri, "request_uri", uri), "request_not_pushed"},
		{"a request_uri nobody gave", q("client_id", h.bank.id, "request_uri", requestURIPrefix+"x"), "request_not_found"},
		{"a URL, which must not be fetched", q("client_id", h.bank.id, "request_uri", "https://bank.example/r"), "request_not_found"},
		{"a request object by value", q("client_id", h.bank.id, "request", h.object(nil, nil)), "request_not_pushed"},
	} {
		got := h.get(tt.path)
		if got.status != 400 || !strings.Contains(got.body, tt.code) || !strings.Contains(got.body, "这个授权请求无法继续") || got.header.Get("Location") != "" {
			t.Errorf("%s: %v; want %s", tt.why, got, tt.code)
		}
	}
	id := h.visit(h.bank, uri)
	if got := h.get(q("client_id", h.bank.id, "request_uri", uri, "state", "other", "scope", "x")); got.status != 303 {
		t.Errorf("what stands beside it is ignored: %v", got)
	}
	h.clock.pass(requestLife)
	if got := h.get(q("client_id", h.bank.id, "request_uri", uri)); !strings.Contains(got.body, "request_not_found") {
		t.Errorf("after 300 s: %v", got)
	}
	// The person who opened it in time may still answer.
	if back := h.back(h.get(h.decide(id, true))); back.Get("state") != "the state" {
		t.Errorf("the client is told %v", back)
	}
}

func TestFinishRefuses(t *testing.T) {
	h := open(t)
	id := h.visit(h.bank, h.push(h.bank, once))
	where := h.decide(id, true)
	ticket := must(url.Parse(where)).Query().Get("ticket")
	other := h.visit(h.bank, h.push(h.bank, once))
	for _, tt := range []struct{ why, path string }{
		{"a wrong ticket", "/oauth/finish?grant=" + string(id) + "&ticket=x"},
		{"another grant's ticket", "/oauth/finish?grant=" + string(other) + "&ticket=" + ticket},
		{"no ticket, where none was made", "/oauth/finish?grant=" + string(other) + "&ticket="},
		{"no grant", "/oauth/finish?ticket=" + ticket},
		{"an unknown grant", "/oauth/finish?grant=grant_x&ticket=" + ticket},
		{"the ticket twice", where + "&ticket=" + ticket},
	} {
		if got := h.get(tt.path); got.status != 400 || got.header.Get("Location") != "" {
			t.Errorf("%s: %v", tt.why, got)
		}
	}
	if _, err := h.consent.Revoke(context.Background(), h.person, id); err != nil {
		t.Fatal(err)
	}
	if got := h.get(where); got.status != 400 {
		t.Errorf("taken back before the browser came: %v", got)
	}
}

func TestTokenRefuses(t *testing.T) {
	h := open(t)
	code, _ := h.code(h.bank, once)
	proof := func(changes m) []string {
		return []string{h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", changes)}
	}
	form := func(params ...string) url.Values { return h.redeemForm(h.bank, code, params...) }
	for _, tt := range []struct {
		why    string
		form   url.Values
		proofs []string
		code   string
	}{
		{"two proofs", form(), append(proof(nil), proof(nil)...), "invalid_dpop_proof"},
		{"a proof for GET", form(), proof(m{"htm": "GET"}), "invalid_dpop_proof"},
		{"a proof for another address", form(), proof(m{"htu": issuer + "/oauth/par"}), "invalid_dpop_proof"},
		{"a proof for where we listen instead of who we are", form(), proof(m{"htu": h.http.URL + "/oauth/token"}), "invalid_dpop_proof"},
		{"an old proof", form(), proof(m{"iat": h.clock.now().Add(-2 * time.Minute).Unix()}), "invalid_dpop_proof"},
		{"no grant_type", form("grant_type", ""), proof(nil), "invalid_request"},
		{"the password grant", form("grant_type", "password"), proof(nil), "unsupported_grant_type"},
		{"the implicit grant", form("grant_type", "implicit"), proof(nil), "unsupported_grant_type"},
		{"two grant types", form("grant_type", "authorization_code refresh_token"), proof(nil), "unsupported_grant_type"},
		{"no code", form("code", ""), proof(nil), "invalid_request"},
		{"an unknown code", form("code", "x"), proof(nil), "invalid_grant"},
		{"another redirect_uri", form("redirect_uri", "https://bank.example/other"), proof(nil), "invalid_grant"},
		{"no redirect_uri", form("redirect_uri", ""), proof(nil), "invalid_grant"},
		{"a short verifier", form("code_verifier", "x"), proof(nil), "invalid_grant"},
		{"a scope", form("scope", "x"), proof(nil), "invalid_scope"},
		{"other authorization_details", form("authorization_details", daily), proof(nil), "invalid_authorization_details"},
		{"another resource", form("resource", "https://evil.example"), proof(nil), "invalid_target"},
		{"no refresh_token", form("grant_type", "refresh_token"), proof(nil), "invalid_request"},
		{"an unknown refresh_token", form("grant_type", "refresh_token", "refresh_token", "x"), proof(nil), "invalid_grant"},
		{"the code for a refresh_token", form("grant_type", "refresh_token", "refresh_token", code), proof(nil), "invalid_grant"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			h.wantError(tt.why, h.post("/oauth/token", tt.form, tt.proofs...), 400, tt.code)
		})
	}
	again := proof(nil)
	h.wantError("the proof's first use", h.post("/oauth/token", form("code", "x"), again...), 400, "invalid_grant")
	h.wantError("the same proof again", h.post("/oauth/token", form(), again...), 400, "invalid_dpop_proof")

	// None of this has used the code up.
	if got := h.redeem(h.bank, code); got.status != 200 {
		t.Errorf("the code, at last: %v", got)
	}
}

func TestCodeOfARevokedGrant(t *testing.T) {
	h := open(t)
	code, id := h.code(h.bank, once)
	if _, err := h.consent.Revoke(context.Background(), h.person, id); err != nil {
		t.Fatal(err)
	}
	h.wantError("taken back within the minute", h.redeem(h.bank, code), 400, "invalid_grant")
}

// TestNothingSecretIsKeptOrLogged looks for everything secret that went by in
// storage and log, first for something that has to be there.
func TestNothingSecretIsKeptOrLogged(t *testing.T) {
	h := open(t)
	var log bytes.Buffer
	h.server.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	form := h.parForm(h.bank, daily)
	uri := h.post("/oauth/par", form).text("request_uri")
	where := h.decide(h.visit(h.bank, uri), true)
	between := h.dump()
	code := h.back(h.get(where)).Get("code")
	got := h.redeem(h.bank, code)
	h.redeem(h.bank, "unknown-code-"+verifier)
	h.post("/oauth/token", url.Values{"client_secret": {"hunter2"}})
	kept := between + h.dump() + log.String()
	if !strings.Contains(kept, "the state") || !strings.Contains(kept, "client secrets are not accepted") {
		t.Fatal("this looks in the wrong place")
	}
	for what, secret := range map[string]string{
		"assertion": form.Get("client_assertion"), "request_uri": strings.TrimPrefix(uri, requestURIPrefix), "code": code,
		"verifier": verifier, "access token": got.text("access_token"), "refresh token": got.text("refresh_token"),
		"ticket": must(url.Parse(where)).Query().Get("ticket"), "secret": "hunter2",
	} {
		if secret == "" || strings.Contains(kept, secret) || strings.Contains(kept, base64.RawURLEncoding.EncodeToString([]byte(secret))) {
			t.Errorf("%s: kept, or missing from the test", what)
		}
	}
}

func TestStorageTrouble(t *testing.T) {
	h := open(t)
	code, _ := h.code(h.bank, once)
	got, _ := h.tokens(h.bank, once)
	if err := h.db.Close(); err != nil {
		t.Fatal(err)
	}
	for what, got := range map[string]answer{
		"par": h.post("/oauth/par", h.parForm(h.bank, once)), "token": h.redeem(h.bank, code),
		"introspect": h.introspect(h.bank, got.text("access_token")),
	} {
		h.wantError(what, got, 503, "temporarily_unavailable")
	}
	if got := h.get("/oauth/authorize?client_id=a&request_uri=b"); got.status != 503 {
		t.Errorf("authorize: %v", got)
	}
	if _, err := h.call(h.bank.dpop, got.text("access_token")); fault.Of(err).Kind != fault.Unavailable {
		t.Errorf("Authenticate = %v", err)
	}
}

func TestConfiguration(t *testing.T) {
	h := open(t)
	good := h.server.Config
	for _, tt := range []struct {
		issuer string
		ok     bool
	}{
		{"https://jali.example", true}, {"http://localhost:8080", true}, {"http://127.0.0.1:1", true}, {"https://jali.example:8443", true},
		{"https://jali.example/", false}, {"https://jali.example/a", false}, {"http://jali.example", false},
		{"https://u@jali.example", false}, {"jali.example", false}, {"", false}, {"https://jali.example?x", false}, {"ftp://localhost", false},
	} {
		c := good
		c.Issuer = tt.issuer
		if _, err := New(c); (err == nil) != tt.ok {
			t.Errorf("New with issuer %q: %v", tt.issuer, err)
		}
	}
	c := good
	c.MAC = nil
	if _, err := New(c); err == nil {
		t.Error("New without a MAC")
	}
}

func TestErrorsKeepToTheirCharacters(t *testing.T) {
	if got := plain("a \"b\" \\ 钱\n"); got != "a 'b' ' ??" {
		t.Errorf("plain = %q", got)
	}
	for _, tt := range []struct {
		why    string
		err    error
		status int
		code   string
	}{
		{"nobody foresaw it", errors.New("boom"), 500, "server_error"},
		{"the memory of proofs is full", dpop.ErrFull, 503, "temporarily_unavailable"},
		{"suspended between two looks", consent.ErrSuspended, 401, "invalid_client"},
		{"an internal fault", &fault.Error{Kind: fault.Internal, Code: "grant_backwards", Detail: "secret"}, 500, "server_error"},
	} {
		if got := refusalOf(tt.err); got.status != tt.status || got.code != tt.code || strings.Contains(got.description, "secret") {
			t.Errorf("%s: %d %s %s", tt.why, got.status, got.code, got.description)
		}
	}
}
