package main

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"jali/consent"
	"jali/openapi"
)

// What a person owes by 花呗, by 借呗 and by card reaches a client that may
// remind them of it: under aliases, with a sum, a day, and whether it is paid.
func TestDebtsReachAClientWithWhatIsDue(t *testing.T) {
	s, r := begin(t, "")
	defer end(t, s)
	day := func(at time.Time) string { return at.In(consent.Shanghai).Format(time.DateOnly) }
	c := ledger(t, r)
	authorize, err := c.Push(t.Context(), "state", verifier, []map[string]any{{
		"type": "account_view", "actions": []string{"view"}, "datatypes": []string{"statements"}, "purpose": "repayment_reminder",
		"period": map[string]string{"from": day(time.Now().AddDate(0, 0, -60)), "to": day(time.Now())}, "uses": map[string]any{"limit": 1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	status, answer := decideOver(t, r, request(t, r, authorize, r.People[0].ID, "allow"))
	to, err := url.Parse(answer["redirect_to"])
	if status != http.StatusOK || err != nil {
		t.Fatalf("no consent: %d %v %v", status, answer, err)
	}
	token, err := c.Redeem(t.Context(), to.Query().Get("code"), verifier)
	if err != nil {
		t.Fatal(err)
	}
	var v openapi.View
	if err := c.OpenView(t.Context(), token.AccessToken, "debts-0000000000000001", struct{}{}, &v); err != nil {
		t.Fatal(err)
	}
	kinds := map[openapi.AccountKind]int{}
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
	for _, k := range []openapi.AccountKind{"credit_line", "loan", "credit_card"} {
		if kinds[k] == 0 {
			t.Errorf("no statement of a %s among %d", k, len(v.Statements))
		}
	}
	if len(v.Balances) != 0 || len(v.Bills.Items) != 0 {
		t.Errorf("a reminder is told %d balances and %d bills", len(v.Balances), len(v.Bills.Items))
	}
}
