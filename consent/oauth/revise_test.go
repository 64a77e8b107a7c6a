package oauth

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"jali/consent"
)

func TestGrantActions(t *testing.T) {
	h := open(t)
	_, mine := h.tokens(h.bank, daily)
	_, ended := h.tokens(h.bank, daily)
	if _, err := h.consent.Revoke(t.Context(), h.person, ended); err != nil {
		t.Fatal(err)
	}
	_, foreign := h.tokens(h.other, daily)
	pending := h.visit(h.bank, h.push(h.bank, daily))
	for _, tt := range []struct{ why, action, id, code string }{
		{"a new grant, by name", "create", "", ""},
		{"a merge", "merge", string(mine), ""},
		{"a replace", "replace", string(mine), ""},
		{"create with a grant", "create", string(mine), "invalid_request"},
		{"a grant and no action", "", string(mine), "invalid_request"},
		{"merge with nothing", "merge", "", "invalid_request"},
		{"replace of nothing", "replace", "", "invalid_request"},
		{"an older draft's action", "update", string(mine), "invalid_request"},
		{"the action in other case", "Merge", string(mine), "invalid_request"},
		{"an action of the other endpoint", "query", string(mine), "invalid_request"},
		{"an unknown grant", "merge", "grant_unknown", "invalid_grant_id"},
		{"another client's grant", "replace", string(foreign), "invalid_grant_id"},
		{"a grant that was taken back", "replace", string(ended), "invalid_grant_id"},
		{"a request that nobody has answered", "merge", string(pending), "invalid_grant_id"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			h.t = t
			form := h.parForm(h.bank, daily, "grant_management_action", tt.action, "grant_id", tt.id)
			if tt.code != "" {
				h.pushFails(form, tt.code)
			} else if got := h.post("/oauth/par", form); got.status != http.StatusCreated {
				t.Errorf("got %v; want 201", got)
			}
		})
	}
}

// revise asks for a change of a grant, has the person say yes or no, and
// answers what the client is told.
func (h *house) revise(action consent.Action, id consent.GrantID, details string, yes bool) url.Values {
	h.t.Helper()
	got := h.post("/oauth/par", h.parForm(h.bank, details, "grant_management_action", string(action), "grant_id", string(id)))
	if got.status != http.StatusCreated {
		h.t.Fatalf("PAR: %v", got)
	}
	request := h.visit(h.bank, got.text("request_uri"))
	if request == id {
		h.t.Fatal("the request has the grant's own id")
	}
	return h.back(h.get(h.decide(request, yes)))
}

const weekly = `[{"type":"account_view","actions":["view"],"datatypes":["balances"],"purpose":"balance_overview","uses":{"limit":2,"per":"day"}}]`

func TestReplacedGrantIsTheOneThatTokensAreOf(t *testing.T) {
	h := open(t)
	first, id := h.tokens(h.bank, daily)
	back := h.revise(consent.Replace, id, weekly, true)
	if !ours(id, back.Get("code")) {
		t.Fatalf("the client is told %v; want a code of %s", back, id)
	}
	second := h.redeem(h.bank, back.Get("code"))
	details, _ := json.Marshal(second.json["authorization_details"])
	if second.status != 200 || second.text("grant_id") != string(id) || !strings.Contains(string(details), `"limit":2`) {
		t.Fatalf("token: %v", second)
	}
	if _, err := h.call(h.bank.dpop, second.text("access_token")); err != nil {
		t.Errorf("Authenticate = %v", err)
	}
	// What was given before opens what is agreed to now; to go on, there is a new refresh token.
	old := h.introspect(h.bank, first.text("access_token"))
	now, _ := json.Marshal(old.json["authorization_details"])
	if old.json["active"] != true || string(now) != string(details) {
		t.Errorf("introspection of the older token: %v", old)
	}
	if h.introspect(h.bank, first.text("refresh_token")).json["active"] != false ||
		h.introspect(h.bank, second.text("refresh_token")).json["active"] != true {
		t.Error("a new yes takes the older refresh token's place")
	}
}

func TestMergeRefused(t *testing.T) {
	h := open(t)
	first, id := h.tokens(h.bank, daily)
	back := h.revise(consent.Merge, id, weekly, false)
	if back.Get("error") != "access_denied" || back.Get("state") != "the state" || back.Get("iss") != issuer {
		t.Errorf("the client is told %v", back)
	}
	for _, token := range []string{first.text("access_token"), first.text("refresh_token")} {
		if got := h.introspect(h.bank, token); got.json["active"] != true {
			t.Errorf("a no took something away: %v", got)
		}
	}
}

const single = `[{"type":"account_view","actions":["view"],"datatypes":["balances"],"purpose":"balance_overview","uses":{"limit":1}}]`

// A grant that becomes one for a single use has no refresh token from that
// yes on, whether or not the browser comes back.
func TestRecurringGrantBecomesOnce(t *testing.T) {
	h := open(t)
	first, id := h.tokens(h.bank, daily)
	got := h.post("/oauth/par", h.parForm(h.bank, single, "grant_management_action", "replace", "grant_id", string(id)))
	where := h.decide(h.visit(h.bank, got.text("request_uri")), true)
	if got := h.introspect(h.bank, first.text("refresh_token")); got.json["active"] != false {
		t.Errorf("a refresh token of a one-shot grant: %v", got)
	}
	if tokens := h.redeem(h.bank, h.back(h.get(where)).Get("code")); tokens.status != 200 || tokens.json["refresh_token"] != nil {
		t.Errorf("token: %v; want it without refresh_token", tokens)
	}
}

// Nor can one be had by a code that was issued before that yes.
func TestCodeOfARecurringGrantThatBecameOnce(t *testing.T) {
	h := open(t)
	code, id := h.code(h.bank, daily)
	h.revise(consent.Replace, id, single, true)
	h.redeemFails(h.redeemForm(h.bank, code), "invalid_grant")
}

// Nor by one that was looked at before that yes and is redeemed behind it.
func TestOnceBetweenLookAndCommit(t *testing.T) {
	h := open(t)
	code, id := h.code(h.bank, daily)
	form, proof := h.redeemForm(h.bank, code), h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil)
	inside := h.server.DB
	h.server.DB = before{inside, func() {
		h.server.DB = inside
		h.revise(consent.Replace, id, single, true)
	}}
	var got answer
	if got.read(h.direct("/oauth/token", form, proof)); got.status != 400 || got.text("error") != "invalid_grant" {
		t.Errorf("got %v; want invalid_grant", got)
	}
}

func TestOnceBecomesRecurring(t *testing.T) {
	h := open(t)
	first, id := h.tokens(h.bank, single)
	if first.json["refresh_token"] != nil {
		t.Fatalf("token: %v", first)
	}
	if tokens := h.redeem(h.bank, h.revise(consent.Replace, id, daily, true).Get("code")); !ours(id, tokens.text("refresh_token")) {
		t.Errorf("token: %v", tokens)
	}
}
