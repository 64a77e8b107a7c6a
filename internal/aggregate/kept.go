package aggregate

import (
	"context"
	"errors"
	"slices"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/kv"
	"jali/internal/ledger"
)

// before is how much further back than a look the bills are read that are kept:
// what is booked in it may have been pending there.
const before = 15 * 24 * time.Hour

func wish(p consent.PersonID, link string, a *account, span connectors.Span) ledger.Wish {
	return ledger.Wish{Account: ledger.Account{Person: string(p), Part: link, ID: string(a.ID)},
		From: span.From.Add(-before), To: span.To.AddDate(0, 0, 1)}
}

// loadKept reads what is kept of all connections that are asked for bills, in
// one transaction.
func (s *Service) loadKept(ctx context.Context, q question, answers []answer) error {
	if !q.bills {
		return nil
	}
	var wishes []ledger.Wish
	for _, a := range answers {
		for i := range a.accounts {
			if !a.Imported {
				wishes = append(wishes, wish(q.person, a.ID, &a.accounts[i], q.span))
			}
		}
	}
	if len(wishes) == 0 {
		return nil
	}
	all, err := s.Ledger.Kept(ctx, wishes)
	if err != nil {
		return err
	}
	for n := range answers {
		a := &answers[n]
		for i := range a.accounts {
			if !a.Imported {
				a.kept = append(a.kept, &keeping{account: &a.accounts[i], kept: all[0]})
				all = all[1:]
			}
		}
	}
	return nil
}

func (a *answer) openKept(ctx context.Context) error {
	for _, k := range a.kept {
		if err := k.kept.Open(ctx); err != nil {
			return err
		}
	}
	return nil
}

// mergeKept takes in what the walks brought, and tells what is known then. A
// source that does not accept the connection any more has taken back what it
// told before.
func (s *Service) mergeKept(ctx context.Context, q question, c connectors.Connector, a *answer, failed error) error {
	if _, lists := c.(connectors.BillLister); !q.bills || !lists {
		return nil
	}
	a.bills = nil
	past := connectors.Span{From: q.span.From, To: connectors.Earlier(q.span.To, q.at)} // what is to come nobody has told
	reach := past
	for _, k := range a.kept {
		var only map[string]bool
		if errors.Is(failed, connectors.ErrUnauthorized) {
			only = map[string]bool{}
			for _, b := range k.reading.Bills {
				only[b.ID()] = true
			}
		}
		k.write = k.brought && k.kept.Merge(k.reading)
		k.write = k.kept.Hold(a.held(k.account.ID)) || k.write
		if k.write {
			var err error
			if k.sealed, err = k.kept.Seal(ctx, keepAtOnce); err != nil {
				return err
			}
		}
		a.bills = append(a.bills, k.tell(q.span, only)...)
		if covered := k.kept.Covered(past); only == nil {
			reach = reach.Overlap(covered)
		} else {
			reach = connectors.Span{}
		}
	}
	a.report.Covers = reach
	a.complete = a.complete && connectors.Covers([]connectors.Span{reach}, past)
	return nil
}

// held are the balances that were just told of an account.
func (a *answer) held(id consent.AccountID) (points []ledger.Point) {
	for _, b := range a.balances {
		if b.Account == id && b.Kind != connectors.CreditLimit && !b.AsOf.IsZero() {
			points = append(points, ledger.Point{At: b.AsOf, Kind: b.Kind, Amount: b.Amount})
		}
	}
	return points
}

// recall tells what is kept, of a source that is not asked.
func (s *Service) recall(q question, a *answer) {
	reach := connectors.Span{From: q.span.From, To: connectors.Earlier(q.span.To, q.at)}
	for _, k := range a.kept {
		a.bills = append(a.bills, k.tell(q.span, nil)...)
		reach = reach.Overlap(k.kept.Covered(reach))
		if at := k.kept.At; !at.IsZero() {
			a.report.AsOf = connectors.Earlier(a.report.AsOf, at.In(consent.Shanghai))
		}
	}
	if len(a.kept) > 0 {
		a.report.Covers = reach
	}
}

// tell lists the bills of a span, or only some of them.
func (k *keeping) tell(span connectors.Span, only map[string]bool) []told {
	list := make([]told, 0, len(k.kept.Bills))
	for i := range k.kept.Bills {
		if b := &k.kept.Bills[i]; !b.Gone && within(b.At, b.DateOnly(), span) && (only == nil || only[b.ID()]) {
			list = append(list, told{k.account, b})
		}
	}
	return list
}

// keepAtOnce is how many bills of each account one transaction writes.
const keepAtOnce = 2000

// writeDown keeps what this look has brought, in one transaction unless it is
// very much. Whoever meets another look of the same account reads what that has
// kept and begins again from there, so that both give a bill the same id.
func (s *Service) writeDown(ctx context.Context, q question, answers []answer) {
	ctx = context.WithoutCancel(ctx)
	for meetings := 0; meetings < 3 && slices.ContainsFunc(answers, answer.writes); {
		raced, err := s.writeSome(ctx, q, answers)
		if err == nil && len(raced) > 0 {
			meetings++
			err = s.again(ctx, q, answers, raced)
		}
		if err != nil {
			s.log().WarnContext(ctx, "what sources have told is not kept; the next look asks for it again", "code", code(err), "err", err)
			return
		}
	}
}

// writes reports whether something of an answer is to be written down.
func (a answer) writes() bool {
	return slices.ContainsFunc(a.kept, func(k *keeping) bool { return k.write })
}

// writeSome writes the rows that are sealed and seals the next. It answers whose
// bills somebody else has written meanwhile.
func (s *Service) writeSome(ctx context.Context, q question, answers []answer) (raced map[*keeping]bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var here map[string]bool // connections
	err = s.DB.Update(ctx, func(tx kv.Tx) error {
		raced, here = map[*keeping]bool{}, map[string]bool{}
		for i := range answers {
			a := &answers[i]
			if !a.writes() {
				continue
			}
			if b, err := tx.Get(linkKey(q.person, a.ID)); err != nil {
				return err
			} else if b == nil {
				continue // disconnected meanwhile
			}
			here[a.ID] = true
			for _, k := range a.kept {
				if !k.write {
					continue
				}
				ok, err := s.Ledger.Keep(tx, k.kept)
				if err != nil {
					return err
				}
				if !ok {
					raced[k] = true
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, a := range answers {
		for _, k := range a.kept {
			switch {
			case !k.write || raced[k]:
			case k.sealed || !here[a.ID]:
				k.write, k.brought, k.reading = false, false, ledger.Reading{}
			default:
				if k.sealed, err = k.kept.Seal(ctx, keepAtOnce); err != nil {
					return nil, err
				}
			}
		}
	}
	return raced, nil
}

// again merges the same readings into what is kept by now.
func (s *Service) again(ctx context.Context, q question, answers []answer, raced map[*keeping]bool) error {
	for i := range answers {
		a, again := &answers[i], false
		for _, k := range a.kept {
			if !raced[k] {
				continue
			}
			all, err := s.Ledger.Kept(ctx, []ledger.Wish{wish(q.person, a.ID, k.account, q.span)})
			if err != nil {
				return err
			}
			k.kept, again = all[0], true
			if err := k.kept.Open(ctx); err != nil {
				return err
			}
		}
		if !again {
			continue
		}
		if c, ok := s.Connectors.Find(a.Source); ok {
			if err := s.mergeKept(ctx, q, c, a, nil); err != nil {
				return err
			}
		}
	}
	return nil
}
