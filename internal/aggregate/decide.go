package aggregate

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"

	"jali/connectors"
	"jali/consent"
	"jali/internal/audit"
	"jali/internal/fault"
	"jali/internal/kv"
	"jali/internal/ledger"
)

var (
	errPair = &fault.Error{Kind: fault.Invalid, Code: "pair_invalid", Owner: fault.Person,
		Detail: "a decision is about two bills, and of mirrors about bills of two accounts: mirror or refund"}
	errCategory = &fault.Error{Kind: fault.Invalid, Code: "category_unknown", Owner: fault.Person, Detail: "there is no such category"}
)

// Decide keeps the person's word on two bills of theirs: whether a and b are
// what link says. It holds from the next look on, also for what clients see of
// both. Bills that are not the person's answer [ErrNoBill].
func (s *Service) Decide(ctx context.Context, p consent.Session, a, b string, link Link, yes bool) error {
	if link != Mirror && link != Refund || a == b {
		return errPair
	}
	found, err := s.find(ctx, p, a, b)
	if err != nil {
		return err
	}
	if link == Mirror && found[0].account == found[1].account {
		return errPair
	}
	d := ledger.Decision{A: a, B: b, AccountA: string(found[0].account), AccountB: string(found[1].account), Link: string(link), Yes: yes, At: s.now()}
	word := map[bool]string{true: "yes", false: "no"}[yes]
	return s.say(ctx, p, audit.Event{Verb: audit.PairDecided, On: a, Facts: map[string]string{"link": string(link), "word": word}}, found,
		func(tx kv.Tx) error { return s.Ledger.Decide(ctx, tx, string(p.Person), d) })
}

// Undecide takes the person's word on two bills back: what is said of them then
// is found anew. One that was never given answers [ErrNoBill].
func (s *Service) Undecide(ctx context.Context, p consent.Session, a, b string, link Link) error {
	words, err := s.Ledger.Words(ctx, string(p.Person))
	if err != nil {
		return err
	}
	as, bs := []string{a}, []string{b}
	switch found, err := s.find(ctx, p, a, b); {
	case err == nil:
		as, bs = append(as, found[0].also...), append(bs, found[1].also...)
	case !errors.Is(err, ErrNoBill):
		return err
	}
	said := slices.DeleteFunc(words.Decisions, func(d ledger.Decision) bool {
		return d.Link != string(link) || !(slices.Contains(as, d.A) && slices.Contains(bs, d.B) ||
			link == Mirror && slices.Contains(as, d.B) && slices.Contains(bs, d.A))
	})
	if len(said) == 0 {
		return ErrNoBill
	}
	return s.say(ctx, p, audit.Event{Verb: audit.PairUndecided, On: a, Facts: map[string]string{"link": string(link)}}, nil,
		func(tx kv.Tx) error {
			for _, d := range said {
				if err := s.Ledger.Undecide(tx, string(p.Person), d); err != nil {
					return err
				}
			}
			return nil
		})
}

// Correct files a bill under a category, and with it all others of that shop,
// those to come as well, that the person has not filed themselves. An empty
// category takes the correction back.
func (s *Service) Correct(ctx context.Context, p consent.Session, bill, category string) error {
	if category != "" && !slices.ContainsFunc(ledger.Categories, func(c ledger.CategoryName) bool { return c.Code == category }) {
		return errCategory
	}
	found, err := s.find(ctx, p, bill)
	if err != nil {
		return err
	}
	one := found[0]
	return s.say(ctx, p, audit.Event{Verb: audit.BillCorrected, On: bill, Facts: map[string]string{"category": category}}, found, func(tx kv.Tx) error {
		for _, was := range one.also {
			if err := s.Ledger.Correct(ctx, tx, string(p.Person), string(one.account), was, "", ""); err != nil {
				return err
			}
		}
		return s.Ledger.Correct(ctx, tx, string(p.Person), string(one.account), bill, ledger.Learns(&one.bill), category)
	})
}

// say writes down a word of the person's on bills whose accounts are still here
// and, with it, that it was said; what is remembered is joined anew with it, and
// no source asked.
func (s *Service) say(ctx context.Context, p consent.Session, e audit.Event, on []foundBill, word func(kv.Tx) error) error {
	e.ID, e.At, e.Person = rand.Text(), s.now(), string(p.Person)
	defer s.memory.rejoin(p.Person)
	return s.DB.Update(ctx, func(tx kv.Tx) error {
		for _, f := range on {
			var of pot
			if ok, err := kv.Load(tx, potKey(p.Person, f.account), &of); err != nil {
				return err
			} else if !ok || of.Gone {
				return ErrNoBill // disconnected since it was seen
			}
		}
		if err := word(tx); err != nil {
			return err
		}
		return audit.Append(tx, e)
	})
}

// foundBill is a bill and the account it is of.
type foundBill struct {
	account consent.AccountID
	bill    connectors.Bill
	also    []string // ids it went by before
}

// find answers bills by Jali's ids, in their order: as the session saw them
// last or, where that is forgotten, as they are kept. No source is asked. One
// that is not there is [ErrNoBill].
func (s *Service) find(ctx context.Context, p consent.Session, ids ...string) ([]foundBill, error) {
	found := make([]foundBill, len(ids))
	missing := len(ids)
	take := func(id string, f func() foundBill) {
		for i := range ids {
			if ids[i] == id && found[i].account == "" {
				found[i], missing = f(), missing-1
			}
		}
	}
	for _, b := range s.memory.last(p) {
		take(b.ID, func() foundBill { return foundBill{b.Account, b.Bill, b.Also} })
	}
	if missing == 0 {
		return found, nil
	}
	answers, err := s.keptOf(ctx, p.Person)
	if err != nil {
		return nil, err
	}
	for _, a := range answers {
		for _, t := range a.bills {
			take(written(s.idOf(t)), func() foundBill {
				f := foundBill{account: t.account.ID, bill: t.Bill()}
				for _, seed := range t.Also() {
					f.also = append(f.also, written(s.idBy(t, seed)))
				}
				return f
			})
		}
	}
	if missing > 0 {
		return nil, ErrNoBill
	}
	return found, nil
}

// keptOf answers all bills of a person's that are here.
func (s *Service) keptOf(ctx context.Context, p consent.PersonID) ([]answer, error) {
	all, err := s.load(ctx, p)
	if err != nil {
		return nil, err
	}
	now := s.now()
	q := question{person: p, span: connectors.Span{From: now.Add(-exportSpan), To: now}, bills: true, at: now}
	answers := make([]answer, len(all))
	for i, k := range all {
		answers[i] = answer{known: k}
	}
	if err := s.loadKept(ctx, q, answers); err != nil {
		return nil, err
	}
	for i := range answers {
		err := s.wholeFiles(ctx, p, &answers[i])
		if err == nil {
			err = s.wholeKept(ctx, p, &answers[i])
		}
		if err != nil && !errors.Is(err, ErrNoConnection) {
			return nil, err
		}
	}
	return answers, nil
}
