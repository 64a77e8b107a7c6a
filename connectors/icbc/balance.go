package icbc

import (
	"context"
	"strconv"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/connectors/wire"
	"jali/internal/fault"
)

// lookBack is how far back the newest movement is looked for: a month at
// first, since an account that is used has one there.
var lookBack = []int{1, 13} // months

// Balances answers what the newest movement of each account left behind, since
// that is all that the service tells of it. An account that has not moved for 13
// months is left out.
func (c *Connector) Balances(ctx context.Context, v connectors.Credential, refs []connectors.AccountRef) ([]connectors.Balance, error) {
	k, err := read(v)
	if err != nil {
		return nil, err
	}
	var all []connectors.Balance
	for _, ref := range refs {
		a, err := readRef(ref)
		if err != nil {
			return nil, err
		}
		now := c.now()
		for to, i := now.Add(time.Second), 0; i < len(lookBack); i++ {
			from := now.In(wire.Beijing).AddDate(0, -lookBack[i], 0)
			last, amount, err := c.newest(ctx, k, a, from, to)
			if err != nil {
				return nil, err
			}
			if !last.IsZero() {
				all = append(all, connectors.Balance{Account: ref, Kind: connectors.Booked, Amount: amount, AsOf: last})
				break
			}
			to = from
		}
	}
	return all, nil
}

// newest walks the movements of [from, to) and answers when the last one was
// booked and what it left; the zero time when there is none. The bank does not
// say in which order it lists.
func (c *Connector) newest(ctx context.Context, k credential, a account, from, to time.Time) (last time.Time, left money.Amount, err error) {
	serial := int64(-1)
	at := cursor{Page: 1}
	for {
		m, err := c.movements(ctx, k, a, from, to, at.Serial)
		if err != nil {
			return last, left, err
		}
		for _, row := range m.Rows {
			b, err := row.bill(a)
			if err != nil {
				return last, left, connectors.ErrMalformed.Because(err)
			}
			n, err := strconv.ParseInt(b.ID, 10, 64)
			if err != nil {
				return last, left, connectors.ErrMalformed.Because(fault.Cause("serialno is no number of 64 bits"))
			}
			if b.At.Before(last) || (b.At.Equal(last) && n <= serial) {
				continue
			}
			if left, err = hundredths(row.Balance, b.Amount.Currency); err != nil {
				return last, left, connectors.ErrMalformed.Because(err)
			}
			last, serial = b.At, n
		}
		more, err := m.more(at)
		if err != nil {
			return last, left, connectors.ErrMalformed.Because(err)
		}
		if !more {
			return last, left, nil
		}
		at = cursor{string(m.Serial), at.Page + 1}
	}
}
