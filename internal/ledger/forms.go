package ledger

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"jali/connectors"
)

// formset is which forms of file have told of a bill, by their place among the
// names of all forms of its account. A bill of no known form is in none.
type formset uint64

// formsOf numbers the forms of some imports by name, and answers each import's.
func formsOf(seen map[string]string, more ...string) map[string]formset {
	names := append(slices.Collect(maps.Values(seen)), more...)
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(s string) bool { return s == "" })
	of := make(map[string]formset, len(names))
	for i, name := range names {
		of[name] = 1 << min(i, 63)
	}
	return of
}

// peer is what rows of two forms must agree in to be of one movement.
type peer struct {
	day       int // as the source wrote it
	minor     int64
	currency  string
	direction connectors.Direction
	failed    bool
}

func peerOf(b connectors.Bill) peer {
	y, m, d := b.At.Date()
	return peer{y*10000 + int(m)*100 + d, b.Amount.Minor, b.Amount.Currency, b.Direction, b.State == connectors.Failed}
}

// unnumbered reports of an id that it is made of the row's texts alone, which
// each form writes in its own way; see package billfile.
func unnumbered(id string) bool { return strings.HasPrefix(id, "~") }

// node is a bill that some forms tell. One of two forms is paired already.
type node struct {
	name     name
	forms    formset
	numbered bool
	at       int64 // 0: the day is all that is known
}

func nodeOf(b connectors.Bill, forms formset) node {
	n := node{name: nameOf(b.ID), forms: forms, numbered: !unnumbered(b.ID)}
	if !b.DateOnly {
		n.at = b.At.UnixNano()
	}
	return n
}

// class is the places of nodes that are one bill.
type class struct {
	forms    formset
	numbered bool
	nodes    []int
}

// pairAlike finds which nodes that are alike are one bill: no two of one form, no
// two that have numbers of their own, first those of the same moment, then each
// in order. A form's file holds whole days, so that of two forms with n and m
// rows max(n, m) are left. The order of the nodes is theirs alone.
func pairAlike(nodes []node) []class {
	order := make([]int, len(nodes))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &nodes[i], &nodes[j]
		return cmp.Or(cmp.Compare(a.at, b.at), compareBool(b.numbered, a.numbered), slices.Compare(a.name[:], b.name[:]))
	})
	var classes []class
	for len(order) > 0 {
		n, at := 1, nodes[order[0]].at
		for at != 0 && n < len(order) && nodes[order[n]].at == at {
			n++
		}
		var same []class
		for _, i := range order[:n] {
			same = append(same, class{nodes[i].forms, nodes[i].numbered, []int{i}})
		}
		classes, order = append(classes, fit(same)...), order[n:]
	}
	slices.SortStableFunc(classes, func(a, b class) int { return compareBool(b.numbered, a.numbered) })
	return fit(classes)
}

