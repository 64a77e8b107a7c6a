// Package kvtest is the contract of [kv.DB] as a test, which every store must
// pass. It writes under a first key element of its own, "kvtest".
package kvtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"jali/internal/kv"
)

// Run runs the contract against db, which may hold other rows.
func Run(t *testing.T, db kv.DB) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.run(t, db) })
	}
}

// checks take a rapid.TB, so that their own test can watch them fail.
var checks = []struct {
	name string
	run  func(rapid.TB, kv.DB)
}{
	{"what is put is there, and what is deleted is not", put},
	{"a failed closure keeps nothing", failed},
	{"a panicking closure keeps nothing", panicked},
	{"a closure sees its own writes", ownWrites},
	{"scans see pending rows and deletes, both ways", scans},
	{"an early end of a scan", scanStops},
	{"rows without key or value are refused", refused},
	{"keys and values are any bytes and are copied", binary},
	{"a view does not write", readOnly},
	{"a view sees one state", oneState},
	{"counting under 64 goroutines", counter},
	{"failures among 64 goroutines harm nobody else", mixed},
	{"no write skew", skew},
	{"an ended context", ended},
	{"the same as a map", model},
}

var errOurs = errors.New("kvtest: ours")

// room makes keys that no other check uses.
func room() func(...any) []byte {
	id := rand.Text()
	return func(e ...any) []byte { return kv.Key(append([]any{"kvtest", id}, e...)...) }
}

func update(t rapid.TB, db kv.DB, f func(kv.Tx) error) {
	t.Helper()
	if err := db.Update(context.Background(), f); err != nil {
		t.Fatalf("Update = %v, want nil", err)
	}
}

func get(t rapid.TB, db kv.DB, key []byte) string {
	t.Helper()
	var got string
	err := db.View(context.Background(), func(tx kv.Tx) error {
		b, err := tx.Get(key)
		got = string(b)
		return err
	})
	if err != nil {
		t.Fatalf("Get(%q) = %v", key, err)
	}
	return got
}

func want(t rapid.TB, db kv.DB, key []byte, value string) {
	t.Helper()
	if got := get(t, db, key); got != value {
		t.Fatalf("Get(%q) = %q, want %q", key, got, value)
	}
}

// all reads a range as "value value …".
func all(tx kv.Tx, r kv.Range) (string, error) {
	var b bytes.Buffer
	for e, err := range tx.Scan(r) {
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%s ", e.Value)
	}
	return string(bytes.TrimSpace(b.Bytes())), nil
}

func put(t rapid.TB, db kv.DB) {
	key := room()
	update(t, db, func(tx kv.Tx) error {
		return errors.Join(tx.Put(key("a"), []byte("1")), tx.Put(key("b"), []byte("2")))
	})
	want(t, db, key("a"), "1")
	update(t, db, func(tx kv.Tx) error {
		return errors.Join(tx.Put(key("a"), []byte("3")), tx.Delete(key("b")), tx.Delete(key("never")))
	})
	want(t, db, key("a"), "3")
	want(t, db, key("b"), "")
}

func failed(t rapid.TB, db kv.DB) {
	key := room()
	update(t, db, func(tx kv.Tx) error { return tx.Put(key("kept"), []byte("1")) })
	err := db.Update(context.Background(), func(tx kv.Tx) error {
		return errors.Join(tx.Put(key("new"), []byte("2")), tx.Put(key("kept"), []byte("2")), errOurs)
	})
	if !errors.Is(err, errOurs) {
		t.Fatalf("Update = %v, want the closure's own error", err)
	}
	want(t, db, key("new"), "")
	want(t, db, key("kept"), "1")
}

func panicked(t rapid.TB, db kv.DB) {
	key := room()
	func() {
		defer func() {
			if p := recover(); p != any("ours") {
				t.Errorf("recovered %v, want the closure's own panic", p)
			}
		}()
		_ = db.Update(context.Background(), func(tx kv.Tx) error {
			if err := tx.Put(key("a"), []byte("1")); err != nil {
				return err
			}
			panic("ours")
		})
	}()
	want(t, db, key("a"), "")
	update(t, db, func(tx kv.Tx) error { return tx.Put(key("a"), []byte("2")) })
	want(t, db, key("a"), "2")
}

func ownWrites(t rapid.TB, db kv.DB) {
	key := room()
	update(t, db, func(tx kv.Tx) error { return tx.Put(key("old"), []byte("1")) })
	update(t, db, func(tx kv.Tx) error {
		if err := errors.Join(tx.Put(key("new"), []byte("2")), tx.Delete(key("old"))); err != nil {
			return err
		}
		n, err1 := tx.Get(key("new"))
		o, err2 := tx.Get(key("old"))
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if string(n) != "2" || o != nil {
			t.Errorf("inside: new %q, old %q; want 2 and nothing", n, o)
		}
		return nil
	})
}

