package vault

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"jali/internal/fault"
	"jali/internal/kv"
	"jali/internal/secret"
	"jali/vault/anchor"
	"jali/vault/kek"
)

// storedRing is the row in DB; what is wrapped is a rootKeys as JSON.
type storedRing struct {
	Format  int    `json:"format"`
	ID      string `json:"id"`   // random; Keys and the anchor hold the same
	Term    uint32 `json:"term"` // the last in it
	Wrapped []byte `json:"wrapped"`
}

// ringFormat is of this layout of keys; there were others before it.
const ringFormat = 3

// rootKeys are the root of everything. MAC stays as it is, or ids of views and
// hashes of tokens would not outlive a new term.
type rootKeys struct {
	ID    string    `json:"id"`
	Terms []termKey `json:"terms"` // the last is the one in use; one before it is being left
	MAC   []byte    `json:"mac"`
}

type termKey struct {
	Term uint32    `json:"term"`
	Made time.Time `json:"made"`
	Key  []byte    `json:"key"`
}

// keyring is the terms of rootKeys that the anchor allows, ready for use.
type keyring struct {
	terms   map[uint32]*aead // wraps the keys of persons, parts and pairs
	current *aead
	made    time.Time // when the current term began
	oldest  uint32    // in the row, allowed or not
	seals   *seals    // in the current term
}

// leaving reports whether there is a term from before the current one.
func (r *keyring) leaving() bool { return r.oldest < r.current.term }

// fixedKeys come out of the root and stay the same in all terms.
type fixedKeys struct {
	mac     []byte // under [Vault.MAC]
	subject []byte // under [Vault.Subject]
	viewID  []byte // under [Vault.ViewID]
	viewRow []byte // under [Vault.ViewHash]
	view    []byte // beside the view's id in the view's key
}

var ringKey = kv.Key("vault", "keyring")

func openRing(ctx context.Context, c Config) (*keyring, fixedKeys, error) {
	stored, keys, err := readRing(ctx, c)
	if err != nil {
		return nil, fixedKeys{}, err
	}
	var root rootKeys
	if stored == nil {
		root, err = foundRing(ctx, c, keys.owner)
	} else if err = acquainted(c.Anchor, *stored, keys); err == nil {
		root, err = unwrapRoot(ctx, c.KEK, *stored)
	}
	if err != nil {
		return nil, fixedKeys{}, err
	}
	ring, fixed, err := root.ready(c.Anchor.State())
	if err != nil {
		return nil, fixedKeys{}, err
	}
	if err := wholeRing(ctx, c, ring, keys); err != nil {
		return nil, fixedKeys{}, err
	}
	ring.seals = newSeals(c.Keys, ring.current.term, keys.seals[ring.current.term])
	return ring, fixed, moveAnchor(c.Anchor, ring.oldest) // which may be an old copy
}

// acquainted refuses strangers before the key-encryption key is asked for.
func acquainted(held *anchor.File, stored storedRing, keys aboutKeys) error {
	switch ring := held.State().Ring; {
	case stored.Format != ringFormat:
		return ErrFormat
	case keys.owner != stored.ID:
		return ErrForeignKeys
	case ring == "":
		return anchor.ErrMissing.Because(errors.New(held.Path() + " is not there"))
	case ring != stored.ID:
		return ErrForeignKeys.Because(fault.Cause("the anchor is of another database"))
	case keys.term > stored.Term:
		return ErrForeignKeys.Because(fault.Cause("the keys are of a later term than the database"))
	}
	return nil
}

// wholeRing refuses what could be opened in part alone: the keys of a backup
// from amid a rotation that the anchor has left behind, or keys from before
// the database's terms.
func wholeRing(ctx context.Context, c Config, ring *keyring, keys aboutKeys) error {
	if keys.term < ring.oldest {
		return ErrForeignKeys.Because(fault.Cause("the keys are of an earlier term than the database"))
	}
	if ring.terms[ring.oldest] != nil {
		return nil
	}
	left, err := (&Vault{db: c.DB, keys: c.Keys}).outside(ctx, ring.current.term)
	if err == nil && left > 0 {
		err = ErrOldKeyring.Because(fault.Cause("some of its keys are of a term that the anchor does not allow:", left))
	}
	return err
}

