package berlingroup

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"jali/connectors"
	"jali/internal/fault"
)

// balance is one balance of an account.
type balance struct {
	Amount   sum    `json:"balanceAmount"`
	Type     string `json:"balanceType"`
	Included bool   `json:"creditLimitIncluded"`
	Day      string `json:"referenceDate"`
	Last     string `json:"lastCommittedTransaction"`
	Positive bool   `json:"debitAccounting"` // of all of a card's: a published example has it among them
}

// Balances asks for each account's balances, several accounts at once.
func (c *Connector) Balances(ctx context.Context, v connectors.Credential, refs []connectors.AccountRef) ([]connectors.Balance, error) {
	k, err := read(v)
	if err != nil || len(refs) == 0 {
		return nil, err
	}
	told := make([][]connectors.Balance, len(refs))
	refused := make([]error, len(refs))
	together, ctx := errgroup.WithContext(ctx)
	together.SetLimit(c.source.Concurrent)
	for i, r := range refs {
		together.Go(func() (err error) {
			defer fault.Caught(&err)
			told[i], err = c.balances(ctx, k, r)
			if errors.Is(err, connectors.ErrRefused) {
				refused[i], err = err, nil // an account that was closed keeps its own from nobody
			}
			return err
		})
	}
	if err := together.Wait(); err != nil {
		return nil, err
	}
	if !slices.Contains(refused, nil) {
		return nil, refused[0]
	}
	return slices.Concat(told...), nil
}

// balances asks for one account's. A card's are read with its details, for its
// limit stands only there.
func (c *Connector) balances(ctx context.Context, k credential, r connectors.AccountRef) ([]connectors.Balance, error) {
	of, err := readRef(r)
	if err != nil {
		return nil, err
	}
	d := detail{}
	if of.Card {
		var a struct {
			Card *detail `json:"cardAccount"`
		}
		if err := c.call(ctx, request{method: http.MethodGet, url: c.at(of), as: k}, &a); err != nil {
			return nil, err
		}
		if a.Card == nil || (a.Card.ID != "" && a.Card.ID != of.ID) || !a.Card.is(of.identified) {
			return nil, connectors.ErrMalformed.Because(fault.Cause("not the details of this card account"))
		}
		d = *a.Card
	}
	if d.Balances == nil {
		if d, err = c.balancesOf(ctx, k, of, d); err != nil {
			return nil, err
		}
	}
	all, err := c.readBalances(d, of, r)
	if err != nil {
		return nil, connectors.ErrMalformed.Because(err)
	}
	return all, nil
}

// balancesOf reads the balances alone into d.
func (c *Connector) balancesOf(ctx context.Context, k credential, of ref, d detail) (detail, error) {
	var a struct {
		Account  identified `json:"account"`
		Card     identified `json:"cardAccount"`
		Positive bool       `json:"debitAccounting"`
		Balances *[]balance `json:"balances"`
	}
	if err := c.call(ctx, request{method: http.MethodGet, url: c.at(of, "balances"), as: k}, &a); err != nil {
		return d, err
	}
	switch {
	case a.Balances == nil:
		return d, connectors.ErrMalformed.Because(fault.Cause("no balances"))
	case !a.Account.is(of.identified), !a.Card.is(of.identified):
		return d, connectors.ErrMalformed.Because(fault.Cause("balances of another account"))
	}
	d.Balances = *a.Balances
	d.Positive = d.Positive || a.Positive || slices.ContainsFunc(d.Balances, func(b balance) bool { return b.Positive })
	return d, nil
}

// readBalances keeps the best of the types that mean the same, per currency.
func (c *Connector) readBalances(d detail, of ref, r connectors.AccountRef) ([]connectors.Balance, error) {
	type slot struct {
		kind     connectors.BalanceKind
		currency string
	}
	best := map[slot]int{}
	var out []connectors.Balance
	for _, b := range d.Balances {
		kind, rank := kindOfBalance(b, of.Debt)
		if kind == "" {
			continue
		}
		amount, err := b.Amount.parse()
		if err != nil {
			return nil, err
		}
		at, err := c.asOf(b)
		if err != nil {
			return nil, err
		}
		if of.Debt && kind != connectors.Available && !d.Positive {
			amount = amount.Neg() // what is owed is told as less than nothing
		}
		s := slot{kind, amount.Currency}
		if old, there := best[s]; there {
			if rank >= old {
				continue
			}
			out = slices.DeleteFunc(out, func(o connectors.Balance) bool { return slot{o.Kind, o.Amount.Currency} == s })
		}
		best[s] = rank
		out = append(out, connectors.Balance{Account: r, Kind: kind, Amount: amount, AsOf: at})
	}
	if d.Limit != nil {
		limit, err := d.Limit.parse()
		if err != nil {
			return nil, err
		}
		out = append(out, connectors.Balance{Account: r, Kind: connectors.CreditLimit, Amount: limit.Abs(), AsOf: c.now()})
	}
	return out, nil
}

// asOf is the moment that a balance stood: the end of its day, the beginning of
// it for an opening balance, and now for those that are of now.
func (c *Connector) asOf(b balance) (time.Time, error) {
	now := c.now()
	if b.Day == "" {
		return now, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, b.Day, c.zone)
	if err != nil {
		return now, fault.Cause("referenceDate is not a date")
	}
	if b.Type != "openingBooked" {
		day = day.AddDate(0, 0, 1)
	}
	if day.After(now) {
		return now, nil
	}
	return day, nil
}

// kindOfBalance reads a balanceType; rank prefers the one that is nearest to
// now and to what is the person's own. What looks ahead is left out, and what
// is only a part of a card's debt (nonInvoiced).
func kindOfBalance(b balance, debt bool) (kind connectors.BalanceKind, rank int) {
	if debt && !b.Included {
		switch b.Type {
		case "interimBooked":
			return connectors.Outstanding, 0
		case "interimAvailable": // of cards: what is booked, invoiced or not
			return connectors.Outstanding, 1
		case "closingBooked": // of cards: what is invoiced and not yet paid
			return connectors.Outstanding, 2
		case "expected":
			return connectors.Current, 0
		case "authorised":
			return connectors.Available, 2
		}
		return "", 0
	}
	switch b.Type {
	case "interimAvailable":
		kind = connectors.Available
	case "authorised": // expected, with the credit line (up to 1.3.3)
		return connectors.Available, 20
	case "interimBooked":
		kind = connectors.Booked
	case "closingBooked":
		kind, rank = connectors.Booked, 1
	case "openingBooked":
		kind, rank = connectors.Booked, 2
	case "expected":
		kind = connectors.Current
		if debt {
			kind, rank = connectors.Available, 1
		}
	}
	if b.Included {
		if kind == connectors.Booked || (kind == connectors.Current && !debt) {
			return connectors.Available, 30 + rank
		}
		rank += 10
	}
	return kind, rank
}
