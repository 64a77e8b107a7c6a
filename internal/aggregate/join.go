package aggregate

import (
	"cmp"
	"slices"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/fault"
	"jali/internal/ledger"
	"jali/internal/ledger/match"
)

// look puts answers together. What it finds between bills, it finds among the
// accounts that were asked for and no others.
func (s *Service) look(answers []answer, missing bool) (Look, error) {
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
	l.Bills = s.join(answers)
	slices.SortStableFunc(l.Statements, func(a, b OwnStatement) int { return b.Period.To.Compare(a.Period.To) })
	slices.SortStableFunc(l.Balances, func(a, b OwnBalance) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Kind, b.Kind))
	})
	var err error
	l.Totals, err = total(l)
	return l, err
}

// join finds mirrors and refunds and answers all bills, newest first.
func (s *Service) join(answers []answer) []OwnBill {
	n := 0
	for _, a := range answers {
		n += len(a.bills)
	}
	items, bills := make([]match.Item, 0, n), make([]OwnBill, 0, n)
	for _, a := range answers {
		names := sourceNames(a.report.Source)
		for _, t := range a.bills {
			id := s.billID(t.account.ID, t.seed)
			items = append(items, match.Item{ID: id, Account: string(t.account.ID), Source: t.account.Source, Names: names,
				Tail: t.account.tail(), Kind: t.account.Kind, Bill: t.bill})
			bills = append(bills, OwnBill{ID: id, Account: t.account.ID, Bill: *t.bill, Category: ledger.Category(*t.bill)})
		}
	}
	for i, j := range match.Join(items, nil).Joined {
		bills[i].Counted, bills[i].Mirrors, bills[i].Refunds, bills[i].Sure = j.Counted, j.Mirrors, j.Refunds, j.Sure
		if j.Flow != "" {
			bills[i].Flow = j.Flow
		}
	}
	slices.SortFunc(bills, func(a, b OwnBill) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID)) // an order that every reading shares
	})
	return bills
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
func total(l Look) ([]Total, error) {
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
	for _, b := range l.Bills {
		if !b.Counted {
			continue
		}
		switch t := of(b.Amount.Currency); b.Flow {
		case connectors.FlowIn:
			add(&t.In, b.Amount)
		case connectors.FlowOut:
			add(&t.Out, b.Amount)
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
