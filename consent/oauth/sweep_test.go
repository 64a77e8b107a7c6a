package oauth

import (
	"testing"
	"time"

	"jali/consent"
)

// However long it goes on, only what lives is stored and remembered.
func TestNothingGrows(t *testing.T) {
	h := open(t)
	h.consent.Decided = append(h.consent.Decided, h.server.Decided)
	h.deliver(h.bank, consent.Poll, "")
	ctx := t.Context()
	var rows, grants []int
	for range 4 {
		for range 3 {
			h.push(h.bank, once)                                                                           // and never opened
			h.visit(h.bank, h.push(h.bank, once))                                                          // and never answered
			h.get(h.decide(h.visit(h.bank, h.push(h.bank, once)), false))                                  // refused
			h.code(h.bank, once)                                                                           // and never traded
			h.post("/oauth/token", h.redeemForm(h.bank, "x"), "no proof")                                  // refused
			h.post("/oauth/revoke", h.form(h.bank, "token", h.ownToken(h.bank, "grant_management_query"))) // and given back
			code, id := h.code(h.bank, once)
			h.redeem(h.bank, code)
			h.redeem(h.bank, code) // taken back
			h.end(id)
			tokens, id := h.tokens(h.bank, daily)
			h.post("/oauth/token", h.form(h.bank, "grant_type", "refresh_token", "refresh_token", tokens.text("refresh_token")),
				h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil))
			if got := h.introspect(h.bank, tokens.text("refresh_token")); got.json["active"] != true {
				t.Fatalf("introspection: %v", got)
			}
			h.end(id)
			_, asked := h.ask(h.bank, once) // and never polled for
			h.yes(asked)
		}
		// Twice, and a day between: a request that has lapsed is told of for a day.
		for range 2 {
			h.clock.pass(25 * time.Hour)
			if err := h.server.Sweep(ctx); err != nil {
				t.Fatal(err)
			}
			if _, err := h.consent.Sweep(ctx); err != nil {
				t.Fatal(err)
			}
		}
		rows = append(rows, h.rows())
		list, err := h.consent.Grants(ctx, h.person)
		if err != nil {
			t.Fatal(err)
		}
		grants = append(grants, len(list))
	}
	for i := range rows {
		if rows[i] != rows[0] || rows[i] > 2 {
			t.Errorf("rows after each round: %v; want the two by which the bank may name the person", rows)
			break
		}
	}
	if grants[3] == grants[0] {
		t.Errorf("the person's own list does not grow, %v: nothing was done", grants)
	}
}

// end takes a grant back, as the person does.
func (h *house) end(id consent.GrantID) {
	h.t.Helper()
	if _, err := h.consent.Revoke(h.t.Context(), h.person, id); err != nil {
		h.t.Fatal(err)
	}
}
