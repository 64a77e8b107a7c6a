package consent

import (
	"slices"
	"time"
)

// Narrow answers what is left of the terms after a person's choice at now.
// What the choice leaves unset stays as asked; anything wider is [ErrWider].
// Choice.Accounts is not looked at: terms name no accounts.
func (t Terms) Narrow(c Choice, now time.Time) (Terms, error) {
	n := t
	n.Sources, n.Locations = slices.Clone(t.Sources), slices.Clone(t.Locations)
	n.Datatypes = slices.Clone(t.Datatypes)
	if len(c.Datatypes) > 0 {
		n.Datatypes = slices.Compact(slices.Sorted(slices.Values(c.Datatypes)))
		if !subset(n.Datatypes, t.Datatypes) {
			return Terms{}, ErrWider
		}
	}
	if c.Fields != "" {
		if r := c.Fields.rank(); r == 0 || r > t.Fields.rank() {
			return Terms{}, ErrWider
		}
		n.Fields = c.Fields
	}
	if !c.Period.Zero() {
		if !c.Period.inside(t.Period) {
			return Terms{}, ErrWider
		}
		n.Period = c.Period
	}
	if c.Uses != (Uses{}) {
		u := c.Uses
		if u.Per != "" && u.TZ == "" {
			u.TZ = t.Uses.TZ
		}
		if !u.inside(t.Uses) {
			return Terms{}, ErrWider
		}
		n.Uses = u
	}
	if !c.Until.IsZero() {
		until := c.Until.UTC().Truncate(time.Second)
		if until.After(t.Until) || !until.After(now) {
			return Terms{}, ErrWider
		}
		n.Until = until
	}
	if !slices.Contains(n.Datatypes, Bills) {
		n.Fields = ""
	}
	if !n.dated() {
		n.Period = Period{}
	}
	return n, nil
}

// inside reports whether every day of p is one of q's, at any use: so a window
// that moves fits in a longer one that moves, and never in fixed days or the
// other way round.
func (p Period) inside(q Period) bool {
	if p.Days != 0 || q.Days != 0 {
		return p.From == "" && p.To == "" && p.Days > 0 && p.Days <= q.Days
	}
	return p.From.Valid() && p.To.Valid() && q.From <= p.From && p.From <= p.To && p.To <= q.To
}

// inside reports whether u never allows a use that v would not.
func (u Uses) inside(v Uses) bool {
	if u.Limit < 1 || u.Limit > v.Limit {
		return false
	}
	switch u.Per {
	case "":
		return u.TZ == ""
	case "day":
		return v.Per == "day" && u.TZ == v.TZ
	}
	return false
}

func subset[T comparable](few, many []T) bool {
	return !slices.ContainsFunc(few, func(x T) bool { return !slices.Contains(many, x) })
}
