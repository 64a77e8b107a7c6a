package vault

import (
	"context"
	"strconv"

	"jali/internal/kv"
	"jali/internal/secret"
)

func personKey(person string, term uint32) []byte {
	return kv.Key("vault", "person", person, int64(term))
}

// NewPerson makes a person's key, if there is none yet. Durable before it
// answers.
func (v *Vault) NewPerson(ctx context.Context, person string) error {
	if person == "" {
		return errNameless
	}
	row := personKey(person, v.ring.current.term)
	wrapped := v.ring.wrap(random(keySize), "person", person)
	return v.keys.Update(ctx, func(tx kv.Tx) error {
		if b, err := tx.Get(row); err != nil || b != nil {
			return err
		}
		return tx.Put(row, wrapped)
	})
}

// personAEAD answers a person's key of a term.
func (v *Vault) personAEAD(ctx context.Context, person string, term uint32) (*aead, error) {
	id := strconv.FormatUint(uint64(term), 10) + " " + person
	a, age, ok := v.persons.get(id)
	if ok {
		return a, nil
	}
	var wrapped []byte
	err := v.keys.View(ctx, func(tx kv.Tx) error {
		b, err := tx.Get(personKey(person, term))
		wrapped = append([]byte(nil), b...)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(wrapped) == 0 {
		return nil, ErrShredded
	}
	key, err := v.ring.unwrap(wrapped, "person", person)
	if err != nil {
		return nil, err
	}
	if a, err = newAEAD(key, term); err != nil {
		return nil, err
	}
	clear(key)
	v.persons.put(id, a, age)
	return a, nil
}

// Seal needs no transaction, nor does [Vault.Open]: persons' keys are kept in
// memory, bounded, and read from Keys on a miss. Sealing the same twice gives
// different bytes, 33 longer than plain. A person whose key was destroyed:
// [ErrShredded].
func (v *Vault) Seal(ctx context.Context, r Record, plain []byte) ([]byte, error) {
	if r.Kind == "" || r.Person == "" || r.Key == "" {
		return nil, errNameless
	}
	a, err := v.personAEAD(ctx, r.Person, v.ring.current.term)
	if err != nil {
		return nil, err
	}
	return a.seal(plain, "record", r.Kind, r.Person, r.Key), nil
}

// Open answers what was sealed as r: [ErrSealed] if it was not, or was changed
// since, [ErrShredded] if the key is gone.
func (v *Vault) Open(ctx context.Context, r Record, sealed []byte) (secret.Value, error) {
	term, err := termOf(sealed)
	if err != nil {
		return secret.Value{}, err
	}
	if _, ok := v.ring.terms[term]; !ok {
		return secret.Value{}, ErrSealed
	}
	a, err := v.personAEAD(ctx, r.Person, term)
	if err != nil {
		return secret.Value{}, err
	}
	plain, err := a.open(sealed, "record", r.Kind, r.Person, r.Key)
	if err != nil {
		return secret.Value{}, err
	}
	return secret.New(plain), nil
}
