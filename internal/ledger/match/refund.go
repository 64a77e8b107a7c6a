package match

import (
	"cmp"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"jali/connectors"
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
	otherMethod  = -200 // and hardly ever elsewhere
	beforePaid   = -150 // by a day, where a bank tells days
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
	weight          int
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
	t.sureRefunds = make([]uint8, len(t.rows))
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

	gives := t.giving(refunds)
	gives = slices.DeleteFunc(gives, func(g give) bool { return not[[2]int32{t.root(g.refund), t.root(g.payment)}] })
	slices.SortFunc(gives, func(x, y give) int {
		return cmp.Or(cmp.Compare(y.weight, x.weight), cmp.Compare(x.away, y.away), cmp.Compare(x.refund, y.refund), cmp.Compare(x.payment, y.payment))
	})
	chosen := map[int32]give{} // by the root of the refund
	for _, g := range gives {
		r, p := t.root(g.refund), t.root(g.payment)
		if _, ok := chosen[r]; ok || done[r] || r == p || t.remains(left, g.payment) < t.rows[g.refund].minor {
			continue
		}
		chosen[r] = g
		left[p] = t.remains(left, g.payment) - t.rows[g.refund].minor
	}
	rivals := map[int32]map[int32]float64{}
	for _, g := range gives {
		r, p := t.root(g.refund), t.root(g.payment)
		c, ok := chosen[r]
		if !ok || p == t.root(c.payment) || t.remains(left, g.payment) < t.rows[g.refund].minor || t.sameAs(g.payment, c.payment) {
			continue
		}
		if rivals[r] == nil {
			rivals[r] = map[int32]float64{}
		}
		rivals[r][p] = max(rivals[r][p], odds(g.weight))
	}
	for _, i := range refunds {
		r := t.root(i)
		g, ok := chosen[r]
		if !ok || done[r] {
			continue
		}
		done[r] = true
		var sum float64
		for _, p := range slices.Sorted(maps.Keys(rivals[r])) {
			sum += rivals[r][p]
		}
		if sure := among(g.weight, sum); sure >= Enough {
			t.gave(g.refund, g.payment, sure, nil)
		} else {
			t.maybe = append(t.maybe, maybe{g.refund, g.payment, Refund, sure})
		}
	}
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
			n := p.richness()
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
			r.refunds, t.sureRefunds[i] = best+1, uint8(sure)
		}
		return true
	})
}

// sameAs reports that it does not matter which of two payments was given
// back.
func (t *table) sameAs(x, y int32) bool {
	a, b := &t.rows[x], &t.rows[y]
	return a.minor == b.minor && a.account == b.account && soldBy(a.item.Bill) == soldBy(b.item.Bill)
}

// giving lists what the refunds may give back.
func (t *table) giving(refunds []int32) []give {
	type counter struct {
		account int32
		shop    string
	}
	byID, byShop := map[uint64][]int32{}, map[counter][]int32{}
	accounts := map[int32]bool{}
	for _, i := range refunds {
		b := t.rows[i].item.Bill
		accounts[t.rows[i].account] = true
		byShop[counter{t.rows[i].account, soldBy(b)}] = nil
		numbers(b, func(id string) { byID[maphash.String(seed, id)] = nil })
		if b.RefundOf != "" {
			byID[maphash.String(seed, b.RefundOf)] = nil
		}
	}
	for i := range t.rows {
		r := &t.rows[i]
		b := r.item.Bill
		if givesBack(b) || !r.counts {
			continue
		}
		file := func(id string) {
			h := maphash.String(seed, id)
			if list, wanted := byID[h]; wanted && (len(list) == 0 || list[len(list)-1] != int32(i)) {
				byID[h] = append(list, int32(i))
			}
		}
		numbers(b, file)
		if b.ID != "" {
			file(b.ID)
		}
		if accounts[r.account] && !r.inner {
			k := counter{r.account, soldBy(b)}
			if list, wanted := byShop[k]; wanted && k.shop != "" {
				byShop[k] = append(list, int32(i))
			}
		}
	}
	t.tells = make([]tells, len(t.plates))
	for i := range t.rows {
		b, p := t.rows[i].item.Bill, &t.tells[t.rows[i].plate]
		p.whole = p.whole || b.State == connectors.Reversed
		p.part = p.part || b.Note == "refunded_part"
	}
	var gives []give
	for _, i := range refunds {
		r := &t.rows[i]
		b := r.item.Bill
		looked := map[int32]bool{}
		offer := func(list []int32, oldest int64) {
			end, _ := slices.BinarySearchFunc(list, r.at+86400, func(p int32, at int64) int { return cmp.Compare(t.rows[p].at, at+1) })
			for n := end - 1; n >= max(0, end-maxPayments); n-- {
				p := list[n]
				if r.at-t.rows[p].at > oldest {
					break
				}
				if looked[p] {
					continue
				}
				looked[p] = true
				if g, ok := t.gives(i, p); ok {
					gives = append(gives, g)
				}
			}
		}
		const ever = 1 << 42
		if b.RefundOf != "" {
			offer(byID[maphash.String(seed, b.RefundOf)], ever)
		}
		numbers(b, func(id string) { offer(byID[maphash.String(seed, id)], ever) })
		offer(byShop[counter{r.account, soldBy(b)}], maxRefundAge)
	}
	return gives
}

