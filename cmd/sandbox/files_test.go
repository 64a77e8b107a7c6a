package main

import (
	"testing"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
)

// Who signs in as the sample person with files sees at once all that files can
// bring up: a pair to decide, days that lack, borrowed money in a fund, a
// refund, and a card's payments told by wallet and bank, counted once.
func TestASamplePersonHasBroughtFiles(t *testing.T) {
	s, _ := begin(t, t.TempDir())
	defer end(t, s)
	now := s.now()
	l, err := s.house.Aggregate.Own(t.Context(), consent.Session{Person: consent.PersonID(s.state.People[filer].ID), ID: "look", At: now}, now.AddDate(0, -3, 0), now)
	if err != nil {
		t.Fatal(err)
	}
	bills := map[string]aggregate.OwnBill{}
	for _, b := range l.Bills {
		bills[b.ID] = b
	}
	mirrors, refunds, split := 0, 0, 0
	for _, b := range l.Bills {
		if !b.Counted && len(b.Mirrors) == 1 && bills[b.Mirrors[0]].Method == card {
			mirrors++
		}
		if b.Method == card && b.Counterparty == "蓝鲸网购" && bills[b.Refunds].Counterparty == "蓝鲸网购" { // not what comes by the town
			refunds++
		}
		if b.Note == "split_funding" {
			split++
		}
	}
	if mirrors < 7 || refunds != 1 || split != 1 {
		t.Errorf("%d mirrors of the card, %d refunds and %d payments of several pots, want 8, 1 and 1", mirrors, refunds, split)
	}
	pair := func() (aggregate.OwnBill, aggregate.OwnBill, bool) {
		for _, g := range l.Suggestions {
			if a, b := bills[g.A], bills[g.B]; g.Link == aggregate.Mirror && a.Amount.Minor+b.Amount.Minor == 7980+7480 {
				return a, b, true
			}
		}
		return aggregate.OwnBill{}, aggregate.OwnBill{}, false
	}
	if _, _, ok := pair(); !ok {
		t.Errorf("the cinema is no pair to decide: %+v", l.Suggestions)
	}
	if n := len(l.Gaps); n != 1 || l.Gaps[0].Missing.Minor != -38640 {
		t.Errorf("gaps: %+v, want one of 386.40", l.Gaps)
	}
	if n := len(l.LoanUses); n != 1 || bills[l.LoanUses[0].Loan].Kind != connectors.LoanKind {
		t.Errorf("%d uses of a loan, want 1", n)
	}
}
