package match

import (
	"cmp"
	"slices"
)

const (
	worthAsking    = 40  // percent: below it a question is mostly wrong, above it may be one of two that fit
	askingWeight   = -61 // what percent tells as that
	maxSuggestions = 50  // nobody answers more of them
)

// linkSplits remembers which bills may be one of the parts that a bill was
// paid from. Their amounts differ, so that no evidence but an id makes a link.
func (t *table) linkSplits() {
	const atMost = 150 // hundredths of a bit; 74 %
	for i := range t.rows {
		x := int32(i)
		r := &t.rows[x]
		if !r.counts || r.rank == bank || !t.isSplit(x) || t.holds(x, func(o *row) bool { return o.rank < r.rank }) {
			continue
		}
		best, weight, second := int32(-1), 0, 0
		look := func(y int32) {
			o := &t.rows[y]
			if !o.counts || o.rank != bank || o.out != r.out || o.currency != r.currency || !t.partOf(x, y) || t.holds(y, func(o *row) bool { return o.rank != bank }) {
				return
			}
			lag, ok := t.booked(r, o)
			if !ok || lag < 0 || !t.may(x, y) {
				return
			}
			method := *t.paid(x)
			if method.who = method.who.without(setOf(saysPot, saysPot+1)); !method.who.meets(t.plates[o.plate].who) {
				return
			}
			said, ok := t.says(&method, &t.plates[r.plate], &t.plates[o.plate], o.plate)
			mark, unmarked := t.marked(x, y)
			if !ok || !unmarked {
				return
			}
			if w := chance + lag + said + mark + t.alike(x, y); w > weight {
				best, weight, second = y, w, weight
			} else {
				second = max(second, w)
			}
		}
		for n, y := 0, x+1; n < maxNear && int(y) < len(t.rows) && t.rows[y].at-r.at < 3*86400; n, y = n+1, y+1 {
			look(y)
		}
		for n, y := 0, x-1; n < maxNear && y >= 0 && r.at-t.rows[y].at < 2*86400; n, y = n+1, y-1 {
			look(y)
		}
		if best >= 0 && weight > second {
			t.maybe = append(t.maybe, maybe{x, best, Mirror, percent(min(weight, atMost))})
		}
	}
}

// suggestions are the surest of what was not sure enough, and is still to be
// decided.
func (t *table) suggestions() []Suggestion {
	slices.SortFunc(t.maybe, func(x, y maybe) int {
		return cmp.Or(cmp.Compare(y.sure, x.sure), cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b), cmp.Compare(x.link, y.link))
	})
	var out []Suggestion
	asked := map[int32]bool{}
	for _, m := range t.maybe {
		if m.sure < worthAsking || len(out) == maxSuggestions {
			break
		}
		if asked[m.a] || asked[m.b] || m.link == Mirror && !t.fits(m.a, m.b) {
			continue
		}
		asked[m.a], asked[m.b] = true, true
		s := Suggestion{A: t.id(m.a), B: t.id(m.b), Link: m.link, Sure: m.sure}
		if s.Link == Mirror && s.A > s.B {
			s.A, s.B = s.B, s.A
		}
		out = append(out, s)
	}
	return out
}

// fits reports that two groups, as they have become, could still be one: the
// same rank stands in both only as the two ends of a transfer, and neither
// has both ends already.
func (t *table) fits(a, b int32) bool {
	if !t.may(a, b) {
		return false
	}
	var ranks, ways [2]uint8
	for n, g := range []int32{a, b} {
		t.each(g, func(i int32) bool {
			ranks[n] |= 1 << t.rows[i].rank
			ways[n] |= way(t.rows[i].out)
			return true
		})
	}
	if t.rows[a].out == t.rows[b].out {
		return ranks[0]&ranks[1] == 0 || t.sameSource(t.rows[a].plate, t.rows[b].plate)
	}
	return ways[0] != 3 && ways[1] != 3 && !t.rows[a].refund
}
