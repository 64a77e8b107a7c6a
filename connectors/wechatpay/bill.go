package wechatpay

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/fault"
	"jali/internal/secret"
)

const (
	ready = 10 * time.Hour
	day   = 24 * time.Hour
)

// Bills reads the days that [from, to) touches, several at once, and keeps what
// lies inside. A longer span than the source's MaxWindow
// is walked in pages.
func (c *Connector) Bills(ctx context.Context, v connectors.Credential, ref connectors.AccountRef, from, to time.Time, next connectors.Cursor) (connectors.Page, error) {
	k, err := read(v)
	if err != nil {
		return connectors.Page{}, err
	}
	if !ref.ID.Equal(secret.Of(k.Merchant)) {
		return connectors.Page{}, connectors.ErrRefused.Because(fault.Cause("not an account of this credential"))
	}
	covers := c.kept(from, to)
	page := connectors.Page{Covers: covers}
	if !covers.From.Before(covers.To) {
		return page, nil
	}
	first := midnight(covers.From)
	if next != "" {
		first, err = time.ParseInLocation(time.DateOnly, string(next), wire.Beijing)
		if err != nil || first.Before(midnight(covers.From)) || !first.Before(covers.To) {
			return connectors.Page{}, connectors.ErrRefused.Because(fault.Cause("not a cursor of this listing"))
		}
	}
	end := covers.To
	if window := first.Add(c.source.MaxWindow); window.Before(end) {
		end = window
		page.Next = connectors.Cursor(end.Format(time.DateOnly))
	}
	var days []time.Time
	for d := first; d.Before(end); d = d.Add(day) {
		days = append(days, d)
	}
	all, err := c.days(ctx, k.Merchant, days)
	if err != nil {
		return connectors.Page{}, err
	}
	for i, d := range all {
		if d.creating {
			// Nothing behind a gap is told: what is covered is one span.
			page.Covers.To, page.Next = days[i], ""
			if !page.Covers.From.Before(page.Covers.To) {
				page.Covers = connectors.Span{From: from, To: from}
			}
			break
		}
		for _, b := range d.bills {
			if !b.At.Before(covers.From) && b.At.Before(covers.To) {
				page.Bills = append(page.Bills, b)
			}
		}
	}
	if page.Covers == (connectors.Span{From: from, To: to}) {
		page.Covers = connectors.Span{}
	}
	return page, nil
}

// kept is the part of [from, to) whose statements exist by now.
func (c *Connector) kept(from, to time.Time) connectors.Span {
	now := c.now()
	s := connectors.Span{From: from, To: to}
	if oldest := midnight(now.Add(-c.source.History)); s.From.Before(oldest) {
		s.From = oldest
	}
	// The last whole day whose file has been made: yesterday from ten o'clock.
	if made := midnight(now.Add(-ready)); made.Before(s.To) {
		s.To = made
	}
	if !s.From.Before(s.To) {
		return connectors.Span{From: from, To: from}
	}
	return s
}

func midnight(t time.Time) time.Time {
	y, m, d := t.In(wire.Beijing).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, wire.Beijing)
}

// told is what a day's bills tell, oldest first, or that they are being made.
type told struct {
	bills    []connectors.Bill
	creating bool
}

// days reads each day with as many calls at once as the source
// bears. The first failure ends the others.
func (c *Connector) days(ctx context.Context, merchant string, days []time.Time) ([]told, error) {
	all := make([]told, len(days))
	together, ctx := errgroup.WithContext(ctx)
	together.SetLimit(c.source.Concurrent)
	for i, d := range days {
		together.Go(func() (err error) {
			defer fault.Caught(&err)
			if err := ctx.Err(); err != nil {
				return connectors.ErrDown.Because(err)
			}
			all[i], err = c.day(ctx, merchant, d)
			return err
		})
	}
	return all, together.Wait()
}

// day reads a day's trade bill and, where the operator has that product, the
// fund-flow bill, and makes one listing of the two.
func (c *Connector) day(ctx context.Context, merchant string, d time.Time) (told, error) {
	trades, err := c.trades(ctx, merchant, d)
	var f flow
	if err == nil && !c.tradeOnly {
		f, err = c.flow(ctx, merchant, d)
	}
	switch {
	case errors.Is(err, errCreating):
		return told{creating: true}, nil
	case err != nil:
		return told{}, err
	}
	if len(f.bills) > 0 && !f.vouched(trades) {
		if err := c.vouch(ctx, merchant, d, f); err != nil {
			return told{}, err
		}
	}
	bills := join(trades, f)
	slices.SortStableFunc(bills, func(a, b connectors.Bill) int { return a.At.Compare(b.At) })
	return told{bills: bills}, nil
}
