package webhook

import (
	"context"
	"errors"
	"time"

	"jali/internal/kv"
)

const (
	// keep is how long an event can wait, and be replayed once it has ended.
	keep      = 30 * 24 * time.Hour
	sweepStep = 256
)

// Sweep removes events that ended [keep] ago, and gives up those that have
// waited as long. It reads two indexes by time, in small transactions.
func (o *Outbox) Sweep(ctx context.Context) error {
	now := o.now()
	ended := kv.Prefix(room, "ends")
	ended.To = kv.Key(room, "ends", now)
	stale := kv.Prefix(room, "waiting")
	stale.To = kv.Key(room, "waiting", now.Add(-keep))
	return errors.Join(
		o.sweep(ctx, ended, func(tx kv.Tx, r Delivery) error {
			if err := tx.Delete(r.endsKey()); err != nil {
				return err
			}
			return tx.Delete(r.key())
		}),
		o.sweep(ctx, stale, func(tx kv.Tx, r Delivery) error { return r.leave(tx, now, GivenUp) }),
	)
}

// sweep does away with what an index range names.
func (o *Outbox) sweep(ctx context.Context, of kv.Range, away func(kv.Tx, Delivery) error) error {
	for {
		var some bool
		// Looked at first without writing: an idle outbox stays idle.
		if err := o.DB.View(ctx, func(tx kv.Tx) (err error) {
			_, some, err = end(tx, of)
			return err
		}); err != nil || !some {
			return err
		}
		if err := o.DB.Update(ctx, func(tx kv.Tx) error {
			list, err := refs(tx, of, sweepStep)
			if err != nil {
				return err
			}
			for _, f := range list {
				r, found, err := f.load(tx)
				if err != nil {
					return err
				}
				if !found {
					return errLost
				}
				if err := away(tx, r); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
}

func refs(tx kv.Tx, r kv.Range, most int) ([]ref, error) {
	var list []ref
	for e, err := range tx.Scan(r) {
		if err != nil {
			return nil, err
		}
		var f ref
		if err := kv.Decode(e.Value, &f); err != nil {
			return nil, err
		}
		if list = append(list, f); len(list) == most {
			break
		}
	}
	return list, nil
}