func unwrapRoot(ctx context.Context, key kek.KEK, stored storedRing) (root rootKeys, err error) {
	plain, err := key.Unwrap(ctx, stored.Wrapped)
	if err != nil {
		return root, err
	}
	defer clear(plain)
	if err := json.Unmarshal(plain, &root); err != nil {
		return root, kek.ErrTampered.Because(fault.Cause("what was unwrapped is no keyring")) // err would quote it
	}
	if root.ID != stored.ID || root.term() != stored.Term {
		return root, kek.ErrTampered.Because(fault.Cause("the wrapped keyring is another one"))
	}
	return root, nil
}

// term is the last.
func (root rootKeys) term() uint32 {
	if len(root.Terms) == 0 {
		return 0
	}
	return root.Terms[len(root.Terms)-1].Term
}

// aboutKeys is what Keys says of itself.
type aboutKeys struct {
	owner string            // the keyring that the keys belong to
	term  uint32            // nothing new is wrapped in one before
	seals map[uint32]uint64 // reserved, by term
}

// readRing answers the row in DB, if any, and what Keys says.
func readRing(ctx context.Context, c Config) (stored *storedRing, keys aboutKeys, err error) {
	err = c.DB.View(ctx, func(tx kv.Tx) error {
		var s storedRing
		found, err := kv.Load(tx, ringKey, &s)
		if errors.Is(err, kv.ErrRecord) {
			err = kek.ErrTampered.Because(fault.Cause("its row cannot be read"))
		}
		stored = nil
		if found {
			stored = &s
		}
		return err
	})
	if err != nil {
		return nil, keys, err
	}
	err = c.Keys.View(ctx, func(tx kv.Tx) error {
		b, err := tx.Get(ringKey)
		if err != nil {
			return err
		}
		keys = aboutKeys{owner: string(b), seals: map[uint32]uint64{}}
		if keys.term, err = keysTerm(tx); err != nil {
			return err
		}
		keys.seals, err = reservedSeals(tx)
		return err
	})
	return stored, keys, err
}

// foundRing makes the first term. Keys learns the ring's name first, then the
// anchor is made, so that a crash in between leaves something to go on from;
// another process that was faster is believed.
func foundRing(ctx context.Context, c Config, owner string) (none rootKeys, err error) {
	id := rand.Text()
	if owner != "" {
		id = owner
		if empty, err := holdsNoKeys(ctx, c.Keys); err != nil {
			return none, err
		} else if !empty {
			return none, ErrForeignKeys.Because(fault.Cause("there are keys, but no keyring in the database"))
		}
	}
	held := c.Anchor.State()
	if held.Ring != "" && (held.Ring != owner || held.Term != 1) {
		return none, ErrForeignKeys.Because(fault.Cause("there is an anchor, but no keyring in the database"))
	}
	root := rootKeys{ID: id, Terms: []termKey{{Term: 1, Made: c.Now().UTC(), Key: random(keySize)}}, MAC: random(keySize)}
	stored, err := wrapRoot(ctx, c.KEK, root)
	if err != nil {
		return none, err
	}
	err = c.Keys.Update(ctx, func(tx kv.Tx) error {
		if b, err := tx.Get(ringKey); err != nil || string(b) == id {
			return err
		} else if b != nil {
			return ErrForeignKeys.Because(fault.Cause("another process is founding this vault; start again"))
		}
		return tx.Put(ringKey, []byte(id))
	})
	if err != nil {
		return none, err
	}
	if held.Ring == "" {
		ratchet := secret.New(random(keySize))
		if err := c.Anchor.Change(func(s *anchor.State) { s.Ring, s.Term, s.Ratchet = id, 1, ratchet }); err != nil {
			return none, err
		}
	}
	err = c.DB.Update(ctx, func(tx kv.Tx) error {
		if b, err := tx.Get(ringKey); err != nil {
			return err
		} else if b != nil {
			return ErrForeignKeys.Because(fault.Cause("another process has founded this vault; start again"))
		}
		return kv.Store(tx, ringKey, stored)
	})
	return root, err
}

