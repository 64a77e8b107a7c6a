// Package deletion keeps what the receipt of a deletion is made of: what was
// deleted, when its keys were destroyed, and when backups from before will not
// open any more. It destroys nothing itself.
//
// The unit is the [Deletion]. It is noted in the transaction that deletes; that
// its keys are gone is written down when the vault says so ([Register.Destroyed]),
// and there is no receipt before. What a person who is still here has deleted
// is theirs to look at. Somebody who has left has nothing here by which they
// could be known: what is kept for them is sealed under an id that they alone
// hold and goes after a week.
//
// Rows:
//
//	("deletion", "of", person, id)     a Deletion; a connection's has the connection's id
//	("deletion", "left", hash)         the sealed [Leaving], by the hash of its id
//	("deletion", "leaver", person)     that hash, until the person's keys are gone
//	("deletion", "due", moment, hash)  when it is removed
package deletion

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"jali/internal/fault"
	"jali/internal/kv"
)

const room = "deletion"

// Keep is how long the receipt of who has left can be had.
const Keep = 7 * 24 * time.Hour

// What a Deletion is of.
const (
	Person     = "person"
	Connection = "connection" // or what files of one source had brought
	Views      = "views"      // of a grant that was revoked
)

// Deletion is what was deleted.
type Deletion struct {
	ID        string    `json:"id"`
	Of        string    `json:"of"`
	At        time.Time `json:"at"`
	Destroyed time.Time `json:"destroyed,omitzero"` // the keys, in their file too; zero: not yet
	// Backups is when the root keys will have been renewed, so that no backup
	// from before opens; zero where nobody has said when that is.
	Backups time.Time `json:"backups,omitzero"`

	Source   string `json:"source,omitempty"`
	Imported bool   `json:"imported,omitempty"`
	Client   string `json:"client,omitempty"`
	Grant    string `json:"grant,omitempty"`

	Connections int `json:"connections,omitempty"`
	Accounts    int `json:"accounts,omitempty"`
	Bills       int `json:"bills,omitempty"`
	Grants      int `json:"grants,omitempty"`
	Views       int `json:"views,omitempty"`
}

// Leaving is a person's deletion of themselves, and by what they said so.
type Leaving struct {
	Deletion
	Person string          `json:"person"`
	Proof  json.RawMessage `json:"proof"`
}

// ErrNone is a deletion that is not known, is another's, or whose time is over.
var ErrNone = &fault.Error{Kind: fault.NotFound, Code: "deletion_not_found", Detail: "there is no such deletion here, or its week is over"}

var errNameless = &fault.Error{Kind: fault.Internal, Code: "deletion_nameless", Detail: "a deletion lacks id, time, kind or person"}

// Sealer seals under an id that is stored nowhere; *vault.Vault is one.
type Sealer interface {
	SealView(id string, plain []byte) ([]byte, error)
	OpenView(id string, sealed []byte) ([]byte, error)
	ViewHash(id string) string
}

// Register is wired in cmd.
type Register struct {
	DB    kv.DB
	Vault Sealer
	Now   func() time.Time
	// Rotation asks for the root keys to be renewed, because of keys that were
	// destroyed at a moment, and answers by when they are; zero: only when the
	// operator does it.
	Rotation func(tx kv.Tx, destroyed time.Time) (time.Time, error)
}

// NewID draws the id by which somebody who leaves finds their receipt.
func NewID() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return "left_" + base64.RawURLEncoding.EncodeToString(b)
}

func ofKey(person, id string) []byte               { return kv.Key(room, "of", person, id) }
func leftKey(hash string) []byte                   { return kv.Key(room, "left", hash) }
func leaverKey(person string) []byte               { return kv.Key(room, "leaver", person) }
func dueKey(removed time.Time, hash string) []byte { return kv.Key(room, "due", removed, hash) }
func (d Deletion) whole() bool                     { return d.ID != "" && d.Of != "" && !d.At.IsZero() }

// Note writes down what a person has deleted, in the transaction that does it.
func Note(tx kv.Tx, person string, d Deletion) error {
	if person == "" || !d.whole() {
		return errNameless
	}
	return kv.Store(tx, ofKey(person, d.ID), d)
}

// left is the row of who has left.
type left struct {
	Sealed    []byte    `json:"sealed"`
	Destroyed time.Time `json:"destroyed,omitzero"`
	Backups   time.Time `json:"backups,omitzero"`
	Until     time.Time `json:"until"`
}

// Leave writes down that a person has left, in the transaction that deletes
// them, for whoever holds id ([NewID]).
func (r *Register) Leave(tx kv.Tx, id string, l Leaving) error {
	if id == "" || l.Person == "" || !l.whole() {
		return errNameless
	}
	plain, err := json.Marshal(l)
	if err != nil {
		return err
	}
	sealed, err := r.Vault.SealView(id, plain)
	if err != nil {
		return err
	}
	hash, until := r.Vault.ViewHash(id), l.At.Add(Keep)
	if err := kv.Store(tx, leftKey(hash), left{Sealed: sealed, Until: until}); err != nil {
		return err
	}
	if err := kv.Store(tx, leaverKey(l.Person), hash); err != nil {
		return err
	}
	return kv.Store(tx, dueKey(until, hash), hash)
}

