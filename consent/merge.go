package consent

import "slices"

// Merge answers what a grant of the terms t becomes when more is added to it
// (Grant Management, grant_management_action=merge): of every member the
// wider of the two, and where more leaves one out, the grant's. What the grant
// had no need of and more does not say takes the purpose's default. What
// cannot be united without opening what neither opens is an [ErrTerms] that
// names the member.
func (t Terms) Merge(more Terms) (Terms, error) {
	if t.Purpose != more.Purpose {
		return Terms{}, wrong("purpose", "must be the grant's own to merge; replace it, or ask for another grant")
	}
	period, err := t.Period.merge(more.Period)
	if err != nil {
		return Terms{}, err
	}
	uses, err := t.Uses.merge(more.Uses)
	if err != nil {
		return Terms{}, err
	}
	m := Terms{
		Purpose: t.Purpose, Datatypes: union(t.Datatypes, more.Datatypes), Fields: t.Fields, Period: period, Uses: uses,
		Sources: t.Sources, Until: t.Until, Retention: max(t.Retention, more.Retention), Locations: union(t.Locations, more.Locations),
	}
	if len(t.Sources) > 0 { // else the person picks, as they did
		m.Sources = union(t.Sources, more.Sources)
	}
	if more.Fields.rank() > m.Fields.rank() {
		m.Fields = more.Fields
	}
	if more.Until.After(m.Until) {
		m.Until = more.Until
	}
	return m.defaults(), nil
}

// defaults fills in what the datatypes ask for and nobody has said.
func (t Terms) defaults() Terms {
	rule, _ := t.Purpose.Rule()
	if slices.Contains(t.Datatypes, Bills) && t.Fields == "" {
		t.Fields = Minimal
	}
	if t.dated() && t.Period.Zero() {
		t.Period = Period{Days: rule.DefaultDays}
	}
	return t
}

func (p Period) merge(more Period) (Period, error) {
	switch {
	case p.Zero():
		return more, nil
	case more.Zero():
		return p, nil
	case (p.Days > 0) != (more.Days > 0):
		return Period{}, wrong("period", "must be days where the grant's is days, or from and to where it is those, to merge")
	case p.Days > 0:
		return Period{Days: max(p.Days, more.Days)}, nil
	case !more.From.Start().Before(p.To.Start().AddDate(0, 0, 2)) || !p.From.Start().Before(more.To.Start().AddDate(0, 0, 2)):
		return Period{}, wrong("period", "must touch the grant's to merge: the days between would be nobody's")
	}
	return Period{From: min(p.From, more.From), To: max(p.To, more.To)}, nil
}

func (u Uses) merge(more Uses) (Uses, error) {
	switch {
	case u.Per != more.Per:
		return Uses{}, wrong("uses.per", "must be the grant's own to merge")
	case u.Zone().String() != more.Zone().String():
		return Uses{}, wrong("uses.tz", "must be the grant's own to merge")
	}
	return Uses{Limit: max(u.Limit, more.Limit), Per: u.Per, TZ: u.TZ}, nil
}

func union[T ~string](a, b []T) []T {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}
