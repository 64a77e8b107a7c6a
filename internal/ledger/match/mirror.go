package match

import (
	"cmp"
	"slices"
)

// maxApartByID is how far apart bills that share an id may lie, in seconds:
// banks clear some payments a week late, and some ids come round again.
const maxApartByID = 15 * 86400

// maybe is a link that is not sure enough.
type maybe struct {
	a, b int32
	link Link
	sure int
}

// linkTwins joins bills that share an id, and those of one account that is
// read twice. Wallet, card and shop may all tell of an id, so groups grow here
// by more than two, the surest link first.
func (t *table) linkTwins(s *shelf) {
	offers := t.sharing(nil)
	if t.readTwice() {
		offers = s.twins(offers)
	}
	slices.SortFunc(offers, bySurest)
	for _, o := range offers {
		sure := percent(int(o.weight))
		switch {
		case sure < Enough:
			t.maybe = append(t.maybe, maybe{o.a, o.b, Mirror, sure})
		case t.may(o.a, o.b):
			t.join(o.a, o.b, sure)
		}
	}
}

// sharing appends the links between bills that share an id.
func (t *table) sharing(offers []offer) []offer {
	slices.SortFunc(t.ids, func(x, y told) int {
		if x.hash != y.hash {
			return cmp.Compare(x.hash, y.hash)
		}
		return cmp.Compare(x.row, y.row)
	})
	for n, x := range t.ids {
		a := &t.rows[x.row]
		for m, y := range t.ids[n+1:] {
			b := &t.rows[y.row]
			if x.hash != y.hash || m == maxNear || b.at-a.at > maxApartByID {
				break
			}
			if x.sort == ownID || y.sort == ownID || x.sort == inText && y.sort == inText || a.account == b.account || a.currency != b.currency ||
				a.minor != b.minor && t.nets[x.row] != b.minor && t.nets[y.row] != a.minor && !t.partOf(x.row, y.row) && !t.partOf(y.row, x.row) {
				continue
			}
			if id := t.shared(x.row, y.row); id != "" {
				if w, ok := t.share(x.row, y.row, id); ok {
					offers = append(offers, offer{x.row, y.row, int32(w)})
				}
			}
		}
	}
	return offers
}

// share weighs a link between two bills that tell the same id.
func (t *table) share(x, y int32, id string) (int, bool) {
	a, b := &t.rows[x], &t.rows[y]
	proof := sameID
	if len(id) < shortID {
		proof = sameShortID
	}
	weight, ok := 0, false
	switch {
	case a.out == b.out && a.rank > b.rank:
		weight, ok = t.pays(x, y)
	case a.out == b.out && a.rank < b.rank:
		weight, ok = t.pays(y, x)
	case a.out == b.out:
		near, _ := t.booked(a, b)
		if !t.sameSource(a.plate, b.plate) && near <= 0 {
			return 0, false // two wallets, or two banks, and days apart: a customer's number
		}
		weight, ok = chance+near, true
	case a.inner && !b.givesBack(), b.inner && !a.givesBack(), a.transfer && b.transfer:
		if b.out {
			x, y = y, x
		}
		weight, ok = t.sends(x, y)
	default:
		return 0, false
	}
	if !ok {
		weight = chance // their texts or days do not fit, and yet they share an id
	}
	return max(weight, chance) + proof, true
}

// partOf reports that x was paid out of several pots, of which y may be one.
func (t *table) partOf(x, y int32) bool {
	return t.rows[x].rank > t.rows[y].rank && t.isSplit(x) && t.rows[y].minor > 0 && t.rows[y].minor < t.rows[x].minor
}

func (t *table) isSplit(x int32) bool {
	return t.rows[x].split || t.paid(x).split
}

func (t *table) sameSource(p, q int32) bool {
	return t.plates[p].source == t.plates[q].source || t.plates[p].who.meets(t.plates[q].who)
}

// readTwice reports that two of the accounts may be one.
func (t *table) readTwice() bool {
	for i, p := range t.plates {
		for _, q := range t.plates[:i] {
			if p.tail != 0 && p.tail == q.tail && p.source == q.source && p.kind == q.kind {
				return true
			}
		}
	}
	return false
}

// twins appends the links between bills of one account that is read twice.
func (s *shelf) twins(offers []offer) []offer {
	t := s.t
	for k, x := range s.slots {
		s.around(k, 0, 86400, func(y int32) {
			a, b := &t.rows[x.row], &t.rows[y]
			if a.out != b.out || t.plates[a.plate].tail == 0 || t.plates[a.plate].tail != t.plates[b.plate].tail || !t.twins(x.row, y) {
				return
			}
			near, ok := t.booked(a, b)
			if !ok || near <= 0 {
				return
			}
			w := chance + sameAccount + near
			if a.rare && b.rare {
				w += rareAmount
			}
			offers = append(offers, offer{x.row, y, int32(w + t.alike(x.row, y))})
		})
	}
	return offers
}

