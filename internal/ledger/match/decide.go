package match

import (
	"cmp"
	"slices"
	"strings"
)

// said is what the person has decided of refunds, by rows.
type said struct {
	yes [][2]int32
	no  map[[2]int32]bool
}

// hear takes down what the person has decided, joins what belongs together and
// remembers what does not.
func (t *table) hear(decided []Decision) said {
	s := said{no: map[[2]int32]bool{}}
	if len(decided) == 0 {
		return s
	}
	rows := map[string]int32{}
	for _, d := range decided {
		rows[d.A], rows[d.B] = -1, -1
	}
	begins := map[uint64]bool{}
	for id := range rows {
		begins[beginning(id)] = true
	}
	for i := range t.rows {
		if !begins[t.rows[i].key] {
			continue
		}
		if at, ok := rows[t.id(int32(i))]; ok && at < 0 {
			rows[t.id(int32(i))] = int32(i)
		}
	}
	var same []Decision
	no := map[[2]string]bool{}
	for _, d := range decided {
		if d.Link == Mirror && d.A > d.B {
			d.A, d.B = d.B, d.A
		}
		a, b := rows[d.A], rows[d.B]
		switch {
		case d.A == d.B:
		case d.Link == Mirror && d.Yes:
			same = append(same, d)
		case d.Link == Mirror:
			no[[2]string{d.A, d.B}] = true
			if a >= 0 && b >= 0 {
				t.part(a, b)
			}
		case a < 0 || b < 0:
		case d.Yes:
			s.yes = append(s.yes, [2]int32{a, b})
		default:
			s.no[[2]int32{a, b}] = true
		}
	}
	slices.SortFunc(same, func(x, y Decision) int { return cmp.Or(strings.Compare(x.A, y.A), strings.Compare(x.B, y.B)) })
	for _, group := range circles(same, no) {
		first := int32(-1)
		for _, id := range group {
			i := rows[id]
			switch {
			case i < 0:
			case first < 0:
				first = i
			default:
				t.join(first, i, 100)
			}
		}
	}
	slices.SortFunc(s.yes, func(x, y [2]int32) int { return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1])) })
	return s
}

// circles puts ids together that are the same by the person's word, unless by
// the same word two of them are not.
func circles(same []Decision, no map[[2]string]bool) [][]string {
	in := map[string]int{}
	var list [][]string
	of := func(id string) int {
		n, ok := in[id]
		if !ok {
			n = len(list)
			in[id] = n
			list = append(list, []string{id})
		}
		return n
	}
	for _, d := range same {
		a, b := of(d.A), of(d.B)
		if a == b || slices.ContainsFunc(list[a], func(x string) bool {
			return slices.ContainsFunc(list[b], func(y string) bool { return no[[2]string{min(x, y), max(x, y)}] })
		}) {
			continue
		}
		for _, id := range list[b] {
			in[id] = a
		}
		list[a], list[b] = append(list[a], list[b]...), nil
	}
	return list
}

func (t *table) part(a, b int32) {
	if t.apart == nil {
		t.apart, t.parted = map[[2]int32]bool{}, make([]bool, len(t.rows))
	}
	t.apart[[2]int32{min(a, b), max(a, b)}] = true
	t.parted[a], t.parted[b] = true, true
}

func (t *table) isApart(a, b int32) bool {
	return t.parted != nil && t.parted[a] && t.parted[b] && t.apart[[2]int32{min(a, b), max(a, b)}]
}
