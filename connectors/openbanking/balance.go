package openbanking

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/fault"
)

// obBalance is one OBCashBalance1.
type obBalance struct {
	AccountId  string       `json:"AccountId"`
	Amount     obAmount     `json:"Amount"`
	Indicator  string       `json:"CreditDebitIndicator"`
	Type       string       `json:"Type"`
	DateTime   string       `json:"DateTime"`
	CreditLine []creditLine `json:"CreditLine"`
}

type creditLine struct {
	Included bool      `json:"Included"`
	Type     string    `json:"Type"`
	Amount   *obAmount `json:"Amount"`
}

type obAmount struct {
	Amount   string `json:"Amount"`
	Currency string `json:"Currency"`
}

// signed is the amount, below zero for a debit. The standard's amounts have no
// sign; where a bank writes one all the same, what is below zero is a debit
// whatever the indicator says.
func (a obAmount) signed(indicator string) (money.Amount, error) {
	m, err := money.Parse(a.Amount, a.Currency)
	if err != nil || strings.HasPrefix(a.Amount, "+") {
		return money.Amount{}, fault.Cause("an Amount is not a decimal of a currency")
	}
	switch indicator {
	case "Credit", "CRDT":
		return m, nil
	case "Debit", "DBIT":
		return m.Abs().Neg(), nil
	}
	return money.Amount{}, fault.Cause("CreditDebitIndicator is neither Credit nor Debit")
}

// Balances asks for each account's balances, several accounts at once.
func (c *Connector) Balances(ctx context.Context, v connectors.Credential, refs []connectors.AccountRef) ([]connectors.Balance, error) {
	k, err := c.opened(v)
	if err != nil {
		return nil, err
	}
	if len(refs) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	told := make([][]connectors.Balance, len(refs))
	refused := make([]error, len(refs))
	places := make(chan struct{}, c.source.Concurrent)
	var wg sync.WaitGroup
	for i, ref := range refs {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			if ctx.Err() != nil {
				return
			}
			var err error
			defer func() {
				switch {
				case errors.Is(err, connectors.ErrRefused):
					refused[i] = err // an account that was closed keeps its own from nobody
				case err != nil:
					cancel(err) // the first one stays
				}
			}()
			defer fault.Caught(&err)
			told[i], err = c.balances(ctx, k, ref)
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		err := context.Cause(ctx)
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			err = connectors.ErrDown.Because(err)
		}
		return nil, err
	}
	if !slices.Contains(refused, nil) {
		return nil, refused[0]
	}
	return slices.Concat(told...), nil
}

func (c *Connector) balances(ctx context.Context, k credential, ref connectors.AccountRef) ([]connectors.Balance, error) {
	account, err := readRef(ref)
	if err != nil {
		return nil, err
	}
	var list []obBalance
	err = each(ctx, c, k, c.api.JoinPath("accounts", url.PathEscape(account.id), "balances"), func(p *balancePage) error {
		if p.Balance == nil {
			return errNoList
		}
		list = append(list, p.Balance...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out, err := readBalances(list, ref)
	if err != nil {
		return nil, connectors.ErrMalformed.Because(err)
	}
	return out, nil
}

type balancePage struct {
	Balance []obBalance `json:"Balance"`
}

// readBalances keeps the best of the types that mean the same, per currency.
func readBalances(list []obBalance, ref connectors.AccountRef) ([]connectors.Balance, error) {
	account, err := readRef(ref)
	if err != nil {
		return nil, err
	}
	type slot struct {
		kind     connectors.BalanceKind
		currency string
	}
	best := map[slot]int{}
	var out []connectors.Balance
	put := func(b connectors.Balance, rank int) {
		s := slot{b.Kind, b.Amount.Currency}
		old, there := best[s]
		switch {
		case there && rank >= old:
			return
		case there:
			out = slices.DeleteFunc(out, func(o connectors.Balance) bool { return slot{o.Kind, o.Amount.Currency} == s })
		}
		best[s] = rank
		out = append(out, b)
	}
	for _, b := range list {
		if b.AccountId != account.id {
			return nil, fault.Cause("a balance of another account")
		}
		amount, err := b.Amount.signed(b.Indicator)
		if err != nil {
			return nil, err
		}
		at, err := time.Parse(time.RFC3339, b.DateTime)
		if err != nil {
			return nil, fault.Cause("DateTime is not a time")
		}
		kind, rank := kindOfBalance(b.Type)
		switch {
		case account.debt && kind != connectors.Available:
			// A debit is owed; a credit is the bank's debt to the person.
			amount = amount.Neg()
			if kind == connectors.Booked {
				kind = connectors.Outstanding
			}
		case !account.debt:
			// What the bank would lend is not what the person has.
			if amount, err = less(amount, b.CreditLine); err != nil {
				return nil, err
			}
		}
		if kind != "" {
			put(connectors.Balance{Account: ref, Kind: kind, Amount: amount, AsOf: at}, rank)
		}
		for _, line := range b.CreditLine {
			if limit, err := line.limit(); err != nil {
				return nil, err
			} else if limit.Currency != "" && line.agreed() {
				put(connectors.Balance{Account: ref, Kind: connectors.CreditLimit, Amount: limit, AsOf: at}, 0)
			}
		}
	}
	return out, nil
}

func (l creditLine) limit() (money.Amount, error) {
	if l.Amount == nil {
		return money.Amount{}, nil
	}
	m, err := l.Amount.signed("Credit")
	if err == nil && m.Minor < 0 {
		err = fault.Cause("a credit line is below zero")
	}
	return m, err
}

// agreed reports whether the line is a limit (OBInternalLimitType1Code), not
// what is left of one.
func (l creditLine) agreed() bool {
	return l.Type == "Credit" || l.Type == "Pre-Agreed" || l.Type == "CRDT" || l.Type == "PREA"
}

// less takes out of an account's amount the credit lines that the bank has put
// into it.
func less(amount money.Amount, lines []creditLine) (money.Amount, error) {
	for _, l := range lines {
		if !l.Included || l.Type == "Available" {
			continue
		}
		limit, err := l.limit()
		if err == nil && limit.Currency != "" {
			amount, err = amount.Sub(limit)
		}
		if err != nil {
			return amount, fault.Cause("a credit line does not go with its balance")
		}
	}
	return amount, nil
}

// kindOfBalance reads OBExternalBalanceType1Code of v4 (ISO 20022) and v3.1;
// rank prefers the one that is nearest to now. What looks ahead or back is
// left out.
func kindOfBalance(code string) (kind connectors.BalanceKind, rank int) {
	switch code {
	case "ITAV", "InterimAvailable":
		return connectors.Available, 0
	case "CLAV", "ClosingAvailable":
		return connectors.Available, 1
	case "OPAV", "OpeningAvailable":
		return connectors.Available, 2
	case "ITBD", "InterimBooked":
		return connectors.Booked, 0
	case "CLBD", "ClosingBooked":
		return connectors.Booked, 1
	case "ITCL", "InterimCleared":
		return connectors.Booked, 2
	case "OPBD", "OpeningBooked":
		return connectors.Booked, 3
	case "PRCD", "PreviouslyClosedBooked":
		return connectors.Booked, 4
	case "XPCD", "Expected":
		return connectors.Current, 0
	}
	return "", 0
}
