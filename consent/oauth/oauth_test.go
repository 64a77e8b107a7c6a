package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jali/consent"
	"jali/internal/fault"
	"jali/internal/kv"
)

func (h *house) wantError(what string, got answer, status int, code string) {
	h.t.Helper()
	if got.status != status || got.text("error") != code {
		h.t.Errorf("%s: %v; want %d %s", what, got, status, code)
	}
	if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Content-Type") != "application/json" {
		h.t.Errorf("%s: headers %v", what, got.header)
	}
}

func TestOnceFromRequestToData(t *testing.T) {
	h := open(t)
	uri := h.push(h.bank, once)
	if !strings.HasPrefix(uri, requestURIPrefix) || len(uri) < len(requestURIPrefix)+43 {
		t.Errorf("request_uri = %q", uri)
	}
	id := h.visit(h.bank, uri)
	where := h.decide(id, true)
	back := h.back(h.get(where))
	if back.Get("state") != "the state" || back.Get("iss") != issuer || back.Get("from") != "jali" || !ours(id, back.Get("code")) {
		t.Errorf("the client is told %v", back)
	}
	if got := h.get(where); got.status != http.StatusBadRequest {
		t.Errorf("the ticket worked twice: %v", got)
	}

	got := h.redeem(h.bank, back.Get("code"))
	if got.status != http.StatusOK || got.text("token_type") != "DPoP" || got.json["expires_in"] != 900.0 || got.text("grant_id") != string(id) {
		t.Fatalf("token: %v", got)
	}
	for _, name := range []string{"refresh_token", "scope"} {
		if _, ok := got.json[name]; ok {
			t.Errorf("the token answer of a one-shot grant has a %s", name)
		}
	}
	details, _ := json.Marshal(got.json["authorization_details"])
	if !strings.Contains(string(details), `"purpose":"bill_overview"`) || strings.Contains(string(details), "account_1") {
		t.Errorf("authorization_details = %s", details)
	}
	if got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the token answer may be cached")
	}

	token := got.text("access_token")
	caller, err := h.call(h.bank.dpop, token)
	if err != nil || caller.Client != "client_bank" || caller.Grant != id || strings.Contains(caller.Token, token) {
		t.Errorf("Authenticate = %+v, %v", caller, err)
	}
	active := h.introspect(h.bank, token)
	cnf, _ := active.json["cnf"].(m)
	if active.json["active"] != true || active.text("client_id") != "client_bank" || active.text("grant_id") != string(id) ||
		cnf["jkt"] != h.bank.dpop.Public().Thumbprint() || active.text("sub") != h.server.Subject("person_1", "client_bank") ||
		active.text("iss") != issuer || active.text("token_type") != "DPoP" || active.json["authorization_details"] == nil ||
		active.json["exp"] != float64(h.clock.now().Add(15*time.Minute).Unix()) {
		t.Errorf("introspection: %v", active)
	}
	if got := h.introspect(h.other, token); strings.TrimSpace(got.body) != `{"active":false}` {
		t.Errorf("another client's introspection: %v", got)
	}
	h.clock.pass(15 * time.Minute)
	if got := h.introspect(h.bank, token); strings.TrimSpace(got.body) != `{"active":false}` {
		t.Errorf("introspection of an ended token: %v", got)
	}
	if _, err := h.call(h.bank.dpop, token); !errors.Is(err, errToken) {
		t.Errorf("Authenticate with an ended token = %v", err)
	}
}

