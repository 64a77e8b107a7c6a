package fdx

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"jali/connectors"
	"jali/internal/fault"
)

// row is one transaction: the members themselves in version 6, or wrapped in
// one of these in version 5.
type row struct {
	transaction
	Deposit    *transaction `json:"depositTransaction"`
	Loan       *transaction `json:"loanTransaction"`
	Loc        *transaction `json:"locTransaction"`
	Investment *transaction `json:"investmentTransaction"`
	Insurance  *transaction `json:"insuranceTransaction"`
	Commercial *transaction `json:"commercialTransaction"`
}

type transaction struct {
	AccountCategory string      `json:"accountCategory"`
	Account         string      `json:"accountId"`
	ID              string      `json:"transactionId"`
	Reference       string      `json:"referenceTransactionId"`
	Posted          string      `json:"postedTimestamp"`
	At              string      `json:"transactionTimestamp"`
	Description     string      `json:"description"`
	Memo            string      `json:"memo"`
	Way             string      `json:"debitCreditMemo"`
	Category        string      `json:"category"`
	SubCategory     string      `json:"subCategory"`
	Tracking        string      `json:"reference"`
	Status          string      `json:"status"`
	Amount          json.Number `json:"amount"`
	Type            string      `json:"transactionType"`
	Payee           string      `json:"payee"`
	ToFrom          struct {
		Merchant   string `json:"merchantName"`
		Individual string `json:"individualName"`
	} `json:"transactionPayee"`
}

func (r row) unwrapped() transaction {
	return *cmp.Or(r.Deposit, r.Loan, r.Loc, r.Investment, r.Insurance, r.Commercial, &r.transaction)
}

// Bills reads one page of transactions per call, in the institution's order.
func (c *Connector) Bills(ctx context.Context, v connectors.Credential, account connectors.AccountRef, from, to time.Time, next connectors.Cursor) (connectors.Page, error) {
	k, err := read(v)
	if err != nil {
		return connectors.Page{}, err
	}
	r, err := readRef(account)
	if err != nil {
		return connectors.Page{}, err
	}
	var t turn
	if next != "" {
		if json.Unmarshal([]byte(next), &t) != nil || t.Page < 1 || t.Page > maxPages || t.Value == "" || (t.By != "offset" && t.By != "pageKey") {
			return connectors.Page{}, connectors.ErrRefused.Because(fault.Cause("not a cursor of this listing"))
		}
	}
	start := c.oldest(k, from)
	if !start.Before(to) {
		return connectors.Page{Covers: connectors.Span{From: to, To: to}}, nil
	}
	var page connectors.Page
	if start.After(from) {
		page.Covers = connectors.Span{From: start, To: to}
	}
	rows, t, more, err := c.transactions(ctx, k, r, start, to, t)
	if err != nil && !nothing(err) {
		return connectors.Page{}, err
	}
	if rows.parts {
		page.Covers = connectors.Span{From: to, To: to} // some of it; which, it does not say
	}
	for _, b := range rows.bills {
		if !b.At.Before(start) && b.At.Before(to) {
			page.Bills = append(page.Bills, b)
		}
	}
	if more {
		b, err := json.Marshal(t)
		if err != nil {
			return connectors.Page{}, err
		}
		page.Next = connectors.Cursor(b)
	}
	return page, nil
}

// oldest is the first moment that may be asked for: the lookback of the
// consent, or the institution's own, is counted in its days from now.
func (c *Connector) oldest(k credential, from time.Time) time.Time {
	days := int(c.c.Source.History / day)
	if k.Lookback > 0 {
		days = min(days, k.Lookback)
	}
	y, m, d := c.c.Now().In(c.c.Zone).AddDate(0, 0, -days).Date()
	first := time.Date(y, m, d, 0, 0, 0, 0, c.c.Zone)
	if from.Before(first) {
		return first
	}
	return from
}

type listed struct {
	bills []connectors.Bill
	parts bool // 206: the institution could not read all of it
}

