package billfile

import (
	"cmp"
	"slices"
	"time"

	"jali/connectors"
	"jali/connectors/money"
)

// chain follows the running balance of one account in one currency while its
// rows go by. Its unit is the day: banks list the rows of one in any order, so
// what is asked of a day is that some order of them leads from one balance to
// another, each row from what was before it to what was after. Every balance
// but one must then be what some row left, and every one but one what some row
// found. Days are held against each other in the order in which the file has
// them, which is oldest first or newest first.
type chain struct {
	currency string
	debt     bool

	now   day
	steps []step
	blind int64 // what moved today in rows that tell no balance
	blank int   // how many of them
	lost  bool  // something moved today, and nothing tells how much

	days     []day // that are over
	last     int   // of days that hold together: the last; -1: none
	carry    int64 // what has moved since
	adrift   bool  // it is not known what has moved since
	way      int   // of the days: 1, -1; 0: only one so far
	jumbled  bool
	up, down breaks // between days, if the file runs from old to new, or from new to old
	within   breaks
}

type step struct {
	before, after int64
	line          int
}

type day struct {
	date        int
	end         time.Time // midnight after it
	early, late time.Time // the first and the last moment of its bills
	sure        bool
	open, close int64
	or          *int64 // what else both may be, until a day beside it says
	line        int    // of the row that found open
}

type breaks struct{ n, line int }

func (b *breaks) add(n, line int) {
	if b.n += n; b.line == 0 || line < b.line {
		b.line = line
	}
}

// sumLimit keeps what is added here within 64 bits.
const sumLimit = 1 << 60

// link takes the next row of the account.
func (k *book) link(f filled, side func() connectors.Side) {
	in := f.bill.Amount.Currency
	if f.balance != nil {
		in = f.balance.Currency
	}
	i := slices.IndexFunc(k.chains, func(c *chain) bool { return c.currency == in })
	if i < 0 {
		i = len(k.chains)
		k.chains = append(k.chains, &chain{currency: in, debt: side() == connectors.Debt, last: -1})
	}
	c := k.chains[i]
	if date := dayOf(f.created); date != c.now.date {
		c.endDay()
		c.now = day{date: date, end: midnight(f.created).AddDate(0, 0, 1), early: f.bill.At, late: f.bill.At}
		if n := len(c.days); n > 0 {
			way := cmp.Compare(date, c.days[n-1].date)
			c.jumbled = c.jumbled || c.way != 0 && way != c.way
			c.way = way
		}
	}
	if f.bill.At.Before(c.now.early) {
		c.now.early = f.bill.At
	}
	if f.bill.At.After(c.now.late) {
		c.now.late = f.bill.At
	}
	moved := f.bill.Amount.Minor
	if (f.bill.Direction == connectors.In) == c.debt {
		moved = -moved
	}
	if f.bill.State == connectors.Failed {
		moved = 0
	}
	switch {
	case f.bill.Amount.Minor > sumLimit, f.balance != nil && f.balance.Abs().Minor > sumLimit,
		f.balance != nil && f.bill.Amount.Currency != in:
		c.lost = true
	case f.balance != nil:
		c.steps = append(c.steps, step{f.balance.Minor - moved, f.balance.Minor, f.line})
	case moved != 0:
		c.blind += moved
		c.blank++
	}
}

// endDay says what the day went from and to, and whether that follows from the
// one before it in the file.
func (c *chain) endDay() {
	if c.now.date == 0 {
		return
	}
	d := c.now
	starts, ends := c.loose()
	for _, s := range c.steps {
		c.blind += s.after - s.before
	}
	switch {
	case c.lost:
		c.adrift = true
	case len(c.steps) == 0:
		c.carry += c.blind
	case len(starts) > 1+c.blank:
		c.within.add(len(starts)-1-c.blank, c.broken(starts))
		c.adrift = true
	case c.blank > 0:
		c.carry += c.blind
	case len(starts) == 1:
		d.sure, d.open, d.close, d.line = true, starts[0].before, ends[0].after, starts[0].line
	default: // the day ended where it began
		d.open, d.or, d.sure = c.circle()
		d.close, d.line = d.open, c.steps[0].line
	}
	if d.sure {
		if c.last >= 0 && !c.adrift {
			before := &c.days[c.last]
			if or := before.or; or != nil && (c.way > 0 && *or+c.carry == d.open || c.way < 0 && d.close+c.carry == *or) {
				before.open, before.close = *or, *or
			}
			before.or = nil
			if before.close+c.carry != d.open {
				c.up.add(1, d.line)
			}
			if d.close+c.carry != before.open {
				c.down.add(1, before.line)
			}
		}
		c.last, c.carry, c.adrift = len(c.days), 0, false
	}
	c.days = append(c.days, d)
	c.now, c.steps, c.blind, c.blank, c.lost = day{}, c.steps[:0], 0, 0, false
}

