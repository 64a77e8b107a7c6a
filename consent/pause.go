package consent

import (
	"cmp"
	"context"
	"crypto/rand"
	"time"

	"jali/internal/audit"
	"jali/internal/kv"
	"jali/internal/webhook"
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

// PauseAll stops every grant of every client from being used until ResumeAll.
// Clients that were paused one by one stay so.
func (s *Service) PauseAll(ctx context.Context, p Session) error { return s.pause(ctx, p, "", true) }

// ResumeAll undoes PauseAll.
func (s *Service) ResumeAll(ctx context.Context, p Session) error { return s.pause(ctx, p, "", false) }

// pause turns the switch on (person, client), or on the person for client "".
// Clients are told of each given grant that can be used no longer, or again.
func (s *Service) pause(ctx context.Context, p Session, client ClientID, on bool) error {
	key, verb, grants := pausedKey(p.Person, client), audit.ClientResumed, kv.Prefix(room, "given", p.Person, client)
	if client == "" {
		key, verb, grants = allPausedKey(p.Person), audit.AllResumed, kv.Prefix(room, "given", p.Person)
	}
	what := webhook.GrantResumed
	switch {
	case on && client == "":
		verb, what = audit.AllPaused, webhook.GrantPaused
	case on:
		verb, what = audit.ClientPaused, webhook.GrantPaused
	}
	now, event := s.now(), rand.Text()
	return s.DB.Update(ctx, func(tx kv.Tx) error {
		if on && client != "" {
			if _, err := getClient(tx, client); err != nil {
				return err
			}
		}
		is, err := tx.Get(key)
		if err != nil || on == (is != nil) {
			return err
		}
		if !on {
			if err := unpause(tx, p.Person, client); err != nil {
				return err
			}
		}
		if err := s.tellPaused(tx, now, event, what, p.Person, grants); err != nil { // while the switch is off
			return err
		}
		if on {
			if err := tx.Put(key, []byte(cmp.Or(string(client), "all"))); err != nil {
				return err
			}
			if client != "" {
				if err := tx.Put(pausedByKey(client, p.Person), []byte(p.Person)); err != nil {
					return err
				}
			}
		}
		return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(p.Person), Client: string(client),
			Verb: verb, On: string(client)})
	})
}

// unpause turns a switch off.
func unpause(tx kv.Tx, p PersonID, c ClientID) error {
	if c == "" {
		return tx.Delete(allPausedKey(p))
	}
	if err := tx.Delete(pausedByKey(c, p)); err != nil {
		return err
	}
	return tx.Delete(pausedKey(p, c))
}

// forgetPauses turns off the first switches that people have put on a client,
// and reports whether there are no more.
func forgetPauses(tx kv.Tx, c ClientID, limit int) (bool, error) {
	var by []PersonID
	for row, err := range tx.Scan(kv.Prefix(room, "paused_by", c)) {
		if err != nil {
			return false, err
		}
		if by = append(by, PersonID(row.Value)); len(by) == limit {
			break
		}
	}
	for _, p := range by {
		if err := unpause(tx, p, c); err != nil {
			return false, err
		}
	}
	return len(by) < limit, nil
}

// forgetPausesOf turns off every switch of a person.
func forgetPausesOf(tx kv.Tx, p PersonID) error {
	clients := []ClientID{""}
	for row, err := range tx.Scan(kv.Prefix(room, "paused", p)) {
		if err != nil {
			return err
		}
		clients = append(clients, ClientID(row.Value))
	}
	for _, c := range clients {
		if err := unpause(tx, p, c); err != nil {
			return err
		}
	}
	return nil
}

// tellPaused tells the hooks of the given grants of a range, and the clients of
// those that no other switch stops.
func (s *Service) tellPaused(tx kv.Tx, now time.Time, event, what string, p PersonID, r kv.Range) error {
	given, err := grantsIn(tx, r)
	if err != nil {
		return err
	}
	for i, g := range given {
		if g.at(now).State != Given {
			continue
		}
		if err := s.touched(tx, g, false); err != nil {
			return err
		}
		if paused, err := isPaused(tx, p, g.Client); err != nil {
			return err
		} else if paused {
			continue
		}
		if err := tell(tx, now, nth(event, i), what, g); err != nil {
			return err
		}
	}
	return nil
}

// isPaused reports whether either switch is on.
func isPaused(tx kv.Tx, p PersonID, c ClientID) (bool, error) {
	one, err := tx.Get(pausedKey(p, c))
	if err != nil || one != nil {
		return one != nil, err
	}
	all, err := tx.Get(allPausedKey(p))
	return all != nil, err
}

// Paused answers the clients that the person has paused one by one.
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

// AllPaused reports whether the person has paused everything.
func (s *Service) AllPaused(ctx context.Context, p Session) (bool, error) {
	var on bool
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		row, err := tx.Get(allPausedKey(p.Person))
		on = row != nil
		return err
	})
	return on, err
}
