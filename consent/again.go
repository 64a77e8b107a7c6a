package consent

import (
	"context"
	"crypto/rand"

	"jali/internal/kv"
)

// Of a database that was put back by an older copy of itself. What here is done
// again can be done any number of times.

// EndUnproven revokes, by "restore", every given grant that is not proven to
// be as it was, and answers how many those are.
func (s *Service) EndUnproven(ctx context.Context, proven func(GrantID) bool) (ended int, err error) {
	r := kv.Prefix(room, "given")
	for {
		var some []GrantID
		if err := s.DB.View(ctx, func(tx kv.Tx) error {
			some = nil
			for row, err := range tx.Scan(r) {
				if err != nil {
					return err
				}
				r.From = append(append([]byte(nil), row.Key...), 0)
				if id := GrantID(row.Value); !proven(id) {
					if some = append(some, id); len(some) == sweepBatch {
						break
					}
				}
			}
			return nil
		}); err != nil || len(some) == 0 {
			return ended, err
		}
		now, event, over := s.now(), rand.Text(), 0
		if err := s.DB.Update(ctx, func(tx kv.Tx) error {
			over = 0
			for i, id := range some {
				g, err := getGrant(tx, id)
				if err != nil {
					return err
				}
				if err := s.revoke(tx, now, nth(event, i), &g, "restore"); err != nil {
					return err
				}
				if g.State == Revoked {
					over++
				}
			}
			return nil
		}); err != nil {
			return ended, err
		}
		ended += over
	}
}

// EndUnderWay ends what was about to be decided or finished: requests,
// tickets, prepared leaves, introductions. Its answer counts the requests.
func (s *Service) EndUnderWay(ctx context.Context) (ended int, err error) {
	r := kv.Prefix(room, "due")
	for {
		var some []due
		if err := s.DB.View(ctx, func(tx kv.Tx) error {
			some = nil
			for row, err := range tx.Scan(r) {
				if err != nil {
					return err
				}
				r.From = append(append([]byte(nil), row.Key...), 0)
				var d due
				if err := kv.Decode(row.Value, &d); err != nil {
					return err
				}
				switch d.Kind {
				case dueRequest, dueTicket, dueLeave, dueIntroduction:
					some = append(some, d)
				}
				if len(some) == sweepBatch {
					break
				}
			}
			return nil
		}); err != nil || len(some) == 0 {
			return ended, err
		}
		now, event, over := s.now(), rand.Text(), 0
		if err := s.DB.Update(ctx, func(tx kv.Tx) error {
			over = 0
			for i, d := range some {
				if err := d.delete(tx); err != nil {
					return err
				}
				lapsed, err := s.lapse(tx, now, nth(event, i), d)
				if err != nil {
					return err
				}
				if lapsed {
					over++
				}
			}
			return nil
		}); err != nil {
			return ended, err
		}
		ended += over
	}
}

// LeaveAgain deletes a person who had left already.
func (s *Service) LeaveAgain(ctx context.Context, p PersonID) error {
	now, event := s.now(), rand.Text()
	return s.DB.Update(ctx, func(tx kv.Tx) error {
		var a Agreement
		if _, err := kv.Load(tx, leaveKey(p), &a); err != nil {
			return err
		}
		return s.leave(tx, now, event, p, a)
	})
}

// SuspendAgain suspends the clients whose registration may be another by now,
// until the operator has looked at them, and answers which.
func (s *Service) SuspendAgain(ctx context.Context, doubtful func(ClientID) bool) (suspended []ClientID, err error) {
	all, err := s.Clients(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if c.Suspended || !doubtful(c.ID) {
			continue
		}
		if err := s.SuspendClient(ctx, c.ID, true); err != nil {
			return suspended, err
		}
		suspended = append(suspended, c.ID)
	}
	return suspended, nil
}
