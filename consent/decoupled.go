package consent

import (
	"context"
	"slices"
	"time"

	"jali/internal/fault"
	"jali/internal/kv"
)

// maxWaiting is how many decoupled requests of one client may await one person.
const maxWaiting = 3

// decouple makes a request one that is decided where its person is signed in
// already (OpenID CIBA Core 1.0).
func (g *Grant) decouple(tx kv.Tx, now time.Time, r Request) error {
	if g.Person == "" {
		return errNobody
	}
	if r.Binding != "" && !plainName(r.Binding) {
		return ErrBinding
	}
	earlier, err := waiting(tx, now, kv.Prefix(room, "waiting", g.Person, g.Client))
	if err != nil {
		return err
	}
	if len(earlier) >= maxWaiting {
		return ErrWaiting.After(earlier[0].LapsesAt.Sub(now))
	}
	g.Decoupled, g.Binding = true, r.Binding
	return tx.Put(waitingKey(g.Person, g.Client, g.ID), []byte(g.ID))
}

// settle takes a decoupled request from those that wait.
func (g Grant) settle(tx kv.Tx) error {
	if err := tx.Delete(waitingKey(g.Person, g.Client, g.ID)); err != nil || g.State != Applied {
		return err
	}
	return due{At: g.LapsesAt.Add(lapsedStays), Kind: dueRemoval, ID: string(g.ID)}.put(tx)
}

// decided tells of a decision whom a client does not bring a ticket for.
func (s *Service) decided(tx kv.Tx, request, g Grant) error {
	if !request.Decoupled {
		return nil
	}
	for _, tell := range s.Decided {
		if err := tell(tx, request.ID, g); err != nil {
			return err
		}
	}
	return nil
}

// waiting answers the undecided requests of a part of the index, those that
// lapse first before the others.
func waiting(tx kv.Tx, now time.Time, r kv.Range) ([]Grant, error) {
	list, err := grantsIn(tx, r)
	list = slices.DeleteFunc(list, func(g Grant) bool { return g.lapsed(now) })
	slices.SortStableFunc(list, func(a, b Grant) int { return a.LapsesAt.Compare(b.LapsesAt) })
	return list, err
}

// Waiting answers the decoupled requests that await this person's decision and
// can still have it, oldest first. Those of a client that they have paused, or
// that the operator has suspended, are not put before them.
func (s *Service) Waiting(ctx context.Context, p Session) ([]Grant, error) {
	now := s.now()
	var list []Grant
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		all, err := waiting(tx, now, kv.Prefix(room, "waiting", p.Person))
		if err != nil {
			return err
		}
		list = nil
		for _, g := range all {
			switch err := g.presentable(tx, now); {
			case err == nil:
				list = append(list, g)
			case fault.Of(err).Kind == fault.Internal || fault.Of(err).Kind == fault.Unavailable:
				return err
			}
		}
		return nil
	})
	slices.SortStableFunc(list, func(a, b Grant) int { return a.PushedAt.Compare(b.PushedAt) })
	return list, err
}

// presentable reports why a decoupled request is not put before its person.
func (g Grant) presentable(tx kv.Tx, now time.Time) error {
	if paused, err := isPaused(tx, g.Person, g.Client); err != nil {
		return err
	} else if paused {
		return ErrPaused
	}
	if _, err := activeClient(tx, g.Client); err != nil {
		return err
	}
	_, err := g.target(tx, now)
	return err
}

// Decision answers what became of a client's decoupled request: a grant in
// state Pushed, Shown, Given, Exhausted, Refused, Revoked or Expired; of one
// that revised another grant, that grant. It is the grant as it is stored:
// whether it has lapsed by now is for the caller's clock. Package oauth alone asks.
func (s *Service) Decision(tx kv.Tx, client ClientID, request GrantID) (Grant, error) {
	g, err := getGrant(tx, request)
	if err != nil {
		return Grant{}, err
	}
	if g.Client != client || !g.Decoupled {
		return Grant{}, ErrNoGrant
	}
	if g.State == Applied {
		return getGrant(tx, g.Revises)
	}
	return g, nil
}
