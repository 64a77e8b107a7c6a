package page

import (
	"slices"
	"time"

	"jali/connectors/money"
	"jali/consent"
	"jali/internal/aggregate"
)

// gap is where an account's balances and its bills do not add up. By how much
// is told, and not which way: of what was owed that reads upside down.
type gap struct {
	In       aggregate.OwnAccount
	From, To time.Time
	Lacks    money.Amount
}

// gaps answers what is missing, newest first.
func gaps(look aggregate.Look, accounts map[consent.AccountID]aggregate.OwnAccount) []gap {
	var all []gap
	for _, g := range look.Gaps {
		lacks := g.Missing
		lacks.Minor = max(lacks.Minor, -lacks.Minor)
		all = append(all, gap{In: accounts[g.Account], From: g.From, To: g.To, Lacks: lacks})
	}
	slices.SortStableFunc(all, func(a, b gap) int { return b.To.Compare(a.To) })
	return all
}

// gapsOf answers how many gaps an account has.
func gapsOf(look aggregate.Look, account consent.AccountID) (n int) {
	for _, g := range look.Gaps {
		if g.Account == account {
			n++
		}
	}
	return n
}
