package consent

import (
	"context"
	"crypto/rand"
	"time"

	"jali/internal/audit"
	"jali/internal/kv"
)

// deletes is what a leaving person is told goes; each room's Leaving hook does
// its part of it.
var deletes = []string{"accounts", "bills", "connections", "credentials", "grants", "keys", "name", "passkeys",
	"recovery_codes", "sessions", "uploads", "views"}

// PrepareLeave answers what the passkey is to sign, within five minutes, for
// everything that is kept of a person to be deleted.
func (s *Service) PrepareLeave(ctx context.Context, p Session) (Agreement, error) {
	now, nonce := s.now(), random128()
	a, err := agreement("jali/leave", nonce, now.Add(agreementLife), map[string]any{
		"deletes": deletes,
		"keeps":   []string{"that_something_was_done"}, // events without keys: of nobody known
	})
	if err != nil {
		return Agreement{}, err
	}
	err = s.DB.Update(ctx, func(tx kv.Tx) error {
		var old Agreement
		if _, err := kv.Load(tx, leaveKey(p.Person), &old); err != nil {
			return err
		}
		if err := dueLeaving(p.Person, old).delete(tx); err != nil {
			return err
		}
		if err := kv.Store(tx, leaveKey(p.Person), a); err != nil {
			return err
		}
		return dueLeaving(p.Person, a).put(tx)
	})
	if err != nil {
		return Agreement{}, err
	}
	return a, nil
}

// Farewell is what is told of a person who leaves, before anything of theirs goes.
type Farewell struct {
	At       time.Time
	Evidence Evidence
	Grants   int // that they have given, in all
}

// Leave deletes a person: it ends their grants and runs every Leaving hook, in
// one transaction with the audit event, after a fresh passkey check; keep, if
// not nil, runs in it first and writes what outlives them. Of a
// grant that a client could still use there remains, until its end, that it
// was revoked; nothing says whose it was.
func (s *Service) Leave(ctx context.Context, p Session, response []byte, keep func(kv.Tx, Farewell) error) (Evidence, error) {
	now, event := s.now(), rand.Text()
	var yes Evidence
	err := s.DB.Update(ctx, func(tx kv.Tx) error {
		var a Agreement
		prepared, err := kv.Load(tx, leaveKey(p.Person), &a)
		if err != nil {
			return err
		}
		if !prepared || !now.Before(a.Until) {
			return ErrNoAgreement
		}
		if yes, err = s.StepUp.Check(tx, p.Person, a.Challenge, response); err != nil {
			return err
		}
		yes.Agreement = a.JSON
		if keep != nil {
			bye := Farewell{At: now, Evidence: yes}
			if bye.Grants, err = givenBy(tx, p.Person); err != nil {
				return err
			}
			if err := keep(tx, bye); err != nil {
				return err
			}
		}
		return s.leave(tx, now, event, p.Person, a)
	})
	if err != nil {
		return Evidence{}, err
	}
	return yes, nil
}

// leave is the deed of Leave and its record; prepared is what was signed, if
// anything was.
func (s *Service) leave(tx kv.Tx, now time.Time, event string, p PersonID, prepared Agreement) error {
	if err := s.forgetGrants(tx, now, event, p); err != nil {
		return err
	}
	if err := deleteAll(tx, kv.Prefix(room, "waiting", p)); err != nil {
		return err
	}
	if err := forgetPausesOf(tx, p); err != nil {
		return err
	}
	if err := forgetIntroduction(tx, p); err != nil {
		return err
	}
	if err := tx.Delete(leaveKey(p)); err != nil {
		return err
	}
	if err := dueLeaving(p, prepared).delete(tx); err != nil {
		return err
	}
	for _, leaves := range s.Leaving {
		if err := leaves(tx, p); err != nil {
			return err
		}
	}
	return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(p), Verb: audit.PersonLeft})
}

// givenBy counts the grants that a person has given, ended ones too.
func givenBy(tx kv.Tx, person PersonID) (n int, err error) {
	grants, err := grantsOf(tx, person)
	for _, g := range grants {
		if g.wasGiven() {
			n++
		}
	}
	return n, err
}

// forgetGrants ends what lives and leaves of each grant what its client needs
// to be told.
func (s *Service) forgetGrants(tx kv.Tx, now time.Time, event string, person PersonID) error {
	grants, err := grantsOf(tx, person)
	if err != nil {
		return err
	}
	for i, g := range usedUpFirst(grants) {
		if err := s.revoke(tx, now, nth(event, i), &g, "person"); err != nil {
			return err
		}
		if err := s.endKept(tx, now, nth(event, i), g); err != nil { // of one that was over before
			return err
		}
		for _, k := range [][]byte{grantKey(g.ID), personKey(person, g.ID), givenKey(person, g.Client, g.ID), livingKey(g.Client, g.ID)} {
			if err := tx.Delete(k); err != nil {
				return err
			}
		}
		for _, r := range []kv.Range{kv.Prefix(room, "used", g.ID), kv.Prefix(room, "evidence", g.ID)} {
			if err := deleteAll(tx, r); err != nil {
				return err
			}
		}
		if g.Decoupled && (g.State == Pushed || g.State == Shown) { // its client goes on asking until it lapses
			left := Grant{ID: g.ID, Client: g.Client, State: g.State, Asked: Terms{Until: g.Asked.Until}, Decoupled: true,
				PushedAt: g.PushedAt, LapsesAt: g.LapsesAt}
			if err := putGrant(tx, left); err != nil {
				return err
			}
			continue
		}
		if g.State != Revoked || !now.Before(g.Agreed.Until) {
			continue
		}
		left := Grant{ID: g.ID, Client: g.Client, State: Revoked, Decoupled: g.Decoupled, EndedAt: g.EndedAt, EndedBy: g.EndedBy,
			Agreed: Terms{Until: g.Agreed.Until}}
		if err := putGrant(tx, left); err != nil {
			return err
		}
		if err := (due{At: g.Agreed.Until, Kind: dueRemoval, ID: string(g.ID)}).put(tx); err != nil {
			return err
		}
	}
	return nil
}

func deleteAll(tx kv.Tx, r kv.Range) error {
	var keys [][]byte
	for row, err := range tx.Scan(r) {
		if err != nil {
			return err
		}
		keys = append(keys, append([]byte(nil), row.Key...))
	}
	for _, k := range keys {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
