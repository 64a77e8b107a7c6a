// Package match finds which bills tell of the same movement and which refund
// gives back which payment. Its functions are pure.
package match

import "jali/connectors"

// Item is a bill with what its account is.
type Item struct {
	ID      string // the caller's, unique
	Account string // the caller's
	Source  string
	Names   []string // names of the source, as other sources may write them: "招商银行"
	Tail    string   // last four digits of the account's number, or empty
	Kind    connectors.AccountKind
	Bill    connectors.Bill
}

// Joined is what Join found of one item, in the order of its input.
type Joined struct {
	Counted bool     // in totals; of mirrors only one is
	Mirrors []string // ids of the same movement in other accounts, sorted
	Refunds string   // id of the payment this refund gives back
	Flow    connectors.Flow
}

// Join links mirrors (one-to-one: strong ids first, then amount, time and
// funding hint) and refunds. Failed bills, and bills of 0, are not counted.
func Join(items []Item) []Joined { panic("unwritten") }
