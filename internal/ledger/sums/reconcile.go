package sums

import (
	"cmp"
	"slices"
	"time"

	"jali/connectors"
	"jali/connectors/money"
)

// Gap is where an account's balances and bills do not add up.
type Gap struct {
	Account  string
	From, To time.Time    // of the balances on both sides
	Missing  money.Amount // what bills would have to bring; negative: take away
}

const (
	// slack is how near to a balance's moment a bill may be in it or not: the
	// clocks of a wallet and of a bank differ, and a bank books when it can.
	slack = 5 * time.Minute
	// late is how long after it was made a bill may be booked: what a source
	// told of an account then is known, but not which bills it had booked.
	late = 3 * 24 * time.Hour
	// mostReadings bounds how many sums are tried of what may be in a balance
	// or not; beyond it nothing is claimed.
	mostReadings = 1 << 14
)

// Gaps holds balances against bills, account by account: an earlier balance and
// all that was booked until a later one make that one, or there is a gap
// between them. A debt's balance counts as less than nothing.
//
// A gap is told only if no reading closes it: bills of a day alone may come
// before a balance of that day or after it, pending and reversed ones be in it
// or not, and the newest bills before a balance that a source told may not have
// been booked by then, purchases and money in each in their order. Two gaps next to one another that cancel out are none: a movement was
// booked on the other side of the balance between them. Where a bill of a wallet
// does not say what paid, nothing is told.
func (b *Book) Gaps() ([]Gap, error) {
	var all []Gap
	for k, p := range b.pots {
		if err := p.settle(); err != nil {
			return nil, err
		}
		gaps, err := p.gaps(b.accounts[k.account])
		if err != nil {
			return nil, err
		}
		all = append(all, gaps...)
	}
	slices.SortFunc(all, func(x, y Gap) int {
		return cmp.Or(x.From.Compare(y.From), x.To.Compare(y.To), cmp.Compare(b.place[x.Account], b.place[y.Account]), cmp.Compare(x.Missing.Currency, y.Missing.Currency))
	})
	return all, nil
}

func (p *pot) gaps(a Account) (all []Gap, err error) {
	for i := 1; i < len(p.points); i++ {
		from, to := p.points[i-1], p.points[i]
		if from.Told && !connectors.Covers(a.Covers, connectors.Span{From: from.At.Add(-late), To: from.At}) {
			continue // who knows what was booked after it
		}
		// Of the last balance it is known which bills were booked: they were told with it.
		missing, ok, err := p.missing(a.Side, from, to, i == len(p.points)-1)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if n := len(all); n > 0 && all[n-1].To.Equal(from.At) && all[n-1].Missing.Minor == -missing {
			all = all[:n-1]
			continue
		}
		all = append(all, Gap{a.ID, from.At, to.At, money.Amount{Minor: missing, Currency: from.Amount.Currency}})
	}
	return all, nil
}

// missing answers what bills would have to bring between two points, and
// whether that can be claimed.
func (p *pot) missing(side connectors.Side, from, to Point, last bool) (int64, bool, error) {
	left, err := to.Amount.Sub(from.Amount)
	if err != nil {
		return 0, false, err
	}
	if side == connectors.Debt {
		left = left.Neg()
	}
	var open readings
	begin, end := from.At.Add(-24*time.Hour), to.At.Add(24*time.Hour)
	for _, e := range p.entries[p.until(begin):p.until(end)] {
		may, must := e.between(from, to)
		switch {
		case !may, e.how == pending && !from.Told && !to.Told:
		case e.how == unknown:
			return 0, false, nil
		case !must || e.how != booked:
			open.may(e.minor)
		default:
			if left, err = left.Sub(money.Amount{Minor: e.minor, Currency: left.Currency}); err != nil {
				return 0, false, err
			}
		}
	}
	if from.Told {
		open.mayNewest(p.entries[p.until(from.At.Add(-late)):p.until(from.At)], 1)
	}
	if to.Told && !last {
		open.mayNewest(p.entries[p.until(connectors.Later(to.At.Add(-late), from.At)):p.until(to.At)], -1)
	}
	if left.Zero() || open.many || open.sums[left.Minor] {
		return 0, false, nil
	}
	return left.Minor, true, nil
}

// readings are the sums of what may lie between two balances or not; many says
// that there are too many to tell.
type readings struct {
	sums map[int64]bool
	many bool
}

func (r *readings) may(minor int64) { r.choose([]int64{0, minor}) }

// choose adds one of several sums to every one that there is.
func (r *readings) choose(one []int64) {
	if r.sums == nil {
		r.sums = map[int64]bool{0: true}
	}
	if r.many = r.many || len(r.sums)*len(one) > mostReadings; r.many {
		return
	}
	all := make(map[int64]bool, len(r.sums)*len(one))
	for s := range r.sums {
		for _, o := range one {
			all[s+o] = true
		}
	}
	r.sums = all
}

// mayNewest lets the newest of entries be on the other side of a balance: none,
// one, two or more of what went out, and likewise of what came in.
func (r *readings) mayNewest(entries []entry, sign int64) {
	in, out := []int64{0}, []int64{0}
	for _, e := range slices.Backward(entries) {
		switch {
		case e.how != booked && e.how != reversed:
		case e.minor < 0:
			out = append(out, out[len(out)-1]+sign*e.minor)
		default:
			in = append(in, in[len(in)-1]+sign*e.minor)
		}
	}
	r.choose(out)
	r.choose(in)
}

// between reports whether an entry may lie between two points, and whether it
// must. What happened at the very moment of a point is behind it.
func (e entry) between(from, to Point) (may, must bool) {
	first, last := e.at, e.at
	if e.day {
		last += int64(24*time.Hour/time.Second) - 1
	}
	after, before := from.At.Unix(), to.At.Unix()
	return last+from.slack() >= after && first-to.slack() < before, first-from.slack() >= after && last+to.slack() < before
}

func (p Point) slack() int64 {
	if p.Told {
		return int64(slack / time.Second)
	}
	return 0
}
