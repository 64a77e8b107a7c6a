package main

import (
	"testing"
	"time"

	"jali/consent"
	"jali/openapi/client"
)

// What a person owes by 花呗, by 借呗 and by card reaches a client that may
// remind them of it: under aliases, with a sum, a day, and whether it is paid.
func TestDebtsReachAClientWithWhatIsDue(t *testing.T) {
	s, r := begin(t, "")
	defer end(t, s)
	day := func(at time.Time) string { return at.In(consent.Shanghai).Format(time.DateOnly) }
	v, err := look(t, given(t, r, ledger(t, r), r.People[0].ID, client.AccountView{
		Datatypes: []client.Datatype{"statements"}, Purpose: "repayment_reminder", Uses: client.Uses{Limit: 1},
		Period: client.Period{From: day(time.Now().AddDate(0, 0, -60)), To: day(time.Now())},
	}), "debts-0000000000000001")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[client.AccountKind]int{}
	for _, st := range v.Statements {
		for _, a := range v.Accounts {
			if a.Account != st.Account {
				continue
			}
			kinds[a.Kind]++
			if a.Side != "debt" || st.Due.Currency != "CNY" || st.DueDate == "" || !st.Period.From.Before(st.Period.To) || st.DueDate < day(st.Period.To) {
				t.Errorf("of a %s it is told %+v", a.Kind, st)
			}
		}
	}
	for _, k := range []client.AccountKind{"credit_line", "loan", "credit_card"} {
		if kinds[k] == 0 {
			t.Errorf("no statement of a %s among %d", k, len(v.Statements))
		}
	}
	if len(v.Balances) != 0 || len(v.Bills.Items) != 0 {
		t.Errorf("a reminder is told %d balances and %d bills", len(v.Balances), len(v.Bills.Items))
	}
}
