package match

import (
	"cmp"
	"hash/maphash"
	"maps"
	"math"
	"slices"
)

// What speaks for a refund's payment, in hundredths of a bit. One that stands
// alone with its shop within three months is most often the one; of several
// each is the other's rival.
const (
	namesPayment = 800 // by its number
	sharesID     = 600
	sameCounter  = 300  // in the same account, from the same shop
	wholeBack    = 500  // it is of the same amount
	sameGoods    = 500  // "退款-" and the payment's own words
	toldBack     = 250  // the payment's bill says that it was given back
	nothingTold  = -400 // it does not, where others of its source do
	sameMethod   = 50   // money goes back where it came from
	otherCard    = -600 // and hardly ever elsewhere
	otherMethod  = -250 // what pots are called may change
	otherRail    = -400 // it comes back the way it went, and banks name the way
	beforePaid   = -150 // by a day, where a bank tells days

	// With twice as many days since (and one more) a refund becomes so much less
	// likely: half of all come within days, few after a month.
	soonest = 60
)

const (
	maxRefundAge = 90 * 86400 // of a refund that shares no id with its payment
	maxPayments  = 128        // that are looked at for one refund by one key
)

// tells is what an account's payments say of having been given back.
type tells struct{ whole, part bool }

// give is a refund and what it may give back.
type give struct {
	refund, payment int32
	from, to        int32 // the groups of both, by their roots
	weight          int   // that it does
	before          int   // that it does and no other payment: what was bought lately goes back rather than what was long ago
	away            int64 // seconds
}

// linkRefunds finds what each refund gives back. It is the group that gives
// back a group: what one of its bills tells holds for its mirrors.
func (t *table) linkRefunds(s said) {
	var refunds []int32
	for i := range t.rows {
		if t.rows[i].refund && t.rows[i].counts {
			refunds = append(refunds, int32(i))
		}
	}
	if len(refunds) == 0 && len(s.yes) == 0 {
		return
	}
	left := map[int32]int64{} // of payments that have been refunded, by the root of their group
	done := map[int32]bool{}
	for _, d := range s.yes {
		if s.no[d] || t.root(d[0]) == t.root(d[1]) || done[t.root(d[0])] {
			continue
		}
		t.gave(d[0], d[1], 100, left)
		done[t.root(d[0])] = true
	}
	not := map[[2]int32]bool{}
	for d := range s.no {
		not[[2]int32{t.root(d[0]), t.root(d[1])}] = true
	}

	gives := t.together(t.giving(refunds))
	gives = slices.DeleteFunc(gives, func(g give) bool { return not[[2]int32{g.from, g.to}] })
	slices.SortFunc(gives, func(x, y give) int {
		return cmp.Or(cmp.Compare(y.before, x.before), cmp.Compare(x.away, y.away), cmp.Compare(x.refund, y.refund), cmp.Compare(x.payment, y.payment))
	})
	chosen := map[int32]give{} // by the root of the refund
	for _, g := range gives {
		r, p := g.from, g.to
		if _, ok := chosen[r]; ok || done[r] || r == p || t.remains(left, g.payment) < t.rows[g.refund].minor {
			continue
		}
		chosen[r] = g
		left[p] = t.remains(left, g.payment) - t.rows[g.refund].minor
	}
	t.inTurn(chosen, gives)
	rivals := map[int32]float64{}
	for _, g := range gives {
		r, p := g.from, g.to
		c, ok := chosen[r]
		if ok && p != c.to && t.remains(left, g.payment) >= t.rows[g.refund].minor && !t.sameAs(g.payment, c.payment) {
			rivals[r] += odds(g.before - c.before)
		}
	}
	for _, i := range refunds {
		r := t.root(i)
		g, ok := chosen[r]
		if !ok || done[r] {
			continue
		}
		done[r] = true
		if sure := among(g.weight, rivals[r]*odds(g.weight)); sure >= Enough {
			t.gave(g.refund, g.payment, sure, nil)
		} else {
			t.maybe = append(t.maybe, maybe{g.refund, g.payment, Refund, sure})
		}
	}
}

