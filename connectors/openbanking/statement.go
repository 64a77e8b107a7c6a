package openbanking

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/fault"
)

// longestPeriod is how long before it closes a statement may begin: a quarter.
const longestPeriod = 100 * 24 * time.Hour

// obStatement is one OBStatement2.
type obStatement struct {
	AccountId   string       `json:"AccountId"`
	StatementId string       `json:"StatementId"`
	Type        string       `json:"Type"`
	Start       string       `json:"StartDateTime"`
	End         string       `json:"EndDateTime"`
	Amounts     []obFigure   `json:"StatementAmount"`
	Times       []obOccasion `json:"StatementDateTime"`
}

type obFigure struct {
	Type      string   `json:"Type"`
	Indicator string   `json:"CreditDebitIndicator"`
	Amount    obAmount `json:"Amount"`
}

type obOccasion struct {
	Type     string `json:"Type"`
	DateTime string `json:"DateTime"`
}

type statementPage struct {
	Statement []obStatement `json:"Statement"`
}

// told is a statement, and what its period has received in payments: they go
// towards the statement before it.
type told struct {
	connectors.Statement
	received money.Amount
}

// Statements answers the periodic statements of an account of debt. The
// standard says what was owed at the end, by when, and what was paid in the
// period; what has been paid since the newest is summed from the account's
// transactions. A bank that would not grant them has none.
func (c *Connector) Statements(ctx context.Context, v connectors.Credential, ref connectors.AccountRef, from, to time.Time) ([]connectors.Statement, error) {
	k, err := c.opened(v)
	if err != nil {
		return nil, err
	}
	account, err := readRef(ref)
	if err != nil {
		return nil, err
	}
	if !account.debt || k.Few || !from.Before(to) {
		return nil, nil
	}
	u := c.api.JoinPath("accounts", url.PathEscape(account.id), "statements")
	u.RawQuery = url.Values{"fromStatementDateTime": {from.Add(-longestPeriod).UTC().Format(queryTime)}}.Encode()
	var list []obStatement
	err = each(ctx, c, k, u, func(p *statementPage) error {
		if p.Statement == nil {
			return errNoList
		}
		list = append(list, p.Statement...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	all, err := readStatementsOf(list, ref)
	if err != nil {
		return nil, connectors.ErrMalformed.Because(err)
	}
	var out []connectors.Statement
	for i, s := range all {
		if s.Period.To.Before(from) || !s.Period.To.Before(to) {
			continue
		}
		if s.Paid = s.received; i+1 < len(all) {
			s.Paid = all[i+1].received
		} else if s.Paid, err = c.paidSince(ctx, v, ref, s.Statement); err != nil {
			return nil, err
		}
		s.Settled = s.Due.Minor == 0 || s.Paid.Minor >= s.Due.Minor
		s.Paid.Minor = min(s.Paid.Minor, s.Due.Minor) // more went to what was bought since
		out = append(out, s.Statement)
	}
	return out, nil
}

// readStatementsOf reads those with amounts, once each, oldest first.
func readStatementsOf(list []obStatement, ref connectors.AccountRef) ([]told, error) {
	account, err := readRef(ref)
	if err != nil {
		return nil, err
	}
	var all []told
	for _, one := range list {
		if one.AccountId != account.id {
			return nil, fault.Cause("a statement of another account")
		}
		s, err := one.read(ref, account.card)
		if err != nil {
			return nil, err
		}
		if one.Type == "Annual" || s.Due.Currency == "" {
			continue // nothing to pay by it, or nothing told of that
		}
		if !slices.ContainsFunc(all, func(o told) bool { return o.ID == s.ID && o.Period == s.Period }) {
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b told) int { return a.Period.To.Compare(b.Period.To) })
	return all, nil
}

// read translates one statement. Of a card the whole balance is due, of another
// debt its instalment; Due is without a currency where neither is told.
func (o obStatement) read(ref connectors.AccountRef, card bool) (told, error) {
	s := told{Statement: connectors.Statement{ID: o.StatementId, Account: ref}}
	start, err1 := time.Parse(time.RFC3339, o.Start)
	end, err2 := time.Parse(time.RFC3339, o.End)
	switch {
	case o.Type == "":
		return told{}, fault.Cause("a statement without a Type")
	case err1 != nil || err2 != nil || !start.Before(closing(end)):
		return told{}, fault.Cause("a statement's StartDateTime and EndDateTime are no period")
	}
	s.Period = connectors.Span{From: start, To: closing(end)}
	var closed, instalment money.Amount
	for _, f := range o.Amounts {
		amount, err := f.Amount.signed(f.Indicator)
		if err != nil {
			return told{}, err
		}
		switch strings.TrimPrefix(f.Type, "UK.OBIE.") {
		case "ClosingBalance":
			if closed = amount.Neg(); amount.Minor > 0 {
				closed.Minor = 0 // the bank owes the person
			}
		case "DirectDebitPaymentDue":
			instalment = amount.Abs()
		case "MinimumPaymentDue":
			s.Minimum = amount.Abs()
		case "CurrentPayment":
			s.received = amount.Abs()
		}
	}
	switch {
	case !card && instalment.Currency != "":
		s.Due = instalment
	case !card:
		s.Due = s.Minimum
	case closed.Currency == "" && len(o.Amounts) > 0:
		return told{}, fault.Cause("a card's statement without a ClosingBalance")
	default:
		s.Due = closed
	}
	for _, t := range o.Times {
		if strings.TrimPrefix(t.Type, "UK.OBIE.") != "PaymentDue" {
			continue
		}
		at, err := time.Parse(time.RFC3339, t.DateTime)
		if err != nil {
			return told{}, fault.Cause("PaymentDue is not a time")
		}
		s.DueDate = midnight(at)
	}
	return s, nil
}

// closing is when a period has closed whose last moment, or last day, is end.
func closing(end time.Time) time.Time {
	h, m, sec := end.Clock()
	switch {
	case h == 0 && m == 0 && sec == 0, h == 23 && m == 59 && sec == 59:
		return midnight(end).AddDate(0, 0, 1)
	}
	return end
}

func midnight(at time.Time) time.Time {
	y, m, d := at.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, at.Location())
}

// paidSince sums what was booked in since a statement closed, less what shops
// have given back. What the bank does not tell of is not summed.
func (c *Connector) paidSince(ctx context.Context, v connectors.Credential, ref connectors.AccountRef, s connectors.Statement) (money.Amount, error) {
	paid := money.Amount{Currency: s.Due.Currency}
	if s.Due.Minor == 0 || !s.Period.To.Before(c.now()) {
		return paid, nil
	}
	seen := map[string]bool{}
	var next connectors.Cursor
	for range maxPages {
		page, err := c.Bills(ctx, v, ref, s.Period.To, c.now(), next)
		if errors.Is(err, connectors.ErrRefused) {
			return paid, nil
		}
		if err != nil {
			return paid, err
		}
		for _, b := range page.Bills {
			if b.Direction != connectors.In || b.State != connectors.Done || b.Kind == connectors.Refund || b.Amount.Currency != paid.Currency || seen[b.ID] {
				continue
			}
			seen[b.ID] = true
			if paid, err = paid.Add(b.Amount); err != nil {
				return paid, connectors.ErrMalformed.Because(fault.Cause("payments beyond what can be summed"))
			}
		}
		if next = page.Next; next == "" {
			return paid, nil
		}
	}
	return paid, connectors.ErrMalformed.Because(fault.Cause("pages without an end"))
}
