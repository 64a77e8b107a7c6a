package oauth

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"jali/consent"
	"jali/internal/kv"
)

// ownToken gets a client a token of its own.
func (h *house) ownToken(a app, scope string) string {
	h.t.Helper()
	got := h.post("/oauth/token", h.form(a, "grant_type", "client_credentials", "scope", scope),
		h.proof(a.dpop, "POST", issuer+"/oauth/token", "", nil))
	if got.status != http.StatusOK {
		h.t.Fatalf("token of a client's own: %v", got)
	}
	return got.text("access_token")
}

// scoped goes all the way to a grant and a token that may manage it.
func (h *house) scoped(a app, details, scope string) (string, consent.GrantID) {
	h.t.Helper()
	got := h.post("/oauth/par", h.parForm(a, details, "scope", scope))
	if got.status != http.StatusCreated {
		h.t.Fatalf("PAR: %v", got)
	}
	id := h.visit(a, got.text("request_uri"))
	got = h.redeem(a, h.back(h.get(h.decide(id, true))).Get("code"))
	if got.status != http.StatusOK {
		h.t.Fatalf("token: %v", got)
	}
	return got.text("access_token"), id
}

// manage calls the grant management API as a client.
func (h *house) manage(method string, a app, token string, id consent.GrantID) answer {
	h.t.Helper()
	path := "/oauth/grants/" + string(id)
	return h.send(method, path, http.Header{
		"Authorization": {"DPoP " + token}, "Dpop": {h.proof(a.dpop, method, issuer+path, token, nil)},
	}, nil)
}

const bothScopes = scopeQuery + " " + scopeRevoke

func TestAClientLooksAtItsGrant(t *testing.T) {
	h := open(t)
	token, id := h.scoped(h.bank, daily, scopeQuery)
	h.clock.pass(time.Minute)
	for what, token := range map[string]string{"the grant's": token, "the client's own": h.ownToken(h.bank, scopeQuery)} {
		got := h.manage("GET", h.bank, token, id)
		if got.status != http.StatusOK || got.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("by %s token: %v, Cache-Control %q", what, got, got.header.Get("Cache-Control"))
		}
		created, _ := got.json["created_at"].(float64)
		updated, _ := got.json["last_updated_at"].(float64)
		ends, _ := got.json["expires_at"].(float64)
		if at := h.clock.now().Add(-time.Minute).Unix(); int64(created) != at || updated != created || int64(ends) <= at {
			t.Errorf("by %s token: created_at %.0f, last_updated_at %.0f, expires_at %.0f; want %d, the same and later", what, created, updated, ends, at)
		}
		if got.text("state") != "given" || got.text("grant_id") != string(id) || !strings.Contains(got.body, `"purpose":"balance_overview"`) {
			t.Errorf("by %s token: %v", what, got)
		}
	}
}

func TestAClientEndsItsGrant(t *testing.T) {
	for _, details := range []string{daily, once} {
		h := open(t)
		var ended []string
		h.consent.Ended = append(h.consent.Ended, func(_ kv.Tx, g consent.Grant, _ bool) error {
			ended = append(ended, g.EndedBy)
			return nil
		})
		token, id := h.scoped(h.bank, details, bothScopes)
		if got := h.manage("DELETE", h.bank, token, id); got.status != http.StatusNoContent || got.body != "" {
			t.Fatalf("DELETE: %v", got)
		}
		if _, err := h.consent.Live(context.Background(), "client_bank", id); err == nil {
			t.Error("the grant lives on")
		}
		if len(ended) != 1 || ended[0] != "client" {
			t.Errorf("ended by %q, want once by the client", ended)
		}
		own := h.ownToken(h.bank, bothScopes)
		for _, method := range []string{"GET", "DELETE"} { // and what has ended is no more
			h.wantError(method+" by the grant's token", h.manage(method, h.bank, token, id), 404, "invalid_grant_id")
			h.wantError(method+" by the client's own", h.manage(method, h.bank, own, id), 404, "invalid_grant_id")
		}
	}
}

