package passkey

import (
	"context"
	"errors"
	"time"

	"jali/consent"
	"jali/internal/kv"
)

// PersonLeaves removes passkeys, codes and sessions.
func (s *Service) PersonLeaves(tx kv.Tx, id consent.PersonID) error {
	creds, err := credentialsOf(tx, id)
	if err != nil {
		return err
	}
	var gone [][]byte
	for _, c := range creds {
		gone = append(gone, credentialKey(id, c.ID), ownerKey(c.ID))
	}
	who, err := getPerson(tx, id)
	if err != nil && !errors.Is(err, ErrSignedOut) { // one who never signed up has nothing here
		return err
	}
	gone = append(gone, codesKey(who.Codes), personKey(id))
	for _, k := range gone {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	sessions, err := sessionsOf(tx, id)
	if err != nil {
		return err
	}
	for _, o := range sessions {
		if err := o.delete(tx); err != nil {
			return err
		}
	}
	return nil
}

const sweepBatch = 200

// Sweep removes lapsed ceremonies and sessions, in small transactions, along
// an index by time.
func (s *Service) Sweep(ctx context.Context) error {
	for {
		now := s.now()
		var some bool
		if err := s.db.View(ctx, func(tx kv.Tx) error {
			rows, err := dueAt(tx, now, 1)
			some = len(rows) > 0
			return err
		}); err != nil || !some {
			return err
		}
		if err := s.db.Update(ctx, func(tx kv.Tx) error {
			rows, err := dueAt(tx, now, sweepBatch)
			if err != nil {
				return err
			}
			for _, d := range rows {
				if err := d.delete(tx); err != nil {
					return err
				}
				if err := lapse(tx, d); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
}

func lapse(tx kv.Tx, d due) error {
	if d.Kind == "flow" {
		return tx.Delete(flowKey(d.Hash))
	}
	o := opening{place: place{Hash: d.Hash}}
	// The row moves with each use, so a session that is due has lapsed.
	if ok, err := kv.Load(tx, sessionKey(d.Hash), &o.session); err != nil || !ok {
		return err
	}
	return o.delete(tx)
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
