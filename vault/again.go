package vault

import (
	"context"

	"jali/internal/kv"
)

// Back is a key that is there again though it had been destroyed: in a store
// that was put back by an older copy of itself.
type Back struct{ Person, Part string }

// WasDestroyed answers what tells, of a person or a part of one, whether their
// key was destroyed, as far as copies of the present or a later term may still
// hold it.
func (v *Vault) WasDestroyed() func(person, part string) bool {
	shredded := v.anchor.State().Shredded
	return func(person, part string) bool {
		_, gone := shredded[v.shredMark(holder{person, part})]
		return gone
	}
}

// Back answers the keys in Keys that had been destroyed already.
func (v *Vault) Back(ctx context.Context) (back []Back, err error) {
	destroyed := v.WasDestroyed()
	for _, kind := range []string{"person", "part"} {
		for rows, err := range kv.Batches(ctx, v.keys, kv.Prefix("vault", kind), checkedAtOnce) {
			if err != nil {
				return nil, err
			}
			for _, e := range rows {
				names := append(wrappedAs(e.Key), "")
				if h := (Back{names[1], names[2]}); destroyed(h.Person, h.Part) {
					back = append(back, h)
				}
			}
		}
	}
	return back, nil
}
