package vault

import (
	"bytes"
	"context"
	"errors"

	"jali/internal/fault"
	"jali/internal/kv"
	"jali/internal/secret"
	"jali/vault/anchor"
	"jali/vault/kek"
)

var (
	// ErrRotating is a [Vault.Rewrap] while another one runs.
	ErrRotating = &fault.Error{Kind: fault.Conflict, Code: "keys_rotating",
		Detail: "the keys are being rotated already"}

	errRingChanged = &fault.Error{Kind: fault.Conflict, Code: "keyring_changed",
		Detail: "the keyring was changed meanwhile; nothing was done, try again"}

	// errLeft is a key that was wrapped in a term that is being left.
	errLeft = fault.Cause("a new term has begun")
)

// NewTerm begins the next root term, with the key-encryption key's help;
// [Vault.Rewrap] then leaves the one before. While one is being left it does
// nothing. What is marked to be destroyed is destroyed first, so that nothing
// of it is wrapped anew.
//
// The whole way, each step durable before the next, so that it can be gone on
// with from anywhere:
//
//  1. the keyring holds both terms, and what is new is wrapped in the later
//  2. every wrapped key is wrapped anew, and it is looked whether that is so
//  3. the anchor's ratchet turns, and it allows the former term no more
//  4. the keyring drops it
func (v *Vault) NewTerm(ctx context.Context) error {
	v.root.Lock()
	defer v.root.Unlock()
	if v.ring().leaving() {
		return nil
	}
	if err := v.Shred(ctx); err != nil {
		return err
	}
	term := v.ring().current.term + 1
	fresh := termKey{Term: term, Made: v.now().UTC(), Key: random(keySize)}
	c, err := v.prepare(ctx, v.kek, func(root *rootKeys) {
		if root.term() < term { // else it was begun, and that was not known
			root.Terms = append(root.Terms, fresh)
		}
	})
	if err != nil {
		return err
	}
	seals := newSeals(v.keys, term, 0)
	if err := seals.reserve(ctx, 1); err != nil { // so that whatever stops Keys then, there is some sealing left
		return err
	}
	// Shred says in which term what it destroys was wrapped last.
	v.shredding.Lock()
	defer v.shredding.Unlock()
	ring, _, err := c.root.ready(v.anchor.State())
	if err != nil {
		return err
	}
	err = v.db.Update(ctx, func(tx kv.Tx) error {
		marked, err := anyIn(tx, markRanges()...)
		if err != nil {
			return err
		}
		if !marked { // or there has to be another term after this one
			if err := tx.Delete(dueKey); err != nil {
				return err
			}
		}
		return c.commit(tx)
	})
	if err != nil {
		return err
	}
	ring.seals = seals
	v.rings.Store(ring)
	return nil
}

// Leaving reports whether there is a former term that [Vault.Rewrap] has to
// leave.
func (v *Vault) Leaving() bool { return v.ring().leaving() }

// enter has nothing be wrapped any more in a term before the current one: a
// new key is put in Keys only after a look at this row.
func (v *Vault) enter(ctx context.Context, term uint32) error {
	return v.keys.Update(ctx, func(tx kv.Tx) error { return kv.Store(tx, termKeyRow, term) })
}

var termKeyRow = kv.Key("vault", "term")

// keysTerm is what enter wrote last.
func keysTerm(tx kv.Tx) (uint32, error) {
	term := uint32(1)
	_, err := kv.Load(tx, termKeyRow, &term)
	return term, err
}

// keep calls put with key wrapped in the current term, and again if a new one
// has begun meanwhile.
func (v *Vault) keep(ctx context.Context, key []byte, names []string, put func(wrapped []byte) error) error {
	for {
		ring := v.ring()
		if err := ring.seals.add(ctx, 1); err != nil {
			return err
		}
		if err := put(ring.wrap(key, names...)); !errors.Is(err, errLeft) {
			return err
		}
	}
}

// retire is steps 3 and 4.
func (v *Vault) retire(ctx context.Context) error {
	v.root.Lock()
	defer v.root.Unlock()
	term := v.ring().current.term
	c, err := v.prepare(ctx, v.kek, func(root *rootKeys) { root.Terms = root.Terms[len(root.Terms)-1:] })
	if err != nil {
		return err
	}
	v.shredding.Lock()
	defer v.shredding.Unlock()
	if err := moveAnchor(v.anchor, term); err != nil {
		return err
	}
	ring, _, err := c.root.ready(v.anchor.State())
	if err != nil {
		return err
	}
	if err := v.db.Update(ctx, c.commit); err != nil {
		return err
	}
	ring.seals = v.ring().seals
	v.rings.Store(ring)
	return v.keys.Update(ctx, func(tx kv.Tx) error {
		counts, err := keysOf(tx, kv.Range{From: kv.Prefix("vault", "seals").From, To: sealsKey(term)})
		if err != nil {
			return err
		}
		return remove(tx, counts)
	})
}

// moveAnchor has the anchor allow no term before this one, and forget what was
// destroyed in those: no backup that it opens holds that any more.
func moveAnchor(f *anchor.File, term uint32) error {
	if f.State().Term >= term {
		return nil
	}
	return f.Change(func(s *anchor.State) {
		ratchet := s.Ratchet.Reveal()
		for ; s.Term < term; s.Term++ {
			ratchet = turned(ratchet)
		}
		s.Ratchet = secret.New(ratchet)
		for mark, last := range s.Shredded {
			if last < term {
				delete(s.Shredded, mark)
			}
		}
	})
}

// ringChange is a keyring about to take the place of another in DB.
type ringChange struct {
	root    rootKeys
	was, is storedRing
}

// prepare unwraps the keyring, which is not kept in memory, edits it, and wraps
// it for key. Its caller holds root.
func (v *Vault) prepare(ctx context.Context, key kek.KEK, edit func(*rootKeys)) (c ringChange, err error) {
	err = v.db.View(ctx, func(tx kv.Tx) error {
		c.was = storedRing{}
		_, err := kv.Load(tx, ringKey, &c.was)
		return err
	})
	if err != nil {
		return c, err
	}
	if c.root, err = unwrapRoot(ctx, v.kek, c.was); err != nil {
		return c, err
	}
	edit(&c.root)
	c.is, err = wrapRoot(ctx, key, c.root)
	return c, err
}

// commit puts the row in the place of the one that was prepared from, and no
// other.
func (c ringChange) commit(tx kv.Tx) error {
	var now storedRing
	if _, err := kv.Load(tx, ringKey, &now); err != nil {
		return err
	}
	if !bytes.Equal(now.Wrapped, c.was.Wrapped) {
		return errRingChanged
	}
	return kv.Store(tx, ringKey, c.is)
}

// Rekey has another key-encryption key wrap the root keyring. The new one has
// to unwrap what it wrapped before the row is replaced; nothing else changes,
// and the vault goes on with it.
func (v *Vault) Rekey(ctx context.Context, to kek.KEK) error {
	v.root.Lock()
	defer v.root.Unlock()
	c, err := v.prepare(ctx, to, func(*rootKeys) {})
	if err != nil {
		return err
	}
	if err := v.db.Update(ctx, c.commit); err != nil {
		return err
	}
	v.kek = to
	return nil
}