// loose answers the rows of the day that found what no other left, and those
// that left what no other found.
func (c *chain) loose() (starts, ends []step) {
	starts, ends = slices.Clone(c.steps), slices.Clone(c.steps)
	slices.SortFunc(starts, func(a, b step) int { return cmp.Or(cmp.Compare(a.before, b.before), cmp.Compare(a.line, b.line)) })
	slices.SortFunc(ends, func(a, b step) int { return cmp.Or(cmp.Compare(a.after, b.after), cmp.Compare(a.line, b.line)) })
	i, j, m, n := 0, 0, 0, 0
	for i < len(starts) || j < len(ends) {
		switch {
		case j == len(ends) || i < len(starts) && starts[i].before < ends[j].after:
			starts[m] = starts[i]
			m, i = m+1, i+1
		case i == len(starts) || starts[i].before > ends[j].after:
			ends[n] = ends[j]
			n, j = n+1, j+1
		default:
			i, j = i+1, j+1
		}
	}
	return starts[:m], ends[:n]
}

// broken is the first line, in the file's order, whose balance does not follow.
// One start is the day's own: the one that goes on from the day before, or the
// one that stands where the day begins.
func (c *chain) broken(starts []step) int {
	slices.SortFunc(starts, func(a, b step) int { return cmp.Compare(a.line, b.line) })
	own := 0
	if c.way < 0 {
		own = len(starts) - 1
	} else if c.last >= 0 && !c.adrift {
		before := c.days[c.last].close + c.carry
		own = max(0, slices.IndexFunc(starts, func(s step) bool { return s.before == before }))
	}
	if own == 0 {
		return starts[1].line
	}
	return starts[0].line
}

// circle is what a day began and ended with, if that can be said: what goes on
// from the day beside it in the file, in the way that this runs; else what both
// its first and its last row say, or what they say the other way round.
func (c *chain) circle() (at int64, or *int64, sure bool) {
	if c.last >= 0 && !c.adrift {
		both := []int64{c.days[c.last].close + c.carry, c.days[c.last].open - c.carry}
		if c.way < 0 {
			slices.Reverse(both)
		}
		for _, known := range both {
			if slices.ContainsFunc(c.steps, func(s step) bool { return s.before == known }) {
				return known, nil, true
			}
		}
	}
	first, last := c.steps[0], c.steps[len(c.steps)-1]
	up, down := first.before == last.after, last.before == first.after
	switch {
	case up && down && first.before != last.before:
		return first.before, &last.before, true
	case up:
		return first.before, nil, true
	case down:
		return last.before, nil, true
	}
	return 0, nil, false
}

// balances answers what the account held when the period began, at the end of
// each of its days, and at the end, as far as the rows tell; and how many of
// them do not follow. A day that holds bills of another day's moments, or
// stands among days that are not in order, has no end.
func (c *chain) balances(period connectors.Span) (told []Balance, broken []Problem) {
	c.endDay()
	between := c.up
	if c.way < 0 && !c.jumbled || c.jumbled && c.down.n < c.up.n {
		between = c.down
	}
	if c.way == 0 {
		between = breaks{}
	}
	if n := between.n + c.within.n; n > 0 {
		between.add(c.within.n, cmp.Or(c.within.line, between.line))
		broken = append(broken, Problem{Code: "balance_breaks", Of: "balance", RowCount: n, Line: between.line})
	}
	if c.last < 0 || c.jumbled {
		return nil, broken
	}
	if c.way < 0 {
		slices.Reverse(c.days)
	}
	amount := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: c.currency} }
	early := make([]time.Time, len(c.days)+1) // from each day on; the end of all: never
	early[len(c.days)] = period.To.AddDate(1, 0, 0)
	for i := len(c.days) - 1; i >= 0; i-- {
		if early[i] = c.days[i].early; early[i+1].Before(early[i]) {
			early[i] = early[i+1]
		}
	}
	if first := c.days[0]; first.sure && !early[0].Before(period.From) {
		told = append(told, Balance{period.From, amount(first.open)})
	}
	var late time.Time
	for i, d := range c.days {
		if d.late.After(late) {
			late = d.late
		}
		at := d.end
		if i == len(c.days)-1 {
			at = period.To
		}
		if d.sure && late.Before(at) && !early[i+1].Before(at) && !at.After(period.To) {
			told = append(told, Balance{at, amount(d.close)})
		}
	}
	return told, broken
}
