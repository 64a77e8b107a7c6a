package page

import (
	"net/http"
	"slices"

	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/language"
)

// revision is what a request changes of a grant that was given before. The
// page shows it in place of the whole: nobody reads a second time what stays.
type revision struct {
	Grant   consent.Grant // as it stands
	Changes []change
	Renewal bool // its end moves, and nothing else
	Until   string
	Stays   termsText // all of what it would be, for who wants to read it
	Added   []aggregate.OwnAccount
	Removed []aggregate.OwnAccount
	Gone    int // accounts that were granted and are not connected any more
}

// change is one member before and after, in words.
type change struct {
	Member        string // as consent.Change has it
	Before, After []string
	Wider         bool
}

// revision answers what a request changes, and nil where it changes no grant.
// own are all of the person's accounts; chosen are the ones that would be
// granted, or nil as long as nobody has chosen: then all stay that may.
func (p *Page) revision(r *http.Request, s consent.Session, g consent.Grant, after consent.Terms,
	chosen []consent.AccountID, own []aggregate.OwnAccount) (*revision, error) {
	if g.Revises == "" {
		return nil, nil
	}
	before, err := p.Consent.Revised(r.Context(), s, g.ID)
	if err != nil {
		return nil, err
	}
	words := p.views[language.Of(r)].words
	sources := p.Aggregate.Sources()
	was, is := words.terms(before.Agreed, sources), words.terms(after, sources)
	rev := &revision{Grant: before, Stays: is, Until: is.Until}
	known := map[consent.AccountID]aggregate.OwnAccount{}
	for _, a := range own {
		known[a.ID] = a
	}
	for _, id := range before.Accounts {
		if _, ok := known[id]; !ok {
			rev.Gone++
		}
	}
	if chosen == nil {
		chosen = slices.DeleteFunc(slices.Clone(before.Accounts), func(id consent.AccountID) bool { return !covers(after, known[id]) })
	}
	for _, id := range chosen {
		if a, ok := known[id]; ok && !slices.Contains(before.Accounts, id) {
			rev.Added = append(rev.Added, a)
		}
	}
	for _, id := range before.Accounts {
		if a, ok := known[id]; ok && !slices.Contains(chosen, id) {
			rev.Removed = append(rev.Removed, a)
		}
	}
	for _, c := range consent.Changes(before.Agreed, after, before.Accounts, chosen) {
		if c.Member == "accounts" { // shown by name
			continue
		}
		b, a := words.member(c.Member, was), words.member(c.Member, is)
		rev.Changes = append(rev.Changes, change{c.Member, b, a, c.Wider})
	}
	if left := before.Left(p.Now()); g.Action == consent.Replace && before.Uses > 0 && before.Agreed.Uses.Per+after.Uses.Per == "" {
		rev.countAnew(change{"uses", []string{words.N("grant.left.total", left)}, []string{words.often(after.Uses)}, after.Uses.Limit > left})
	}
	rev.Renewal = len(rev.Changes) == 1 && rev.Changes[0].Member == "until" && rev.Changes[0].Wider && len(rev.Added)+len(rev.Removed) == 0
	return rev, nil
}

// countAnew tells of uses that are counted from the beginning, be it under the
// same terms: what was left of them is what the person gives more than.
func (rev *revision) countAnew(uses change) {
	at := len(rev.Changes)
	for i, c := range rev.Changes {
		switch c.Member {
		case "uses":
			rev.Changes[i] = uses
			return
		case "until", "retention": // which come behind
			at = min(at, i)
		}
	}
	rev.Changes = slices.Insert(rev.Changes, at, uses)
}

// member is one member of terms in words; nothing where the terms have none.
func (c *catalog) member(name string, t termsText) []string {
	one := map[string]string{"purpose": t.Purpose, "bill_fields": t.Fields, "period": t.Period, "uses": t.Often, "until": t.Until, "retention": t.Keep}
	switch name {
	case "datatypes":
		return t.Datatypes
	case "sources":
		if len(t.Sources) == 0 {
			return []string{c.T("terms.sources.any")}
		}
		return t.Sources
	}
	if one[name] == "" {
		return nil
	}
	return []string{one[name]}
}

// covers reports whether an account is at a source that was asked for; where
// none is named the person picks.
func covers(t consent.Terms, a aggregate.OwnAccount) bool {
	return len(t.Sources) == 0 || slices.Contains(t.Sources, a.Source.ID)
}

// granted reports whether an account is in the grant that is to be changed.
func (rev *revision) granted(id consent.AccountID) bool {
	return rev != nil && slices.Contains(rev.Grant.Accounts, id)
}
