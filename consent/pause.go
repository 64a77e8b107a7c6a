package consent

import (
	"context"
	"crypto/rand"

	"jali/internal/audit"
	"jali/internal/kv"
)

// Pause stops every grant of a client from being used until Resume: the ones
// there are, and the ones to come. Doing either twice changes nothing.
func (s *Service) Pause(ctx context.Context, p Session, client ClientID) error {
	return s.pause(ctx, p, client, true)
}

// Resume undoes Pause.
func (s *Service) Resume(ctx context.Context, p Session, client ClientID) error {
	return s.pause(ctx, p, client, false)
}

func (s *Service) pause(ctx context.Context, p Session, client ClientID, on bool) error {
	now, event := s.now(), rand.Text()
	return s.DB.Update(ctx, func(tx kv.Tx) error {
		if _, err := getClient(tx, client); err != nil {
			return err
		}
		key := pausedKey(p.Person, client)
		is, err := tx.Get(key)
		if err != nil || on == (is != nil) {
			return err
		}
		verb := audit.ClientResumed
		if on {
			verb, err = audit.ClientPaused, tx.Put(key, []byte(client))
		} else {
			err = tx.Delete(key)
		}
		if err != nil {
			return err
		}
		return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(p.Person), Client: string(client),
			Verb: verb, On: string(client)})
	})
}

// Paused answers the clients that the person has paused.
func (s *Service) Paused(ctx context.Context, p Session) (map[ClientID]bool, error) {
	var m map[ClientID]bool
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		m = map[ClientID]bool{}
		for row, err := range tx.Scan(kv.Prefix(room, "paused", p.Person)) {
			if err != nil {
				return err
			}
			m[ClientID(row.Value)] = true
		}
		return nil
	})
	return m, err
}
