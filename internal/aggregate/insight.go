package aggregate

import (
	"context"
	"errors"
	"slices"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/ledger"
	"jali/internal/ledger/sums"
)

// insight adds to a person's own look what is for nobody else: what they may
// decide and have decided, gaps, loans that seem to have bought funds, and sums.
func (s *Service) insight(ctx context.Context, p consent.PersonID, l *Look, answers []answer, bills *pile, span connectors.Span) error {
	at := make(map[string]int, len(l.Bills))
	for i, b := range l.Bills {
		at[b.ID] = i
	}
	l.Suggestions = bills.suggested
	for _, d := range slices.Backward(bills.words.Decisions) {
		_, a := at[d.A]
		_, b := at[d.B]
		if a && b {
			l.Decided = append(l.Decided, Decided{d.A, d.B, Link(d.Link), d.Yes, d.At})
		}
	}
	accounts, err := s.booked(ctx, p, l, answers, span)
	if err != nil {
		return err
	}
	book, shops := sums.Open(accounts), ledger.Shops{}
	for i := range l.Bills {
		b := &l.Bills[i]
		entry := sums.Bill{ID: b.ID, Account: string(b.Account), Category: b.Category, Shop: shops.Of(&b.Bill), Counted: b.Counted, Flow: b.Flow, Bill: &b.Bill}
		if sums.Traced(&b.Bill) {
			for _, m := range b.Mirrors {
				if n, ok := at[m]; ok {
					entry.Beside = append(entry.Beside, string(l.Bills[n].Account))
				}
			}
		}
		if err := book.Add(entry); err != nil {
			return errTotal.Because(err)
		}
	}
	span.To = connectors.Earlier(span.To, l.At)
	if l.Sums, err = book.Report(span); err != nil {
		return errTotal.Because(err)
	}
	gaps, err := book.Gaps()
	if err != nil {
		return errTotal.Because(err)
	}
	for _, g := range gaps {
		l.Gaps = append(l.Gaps, Gap{consent.AccountID(g.Account), g.From, g.To, g.Missing})
	}
	for _, u := range book.LoanUses() {
		l.LoanUses = append(l.LoanUses, LoanUse(u))
	}
	return nil
}

// soon is how long after it was asked a source may have said what it held: its
// bills are of the same moment.
const soon = time.Minute

// booked lists a look's accounts with what is known of what they held, and of
// which days all their bills are here.
func (s *Service) booked(ctx context.Context, p consent.PersonID, l *Look, answers []answer, span connectors.Span) ([]sums.Account, error) {
	if now := l.At.Add(-soon); span.To.After(now) {
		span.To = connectors.Later(span.To, l.At.Add(soon))
	}
	var all []sums.Account
	for _, a := range answers {
		for i := range a.accounts {
			of := &a.accounts[i]
			account := sums.Account{ID: string(of.ID), Source: a.report.Source.ID, Kind: of.Kind, Side: of.Side, Currency: of.Currency}
			told := []connectors.Span{a.report.Covers}
			if a.Imported {
				told = of.Covers
				filed, err := s.Ledger.Points(ctx, a.book(p, i), time.Time{}, time.Time{})
				if err = partGone(a.ID, err); errors.Is(err, ErrNoConnection) {
					continue // disconnected meanwhile
				}
				if err != nil {
					return nil, err
				}
				l.Filed = append(l.Filed, lastFiled(of, filed)...)
				for _, f := range filed {
					if !f.At.Before(span.From) && !f.At.After(span.To) {
						account.Points = append(account.Points, sums.Point{At: f.At, Amount: f.Amount})
					}
				}
			}
			account.Points = append(account.Points, points(of.Side, a.toldOf(of.ID, span))...)
			for _, t := range told {
				if l.At.Sub(t.To).Abs() < soon {
					t.To = span.To
				}
				if t = t.Overlap(span); !t.Empty() {
					account.Covers = append(account.Covers, t)
				}
			}
			all = append(all, account)
		}
	}
	return all, nil
}

// lastFiled is the last that files tell of an account, by currency.
func lastFiled(of *account, filed []ledger.Point) (last []OwnBalance) {
	kind := connectors.Booked
	if of.Side == connectors.Debt {
		kind = connectors.Outstanding
	}
	for _, f := range slices.Backward(filed) {
		if !slices.ContainsFunc(last, func(b OwnBalance) bool { return b.Amount.Currency == f.Amount.Currency }) {
			last = append(last, OwnBalance{Account: of.ID, Kind: kind, Amount: f.Amount, AsOf: f.At})
		}
	}
	return last
}

// toldOf is what a source has said that an account held, now and before.
func (a *answer) toldOf(id consent.AccountID, span connectors.Span) []ledger.Point {
	told := a.held(id)
	for _, k := range a.kept {
		if k.account.ID == id {
			told = append(told, k.kept.Points...)
		}
	}
	return slices.DeleteFunc(told, func(p ledger.Point) bool { return p.At.Before(span.From) || p.At.After(span.To) })
}

// points chooses of each currency one kind of balance, for two kinds differ by
// more than bills: the one that makes up totals. What can be spent is no such
// kind for long, for what is frozen comes and goes without a bill: of it the
// last word alone is taken, with what was frozen then.
func points(side connectors.Side, told []ledger.Point) (all []sums.Point) {
	kinds := assetKinds
	if side == connectors.Debt {
		kinds = debtKinds
	}
	chosen := map[string]connectors.BalanceKind{}
	for _, k := range kinds {
		for _, p := range told {
			if _, ok := chosen[p.Amount.Currency]; p.Kind == k && !ok {
				chosen[p.Amount.Currency] = k
			}
		}
	}
	last := map[string]sums.Point{}
	for _, p := range told {
		point := sums.Point{At: p.At, Amount: p.Amount, Told: true}
		switch {
		case p.Kind != chosen[p.Amount.Currency]:
		case p.Kind != connectors.Available:
			all = append(all, point)
		case p.At.After(last[p.Amount.Currency].At):
			last[p.Amount.Currency] = point
		}
	}
	for currency, point := range last {
		for _, p := range told {
			if p.Kind == connectors.Frozen && p.Amount.Currency == currency && p.At.Sub(point.At).Abs() < soon {
				sum, err := point.Amount.Add(p.Amount)
				if err != nil {
					continue // the totals say so
				}
				point.Amount = sum
				break
			}
		}
		all = append(all, point)
	}
	return all
}
