package berlingroup

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"jali/connectors"
	"jali/internal/fault"
)

// mark is a moment of an account's listing: the last entry that was booked, and
// the day on which that was asked.
type mark struct {
	Entry string `json:"entry,omitempty"`
	Day   string `json:"day"`
}

// walk is a walk through changes under way. What the mark will be was asked
// before the first page was, so that what comes in between is told twice
// rather than never.
type walk struct {
	Mark    mark   `json:"mark"`
	Overlap bool   `json:"overlap,omitempty"` // the list of the bank's own memory has been read, and the days since the mark are
	From    cursor `json:"from"`
}

// overlap is how many days before a mark are read again where the bank does not
// say what is new: a row may be filed under a day that has passed.
const overlap = 5

// Changes answers what is new after since.
//
// With entryReferenceFrom that is what the bank says follows the entry. A
// deltaList is what it has not told before, by its own memory: an answer that
// was lost underway would be lost with it, so the days since the mark are read
// besides. Without either these days are all that is read.
func (c *Connector) Changes(ctx context.Context, v connectors.Credential, r connectors.AccountRef, since connectors.Mark, next connectors.Cursor) (connectors.ChangePage, error) {
	k, err := read(v)
	if err != nil {
		return connectors.ChangePage{}, err
	}
	of, err := readRef(r)
	if err != nil {
		return connectors.ChangePage{}, err
	}
	if since == "" {
		m, err := c.mark(ctx, k, of)
		return connectors.ChangePage{Mark: m.sealed()}, err
	}
	var old mark
	if json.Unmarshal([]byte(since), &old) != nil {
		return connectors.ChangePage{}, connectors.ErrMark.Because(fault.Cause("not a mark of this dialect"))
	}
	day, err := time.ParseInLocation(time.DateOnly, old.Day, c.zone)
	if err != nil || day.Before(c.oldest()) {
		return connectors.ChangePage{}, connectors.ErrMark.Because(fault.Cause("the mark is older than what may be read"))
	}
	w, u := walk{From: cursor{Page: 1}}, (*url.URL)(nil)
	if next != "" {
		if json.Unmarshal([]byte(next), &w) != nil {
			return connectors.ChangePage{}, connectors.ErrRefused.Because(fault.Cause("not a cursor of this listing"))
		}
		if w.From.Page > 1 {
			from, err := json.Marshal(w.From)
			if err != nil {
				return connectors.ChangePage{}, err
			}
			if w.From, u, err = c.resume(of, connectors.Cursor(from)); err != nil {
				return connectors.ChangePage{}, err
			}
		}
	} else if w.Mark, err = c.mark(ctx, k, of); err != nil {
		return connectors.ChangePage{}, err
	}
	if u == nil {
		u = c.at(of, "transactions")
		u.RawQuery = c.since(old, day, w.Overlap).Encode()
	}
	got, err := c.page(ctx, k, of, u, &w.From, func(connectors.Bill) bool { return true })
	switch {
	case says(err, forgotten...):
		return connectors.ChangePage{}, connectors.ErrMark.Because(err)
	case err != nil:
		return connectors.ChangePage{}, err
	}
	page := connectors.ChangePage{Page: connectors.Page{Bills: got.Bills}}
	switch {
	case got.Next != "":
	case c.delta == ByDeltaList && !w.Overlap:
		w.Overlap, w.From = true, cursor{Page: 1}
	default:
		page.Mark = w.Mark.sealed()
		return page, nil
	}
	b, err := json.Marshal(w)
	page.Next = connectors.Cursor(b)
	return page, err
}

// forgotten are refusals of an entry that the bank does not know, or does not
// go back to, or of the ways to ask for what is new.
var forgotten = []string{"RESOURCE_UNKNOWN", "RESOURCE_EXPIRED", "PARAMETER_NOT_SUPPORTED", "PARAMETER_NOT_CONSISTENT", "FORMAT_ERROR", "PERIOD_INVALID"}

// since is the question for what came after a mark.
func (c *Connector) since(old mark, day time.Time, again bool) url.Values {
	switch {
	case c.delta == ByEntryReference && old.Entry != "":
		return url.Values{"bookingStatus": {c.bookings()}, "entryReferenceFrom": {old.Entry}}
	case c.delta == ByDeltaList && !again:
		return url.Values{"bookingStatus": {c.bookings()}, "deltaList": {"true"}}
	}
	return c.window(day.AddDate(0, 0, -overlap), c.now())
}

// mark asks for this moment: the entry that was booked last stands beside the
// balances (lastCommittedTransaction).
func (c *Connector) mark(ctx context.Context, k credential, of ref) (mark, error) {
	m := mark{Day: c.now().In(c.zone).Format(time.DateOnly)}
	if c.delta != ByEntryReference {
		return m, nil
	}
	d, err := c.balancesOf(ctx, k, of, detail{})
	for _, b := range d.Balances {
		m.Entry = first(m.Entry, b.Last)
	}
	return m, err
}

func (m mark) sealed() connectors.Mark {
	b, _ := json.Marshal(m) // plain members
	return connectors.Mark(b)
}
