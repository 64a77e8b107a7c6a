package ledger

import (
	"bytes"
	"context"

	"jali/internal/kv"
)

// clearBatch is how many sheets of an import that came to nothing are removed
// in one transaction.
const clearBatch = 64

// clear removes an import that was not finished: first it may not be any more.
func (l *Ledger) clear(ctx context.Context, person, id string) error {
	var o opening
	there := false
	load := func(tx kv.Tx) (err error) {
		o = opening{}
		there, err = kv.Load(tx, openKey(person, id), &o)
		return err
	}
	if err := l.DB.View(ctx, load); err != nil || !there {
		return err
	}
	err := l.DB.Update(ctx, func(tx kv.Tx) error {
		if err := load(tx); err != nil || !there || o.Dead {
			return err
		}
		o.Dead = true
		return kv.Store(tx, openKey(person, id), o)
	})
	if err != nil || !there {
		return err
	}
	for _, account := range o.Accounts {
		s := shelf{l.Vault, Account{Person: person, ID: account}}
		for {
			var rows []kv.Entry
			err := l.DB.View(ctx, func(tx kv.Tx) (err error) {
				rows, err = s.sheets(tx, "", func(of string) bool { return of == id }, false, clearBatch)
				return err
			})
			if err != nil {
				return err
			}
			if len(rows) == 0 {
				break
			}
			err = l.DB.Update(ctx, func(tx kv.Tx) error {
				for _, e := range rows {
					if err := tx.Delete(e.Key); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return l.DB.Update(ctx, func(tx kv.Tx) error { return tx.Delete(openKey(person, id)) })
}

// sweepImports clears away what imports have left that nobody is at any more:
// their process died, or could not clear up after them. One process has the
// store; where several come to share one, this wants a lease.
func (l *Ledger) sweepImports(ctx context.Context) error {
	for rows, err := range kv.Batches(ctx, l.DB, kv.Prefix("ledger open"), fadeBatch) {
		if err != nil {
			return err
		}
		for _, row := range rows {
			var o opening
			if err := kv.Decode(row.Value, &o); err != nil {
				return err
			}
			if _, runs := l.running.Load(o.Import); runs {
				continue
			}
			if err := l.clear(ctx, o.Person, o.Import); err != nil {
				return err
			}
		}
	}
	return nil
}

// condemn ends imports under way into an account: what they have written of
// others goes with the next sweep.
func condemn(tx kv.Tx, person, account string) error {
	var dead []opening
	for e, err := range tx.Scan(kv.Prefix("ledger open", person)) {
		if err != nil {
			return err
		}
		var o opening
		if err := kv.Decode(bytes.Clone(e.Value), &o); err != nil {
			return err
		}
		for _, a := range o.Accounts {
			if a == account && !o.Dead {
				o.Dead = true
				dead = append(dead, o)
			}
		}
	}
	for _, o := range dead {
		if err := kv.Store(tx, openKey(person, o.Import), o); err != nil {
			return err
		}
	}
	return nil
}