func scans(t rapid.TB, db kv.DB) {
	key := room()
	update(t, db, func(tx kv.Tx) error {
		for i := range 9 {
			if err := tx.Put(key("s", i*10), []byte(strconv.Itoa(i*10))); err != nil {
				return err
			}
		}
		return nil
	})
	from, to := key("s", 20), key("s", 60)
	for _, tt := range []struct {
		why  string
		r    kv.Range
		want string
	}{
		{"a whole prefix", kv.Range{From: key("s"), To: key("t")}, "0 10 15 20 25 35 40 70 80"},
		{"and back", kv.Range{From: key("s"), To: key("t"), Reverse: true}, "80 70 40 35 25 20 15 10 0"},
		{"From belongs to it and To does not", kv.Range{From: from, To: to}, "20 25 35 40"},
		{"and back", kv.Range{From: from, To: to, Reverse: true}, "40 35 25 20"},
		{"bounds between rows", kv.Range{From: key("s", 21), To: key("s", 41)}, "25 35 40"},
		{"and back", kv.Range{From: key("s", 21), To: key("s", 41), Reverse: true}, "40 35 25"},
		{"nothing in it", kv.Range{From: key("s", 71), To: key("s", 79)}, ""},
		{"the wrong way round", kv.Range{From: to, To: from}, ""},
		{"the wrong way round, back", kv.Range{From: to, To: from, Reverse: true}, ""},
	} {
		update(t, db, func(tx kv.Tx) error {
			err := errors.Join(
				tx.Put(key("s", 15), []byte("15")), tx.Put(key("s", 35), []byte("35")), tx.Put(key("s", 25), []byte("25")),
				tx.Delete(key("s", 30)), tx.Delete(key("s", 50)), tx.Delete(key("s", 60)), tx.Delete(key("s", 99)))
			if err != nil {
				return err
			}
			got, err := all(tx, tt.r)
			if got != tt.want {
				t.Errorf("%s: Scan = %q, want %q", tt.why, got, tt.want)
			}
			return err
		})
		err := db.View(context.Background(), func(tx kv.Tx) error {
			got, err := all(tx, tt.r)
			if got != tt.want {
				t.Errorf("%s, committed: Scan = %q, want %q", tt.why, got, tt.want)
			}
			return err
		})
		if err != nil {
			t.Fatalf("View = %v", err)
		}
	}
	// Open ends reach the other rows of the store, and this check's own among them.
	for _, reverse := range []bool{false, true} {
		n := 0
		update(t, db, func(tx kv.Tx) error {
			n = 0
			for e, err := range tx.Scan(kv.Range{Reverse: reverse}) {
				if err != nil {
					return err
				}
				if bytes.HasPrefix(e.Key, key("s")) {
					n++
				}
			}
			return nil
		})
		if n != 9 {
			t.Errorf("an unbounded scan, reverse %t, saw %d of 9 rows", reverse, n)
		}
	}
}

func scanStops(t rapid.TB, db kv.DB) {
	key := room()
	update(t, db, func(tx kv.Tx) error {
		for i := range 5 {
			if err := tx.Put(key(i), []byte(strconv.Itoa(i))); err != nil {
				return err
			}
		}
		for _, tt := range []struct {
			reverse bool
			want    string
		}{{false, "0"}, {true, "4"}} {
			for e, err := range tx.Scan(kv.Range{From: key(0), To: key(5), Reverse: tt.reverse}) {
				if err != nil {
					return err
				}
				if string(e.Value) != tt.want {
					t.Errorf("first row, reverse %t = %q, want %q", tt.reverse, e.Value, tt.want)
				}
				break
			}
		}
		return nil
	})
}

func refused(t rapid.TB, db kv.DB) {
	key := room()
	for _, tt := range []struct {
		why        string
		key, value []byte
	}{
		{"an empty value would read as absent", key("a"), []byte{}},
		{"no value", key("a"), nil},
		{"no key", nil, []byte("1")},
	} {
		update(t, db, func(tx kv.Tx) error {
			if err := tx.Put(tt.key, tt.value); err == nil {
				t.Errorf("%s: Put = nil, want an error", tt.why)
			}
			return nil
		})
	}
	want(t, db, key("a"), "")
}

func binary(t rapid.TB, db kv.DB) {
	key := room()
	rows := []string{"\x00", "\x00\x00", "\x00\xff", "\x01", "\xff", "\xff\xff", "花窗", "'; --"}
	update(t, db, func(tx kv.Tx) error {
		buf, val := make([]byte, 0, 99), make([]byte, 0, 99)
		for _, r := range rows {
			buf, val = append(append(buf[:0], key()...), r...), append(val[:0], r...)
			if err := tx.Put(buf, val); err != nil {
				return err
			}
		}
		for i := range buf {
			buf[i] = 'x'
		}
		for i := range val {
			val[i] = 'x'
		}
		return nil
	})
	for _, r := range rows {
		want(t, db, append(key(), r...), r)
	}
}

