package consent

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"jali/internal/kv"
)

// Of a database that was put back by an older copy of itself. What here is done
// again can be done any number of times.

// EndUnproven revokes, by "restore", every given grant that is not proven to
// be as it was, and answers how many those are.
func (s *Service) EndUnproven(ctx context.Context, proven func(GrantID) bool) (ended int, err error) {
	for rows, err := range kv.Batches(ctx, s.DB, kv.Prefix(room, "given"), sweepBatch) {
		if err != nil {
			return ended, err
		}
		rows = slices.DeleteFunc(rows, func(row kv.Entry) bool { return proven(GrantID(row.Value)) })
		over, err := s.each(ctx, len(rows), func(tx kv.Tx, now time.Time, event string, i int) (bool, error) {
			g, err := getGrant(tx, GrantID(rows[i].Value))
			if err != nil {
				return false, err
			}
			err = s.revoke(tx, now, event, &g, "restore")
			return g.State == Revoked, err
		})
		if ended += over; err != nil {
			return ended, err
		}
	}
	return ended, nil
}

// EndUnderWay ends what was about to be decided or finished: requests,
// tickets, prepared leaves, introductions. Its answer counts the requests.
func (s *Service) EndUnderWay(ctx context.Context) (ended int, err error) {
	for rows, err := range kv.Batches(ctx, s.DB, kv.Prefix(room, "due"), sweepBatch) {
		if err != nil {
			return ended, err
		}
		var some []due
		for _, row := range rows {
			var d due
			if err := kv.Decode(row.Value, &d); err != nil {
				return ended, err
			}
			switch d.Kind {
			case dueRequest, dueTicket, dueLeave, dueIntroduction:
				some = append(some, d)
			}
		}
		over, err := s.each(ctx, len(some), func(tx kv.Tx, now time.Time, event string, i int) (bool, error) {
			if err := some[i].delete(tx); err != nil {
				return false, err
			}
			return s.lapse(tx, now, event, some[i])
		})
		if ended += over; err != nil {
			return ended, err
		}
	}
	return ended, nil
}

// each does n deeds of one moment in one transaction, and answers how many of
// them ended something.
func (s *Service) each(ctx context.Context, n int, do func(tx kv.Tx, now time.Time, event string, i int) (bool, error)) (ended int, err error) {
	if n == 0 {
		return 0, nil
	}
	now, event := s.now(), rand.Text()
	err = s.DB.Update(ctx, func(tx kv.Tx) error {
		ended = 0
		for i := range n {
			over, err := do(tx, now, nth(event, i), i)
			if err != nil {
				return err
			}
			if over {
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
