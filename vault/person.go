package vault

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"

	"jali/internal/kv"
	"jali/internal/secret"
)

// holder is whose key seals: a person's, or that of one part of theirs.
type holder struct{ person, part string }

func (h holder) row() []byte {
	if h.part == "" {
		return kv.Key("vault", "person", h.person)
	}
	return kv.Key("vault", "part", h.person, h.part)
}

// names is what the holder's wrapped key is bound to.
func (h holder) names() []string {
	if h.part == "" {
		return []string{"person", h.person}
	}
	return []string{"part", h.person, h.part}
}

// termOfHolder names a key that seals: a holder's in one term.
type termOfHolder struct {
	holder
	term uint32
}

// NewPerson makes a person's key, if there is none yet. Durable before it
// answers.
func (v *Vault) NewPerson(ctx context.Context, person string) error {
	if person == "" || strings.Contains(person, "\x00") {
		return errNameless
	}
	return v.newKey(ctx, holder{person: person}, nil)
}

// NewPart makes the key of one part of a person's data, that can be destroyed
// without the rest of it; a connection is such a part. Durable before it
// answers. A person without a key: [ErrShredded]. The id is never used again
// after [Vault.PartEnds].
func (v *Vault) NewPart(ctx context.Context, person, part string) error {
	if person == "" || part == "" || strings.Contains(part, "\x00") {
		return errNameless
	}
	return v.newKey(ctx, holder{person, part}, holder{person: person}.row())
}

// newKey makes a holder's key, only where there is a row needed.
func (v *Vault) newKey(ctx context.Context, h holder, needed []byte) error {
	row := h.row()
	return v.keep(ctx, random(keySize), h.names(), func(wrapped []byte) error {
		return v.keys.Update(ctx, func(tx kv.Tx) error {
			if b, err := tx.Get(row); err != nil || b != nil {
				return err
			}
			if needed != nil {
				if b, err := tx.Get(needed); err != nil {
					return err
				} else if b == nil {
					return ErrShredded
				}
			}
			return putNew(tx, row, wrapped)
		})
	})
}

// putNew refuses what was wrapped in a term that is being left: nobody would
// wrap it anew.
func putNew(tx kv.Tx, row, wrapped []byte) error {
	entered, err := keysTerm(tx)
	if err != nil {
		return err
	}
	if term, err := termOf(wrapped); err != nil || term < entered {
		return errors.Join(err, errLeft)
	}
	return tx.Put(row, wrapped)
}

// sealing answers what seals for a holder in a term.
func (v *Vault) sealing(ctx context.Context, h holder, term uint32) (*aead, error) {
	id := termOfHolder{h, term}
	a, age, ok := v.persons.get(id)
	if ok {
		return a, nil
	}
	var wrapped []byte
	row, before := h.row(), v.ring()
	err := v.keys.View(ctx, func(tx kv.Tx) error {
		b, err := tx.Get(row)
		wrapped = bytes.Clone(b)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(wrapped) == 0 {
		return nil, ErrShredded
	}
	key, err := v.unwrap(before, wrapped, h.names()...)
	if err != nil {
		return nil, err
	}
	if a, err = newAEAD(derived(key, "seal in term "+strconv.FormatUint(uint64(term), 10)), term); err != nil {
		return nil, err
	}
	clear(key)
	v.persons.put(id, a, age)
	return a, nil
}

// Seal needs no transaction, nor does [Vault.Open]: keys are kept in memory,
// bounded, and read from Keys on a miss. Sealing the same twice gives
// different bytes, 33 longer than plain. A person or part whose key was
// destroyed: [ErrShredded].
func (v *Vault) Seal(ctx context.Context, r Record, plain []byte) ([]byte, error) {
	if r.Kind == "" || r.Person == "" || r.Key == "" {
		return nil, errNameless
	}
	ring := v.ring()
	a, err := v.sealing(ctx, r.holder(), ring.current.term)
	if err != nil {
		return nil, err
	}
	if err := ring.seals.add(ctx, 1); err != nil {
		return nil, err
	}
	return a.seal(plain, r.names()...), nil
}

// Open answers what was sealed as r: [ErrSealed] if it was not, or was changed
// since, [ErrShredded] if the key is gone.
func (v *Vault) Open(ctx context.Context, r Record, sealed []byte) (secret.Value, error) {
	term, err := termOf(sealed)
	if err != nil {
		return secret.Value{}, err
	}
	if term == 0 || term > v.ring().current.term {
		return secret.Value{}, ErrSealed
	}
	a, err := v.sealing(ctx, r.holder(), term)
	if err != nil {
		return secret.Value{}, err
	}
	plain, err := a.open(sealed, r.names()...)
	if err != nil {
		return secret.Value{}, err
	}
	return secret.New(plain), nil
}
