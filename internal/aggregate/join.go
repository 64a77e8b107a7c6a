package aggregate

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"jali/connectors"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/fault"
)

// look puts answers together, all but the bills: these are in the pile. What it
// finds between bills, it finds among the accounts that were asked for and no
// others.
func (s *Service) look(ctx context.Context, person consent.PersonID, answers []answer, missing bool) (Look, *pile, error) {
	l := Look{At: s.moment(), Complete: !missing}
	for _, a := range answers {
		l.Complete = l.Complete && a.complete
		l.Sources = append(l.Sources, a.report)
		for _, acc := range a.accounts {
			l.Accounts = append(l.Accounts, s.own(a.link, acc))
		}
		l.Balances = append(l.Balances, a.balances...)
		l.Statements = append(l.Statements, a.statements...)
	}
	bills, err := s.join(ctx, person, answers)
	if err != nil {
		return Look{}, nil, err
	}
	slices.SortStableFunc(l.Statements, func(a, b OwnStatement) int { return b.Period.To.Compare(a.Period.To) })
	slices.SortStableFunc(l.Balances, func(a, b OwnBalance) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Kind, b.Kind))
	})
	l.Totals, err = total(l, bills.counted())
	return l, bills, err
}

// sourceNames are the names by which other sources may call one.
func sourceNames(src Source) []string {
	var names []string
	for _, n := range []string{src.Name.ZH, src.Name.EN} {
		if n != "" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// Which balances make up what an account holds or owes: the first that its
// source tells. Where only what can be spent is told, what is frozen is the
// person's as well.
var (
	assetKinds = []connectors.BalanceKind{connectors.Current, connectors.Booked, connectors.Available}
	debtKinds  = []connectors.BalanceKind{connectors.Outstanding, connectors.Current, connectors.Booked}
)

var errTotal = &fault.Error{Kind: fault.Internal, Code: "total_range", Detail: "a total is out of range"}

// total sums by currency: each account's balance once, and counted bills that
// are not internal.
func total(l Look, counted iter.Seq2[connectors.Flow, money.Amount]) ([]Total, error) {
	sums := map[string]*Total{}
	of := func(currency string) *Total {
		if sums[currency] == nil {
			none := money.Amount{Currency: currency}
			sums[currency] = &Total{none, none, none, none, none}
		}
		return sums[currency]
	}
	var failed error
	add := func(to *money.Amount, a money.Amount) {
		sum, err := to.Add(a)
		if err != nil {
			failed = errTotal.Because(err)
			return
		}
		*to = sum
	}
	for _, a := range l.Accounts {
		for currency, amounts := range holds(a, l.Balances) {
			t := of(currency)
			for _, amount := range amounts {
				if a.Side == connectors.Debt {
					add(&t.Debts, amount)
				} else {
					add(&t.Assets, amount)
				}
			}
		}
	}
	for flow, amount := range counted {
		switch t := of(amount.Currency); flow {
		case connectors.FlowIn:
			add(&t.In, amount)
		case connectors.FlowOut:
			add(&t.Out, amount)
		}
	}
	list := make([]Total, 0, len(sums))
	for _, t := range sums {
		net, err := t.Assets.Sub(t.Debts)
		if err != nil {
			failed = errTotal.Because(err)
		}
		t.Net = net
		list = append(list, *t)
	}
	slices.SortFunc(list, func(a, b Total) int { return cmp.Compare(a.Net.Currency, b.Net.Currency) })
	return list, failed
}

// holds answers, by currency, what an account adds to its side.
func holds(a OwnAccount, balances []OwnBalance) map[string][]money.Amount {
	told := map[string]map[connectors.BalanceKind]money.Amount{}
	for _, b := range balances {
		if b.Account != a.ID {
			continue
		}
		if told[b.Amount.Currency] == nil {
			told[b.Amount.Currency] = map[connectors.BalanceKind]money.Amount{}
		}
		told[b.Amount.Currency][b.Kind] = b.Amount
	}
	kinds := assetKinds
	if a.Side == connectors.Debt {
		kinds = debtKinds
	}
	sums := map[string][]money.Amount{}
	for currency, byKind := range told {
		for _, k := range kinds {
			amount, ok := byKind[k]
			if !ok {
				continue
			}
			sums[currency] = append(sums[currency], amount)
			if frozen, ok := byKind[connectors.Frozen]; ok && k == connectors.Available {
				sums[currency] = append(sums[currency], frozen)
			}
			break
		}
	}
	return sums
}
