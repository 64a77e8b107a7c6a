package sums

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"jali/connectors"
)

// LoanUse is borrowed money that seems to have gone into an investment.
type LoanUse struct{ Loan, Investment string } // ids of bills

// What is taken for a loan's use. Who borrows to invest does it within days,
// and with most of what was lent: a lender that looks for it looks at a week.
// A fund that is bought for a tenth of a loan is somebody's monthly saving, and
// one for far more has money of their own in it.
const (
	useWithin   = 7 * 24 * time.Hour
	leastShare  = 50  // of the loan, in percent
	mostShare   = 120 // likewise
	dayIsAround = 24 * time.Hour
)

// trace is a bill that may be a step from a loan to an investment.
type trace struct {
	id     string
	kind   connectors.Kind
	in     bool
	at     time.Time
	day    bool
	amount int64
	curr   string
	pots   []string // that its money went to, or came from
	to     []string // of a transfer: that it went to
}

// Traced reports whether [Book.LoanUses] asks which accounts tell of a bill.
func Traced(b *connectors.Bill) bool {
	switch b.Kind {
	case connectors.LoanKind, connectors.Investment, connectors.Withdrawal, connectors.Topup, connectors.Transfer:
		return b.State != connectors.Failed && !b.Amount.Zero()
	}
	return false
}

func (b *Book) trace(account int, bill Bill) {
	if !bill.Counted || !Traced(bill.Bill) {
		return
	}
	t := trace{id: bill.ID, kind: bill.Kind, in: bill.Direction == connectors.In, at: bill.At, day: bill.DateOnly, amount: bill.Amount.Minor, curr: bill.Amount.Currency}
	own := bill.Account
	if b.accounts[account].Kind == connectors.WalletBalance {
		own = potName(bill.Account, bill.Bill)
	}
	switch bill.Kind {
	case connectors.Withdrawal, connectors.Topup, connectors.Transfer:
		if len(bill.Beside) == 0 {
			return
		}
		t.pots, t.to = []string{own}, bill.Beside
		if t.in {
			t.pots, t.to = t.to, t.pots
		}
	default:
		t.pots = append(slices.Clone(bill.Beside), own)
	}
	b.traced = append(b.traced, t)
}

// potName names what a wallet's bill was paid from or into: a card by its
// words, since the card's own account need not be here; else the balance.
func potName(account string, b *connectors.Bill) string {
	if paidFrom(b) != elsewhere {
		return account
	}
	if strings.ContainsAny(b.Method, "0123456789") {
		return b.Method
	}
	return account + " " + b.Method
}

// LoanUses finds loans that were followed within days by the purchase of a fund
// or the like, for most of what was lent, from the account that the loan came
// to, or from one that it was moved on to. It is a hint for the person alone:
// money has no name, and theirs may have been in that account before.
func (b *Book) LoanUses() (uses []LoanUse) {
	slices.SortFunc(b.traced, func(x, y trace) int { return cmp.Or(x.at.Compare(y.at), cmp.Compare(x.id, y.id)) })
	used := map[string]bool{}
	for i, loan := range b.traced {
		if loan.kind != connectors.LoanKind || !loan.in {
			continue
		}
		reached := slices.Clone(loan.pots)
		first := i // a day alone is dated at its midnight
		for first > 0 && loan.at.Sub(b.traced[first-1].at) < dayIsAround {
			first--
		}
		for _, next := range b.traced[first:] {
			if next.at.Sub(loan.at) > useWithin {
				break
			}
			if next.before(loan) || next.curr != loan.curr || next.amount*100 < loan.amount*leastShare || next.amount*100 > loan.amount*mostShare ||
				!slices.ContainsFunc(next.pots, func(p string) bool { return slices.Contains(reached, p) }) {
				continue
			}
			if next.to != nil {
				reached = append(reached, next.to...)
				continue
			}
			if next.kind == connectors.Investment && !next.in && !used[next.id] {
				used[next.id] = true
				uses = append(uses, LoanUse{loan.id, next.id})
			}
		}
	}
	return uses
}

// before reports that a step was surely taken before the loan.
func (t trace) before(loan trace) bool {
	if t.day || loan.day {
		return t.at.In(Zone).Format(time.DateOnly) < loan.at.In(Zone).Format(time.DateOnly)
	}
	return t.at.Before(loan.at)
}
