package aggregate

import (
	"context"
	"errors"
	"slices"
	"time"

	"jali/connectors"
	"jali/connectors/money"
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
	span.To = earlier(span.To, l.At)
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

// booked lists a look's accounts with what is known of what they held, and of
// which days all their bills are here.
func (s *Service) booked(ctx context.Context, p consent.PersonID, l *Look, answers []answer, span connectors.Span) ([]sums.Account, error) {
	var all []sums.Account
	for _, a := range answers {
		for i := range a.accounts {
			own := s.own(a.link, a.accounts[i])
			account := sums.Account{ID: string(own.ID), Source: own.Source.ID, Kind: own.Kind, Side: own.Side, Currency: a.accounts[i].Currency,
				Points: points(own, l.Balances, l.At)}
			told := []connectors.Span{a.report.Covers}
			if a.Imported {
				told = a.accounts[i].Covers
				filed, err := s.Ledger.Points(ctx, a.book(p, i), span.From, span.To)
				if err = partGone(a.ID, err); errors.Is(err, ErrNoConnection) {
					continue // disconnected meanwhile
				}
				if err != nil {
					return nil, err
				}
				for _, f := range filed {
					account.Points = append(account.Points, sums.Point{At: f.At, Amount: f.Amount})
				}
			}
			for _, t := range told {
				if t = overlap(t, span); !empty(t) {
					account.Covers = append(account.Covers, t)
				}
			}
			all = append(all, account)
		}
	}
	return all, nil
}

// points are what a source says that an account holds now. What it says with
// its bills it says of the same moment, though the answers came apart.
func points(a OwnAccount, balances []OwnBalance, now time.Time) (all []sums.Point) {
	asOf := now
	for _, b := range balances {
		if b.Account == a.ID && b.AsOf.Before(asOf) && !b.AsOf.IsZero() {
			asOf = b.AsOf
		}
	}
	for currency, parts := range holds(a, balances) {
		sum, err := money.Amount{Currency: currency}, error(nil)
		for _, p := range parts {
			if sum, err = sum.Add(p); err != nil {
				return nil // the totals say so
			}
		}
		all = append(all, sums.Point{At: asOf, Amount: sum, Told: true})
	}
	return all
}