// linkPayments joins what was bought with what it was paid from.
func (t *table) linkPayments(s *shelf) {
	has := make([]uint8, len(t.rows)) // ranks of each group, by its root
	for i := range t.rows {
		has[t.root(int32(i))] |= 1 << t.rows[i].rank
	}
	var offers []offer
	var near []offer
	for k, slot := range s.slots {
		x := slot.row
		up := &t.rows[x]
		below := uint8(1)<<up.rank - 1
		if up.rank == bank || has[t.root(x)]&below != 0 {
			continue // a card pays for others; and this one is paid
		}
		before, after := int64(2*86400), int64(5*86400)
		if up.refund {
			after = 9 * 86400
		}
		near = near[:0]
		s.around(k, before, after, func(y int32) {
			low := &t.rows[y]
			if low.rank >= up.rank || low.out != up.out || has[t.root(y)]>>(low.rank+1) != 0 {
				return
			}
			if w, ok := t.pays(x, y); ok && w >= askingWeight && t.may(x, y) {
				near = append(near, offer{x, y, int32(w)})
			}
		})
		slices.SortFunc(near, bySurest)
		offers = append(offers, near[:min(len(near), maxOffers)]...)
	}
	t.choose(offers)
}

// linkTransfers joins the two ends of a movement between accounts.
func (t *table) linkTransfers(s *shelf) {
	both := make([]uint8, len(t.rows)) // directions of each group, by its root
	for i := range t.rows {
		both[t.root(int32(i))] |= way(t.rows[i].out)
	}
	moves := func(r *row) bool { return r.inner || r.transfer }
	var offers []offer
	for k, slot := range s.slots {
		x := slot.row
		a := &t.rows[x]
		if !moves(a) || both[t.root(x)] == 3 {
			continue
		}
		s.around(k, 5*86400, 5*86400, func(y int32) {
			b := &t.rows[y]
			if a.out == b.out || !a.out && moves(b) || both[t.root(y)] == 3 || a.account == b.account {
				return
			}
			from, to := x, y
			if !a.out {
				from, to = y, x
			}
			if w, ok := t.sends(from, to); ok && w >= askingWeight && t.may(x, y) {
				offers = append(offers, offer{from, to, int32(w)})
			}
		})
	}
	t.choose(offers)
}

func way(out bool) uint8 {
	if out {
		return 1
	}
	return 2
}

// choose makes those of the offers that are sure enough and weigh most
// together, and remembers the others.
func (t *table) choose(offers []offer) {
	n := 0
	for _, o := range offers {
		if sure := percent(int(o.weight)); sure < Enough {
			t.maybe = append(t.maybe, maybe{o.a, o.b, Mirror, sure})
			continue
		}
		offers[n] = o
		n++
	}
	offers = offers[:n]
	slices.SortFunc(offers, func(x, y offer) int {
		return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b), cmp.Compare(y.weight, x.weight))
	})
	left, right := numbering{of: make([]int32, len(t.rows))}, numbering{of: make([]int32, len(t.rows))}
	edges := make([]edge, len(offers))
	for i, o := range offers {
		edges[i] = edge{left: left.number(t.root(o.a)), right: right.number(t.root(o.b)), weight: o.weight}
	}
	chosen := assign(left.many, right.many, edges)

	// What else could be in a link's place, and is not like it in account,
	// makes it less sure.
	holder := fill(right.many, -1)
	for _, e := range chosen {
		if e >= 0 {
			holder[edges[e].right] = e
		}
	}
	rivals := make([]float64, len(offers))
	for i, e := range edges {
		l, r := chosen[e.left], holder[e.right]
		switch {
		case l >= 0 && r < 0 && t.rows[offers[l].b].account != t.rows[offers[i].b].account:
			rivals[l] += odds(int(e.weight))
		case r >= 0 && l < 0 && t.rows[offers[r].a].account != t.rows[offers[i].a].account:
			rivals[r] += odds(int(e.weight))
		}
	}
	var links []int32
	for _, e := range chosen {
		if e >= 0 {
			links = append(links, e)
		}
	}
	slices.SortFunc(links, func(x, y int32) int { return bySurest(offers[x], offers[y]) })
	for _, e := range links {
		o := offers[e]
		sure := among(int(o.weight), rivals[e])
		switch {
		case sure < Enough:
			t.maybe = append(t.maybe, maybe{o.a, o.b, Mirror, sure})
		case t.may(o.a, o.b):
			t.join(o.a, o.b, sure)
		}
	}
}

// among is how sure a link is of which one only of it and its rivals can be.
func among(weight int, rivals float64) int {
	if rivals == 0 {
		return percent(weight)
	}
	o := odds(weight)
	return min(max(int(100*o/(1+o+rivals)+0.5), 1), 99)
}

// numbering counts groups from 0, in the order in which they come.
type numbering struct {
	of   []int32 // of each group by its root, plus one
	many int
}

func (n *numbering) number(g int32) int32 {
	if n.of[g] == 0 {
		n.many++
		n.of[g] = int32(n.many)
	}
	return n.of[g] - 1
}
