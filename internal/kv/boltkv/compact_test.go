package boltkv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"jali/internal/kv"
)

func TestCompactForgetsBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.db")
	db := openedAt(t, path)
	ctx := context.Background()
	secret := []byte("a key that has to be gone")
	holds := func() bool {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(b, secret)
	}
	fill(t, db, 0, 500)
	if err := db.Update(ctx, func(tx kv.Tx) error { return tx.Put(kv.Key("row", 250, "x"), secret) }); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(ctx, func(tx kv.Tx) error { return tx.Delete(kv.Key("row", 250, "x")) }); err != nil {
		t.Fatal(err)
	}
	if !holds() {
		t.Fatal("the bytes are gone without a compaction: this test cannot fail")
	}
	if err := db.Compact(ctx); err != nil {
		t.Fatal(err)
	}
	if holds() {
		t.Error("the bytes are still in the file after Compact")
	}
	if n := count(t, db, false); n != 500 {
		t.Errorf("%d rows after Compact, want 500", n)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v; want 0600", info.Mode(), err)
	}
}

func TestCompactAmongUsers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jali.db")
	db := openedAt(t, path)
	ctx := context.Background()
	var wg sync.WaitGroup
	const goroutines, each = 8, 60
	for i := range goroutines {
		wg.Go(func() {
			for n := range each {
				key := kv.Key("row", i, n)
				if err := db.Update(ctx, func(tx kv.Tx) error { return tx.Put(key, fmt.Append(nil, n)) }); err != nil {
					t.Errorf("Update = %v", err)
					return
				}
				err := db.View(ctx, func(tx kv.Tx) error {
					if b, err := tx.Get(key); err != nil || b == nil {
						return fmt.Errorf("an acknowledged row is not there: %v", err)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for {
		if err := db.Compact(ctx); err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
		default:
			continue
		}
		break
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if n := count(t, openedAt(t, path), true); n != goroutines*each {
		t.Errorf("%d rows, want %d", n, goroutines*each)
	}
}

func TestCompactThatCannot(t *testing.T) {
	dir := t.TempDir()
	db := openedAt(t, filepath.Join(dir, "jali.db"))
	fill(t, db, 0, 10)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := db.Compact(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Compact with an ended context = %v, want canceled", err)
	}
	path := db.path
	db.path = filepath.Join(dir, "gone", "jali.db")
	if err := db.Compact(context.Background()); err == nil {
		t.Error("Compact into no folder = nil, want an error")
	}
	db.path = path
	fill(t, db, 10, 20)
	if n := count(t, db, false); n != 20 {
		t.Errorf("%d rows after two failed compactions, want 20", n)
	}
	if left, _ := filepath.Glob(db.path + "?*"); len(left) > 0 {
		t.Errorf("left beside it: %q", left)
	}
}
