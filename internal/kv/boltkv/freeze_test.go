package boltkv

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"jali/internal/kv"
)

// Whoever counts in one store and then in the other never finds the second
// ahead, and the first ahead by no more than one.
func TestFreezeIsOneInstant(t *testing.T) {
	ctx := context.Background()
	a, b := opened(t), opened(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for name := range 4 {
		wg.Go(func() {
			for n := uint64(1); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				for _, db := range []*DB{a, b} {
					err := db.Update(ctx, func(tx kv.Tx) error {
						return tx.Put(kv.Key("count", name), binary.BigEndian.AppendUint64(nil, n))
					})
					if err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	at := func(tx kv.Tx, name int) uint64 {
		v, err := tx.Get(kv.Key("count", name))
		if err != nil {
			t.Fatal(err)
		}
		if v == nil {
			return 0
		}
		return binary.BigEndian.Uint64(v)
	}
	apart := func(a, b kv.Tx) (worst uint64) {
		for name := range 4 {
			if first, second := at(a, name), at(b, name); second > first {
				worst = max(worst, second-first+1)
			} else {
				worst = max(worst, first-second)
			}
		}
		return worst
	}
	// The harness has to see stores that are frozen one after the other.
	first, err := a.freeze()
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.freeze()
	for err == nil && apart(first, second) <= 1 {
		second.Close()
		second, err = b.freeze()
	}
	if err != nil {
		t.Fatal(err)
	}
	closeAll([]*Frozen{first, second})

	for range 1000 {
		frozen, err := Freeze(ctx, a, b)
		if err != nil {
			t.Fatal(err)
		}
		if n := apart(frozen[0], frozen[1]); n > 1 {
			t.Fatalf("two stores are frozen %d steps apart", n)
		}
		closeAll(frozen)
	}
	close(stop)
	wg.Wait()
}

func TestFrozenHoldsNobodyUp(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "jali.db")
	db := openedAt(t, path)
	fill200 := func(from int) { fill(t, db, from, from+200) }
	fill200(0)
	frozen, err := Freeze(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	fill200(200)
	compacted := make(chan error, 1)
	go func() { compacted <- db.Compact(ctx) }()
	for { // the compaction has put its file in place and waits for us alone
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		held, err := frozen[0].file.file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if !os.SameFile(info, held) {
			break
		}
	}
	fill200(400)
	if n := count(t, db, false); n != 600 {
		t.Errorf("%d rows while one reads an older state, want 600", n)
	}
	n := 0
	for _, err := range frozen[0].Scan(kv.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 200 {
		t.Errorf("%d rows are frozen, want the 200 of that moment", n)
	}
	if err := frozen[0].Put(kv.Key("a"), []byte("b")); !errors.Is(err, kv.ErrReadOnly) {
		t.Errorf("Put into what is frozen = %v, want ErrReadOnly", err)
	}
	select {
	case err := <-compacted:
		t.Errorf("Compact = %v while the old file is still read", err)
	default:
	}
	frozen[0].Close()
	frozen[0].Close()
	if err := <-compacted; err != nil {
		t.Errorf("Compact = %v", err)
	}
	if _, err := frozen[0].Get(kv.Key("a")); err == nil {
		t.Error("Get of what was let go = nil, want an error")
	}
}

func TestLoadMakesTheSame(t *testing.T) {
	ctx := context.Background()
	db := opened(t)
	fill(t, db, 0, 30_000) // more than one batch
	frozen, err := Freeze(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	defer frozen[0].Close()
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := Load(ctx, path, frozen[0].Schema, frozen[0].Scan(kv.Range{})); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v; want 0600", info.Mode(), err)
	}
	loaded := openedAt(t, path)
	err = loaded.View(ctx, func(tx kv.Tx) error {
		next, stop := iter.Pull2(tx.Scan(kv.Range{}))
		defer stop()
		for want, err := range frozen[0].Scan(kv.Range{}) {
			got, gotErr, ok := next()
			if err = errors.Join(err, gotErr); err != nil {
				return err
			}
			if !ok || string(got.Key) != string(want.Key) || string(got.Value) != string(want.Value) {
				t.Fatalf("a row is %q, %t; want %q", got.Key, ok, want.Key)
			}
		}
		if _, _, ok := next(); ok {
			t.Error("more rows than there were")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := Load(ctx, path, Schema, frozen[0].Scan(kv.Range{})); err == nil {
		t.Error("Load over a file = nil, want an error")
	}
	if n := count(t, loaded, false); n != 30_000 {
		t.Errorf("%d rows after a Load that was refused, want 30000", n)
	}
}

func TestLoadLeavesNothing(t *testing.T) {
	row := func(k, v string) kv.Entry { return kv.Entry{Key: []byte(k), Value: []byte(v)} }
	broken := errors.New("the source broke")
	ended, end := context.WithCancel(context.Background())
	end()
	for name, tt := range map[string]struct {
		ctx    context.Context
		schema uint64
		rows   []kv.Entry
		err    error
		want   error
	}{
		"out of order":       {schema: Schema, rows: []kv.Entry{row("b", "x"), row("a", "x")}, want: ErrDamaged},
		"the same twice":     {schema: Schema, rows: []kv.Entry{row("a", "x"), row("a", "y")}, want: ErrDamaged},
		"no key":             {schema: Schema, rows: []kv.Entry{row("", "x")}, want: ErrDamaged},
		"no value":           {schema: Schema, rows: []kv.Entry{row("a", "")}, want: ErrDamaged},
		"too long a key":     {schema: Schema, rows: []kv.Entry{row(string(make([]byte, 40_000)), "x")}, want: ErrDamaged},
		"a later schema":     {schema: Schema + 1, want: ErrNewer},
		"a former schema":    {schema: Schema - 1, want: ErrOlder},
		"no schema":          {schema: 0, want: ErrDamaged},
		"a source that ends": {schema: Schema, rows: []kv.Entry{row("a", "x")}, err: broken, want: broken},
		"an ended context":   {ctx: ended, schema: Schema, rows: []kv.Entry{row("a", "x")}, want: context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.ctx == nil {
				tt.ctx = context.Background()
			}
			err := Load(tt.ctx, filepath.Join(dir, "jali.db"), tt.schema, func(yield func(kv.Entry, error) bool) {
				for _, e := range tt.rows {
					if !yield(e, nil) {
						return
					}
				}
				if tt.err != nil {
					yield(kv.Entry{}, tt.err)
				}
			})
			if !errors.Is(err, tt.want) {
				t.Errorf("Load = %v, want %v", err, tt.want)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
