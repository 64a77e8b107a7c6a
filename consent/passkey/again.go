package passkey

import (
	"bytes"
	"context"
	"encoding/base64"
	"slices"

	"jali/consent"
	"jali/internal/kv"
)

// Of a database that was put back by an older copy of itself. What here is done
// again can be done any number of times.

const againBatch = 200

// People yields everyone who can sign in, or could, in batches.
func (s *Service) People(ctx context.Context, yield func([]consent.PersonID) error) error {
	for rows, err := range kv.Batches(ctx, s.db, kv.Prefix(room, "person"), againBatch) {
		if err != nil {
			return err
		}
		some := make([]consent.PersonID, len(rows))
		for i, row := range rows {
			id, _, _ := kv.Text(row.Key[len(kv.Key(room, "person")):])
			some[i] = consent.PersonID(id)
		}
		if err := yield(some); err != nil {
			return err
		}
	}
	return nil
}

// SignOutAll ends every session and every ceremony under way, and answers how
// many sessions those are.
func (s *Service) SignOutAll(ctx context.Context) (ended int, err error) {
	for {
		var some []due
		over := 0
		if err := s.db.Update(ctx, func(tx kv.Tx) error {
			some, over = nil, 0
			for row, err := range tx.Scan(kv.Prefix(room, "due")) {
				if err != nil {
					return err
				}
				var d due
				if err := kv.Decode(row.Value, &d); err != nil {
					return err
				}
				if some = append(some, d); len(some) == againBatch {
					break
				}
			}
			for _, d := range some {
				if err := d.delete(tx); err != nil {
					return err
				}
				if err := lapse(tx, d); err != nil {
					return err
				}
				if d.Kind == "session" {
					over++
				}
			}
			return nil
		}); err != nil || len(some) == 0 {
			return ended, err
		}
		ended += over
	}
}

// Dropped counts what [Service.DropAgain] has dropped.
type Dropped struct {
	Passkeys, Codes int
	LockedOut       int // people who have neither now
}

// DropAgain takes away, of some people, the passkeys and recovery codes that
// had been taken away already.
func (s *Service) DropAgain(ctx context.Context, people []consent.PersonID, gone func(what Revocable, id string) bool) (d Dropped, err error) {
	err = s.db.Update(ctx, func(tx kv.Tx) error {
		d = Dropped{}
		for _, p := range people {
			if err := dropAgain(tx, p, gone, &d); err != nil {
				return err
			}
		}
		return nil
	})
	return d, err
}

func dropAgain(tx kv.Tx, p consent.PersonID, gone func(Revocable, string) bool, d *Dropped) error {
	creds, err := credentialsOf(tx, p)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(creds), func(c credential) bool {
		return gone(APasskey, base64.RawURLEncoding.EncodeToString(c.ID))
	})
	for _, c := range creds {
		if slices.ContainsFunc(left, func(l credential) bool { return bytes.Equal(l.ID, c.ID) }) {
			continue
		}
		d.Passkeys++
		for _, k := range [][]byte{credentialKey(p, c.ID), ownerKey(c.ID)} {
			if err := tx.Delete(k); err != nil {
				return err
			}
		}
	}
	who, err := getPerson(tx, p)
	if err != nil {
		return err
	}
	kept, err := tx.Get(codesKey(who.Codes))
	if err != nil {
		return err
	}
	if kept != nil && gone(Codes, string(p)) {
		d.Codes++
		kept = nil
		if err := tx.Delete(codesKey(who.Codes)); err != nil {
			return err
		}
	}
	if len(left) == 0 && kept == nil {
		d.LockedOut++
	}
	return nil
}
