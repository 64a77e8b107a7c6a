package ledger

import (
	"context"
	"errors"
	"math"
	"time"

	"jali/internal/kv"
	"jali/vault"
)

// fadeBatch is how many accounts fade before the next are looked for.
const fadeBatch = 16

// Sweep removes what sources have told and nobody has read for [KeepFor], and
// what imports have left that were not finished. Of a bill that had another id
// before, that stays.
func (l *Ledger) Sweep(ctx context.Context, now time.Time) error {
	if err := l.sweepImports(ctx); err != nil {
		return err
	}
	due := kv.Range{From: kv.Prefix("ledger due").From, To: kv.Key("ledger due", now.Add(time.Microsecond))}
	for rows, err := range kv.Batches(ctx, l.DB, due, fadeBatch) {
		if err != nil {
			return err
		}
		for _, row := range rows {
			var a Account
			if err := kv.Decode(row.Value, &a); err != nil {
				return err
			}
			if err := l.fade(ctx, a, row.Key, now); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *Ledger) fade(ctx context.Context, a Account, due []byte, now time.Time) error {
	all, err := l.Kept(ctx, []Wish{{Account: a}})
	if err != nil {
		return err
	}
	k := all[0]
	switch err := k.Open(ctx); {
	case errors.Is(err, vault.ErrShredded): // its connection is going: so do its rows
		return l.DB.Update(ctx, func(tx kv.Tx) error { return tx.Delete(due) })
	case err != nil:
		return err
	}
	k.Told, k.Settled, k.Whole, k.Mark, k.Points = nil, nil, time.Time{}, "", nil
	stays := k.Bills[:0]
	for _, b := range k.Bills {
		k.soil(b.At)
		if b.First != "" {
			stays = append(stays, b.bare())
		}
	}
	k.Bills, k.count = stays, 0
	if _, err := k.Seal(ctx, math.MaxInt); err != nil { // names are small
		return err
	}
	return l.DB.Update(ctx, func(tx kv.Tx) error {
		if now.Before(k.until) { // read meanwhile
			return tx.Delete(due)
		}
		if ok, err := l.Keep(tx, k); err != nil || !ok {
			return err // the next sweep finds it
		}
		if err := forgetDue(tx, a); err != nil {
			return err
		}
		if len(stays) == 0 {
			return tx.Delete(k.shelf.headKey())
		}
		return nil
	})
}

// forgetDue takes an account out of the list of what is to fade.
func forgetDue(tx kv.Tx, a Account) error {
	var h head
	ok, err := kv.Load(tx, shelf{Account: a}.headKey(), &h)
	if err != nil || !ok {
		return err
	}
	return tx.Delete(keptDue(h.Until, a))
}
