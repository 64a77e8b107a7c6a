package sums

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"jali/connectors"
	"jali/connectors/money"
)

// Report is what a person's bills of a period come to, the currency of most
// bills first.
type Report struct{ Currencies []Currency }

// Currency is a report's part in one currency. Lines are sorted by what went
// out, the most first.
type Currency struct {
	Currency   string
	Months     []Month // every one of the period, oldest first
	Sources    []Line
	Categories []Line
	Shops      []Line  // the largest; the last may stand for all others and has no name
	Worth      []Worth // oldest first; only moments of which some balance is known
}

// Month is what came in and went out in one month of Shanghai's calendar.
type Month struct {
	Month        string // "2026-05"
	In, Out, Net money.Amount
	Bills        int
	Partly       bool // of some of its days a source has told nothing
}

// Line is a sum under a name: a source's id, a category's code or a
// counterparty's name. Only of what came in or went out: what is internal is
// among a month's bills alone.
type Line struct {
	Name    string
	In, Out money.Amount
	Bills   int
}

// Worth is what a person held and owed at a moment. Unknown counts accounts
// that are not in it, for no balance of theirs was known by then.
type Worth struct {
	At                 time.Time
	Assets, Debts, Net money.Amount
	Unknown            int
}

// mostShops is how many counterparties a report names.
const mostShops = 50

// Report sums up what was entered, of a period.
func (b *Book) Report(period connectors.Span) (Report, error) {
	currencies := slices.Sorted(maps.Keys(b.tallies))
	for k := range b.pots {
		if !slices.Contains(currencies, k.currency) {
			currencies = append(currencies, k.currency)
		}
	}
	slices.SortFunc(currencies, func(x, y string) int { return cmp.Or(cmp.Compare(b.bills(y), b.bills(x)), cmp.Compare(x, y)) })
	var r Report
	for _, c := range currencies {
		t := b.tallies[c]
		if t == nil {
			t = &tally{}
		}
		of := Currency{Currency: c, Sources: lines(t.sources, c), Categories: lines(t.categories, c), Shops: lines(t.shops, c)}
		var err error
		if of.Shops, err = largest(of.Shops, mostShops); err != nil {
			return Report{}, err
		}
		of.Months = b.monthly(t, c, period)
		if of.Worth, err = b.worth(c, period); err != nil {
			return Report{}, err
		}
		if t.bills > 0 || len(of.Worth) > 0 {
			r.Currencies = append(r.Currencies, of)
		}
	}
	return r, nil
}

func (b *Book) bills(currency string) int {
	if t := b.tallies[currency]; t != nil {
		return t.bills
	}
	return 0
}

func lines(sums map[string]*sum, currency string) []Line {
	all := make([]Line, 0, len(sums))
	for name, s := range sums {
		all = append(all, Line{name, money.Amount{Minor: s.in, Currency: currency}, money.Amount{Minor: s.out, Currency: currency}, s.bills})
	}
	slices.SortFunc(all, func(x, y Line) int {
		return cmp.Or(cmp.Compare(y.Out.Minor, x.Out.Minor), cmp.Compare(y.In.Minor, x.In.Minor), cmp.Compare(x.Name, y.Name))
	})
	return all
}

// largest keeps the first n that have a name, and puts the others into one.
func largest(all []Line, n int) ([]Line, error) {
	var kept []Line
	var rest Line
	for _, l := range all {
		if l.Name != "" && len(kept) < n {
			kept = append(kept, l)
			continue
		}
		var err error
		if rest.In, err = rest.In.Add(l.In); err != nil {
			return nil, err
		}
		if rest.Out, err = rest.Out.Add(l.Out); err != nil {
			return nil, err
		}
		rest.Bills += l.Bills
	}
	if rest.Bills > 0 {
		kept = append(kept, rest)
	}
	return kept, nil
}

// monthly lists every month of the period, also those with nothing in them.
func (b *Book) monthly(t *tally, currency string, period connectors.Span) (all []Month) {
	if !period.From.Before(period.To) {
		return nil
	}
	first, last := b.months.of(period.From), b.months.of(period.To.Add(-1))
	for m := range t.months {
		first, last = min(first, m), max(last, m)
	}
	for m := first; m <= last; m++ {
		s := t.months[m]
		if s == nil {
			s = &sum{}
		}
		in, out := money.Amount{Minor: s.in, Currency: currency}, money.Amount{Minor: s.out, Currency: currency}
		whole := connectors.Span{From: m.start(), To: (m + 1).start()}
		part := connectors.Span{From: connectors.Later(whole.From, period.From), To: connectors.Earlier(whole.To, period.To)}
		all = append(all, Month{m.start().Format("2006-01"), in, out, money.Amount{Minor: s.in - s.out, Currency: currency}, s.bills,
			!b.tellsAll(part)})
	}
	return all
}

// tellsAll reports whether every account has told all bills of a span.
func (b *Book) tellsAll(of connectors.Span) bool {
	return !slices.ContainsFunc(b.accounts, func(a Account) bool { return !connectors.Covers(a.Covers, of) })
}