// inTurn uncrosses refunds of payments that nobody could tell apart: what was
// paid first goes back first.
func (t *table) inTurn(chosen map[int32]give, gives []give) {
	if len(chosen) < 2 {
		return
	}
	byPair := map[[2]int32]give{}
	for _, g := range gives {
		byPair[[2]int32{g.from, g.to}] = g
	}
	roots := slices.SortedFunc(maps.Keys(chosen), func(x, y int32) int {
		a, b := chosen[x], chosen[y]
		p, q := &t.rows[a.payment], &t.rows[b.payment]
		return cmp.Or(cmp.Compare(p.account, q.account), cmp.Compare(p.minor, q.minor), cmp.Compare(p.sold, q.sold), cmp.Compare(t.rows[a.refund].minor, t.rows[b.refund].minor), cmp.Compare(x, y))
	})
	for n := range roots {
		for m := n; m > 0; m-- {
			r, s := roots[m-1], roots[m]
			a, b := chosen[r], chosen[s]
			if t.rows[a.refund].minor != t.rows[b.refund].minor || !t.sameAs(a.payment, b.payment) || a.payment < b.payment {
				break
			}
			x, ok := byPair[[2]int32{r, b.to}]
			y, also := byPair[[2]int32{s, a.to}]
			if !ok || !also || x.before+y.before < a.before+b.before-50 {
				break
			}
			chosen[r], chosen[s] = x, y
		}
	}
}

// together makes one of what the bills of two groups tell: how sure is what the
// surest tells, but what sets one payment before another adds up. A refund in
// the app's bill, the wallet's and the bank's gives back what all three tell of.
func (t *table) together(gives []give) []give {
	slices.SortFunc(gives, func(x, y give) int {
		return cmp.Or(cmp.Compare(x.from, y.from), cmp.Compare(x.to, y.to),
			cmp.Compare(t.rows[x.payment].account, t.rows[y.payment].account), cmp.Compare(y.before, x.before), cmp.Compare(x.refund, y.refund), cmp.Compare(x.payment, y.payment))
	})
	n := 0
	var account int32
	for i, g := range gives {
		if i > 0 && g.from == gives[n-1].from && g.to == gives[n-1].to {
			if t.rows[g.payment].account == account {
				continue
			}
			g.before += gives[n-1].before
			if was := gives[n-1]; g.weight < was.weight || g.weight == was.weight && cmp.Or(cmp.Compare(g.refund, was.refund), cmp.Compare(g.payment, was.payment)) > 0 {
				was.before = g.before
				g = was
			}
			n--
		}
		account = t.rows[gives[i].payment].account
		gives[n] = g
		n++
	}
	return gives[:n]
}

// remains is what of a payment has not been given back yet.
func (t *table) remains(left map[int32]int64, payment int32) int64 {
	if rest, touched := left[t.root(payment)]; touched {
		return rest
	}
	return t.rows[payment].minor
}

// gave notes that refund gives back payment, and their mirrors each other: a
// bill of an account that of the same account if there is one, or else of the
// same source, or else the one that is counted.
func (t *table) gave(refund, payment int32, sure int, left map[int32]int64) {
	if left != nil {
		left[t.root(payment)] = max(0, t.remains(left, payment)-t.rows[refund].minor)
	}
	t.each(refund, func(i int32) bool {
		r := &t.rows[i]
		best, near := int32(-1), -1
		t.each(payment, func(j int32) bool {
			p := &t.rows[j]
			n := int(p.rich)
			switch {
			case p.out == r.out:
				return true
			case p.account == r.account:
				n += 200
			case t.sameSource(p.plate, r.plate):
				n += 100
			}
			if n > near || n == near && j < best {
				best, near = j, n
			}
			return true
		})
		if best < 0 && i == refund {
			best = payment // the person says so, whichever way it went
		}
		if best >= 0 {
			r.refunds, r.sureBack = best+1, uint8(sure)
		}
		return true
	})
}

// sameAs reports that it does not matter which of two payments was given
// back.
func (t *table) sameAs(x, y int32) bool {
	a, b := &t.rows[x], &t.rows[y]
	return a.minor == b.minor && a.account == b.account && a.sold == b.sold
}

