package consent

import (
	"context"
	"crypto/rand"

	"jali/internal/audit"
	"jali/internal/kv"
)

// removeBatch is how many grants RemoveClient ends in one transaction, and how
// many rows of the client each room drops in one.
const removeBatch = 100

// RemoveClient ends all grants of a client and takes it from the register, with
// all else that is kept of it, for the operator. It is suspended first, so that nothing is used while that goes
// on, and can be called again where it was cut short.
func (s *Service) RemoveClient(ctx context.Context, id ClientID) error {
	return s.removeClient(ctx, id, "operator")
}

// Deregister is RemoveClient by the client itself.
func (s *Service) Deregister(ctx context.Context, id ClientID) error {
	return s.removeClient(ctx, id, "client")
}

func (s *Service) removeClient(ctx context.Context, id ClientID, by string) error {
	for {
		now, event := s.now(), rand.Text()
		var gone bool
		if err := s.DB.Update(ctx, func(tx kv.Tx) error {
			c, err := getClient(tx, id)
			if err != nil {
				return err
			}
			living, err := livingOf(tx, id, removeBatch)
			if err != nil {
				return err
			}
			for i := range living {
				g := &living[i]
				if g.at(now).State == Given {
					err = s.revoke(tx, now, nth(event, i), g, by)
				} else {
					err = s.expire(tx, now, nth(event, i), g)
				}
				if err != nil {
					return err
				}
			}
			if gone = len(living) < removeBatch; gone {
				if gone, err = s.forgetClient(tx, id); err != nil {
					return err
				}
			}
			if !gone {
				c.Suspended = true
				if err := s.registered(tx, id); err != nil {
					return err
				}
				return kv.Store(tx, clientKey(id), c)
			}
			if err := tx.Delete(clientKey(id)); err != nil {
				return err
			}
			return s.clientEvent(tx, now, event, audit.ClientRemoved, id)
		}); err != nil || gone {
			return err
		}
	}
}

// forgetClient drops the next rows that are kept of a client, and reports
// whether there are no more.
func (s *Service) forgetClient(tx kv.Tx, id ClientID) (bool, error) {
	for _, removed := range append([]func(kv.Tx, ClientID, int) (bool, error){forgetPauses}, s.Removed...) {
		if done, err := removed(tx, id, removeBatch); err != nil || !done {
			return false, err
		}
	}
	return true, nil
}

// livingOf answers the first given grants of a client.
func livingOf(tx kv.Tx, id ClientID, limit int) ([]Grant, error) {
	var ids []GrantID
	for row, err := range tx.Scan(kv.Prefix(room, "living", id)) {
		if err != nil {
			return nil, err
		}
		if ids = append(ids, GrantID(row.Value)); len(ids) == limit {
			break
		}
	}
	return getGrants(tx, ids)
}
