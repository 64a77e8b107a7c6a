package match

import (
	"cmp"
	"slices"
	"strings"

	"jali/connectors"
)

// row is what of an item is looked at again and again.
type row struct {
	item     *Item
	at       int64 // seconds
	minor    int64
	day      int32 // in the bill's own zone
	place    int32 // in the input
	account  int32
	plate    int32
	paid     int32 // what its method says, in table.texts; 0: not read yet
	rest     int32 // what its other texts say, likewise
	next     int32 // of its group; the last points at the first
	parent   int32
	currency int16
	rank     rank
	dateOnly bool
	out      bool
	counts   bool // it is neither failed nor of nothing
	refund   bool
	inner    bool // by its kind it is between accounts of the person
	rare     bool // no other of its rank is of this amount within a week
	sure     uint8
	refunds  int32 // the row that it gives back, plus one
}

// plate is what is known of an account.
type plate struct {
	source string
	tail   uint16 // its last four digits, plus one; 0: not known
	kind   connectors.AccountKind
	rank   rank
	who    parties
	names  []string
}

// table holds the rows by time, then id, whatever order they came in; every
// choice is made in that order, so none depends on the caller's.
type table struct {
	rows   []row
	plates []plate
	lex    *lexicon
	texts  []text
	seen   map[string]int32 // methods repeat by the thousand
	apart  map[[2]int32]bool
	parted []bool             // rows that stand in apart; nil if none does
	tails  map[uint16]parties // whose accounts end so
	maybe  []maybe
	tells  []tells // of each plate
	usual  []usual // of each plate

	sureRefunds []uint8 // of each row that gives back; nil if none does
}

func newTable(items []Item) *table {
	t := &table{rows: make([]row, len(items)), lex: known, texts: make([]text, 1), seen: map[string]int32{}}
	order := make([]int32, len(items)) // rows are wide: these are moved in their stead
	seconds := make([]int64, len(items))
	for i := range order {
		order[i] = int32(i)
		seconds[i] = min(max(items[i].Bill.At.Unix(), -1<<40), 1<<40)
	}
	slices.SortFunc(order, func(i, j int32) int {
		if seconds[i] != seconds[j] {
			return cmp.Compare(seconds[i], seconds[j])
		}
		if c := strings.Compare(items[i].ID, items[j].ID); c != 0 {
			return c
		}
		return compareItems(&items[i], &items[j])
	})
	plates := t.findPlates(items, order)
	currencies := map[string]int16{}
	for i, place := range order {
		it := &items[place]
		b := it.Bill
		c, ok := currencies[b.Amount.Currency]
		if !ok {
			c = int16(len(currencies)) // beyond 2^15 currencies some share a number, and Minor's unit is the least of our worries
			currencies[b.Amount.Currency] = c
		}
		_, offset := b.At.Zone()
		t.rows[i] = row{item: it, at: seconds[place], minor: b.Amount.Minor, currency: c,
			day: int32(floorDiv(seconds[place]+int64(offset), 86400)), place: place,
			account: plates[i].account, plate: plates[i].plate, rank: t.plates[plates[i].plate].rank,
			next: int32(i), parent: int32(i), dateOnly: b.DateOnly, out: b.Direction != connectors.In,
			counts: b.State != connectors.Failed && !b.Amount.Zero(), refund: b.Kind == connectors.Refund,
			inner: b.Kind.Inner() || b.Kind == connectors.Transfer && b.Flow == connectors.FlowInternal}
	}
	return t
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// compareItems tells apart what no id does.
func compareItems(a, b *Item) int {
	x, y := a.Bill, b.Bill
	return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Source, b.Source), strings.Compare(a.Tail, b.Tail),
		cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Names, b.Names), strings.Compare(x.ID, y.ID),
		cmp.Compare(x.Amount.Minor, y.Amount.Minor), strings.Compare(x.Amount.Currency, y.Amount.Currency),
		cmp.Compare(x.Direction, y.Direction), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.State, y.State), cmp.Compare(x.Flow, y.Flow),
		strings.Compare(x.Order, y.Order), strings.Compare(x.Merchant, y.Merchant), slices.Compare(x.Refs, y.Refs), strings.Compare(x.RefundOf, y.RefundOf),
		strings.Compare(x.Method, y.Method), strings.Compare(x.Counterparty, y.Counterparty), strings.Compare(x.Description, y.Description),
		strings.Compare(x.RawKind, y.RawKind), strings.Compare(x.Note, y.Note), x.At.Compare(y.At))
}

type placed struct{ account, plate int32 }

