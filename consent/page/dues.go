package page

import (
	"cmp"
	"slices"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/aggregate"
)

// due is the latest statement of an account of debt, and what of it is left.
type due struct {
	aggregate.OwnStatement
	In    aggregate.OwnAccount
	Left  money.Amount
	State string // of the catalog's family "due.state."
	Days  int    // until the due date; of the states "soon" and "minimum"
}

// dues answers them in the order in which they are to be paid, then those that
// are. A statement that a newer one has taken over is left out.
func dues(look aggregate.Look, accounts map[consent.AccountID]aggregate.OwnAccount) []due {
	var all []due
	seen := map[consent.AccountID]bool{}
	newest := slices.SortedStableFunc(slices.Values(look.Statements), func(a, b aggregate.OwnStatement) int { return b.Period.To.Compare(a.Period.To) })
	for _, s := range newest {
		account, known := accounts[s.Account]
		if !known || seen[s.Account] {
			continue
		}
		seen[s.Account] = true
		d := due{OwnStatement: s, In: account, Left: s.Due}
		if left, err := s.Due.Sub(s.Paid); err == nil {
			d.Left = left
		}
		if owed, known := owes(look, s.Account, s.Due.Currency); known && owed < d.Left.Minor {
			d.Left.Minor = owed // a shop gave back what the statement asks for
			d.Settled = d.Settled || owed <= 0
		}
		d.State, d.Days = stateOf(d.OwnStatement, look.At)
		if d.State == "paid" || d.Left.Minor < 0 {
			d.Left.Minor = 0
		}
		all = append(all, d)
	}
	paid := func(d due) int {
		if d.State == "paid" {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(all, func(a, b due) int {
		return cmp.Or(paid(a)-paid(b), undated(a)-undated(b), a.DueDate.Compare(b.DueDate))
	})
	return all
}

// owes answers what is owed in all on an account.
func owes(look aggregate.Look, account consent.AccountID, currency string) (minor int64, known bool) {
	at := slices.IndexFunc(look.Balances, func(b aggregate.OwnBalance) bool {
		return b.Account == account && b.Kind == connectors.Outstanding && b.Amount.Currency == currency
	})
	if at < 0 {
		return 0, false
	}
	return look.Balances[at].Amount.Minor, true
}

func undated(d due) int {
	if d.DueDate.IsZero() {
		return 1
	}
	return 0
}

// stateOf says how a statement stands. One whose day has gone by is not called
// overdue: not every source tells what was paid.
func stateOf(s aggregate.OwnStatement, now time.Time) (state string, days int) {
	day := func(at time.Time) time.Time {
		y, m, d := at.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	minimum := s.Minimum.Minor > 0 && s.Paid.Minor >= s.Minimum.Minor
	if !s.DueDate.IsZero() {
		days = int(day(s.DueDate).Sub(day(now.In(s.DueDate.Location()))) / (24 * time.Hour))
	}
	switch {
	case s.Settled:
		return "paid", 0
	case s.DueDate.IsZero():
		return "open", 0
	case days < 0:
		return "past", 0
	case minimum:
		return "minimum", days
	case days == 0:
		return "today", 0
	}
	return "soon", days
}
