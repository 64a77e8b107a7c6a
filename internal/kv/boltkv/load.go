package boltkv

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"jali/internal/durable"
	"jali/internal/fault"
	"jali/internal/kv"
)

// Load makes a database file out of rows in key order, dense, and on disk when
// it answers. Nothing may be at path; what a Load that fails has made there, it
// takes away. Errors: [ErrNewer] for a schema that is not known yet,
// [ErrOlder] for one that is not any more, [ErrDamaged] for rows that no
// database can have held, and those of rows.
func Load(ctx context.Context, path string, schema uint64, rows iter.Seq2[kv.Entry, error]) error {
	if err := known(schema); err != nil {
		return err
	}
	h, err := openBolt(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, Options{Grow: defaultGrow}, nil)
	if err != nil {
		return err
	}
	err = h.Update(func(tx *bbolt.Tx) error { return layOut(tx, schema) })
	if err == nil {
		err = insert(ctx, h.DB, rows)
	}
	if err == nil {
		err = errors.Join(h.listFree(), h.finish())
	}
	if err = errors.Join(err, h.Close()); err == nil {
		err = durable.Names(filepath.Dir(path))
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// insert puts rows in, in transactions of some [copyBatch] bytes.
func insert(ctx context.Context, db *bbolt.DB, rows iter.Seq2[kv.Entry, error]) error {
	var batch []kv.Entry
	held := 0
	flush := func() error {
		err := db.Update(func(tx *bbolt.Tx) error {
			bucket := tx.Bucket(rowsBucket)
			bucket.FillPercent = 1
			for _, e := range batch {
				if err := bucket.Put(e.Key, e.Value); err != nil {
					return err
				}
			}
			return nil
		})
		batch, held = batch[:0], 0
		return errors.Join(err, ctx.Err())
	}
	var last []byte
	for e, err := range rows {
		switch {
		case err != nil:
			return err
		case len(e.Key) == 0 || len(e.Key) > bbolt.MaxKeySize || len(e.Value) == 0:
			return ErrDamaged.Because(errRow)
		case bytes.Compare(last, e.Key) >= 0:
			return ErrDamaged.Because(fault.Cause("the rows are out of order"))
		}
		last = bytes.Clone(e.Key)
		batch = append(batch, kv.Entry{Key: last, Value: bytes.Clone(e.Value)})
		if held += len(e.Key) + len(e.Value); held >= copyBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}
