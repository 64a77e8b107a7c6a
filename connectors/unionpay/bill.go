package unionpay

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/fault"
	"jali/internal/secret"
)

const (
	// early is how long before midnight a settlement date turns.
	early = time.Hour
	// ready is when on the next day a file is asked for.
	ready = 10 * time.Hour
)

// Bills reads the files of the settlement dates that [from, to) touches,
// several at once, and keeps what lies inside. A longer span than the source's
// MaxWindow is walked in pages.
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
	if covers == (connectors.Span{From: from, To: to}) {
		page.Covers = connectors.Span{}
	}
	first := settling(covers.From)
	if next != "" {
		first, err = time.ParseInLocation(time.DateOnly, string(next), wire.Beijing)
		if err != nil || first.Before(settling(covers.From)) || !begins(first).Before(covers.To) {
			return connectors.Page{}, connectors.ErrRefused.Because(fault.Cause("not a cursor of this listing"))
		}
	}
	if !covers.From.Before(covers.To) {
		return page, nil
	}
	var dates []time.Time
	for d := first; begins(d).Before(covers.To); d = d.Add(day) {
		if d.Sub(first) >= c.source.MaxWindow {
			page.Next = connectors.Cursor(d.Format(time.DateOnly))
			break
		}
		dates = append(dates, d)
	}
	all, err := c.dates(ctx, k.Merchant, dates)
	if err != nil {
		return connectors.Page{}, err
	}
	for _, b := range all {
		if !b.At.Before(covers.From) && b.At.Before(covers.To) {
			page.Bills = append(page.Bills, b)
		}
	}
	return page, nil
}

// settling is the settlement date of a moment, as the midnight that begins it.
func settling(t time.Time) time.Time {
	y, m, d := t.In(wire.Beijing).Add(early).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, wire.Beijing)
}

// begins is the first moment of a settlement date.
func begins(date time.Time) time.Time { return date.Add(-early) }

// kept is the part of [from, to) whose files there should be by now.
func (c *Connector) kept(from, to time.Time) connectors.Span {
	now := c.now()
	y, m, d := now.In(wire.Beijing).Add(-ready).Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, wire.Beijing)
	s := connectors.Span{From: from, To: to}
	if oldest := begins(settling(now.Add(-c.source.History))); s.From.Before(oldest) {
		s.From = oldest
	}
	if made := begins(today); made.Before(s.To) { // the file of the day before today
		s.To = made
	}
	if !s.From.Before(s.To) {
		return connectors.Span{From: from, To: from}
	}
	return s
}

// dates reads each date's file with as many calls at once as the source bears,
// and answers the bills of all, oldest first. The first failure ends the others.
func (c *Connector) dates(ctx context.Context, merchant string, dates []time.Time) ([]connectors.Bill, error) {
	told := make([][]connectors.Bill, len(dates))
	together, ctx := errgroup.WithContext(ctx)
	together.SetLimit(c.source.Concurrent)
	for i, d := range dates {
		together.Go(func() (err error) {
			defer fault.Caught(&err)
			if err := ctx.Err(); err != nil {
				return connectors.ErrDown.Because(err)
			}
			told[i], err = c.file(ctx, merchant, d)
			return err
		})
	}
	if err := together.Wait(); err != nil {
		return nil, err
	}
	all := slices.Concat(told...)
	slices.SortStableFunc(all, func(a, b connectors.Bill) int { return a.At.Compare(b.At) })
	return all, nil
}
