// Package match finds which bills tell of the same movement, and which refund
// gives back which payment. Its functions are pure: the same items in any
// order give the same answer.
//
// Its unit is the group: bills of different accounts, at most one of each,
// that tell of one movement of money. A purchase in a shop's app, paid by a
// wallet out of a card, is in the app's bill, in the wallet's and in the
// bank's; a repayment by wallet is in the wallet's, in the paying card's and
// in the repaid card's. Of a group one bill is counted, and if the money went
// between the person's own accounts it is internal for all of them.
//
// What is found, in this order, each taking what it links out of the next
// one's reach:
//
//  1. what the person has decided, whatever speaks against it;
//  2. a shared id, and the same account read twice, out of a file and by its API,
//     whether by its number or, where one side tells none, by what both tell (again.go);
//  3. payment: a shop's app or a wallet, and what it drew on, the money going the same way;
//  4. transfer: the two ends of a movement between accounts, the opposite way;
//  5. refund: what it gives back, never more of a payment than was paid.
//
// Each link is weighed: what speaks for it and against it is added up in
// hundredths of a bit (weigh.go), as if each were the answer to a question of
// its own, and the sum is told in percent: of a hundred links called 90 about
// ninety join bills of one movement, or of two that nobody could tell apart
// (the same amount, account, day and words), which the totals do not mind.
// 3 and 4 choose, of all ways to link one to one, the one whose links weigh
// most together. A link of less than [Enough] is not made but suggested.
//
// Before 3 the bills themselves teach two things, by pairs that are beyond
// doubt: how many days each account's bank usually takes to book what was paid
// on which weekday (usual.go), and which number of a card is a second one of an
// account whose file tells another (second.go).
//
// Not known are: who the person is by name, so that transfers between their
// banks are found only where a text tells; currencies that a bank has
// exchanged; and the parts of a bill that was paid from several pots.
package match

import (
	"cmp"
	"slices"

	"jali/connectors"
)

// Enough is how sure a link must be to be made, in percent. Four right links
// save the person four questions; one wrong one costs them a look for it.
const Enough = 80

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
	Sure    int // of the least sure of its links, in percent; 0: it has none
}

// Link is what two bills may be to one another.
type Link string

const (
	Mirror Link = "mirror" // A and B tell of one movement
	Refund Link = "refund" // A gives back B, or part of it
)

// Decision is the person's own word on two bills. It wins over all evidence.
//
// What was said of a bill holds for its mirrors: bills that are mirrors of
// one bill are mirrors of each other, even if that one is not among the items,
// and if a refund is not of a payment, no mirror of it is. Where yes and no
// contradict each other, no wins.
type Decision struct {
	A, B string // ids of items
	Link Link
	Yes  bool
}

// Suggestion is a link that is not sure enough to be made: the person decides.
type Suggestion struct {
	A, B string // of a mirror the lesser id first
	Link Link
	Sure int // in percent
}

// Result holds of each item what was found, in the order of Join's input, and
// the surest suggestions, at most one of a bill.
type Result struct {
	Joined      []Joined
	Suggestions []Suggestion
}

// Join links mirrors and refunds.
//
// Failed bills and bills of 0 are not counted, and linked only if the person
// says so. A pending bill is both: the money has left what the person can
// spend, and if the movement fails its bill falls out of the totals then. Of a
// group the shop's bill is counted, or else the wallet's, which say what was
// bought. Internal flows may be counted too, but belong to neither in nor out.
func Join(items []Item, decided []Decision) Result {
	return Over(len(items), func(i int) Item { return items[i] }, decided)
}

// Over is [Join] for who holds no items: it joins n that item tells, each as
// often as it is asked for. What item answered is good until it is called
// again; some 170 bytes of each are held.
func Over(n int, item func(i int) Item, decided []Decision) Result {
	t := newTable(n, item)
	said := t.hear(decided)
	t.findTwins()
	s := newShelf(t)
	t.linkTwins(s)
	t.linkAgain()
	t.learnNumbers(s)
	t.learn(s)
	t.linkPayments(s)
	t.linkTransfers(s)
	t.linkSplits()
	t.linkRefunds(said)
	return Result{Joined: t.answer(), Suggestions: t.suggestions()}
}

// answer tells of each item what was found.
func (t *table) answer() []Joined {
	out := make([]Joined, len(t.rows))
	var members []int32
	var ids []string
	for g := range t.rows {
		if t.rows[g].parent != int32(g) {
			continue
		}
		members, ids = members[:0], ids[:0]
		t.each(int32(g), func(i int32) bool { members = append(members, i); return true })
		slices.Sort(members)
		flow, chosen := t.judge(members)
		if len(members) > 1 {
			for _, i := range members {
				ids = append(ids, t.id(i))
			}
		}
		for n, i := range members {
			r := &t.rows[i]
			j := Joined{Counted: i == chosen, Flow: cmp.Or(flow, t.flows[r.flow]), Sure: int(t.rows[g].sure)}
			if r.refunds != 0 {
				j.Refunds = t.id(r.refunds - 1)
				if sure := int(r.sureBack); j.Sure == 0 || sure < j.Sure {
					j.Sure = sure
				}
			}
			if len(ids) > 1 {
				j.Mirrors = make([]string, 0, len(ids)-1)
				j.Mirrors = append(append(j.Mirrors, ids[:n]...), ids[n+1:]...)
				slices.Sort(j.Mirrors)
			}
			out[r.place] = j
		}
	}
	return out
}

// judge answers what a group's flow is, if not each bill's own, and which of
// its bills is counted; -1: none.
func (t *table) judge(members []int32) (flow connectors.Flow, chosen int32) {
	chosen = -1
	for _, i := range members {
		r := &t.rows[i]
		if len(members) > 1 && (t.flows[r.flow] == connectors.FlowInternal || r.out != t.rows[members[0]].out) {
			flow = connectors.FlowInternal
		}
		if r.counts && (chosen < 0 || r.rich > t.rows[chosen].rich) {
			chosen = i
		}
	}
	return flow, chosen
}