// wrapRoot also unwraps, before anything rests on it: a key-encryption key
// that cannot take back what it gave is found out here.
func wrapRoot(ctx context.Context, key kek.KEK, root rootKeys) (none storedRing, err error) {
	plain, err := json.Marshal(root)
	if err != nil {
		return none, err
	}
	defer clear(plain)
	wrapped, err := key.Wrap(ctx, plain)
	if err != nil {
		return none, err
	}
	again, err := key.Unwrap(ctx, wrapped)
	if err != nil {
		return none, err
	}
	defer clear(again)
	if !bytes.Equal(plain, again) {
		return none, kek.ErrTampered.Because(fault.Cause("the key-encryption key does not unwrap what it wrapped"))
	}
	return storedRing{Format: ringFormat, ID: root.ID, Term: root.term(), Wrapped: wrapped}, nil
}

func holdsNoKeys(ctx context.Context, keys kv.DB) (bool, error) {
	empty := true
	err := keys.View(ctx, func(tx kv.Tx) error {
		empty = true
		for e, err := range tx.Scan(kv.Prefix("vault")) {
			if err != nil {
				return err
			}
			if !bytes.Equal(e.Key, ringKey) {
				empty = false
				break
			}
		}
		return nil
	})
	return empty, err
}

// mostTurns bounds how many terms an anchor may be behind its database: an old
// copy of it opens what came later.
const mostTurns = 1 << 16

// ready turns the ratchet to each term that is still allowed.
func (root rootKeys) ready(held anchor.State) (ring *keyring, fixed fixedKeys, err error) {
	if len(root.Terms) == 0 || len(root.MAC) != keySize {
		return nil, fixed, kek.ErrTampered.Because(fault.Cause("the keyring lacks keys"))
	}
	ring = &keyring{terms: map[uint32]*aead{}, oldest: root.Terms[0].Term}
	ratchet, at := held.Ratchet.Reveal(), held.Term
	for i, t := range root.Terms {
		switch {
		case len(t.Key) != keySize:
			return nil, fixed, kek.ErrTampered.Because(fault.Cause("a key of another length, in term", int(t.Term)))
		case i > 0 && t.Term <= root.Terms[i-1].Term:
			return nil, fixed, kek.ErrTampered.Because(fault.Cause("the terms are out of order"))
		case t.Term < held.Term:
			continue
		case t.Term-at > mostTurns:
			return nil, fixed, ErrForeignKeys.Because(fault.Cause("the anchor is of a far older term"))
		}
		for ; at < t.Term; at++ {
			ratchet = turned(ratchet)
		}
		a, err := newAEAD(wrapping(t.Key, ratchet), t.Term)
		if err != nil {
			return nil, fixed, err
		}
		ring.terms[t.Term], ring.current, ring.made = a, a, t.Made
	}
	if ring.current == nil {
		return nil, fixed, ErrOldKeyring
	}
	return ring, fixedKeys{
		mac: derived(root.MAC, "mac"), subject: derived(root.MAC, "subject"),
		viewID: derived(root.MAC, "view id"), viewRow: derived(root.MAC, "view hash"), view: derived(root.MAC, "view"),
	}, nil
}

// turned is the ratchet of the next term: it leads nowhere back.
func turned(ratchet []byte) []byte { return derived(ratchet, "next term") }

// wrapping is the key that wraps in a term: whoever lacks either has nothing.
func wrapping(root, ratchet []byte) []byte {
	key, err := hkdf.Key(sha256.New, root, ratchet, "jali wrap", keySize)
	if err != nil {
		panic("vault: 32 bytes are never too many for HKDF: " + err.Error())
	}
	return key
}

// wrap seals a key under the root's current term.
func (r *keyring) wrap(key []byte, names ...string) []byte { return r.current.seal(key, names...) }

func (r *keyring) unwrap(wrapped []byte, names ...string) ([]byte, error) {
	term, err := termOf(wrapped)
	if err != nil {
		return nil, err
	}
	a, ok := r.terms[term]
	if !ok {
		return nil, ErrSealed.Because(fault.Cause("there is no term", int(term)))
	}
	return a.open(wrapped, names...)
}

// unwrap opens what was read after the keyring before was in use: by then it
// may have been wrapped anew, and by now its term may be gone.
func (v *Vault) unwrap(before *keyring, wrapped []byte, names ...string) ([]byte, error) {
	if term, err := termOf(wrapped); err == nil && before.terms[term] == nil {
		before = v.ring()
	}
	return before.unwrap(wrapped, names...)
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