// findPlates numbers the accounts, in the table's order, and teaches the
// lexicon the names of their sources.
func (t *table) findPlates(items []Item, order []int32) []placed {
	type key struct {
		account, source, tail string
		kind                  connectors.AccountKind
	}
	accounts, byKey := map[string]int32{}, map[key]int32{}
	out := make([]placed, len(order))
	var was *Item
	for i, place := range order {
		it := &items[place]
		if was != nil && it.Account == was.Account && it.Source == was.Source && it.Tail == was.Tail && it.Kind == was.Kind {
			out[i] = out[i-1]
		} else {
			a, ok := accounts[it.Account]
			if !ok {
				a = int32(len(accounts))
				accounts[it.Account] = a
			}
			k := key{it.Account, it.Source, it.Tail, it.Kind}
			p, ok := byKey[k]
			if !ok {
				p = int32(len(t.plates))
				byKey[k] = p
				t.plates = append(t.plates, plate{source: it.Source, tail: tailOf(it.Tail), kind: it.Kind, rank: rankOf(it)})
			}
			out[i] = placed{a, p}
		}
		was = it
		p := &t.plates[out[i].plate]
		if len(it.Names) > 0 && !sameSlice(p.names, it.Names) && (p.names == nil || slices.Compare(it.Names, p.names) < 0) {
			p.names = it.Names
		}
	}
	t.nameThem()
	t.tails = map[uint16]parties{}
	for _, p := range t.plates {
		if p.tail != 0 {
			t.tails[p.tail] = t.tails[p.tail].or(p.who)
		}
	}
	return out
}

func sameSlice(a, b []string) bool { return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0] }

// nameThem finds out whose each plate is.
func (t *table) nameThem() {
	bySource := map[string]parties{}
	order := make([]int, len(t.plates))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { // which of many sources stay unknown depends on no order of items
		return cmp.Or(strings.Compare(t.plates[i].source, t.plates[j].source), slices.Compare(t.plates[i].names, t.plates[j].names), cmp.Compare(t.plates[i].rank, t.plates[j].rank))
	})
	for _, i := range order {
		p := &t.plates[i]
		k := p.source + "\x00" + string(rune('0'+p.rank)) + strings.Join(p.names, "\x00")
		who, ok := bySource[k]
		if !ok {
			for _, s := range sources[p.source] {
				who.add(s)
			}
			var x text
			for _, n := range p.names {
				known.read(n, &x)
				x.who = x.who.without(setOf(saysPot, saysNothing+1))
			}
			if who = who.or(x.who); (who == parties{}) {
				if t.lex == known {
					t.lex = known.clone()
				}
				who = t.lex.with(p.names, p.rank)
			}
			bySource[k] = who
		}
		p.who = who
	}
}

func tailOf(s string) uint16 {
	if len(s) != 4 {
		return 0
	}
	var n uint16
	for i := range 4 {
		if s[i] < '0' || s[i] > '9' {
			return 0
		}
		n = n*10 + uint16(s[i]-'0')
	}
	return n + 1
}

// paid is what a bill's method says.
func (t *table) paid(i int32) *text {
	r := &t.rows[i]
	if r.paid == 0 {
		m := r.item.Bill.Method
		at, ok := t.seen[m]
		if !ok {
			at = t.read(m)
			t.seen[m] = at
		}
		r.paid = at
	}
	return &t.texts[r.paid]
}

// rest is what all other texts of a bill say.
func (t *table) rest(i int32) *text {
	r := &t.rows[i]
	if r.rest == 0 {
		b := r.item.Bill
		r.rest = t.read(b.RawKind, b.Counterparty, b.Description)
	}
	return &t.texts[r.rest]
}

func (t *table) read(parts ...string) int32 {
	var x text
	for _, s := range parts {
		t.lex.read(s, &x)
	}
	t.texts = append(t.texts, x)
	return int32(len(t.texts) - 1)
}

func (t *table) root(i int32) int32 {
	for t.rows[i].parent != i {
		t.rows[i].parent = t.rows[t.rows[i].parent].parent
		i = t.rows[i].parent
	}
	return i
}

// each calls f of every member of i's group until it says no.
func (t *table) each(i int32, f func(int32) bool) bool {
	for j := i; ; {
		if !f(j) {
			return false
		}
		if j = t.rows[j].next; j == i {
			return true
		}
	}
}

// may reports whether two groups may become one: no account would have two
// bills in it, and nobody has said that two of them are apart.
func (t *table) may(a, b int32) bool {
	if t.root(a) == t.root(b) {
		return false
	}
	return t.each(a, func(i int32) bool {
		return t.each(b, func(j int32) bool { return t.rows[i].account != t.rows[j].account && !t.isApart(i, j) })
	})
}

// join makes one of two groups and keeps the least sure of their links.
func (t *table) join(a, b int32, sure int) {
	a, b = t.root(a), t.root(b)
	if a == b {
		return
	}
	a, b = min(a, b), max(a, b)
	least := uint8(sure)
	for _, g := range []int32{a, b} {
		if s := t.rows[g].sure; s != 0 {
			least = min(least, s)
		}
	}
	t.rows[b].parent = a
	t.rows[a].next, t.rows[b].next = t.rows[b].next, t.rows[a].next
	t.rows[a].sure = least
}
