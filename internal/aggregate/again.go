package aggregate

import (
	"context"
	"crypto/rand"
	"errors"

	"jali/consent"
	"jali/internal/kv"
)

// Of a database that was put back by an older copy of itself. What here is done
// again can be done any number of times.

// DisconnectAgain forgets a connection that had been disconnected already, or
// the draft of one that had been given up. The source is not told again.
func (s *Service) DisconnectAgain(ctx context.Context, p consent.PersonID, part string) error {
	now, event := s.now(), rand.Text()
	err := s.DB.Update(ctx, func(tx kv.Tx) error {
		err := s.disconnect(tx, now, event, p, part)
		if !errors.Is(err, ErrNoConnection) {
			return err
		}
		if err := tx.Delete(draftKey(p, part)); err != nil {
			return err
		}
		return s.cut(tx, p, part)
	})
	s.memory.forget(p)
	return err
}

// EndUnderWay removes every view and every link under way.
func (s *Service) EndUnderWay(ctx context.Context) error {
	for _, index := range []string{"view_of", "linking"} {
		for more := true; more; {
			if err := s.DB.Update(ctx, func(tx kv.Tx) error {
				var some []kv.Entry
				for e, err := range tx.Scan(kv.Prefix("aggregate", index)) {
					if err != nil {
						return err
					}
					if some = append(some, e); len(some) == sweepBatch {
						break
					}
				}
				more = len(some) == sweepBatch
				for _, e := range some {
					if index == "view_of" {
						var hash string
						if err := kv.Decode(e.Value, &hash); err != nil {
							return err
						}
						if err := s.tear(tx, hash); err != nil {
							return err
						}
					}
					if err := tx.Delete(e.Key); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				return err
			}
		}
	}
	return nil
}
