package boltkv

import (
	"context"
	"encoding/binary"

	"go.etcd.io/bbolt"

	"jali/internal/kv"
)

// Frozen is a store as it stood at one instant, for whoever reads longer than
// a closure should. The pages it looks at cannot be used again until it is
// closed, so that the file grows by what is written meanwhile. It writes
// nothing and is for one goroutine.
type Frozen struct {
	reader
	Schema uint64 // of the file, for [Load]
	Size   int64  // of the file: its rows take less

	file *handle
	tx   *bbolt.Tx
}

var _ kv.Tx = (*Frozen)(nil)

// Freeze answers what the stores held at one and the same instant: just what
// a crash at that moment would have left of them. Nobody who writes waits for
// it. A store that is written without a pause is best named last.
func Freeze(ctx context.Context, stores ...*DB) ([]*Frozen, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		all := make([]*Frozen, 0, len(stores))
		for _, db := range stores {
			f, err := db.freeze()
			if err != nil {
				closeAll(all)
				return nil, err
			}
			all = append(all, f)
		}
		// If none but the last was written since it was begun, all of them
		// stand as they did when the last was begun.
		same := true
		for i := 0; same && i < len(stores)-1; i++ {
			f, err := stores[i].freeze()
			if err != nil {
				closeAll(all)
				return nil, err
			}
			same = f.file == all[i].file && f.tx.ID() == all[i].tx.ID()
			f.Close()
		}
		if same {
			return all, nil
		}
		closeAll(all)
	}
}

func (db *DB) freeze() (*Frozen, error) {
	h, tx, err := db.begin()
	if err != nil {
		return nil, err
	}
	f := &Frozen{reader: reader{rows: tx.Bucket(rowsBucket)}, Size: tx.Size(), file: h, tx: tx}
	if v := tx.Bucket(aboutBucket).Get(schemaKey); len(v) == 8 {
		f.Schema = binary.BigEndian.Uint64(v)
	}
	return f, nil
}

func closeAll(all []*Frozen) {
	for _, f := range all {
		f.Close()
	}
}

// Close lets the pages go. Closing twice is no mistake.
func (f *Frozen) Close() {
	if !f.over {
		f.over = true
		_ = f.tx.Rollback()
	}
}
