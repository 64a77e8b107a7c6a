package kv_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"jali/internal/kv"
	"jali/internal/kv/boltkv"
)

type record struct {
	N    int
	List []string
}

func TestKnownIsNeverOutOfDate(t *testing.T) {
	ctx, at := context.Background(), kv.Key("at")
	db, err := boltkv.Open(filepath.Join(t.TempDir(), "jali.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	var known kv.Known[record]
	store := func(n int, then error) {
		t.Helper()
		if err := db.Update(ctx, func(tx kv.Tx) error { return errors.Join(known.Store(tx, at, record{N: n}), then) }); !errors.Is(err, then) {
			t.Fatal(err)
		}
	}
	reads := func(why string, n int, there bool) {
		t.Helper()
		if err := db.View(ctx, func(tx kv.Tx) error {
			for range 2 {
				if r, ok, err := known.Load(tx, at); err != nil || ok != there || r.N != n {
					t.Errorf("%s: Load = %v, %v, %v; want %d, %v", why, r, ok, err, n, there)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	write := func(f func(kv.Tx) error) {
		t.Helper()
		if err := db.Update(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	reads("nothing is there", 0, false)
	store(1, nil)
	reads("what was stored", 1, true)
	store(2, errors.New("undone"))
	reads("a transaction that was undone", 1, true)
	write(func(tx kv.Tx) error { return kv.Store(tx, at, record{N: 3}) })
	reads("written past it", 3, true)
	write(func(tx kv.Tx) error { return tx.Put(at, []byte("{")) })
	if err := db.View(ctx, func(tx kv.Tx) error { _, _, err := known.Load(tx, at); return err }); err == nil {
		t.Error("a row that cannot be read was read")
	}
	write(func(tx kv.Tx) error { return tx.Delete(at) })
	reads("deleted", 0, false)
}

// Others write and read the same rows, and more of them than are remembered.
func TestKnownByMany(t *testing.T) {
	db, err := boltkv.Open(filepath.Join(t.TempDir(), "jali.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	var known kv.Known[record]
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 400 {
				id := fmt.Sprint((i*400 + n) % 3000)
				err := db.Update(context.Background(), func(tx kv.Tx) error {
					at := kv.Key("at", id)
					if err := known.Store(tx, at, record{n, []string{id}}); err != nil {
						return err
					}
					if r, ok, err := known.Load(tx, at); err != nil || !ok || r.N != n || r.List[0] != id {
						t.Errorf("Load(%s) = %v, %v, %v; want %d", id, r, ok, err, n)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