// transactions reads the page of t of those that may have happened in [from,
// to): posted on the day or some days later. Dates hold both ends.
func (c *Connector) transactions(ctx context.Context, k credential, r ref, from, to time.Time, t turn) (listed, turn, bool, error) {
	u := c.api.JoinPath("accounts", url.PathEscape(r.id), "transactions")
	last := to.Add(postedWithin)
	if now := c.c.Now(); last.After(now) {
		last = now
	}
	if last.Before(from) {
		last = from
	}
	q := url.Values{"startTime": {from.In(c.c.Zone).Format(time.DateOnly)}, "endTime": {last.In(c.c.Zone).Format(time.DateOnly)},
		"limit": {strconv.Itoa(c.c.Source.PageSize)}}
	t.ask(q)
	u.RawQuery = q.Encode()
	var a struct {
		pages
		Transactions *[]row `json:"transactions"`
	}
	status, err := c.call(ctx, http.MethodGet, u, k.Access, nil, &a)
	if err != nil {
		return listed{}, turn{}, false, err
	}
	if a.Transactions == nil {
		return listed{}, turn{}, false, connectors.ErrMalformed.Because(fault.Cause("no transactions"))
	}
	out := listed{parts: status == http.StatusPartialContent, bills: make([]connectors.Bill, 0, len(*a.Transactions))}
	for _, one := range *a.Transactions {
		b, err := one.unwrapped().bill(r)
		if err != nil {
			return listed{}, turn{}, false, connectors.ErrMalformed.Because(err)
		}
		out.bills = append(out.bills, b)
	}
	next, more, err := a.after(t)
	if err != nil {
		return listed{}, turn{}, false, connectors.ErrMalformed.Because(err)
	}
	return out, next, more, nil
}

// bill translates one transaction. Errors name the member, never the value.
func (t transaction) bill(r ref) (connectors.Bill, error) {
	switch {
	case t.Account != r.id && t.Account != "":
		return connectors.Bill{}, fault.Cause("a transaction of another account")
	case t.AccountCategory != r.category && t.AccountCategory != "":
		return connectors.Bill{}, fault.Cause("a transaction of another category")
	case t.ID == "":
		return connectors.Bill{}, fault.Cause("a transaction without a transactionId")
	}
	at, err := time.Parse(time.RFC3339, cmp.Or(t.At, t.Posted))
	if err != nil {
		return connectors.Bill{}, fault.Cause("transactionTimestamp is not a time")
	}
	amount, err := sum(t.Amount, r.currency)
	if err != nil {
		return connectors.Bill{}, err
	}
	if amount.Minor < 0 {
		return connectors.Bill{}, fault.Cause("amount is below zero")
	}
	b := connectors.Bill{ID: t.ID, At: at, Amount: amount, Description: t.Description, Order: t.Tracking,
		Counterparty: cmp.Or(t.ToFrom.Merchant, t.ToFrom.Individual, t.Payee),
		RawKind:      cmp.Or(t.Type, t.Category, t.Way)}
	switch t.Status {
	case "POSTED", "":
		b.State = connectors.Done
	default: // PENDING, MEMO, AUTHORIZATION, and what is yet to be invented: not final
		b.State = connectors.Pending
	}
	switch t.Way {
	case "CREDIT":
		b.Direction, b.Flow = connectors.In, connectors.FlowIn
	case "MEMO":
		b.State = connectors.Pending
		fallthrough
	case "DEBIT":
		b.Direction, b.Flow = connectors.Out, connectors.FlowOut
	default:
		return connectors.Bill{}, fault.Cause("debitCreditMemo is none of its words")
	}
	if t.Tracking != "" {
		b.Refs = []string{t.Tracking}
	}
	if t.Category != "" && (t.SubCategory == "MCC" || t.SubCategory == "") && digits(t.Category) {
		b.Category = "mcc:" + t.Category
	}
	b.Kind = kindOf(t, r.category, b.Direction)
	if b.Kind.Inner() {
		b.Flow = connectors.FlowInternal
	}
	switch {
	case t.Reference == "":
	case r.category == loc && b.Direction == connectors.Out:
		if b.State == connectors.Done {
			b.Was = t.Reference
		}
	default:
		b.RefundOf = t.Reference
	}
	return b, nil
}

func digits(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) == 4
}
