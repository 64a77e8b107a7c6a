package kv_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"jali/internal/kv"
	"jali/internal/kv/boltkv"
)

// twice runs each View again, as a store may: what the first run left behind
// must not count.
type twice struct{ kv.DB }

func (db twice) View(ctx context.Context, f func(kv.Tx) error) error {
	if err := db.DB.View(ctx, f); err != nil {
		return err
	}
	return db.DB.View(ctx, f)
}

func TestBatchesMeetEachRowOnce(t *testing.T) {
	ctx := context.Background()
	db, err := boltkv.Open(filepath.Join(t.TempDir(), "jali.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	const rows = 12
	if err := db.Update(ctx, func(tx kv.Tx) error {
		for i := range rows {
			if err := tx.Put(kv.Key("walk", i), []byte{byte(i + 1)}); err != nil {
				return err
			}
		}
		return errors.Join(tx.Put(kv.Key("wal"), []byte{99}), tx.Put(kv.Key("walks"), []byte{99}))
	}); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 5, 6, rows, rows + 1} { // some end a batch with the range
		for _, r := range []kv.Range{kv.Prefix("walk"), kv.Prefix("walk").Backwards()} {
			var met []byte
			for batch, err := range kv.Batches(ctx, twice{db}, r, n) {
				if err != nil || len(batch) == 0 || len(batch) > n {
					t.Fatalf("a batch of %d, %v; want 1 to %d", len(batch), err, n)
				}
				for _, e := range batch {
					met = append(met, e.Value...)
				}
				// The loop may write, its own rows too.
				if err := db.Update(ctx, func(tx kv.Tx) error { return tx.Put(batch[0].Key, batch[0].Value) }); err != nil {
					t.Fatal(err)
				}
			}
			if r.Reverse {
				slices.Reverse(met)
			}
			if want := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}; !slices.Equal(met, want) {
				t.Errorf("by %d, backwards %v: %v, want %v", n, r.Reverse, met, want)
			}
		}
	}
	for range kv.Batches(ctx, db, kv.Prefix("walk"), 5) {
		break // no more is read
	}
	for range kv.Batches(ctx, db, kv.Prefix("nothing"), 5) {
		t.Error("a batch of nothing")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, err := range kv.Batches(ctx, db, kv.Prefix("walk"), 5) {
		if !errors.Is(err, kv.ErrStopped) {
			t.Errorf("a closed store: %v, want ErrStopped", err)
		}
	}
}
