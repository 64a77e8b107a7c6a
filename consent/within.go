package consent

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxSources bounds a list that the person has to read.
const maxSources = 64

// Within reports, as an [ErrTerms] that names the member, what in a request
// made at now is beyond its purpose's ceilings, contradicts itself or is not
// in its one written form.
func (t Terms) Within(now time.Time) error {
	rule, ok := t.Purpose.Rule()
	if !ok {
		return wrong("purpose", "must be one of the published purposes")
	}
	for _, check := range []func(Rule, time.Time) error{
		t.datatypesWithin, t.sourcesWithin, t.fieldsWithin, t.periodWithin, t.usesWithin, t.untilWithin, t.retentionWithin,
	} {
		if err := check(rule, now); err != nil {
			return err
		}
	}
	return nil
}

func (t Terms) datatypesWithin(r Rule, _ time.Time) error {
	switch {
	case len(t.Datatypes) == 0:
		return wrong("datatypes", "must name at least one")
	case !sortedSet(t.Datatypes):
		return wrong("datatypes", "must not repeat itself")
	}
	for _, d := range t.Datatypes {
		if !slices.Contains(r.Datatypes, d) {
			return wrong("datatypes", "holds one that this purpose does not allow")
		}
	}
	return nil
}

func (t Terms) sourcesWithin(Rule, time.Time) error {
	switch {
	case len(t.Sources) > maxSources:
		return wrong("sources", fmt.Sprintf("must name at most %d", maxSources))
	case !sortedSet(t.Sources):
		return wrong("sources", "must not repeat itself")
	case slices.ContainsFunc(t.Sources, func(s string) bool { return !sourceID(s) }):
		return wrong("sources", "holds one that is no source's id")
	}
	return nil
}

func (t Terms) fieldsWithin(r Rule, _ time.Time) error {
	bills := slices.Contains(t.Datatypes, Bills)
	switch {
	case !bills && t.Fields != "":
		return wrong("bill_fields", "goes only with the datatype bills")
	case bills && t.Fields.rank() == 0:
		return wrong("bill_fields", "must be minimal, standard or full")
	case t.Fields.rank() > r.Fields.rank():
		return wrong("bill_fields", "is more than this purpose allows")
	}
	return nil
}

func (t Terms) periodWithin(r Rule, _ time.Time) error {
	p := t.Period
	switch {
	case !t.dated() && !p.Zero():
		return wrong("period", "goes only with the datatypes bills and statements")
	case !t.dated():
		return nil
	case p.Zero():
		return wrong("period", "is missing")
	case p.Days < 0:
		return wrong("period.days", "must be at least 1")
	case p.Days > 0 && (p.From != "" || p.To != ""):
		return wrong("period", "is either from and to, or days")
	case p.Days > r.Period.days():
		return wrong("period.days", fmt.Sprintf("must be at most %d for this purpose", r.Period.days()))
	case p.Days > 0:
		return nil
	case !p.From.Valid():
		return wrong("period.from", "must be a day, as 2006-01-02")
	case !p.To.Valid():
		return wrong("period.to", "must be a day, as 2006-01-02")
	case p.To < p.From:
		return wrong("period.to", "must not be before from")
	case !p.To.Start().Before(r.Period.After(p.From.Start())):
		return wrong("period", fmt.Sprintf("must be at most %d months for this purpose", r.Period.Months))
	}
	return nil
}

func (t Terms) usesWithin(r Rule, _ time.Time) error {
	u := t.Uses
	switch {
	case u.Limit < 1:
		return wrong("uses.limit", "must be at least 1")
	case u.Limit > r.Uses:
		return wrong("uses.limit", fmt.Sprintf("must be at most %d for this purpose", r.Uses))
	case u.Per != "" && u.Per != "day":
		return wrong("uses.per", "must be day, or left out")
	case u.TZ != "" && u.Per == "":
		return wrong("uses.tz", "goes only with per")
	case u.TZ == "":
		return nil
	}
	if _, err := zone(u.TZ); err != nil || u.TZ == "Local" {
		return wrong("uses.tz", "must be the name of a zone in the IANA database")
	}
	return nil
}

func (t Terms) untilWithin(r Rule, now time.Time) error {
	switch {
	case !t.Until.After(now):
		return wrong("until", "must be in the future")
	case !t.Until.Equal(t.Until.Truncate(time.Second)):
		return wrong("until", "must be in whole seconds")
	case t.Until.After(r.Life.After(now)):
		return wrong("until", "is later than this purpose allows")
	}
	return nil
}

func (t Terms) retentionWithin(r Rule, _ time.Time) error {
	switch {
	case t.Retention < 0 || t.Retention%time.Second != 0:
		return wrong("retention", "must be whole seconds, not less than none")
	case t.Retention > r.Retention:
		return wrong("retention", "is longer than this purpose allows")
	}
	return nil
}

// dated reports whether the terms open something that has days.
func (t Terms) dated() bool {
	return slices.Contains(t.Datatypes, Bills) || slices.Contains(t.Datatypes, Statements)
}

// rank orders the levels; 0 is none.
func (f BillFields) rank() int {
	return 1 + slices.Index([]BillFields{Minimal, Standard, Full}, f)
}

// RetentionISO is Retention as an ISO 8601 duration: whole days as P30D,
// anything else as PT90S, nothing as PT0S.
func (t Terms) RetentionISO() string {
	const day = 24 * time.Hour
	if t.Retention >= day && t.Retention%day == 0 {
		return fmt.Sprintf("P%dD", t.Retention/day)
	}
	return fmt.Sprintf("PT%dS", t.Retention/time.Second)
}

func wrong(member, why string) error {
	return ErrTerms.Saying("authorization_details[0]." + member + " " + why)
}

func sortedSet[T cmp.Ordered](list []T) bool {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			return false
		}
	}
	return true
}

func sourceID(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}
