package consent

import (
	"context"
	"crypto/rand"
	"time"

	"jali/internal/audit"
	"jali/internal/kv"
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
	g, err := ownGrant(tx, client, id, getGrant)
	if err != nil {
		return err
	}
	return s.revoke(tx, now, event, &g, "client")
}

func (s *Service) revoke(tx kv.Tx, now time.Time, event string, g *Grant, by string) error {
	if *g = g.at(now); g.State != Given && g.State != Exhausted {
		return nil
	}
	if err := s.end(tx, now, g, Revoked, by); err != nil {
		return err
	}
	return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(g.Person), Client: string(g.Client),
		Verb: audit.GrantRevoked, On: string(g.ID), Facts: map[string]string{"by": by}})
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
	if err := g.dueEnd().delete(tx); err != nil {
		return err
	}
	if err := tx.Delete(givenKey(g.Person, g.Client, g.ID)); err != nil {
		return err
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
	var others []GrantID
	for row, err := range tx.Scan(kv.Prefix(room, "given", g.Person, g.Client)) {
		if err != nil {
			return false, err
		}
		others = append(others, GrantID(row.Value))
	}
	for _, id := range others {
		o, err := getGrant(tx, id)
		if err != nil {
			return false, err
		}
		if o.at(now).State == Given {
			return true, nil
		}
	}
	return false, nil
}
