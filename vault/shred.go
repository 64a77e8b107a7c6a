package vault

import (
	"context"

	"jali/internal/kv"
)

// mark says whose keys have to go. Without a client: all of the person's.
type mark struct {
	Person string `json:"person"`
	Client string `json:"client,omitempty"`
	Epoch  int    `json:"epoch,omitempty"`
}

// PersonLeaves forgets a person's aliases and marks the person's keys for
// [Vault.Shred], in the transaction of the deletion.
func (v *Vault) PersonLeaves(tx kv.Tx, person string) error {
	if err := forget(tx, kv.Prefix("vault", "alias", person)); err != nil {
		return err
	}
	rows, err := keysOf(tx, kv.Prefix("vault", "epoch", person), kv.Prefix("vault", "ended", person))
	if err != nil {
		return err
	}
	if err := remove(tx, rows); err != nil {
		return err
	}
	return kv.Store(tx, kv.Key("vault", "left", person), mark{Person: person})
}

// Shred destroys the keys of all who are marked, has Keys rewritten without
// them, and only then takes the marks away: a crash anywhere before that, and
// the next Shred does it all again. It is run at start and after every
// deletion. With nothing marked it only looks.
func (v *Vault) Shred(ctx context.Context) error {
	v.shredding.Lock()
	defer v.shredding.Unlock()
	marks, rows, err := v.marked(ctx)
	if err != nil || len(marks) == 0 {
		return err
	}
	err = v.keys.Update(ctx, func(tx kv.Tx) error {
		for _, m := range marks {
			doomed := [][]byte{pairKey(m.Person, m.Client, m.Epoch)}
			if m.Client == "" {
				var err error
				doomed, err = keysOf(tx, kv.Prefix("vault", "person", m.Person), kv.Prefix("vault", "pair", m.Person))
				if err != nil {
					return err
				}
			}
			if err := remove(tx, doomed); err != nil {
				return err
			}
		}
		return nil
	})
	// Even if it is not known whether they are gone: what is still there is
	// read again.
	v.persons.empty()
	v.pairs.empty()
	if err != nil {
		return err
	}
	if err := v.keys.Compact(ctx); err != nil {
		return err
	}
	return v.db.Update(ctx, func(tx kv.Tx) error { return remove(tx, rows) })
}

func (v *Vault) marked(ctx context.Context) (marks []mark, rows [][]byte, err error) {
	err = v.db.View(ctx, func(tx kv.Tx) error {
		marks, rows = nil, nil
		for _, r := range []kv.Range{kv.Prefix("vault", "left"), kv.Prefix("vault", "ended")} {
			for e, err := range tx.Scan(r) {
				if err != nil {
					return err
				}
				var m mark
				if err := kv.Decode(e.Value, &m); err != nil {
					return err
				}
				marks = append(marks, m)
				rows = append(rows, append([]byte(nil), e.Key...))
			}
		}
		return nil
	})
	return marks, rows, err
}
