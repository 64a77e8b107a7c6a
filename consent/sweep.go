package consent

import (
	"context"
	"crypto/rand"
	"time"

	"jali/internal/audit"
	"jali/internal/kv"
	"jali/internal/webhook"
)

const (
	sweepBatch = 100
	// lapsedStays is how long a request that nobody decided still answers that
	// it has lapsed, before it is forgotten.
	lapsedStays = 24 * time.Hour
)

// Sweep expires what has lapsed: requests, given grants past Until, tickets,
// idempotency keys, introductions; and tells of grants that soon will, or will want another yes, and of
// what their clients may keep no longer. It walks
// an index by time, in small transactions, and answers how many grants and
// requests it ended. Nothing depends on when it runs: what has lapsed is
// refused before, too.
func (s *Service) Sweep(ctx context.Context) (int, error) {
	total := 0
	for {
		now, event := s.now(), rand.Text()
		var some bool
		if err := s.DB.View(ctx, func(tx kv.Tx) error {
			rows, err := dueAt(tx, now, 1)
			some = len(rows) > 0
			return err
		}); err != nil || !some {
			return total, err
		}
		var ended int
		if err := s.DB.Update(ctx, func(tx kv.Tx) error {
			rows, err := dueAt(tx, now, sweepBatch)
			if err != nil {
				return err
			}
			ended = 0
			for i, d := range rows {
				if err := d.delete(tx); err != nil {
					return err
				}
				over, err := s.lapse(tx, now, nth(event, i), d)
				if err != nil {
					return err
				}
				if over {
					ended++
				}
			}
			return nil
		}); err != nil {
			return total, err
		}
		total += ended
	}
}

func dueAt(tx kv.Tx, now time.Time, limit int) ([]due, error) {
	r := kv.Prefix(room, "due")
	r.To = kv.Key(room, "due", now.Add(time.Microsecond))
	var rows []due
	for row, err := range tx.Scan(r) {
		if err != nil {
			return nil, err
		}
		var d due
		if err := kv.Decode(row.Value, &d); err != nil {
			return nil, err
		}
		if rows = append(rows, d); len(rows) == limit {
			break
		}
	}
	return rows, nil
}

// lapse does what is due and reports whether it ended a grant or a request.
func (s *Service) lapse(tx kv.Tx, now time.Time, event string, d due) (bool, error) {
	id := GrantID(d.ID)
	switch d.Kind {
	case dueUse:
		return false, tx.Delete(usedKey(id, d.Key))
	case dueLeave:
		return false, tx.Delete(leaveKey(PersonID(d.ID)))
	case dueIntroduction:
		return false, introduction{Person: PersonID(d.ID), Code: d.Key, Until: d.At}.forget(tx)
	}
	g, ok, err := grantRows.Load(tx, grantKey(id))
	if err != nil || !ok {
		return false, err
	}
	switch d.Kind {
	case dueTicket:
		if g.State == Applied {
			return false, g.remove(tx)
		}
		g.Ticket = nil
		return false, putGrant(tx, g)
	case dueRemoval:
		return false, g.remove(tx)
	case dueRequest:
		return s.lapseRequest(tx, now, g)
	case dueKept:
		return false, s.lapseKept(tx, now, event, g, d.Key)
	case dueRemind:
		return false, s.remind(tx, now, event, g, d)
	case dueGrant:
		if g.at(now).State != Expired || g.State != Given { // never so; and if it were, the others behind it must not wait
			return false, nil
		}
		return true, s.expire(tx, now, event, &g)
	}
	return false, nil
}

// remind tells that a grant will soon be read no more, unless it is so already
// or a later yes has a reminder of its own. Where StepUpLife has grown since d
// was put down, it waits on.
func (s *Service) remind(tx kv.Tx, now time.Time, event string, g Grant, d due) error {
	is, ok := s.dueReminder(g)
	switch {
	case !ok || g.State != Given || d.Key != is.Key || !now.Before(s.ReadableUntil(g)):
		return nil
	case now.Before(is.At):
		return is.put(tx)
	}
	if err := tell(tx, now, event, webhook.GrantExpiring, g); err != nil {
		return err
	}
	return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(g.Person), Client: string(g.Client),
		Verb: audit.GrantExpiring, On: string(g.ID)})
}

// remove forgets a request.
func (g Grant) remove(tx kv.Tx) error {
	if g.Person != "" {
		if err := tx.Delete(personKey(g.Person, g.ID)); err != nil {
			return err
		}
	}
	return tx.Delete(grantKey(g.ID))
}

// lapseRequest expires a request. No grant has ended, so no hook is told and
// nothing is written in the timeline but that it was shown.
func (s *Service) lapseRequest(tx kv.Tx, now time.Time, g Grant) (bool, error) {
	if g.State != Pushed && g.State != Shown {
		return false, nil
	}
	if err := g.move(Expired); err != nil {
		return false, err
	}
	g.EndedAt, g.Pending = now, nil
	if g.Decoupled {
		if err := g.settle(tx); err != nil {
			return false, err
		}
	}
	if err := putGrant(tx, g); err != nil {
		return false, err
	}
	return true, due{At: now.Add(lapsedStays), Kind: dueRemoval, ID: string(g.ID)}.put(tx)
}