func TestAnExhaustedGrantIsStillReadFrom(t *testing.T) {
	h := open(t)
	got, id := h.tokens(h.bank, once)
	if _, err := h.consent.Spend(context.Background(), "client_bank", id, "key", []byte("request")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.call(h.bank.dpop, got.text("access_token")); err != nil {
		t.Errorf("Authenticate = %v; its view can be read for ten minutes", err)
	}
}

func TestRecurringGrantRefreshes(t *testing.T) {
	h := open(t)
	got, id := h.tokens(h.bank, daily)
	refresh := got.text("refresh_token")
	if !ours(id, refresh) {
		t.Fatalf("no refresh token: %v", got)
	}
	do := func(a app, params ...string) answer {
		form := h.form(a, "grant_type", "refresh_token", "refresh_token", refresh)
		for i := 0; i < len(params); i += 2 {
			form.Set(params[i], params[i+1])
		}
		return h.post("/oauth/token", form, h.proof(a.dpop, "POST", issuer+"/oauth/token", "", nil))
	}
	for range 3 { // not rotated: the same one goes on
		h.clock.pass(30 * time.Minute)
		again := do(h.bank)
		if again.status != http.StatusOK || again.json["refresh_token"] != nil || again.text("grant_id") != string(id) {
			t.Fatalf("refresh: %v", again)
		}
		if _, err := h.call(h.bank.dpop, again.text("access_token")); err != nil {
			t.Errorf("Authenticate = %v", err)
		}
	}
	h.wantError("scope", do(h.bank, "scope", "x"), 400, "invalid_scope")
	if got := h.introspect(h.bank, refresh); got.json["active"] != true || got.json["token_type"] != nil {
		t.Errorf("introspection of a refresh token: %v", got)
	}

	if _, err := h.consent.Revoke(context.Background(), h.person, id); err != nil {
		t.Fatal(err)
	}
	h.wantError("after the person took it back", do(h.bank), 400, "invalid_grant")
}

func TestRefreshEndsWithTheGrant(t *testing.T) {
	h := open(t)
	details := strings.Replace(daily, `"uses"`, `"until":"2026-11-21T09:05:00Z","uses"`, 1)
	got, _ := h.tokens(h.bank, details)
	h.clock.pass(time.Hour)
	form := h.form(h.bank, "grant_type", "refresh_token", "refresh_token", got.text("refresh_token"))
	last := h.post("/oauth/token", form, h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil))
	if last.status != 200 || last.json["expires_in"].(float64) > 300 {
		t.Errorf("a token that outlives its grant: %v", last)
	}
	h.clock.pass(5 * time.Minute)
	form = h.form(h.bank, "grant_type", "refresh_token", "refresh_token", got.text("refresh_token"))
	h.wantError("after the grant's end", h.post("/oauth/token", form, h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil)), 400, "invalid_grant")
}

func TestRevokedGrantIsToldAsSuch(t *testing.T) {
	h := open(t)
	got, id := h.tokens(h.bank, daily)
	token := got.text("access_token")
	if _, err := h.consent.Revoke(context.Background(), h.person, id); err != nil {
		t.Fatal(err)
	}
	_, err := h.call(h.bank.dpop, token)
	var no *Unauthorized
	if !errors.Is(err, consent.ErrRevoked) || !errors.As(err, &no) || !strings.HasPrefix(no.Challenge(), `DPoP error="invalid_token"`) {
		t.Errorf("Authenticate = %v; want grant_revoked with a challenge", err)
	}
	if got := h.introspect(h.bank, token); strings.TrimSpace(got.body) != `{"active":false}` {
		t.Errorf("introspection after revocation: %v", got)
	}
	if _, err := h.call(h.other.dpop, token); fault.Of(err).Code != "invalid_token" {
		t.Errorf("with another key: %v; it must not learn of the grant", err)
	}
}

