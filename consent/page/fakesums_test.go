package page

import (
	"context"
	"slices"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/ledger/sums"
)

// tell puts into a look what is the person's own: pairs to decide, a gap, a
// loan that bought a fund, a corrected category, and sums in two currencies.
func (f *fakeAccounts) tell(l *aggregate.Look) {
	at := func(i int) *aggregate.OwnBill { return &l.Bills[i] }
	at(10).CategoryBy, at(11).CategoryBy, at(12).CategoryBy, at(13).CategoryBy = "person", "learnt", "rule", "source"
	at(12).Note, at(12).Method = "split_funding", "余额宝&花呗金"
	at(14).Kind, at(14).Flow, at(14).Direction, at(14).Counterparty = connectors.LoanKind, connectors.FlowInternal, connectors.In, "借呗"
	at(13).Kind, at(13).Flow, at(13).Counterparty = connectors.Investment, connectors.FlowInternal, "沪深三百指数基金"
	l.LoanUses = []aggregate.LoanUse{{Loan: at(14).ID, Investment: at(13).ID}}
	at(16).Order, at(16).Merchant, at(16).RawKind, at(16).Sure = "2026000011112222", "M-7", "支付宝担保交易", 74
	l.Gaps = []aggregate.Gap{{Account: "ac_4", From: now.AddDate(0, -2, 0), To: now.AddDate(0, -1, -3), Missing: cny(-1250)}}
	l.Gaps, l.Totals = append(l.Gaps, f.gaps...), append(l.Totals, f.totals...)
	pairs := []aggregate.Suggestion{
		{A: at(20).ID, B: at(31).ID, Link: aggregate.Mirror, Sure: 74}, {A: at(22).ID, B: at(33).ID, Link: aggregate.Refund, Sure: 48},
		{A: at(24).ID, B: at(35).ID, Link: aggregate.Mirror, Sure: 91}, {A: at(26).ID, B: "gone", Link: aggregate.Mirror, Sure: 51},
	}
	for _, s := range pairs {
		if !slices.ContainsFunc(f.said, func(d aggregate.Decided) bool { return d.A == s.A && d.B == s.B && d.Link == s.Link }) {
			l.Suggestions = append(l.Suggestions, s)
		}
	}
	l.Decided = slices.Clone(f.said)
	for i := range l.Bills {
		if c, ok := f.filed[l.Bills[i].ID]; ok && c != "" {
			l.Bills[i].Category, l.Bills[i].CategoryBy = c, "person"
		}
	}
	usd := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "USD"} }
	c := sums.Currency{Currency: "CNY", Categories: []sums.Line{{Name: "housing.rent", In: cny(0), Out: cny(1260000), Bills: 3}, {Name: "groceries", In: cny(0), Out: cny(380210), Bills: 44}, {Name: "income.salary", In: cny(6750000), Out: cny(0), Bills: 3}},
		Sources: []sums.Line{{Name: "alipay", In: cny(12000), Out: cny(1300000), Bills: 211}, {Name: "jiangnan_bank", In: cny(6750000), Out: cny(593450), Bills: 20}},
		Shops:   []sums.Line{{Name: "房东", In: cny(0), Out: cny(1260000), Bills: 3}, {Name: hostile, In: cny(0), Out: cny(12), Bills: 1}, {Name: "", In: cny(5), Out: cny(620000), Bills: 190}}}
	for i := range 12 {
		month := time.Date(2025, 12, 1, 0, 0, 0, 0, consent.Shanghai).AddDate(0, i, 0)
		in, out := cny(2250000), cny(int64(1000000+70000*((i*5)%7)))
		net, _ := in.Sub(out)
		c.Months = append(c.Months, sums.Month{Month: month.Format("2006-01"), In: in, Out: out, Net: net, Bills: 80 + i, Partly: i < 2})
		c.Worth = append(c.Worth, sums.Worth{At: month.AddDate(0, 1, 0), Assets: cny(int64(9000000 + 500000*i)), Debts: cny(132050), Net: cny(int64(9000000+500000*i) - 132050), Unknown: max(0, 3-i)})
	}
	l.Sums = sums.Report{Currencies: []sums.Currency{c, {Currency: "USD", Months: []sums.Month{{Month: "2026-10", In: usd(0), Out: usd(1999), Net: usd(-1999), Bills: 1}},
		Categories: []sums.Line{{Name: "leisure.subscription", In: usd(0), Out: usd(1999), Bills: 1}}}}}
}

func (f *fakeAccounts) Decide(_ context.Context, _ consent.Session, a, b string, link aggregate.Link, yes bool) error {
	if a == "foreign" {
		return aggregate.ErrNoBill
	}
	f.said = slices.Insert(f.said, 0, aggregate.Decided{A: a, B: b, Link: link, Yes: yes, At: now})
	return nil
}

func (f *fakeAccounts) Undecide(_ context.Context, _ consent.Session, a, b string, link aggregate.Link) error {
	f.said = slices.DeleteFunc(f.said, func(d aggregate.Decided) bool { return d.A == a && d.B == b && d.Link == link })
	return nil
}

func (f *fakeAccounts) Correct(_ context.Context, _ consent.Session, bill, category string) error {
	if bill == "foreign" {
		return aggregate.ErrNoBill
	}
	if f.filed == nil {
		f.filed = map[string]string{}
	}
	f.filed[bill] = category
	return nil
}
