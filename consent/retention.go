package consent

import (
	"context"
	"time"

	"jali/internal/audit"
	"jali/internal/kv"
	"jali/internal/webhook"
)

// What a client may keep of what it saw is held here to its end: Jali has
// nothing of it, but it says to the client when to delete it, and to the person
// that it has said so. There is a row for each use under a grant with a
// Retention; a purpose allows few uses a day and thirty days, so that they are
// few.

// kept is what one use lets a client keep.
type kept struct {
	At    time.Time `json:"at"`    // of the use
	Until time.Time `json:"until"` // as the client was told with the view
	Ends  time.Time `json:"ends"`  // that, or earlier, if the person has agreed to less since
	Key   string    `json:"key"`   // the use's
}

func keptKey(id GrantID, key string) []byte { return kv.Key(room, "kept", id, key) }

func (k kept) due(id GrantID) due {
	return due{At: k.Ends, Kind: dueKept, ID: string(id), Key: k.Key}
}

func (k kept) put(tx kv.Tx, id GrantID) error {
	if err := kv.Store(tx, keptKey(id, k.Key), k); err != nil {
		return err
	}
	return k.due(id).put(tx)
}

func (k kept) delete(tx kv.Tx, id GrantID) error {
	if err := tx.Delete(keptKey(id, k.Key)); err != nil {
		return err
	}
	return k.due(id).delete(tx)
}

// keepUntil is until when a use at a moment lets its client keep what it saw,
// to the second; zero: not at all.
func (t Terms) keepUntil(use time.Time) time.Time {
	if t.Retention <= 0 {
		return time.Time{}
	}
	return use.Add(t.Retention).Truncate(time.Second)
}

func keptOf(tx kv.Tx, id GrantID) ([]kept, error) {
	var all []kept
	for row, err := range tx.Scan(kv.Prefix(room, "kept", id)) {
		if err != nil {
			return nil, err
		}
		var k kept
		if err := kv.Decode(row.Value, &k); err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return all, nil
}

// lapseKept ends what one use let be kept.
func (s *Service) lapseKept(tx kv.Tx, now time.Time, event string, g Grant, key string) error {
	var k kept
	if ok, err := kv.Load(tx, keptKey(g.ID, key), &k); err != nil || !ok {
		return err
	}
	if err := k.delete(tx, g.ID); err != nil {
		return err
	}
	return s.tellKept(tx, now, event, g, k.Until, "period")
}

// endKept ends, before its time, all that a grant lets be kept: the yes that it
// rested on is taken back.
func (s *Service) endKept(tx kv.Tx, now time.Time, event string, g Grant) error {
	all, err := keptOf(tx, g.ID)
	if err != nil || len(all) == 0 {
		return err
	}
	for _, k := range all {
		if err := k.delete(tx, g.ID); err != nil {
			return err
		}
	}
	return s.tellKept(tx, now, event+"-kept", g, time.Time{}, "revoked")
}

// shortenKept holds what was seen before to a shorter Retention that the person
// has agreed to. A longer one is for what is seen from then on.
func shortenKept(tx kv.Tx, now time.Time, g Grant) error {
	all, err := keptOf(tx, g.ID)
	if err != nil {
		return err
	}
	for _, k := range all {
		ends := k.At.Add(g.Agreed.Retention)
		if ends.Before(now) {
			ends = now
		}
		if !ends.Before(k.Ends) {
			continue
		}
		if err := k.due(g.ID).delete(tx); err != nil {
			return err
		}
		k.Ends = ends
		if err := k.put(tx, g.ID); err != nil {
			return err
		}
	}
	return nil
}

// tellKept says to client and person that something may not be kept any more:
// what was told to be kept until a moment, or, if that is zero, everything.
func (s *Service) tellKept(tx kv.Tx, now time.Time, event string, g Grant, until time.Time, by string) error {
	if err := tellOf(tx, now, event, webhook.RetentionEnded, g, until); err != nil {
		return err
	}
	return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(g.Person), Client: string(g.Client),
		Verb: audit.RetentionEnded, On: string(g.ID), Facts: map[string]string{"by": by}})
}

// Kept answers until when, at the latest, the client of each of a person's
// grants may keep what it has seen; nothing of those that let nothing be kept.
func (s *Service) Kept(ctx context.Context, p Session) (map[GrantID]time.Time, error) {
	now := s.now()
	var until map[GrantID]time.Time
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		until = map[GrantID]time.Time{}
		grants, err := grantsOf(tx, p.Person)
		if err != nil {
			return err
		}
		for _, g := range grants {
			all, err := keptOf(tx, g.ID)
			if err != nil {
				return err
			}
			for _, k := range all {
				if k.Ends.After(now) && k.Ends.After(until[g.ID]) {
					until[g.ID] = k.Ends
				}
			}
		}
		return nil
	})
	return until, err
}
