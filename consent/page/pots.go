package page

import (
	"slices"

	"jali/connectors"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/aggregate"
)

// order of the balance that stands for an account, most telling first.
var mainBalance = map[connectors.Side][]connectors.BalanceKind{
	connectors.Asset: {connectors.Available, connectors.Current, connectors.Booked},
	connectors.Debt:  {connectors.Outstanding, connectors.Current, connectors.Booked},
}

func pots(look aggregate.Look, f billFilter) []pot {
	var out []pot
	place := map[string]int{}
	at := func(s connectors.Source) *pot {
		i, ok := place[s.ID]
		if !ok {
			i = len(out)
			place[s.ID] = i
			out = append(out, pot{Source: s})
		}
		return &out[i]
	}
	shown := connectors.Span{From: f.From, To: f.To}
	if look.At.Before(shown.To) {
		shown.To = look.At
	}
	for _, files := range []bool{false, true} { // a live answer comes first, and speaks for its source
		for _, report := range look.Sources {
			if (report.Status == aggregate.FromFile) != files {
				continue
			}
			p := at(report.Source)
			p.Both = p.Both || files && len(p.States) > 0
			if !slices.Contains(p.States, report.Status) {
				p.States = append(p.States, report.Status)
			}
			if p.Both || files && len(toldOf(look.Accounts, report.Source.ID)) > 0 {
				continue // each account says its own
			}
			if !report.Covers.To.IsZero() && !whole([]connectors.Span{report.Covers}, shown) {
				p.Short = report.Covers
			}
		}
	}
	balances := map[consent.AccountID][]aggregate.OwnBalance{}
	for _, b := range look.Balances {
		balances[b.Account] = append(balances[b.Account], b)
	}
	for _, a := range look.Accounts {
		pa := potAccount{OwnAccount: a, Gaps: gapsOf(look, a.ID), Rest: slices.Clone(balances[a.ID])}
		for _, kind := range mainBalance[a.Side] {
			i := slices.IndexFunc(pa.Rest, func(b aggregate.OwnBalance) bool { return b.Kind == kind })
			if i >= 0 {
				pa.Main, pa.Known = pa.Rest[i], true
				pa.Rest = slices.Delete(pa.Rest, i, i+1)
				break
			}
		}
		pa.Rest = slices.DeleteFunc(pa.Rest, func(b aggregate.OwnBalance) bool {
			return pa.Known && b.Amount == pa.Main.Amount || b.Amount.Zero()
		})
		if !pa.Known {
			pa.Filed = slices.DeleteFunc(slices.Clone(look.Filed), func(b aggregate.OwnBalance) bool { return b.Account != a.ID })
		}
		if a.Imported && !whole(a.Covers, shown) {
			pa.Short = a.Covers
		}
		p := at(a.Source)
		p.Accounts = append(p.Accounts, pa)
	}
	return out
}

// spending and income are what the plots sum: the bills that Totals count.
func counts(b aggregate.OwnBill, currency string) bool {
	return b.Counted && b.Amount.Currency == currency &&
		b.State != connectors.Failed && b.State != connectors.Reversed
}

func add(sums map[string]money.Amount, key string, a money.Amount) {
	if sum, err := sums[key].Add(a); err == nil {
		sums[key] = sum
	}
}
