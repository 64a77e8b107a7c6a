// Package match finds which bills tell of the same movement, and which refund
// gives back which payment. Its functions are pure: the same items in any
// order give the same answer.
//
// Its unit is the group: bills of different accounts, at most one of each,
// that tell of one movement of money. A purchase by wallet from a card is in
// the wallet's bill and in the bank's; a repayment by wallet is in the
// wallet's, in the paying card's and in the repaid card's. Of a group one bill
// is counted, and if the money went between the person's own accounts it is
// internal for all of them.
//
// Three passes link, each one-to-one, the surest first:
//
//  1. a shared id (order, merchant's order, reference), the same amount, within [maxApartByID];
//  2. funding: a wallet's bill and a bank's, the same way, the same amount and time;
//  3. transfer: the opposite way, where one of the two is by its kind a movement between accounts.
//
// In 2 and 3 amount and time are not enough: the wallet must name the card
// ("招商银行储蓄卡(1234)"), or the bank the wallet ("支付宝-"), and neither may
// name another. Of several that fit, the surer hint goes first, then the nearer
// in time, then the lower id; and a link gives way to another if that lets one
// more pair be linked, since daily equal payments that the bank books a day
// late would else leave one over.
//
// It does not guess: what nothing but its amount and time speaks for stays
// apart and counts twice, until somebody says otherwise.
package match

import (
	"cmp"
	"slices"
	"time"

	"jali/connectors"
)

const (
	maxApartByID = 15 * 24 * time.Hour // of bills that share an id
	maxApartPaid = 10 * time.Minute    // of a payment and its funding, both with a time
	maxApartSent = 24 * time.Hour      // of a transfer's two ends, both with a time
	maxDays      = 1                   // of two of which one tells the day alone
	maxRefundAge = 90 * 24 * time.Hour // of a refund that shares no id with its payment
)

// Item is a bill with what its account is.
type Item struct {
	ID      string // the caller's, unique
	Account string // the caller's
	Source  string
	Names   []string // names of the source, as other sources may write them: "招商银行"
	Tail    string   // last four digits of the account's number, or empty
	Kind    connectors.AccountKind
	Bill    *connectors.Bill // only read
}

// Joined is what Join found of one item.
type Joined struct {
	Counted bool     // in totals; of mirrors only one is
	Mirrors []string // ids of the same movement in other accounts, sorted
	Refunds string   // id of the payment this refund gives back
	Flow    connectors.Flow
	Sure    int // of its links, in percent; 0: it has none
}

// Link is what two bills may be to one another.
type Link string

const (
	Mirror Link = "mirror" // A and B tell of one movement
	Refund Link = "refund" // A gives back B, or part of it
)

// Decision is the person's own word on two bills. It wins over all evidence.
type Decision struct {
	A, B string // ids of items
	Link Link
	Yes  bool
}

// Suggestion is a link that is not sure enough to be made: the person decides.
type Suggestion struct {
	A, B string
	Link Link
	Sure int // in percent
}

// Result holds of each item what was found, in the order of Join's input.
type Result struct {
	Joined      []Joined
	Suggestions []Suggestion
}

// Join links mirrors and refunds.
//
// Failed bills and bills of 0 are neither linked nor counted. A pending bill
// is both: the money has left what the person can spend, and if the movement
// fails its bill falls out of the totals then. Of a group the wallet's bill is
// counted, being the one that says what was bought. Internal flows may be
// counted too, but belong to neither in nor out.
func Join(items []Item, _ []Decision) Result {
	t := newTable(items)
	t.linkByID()
	t.linkFunding()
	t.linkTransfers()
	t.linkRefunds()

	out := make([]Joined, len(items))
	for _, members := range t.groups() {
		flow, chosen := t.judge(members)
		for _, i := range members {
			j := &out[t.rows[i].place]
			j.Counted = i == chosen
			j.Flow = t.rows[i].item.Bill.Flow
			if flow != "" {
				j.Flow = flow
			}
			j.Refunds = t.rows[i].refunds
			for _, m := range members {
				if m != i {
					j.Mirrors = append(j.Mirrors, t.rows[m].item.ID)
				}
			}
			slices.Sort(j.Mirrors)
		}
	}
	return Result{Joined: out}
}

// judge answers what a group's flow is, if not each bill's own, and which of
// its bills is counted; -1: none.
func (t *table) judge(members []int) (flow connectors.Flow, chosen int) {
	chosen = -1
	way := t.rows[members[0]].item.Bill.Direction
	for _, i := range members {
		b := t.rows[i].item.Bill
		if len(members) > 1 && (b.Flow == connectors.FlowInternal || b.Direction != way) {
			flow = connectors.FlowInternal
		}
		if t.rows[i].counts() && (chosen < 0 || t.rows[i].richness() > t.rows[chosen].richness()) {
			chosen = i
		}
	}
	return flow, chosen
}

// row is an item and what is read out of its texts, once and if it is needed:
// most bills have no other beside them that they may belong to.
type row struct {
	item    *Item
	place   int // in the input
	wallet  bool
	names   []string // of the source, in lower case
	reader  reader
	read    *words
	refunds string
}

func (r *row) counts() bool {
	return r.item.Bill.State != connectors.Failed && !r.item.Bill.Amount.Zero()
}

func (r *row) richness() int {
	n := 0
	if r.wallet {
		n += 8
	}
	if r.item.Bill.State.Final() {
		n += 4
	}
	if !r.item.Bill.DateOnly {
		n += 2
	}
	if r.item.Bill.Method != "" {
		n++
	}
	return n
}

// table holds the rows by time, then id, whatever order they came in; every
// choice is made in that order, so none depends on the caller's.
type table struct {
	rows   []row
	parent []int
}

func newTable(items []Item) *table {
	t := &table{rows: make([]row, len(items)), parent: make([]int, len(items))}
	order := make([]int, len(items)) // rows are wide: these are moved in their stead
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &items[i], &items[j]
		return cmp.Or(a.Bill.At.Compare(b.Bill.At), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Account, b.Account))
	})
	seen := reader{}
	for i, place := range order {
		it := &items[place]
		t.rows[i] = row{item: it, place: place, wallet: isWallet(it), names: lower(it.Names), reader: seen}
		t.parent[i] = i
	}
	return t
}

func isWallet(it *Item) bool {
	if _, ok := marks[it.Source]; ok {
		return true
	}
	return it.Kind == connectors.WalletBalance || it.Kind == connectors.Settlement
}

func (t *table) root(i int) int {
	for t.parent[i] != i {
		t.parent[i] = t.parent[t.parent[i]]
		i = t.parent[i]
	}
	return i
}

// groups answers the members of each group by its root, in the table's order.
func (t *table) groups() map[int][]int {
	g := make(map[int][]int, len(t.rows))
	for i := range t.rows {
		r := t.root(i)
		g[r] = append(g[r], i)
	}
	return g
}

// apart is how far two bills are from one another in time, and whether that
// is near enough: within limit if both tell the time, within maxDays else.
func apart(a, b *connectors.Bill, limit time.Duration) (time.Duration, bool) {
	if a.DateOnly || b.DateOnly {
		d := dayNumber(a.At) - dayNumber(b.At)
		if d < 0 {
			d = -d
		}
		return time.Duration(d) * 24 * time.Hour, d <= max(maxDays, int(limit/(24*time.Hour)))
	}
	d := a.At.Sub(b.At).Abs()
	return d, d <= limit
}

// dayNumber counts calendar days, each bill's in its own zone.
func dayNumber(t time.Time) int {
	y, m, d := t.Date()
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}
