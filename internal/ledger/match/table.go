package match

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"

	"jali/connectors"
)

// row is what of a bill is held: enough to find those that may belong to it.
// What they say is asked for again.
type row struct {
	at       int64  // seconds
	minor    int64  // of the amount
	key      uint64 // how its id begins
	sold     uint32 // of soldBy, a hash
	day      int32  // in the bill's own zone
	place    int32  // in the input
	account  int32
	plate    int32
	method   int32 // in table.methods
	rest     int32 // what its other texts say, in table.texts; 0: not read yet
	next     int32 // of its group; the last points at the first
	parent   int32
	refunds  int32 // the row that it gives back, plus one
	currency int16
	rank     rank
	sure     uint8 // of the group that begins here
	sureBack uint8 // of refunds
	rich     uint8
	flow     uint8 // in table.flows

	dateOnly, out      bool
	counts             bool // it is neither failed nor of nothing
	rare               bool // no other of its rank is of this amount within a week
	reversed, partBack bool // what its source says of its having been given back
	split              bool // it was paid from several pots

	// Its kind, as far as it matters.
	refund, fee, payment, repayment, transfer, interest, other bool
	ends                                                       bool // topup, withdrawal or redemption: the bank's bill goes the other way

	inner bool // by its kind it is between accounts of the person
}

// plate is what is known of an account.
type plate struct {
	source  string
	tail    uint16 // its last four digits, plus one; 0: not known
	account int32
	kind    connectors.AccountKind
	rank    rank
	who     parties
	names   []string
}

// table holds the rows by time, then id, whatever order they came in; every
// choice is made in that order, so none depends on the caller's.
type table struct {
	ask     func(int) Item
	rows    []row
	ids     []told
	nets    map[int32]int64 // what of a withdrawal reaches the bank, by row
	plates  []plate
	tails   map[uint16]parties // whose accounts end so
	seconds map[second]bool
	tells   []tells    // of each plate
	usual   []lateness // of each plate
	lex     *lexicon
	methods []payer // they repeat by the thousand
	texts   []text
	flows   []connectors.Flow
	same    map[pair]int // plates that may be one account, and how much speaks for it
	again   []int32      // rows of such, by amount, direction, day and plate
	apart   map[[2]int32]bool
	parted  []bool // rows that stand in apart; nil if none does
	maybe   []maybe

	recent [4]recent // bills that were asked for last
	last   int
}

type payer struct {
	words string
	read  bool
	says  text
}

type recent struct {
	row  int32 // plus one
	bill connectors.Bill

	named       bool // the two below were looked for
	shop, goods string
}

// bill asks for a row's bill. It is good until two others were asked for.
func (t *table) bill(i int32) *connectors.Bill { return &t.recall(i).bill }

func (t *table) recall(i int32) *recent {
	for n := range t.recent {
		if t.recent[n].row == i+1 {
			t.last = n
			return &t.recent[n]
		}
	}
	t.last = (t.last + 1) % len(t.recent)
	r := &t.recent[t.last]
	*r = recent{row: i + 1, bill: *t.ask(int(t.rows[i].place)).Bill}
	r.bill.Refs = slices.Clone(r.bill.Refs)
	return r
}

// names is what a bill calls the shop, and what was bought there.
func (t *table) names(i int32) [2]string {
	r := t.recall(i)
	if !r.named {
		r.named, r.shop, r.goods = true, shopOf(r.bill.Counterparty), shopOf(r.bill.Description)
	}
	return [2]string{r.shop, r.goods}
}

func (t *table) id(i int32) string { return t.ask(int(t.rows[i].place)).ID }

func newTable(n int, ask func(int) Item) *table {
	t := &table{ask: ask, rows: make([]row, n), nets: map[int32]int64{}, lex: known, texts: make([]text, 1),
		ids: make([]told, 0, 2*n)}
	b := builder{table: t, accounts: map[string]int32{}, plates: map[plateKey]int32{}, currencies: map[string]int16{}, methods: map[string]int32{}}
	for i := range n {
		b.add(int32(i), ask(i))
	}
	t.nameThem()
	t.tails = map[uint16]parties{}
	for _, p := range t.plates {
		if p.tail != 0 {
			t.tails[p.tail] = t.tails[p.tail].or(p.who)
		}
	}
	t.sort()
	return t
}

// builder numbers what repeats.
type builder struct {
	*table
	accounts   map[string]int32
	plates     map[plateKey]int32
	currencies map[string]int16
	methods    map[string]int32
	was        plateKey
	wasRow     int32
}

type plateKey struct {
	account, source, tail string
	kind                  connectors.AccountKind
}

