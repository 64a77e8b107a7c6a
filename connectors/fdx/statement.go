package fdx

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/fault"
)

// bills is one of an account's Bills: what a statement asks for, as it stands
// on the statement.
type bills struct {
	Total         json.Number `json:"totalPaymentDue"`
	Minimum       json.Number `json:"minimumPaymentDue"`
	DueDate       string      `json:"dueDate"`
	Balance       json.Number `json:"statementBalance"` // negative where it is owed
	StatementDate string      `json:"statementDate"`
}

// statement is one entry of GET /accounts/{accountId}/statements: a document
// with a date, and no sums.
type statement struct {
	Account string `json:"accountId"`
	ID      string `json:"statementId"`
	Date    string `json:"statementDate"`
}

// season is how far back statements and repayments are read for what an
// account says is due now.
const season = 120 * day

// Statements answers what the account says is due, of the statements that
// closed in [from, to). Three questions go out at once, whatever the window:
// the account, its list of statements for their ids and dates, and what was
// repaid.
func (c *Connector) Statements(ctx context.Context, v connectors.Credential, account connectors.AccountRef, from, to time.Time) ([]connectors.Statement, error) {
	k, err := read(v)
	if err != nil {
		return nil, err
	}
	r, err := readRef(account)
	if err != nil {
		return nil, err
	}
	if !from.Before(to) || !slices.Contains([]string{loc, bnpl, loan}, r.category) {
		return nil, nil
	}
	var d details
	var documents []statement
	var repaid []connectors.Bill
	err = together(
		func() (err error) { d, err = c.details(ctx, k, r); return err },
		func() (err error) { documents, err = c.documents(ctx, k, r); return unlessRefused(err) },
		func() (err error) { repaid, err = c.repaid(ctx, k, r); return unlessRefused(err) },
	)
	if err != nil {
		return nil, err
	}
	all, err := c.statements(d, r, documents, repaid)
	if err != nil {
		return nil, connectors.ErrMalformed.Because(err)
	}
	all = slices.DeleteFunc(all, func(s connectors.Statement) bool { return s.Period.To.Before(from) || !s.Period.To.Before(to) })
	for i := range all {
		all[i].Account = account
	}
	return all, nil
}

// unlessRefused lets go what an institution need not offer.
func unlessRefused(err error) error {
	if errors.Is(err, connectors.ErrRefused) {
		return nil
	}
	return err
}

// together runs functions side by side and answers the first one's error.
func together(all ...func() error) error {
	failed := make([]error, len(all))
	var wg sync.WaitGroup
	for i, f := range all {
		wg.Go(func() {
			var err error
			defer func() { failed[i] = err }()
			defer fault.Caught(&err)
			err = f()
		})
	}
	wg.Wait()
	return cmp.Or(failed...)
}

// details is GET /accounts/{accountId}.
func (c *Connector) details(ctx context.Context, k credential, r ref) (details, error) {
	var e entity
	if _, err := c.call(ctx, http.MethodGet, c.api.JoinPath("accounts", url.PathEscape(r.id)), k.Access, nil, &e); err != nil {
		return details{}, err
	}
	d, err := e.unwrapped()
	if err == nil && (d.ID != r.id || d.Category != r.category) {
		err = fault.Cause("another account than was asked for")
	}
	if err != nil {
		return details{}, connectors.ErrMalformed.Because(err)
	}
	return d, nil
}

// documents is the list of a season's statements, oldest first.
func (c *Connector) documents(ctx context.Context, k credential, r ref) ([]statement, error) {
	var all []statement
	var t turn
	now := c.c.Now().In(c.c.Zone)
	for {
		u := c.api.JoinPath("accounts", url.PathEscape(r.id), "statements")
		q := url.Values{"startTime": {c.oldest(k, now.Add(-season)).In(c.c.Zone).Format(time.DateOnly)},
			"endTime": {now.Format(time.DateOnly)}, "limit": {strconv.Itoa(c.c.Source.PageSize)}}
		t.ask(q)
		u.RawQuery = q.Encode()
		var a struct {
			pages
			Statements *[]statement `json:"statements"`
		}
		if _, err := c.call(ctx, http.MethodGet, u, k.Access, nil, &a); err != nil {
			return all, err
		}
		if a.Statements == nil {
			return nil, connectors.ErrMalformed.Because(fault.Cause("no statements"))
		}
		for _, s := range *a.Statements {
			if s.Account != r.id && s.Account != "" {
				return nil, connectors.ErrMalformed.Because(fault.Cause("a statement of another account"))
			}
			all = append(all, s)
		}
		next, more, err := a.after(t)
		if err != nil {
			return nil, connectors.ErrMalformed.Because(err)
		}
		if !more {
			slices.SortStableFunc(all, func(a, b statement) int { return cmp.Compare(a.Date, b.Date) })
			return all, nil
		}
		t = next
	}
}

