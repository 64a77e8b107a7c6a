package connectors

import (
	"time"

	"jali/connectors/money"
)

// Bill is one line of a wallet's or bank's bill: money that came in, went out
// or moved.
type Bill struct {
	ID       string    // the source's own id, the same each time it is read and unique in its account; where a source has none, the dialect derives it from the row and its place among equal rows
	At       time.Time // with the source's zone; DateOnly: midnight
	DateOnly bool      // the source tells the day and no more

	Amount    money.Amount // never negative
	Direction Direction    // of the account it is listed under
	Flow      Flow         // of the person
	State     BillState
	Kind      Kind
	RawKind   string // the source's own word for it

	Category     string // the source's own category; a hint
	Counterparty string // shop or person, as the source tells it
	Method       string // what paid: "招商银行储蓄卡(1234)", "余额"; the funding hint
	Description  string
	Order        string // the source's order number
	Merchant     string // the merchant's order number

	// Was is the ID under which the source told this bill while it was
	// pending, where it says so and it was another.
	Was string
	// Refs are ids that another source may tell for the same movement
	// (a network's, a merchant's, the other wallet's). Strong evidence.
	Refs []string
	// RefundOf is the ID or Order of the bill that this one gives back.
	RefundOf string
	// Note is what a person should know of the row, by a word: "split_funding"
	// (several accounts paid, nobody tells how much each), "refunded_part",
	// "fee_included" (the other end received less), "batch" (several payments,
	// booked as one).
	Note string
}

// Direction is the way the money went, seen from one account.
type Direction string

// Flow is the way it went, seen from the person: internal stays with them.
type Flow string

const (
	In  Direction = "in"
	Out Direction = "out"

	FlowIn       Flow = "in"
	FlowOut      Flow = "out"
	FlowInternal Flow = "internal"
)

// BillState is how far the movement has come.
type BillState string

const (
	Pending  BillState = "pending"
	Done     BillState = "booked"
	Reversed BillState = "reversed" // it was booked, and given back in full
	Failed   BillState = "failed"   // it never happened
)

// Final reports whether the state can no longer change at the source.
func (s BillState) Final() bool { return s != Pending }

// Kind is what the movement was for, in Jali's words.
type Kind string

const (
	Payment    Kind = "payment"
	Income     Kind = "income"
	Refund     Kind = "refund"
	Transfer   Kind = "transfer"
	Topup      Kind = "topup"
	Withdrawal Kind = "withdrawal"
	Repayment  Kind = "repayment"
	LoanKind   Kind = "loan"
	Investment Kind = "investment"
	Redemption Kind = "redemption"
	Interest   Kind = "interest"
	Fee        Kind = "fee"
	RedPacket  Kind = "red_packet"
	Adjustment Kind = "adjustment"
	Other      Kind = "other"
)

// Inner reports that a movement of this kind stays with the person: it is
// between pots of their own, or the principal of a debt, which is no income
// when it is lent and not spent when it is repaid. Its interest is spent.
func (k Kind) Inner() bool {
	switch k {
	case Topup, Withdrawal, Repayment, LoanKind, Investment, Redemption:
		return true
	}
	return false
}
