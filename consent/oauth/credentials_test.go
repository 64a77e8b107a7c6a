package oauth

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"jali/consent"
	"jali/internal/fault"
)

func (h *house) askOwn(a app, params ...string) answer {
	h.t.Helper()
	form := h.form(a, append([]string{"grant_type", "client_credentials"}, params...)...)
	return h.post("/oauth/token", form, h.proof(a.dpop, "POST", issuer+"/oauth/token", "", nil))
}

func TestOwnToken(t *testing.T) {
	h := open(t)
	got := h.askOwn(h.bank, "scope", scopeRevoke+" "+scopeQuery)
	if got.status != 200 || got.text("token_type") != "DPoP" || got.json["expires_in"] != 900.0 || got.text("scope") != scopeQuery+" "+scopeRevoke {
		t.Fatalf("token: %v", got)
	}
	for _, name := range []string{"refresh_token", "grant_id", "authorization_details"} {
		if got.json[name] != nil {
			t.Errorf("the client's own token comes with %s", name)
		}
	}
	token := got.text("access_token")
	if _, err := h.call(h.bank.dpop, token); fault.Of(err).Code != "invalid_token" {
		t.Errorf("at the data API: %v; it is of no grant", err)
	}
	present := func(key app, token string) (row, error) {
		r := httptest.NewRequest("GET", "http://inside/oauth/grants/x", nil)
		r.Header.Set("Authorization", "DPoP "+token)
		r.Header.Set("DPoP", h.proof(key.dpop, "GET", issuer+"/oauth/grants/x", token, nil))
		row, _, err := h.server.presented(http.Header{}, r, h.clock.now())
		return row, err
	}
	if r, err := present(h.bank, token); err != nil || !r.own() || r.Client != "client_bank" || !within([]string{scopeQuery, scopeRevoke}, r.Scopes) {
		t.Errorf("presented = %+v, %v", r, err)
	}
	if _, err := present(h.other, token); fault.Of(err).Code != "invalid_token" {
		t.Errorf("with another key: %v", err)
	}
	granted, _ := h.tokens(h.bank, once)
	if r, err := present(h.bank, granted.text("access_token")); err != nil || r.own() {
		t.Errorf("a grant's token: %+v, %v; it is not the client's own", r, err)
	}

	active := h.introspect(h.bank, token)
	if active.json["active"] != true || active.text("scope") != scopeQuery+" "+scopeRevoke || active.json["cnf"].(m)["jkt"] != h.bank.dpop.Public().Thumbprint() ||
		active.json["grant_id"] != nil || active.json["sub"] != nil {
		t.Errorf("introspection: %v", active)
	}
	if got := h.introspect(h.other, token); strings.TrimSpace(got.body) != `{"active":false}` {
		t.Errorf("another client's introspection: %v", got)
	}
	if got := h.post("/oauth/revoke", h.form(h.bank, "token", token)); got.status != 200 {
		t.Fatal(got)
	}
	if _, err := present(h.bank, token); fault.Of(err).Code != "invalid_token" {
		t.Errorf("after its revocation: %v", err)
	}
	token = h.askOwn(h.bank, "scope", scopeQuery).text("access_token")
	h.clock.pass(accessLife)
	if _, err := present(h.bank, token); fault.Of(err).Code != "invalid_token" {
		t.Errorf("after its end: %v", err)
	}
	h.clock.pass(time.Second)
	if err := h.server.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(h.dump(), scopeQuery) {
		t.Error("it is kept after its end")
	}
}

func TestOwnTokenRefused(t *testing.T) {
	h := open(t)
	h.wantError("no scope", h.askOwn(h.bank), 400, "invalid_scope")
	h.wantError("an unknown scope", h.askOwn(h.bank, "scope", "openid"), 400, "invalid_scope")
	h.wantError("one of two is unknown", h.askOwn(h.bank, "scope", scopeQuery+" grant_management_create"), 400, "invalid_scope")
	h.wantError("two spaces", h.askOwn(h.bank, "scope", scopeQuery+"  "+scopeRevoke), 400, "invalid_scope")
	h.wantError("in capitals", h.askOwn(h.bank, "scope", strings.ToUpper(scopeQuery)), 400, "invalid_scope")
	h.wantError("with details", h.askOwn(h.bank, "scope", scopeQuery, "authorization_details", once), 400, "invalid_authorization_details")
	h.wantError("for another resource", h.askOwn(h.bank, "scope", scopeQuery, "resource", "https://evil.example"), 400, "invalid_target")
	h.wantError("without a proof", h.post("/oauth/token", h.form(h.bank, "grant_type", "client_credentials", "scope", scopeQuery)), 400, "invalid_dpop_proof")
	if h.rows() != 0 {
		t.Error("something was stored")
	}
}