// giving lists what the refunds may give back. The ids lie sorted by their
// hashes, and by time.
func (t *table) giving(refunds []int32) []give {
	t.tells = make([]tells, len(t.plates))
	type counter struct {
		account int32
		sold    uint32
	}
	byShop := map[counter][]int32{}
	for _, i := range refunds {
		byShop[counter{t.rows[i].account, t.rows[i].sold}] = nil
	}
	for i := range t.rows {
		r := &t.rows[i]
		p := &t.tells[r.plate]
		p.whole, p.part = p.whole || r.reversed, p.part || r.partBack
		if r.givesBack() || !r.counts || r.inner || r.sold == 0 {
			continue
		}
		k := counter{r.account, r.sold}
		if list, wanted := byShop[k]; wanted {
			byShop[k] = append(list, int32(i))
		}
	}
	var gives []give
	for _, i := range refunds {
		r := &t.rows[i]
		looked := map[int32]bool{}
		offer := func(p int32) {
			if looked[p] || t.rows[p].givesBack() || t.rows[p].out == r.out {
				return
			}
			looked[p] = true
			if g, ok := t.gives(i, p); ok {
				gives = append(gives, g)
			}
		}
		b := t.bill(i)
		of := b.RefundOf
		numbers := []string{of}
		numbersOf(b, func(id string) { numbers = append(numbers, id) })
		for _, id := range numbers {
			if id == "" {
				continue
			}
			h := maphash.String(seed, id)
			end, _ := slices.BinarySearchFunc(t.ids, r.at+86400, func(x told, at int64) int {
				if x.hash != h {
					return cmp.Compare(x.hash, h)
				}
				return cmp.Compare(t.rows[x.row].at, at+1)
			})
			for n := 0; n < maxPayments && end-1-n >= 0 && t.ids[end-1-n].hash == h; n++ {
				offer(t.ids[end-1-n].row)
			}
		}
		list := byShop[counter{r.account, r.sold}]
		end, _ := slices.BinarySearchFunc(list, r.at+86400, func(p int32, at int64) int { return cmp.Compare(t.rows[p].at, at+1) })
		for n := end - 1; n >= max(0, end-maxPayments) && r.at-t.rows[list[n]].at <= maxRefundAge; n-- {
			offer(list[n])
		}
	}
	return gives
}

// alike reports whether two numbers are of one kind: as long as each other, and
// digits where the other has digits.
func alike(a, b string) bool {
	digit := func(c byte) bool { return '0' <= c && c <= '9' }
	for i := range min(len(a), len(b)) {
		if digit(a[i]) != digit(b[i]) {
			return false
		}
	}
	return a != "" && len(a) == len(b)
}

// gives weighs that a refund gives back a payment.
func (t *table) gives(i, j int32) (give, bool) {
	r, p := &t.rows[i], &t.rows[j]
	g := give{refund: i, payment: j, from: t.root(i), to: t.root(j), away: abs(r.at - p.at)}
	if r.currency != p.currency || r.out == p.out || p.minor < r.minor {
		return g, false
	}
	switch {
	case !r.dateOnly && !p.dateOnly && p.at > r.at, p.day > r.day+1:
		return g, false
	case p.day > r.day:
		g.weight = beforePaid
	case g.away <= 3600 && !r.dateOnly && !p.dateOnly:
		g.weight = 200
	case g.away <= 86400:
		g.weight = 100
	case g.away <= week:
		g.weight = 50
	case g.away > 30*86400:
		g.weight = -50
	}
	b, paid := t.bill(i), t.bill(j)
	counter := r.account == p.account && !p.inner && r.sold != 0 && r.sold == p.sold && g.away <= maxRefundAge
	if counter {
		g.weight += sameCounter
	}
	switch {
	case b.RefundOf != "" && t.sameSource(r.plate, p.plate) && (b.RefundOf == paid.ID || b.RefundOf == paid.Order):
		g.weight += namesPayment
	case shareID(b, paid):
		g.weight += sharesID
	case !counter:
		return g, false // their hashes agree, and no more
	case r.account == p.account && alike(b.RefundOf, paid.Order):
		return g, false // it names another
	}
	whole := r.minor == p.minor
	if whole {
		g.weight += wholeBack
	}
	if goods := goodsOf(paid.Description); goods != "" && goods == goodsOf(b.Description) {
		g.weight += sameGoods
	}
	switch tells := t.tells[p.plate]; {
	case p.reversed, p.partBack && !whole:
		g.weight += toldBack
	case whole && tells.whole, !whole && tells.part:
		g.weight += nothingTold
	}
	if b.Method != "" && paid.Method != "" && r.account == p.account {
		x, y := t.paid(i), t.paid(j)
		switch {
		case b.Method == paid.Method:
			g.weight += sameMethod
		case x.tails[0] != y.tails[0] || x.who.and(t.lex.banks) != y.who.and(t.lex.banks):
			g.weight += otherCard
		default:
			g.weight += otherMethod
		}
	}
	if r.rank == bank && r.account == p.account && t.rest(i).who.and(t.lex.rails) != t.rest(j).who.and(t.lex.rails) {
		g.weight += otherRail
	}
	g.before = g.weight - int(soonest*math.Log2(1+float64(g.away)/86400))
	return g, true
}
