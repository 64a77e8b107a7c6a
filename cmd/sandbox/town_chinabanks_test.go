package main

import (
	"testing"

	"jali/connectors/mock"
)

// Who has accounts at Dongling and Zhaolu Bank has linked them by the pages, and
// a view of them is complete and holds balances and bills.
func TestAViewOfTheBanksInChineseManners(t *testing.T) {
	s, r := begin(t, "")
	defer end(t, s)
	months := everything
	months.Period.Days = 60 // in thirty days Zhaolu may have none
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
		v, err := look(t, given(t, r, ledger(t, r), p.ID, months, ticked...), "a-key-of-16-chars")
		if err != nil {
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