// Destroyed writes down that the keys of a person (part is empty) or of one of
// their connections are gone, and asks for new root keys. Of a part that nobody
// deleted, a login that was not finished for one, there is nothing to write and
// nothing to ask.
func (r *Register) Destroyed(tx kv.Tx, person, part string, at time.Time) error {
	if part == "" {
		return r.leaverDestroyed(tx, person, at)
	}
	var d Deletion
	ok, err := kv.Load(tx, ofKey(person, part), &d)
	if err != nil || !ok || !d.Destroyed.IsZero() {
		return err
	}
	if d.Backups, err = r.backups(tx, at); err != nil {
		return err
	}
	d.Destroyed = at
	return kv.Store(tx, ofKey(person, part), d)
}

func (r *Register) leaverDestroyed(tx kv.Tx, person string, at time.Time) error {
	backups, err := r.backups(tx, at)
	if err != nil {
		return err
	}
	var hash string
	if ok, err := kv.Load(tx, leaverKey(person), &hash); err != nil || !ok {
		return err
	}
	if err := tx.Delete(leaverKey(person)); err != nil {
		return err
	}
	var row left
	if ok, err := kv.Load(tx, leftKey(hash), &row); err != nil || !ok { // its week was over before
		return err
	}
	row.Destroyed, row.Backups = at, backups
	return kv.Store(tx, leftKey(hash), row)
}

func (r *Register) backups(tx kv.Tx, at time.Time) (time.Time, error) {
	if r.Rotation == nil {
		return time.Time{}, nil
	}
	due, err := r.Rotation(tx, at)
	if err != nil || due.IsZero() || due.After(at) {
		return due, err
	}
	return at, nil // it is due now
}

// All answers what a person who is here has deleted, newest first.
func (r *Register) All(ctx context.Context, person string) ([]Deletion, error) {
	var all []Deletion
	err := r.DB.View(ctx, func(tx kv.Tx) error {
		all = nil
		for e, err := range tx.Scan(kv.Prefix(room, "of", person)) {
			if err != nil {
				return err
			}
			var d Deletion
			if err := kv.Decode(e.Value, &d); err != nil {
				return err
			}
			all = append(all, d)
		}
		return nil
	})
	slices.SortStableFunc(all, func(a, b Deletion) int { return b.At.Compare(a.At) })
	return all, err
}

// Of answers one deletion of a person who is here.
func (r *Register) Of(ctx context.Context, person, id string) (d Deletion, err error) {
	err = r.DB.View(ctx, func(tx kv.Tx) error {
		d = Deletion{}
		ok, err := kv.Load(tx, ofKey(person, id), &d)
		if err == nil && !ok {
			err = ErrNone
		}
		return err
	})
	return d, err
}

// Left answers the deletion of who has left and holds its id. Its Destroyed is
// zero while that is under way.
func (r *Register) Left(ctx context.Context, id string) (Leaving, error) {
	hash, now := r.Vault.ViewHash(id), r.Now()
	var row left
	err := r.DB.View(ctx, func(tx kv.Tx) error {
		row = left{}
		ok, err := kv.Load(tx, leftKey(hash), &row)
		if err == nil && (!ok || !now.Before(row.Until)) {
			err = ErrNone
		}
		return err
	})
	if err != nil {
		return Leaving{}, err
	}
	plain, err := r.Vault.OpenView(id, row.Sealed)
	if err != nil {
		return Leaving{}, err
	}
	var l Leaving
	if json.Unmarshal(plain, &l) != nil {
		return Leaving{}, fault.Cause("a deletion is not what it was sealed as") // json's own error may quote it
	}
	l.Destroyed, l.Backups = row.Destroyed, row.Backups
	return l, nil
}

// PersonLeaves forgets what a person had deleted before.
func (r *Register) PersonLeaves(tx kv.Tx, person string) error {
	return drop(tx, kv.Prefix(room, "of", person), 0)
}

const sweepBatch = 100

// Sweep removes what is kept for those who left a week ago.
func (r *Register) Sweep(ctx context.Context) error {
	due := kv.Range{From: kv.Prefix(room, "due").From, To: kv.Key(room, "due", r.Now().Add(time.Microsecond))}
	for more := true; more; {
		err := r.DB.View(ctx, func(tx kv.Tx) error {
			more = false
			for _, err := range tx.Scan(due) {
				more = err == nil
				return err
			}
			return nil
		})
		if err != nil || !more {
			return err
		}
		err = r.DB.Update(ctx, func(tx kv.Tx) error {
			var hashes []string
			for e, err := range tx.Scan(due) {
				if err != nil {
					return err
				}
				var hash string
				if err := kv.Decode(e.Value, &hash); err != nil {
					return err
				}
				if hashes = append(hashes, hash); len(hashes) == sweepBatch {
					break
				}
			}
			for _, hash := range hashes {
				if err := tx.Delete(leftKey(hash)); err != nil {
					return err
				}
			}
			return drop(tx, due, len(hashes))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// drop deletes the first n rows of a range; 0: all.
func drop(tx kv.Tx, r kv.Range, n int) error {
	var keys [][]byte
	for e, err := range tx.Scan(r) {
		if err != nil {
			return err
		}
		if keys = append(keys, slices.Clone(e.Key)); len(keys) == n {
			break
		}
	}
	for _, k := range keys {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
