package server

import (
	"time"

	"jali/internal/aggregate"
	"jali/openapi"
)

// amount is a sum as rooms further in hold it.
type amount interface {
	Value() string
}

func amountToWire(a amount, currency string) openapi.Amount {
	if currency == "" {
		return openapi.Amount{} // not told
	}
	return openapi.Amount{Value: a.Value(), Currency: currency}
}

func spanToWire(from, to time.Time) openapi.Span { return openapi.Span{From: from, To: to} }

func viewToWire(v aggregate.View) openapi.View {
	w := openapi.View{
		ID: v.ID, GrantID: string(v.Grant), OpenedAt: v.OpenedAt, ExpiresAt: v.ExpiresAt, Complete: v.Complete, KeepUntil: v.KeepUntil, UsesLeft: v.UsesLeft,
		Sources:    make([]openapi.SourceReport, 0, len(v.Sources)),
		Accounts:   make([]openapi.Account, 0, len(v.Accounts)),
		Balances:   make([]openapi.Balance, 0, len(v.Balances)),
		Totals:     make([]openapi.Total, 0, len(v.Totals)),
		Statements: make([]openapi.Statement, 0, len(v.Statements)),
		Bills:      pageToWire(v.Bills),
	}
	for _, r := range v.Sources {
		w.Sources = append(w.Sources, openapi.SourceReport{
			Source: r.Source, Status: openapi.SourceReportStatus(r.Status), AsOf: r.AsOf, Covers: spanToWire(r.Covers.From, r.Covers.To),
			Owner: openapi.SourceReportOwner(r.Owner), Code: openapi.SourceReportCode(r.Code), Action: openapi.SourceReportAction(r.Action),
			RetryAfter: seconds(r.RetryAfter), Unattended: unattendedToWire(r.Unattended),
		})
	}
	for _, a := range v.Accounts {
		w.Accounts = append(w.Accounts, openapi.Account{Account: a.Alias, Source: a.Source,
			Kind: openapi.AccountKind(a.Kind), Side: openapi.AccountSide(a.Side), Name: a.Name})
	}
	for _, b := range v.Balances {
		w.Balances = append(w.Balances, openapi.Balance{Account: b.Account, Kind: openapi.BalanceKind(b.Kind),
			Amount: amountToWire(b.Amount, b.Amount.Currency), AsOf: b.AsOf})
	}
	for _, t := range v.Totals {
		w.Totals = append(w.Totals, totalToWire(t))
	}
	for _, st := range v.Statements {
		w.Statements = append(w.Statements, openapi.Statement{
			Account: st.Account, Period: spanToWire(st.Period.From, st.Period.To), DueDate: st.DueDate, Settled: st.Settled,
			Due: amountToWire(st.Due, st.Due.Currency), Minimum: amountToWire(st.Minimum, st.Minimum.Currency),
			Paid: amountToWire(st.Paid, st.Paid.Currency),
		})
	}
	return w
}

func unattendedToWire(u *aggregate.Unattended) openapi.Unattended {
	if u == nil {
		return openapi.Unattended{}
	}
	return openapi.Unattended{Limit: u.Limit, Left: u.Left, ResetsAt: u.ResetsAt}
}

func totalToWire(t aggregate.Total) openapi.Total {
	w := openapi.Total{
		Assets: amountToWire(t.Assets, t.Assets.Currency), Debts: amountToWire(t.Debts, t.Debts.Currency),
		Net: amountToWire(t.Net, t.Net.Currency),
		In:  amountToWire(t.In, t.In.Currency), Out: amountToWire(t.Out, t.Out.Currency),
	}
	for _, a := range []openapi.Amount{w.Assets, w.Debts, w.In, w.Out} {
		if a.Currency != "" {
			w.Currency = a.Currency
		}
	}
	return w
}

func pageToWire(p aggregate.BillPage) openapi.BillPage {
	w := openapi.BillPage{Items: make([]openapi.Bill, 0, len(p.Items))}
	if p.Next != "" {
		w.Next = &p.Next
	}
	for _, b := range p.Items {
		w.Items = append(w.Items, openapi.Bill{
			ID: b.ID, Account: b.Account, Date: b.Date, Time: b.Time, Amount: amountToWire(b.Amount, b.Amount.Currency),
			Direction: openapi.BillDirection(b.Direction), Flow: openapi.BillFlow(b.Flow), State: openapi.BillState(b.State),
			Final: b.State.Final(), Kind: openapi.BillKind(b.Kind), Category: b.Category,
			Counterparty: b.Counterparty, Method: b.Method, SplitFunding: b.SplitFunding, Description: b.Description, Order: b.Order,
			Counted: b.Counted, Mirrors: append([]string{}, b.Mirrors...), RefundOf: b.RefundOf,
		})
	}
	return w
}
