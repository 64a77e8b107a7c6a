package mock

import (
	"fmt"
	"net/http"
	"time"
)

// statements is GET /accounts/{AccountId}/statements (OBReadStatement2), oldest
// first: of cards of credit, one a month. Other accounts have none.
func (c bankCall) statements() {
	k, ok := c.asPerson("ReadStatementsBasic", "ReadStatementsDetail")
	if !ok {
		return
	}
	a, ok := c.account(k)
	if !ok {
		return
	}
	q := c.r.URL.Query()
	from, okFrom := bookingBound(q.Get("fromStatementDateTime"))
	to, okTo := bookingBound(q.Get("toStatementDateTime"))
	if !okFrom || !okTo {
		c.fail(http.StatusBadRequest, "U003", "not an ISO 8601 date-time", "fromStatementDateTime")
		return
	}
	list := []map[string]any{}
	c.t.read(c.now, func() {
		before := int64(0)
		for _, s := range a.statements(c.now) {
			end := s.to.Add(-time.Second)
			if (from.IsZero() || !s.from.Before(from)) && (to.IsZero() || !end.After(to)) {
				list = append(list, c.showStatement(k, a, s, before))
			}
			before = s.owed
		}
	})
	c.page(map[string]any{"Statement": listed(c.x, list)}, map[string]string{"Self": c.self()}, map[string]any{"TotalPages": 1})
}

func (c bankCall) showStatement(k consent, a *account, s statement, before int64) map[string]any {
	month := s.from.Format("200601")
	out := map[string]any{"AccountId": a.id, "StatementId": fmt.Sprintf("%s-%s-%s", c.bank.code, month, a.id[len(a.id)-8:]), "StatementReference": month,
		"Type": "RegularPeriodic", "StartDateTime": bankTime(s.from), "EndDateTime": bankTime(s.to.Add(-time.Second)), "CreationDateTime": bankTime(s.to),
		"StatementDateTime": []any{
			map[string]string{"DateTime": bankTime(s.dueOn), "Type": "UK.OBIE.PaymentDue"},
			map[string]string{"DateTime": bankTime(s.to), "Type": "UK.OBIE.StatementAvailable"},
			map[string]string{"DateTime": bankTime(s.to.AddDate(0, 1, 0)), "Type": "UK.OBIE.NextStatement"},
		}}
	if !k.allows("ReadStatementsDetail") {
		return out
	}
	var received int64
	for _, x := range a.bankRows(s.to) {
		if x.amount > 0 && x.sub != "RIMB" && !x.at.Before(s.from) && x.at.Before(s.to) {
			received += x.amount
		}
	}
	show := func(kind string, fen int64) any {
		return map[string]any{"Type": "UK.OBIE." + kind, "CreditDebitIndicator": sideOf(fen), "Amount": a.sum(fen)}
	}
	out["StatementAmount"] = []any{show("ClosingBalance", -s.owed), show("PreviousClosingBalance", -before), show("MinimumPaymentDue", -s.minimum),
		show("CurrentPayment", received), show("CreditLimit", a.limit), show("AvailableBalance", a.limit-s.owed)}
	return out
}