// fit puts each class to the first that it fits.
func fit(classes []class) []class {
	type sort struct {
		forms    formset
		numbered bool
	}
	open := map[sort][]int{}
	var fitted []class
	for _, c := range classes {
		first, of := -1, sort{}
		for s, at := range open {
			if c.forms != 0 && s.forms != 0 && c.forms&s.forms == 0 && !(c.numbered && s.numbered) && len(at) > 0 && (first < 0 || at[0] < first) {
				first, of = at[0], s
			}
		}
		if first < 0 {
			first, fitted = len(fitted), append(fitted, class{})
		} else {
			open[of] = open[of][1:]
		}
		f := &fitted[first]
		f.forms, f.numbered, f.nodes = f.forms|c.forms, f.numbered || c.numbered, append(f.nodes, c.nodes...)
		is := sort{f.forms, f.numbered}
		at := open[is]
		i, _ := slices.BinarySearch(at, first)
		open[is] = slices.Insert(at, i, first)
	}
	return fitted
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// pairForms makes one bill of those that several forms tell of one movement.
// It reads as the form does that says most of such a day, and goes by the least
// of their ids; the others are what it is Also.
func pairForms(bills []Known, told []formset) ([]Known, error) {
	groups := map[peer][]int{}
	for i := range bills {
		k := peerOf(bills[i].Bill())
		groups[k] = append(groups[k], i)
	}
	gone := map[int]bool{}
	for _, group := range groups {
		if !severalForms(group, told) {
			continue
		}
		nodes, says := make([]node, len(group)), make([]version, len(group))
		for n, i := range group {
			b := bills[i].Bill()
			nodes[n] = nodeOf(b, told[i])
			var err error
			if says[n], err = versionOf(b); err != nil {
				return nil, err
			}
		}
		rank := ranks(nodes, says)
		for _, c := range pairAlike(nodes) {
			if len(c.nodes) == 1 {
				continue
			}
			best, least := c.nodes[0], c.nodes[0]
			for _, n := range c.nodes[1:] {
				if cmp.Or(cmp.Compare(says[n].state, says[best].state), cmp.Compare(rank(n), rank(best)), says[n].compare(says[best])) > 0 {
					best = n
				}
				a, b := bills[group[n]].ID(), bills[group[least]].ID()
				if cmp.Or(compareBool(unnumbered(a), unnumbered(b)), cmp.Compare(a, b)) < 0 {
					least = n
				}
			}
			is := &bills[group[best]]
			var also []string
			for _, n := range c.nodes {
				if n != least {
					also = append(also, bills[group[n]].ID())
				}
				gone[group[n]] = n != best
			}
			slices.Sort(also)
			is.also = strings.Join(also, "\x00")
			if least != best {
				is.First = bills[group[least]].ID()
			}
		}
	}
	kept := bills[:0]
	for i := range bills {
		if !gone[i] {
			kept = append(kept, bills[i])
		}
	}
	return kept, nil
}

func severalForms(group []int, told []formset) bool {
	for _, i := range group[1:] {
		if told[i] != told[group[0]] {
			return true
		}
	}
	return false
}

// ranks orders the forms that tell of a day: so that none of its rows is read
// as one form tells it and a like one as the other does, who may mean the same.
// One that knows the time is before, then the one that says more, then by name.
func ranks(nodes []node, says []version) func(n int) int {
	type richness struct{ timed, fields, length, form int }
	best := map[int]richness{}
	for n := range nodes {
		for f := nodes[n].forms; f != 0; f &= f - 1 {
			form := bits.TrailingZeros64(uint64(f))
			r := best[form]
			if nodes[n].at != 0 {
				r.timed = 1
			}
			best[form] = richness{r.timed, max(r.fields, says[n].fields), max(r.length, says[n].length), form}
		}
	}
	order := slices.SortedFunc(maps.Values(best), func(a, b richness) int {
		return cmp.Or(cmp.Compare(a.timed, b.timed), cmp.Compare(a.fields, b.fields), cmp.Compare(a.length, b.length), cmp.Compare(b.form, a.form))
	})
	return func(n int) int {
		for i, r := range slices.Backward(order) {
			if nodes[n].forms&(1<<r.form) != 0 {
				return i
			}
		}
		return -1
	}
}

// put notes down that a bill is told by some forms.
func (in *intake) put(m month, b connectors.Bill, forms formset) {
	k, is := peerOf(b), nodeOf(b, forms)
	for _, near := range []month{m - 1, m, m + 1} {
		if was, ok := in.alike[near][k][is.name]; ok {
			was.forms |= forms
			in.alike[near][k][is.name] = was
			return
		}
	}
	if in.alike[m] == nil {
		in.alike[m] = map[peer]map[name]node{}
	}
	if in.alike[m][k] == nil {
		in.alike[m][k] = map[name]node{}
	}
	in.alike[m][k][is.name] = is
}

// pairFresh notes down bills that their form had not told before, and answers
// how many they are more than there were, pairs being one.
func (in *intake) pairFresh(m month, fresh []connectors.Bill, own formset) (more int) {
	touched := map[peer]bool{}
	for _, b := range fresh {
		if k := peerOf(b); !touched[k] {
			touched[k] = true
			more -= in.countAlike(m, k)
		}
	}
	for _, b := range fresh {
		in.put(m, b, own)
	}
	for k := range touched {
		more += in.countAlike(m, k)
	}
	return more
}

func (in *intake) countAlike(m month, k peer) int {
	var nodes []node
	for _, near := range []month{m - 1, m, m + 1} {
		nodes = slices.AppendSeq(nodes, maps.Values(in.alike[near][k]))
	}
	return len(pairAlike(nodes))
}

// Also answers the seeds by which a bill went while only another form of file
// told of it.
func (k Known) Also() []string {
	if k.also == "" {
		return nil
	}
	return strings.Split(k.also, "\x00")
}
