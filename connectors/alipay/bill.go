package alipay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/fault"
	"jali/internal/secret"
)

// maxPages is in one window; beyond it an answer is not believed.
const maxPages = 500

// cursor is what comes next: a page of the log's window that begins at from, or,
// with files, the rows of the file of from's month after the first skip.
// horizon parts the two, and stays where it was when the listing began.
type cursor struct {
	files   bool
	from    time.Time
	place   int64 // of a page, from 1; of a row, from 0
	horizon time.Time
}

// Bills answers the log of [from, to), and what lies further back than the log
// out of the months' files. A longer span than 31 days is walked window by
// window, one page a call.
func (c *Connector) Bills(ctx context.Context, v connectors.Credential, ref connectors.AccountRef, from, to time.Time, next connectors.Cursor) (connectors.Page, error) {
	k, err := read(v)
	if err != nil {
		return connectors.Page{}, err
	}
	if !ref.ID.Equal(secret.Of(k.User)) {
		return connectors.Page{}, connectors.ErrRefused.Because(fault.Cause("not an account of this credential"))
	}
	var covers connectors.Span
	start := from
	if oldest := c.now().Add(-c.source.History).Truncate(time.Second); start.Before(oldest) {
		start = oldest
		covers = connectors.Span{From: start, To: to}
	}
	if !start.Before(to) {
		return connectors.Page{Covers: connectors.Span{From: to, To: to}}, nil
	}
	at := c.first(start)
	if next != "" {
		if at, err = readCursor(next); err != nil || at.from.Before(month(start)) || !at.from.Before(to) {
			return connectors.Page{}, connectors.ErrRefused.Because(fault.Cause("not a cursor of this listing"))
		}
	}
	var page connectors.Page
	if at.files {
		page, err = c.filed(ctx, k, at, connectors.Earlier(to, at.horizon))
		switch {
		case errors.Is(err, connectors.ErrRefused):
			// The application is not admitted to files: the log is all there is.
			if page, err = (connectors.Page{}), nil; !at.horizon.Before(to) {
				return connectors.Page{Covers: connectors.Span{From: to, To: to}}, nil
			}
			covers, page.Next = connectors.Span{From: at.horizon, To: to}, cursor{from: at.horizon, place: 1}.text()
		case err == nil && page.Next == "" && at.horizon.Before(to):
			page.Next = cursor{from: at.horizon, place: 1}.text()
		}
	} else {
		page, err = c.logged(ctx, k, at, to)
	}
	if err != nil {
		return connectors.Page{}, err
	}
	told := map[string]bool{}
	page.Bills = slices.DeleteFunc(page.Bills, func(b connectors.Bill) bool {
		again := told[b.ID]
		told[b.ID] = true
		return again || b.At.Before(start) || !b.At.Before(to)
	})
	slices.SortStableFunc(page.Bills, func(a, b connectors.Bill) int { return a.At.Compare(b.At) })
	page.Covers = covers
	return page, nil
}

// first is where a listing from start begins.
func (c *Connector) first(start time.Time) cursor {
	horizon := midnight(c.now().Add(-logReach))
	if c.source.History > logReach+24*time.Hour && start.Before(horizon) {
		return cursor{files: true, from: month(start), horizon: horizon}
	}
	return cursor{from: start.Truncate(time.Second), place: 1}
}

// month is the first of one in Beijing.
func month(at time.Time) time.Time {
	at = at.In(wire.Beijing)
	return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, wire.Beijing)
}

func (c cursor) text() connectors.Cursor {
	if c.files {
		return connectors.Cursor(fmt.Sprintf("f%d.%d.%d", c.from.Unix(), c.place, c.horizon.Unix()))
	}
	return connectors.Cursor(fmt.Sprintf("%d.%d", c.from.Unix(), c.place))
}

func readCursor(text connectors.Cursor) (cursor, error) {
	var from, place, horizon int64
	unreadable := fault.Cause("unreadable")
	if len(text) > 0 && text[0] == 'f' {
		_, err := fmt.Sscanf(string(text), "f%d.%d.%d", &from, &place, &horizon)
		at := cursor{files: true, from: time.Unix(from, 0).In(wire.Beijing), place: place, horizon: time.Unix(horizon, 0).In(wire.Beijing)}
		if err != nil || place < 0 || !at.from.Equal(month(at.from)) || !at.from.Before(at.horizon) || at.text() != text {
			return cursor{}, unreadable
		}
		return at, nil
	}
	_, err := fmt.Sscanf(string(text), "%d.%d", &from, &place)
	at := cursor{from: time.Unix(from, 0).In(wire.Beijing), place: place}
	if err != nil || place < 1 || place > maxPages || at.text() != text {
		return cursor{}, unreadable
	}
	return at, nil
}