// repaid are a season's booked repayments.
func (c *Connector) repaid(ctx context.Context, k credential, r ref) ([]connectors.Bill, error) {
	var all []connectors.Bill
	var t turn
	now, seen := c.c.Now(), map[string]bool{}
	for {
		rows, next, more, err := c.transactions(ctx, k, r, c.oldest(k, now.Add(-season)), now, t)
		if err != nil {
			return all, err
		}
		for _, b := range rows.bills {
			if b.Kind == connectors.Repayment && b.State == connectors.Done && !seen[b.ID] {
				seen[b.ID] = true
				all = append(all, b)
			}
		}
		if !more {
			return all, nil
		}
		t = next
	}
}

// statements makes them of what the account says, newest first. Errors name
// the member, never the value.
func (c *Connector) statements(d details, r ref, documents []statement, repaid []connectors.Bill) ([]connectors.Statement, error) {
	list := d.Bills
	if len(list) == 0 {
		list = append(list, bills{Total: d.NextAmount, Minimum: d.Minimum, DueDate: d.NextDate, Balance: d.LastBalance, StatementDate: d.LastDate})
	}
	var all []connectors.Statement
	for _, b := range list {
		s, err := c.statement(b, r, documents)
		if err != nil {
			return nil, err
		}
		if !s.Period.To.IsZero() {
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b connectors.Statement) int { return b.Period.To.Compare(a.Period.To) })
	for i := range all {
		if all[i].ID == "" { // an instalment to come, of which nothing is paid yet
			all[i].ID = all[i].DueDate.Format(time.DateOnly)
			all[i].Settled = all[i].Due.Zero()
			continue
		}
		end := c.c.Now().Add(day)
		if i > 0 {
			end = all[i-1].Period.To // what came later was for the next one
		}
		all[i].Paid = money.Amount{Currency: r.currency}
		for _, b := range repaid {
			if b.At.Before(all[i].Period.To) || !b.At.Before(end) {
				continue
			}
			signed := b.Amount
			if b.Direction == connectors.Out { // a repayment that was given back
				signed = signed.Neg()
			}
			var err error
			if all[i].Paid, err = all[i].Paid.Add(signed); err != nil {
				return nil, fault.Cause("repayments are out of range")
			}
		}
		all[i].Settled = all[i].Paid.Minor >= all[i].Due.Minor
		all[i].Paid.Minor = min(max(0, all[i].Paid.Minor), all[i].Due.Minor) // more went to what was bought since
	}
	return all, nil
}

// statement reads one of Bills. Its period is empty where neither it nor the
// list of documents has a date for it.
func (c *Connector) statement(b bills, r ref, documents []statement) (s connectors.Statement, err error) {
	dates := make([]time.Time, len(documents))
	for i, one := range documents {
		if dates[i], err = c.date(one.Date); err != nil {
			return s, fault.Cause("statementDate is not a date")
		}
	}
	if s.DueDate, err = c.date(b.DueDate); err != nil {
		return s, fault.Cause("dueDate is not a date")
	}
	if s.Period.To, err = c.date(b.StatementDate); err != nil {
		return s, fault.Cause("statementDate is not a date")
	}
	// A loan says when the next instalment is due, not of which statement: of
	// the one that closed in the month before, or of none yet.
	closed := !s.Period.To.IsZero()
	if !closed && !s.DueDate.IsZero() {
		s.Period.To = s.DueDate.AddDate(0, -1, 0)
		for _, at := range dates {
			if !at.IsZero() && !at.After(s.DueDate) && at.After(s.Period.To) {
				s.Period.To = at
			}
		}
	}
	s.Period.From = s.Period.To.AddDate(0, -1, 0)
	for i, at := range dates {
		switch {
		case at.IsZero():
		case at.Equal(s.Period.To):
			s.ID = documents[i].ID
		case at.Before(s.Period.To) && at.After(s.Period.From.AddDate(0, -1, 0)):
			s.Period.From = at
		}
	}
	if s.ID == "" && closed {
		s.ID = s.Period.To.Format(time.DateOnly)
	}
	read := func(n json.Number) (m money.Amount) {
		if m = (money.Amount{Currency: r.currency}); n != "" && err == nil {
			if m, err = sum(n, r.currency); err == nil {
				m = m.Abs()
			}
		}
		return m
	}
	// Of a loan the balance is all that is owed, and its instalment what is due.
	s.Due, s.Minimum = read(b.Total), read(b.Minimum)
	if b.Balance != "" && (b.Total == "" || r.category != loan) {
		s.Due = read(b.Balance)
	}
	if b.Minimum == "" {
		s.Minimum = money.Amount{}
	}
	return s, err
}

// date reads a DateString as the midnight it begins with; nothing is the zero
// time. Some write a timestamp.
func (c *Connector) date(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.ParseInLocation(time.DateOnly, text, c.c.Zone); err == nil {
		return at, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, err
	}
	y, m, d := at.In(c.c.Zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, c.c.Zone), nil
}