func TestGrantsAreReachedByTheirOwnAlone(t *testing.T) {
	h := open(t)
	token, id := h.scoped(h.bank, daily, bothScopes)
	plain, plainID := h.tokens(h.bank, daily)
	foreign, foreignID := h.scoped(h.other, daily, bothScopes)
	own, look := h.ownToken(h.bank, bothScopes), h.ownToken(h.bank, scopeQuery)
	undecided := h.visit(h.bank, h.push(h.bank, daily))
	thief := h.bank
	thief.dpop = h.other.dpop

	for _, tt := range []struct {
		why    string
		as     app
		token  string
		id     consent.GrantID
		status int
		code   string
	}{
		{"another grant of the same client", h.bank, token, plainID, 404, "invalid_grant_id"},
		{"a token without scopes", h.bank, plain.text("access_token"), plainID, 403, "insufficient_scope"},
		{"the scope comes before the grant", h.bank, plain.text("access_token"), "grant_unknown", 403, "insufficient_scope"},
		{"an unknown grant", h.bank, own, "grant_unknown", 404, "invalid_grant_id"},
		{"another client's grant", h.bank, own, foreignID, 404, "invalid_grant_id"},
		{"another client's token", h.other, foreign, id, 404, "invalid_grant_id"},
		{"a request that nobody has decided", h.bank, own, undecided, 404, "invalid_grant_id"},
		{"a stolen token", thief, own, id, 401, "invalid_token"},
		{"no such token", h.bank, "grant_x.abc", id, 401, "invalid_token"},
	} {
		for _, method := range []string{"GET", "DELETE"} {
			h.wantError(method+" "+tt.why, h.manage(method, tt.as, tt.token, tt.id), tt.status, tt.code)
		}
	}
	got := h.manage("DELETE", h.bank, look, id)
	h.wantError("to end with the scope to look", got, 403, "insufficient_scope")
	if challenge := got.header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "DPoP ") || !strings.Contains(challenge, `scope="grant_management_revoke"`) {
		t.Errorf("WWW-Authenticate: %q", challenge)
	}
	for what, header := range map[string]http.Header{
		"no token": {}, "as a bearer": {"Authorization": {"Bearer " + own}}, "no proof": {"Authorization": {"DPoP " + own}},
	} {
		if got := h.send("GET", "/oauth/grants/"+string(id), header, nil); got.status != 401 || got.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %v, WWW-Authenticate %q; want a challenge", what, got, got.header.Get("WWW-Authenticate"))
		}
	}
	path := "/oauth/grants/" + string(id)
	stale := h.send("GET", path, http.Header{
		"Authorization": {"DPoP " + own}, "Dpop": {h.proof(h.bank.dpop, "GET", issuer+path, own, m{"nonce": nil})},
	}, nil)
	if stale.status != 401 || !strings.Contains(stale.header.Get("WWW-Authenticate"), "use_dpop_nonce") || stale.header.Get("DPoP-Nonce") == "" {
		t.Errorf("without a nonce: %v, %v", stale, stale.header)
	}
	if got := h.manage("GET", h.bank, own, id); got.status != 200 || got.header.Get("DPoP-Nonce") == "" {
		t.Errorf("with one: %v, DPoP-Nonce %q", got, got.header.Get("DPoP-Nonce"))
	}
	proof := h.proof(h.bank.dpop, "DELETE", issuer+path, own, nil)
	if got := h.send("GET", path, http.Header{"Authorization": {"DPoP " + own}, "Dpop": {proof}}, nil); got.status != 401 {
		t.Errorf("the proof of another method: %v", got)
	}
	for id, client := range map[consent.GrantID]consent.ClientID{id: "client_bank", plainID: "client_bank", foreignID: "client_other"} {
		if _, err := h.consent.Live(context.Background(), client, id); err != nil {
			t.Errorf("none of these ends a grant: %v", err)
		}
	}
	if err := h.consent.SuspendClient(context.Background(), "client_bank", true); err != nil {
		t.Fatal(err)
	}
	if got := h.manage("GET", h.bank, own, id); got.status == 200 {
		t.Errorf("a suspended client looks: %v", got)
	}
}
