package boltkv

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"jali/internal/durable"
	"jali/internal/kv"
)

// Compact rewrites the file with nothing in it but what is stored now: bbolt
// copies on write, so what was deleted or overwritten stays in the file's free
// pages until then. Views go on during the copy, Updates wait; at the end the
// new file takes the old one's place. If that fails the old one stays. It
// answers when the old file is gone, so after those who still read it; nobody
// else waits for them.
func (db *DB) Compact(ctx context.Context) error {
	old, err := db.replace(ctx)
	if old != nil {
		err = errors.Join(err, old.Close())
	}
	return err
}

// replace answers the file that is no longer in use.
func (db *DB) replace(ctx context.Context) (old *handle, err error) {
	db.writing.Lock()
	defer db.writing.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := db.refuses(); err != nil {
		return nil, err
	}
	temp := db.path + tempMark + rand.Text()
	defer os.Remove(temp)
	fresh, err := openBolt(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, db.options, nil)
	if err != nil {
		return nil, err
	}
	err = copyInto(ctx, fresh.DB, db.bolt.DB)
	if err == nil {
		err = fresh.finish()
	}
	if err != nil {
		return nil, errors.Join(err, fresh.Close())
	}

	db.gate.Lock()
	defer db.gate.Unlock()
	if err := os.Rename(temp, db.path); err != nil {
		return nil, errors.Join(errFile.Because(err), fresh.Close())
	}
	old, db.bolt = db.bolt, fresh
	if err := durable.Names(filepath.Dir(db.path)); err != nil {
		// After a power cut the old file might be back, without what is
		// written from here on: so nothing is.
		db.stop(err)
		return old, kv.ErrUnknown.Because(err)
	}
	return old, nil
}

// copyBatch bounds the memory that a copy takes.
const copyBatch = 4 << 20

func copyInto(ctx context.Context, dst, src *bbolt.DB) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return bbolt.Compact(dst, src, copyBatch)
}
