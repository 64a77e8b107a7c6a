// Package vault seals what must not be seen, issues the aliases that clients
// see instead, and destroys keys when something has to be gone.
//
//	key-encryption key (package kek)
//	  -> root keyring, in terms                 DB, wrapped; unwrapped once, by Open
//	     with the term's ratchet (package anchor)
//	       -> one key per person, one per part  Keys, wrapped under the root
//	            -> one per term
//	                 -> sealed records          wherever their rooms keep them
//	       -> one per (person, client, epoch)   Keys, wrapped under the root
//	            -> ids that one client meets
//
// What is sealed binds what it is: kind, person, part, record, schema version
// and term are associated data, so that a row put elsewhere does not open.
// Bytes do not vanish from a database file by deletion, keys do by
// [Vault.Shred]: it destroys them in Keys, a small file, and has that
// rewritten.
//
// What wraps in a term needs the keyring and the anchor both. The anchor's
// ratchet only turns forward: from one term's comes the next one's, and never
// the former. [Vault.NewTerm] begins the next, and [Vault.Rewrap] wraps all keys
// anew and moves the anchor on: then no copy of the databases from before can be
// opened with it. Records are not sealed anew, and what is sealed in a term is
// counted, so that no key seals too often.
//
// An epoch is the time from a client's first grant of a person's to the end
// of its last living one. Aliases and ids belong to it; the next begins with
// new ones.
//
// Rows in DB:
//
//	("vault", "keyring")                                 the wrapped root keyring
//	("vault", "signing")                                 the issuer's key, sealed
//	("vault", "signing", "webhook")                      the key for webhooks, sealed
//	("vault", "rotation")                                when the next term begins, if that was asked for
//	("vault", "epoch", person, client)                   the current epoch, once there was a Pair
//	("vault", "alias", person, client, epoch, account)   the alias, and again client and account
//	("vault", "name", client, alias)                     whose it is: the client has no other like it
//	("vault", "left", person)                            a mark: keys to be destroyed
//	("vault", "ended", person, client, epoch)            a mark: a key to be destroyed
//	("vault", "cut", person, part)                       a mark: a key to be destroyed
//
// Rows in Keys:
//
//	("vault", "keyring")                                 which keyring these belong to
//	("vault", "term")                                    no new key is wrapped in one before; without it 1
//	("vault", "seals", term)                             how many are reserved in it, without it none
//	("vault", "person", person)                          a wrapped key
//	("vault", "part", person, part)                      a wrapped key
//	("vault", "pair", person, client, epoch)             a wrapped key
//
// The vault knows persons, parts, clients and accounts by id alone, and not why
// anything is sealed.
package vault

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"jali/internal/fault"
	"jali/internal/kv"
	"jali/vault/anchor"
	"jali/vault/kek"
)

var (
	// ErrShredded is a person whose key was destroyed, or never made: what was
	// sealed for them cannot be opened by anyone.
	ErrShredded = &fault.Error{Kind: fault.Gone, Code: "person_shredded",
		Detail: "this person's data has been destroyed"}

	// ErrOldKeyring is a database from before its last new term.
	ErrOldKeyring = &fault.Error{Kind: fault.Unavailable, Code: "keyring_retired", Owner: fault.Us,
		Detail: "this database is from before its keys were last renewed, and what it holds can no longer be opened; put back a later backup, nothing was changed"}

	// ErrFormat is a database of a version before the first release.
	ErrFormat = &fault.Error{Kind: fault.Unavailable, Code: "vault_format", Owner: fault.Us,
		Detail: "this database was made by another version of Jali, which this one cannot read; use that version, nothing was changed"}

	// ErrSealed is a sealed record that does not open: it was changed, cut, or
	// belongs elsewhere.
	ErrSealed = &fault.Error{Kind: fault.Unavailable, Code: "sealed_record", Owner: fault.Us,
		Detail: "something that is sealed here does not open; nothing was changed, and this can be answered once the operator has put it right"}

	// ErrEpochEnded is a [Pair] of an epoch that has ended since: the client's
	// last grant was revoked, or the person left.
	ErrEpochEnded = &fault.Error{Kind: fault.Conflict, Code: "epoch_ended",
		Detail: "this client's view of the person has ended", Action: "ask_again"}

	// ErrNoAlias answers unknown, foreign and ended aliases alike.
	ErrNoAlias = &fault.Error{Kind: fault.NotFound, Code: "alias_not_found", Owner: fault.Person,
		Detail: "no account of this person's stands under this alias"}

	// ErrForeignKeys is a pair of database and key store that do not belong
	// together, or of which one is missing.
	ErrForeignKeys = &fault.Error{Kind: fault.Unavailable, Code: "keys_foreign", Owner: fault.Us,
		Detail: "the database and the store of its keys do not belong together, or one of them is missing; put back the right two, nothing was changed"}

	errShape = &fault.Error{Kind: fault.Invalid, Code: "alias_shape",
		Detail: "an alias is opaque, card or iban"}
	errNameless = &fault.Error{Kind: fault.Internal, Code: "sealed_nameless",
		Detail: "what is sealed needs a kind, a person and a key"}
)

