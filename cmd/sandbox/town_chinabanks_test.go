package main

import (
	"net/http"
	"net/url"
	"testing"

	"jali/connectors/mock"
)

// Who has accounts at Dongling and Zhaolu Bank has linked them by the pages, and
// a view of them is complete and holds balances and bills.
func TestAViewOfTheBanksInChineseManners(t *testing.T) {
	s, r := begin(t, "")
	defer end(t, s)
	for _, p := range r.People {
		var ticked []string
		banks := map[string]bool{}
		for _, a := range p.Accounts {
			if a.Source == mock.DonglingBank || a.Source == mock.ZhaoluBank {
				ticked, banks[a.Source] = append(ticked, a.ID), true
			}
		}
		if len(banks) < 2 {
			continue
		}
		c := ledger(t, r)
		authorize, err := c.Push(t.Context(), "state", verifier, everything)
		if err != nil {
			t.Fatal(err)
		}
		yes := request(t, r, authorize, p.ID, "allow")
		yes["accounts"] = ticked
		status, answer := decideOver(t, r, yes)
		to, err := url.Parse(answer["redirect_to"])
		if status != http.StatusOK || err != nil {
			t.Fatalf("no consent: %d %v %v", status, answer, err)
		}
		token, err := c.Redeem(t.Context(), to.Query().Get("code"), verifier)
		if err != nil {
			t.Fatal(err)
		}
		var v struct {
			Complete bool
			Accounts []any
			Balances []struct{ Account string }
			Sources  []struct{ Source, Status string }
			Bills    struct{ Items []any }
		}
		if err := c.OpenView(t.Context(), token.AccessToken, "a-key-of-16-chars", struct{}{}, &v); err != nil {
			t.Fatal(err)
		}
		told := map[string]bool{}
		for _, b := range v.Balances {
			told[b.Account] = true
		}
		if !v.Complete || len(v.Accounts) != 2 || len(told) != 2 || len(v.Bills.Items) < 2 {
			t.Errorf("the view: complete %v, %d accounts, balances of %d, %d bills; %v", v.Complete, len(v.Accounts), len(told), len(v.Bills.Items), v.Sources)
		}
		return
	}
	t.Error("nobody in the sandbox has accounts at both banks")
}