func TestPausedAndSuspended(t *testing.T) {
	h := open(t)
	ctx := context.Background()
	got, _ := h.tokens(h.bank, daily)
	token := got.text("access_token")
	if err := h.consent.Pause(ctx, h.person, "client_bank"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.call(h.bank.dpop, token); !errors.Is(err, consent.ErrPaused) {
		t.Errorf("Authenticate of a paused client = %v", err)
	}
	if err := h.consent.Resume(ctx, h.person, "client_bank"); err != nil {
		t.Fatal(err)
	}
	if err := h.consent.SuspendClient(ctx, "client_bank", true); err != nil {
		t.Fatal(err)
	}
	if _, err := h.call(h.bank.dpop, token); !errors.Is(err, consent.ErrSuspended) {
		t.Errorf("Authenticate of a suspended client = %v", err)
	}
	h.wantError("a suspended client asks", h.post("/oauth/par", h.parForm(h.bank, once)), 401, "invalid_client")
}

func TestRevocation(t *testing.T) {
	h := open(t)
	revoke := func(a app, token string) {
		t.Helper()
		if got := h.post("/oauth/revoke", h.form(a, "token", token, "token_type_hint", "whatever")); got.status != 200 || got.body != "" {
			t.Errorf("revoke: %v", got)
		}
	}
	dead := func(token string) bool {
		return h.introspect(h.bank, token).json["active"] == false
	}
	got, id := h.tokens(h.bank, daily)
	access, refresh := got.text("access_token"), got.text("refresh_token")
	revoke(h.other, access)
	revoke(h.other, refresh)
	revoke(h.bank, "unknown")
	if dead(access) || dead(refresh) {
		t.Error("somebody else's revocation counted")
	}
	revoke(h.bank, access)
	if !dead(access) || dead(refresh) {
		t.Error("an access token ends alone")
	}
	if _, err := h.call(h.bank.dpop, access); fault.Of(err).Code != "invalid_token" {
		t.Errorf("Authenticate = %v", err)
	}
	got, _ = h.tokens(h.bank, daily)
	revoke(h.bank, got.text("refresh_token"))
	if !dead(got.text("access_token")) || !dead(got.text("refresh_token")) {
		t.Error("a refresh token takes its access tokens along")
	}
	if _, err := h.consent.Live(context.Background(), "client_bank", id); err != nil {
		t.Errorf("the grant is not a token's to end: %v", err)
	}
	h.wantError("no token", h.post("/oauth/revoke", h.form(h.bank)), 400, "invalid_request")
	h.wantError("nobody", h.post("/oauth/revoke", nil), 401, "invalid_client")
}

func TestMetadata(t *testing.T) {
	h := open(t)
	got := h.get("/.well-known/oauth-authorization-server")
	if got.status != 200 || got.header.Get("Cache-Control") != publicCache || got.header.Get("Pragma") != "" {
		t.Fatal(got)
	}
	golden := filepath.Join("testdata", "metadata.json")
	pretty, _ := json.MarshalIndent(got.json, "", "  ")
	pretty = append(pretty, '\n')
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, pretty, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(golden); err != nil || string(want) != string(pretty) {
		t.Errorf("metadata = %s\nwant %s, %v", pretty, want, err)
	}
	if other := h.get("/.well-known/openid-configuration"); other.body != got.body {
		t.Errorf("the second address says %v", other)
	}
	keys := h.get("/oauth/jwks")
	if keys.status != 200 || !strings.Contains(keys.body, issuerKey.Public().ID()) || strings.Contains(keys.body, `"d"`) {
		t.Errorf("jwks: %v", keys)
	}
}

func TestSweepRemovesWhatHasEnded(t *testing.T) {
	h := open(t)
	ctx := context.Background()
	for range 3 {
		h.tokens(h.bank, once)
		h.push(h.bank, once)
	}
	if err := h.server.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if h.rows() == 0 {
		t.Fatal("swept too early")
	}
	h.clock.pass(30 * time.Minute)
	if err := h.server.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if n := h.rows(); n != 2 {
		t.Errorf("%d rows are left; want the two by which the bank may name the person", n)
	}
	err := h.db.Update(ctx, func(tx kv.Tx) error { return h.server.PersonLeaves(tx, h.person.Person) })
	if n := h.rows(); n != 0 || err != nil {
		t.Errorf("%d rows are left of a person who has left, %v", n, err)
	}
}

// Of a client that is removed nothing is left but what ends by itself, and of
// others nothing is lost.
func TestARemovedClientCanNameNobody(t *testing.T) {
	h := open(t)
	ctx := t.Context()
	const people = 105 // more than one step's
	err := h.db.Update(ctx, func(tx kv.Tx) error {
		for _, c := range []app{h.bank, h.other} {
			for i := range people {
				g := consent.Grant{Person: consent.PersonID(fmt.Sprint("person_", i)), Client: consent.ClientID(c.id)}
				if err := h.server.acquaint(tx, g); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if n := h.rows(); n != 4*people || err != nil {
		t.Fatalf("%d rows of two clients, %v; want %d", n, err, 4*people)
	}
	if err := h.consent.RemoveClient(ctx, consent.ClientID(h.bank.id)); err != nil {
		t.Fatal(err)
	}
	if n := h.rows(); n != 2*people {
		t.Errorf("%d rows are left, want the other client's %d", n, 2*people)
	}
	if err := h.consent.RemoveClient(ctx, consent.ClientID(h.other.id)); err != nil || h.rows() != 0 {
		t.Errorf("%d rows are left of no client, %v", h.rows(), err)
	}
}

// A request may be decided in its last minute, and the browser may take ten
// more to come back: a sweep in between must leave it what it needs.
func TestSweepLeavesAnAnswerOnItsWay(t *testing.T) {
	h := open(t)
	for _, tt := range []struct {
		why   string
		yes   bool
		after time.Duration
	}{{"yes", true, consent.TicketLife - time.Second}, {"no", false, consent.TicketLife - time.Second}} {
		id := h.visit(h.bank, h.push(h.bank, once))
		h.clock.pass(decideLife - time.Second)
		where := h.decide(id, tt.yes)
		h.clock.pass(tt.after)
		if err := h.server.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := h.consent.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if back := h.back(h.get(where)); back.Has("code") != tt.yes || back.Has("error") == tt.yes {
			t.Errorf("%s, and the browser came late: the client is told %v", tt.why, back)
		}
	}
}

// ours reports whether a code or token names its grant and holds 256 bits.
func ours(id consent.GrantID, token string) bool {
	rest, ok := strings.CutPrefix(token, string(id)+".")
	return ok && len(rest) == 43
}