// schema is the version of what is sealed and of how names are bound to it.
const schema = 2

// Vault is opened once per process by [Open].
type Vault struct {
	// Destroyed is told of each person, and each part of one, whose keys are
	// gone from Keys and from its file, in the transaction after which nothing
	// asks for that any more. Set before the first [Vault.Shred], or nil.
	Destroyed func(tx kv.Tx, person, part string, at time.Time) error

	db     kv.DB
	keys   Keys
	anchor *anchor.File
	now    func() time.Time

	root sync.Mutex // is held to change the keyring's row, before shredding
	kek  kek.KEK

	rings   atomic.Pointer[keyring]
	fixed   fixedKeys
	macs    sync.Map // of [Vault.MAC]: *macer by use, of which there are few
	persons *cache[termOfHolder, *aead]
	pairs   *cache[string, []byte] // by person, client and epoch

	shredding  sync.Mutex
	rewrapping sync.Mutex
	batch      int                      // keys in one transaction of Rewrap
	rotation   atomic.Pointer[Rotation] // the last to have run
}

// Config of a Vault.
type Config struct {
	DB     kv.DB        // rows sealed elsewhere, aliases, tombstones
	Keys   Keys         // keys.db: wrapped person, part and epoch keys, small, compacted after a deletion
	KEK    kek.KEK      // wraps the root keyring; asked in Open, and when a term begins or ends
	Anchor *anchor.File // outside both and outside their backups
	Now    func() time.Time
}

// Keys is the store of wrapped keys, kept apart so that destroying one can be
// made physical.
type Keys interface {
	kv.DB
	Compact(context.Context) error // rewrites the file without what was deleted
	Room() (uint64, error)         // how many bytes its disk still takes
}

// keptKeys bounds how many keys are held unwrapped in memory, of each kind:
// some 3 MiB when full.
const keptKeys = 4096

// Open unwraps the root keyring, and makes it and the anchor where both stores
// are empty. It changes nothing if the key-encryption key is the wrong one
// ([kek.ErrWrongKey]), if stores and anchor are strangers ([ErrForeignKeys]),
// if the anchor is missing ([anchor.ErrMissing]), or if the database is from
// before the term that the anchor allows ([ErrOldKeyring]).
func Open(ctx context.Context, c Config) (*Vault, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	ring, fixed, err := openRing(ctx, c)
	if err != nil {
		return nil, err
	}
	v := &Vault{
		db: c.DB, keys: c.Keys, kek: c.KEK, anchor: c.Anchor, now: c.Now, fixed: fixed, batch: rewrapBatch,
		persons: newCache[termOfHolder, *aead](keptKeys), pairs: newCache[string, []byte](keptKeys),
	}
	v.rings.Store(ring)
	return v, nil
}

// ring is the keyring in use; a rotation replaces it.
func (v *Vault) ring() *keyring { return v.rings.Load() }

// Record names what is sealed; all of it, with the schema version and term, is
// associated data, so a row moved elsewhere does not open.
type Record struct {
	Kind   string // "credential", "bill", "account", "name", …
	Person string
	Part   string // whose key seals, made by NewPart; empty: the person's own
	Key    string // the row's own id
}

func (r Record) holder() holder { return holder{r.Person, r.Part} }

func (r Record) names() []string { return []string{"record", r.Kind, r.Person, r.Part, r.Key} }