// gives weighs that a refund gives back a payment.
func (t *table) gives(i, j int32) (give, bool) {
	r, p := &t.rows[i], &t.rows[j]
	b, paid := r.item.Bill, p.item.Bill
	g := give{refund: i, payment: j, away: abs(r.at - p.at)}
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
	switch {
	case b.RefundOf != "" && t.sameSource(r.plate, p.plate) && (b.RefundOf == paid.ID || b.RefundOf == paid.Order):
		g.weight += namesPayment
	case shareID(b, paid):
		g.weight += sharesID
	case r.account == p.account && !p.inner && soldBy(b) == soldBy(paid) && g.away <= maxRefundAge:
		g.weight += sameCounter
	default:
		return g, false // their hashes agree, and no more
	}
	whole := r.minor == p.minor
	if whole {
		g.weight += wholeBack
	}
	if goods := goodsOf(paid.Description); goods != "" && goods == goodsOf(b.Description) {
		g.weight += sameGoods
	}
	switch tells := t.tells[p.plate]; {
	case paid.State == connectors.Reversed, paid.Note == "refunded_part" && !whole:
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
			g.weight += otherMethod
		}
	}
	return g, true
}

func shareID(a, b *connectors.Bill) (same bool) {
	numbers(a, func(x string) { numbers(b, func(y string) { same = same || x == y }) })
	return same
}

// numbers calls f of a bill's ids, and of the long numbers in its description,
// where wallets tell a shop's order ("美团订单-25061611100401670076180018522541").
func numbers(b *connectors.Bill, f func(string)) {
	for n := range 2 + len(b.Refs) {
		if id := idOf(b, n); id != "" {
			f(id)
		}
	}
	const long = 12
	start, digits := -1, 0
	for i := 0; i <= len(b.Description); i++ {
		var c byte
		if i < len(b.Description) {
			c = b.Description[i]
		}
		switch {
		case c >= '0' && c <= '9' || c >= 'A' && c <= 'Z':
			if start < 0 {
				start, digits = i, 0
			}
			if c <= '9' {
				digits++
			}
		case start >= 0:
			if i-start >= long && 2*digits >= i-start {
				f(b.Description[start:i])
			}
			start = -1
		}
	}
}

// soldBy is the shop, or where none is told what was bought.
func soldBy(b *connectors.Bill) string { return cmp.Or(shopOf(b.Counterparty), goodsOf(b.Description)) }

// goodsOf is what was bought, as the payment's bill and the refund's both
// call it; short words say too little.
func goodsOf(s string) string {
	s = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(s), "退款"), "-")
	s = strings.TrimSpace(strings.TrimSuffix(s, "等多件"))
	if len(s) < 12 {
		return ""
	}
	return s
}
