package aggregate

import (
	"cmp"
	"slices"
)

// A client's lists stand in an order that it can see the reason for: by what is
// in them and, where that is equal, by ids that are its own. Any other order,
// of linking or of our own ids, would be the same for every client of the
// person's, and two of them could lay their lists side by side.

func (v *View) sort() {
	slices.SortFunc(v.Sources, func(a, b Report) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Status, b.Status), b.AsOf.Compare(a.AsOf),
			b.Covers.To.Compare(a.Covers.To), b.Covers.From.Compare(a.Covers.From), cmp.Compare(a.Code, b.Code))
	})
	source := make(map[string]string, len(v.Accounts))
	for _, a := range v.Accounts {
		source[a.Alias] = a.Source
	}
	account := func(a, b string) int { return cmp.Or(cmp.Compare(source[a], source[b]), cmp.Compare(a, b)) }
	slices.SortFunc(v.Accounts, func(a, b Account) int { return account(a.Alias, b.Alias) })
	slices.SortFunc(v.Balances, func(a, b Balance) int {
		return cmp.Or(account(a.Account, b.Account), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Amount.Currency, b.Amount.Currency),
			b.AsOf.Compare(a.AsOf), cmp.Compare(a.Amount.Minor, b.Amount.Minor))
	})
	slices.SortFunc(v.Statements, func(a, b Statement) int {
		return cmp.Or(b.Period.To.Compare(a.Period.To), account(a.Account, b.Account), cmp.Compare(b.DueDate, a.DueDate),
			cmp.Compare(a.Due.Currency, b.Due.Currency), cmp.Compare(a.Due.Minor, b.Due.Minor))
	})
}

// newestFirst knows of a bill's moment what its client is shown: a day stands
// behind the moments that are in it.
func newestFirst(a, b Bill) int {
	return cmp.Or(cmp.Compare(b.Date, a.Date), b.Time.Compare(a.Time), cmp.Compare(a.ID, b.ID))
}
