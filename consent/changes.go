package consent

import (
	"slices"
	"strconv"
	"time"
)

// Change is one member in which a revision differs from what it revises.
type Change struct {
	Member string // as authorization_details calls it, or "accounts"
	// Before and After are the values as text, a set's one by one; no sources
	// is every source that the person picks.
	Before, After []string
	Wider         bool // it opens something that was not open before
}

// Changes answers what a revision changes of a grant, in the order in which
// people are asked; nothing where it renews what there is to the second. Where
// the client calls (locations) is not the person's to judge and left out.
func Changes(before, after Terms, accountsBefore, accountsAfter []AccountID) []Change {
	var list []Change
	add := func(member string, was, is []string, wider bool) {
		if !slices.Equal(was, is) {
			list = append(list, Change{member, was, is, wider})
		}
	}
	set := func(member string, was, is []string, wider bool) {
		add(member, slices.Sorted(slices.Values(was)), slices.Sorted(slices.Values(is)), wider)
	}
	add("purpose", one(string(before.Purpose)), one(string(after.Purpose)), true)
	set("datatypes", texts(before.Datatypes), texts(after.Datatypes), !subset(after.Datatypes, before.Datatypes))
	add("bill_fields", one(string(before.Fields)), one(string(after.Fields)), after.Fields.rank() > before.Fields.rank())
	set("sources", before.Sources, after.Sources,
		len(before.Sources) > 0 && (len(after.Sources) == 0 || !subset(after.Sources, before.Sources)))
	add("period", one(before.Period.text()), one(after.Period.text()), !after.Period.Zero() && !after.Period.inside(before.Period))
	add("uses", one(before.Uses.text()), one(after.Uses.text()), !after.Uses.sameZone(before.Uses).inside(before.Uses))
	add("until", one(before.Until.UTC().Format(time.RFC3339)), one(after.Until.UTC().Format(time.RFC3339)), after.Until.After(before.Until))
	add("retention", one(before.RetentionISO()), one(after.RetentionISO()), after.Retention > before.Retention)
	set("accounts", texts(accountsBefore), texts(accountsAfter), !subset(accountsAfter, accountsBefore))
	return list
}

// Narrower reports whether a grant opens less than it did before it was
// changed: what was opened by then may hold more than the person now agrees to.
func (g Grant) Narrower(was Grant) bool {
	return slices.ContainsFunc(Changes(g.Agreed, was.Agreed, g.Accounts, was.Accounts), func(c Change) bool { return c.Wider })
}

// one is a single value, or none.
func one(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// text is a period as an ISO 8601 interval or duration.
func (p Period) text() string {
	switch {
	case p.Days > 0:
		return "P" + strconv.Itoa(p.Days) + "D"
	case p.Zero():
		return ""
	}
	return string(p.From) + "/" + string(p.To)
}

// text is "3", "4/day" or "4/day Europe/Vienna".
func (u Uses) text() string {
	s := strconv.Itoa(u.Limit)
	if u.Per == "" {
		return s
	}
	if s += "/" + u.Per; u.Zone().String() != Shanghai.String() {
		s += " " + u.Zone().String()
	}
	return s
}

// sameZone calls u's zone as v does, if it is the same.
func (u Uses) sameZone(v Uses) Uses {
	if u.Per == v.Per && u.Zone().String() == v.Zone().String() {
		u.TZ = v.TZ
	}
	return u
}