// A client's id may look like anything that fits: rows of one are never found,
// or taken away, as another's.
func TestOwnTokensOfClientsWithDots(t *testing.T) {
	h := open(t)
	a, b := h.register("a"), h.register("a.b")
	of := map[string]string{}
	for _, one := range []app{a, b} {
		of[one.id] = h.askOwn(one, "scope", scopeQuery).text("access_token")
	}
	for _, one := range []app{a, b} {
		for id, token := range of {
			if got := h.introspect(one, token); got.json["active"] != (id == one.id) {
				t.Errorf("%s asks about the token of %s: %v", one.id, id, got)
			}
		}
	}
}

func TestScopesOfAGrantsTokens(t *testing.T) {
	h := open(t)
	for _, scope := range []string{scopeQuery + " " + scopeRevoke, scopeRevoke + " " + scopeQuery} { // in any order
		form := h.parForm(h.bank, daily, "scope", scope)
		uri := h.post("/oauth/par", form).text("request_uri")
		code := h.back(h.get(h.decide(h.visit(h.bank, uri), true))).Get("code")
		got := h.redeem(h.bank, code)
		if got.text("scope") != scopeQuery+" "+scopeRevoke {
			t.Fatalf("token: %v", got)
		}
		if active := h.introspect(h.bank, got.text("access_token")); active.text("scope") != scopeQuery+" "+scopeRevoke {
			t.Errorf("introspection: %v", active)
		}
		refresh := func(scope string) answer {
			form := h.form(h.bank, "grant_type", "refresh_token", "refresh_token", got.text("refresh_token"))
			if scope != "" {
				form.Set("scope", scope)
			}
			return h.post("/oauth/token", form, h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil))
		}
		if less := refresh(scopeQuery); less.text("scope") != scopeQuery || h.introspect(h.bank, less.text("access_token")).text("scope") != scopeQuery {
			t.Errorf("refreshed for less: %v", less)
		}
		if all := refresh(""); all.text("scope") != scopeQuery+" "+scopeRevoke {
			t.Errorf("refreshed for all of it: %v", all)
		}
	}
	form := h.parForm(h.bank, daily, "scope", scopeQuery)
	code := h.back(h.get(h.decide(h.visit(h.bank, h.post("/oauth/par", form).text("request_uri")), true))).Get("code")
	got := h.redeem(h.bank, code)
	more := h.form(h.bank, "grant_type", "refresh_token", "refresh_token", got.text("refresh_token"), "scope", scopeRevoke)
	h.wantError("refreshed for more", h.post("/oauth/token", more, h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil)), 400, "invalid_scope")
}

// TestOldYes is RFC 9470: the token is good, and the person's last yes too
// long ago. The challenge says what to ask for.
func TestOldYes(t *testing.T) {
	h := open(t)
	h.consent.StepUpLife = 7 * 24 * time.Hour
	got, id := h.tokens(h.bank, daily)
	said := h.clock.now()
	if active := h.introspect(h.bank, got.text("access_token")); active.text("acr") != "phr" || active.json["auth_time"] != float64(said.Unix()) {
		t.Errorf("introspection: %v; want acr and auth_time of the yes", active)
	}
	later := func() string {
		form := h.form(h.bank, "grant_type", "refresh_token", "refresh_token", got.text("refresh_token"))
		again := h.post("/oauth/token", form, h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil))
		if again.status != 200 {
			t.Fatal(again)
		}
		return again.text("access_token")
	}
	h.clock.pass(h.consent.StepUpLife - time.Second)
	token := later()
	if _, err := h.call(h.bank.dpop, token); err != nil {
		t.Errorf("a second before: %v", err)
	}
	h.clock.pass(time.Second)
	_, err := h.call(h.bank.dpop, token)
	var no *Unauthorized
	if !errors.Is(err, consent.ErrStepUpOld) || !errors.As(err, &no) {
		t.Fatalf("after 7 days: %v; want %v", err, consent.ErrStepUpOld)
	}
	for _, want := range []string{`DPoP error="insufficient_user_authentication"`, `acr_values="phr"`, `max_age="604800"`} {
		if !strings.Contains(no.Challenge(), want) {
			t.Errorf("Challenge = %s; want %s", no.Challenge(), want)
		}
	}
	if _, err := h.consent.Load(t.Context(), "client_bank", id); err != nil {
		t.Errorf("the grant itself: %v", err)
	}
}
