package consent

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"jali/internal/audit"
	"jali/internal/kv"
	"jali/internal/webhook"
)

// Revoke ends a person's grant. Once revoked or expired it is answered as it
// is; a request that was never given is ErrNoGrant ([Service.Refuse] it).
func (s *Service) Revoke(ctx context.Context, p Session, id GrantID) (Grant, error) {
	now, event := s.now(), rand.Text()
	var g Grant
	err := s.DB.Update(ctx, func(tx kv.Tx) error {
		var err error
		if g, err = getGrant(tx, id); err != nil {
			return err
		}
		if g.Person != p.Person || p.Person == "" || !g.wasGiven() {
			return ErrNoGrant
		}
		return s.revoke(tx, now, event, &g, "person")
	})
	if err != nil {
		return Grant{}, err
	}
	return g, nil
}

// RevokeByClient ends a client's own grant. One that has ended is left as it is.
func (s *Service) RevokeByClient(tx kv.Tx, now time.Time, event string, client ClientID, id GrantID) error {
	g, err := ownGrant(tx, client, id)
	if err != nil {
		return err
	}
	return s.revoke(tx, now, event, &g, "client")
}

// RevokeAll ends every grant that the person has given a client, and what the
// client may keep of those that are over, in one transaction, and answers how
// many.
func (s *Service) RevokeAll(ctx context.Context, p Session, client ClientID) (int, error) {
	now, event := s.now(), rand.Text()
	var ended int
	err := s.DB.Update(ctx, func(tx kv.Tx) error {
		ended = 0
		grants, err := grantsOf(tx, p.Person)
		if err != nil {
			return err
		}
		for i, g := range usedUpFirst(grants) {
			if g.Client != client {
				continue
			}
			if !now.Before(g.Agreed.Until) { // over, but for what may still be kept of it
				if err := s.endKept(tx, now, nth(event, i), g); err != nil {
					return err
				}
				continue
			}
			was := g.State
			if err := s.revoke(tx, now, nth(event, i), &g, "person"); err != nil {
				return err
			}
			if g.State != was {
				ended++
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return ended, nil
}

// usedUpFirst puts grants that can only be read from before those that live:
// only when the last of these is revoked does none live any more.
func usedUpFirst(grants []Grant) []Grant {
	lives := func(g Grant) bool { return g.State == Given }
	return append(slices.DeleteFunc(slices.Clone(grants), lives), slices.DeleteFunc(slices.Clone(grants), func(g Grant) bool { return !lives(g) })...)
}

func (s *Service) revoke(tx kv.Tx, now time.Time, event string, g *Grant, by string) error {
	if *g = g.at(now); g.State != Given && g.State != Exhausted {
		return nil
	}
	if err := s.end(tx, now, g, Revoked, by); err != nil {
		return err
	}
	if err := tell(tx, now, event, webhook.GrantRevoked, *g); err != nil {
		return err
	}
	if err := audit.Append(tx, audit.Event{ID: event, At: now, Person: string(g.Person), Client: string(g.Client),
		Verb: audit.GrantRevoked, On: string(g.ID), Facts: map[string]string{"by": by}}); err != nil {
		return err
	}
	return s.endKept(tx, now, event, *g)
}

// expire writes down that a given grant has run out.
func (s *Service) expire(tx kv.Tx, now time.Time, event string, g *Grant) error {
	if err := s.end(tx, now, g, Expired, ""); err != nil {
		return err
	}
	if err := tell(tx, now, event, webhook.GrantExpired, *g); err != nil {
		return err
	}
	return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(g.Person), Client: string(g.Client),
		Verb: audit.GrantExpired, On: string(g.ID)})
}

// end writes down that a given grant is over, takes it from the indexes and
// tells every hook, in the caller's transaction.
func (s *Service) end(tx kv.Tx, now time.Time, g *Grant, to State, by string) error {
	if err := g.move(to); err != nil {
		return err
	}
	g.EndedAt, g.EndedBy = now, by
	if to != Exhausted { // an exhausted grant's ticket may still be on its way
		if err := g.dueTicket().delete(tx); err != nil {
			return err
		}
		g.Ticket = nil
	}
	if err := s.unschedule(tx, *g); err != nil {
		return err
	}
	for _, key := range [][]byte{givenKey(g.Person, g.Client, g.ID), livingKey(g.Client, g.ID)} {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	if err := putGrant(tx, *g); err != nil {
		return err
	}
	last := false
	if to == Revoked {
		others, err := s.othersLive(tx, now, *g)
		if err != nil {
			return err
		}
		last = !others
	}
	for _, tell := range s.Ended {
		if err := tell(tx, *g, last); err != nil {
			return err
		}
	}
	return nil
}

// othersLive reports whether the person has another given grant with the
// client, g having left the index; one past its end that was not swept yet is none.
func (s *Service) othersLive(tx kv.Tx, now time.Time, g Grant) (bool, error) {
	others, err := grantsIn(tx, kv.Prefix(room, "given", g.Person, g.Client))
	return slices.ContainsFunc(others, func(o Grant) bool { return o.at(now).State == Given }), err
}