func readOnly(t rapid.TB, db kv.DB) {
	key := room()
	err := db.View(context.Background(), func(tx kv.Tx) error {
		for _, err := range []error{tx.Put(key("a"), []byte("1")), tx.Delete(key("a"))} {
			if !errors.Is(err, kv.ErrReadOnly) {
				t.Errorf("a write in View = %v, want ErrReadOnly", err)
			}
		}
		return errOurs
	})
	if !errors.Is(err, errOurs) {
		t.Errorf("View = %v, want the closure's own error", err)
	}
	want(t, db, key("a"), "")
}

func oneState(t rapid.TB, db kv.DB) {
	key := room()
	set := func(n int) error {
		return db.Update(context.Background(), func(tx kv.Tx) error {
			v := []byte(strconv.Itoa(n))
			return errors.Join(tx.Put(key("x"), v), tx.Put(key("y"), v))
		})
	}
	if err := set(0); err != nil {
		t.Fatalf("Update = %v", err)
	}
	together(t, 8, func(i int) error {
		for n := range 20 {
			if i%2 == 0 {
				if err := set(i*100 + n); err != nil {
					return err
				}
				continue
			}
			err := db.View(context.Background(), func(tx kv.Tx) error {
				x, err1 := tx.Get(key("x"))
				y, err2 := tx.Get(key("y"))
				if !bytes.Equal(x, y) {
					return fmt.Errorf("a view saw %q beside %q, want equal", x, y)
				}
				return errors.Join(err1, err2)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// together runs f in n goroutines and fails with the first error.
func together(t rapid.TB, n int, f func(int) error) {
	t.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("%v", err)
	}
}

func number(tx kv.Tx, key []byte) (int, error) {
	b, err := tx.Get(key)
	if err != nil || b == nil {
		return 0, err
	}
	return strconv.Atoi(string(b))
}

func counter(t rapid.TB, db kv.DB) {
	key := room()
	const goroutines, each = 64, 10
	together(t, goroutines, func(int) error {
		for range each {
			err := db.Update(context.Background(), func(tx kv.Tx) error {
				n, err := number(tx, key("n"))
				if err != nil {
					return err
				}
				return tx.Put(key("n"), []byte(strconv.Itoa(n+1)))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	want(t, db, key("n"), strconv.Itoa(goroutines*each))
}

func mixed(t rapid.TB, db kv.DB) {
	key := room()
	const goroutines, each = 64, 6
	together(t, goroutines, func(i int) error {
		for n := range each {
			fails := (i+n)%3 == 0
			err := db.Update(context.Background(), func(tx kv.Tx) error {
				total, err := number(tx, key("total"))
				if err != nil {
					return err
				}
				if err := errors.Join(tx.Put(key("row", i, n), []byte("x")), tx.Put(key("total"), []byte(strconv.Itoa(total+1)))); err != nil {
					return err
				}
				if fails {
					return errOurs
				}
				return nil
			})
			if errors.Is(err, errOurs) != fails || err != nil && !fails {
				return fmt.Errorf("goroutine %d: Update = %v, should fail: %t", i, err, fails)
			}
		}
		return nil
	})
	kept := 0
	for i := range goroutines {
		for n := range each {
			v := "x"
			if (i+n)%3 == 0 {
				v = ""
			} else {
				kept++
			}
			want(t, db, key("row", i, n), v)
		}
	}
	want(t, db, key("total"), strconv.Itoa(kept))
}

// skew: of two who may each leave while the other stays, one must stay.
func skew(t rapid.TB, db kv.DB) {
	for range 10 {
		key := room()
		update(t, db, func(tx kv.Tx) error {
			return errors.Join(tx.Put(key(0), []byte("in")), tx.Put(key(1), []byte("in")))
		})
		together(t, 2, func(i int) error {
			return db.Update(context.Background(), func(tx kv.Tx) error {
				other, err := tx.Get(key(1 - i))
				if err != nil || other == nil {
					return err
				}
				return tx.Delete(key(i))
			})
		})
		if get(t, db, key(0))+get(t, db, key(1)) != "in" {
			t.Fatalf("both left, or none")
		}
	}
}

func ended(t rapid.TB, db kv.DB) {
	key := room()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	ran := false
	err := db.Update(ctx, func(tx kv.Tx) error {
		ran = true
		return tx.Put(key("a"), []byte("1"))
	})
	if !errors.Is(err, context.Canceled) || ran {
		t.Errorf("Update with an ended context = %v, closure ran: %t; want canceled and not run", err, ran)
	}
	if err := db.View(ctx, func(kv.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("View with an ended context = %v, want canceled", err)
	}
}
