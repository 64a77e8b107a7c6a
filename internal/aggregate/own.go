package aggregate

import (
	"context"
	"crypto/rand"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/audit"
	"jali/internal/fault"
	"jali/internal/kv"
)

// seenEvery is how often one session's looks are written to the timeline: a
// page that is reloaded is one look.
const seenEvery = 15 * time.Minute

// seen marks that a session's look stands in the timeline until a moment.
type seen struct {
	Until time.Time `json:"until"`
}

var errSpan = &fault.Error{Kind: fault.Invalid, Code: "period_invalid", Owner: fault.Person,
	Detail: "from must lie before to, by two years at most"}

// Own is the person's own look over [from, to): everything of all their
// sources, unmasked. Zero times mean the last 30 days. It is written to the
// timeline before anything is shown, once in a quarter of an hour for each
// session. Accounts that a source has come to know are there from the next
// look on. That the person is there, and how, is the caller's to say
// ([connectors.Present]).
//
// A session that looks at the same days again within two minutes is shown what
// it saw, as of Look.At and with what the person has said of bills since,
// unless the person's connections or files have changed or a source has failed;
// [Service.OwnAfresh] asks the sources again.
func (s *Service) Own(ctx context.Context, p consent.Session, from, to time.Time) (Look, error) {
	return s.lookAt(ctx, p, from, to, false)
}

// OwnAfresh is [Service.Own] that asks every source, whatever it has said before.
func (s *Service) OwnAfresh(ctx context.Context, p consent.Session, from, to time.Time) (Look, error) {
	return s.lookAt(ctx, p, from, to, true)
}

func (s *Service) lookAt(ctx context.Context, p consent.Session, from, to time.Time, afresh bool) (Look, error) {
	begun, wish := s.memory.begin(), connectors.Span{From: from, To: to}
	if to.IsZero() {
		to = s.now()
	}
	if from.IsZero() {
		from = to.AddDate(0, 0, -30)
	}
	if !from.Before(to) || to.Sub(from) > 2*366*24*time.Hour {
		return Look{}, errSpan
	}
	err := s.noteSeen(ctx, p)
	if err != nil {
		return Look{}, err
	}
	if !afresh {
		if r, ok := s.memory.recall(p, wish, s.now()); ok && !r.stale {
			return r.look, nil
		} else if ok {
			at := r.look.At
			if r.look, err = s.ownLook(ctx, p.Person, r.answers, r.over, at); err == nil {
				s.memory.keep(begun, p, r, s.now())
			}
			return r.look, err
		}
	}
	all, err := s.load(ctx, p.Person)
	if err != nil {
		return Look{}, err
	}
	over := connectors.Span{From: from, To: to}
	answers, _ := s.ask(ctx, question{person: p.Person, span: over,
		balances: true, bills: true, statements: true, discover: true, anew: afresh}, all)
	for _, a := range answers {
		s.learn(ctx, p.Person, a)
	}
	l, err := s.ownLook(ctx, p.Person, answers, over, s.moment())
	if err != nil {
		return Look{}, err
	}
	if ctx.Err() == nil { // of who went away the sources were not asked to the end
		s.memory.keep(begun, p, recalled{span: wish, look: l, answers: remembered(answers), over: over}, s.now())
	}
	return l, nil
}

// ownLook puts answers together as their person sees them, of a moment.
func (s *Service) ownLook(ctx context.Context, p consent.PersonID, answers []answer, over connectors.Span, at time.Time) (Look, error) {
	l, bills, err := s.look(ctx, p, answers, false)
	if err != nil {
		return Look{}, err
	}
	l.At, l.Bills = at, bills.all()
	if err := s.insight(ctx, p, &l, answers, bills, over); err != nil {
		return Look{}, err
	}
	return l, nil
}

func (s *Service) noteSeen(ctx context.Context, p consent.Session) error {
	now, event := s.now(), rand.Text()
	key := kv.Key("aggregate", "seen", p.Person, p.ID)
	var mark seen
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		mark = seen{}
		_, err := kv.Load(tx, key, &mark)
		return err
	})
	if err != nil || now.Before(mark.Until) {
		return err
	}
	return s.DB.Update(ctx, func(tx kv.Tx) error {
		mark = seen{}
		if _, err := kv.Load(tx, key, &mark); err != nil || now.Before(mark.Until) {
			return err // another look came first
		}
		if err := kv.Store(tx, key, seen{Until: now.Add(seenEvery)}); err != nil {
			return err
		}
		return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(p.Person), Verb: audit.DataSeen, On: p.ID})
	})
}

// learn stores accounts that a source lists and that are not known yet. It
// takes none away: a source that is having a bad day may list fewer.
func (s *Service) learn(ctx context.Context, p consent.PersonID, a answer) {
	var fresh []connectors.Account
	for _, f := range a.found {
		ref, here := f.Ref.ID.RevealString(), false
		for _, have := range a.accounts {
			here = here || have.Ref == ref
		}
		if !here && ref != "" {
			fresh = append(fresh, f)
		}
	}
	if len(fresh) == 0 {
		return
	}
	pots, err := s.potsOf(ctx, p, a.ID, a.known.Source, fresh)
	if err == nil {
		defer s.memory.forget(p)
		err = s.DB.Update(ctx, func(tx kv.Tx) error {
			if l, err := tx.Get(linkKey(p, a.ID)); err != nil || l == nil {
				return err // disconnected meanwhile
			}
			for _, n := range pots {
				switch id, err := tx.Get(n.ref); {
				case err != nil:
					return err
				case id != nil && string(id) != string(n.ID):
					return errRaced
				}
				var old pot
				if ok, err := kv.Load(tx, potKey(p, n.ID), &old); err != nil {
					return err
				} else if ok && !old.Gone && old.Link != a.ID {
					continue // another connection shows it
				}
				if err := kv.Store(tx, potKey(p, n.ID), n.pot); err != nil {
					return err
				}
				if err := tx.Put(n.ref, []byte(n.ID)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		s.log().WarnContext(ctx, "new accounts could not be kept; the next look finds them", "code", code(err))
	}
}
