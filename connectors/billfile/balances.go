package billfile

import (
	"jali/connectors"
	"jali/connectors/money"
)

// balances answers what an account held before the first and after the last of
// its rows, where these have a running balance, and the rows from which that
// does not follow. Files run from new to old or from old to new: the way in
// which more follows is taken.
func (k *book) balances(a Account) (told []Balance, broken []Problem) {
	var rows []int // that have a balance, in the file's order
	blurred := Problem{Code: "claim_unreadable", Of: "balance"}
	for i := range k.entries {
		switch {
		case k.entries[i].balance != nil:
			rows = append(rows, i)
		case k.entries[i].blurred:
			if blurred.RowCount++; blurred.Line == 0 {
				blurred.Line = k.entries[i].line
			}
		}
	}
	if blurred.RowCount > 0 {
		broken = append(broken, blurred)
	}
	if len(rows) == 0 {
		return nil, broken
	}
	up, first := k.follow(rows, a.Side)
	down := make([]int, len(rows))
	for i, r := range rows {
		down[len(rows)-1-i] = r
	}
	downwards, firstDown := k.follow(down, a.Side)
	last := k.entries[len(k.entries)-1].created
	if downwards < up || downwards == up && last.Before(k.entries[0].created) {
		rows, up, first = down, downwards, firstDown
	}
	if up > 0 {
		broken = append(broken, Problem{Code: "balance_breaks", Of: "balance", RowCount: up, Line: first})
	}
	before, err := k.before(rows[0], a.Side)
	if err != nil || len(rows) < len(k.entries) || !k.one(a.Currency) {
		return nil, broken
	}
	return []Balance{{a.Covers.From, before}, {a.Covers.To, *k.entries[rows[len(rows)-1]].balance}}, broken
}

// follow counts the rows, oldest first, whose balance is not the one before
// and their amount, and answers the line of the first.
func (k *book) follow(rows []int, side connectors.Side) (breaks, line int) {
	for n, i := range rows[1:] {
		before, err := k.before(i, side)
		if err == nil && before == *k.entries[rows[n]].balance {
			continue
		}
		if breaks++; line == 0 {
			line = k.entries[i].line
		}
	}
	return breaks, line
}

// before is what an account held before a row.
func (k *book) before(i int, side connectors.Side) (money.Amount, error) {
	b := k.bills[i]
	switch {
	case b.State == connectors.Failed:
		return *k.entries[i].balance, nil
	case (b.Direction == connectors.In) == (side == connectors.Asset):
		return k.entries[i].balance.Sub(b.Amount)
	default:
		return k.entries[i].balance.Add(b.Amount)
	}
}

// one reports whether all rows are in one currency.
func (k *book) one(currency string) bool {
	for i := range k.bills {
		if k.bills[i].Amount.Currency != k.bills[0].Amount.Currency || currency != "" && k.bills[i].Amount.Currency != currency {
			return false
		}
	}
	return true
}
