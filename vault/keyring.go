package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"jali/internal/kv"
	"jali/vault/kek"
)

// storedRing is the row in DB; what is wrapped is a rootKeys as JSON.
type storedRing struct {
	ID      string `json:"id"` // random; Keys holds the same
	Wrapped []byte `json:"wrapped"`
}

// rootKeys are the root of everything. Terms only ever gain one; MAC stays as
// it is, or ids of views and hashes of tokens would not outlive a new term.
type rootKeys struct {
	ID    string    `json:"id"`
	Terms []termKey `json:"terms"` // the last is the one in use
	MAC   []byte    `json:"mac"`
}

type termKey struct {
	Term uint32    `json:"term"`
	Made time.Time `json:"made"`
	Key  []byte    `json:"key"`
}

// keyring is the rootKeys ready for use.
type keyring struct {
	terms   map[uint32]*aead // wraps the keys of persons and pairs
	current *aead
	mac     []byte // under [Vault.MAC]
	subject []byte // under [Vault.Subject]
	viewID  []byte // under [Vault.ViewID]
	viewRow []byte // under [Vault.ViewHash]
	view    []byte // beside the view's id in the view's key
}

var ringKey = kv.Key("vault", "keyring")

func openRing(ctx context.Context, c Config) (*keyring, error) {
	stored, owner, err := readRing(ctx, c)
	if err != nil {
		return nil, err
	}
	if stored == nil {
		return foundRing(ctx, c, owner)
	}
	if owner != stored.ID {
		return nil, ErrForeignKeys
	}
	plain, err := c.KEK.Unwrap(ctx, stored.Wrapped)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	var root rootKeys
	if err := json.Unmarshal(plain, &root); err != nil {
		return nil, kek.ErrTampered.Because(errors.New("what was unwrapped is no keyring")) // err would quote it
	}
	if root.ID != stored.ID {
		return nil, kek.ErrTampered.Because(errors.New("the wrapped keyring is another one"))
	}
	return root.ready()
}

// readRing answers the row in DB, if any, and the keyring that Keys names.
func readRing(ctx context.Context, c Config) (stored *storedRing, owner string, err error) {
	err = c.DB.View(ctx, func(tx kv.Tx) error {
		var s storedRing
		found, err := kv.Load(tx, ringKey, &s)
		stored = nil
		if found {
			stored = &s
		}
		return err
	})
	if err != nil {
		return nil, "", err
	}
	err = c.Keys.View(ctx, func(tx kv.Tx) error {
		b, err := tx.Get(ringKey)
		owner = string(b)
		return err
	})
	return stored, owner, err
}

// foundRing makes the first term. Keys learns the ring's name first, so that a
// crash in between leaves something to go on from; another process that was
// faster is believed.
func foundRing(ctx context.Context, c Config, owner string) (*keyring, error) {
	id := rand.Text()
	if owner != "" {
		id = owner
		if empty, err := holdsNoKeys(ctx, c.Keys); err != nil {
			return nil, err
		} else if !empty {
			return nil, ErrForeignKeys.Because(errors.New("there are keys, but no keyring in the database"))
		}
	}
	root := rootKeys{ID: id, Terms: []termKey{{Term: 1, Made: c.Now().UTC(), Key: random(keySize)}}, MAC: random(keySize)}
	wrapped, err := wrapRoot(ctx, c.KEK, root)
	if err != nil {
		return nil, err
	}
	err = c.Keys.Update(ctx, func(tx kv.Tx) error {
		if b, err := tx.Get(ringKey); err != nil || string(b) == id {
			return err
		} else if b != nil {
			return ErrForeignKeys.Because(errors.New("another process is founding this vault; start again"))
		}
		return tx.Put(ringKey, []byte(id))
	})
	if err != nil {
		return nil, err
	}
	err = c.DB.Update(ctx, func(tx kv.Tx) error {
		if b, err := tx.Get(ringKey); err != nil {
			return err
		} else if b != nil {
			return ErrForeignKeys.Because(errors.New("another process has founded this vault; start again"))
		}
		return kv.Store(tx, ringKey, storedRing{ID: id, Wrapped: wrapped})
	})
	if err != nil {
		return nil, err
	}
	return root.ready()
}

// wrapRoot also unwraps, before anything rests on it: a key-encryption key
// that cannot take back what it gave is found out here.
func wrapRoot(ctx context.Context, key kek.KEK, root rootKeys) ([]byte, error) {
	plain, err := json.Marshal(root)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	wrapped, err := key.Wrap(ctx, plain)
	if err != nil {
		return nil, err
	}
	again, err := key.Unwrap(ctx, wrapped)
	if err != nil {
		return nil, err
	}
	defer clear(again)
	if !bytes.Equal(plain, again) {
		return nil, kek.ErrTampered.Because(errors.New("the key-encryption key does not unwrap what it wrapped"))
	}
	return wrapped, nil
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

func (root rootKeys) ready() (*keyring, error) {
	if len(root.Terms) == 0 || len(root.MAC) != keySize {
		return nil, kek.ErrTampered.Because(errors.New("the keyring lacks keys"))
	}
	ring := &keyring{terms: map[uint32]*aead{},
		mac: derived(root.MAC, "mac"), subject: derived(root.MAC, "subject"),
		viewID: derived(root.MAC, "view id"), viewRow: derived(root.MAC, "view hash"), view: derived(root.MAC, "view")}
	for _, t := range root.Terms {
		if len(t.Key) != keySize {
			return nil, kek.ErrTampered.Because(fmt.Errorf("the key of term %d has %d bytes", t.Term, len(t.Key)))
		}
		a, err := newAEAD(derived(t.Key, "wrap"), t.Term)
		if err != nil {
			return nil, err
		}
		ring.terms[t.Term], ring.current = a, a
	}
	if !slices.IsSortedFunc(root.Terms, func(a, b termKey) int { return int(int64(a.Term) - int64(b.Term)) }) {
		return nil, kek.ErrTampered.Because(errors.New("the terms are out of order"))
	}
	return ring, nil
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
		return nil, ErrSealed.Because(fmt.Errorf("there is no term %d", term))
	}
	return a.open(wrapped, names...)
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
