package boltkv

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"jali/internal/kv"
)

func fill(t testing.TB, db *DB, from, to int) {
	t.Helper()
	err := db.Update(context.Background(), func(tx kv.Tx) error {
		for i := from; i < to; i++ {
			if err := tx.Put(kv.Key("row", i), fmt.Appendf(nil, "value %06d", i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func count(t testing.TB, db *DB, reverse bool) int {
	t.Helper()
	n, r := 0, kv.Prefix("row")
	r.Reverse = reverse
	var last []byte
	err := db.View(context.Background(), func(tx kv.Tx) error {
		n, last = 0, nil
		for e, err := range tx.Scan(r) {
			if err != nil {
				return err
			}
			if last != nil && (bytes.Compare(last, e.Key) < 0) == reverse {
				return errors.New("out of order")
			}
			last = bytes.Clone(e.Key)
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestReopenKeepsRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jali.db")
	for i := range 3 {
		db, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		fill(t, db, i*2000, i*2000+2000) // several pages deep
		if f, b := count(t, db, false), count(t, db, true); f != (i+1)*2000 || b != f {
			t.Errorf("after open %d: %d rows forwards, %d backwards, want %d", i, f, b, (i+1)*2000)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Who only looks, or writes what is not kept, leaves the file as it was: a
// start that is refused has changed nothing.
func TestReadingLeavesEveryByte(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jali.db")
	failed := errors.New("not kept")
	opened := func(f func(*DB)) []byte {
		t.Helper()
		db, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		f(db)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	written := opened(func(db *DB) { fill(t, db, 0, 2000) })
	for why, look := range map[string]func(*DB){
		"opened": func(*DB) {},
		"read":   func(db *DB) { count(t, db, true) },
		"written in vain": func(db *DB) {
			if err := db.Update(context.Background(), func(tx kv.Tx) error { return errors.Join(tx.Put(kv.Key("row", 1), []byte("x")), failed) }); !errors.Is(err, failed) {
				t.Error(err)
			}
		},
	} {
		if got := opened(look); !bytes.Equal(got, written) {
			t.Errorf("%s: the file has changed", why)
		}
	}
	if got := opened(func(db *DB) { fill(t, db, 2000, 2001) }); bytes.Equal(got, written) {
		t.Error("written: the file has not changed: this test looks at the wrong thing")
	}
}

func TestNewFileIsWholeAndPrivate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "jali.db")
	db := openedAt(t, path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, want 0600", info.Mode().Perm())
	}
	if info.Size() != defaultGrow {
		t.Errorf("size = %d, want it grown to %d", info.Size(), defaultGrow)
	}
	if left, _ := filepath.Glob(path + "?*"); len(left) > 0 {
		t.Errorf("left beside it: %q", left)
	}
	_ = db
}

func TestOpenTogetherGivesOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jali.db")
	var wg sync.WaitGroup
	dbs, errs := make([]*DB, 8), make([]error, 8)
	for i := range dbs {
		wg.Go(func() { dbs[i], errs[i] = OpenWith(path, Options{Patience: time.Millisecond}) })
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		switch {
		case err == nil:
			won++
			fill(t, dbs[i], 0, 10)
			defer dbs[i].Close()
		case !errors.Is(err, ErrLocked):
			t.Errorf("Open = %v, want nil or ErrLocked", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of 8 opened the same file, want 1", won)
	}
}

func TestLockedSaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jali.db")
	openedAt(t, path)
	_, err := OpenWith(path, Options{Patience: time.Millisecond})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "another process has this database open") {
		t.Errorf("second Open = %v, want ErrLocked with words", err)
	}
}

func TestOpenWaitsOutACompaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jali.db")
	db := openedAt(t, path)
	fill(t, db, 0, 10)
	waits := make(chan error)
	go func() {
		other, err := OpenWith(path, Options{Patience: 200 * time.Millisecond})
		if err == nil {
			other.Close()
		}
		waits <- err
	}()
	for done := false; !done; {
		select {
		case err := <-waits:
			if !errors.Is(err, ErrLocked) {
				t.Errorf("Open during compactions = %v, want ErrLocked", err)
			}
			done = true
		default:
			if err := db.Compact(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestOpenRefusesAndLeavesUntouched(t *testing.T) {
	good := func(t *testing.T) []byte {
		path := filepath.Join(t.TempDir(), "good.db")
		db, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		fill(t, db, 0, 5000)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	raw := func(t *testing.T, f func(*bbolt.Tx) error) []byte {
		path := filepath.Join(t.TempDir(), "raw.db")
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(f); err != nil {
			t.Fatal(err)
		}
		db.Close()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	versioned := func(version []byte) func(*bbolt.Tx) error {
		return func(tx *bbolt.Tx) error {
			if _, err := tx.CreateBucket(rowsBucket); err != nil {
				return err
			}
			b, err := tx.CreateBucket(aboutBucket)
			if err != nil || version == nil {
				return err
			}
			return b.Put(schemaKey, version)
		}
	}
	page := os.Getpagesize()
	for _, tt := range []struct {
		why  string
		file func(*testing.T) []byte
		want error
	}{
		{"an empty file is not an empty database: something went wrong", func(*testing.T) []byte { return nil }, ErrDamaged},
		{"text", func(*testing.T) []byte { return []byte("hello\n") }, ErrDamaged},
		{"a megabyte of something else", func(*testing.T) []byte { return bytes.Repeat([]byte("0123456789abcdef"), 1<<16) }, ErrDamaged},
		{"one page of it", func(t *testing.T) []byte { return good(t)[:page] }, ErrDamaged},
		{"cut short", func(t *testing.T) []byte { return good(t)[:20*page] }, ErrDamaged},
		{"cut within a page", func(t *testing.T) []byte { return good(t)[:20*page+100] }, ErrDamaged},
		{"both meta pages are noise", func(t *testing.T) []byte {
			b := good(t)
			copy(b[:2*page], bytes.Repeat([]byte("x"), 2*page))
			return b
		}, ErrDamaged},
		{"zeros in the middle", func(t *testing.T) []byte {
			b := good(t)
			clear(b[4*page : 60*page])
			return b
		}, ErrDamaged},
		{"another program's bolt file", func(t *testing.T) []byte {
			return raw(t, func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err })
		}, ErrDamaged},
		{"no schema version", func(t *testing.T) []byte { return raw(t, versioned(nil)) }, ErrDamaged},
		{"schema version of no size", func(t *testing.T) []byte { return raw(t, versioned([]byte("1"))) }, ErrDamaged},
		{"schema version 0", func(t *testing.T) []byte { return raw(t, versioned(make([]byte, 8))) }, ErrDamaged},
		{"a later version's file", func(t *testing.T) []byte {
			return raw(t, versioned(binary.BigEndian.AppendUint64(nil, Schema+1)))
		}, ErrNewer},
		{"a former version's file", func(t *testing.T) []byte {
			return raw(t, versioned(binary.BigEndian.AppendUint64(nil, Schema-1)))
		}, ErrOlder},
	} {
		t.Run(tt.why, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "jali.db")
			before := tt.file(t)
			if err := os.WriteFile(path, before, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := Open(path)
			if !errors.Is(err, tt.want) {
				if err == nil {
					db.Close()
				}
				t.Fatalf("Open = %v, want %v", err, tt.want)
			}
			after, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(before, after) {
				t.Errorf("the file was changed (%v)", err)
			}
		})
	}
}

// A file that was closed well is not read through when it is large, so what
// it lacks has to be told from its size.
func TestALargeFileCutShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jali.db")
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(context.Background(), func(tx kv.Tx) error {
		for i := range 20 {
			if err := tx.Put(kv.Key("row", i), make([]byte, 1<<20)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	m, err := readMeta(f, info.Size())
	if err != nil || m.list == noList || m.pages*uint64(m.pageSize) <= alwaysInspect {
		t.Fatalf("readMeta = %+v, %v; want a list of free pages and more than %d bytes", m, err, alwaysInspect)
	}
	again, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, again, false); n != 20 {
		t.Errorf("%d rows, want 20", n)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 17<<20); err != nil {
		t.Fatal(err)
	}
	if cut, err := Open(path); !errors.Is(err, ErrDamaged) {
		if err == nil {
			cut.Close()
		}
		t.Errorf("Open of a cut file = %v, want ErrDamaged", err)
	}
}

func TestOpenWhereItCannot(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "no", "such", "folder.db"), dir} {
		if db, err := Open(path); err == nil {
			db.Close()
			t.Errorf("Open(%q) = nil, want an error", path)
		}
	}
}

// TestDamageNeverEndsTheProcess opens files with random bytes turned, and
// reads them through if they open.
func TestDamageNeverEndsTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jali.db")
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, db, 0, 3000)
	var used int64
	_ = db.read(func(tx *bbolt.Tx) error { used = tx.Size(); return nil })
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for range 150 {
		b := bytes.Clone(good)
		for range random.IntN(200) + 1 {
			// Mostly in the headers of pages, where it hurts.
			at := random.Int64N(used/4096)*4096 + random.Int64N(64)
			b[at] ^= byte(1 + random.IntN(255))
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := Open(path)
		if err != nil {
			refused++
			continue
		}
		_ = db.View(context.Background(), func(tx kv.Tx) error {
			for _, err := range tx.Scan(kv.Range{}) {
				if err != nil {
					return err
				}
			}
			return nil
		})
		_ = db.Close()
	}
	if refused == 0 {
		t.Error("no damaged file was refused: the damage missed")
	}
}

func TestSweepRemovesWhatACrashLeft(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "odd [name]*")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "keys.db")
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	left, other := path+tempMark+"ABC", filepath.Join(dir, "other.db"+tempMark+"ABC")
	for _, f := range []string{left, other} {
		if err := os.WriteFile(f, []byte("keys of the dead"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	openedAt(t, path)
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("Stat(%q) = %v, want it gone", left, err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("another database's file: %v, want it left alone", err)
	}
}

func FuzzInspect(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seed.db")
	db, err := OpenWith(path, Options{Grow: 1})
	if err != nil {
		f.Fatal(err)
	}
	fill(f, db, 0, 200)
	db.Close()
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed, uint16(0), uint64(0))
	f.Add(seed, uint16(4096*2+10), ^uint64(0))
	f.Add([]byte("x"), uint16(0), uint64(7))
	f.Fuzz(func(t *testing.T, b []byte, at uint16, v uint64) {
		b = bytes.Clone(b)
		if int(at)+8 <= len(b) {
			binary.NativeEndian.PutUint64(b[at:], v)
		}
		file, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := file.Write(b); err != nil {
			t.Fatal(err)
		}
		_ = inspect(file) // an answer, whatever it is
	})
}
