package sums

import (
	"cmp"
	"math"
	"slices"
	"time"

	"jali/connectors"
	"jali/connectors/money"
)

// pot is one currency of an account: what moved it and what it held.
type pot struct {
	points  []Point
	entries []entry

	sorted   bool
	moved    []int64 // of entries, by all up to each that are booked
	unclear  []int32 // how many of entries up to each are unknown
	overflow bool
}

// settle puts the entries in order and sums them up, once.
func (p *pot) settle() error {
	if !p.sorted {
		slices.SortFunc(p.entries, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
		p.sorted = true
		p.moved, p.unclear = make([]int64, len(p.entries)+1), make([]int32, len(p.entries)+1)
		for i, e := range p.entries {
			p.moved[i+1], p.unclear[i+1] = p.moved[i], p.unclear[i]
			switch {
			case e.how == unknown:
				p.unclear[i+1]++
			case e.how == pending:
			default:
				if sum := p.moved[i] + e.minor; (e.minor > 0) == (sum > p.moved[i]) {
					p.moved[i+1] = sum
				} else {
					p.overflow = true
				}
			}
		}
	}
	if p.overflow {
		return money.ErrRange
	}
	return nil
}

// until is how many entries there are before a moment. A day alone is before
// it from its midnight on: a balance that is told on a day holds what was
// listed of that day with it.
func (p *pot) until(at time.Time) int {
	i, _ := slices.BinarySearchFunc(p.entries, at.Unix(), func(e entry, at int64) int { return cmp.Compare(e.at, at) })
	return i
}

// held is what the account held at a moment, less what it owed, if that is
// known: from the nearest point that all bills between are told of.
func (p *pot) held(a Account, at time.Time) (minor int64, known bool, err error) {
	if err := p.settle(); err != nil {
		return 0, false, err
	}
	best := -1
	for i, point := range p.points {
		if best >= 0 && p.points[best].At.Sub(at).Abs() <= point.At.Sub(at).Abs() {
			continue
		}
		from, to := p.until(connectors.Earlier(point.At, at)), p.until(connectors.Later(point.At, at))
		if p.unclear[to] == p.unclear[from] && connectors.Covers(a.Covers, connectors.Span{From: connectors.Earlier(point.At, at), To: connectors.Later(point.At, at)}) {
			best = i
		}
	}
	if best < 0 {
		return 0, false, nil
	}
	had, err := worthOf(a.Side, p.points[best].Amount.Minor)
	if err != nil {
		return 0, false, err
	}
	change := p.moved[p.until(at)] - p.moved[p.until(p.points[best].At)]
	sum := had + change
	if (change > 0 && sum < had) || (change < 0 && sum > had) {
		return 0, false, money.ErrRange
	}
	return sum, true, nil
}

// worthOf turns what is owed into less than nothing.
func worthOf(side connectors.Side, minor int64) (int64, error) {
	if minor == math.MinInt64 {
		return 0, money.ErrRange
	}
	if side == connectors.Debt {
		return -minor, nil
	}
	return minor, nil
}

// worth walks from told balances along booked movements to the end of each
// month of a period, and to its own.
func (b *Book) worth(currency string, period connectors.Span) (all []Worth, err error) {
	for _, at := range ends(b, period) {
		w := Worth{At: at, Assets: money.Amount{Currency: currency}, Debts: money.Amount{Currency: currency}}
		known := 0
		for i, a := range b.accounts {
			p := b.pots[potOf{i, currency}]
			if p == nil {
				continue
			}
			minor, ok, err := p.held(a, at)
			if err != nil {
				return nil, err
			}
			if !ok {
				w.Unknown++
				continue
			}
			known++
			to, amount := &w.Assets, money.Amount{Minor: minor, Currency: currency}
			if a.Side == connectors.Debt {
				to, amount = &w.Debts, amount.Neg()
			}
			if *to, err = to.Add(amount); err != nil {
				return nil, err
			}
		}
		if known == 0 {
			continue
		}
		if w.Net, err = w.Assets.Sub(w.Debts); err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}

// ends are those of a period's months and its own.
func ends(b *Book, period connectors.Span) (at []time.Time) {
	if !period.From.Before(period.To) {
		return nil
	}
	for m := b.months.of(period.From) + 1; m.start().Before(period.To); m++ {
		at = append(at, m.start())
	}
	return append(at, period.To)
}