func (t *builder) add(i int32, it Item) {
	b := it.Bill
	_, offset := b.At.Zone()
	r := &t.rows[i]
	*r = row{at: min(max(b.At.Unix(), -1<<40), 1<<40), minor: b.Amount.Minor, key: beginning(it.ID), place: i, next: i, parent: i,
		currency: number(t.currencies, b.Amount.Currency), // beyond 2^15 of them some share a number
		dateOnly: b.DateOnly, out: b.Direction != connectors.In, counts: b.State != connectors.Failed && !b.Amount.Zero(),
		reversed: b.State == connectors.Reversed, partBack: b.Note == "refunded_part", split: b.Note == "split_funding",
		refund: b.Kind == connectors.Refund, fee: b.Kind == connectors.Fee, payment: b.Kind == connectors.Payment,
		repayment: b.Kind == connectors.Repayment, transfer: b.Kind == connectors.Transfer, interest: b.Kind == connectors.Interest, other: b.Kind == connectors.Other,
		ends:  b.Kind == connectors.Topup || b.Kind == connectors.Withdrawal || b.Kind == connectors.Redemption && b.Direction == connectors.Out,
		inner: b.Kind.Inner() || b.Kind == connectors.Transfer && b.Flow == connectors.FlowInternal}
	r.day = int32(floorDiv(r.at+int64(offset), 86400))
	if s := soldBy(b); s != "" {
		r.sold = uint32(maphash.String(seed, s)) | 1
	}
	flow := slices.Index(t.flows, b.Flow)
	if flow < 0 && len(t.flows) < 255 {
		flow = len(t.flows)
		t.flows = append(t.flows, b.Flow)
	}
	r.flow = uint8(flow)
	m, ok := t.methods[b.Method]
	if !ok {
		m = int32(len(t.table.methods))
		t.methods[b.Method] = m
		t.table.methods = append(t.table.methods, payer{words: b.Method})
	}
	r.method = m

	k := plateKey{it.Account, it.Source, it.Tail, it.Kind}
	if i > 0 && k == t.was {
		r.account, r.plate = t.rows[t.wasRow].account, t.rows[t.wasRow].plate
	} else {
		r.account = number(t.accounts, it.Account)
		if p, ok := t.plates[k]; ok {
			r.plate = p
		} else {
			r.plate = int32(len(t.table.plates))
			t.plates[k] = r.plate
			t.table.plates = append(t.table.plates, plate{source: it.Source, account: r.account, tail: tailOf(it.Tail), kind: it.Kind, rank: rankOf(&it)})
		}
	}
	t.was, t.wasRow = k, i
	p := &t.table.plates[r.plate]
	if len(it.Names) > 0 && !sameSlice(p.names, it.Names) && (p.names == nil || slices.Compare(it.Names, p.names) < 0) {
		p.names = slices.Clone(it.Names)
	}
	r.rank = p.rank
	r.rich = 8 * uint8(r.rank)
	if b.State.Final() {
		r.rich += 4
	}
	if !b.DateOnly {
		r.rich += 2
	}
	if b.Method != "" {
		r.rich++
	}
	if net := lessFee(b); net != 0 {
		t.nets[i] = net
	}
	if r.counts {
		t.note(i, b)
	}
}

// number answers the number of s, a new one if it has none.
func number[N int16 | int32](in map[string]N, s string) N {
	n, ok := in[s]
	if !ok {
		n = N(len(in))
		in[s] = n
	}
	return n
}

// beginning is the first eight bytes of an id, in the order of ids.
func beginning(id string) (k uint64) {
	for i := range 8 {
		k <<= 8
		if i < len(id) {
			k |= uint64(id[i])
		}
	}
	return k
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func sameSlice(a, b []string) bool { return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0] }

// sort brings the rows into the table's order.
func (t *table) sort() {
	order := make([]int32, len(t.rows)) // rows are wide: these are moved in their stead
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(i, j int32) int {
		a, b := &t.rows[i], &t.rows[j]
		switch {
		case a.at != b.at:
			return cmp.Compare(a.at, b.at)
		case a.key != b.key:
			return cmp.Compare(a.key, b.key)
		case i == j:
			return 0
		}
		x := t.ask(int(i))
		bill := *x.Bill
		bill.Refs = slices.Clone(bill.Refs)
		x.Bill = &bill
		y := t.ask(int(j))
		return compareItems(&x, &y)
	})
	to := make([]int32, len(order))
	for n, i := range order {
		to[i] = int32(n)
	}
	for i := range t.ids {
		t.ids[i].row = to[t.ids[i].row]
	}
	nets := make(map[int32]int64, len(t.nets))
	for i, net := range t.nets {
		nets[to[i]] = net
	}
	t.nets = nets
	for i := range to { // each row to its place, along the circles that they go in
		for to[i] != int32(i) {
			n := to[i]
			t.rows[i], t.rows[n] = t.rows[n], t.rows[i]
			to[i], to[n] = to[n], n
		}
	}
	for i := range t.rows {
		t.rows[i].next, t.rows[i].parent = int32(i), int32(i)
	}
}

// compareItems tells apart what the beginnings of ids do not.
func compareItems(a, b *Item) int {
	x, y := a.Bill, b.Bill
	return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Account, b.Account), strings.Compare(a.Source, b.Source), strings.Compare(a.Tail, b.Tail),
		cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Names, b.Names), strings.Compare(x.ID, y.ID),
		cmp.Compare(x.Amount.Minor, y.Amount.Minor), strings.Compare(x.Amount.Currency, y.Amount.Currency),
		cmp.Compare(x.Direction, y.Direction), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.State, y.State), cmp.Compare(x.Flow, y.Flow),
		strings.Compare(x.Order, y.Order), strings.Compare(x.Merchant, y.Merchant), slices.Compare(x.Refs, y.Refs), strings.Compare(x.RefundOf, y.RefundOf),
		strings.Compare(x.Method, y.Method), strings.Compare(x.Counterparty, y.Counterparty), strings.Compare(x.Description, y.Description),
		strings.Compare(x.RawKind, y.RawKind), strings.Compare(x.Note, y.Note), x.At.Compare(y.At))
}

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
			}
			if who = who.or(x.who.without(setOf(saysPot, saysNothing+1))); (who == parties{}) {
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
	m := &t.methods[t.rows[i].method]
	if !m.read {
		m.read = true
		t.lex.read(m.words, &m.says)
	}
	return &m.says
}

// rest is what all other texts of a bill say.
func (t *table) rest(i int32) text {
	r := &t.rows[i]
	if r.rest == 0 {
		b := t.bill(i)
		var x text
		for _, s := range []string{b.RawKind, b.Counterparty, b.Description} {
			t.lex.read(s, &x)
		}
		t.texts = append(t.texts, x)
		r.rest = int32(len(t.texts) - 1)
	}
	return t.texts[r.rest]
}
