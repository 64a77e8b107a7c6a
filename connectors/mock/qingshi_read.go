package mock

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// days reads startTime and endTime: both or neither, dates that both count, the
// last week where nothing is said, and no further back than the grant looks.
func (c fdxCall) days(g fdxGrant) (from, to time.Time, ok bool) {
	q := c.r.URL.Query()
	today := time.Date(c.now.Year(), c.now.Month(), c.now.Day(), 0, 0, 0, 0, beijing)
	from, to = today.AddDate(0, 0, -6), today
	if q.Has("startTime") != q.Has("endTime") {
		c.fail(http.StatusBadRequest, "703", "Invalid date range")
		return from, to, false
	}
	if q.Has("startTime") {
		var err1, err2 error
		from, err1 = time.ParseInLocation(time.DateOnly, q.Get("startTime"), beijing)
		to, err2 = time.ParseInLocation(time.DateOnly, q.Get("endTime"), beijing)
		if err1 != nil || err2 != nil {
			c.fail(http.StatusBadRequest, "702", "Invalid start or end date")
			return from, to, false
		}
	}
	if from.After(to) || from.Before(today.AddDate(0, 0, -g.Lookback)) {
		c.fail(http.StatusBadRequest, "703", "Invalid date range")
		return from, to, false
	}
	return from, to.AddDate(0, 0, 1), true
}

// transactions is GET /accounts/{accountId}/transactions, newest first: those
// that are pending, and those that were posted on the days asked for.
func (c fdxCall) transactions() {
	g, ok := c.asPerson("TRANSACTIONS")
	if !ok {
		return
	}
	a, ok := c.of(g)
	if !ok {
		return
	}
	from, to, ok := c.days(g)
	if !ok {
		return
	}
	list := []map[string]any{}
	c.t.read(c.now, func() {
		rows := a.bankRows(c.now)
		for i, x := range slices.Backward(rows) {
			at, booked := c.booked(a, x)
			if !booked {
				at = x.at
			}
			if !at.Before(from) && at.Before(to) {
				list = append(list, c.transaction(a, rows, i))
			}
		}
	})
	if len(list) == 0 {
		c.fail(http.StatusNotFound, "1107", "Data not found for request parameters")
		return
	}
	c.page("transactions", listed(c.x, list))
}

// What is pending and what it is when it is posted are two transactions.
func fdxPending(x bankRow, i int) string {
	return fmt.Sprintf("AUTH%s%06d", x.at.Format("20060102"), i)
}
func fdxPosted(x bankRow, i int) string { return fmt.Sprintf("POST%s%06d", x.at.Format("20060102"), i) }

// transaction is a LineOfCreditTransaction or a LoanTransaction.
func (c fdxCall) transaction(a *account, rows []bankRow, i int) map[string]any {
	x := rows[i]
	at, booked := c.booked(a, x)
	out := map[string]any{"accountCategory": "LOC_ACCOUNT", "accountId": a.id, "transactionTimestamp": x.at.Format(time.RFC3339),
		"description": x.info, "reference": x.ref, "amount": fdxAmount(max(x.amount, -x.amount)), "debitCreditMemo": "CREDIT"}
	if a.kind == loan {
		out["accountCategory"] = "LOAN_ACCOUNT"
	}
	if x.amount < 0 {
		out["debitCreditMemo"] = "DEBIT"
	}
	purchase := x.sub == "POSP"
	if booked {
		out["transactionId"], out["status"], out["postedTimestamp"] = fdxPosted(x, i), "POSTED", at.Format(time.RFC3339)
		if purchase && a.kind == creditLine {
			out["referenceTransactionId"] = fdxPending(x, i)
		}
	} else {
		out["transactionId"], out["status"] = fdxPending(x, i), "PENDING"
	}
	switch {
	case purchase:
		out["transactionType"] = "PURCHASE"
	case x.sub == "RIMB":
		out["transactionType"] = "PURCHASE"
		bought := func(y bankRow) bool { return y.ref == x.ref && y.sub == "POSP" }
		if of := slices.IndexFunc(rows, bought); of >= 0 {
			out["referenceTransactionId"] = fdxPosted(rows[of], of)
		}
	case x.sub == "INTR":
		out["transactionType"] = "INTEREST"
	case x.own == "还款":
		out["transactionType"] = "PAYMENT"
	}
	if x.merchant != "" {
		out["category"], out["subCategory"] = x.mcc, "MCC"
		out["transactionPayee"] = map[string]string{"merchantName": x.merchant}
	}
	return out
}

// statements is GET /accounts/{accountId}/statements: dates and documents, no
// sums.
func (c fdxCall) statements() {
	g, ok := c.asPerson("STATEMENTS")
	if !ok {
		return
	}
	a, ok := c.of(g)
	if !ok {
		return
	}
	from, to, ok := c.days(g)
	if !ok {
		return
	}
	list := []map[string]any{}
	c.t.read(c.now, func() {
		for _, s := range slices.Backward(a.statements(c.now)) {
			if s.to.Before(from) || !s.to.Before(to) {
				continue
			}
			id := "STMT" + s.to.Format("20060102")
			list = append(list, map[string]any{"accountId": a.id, "statementId": id, "statementDate": s.to.Format(time.DateOnly),
				"description": a.product + "账单", "status": "AVAILABLE",
				"links": []any{map[string]any{"href": qingshiAPI + "/accounts/" + a.id + "/statements/" + id, "types": []string{"application/pdf"}}}})
		}
	})
	if len(list) == 0 {
		c.fail(http.StatusNotFound, "1108", "Statements not found for given Account")
		return
	}
	c.page("statements", listed(c.x, list))
}
