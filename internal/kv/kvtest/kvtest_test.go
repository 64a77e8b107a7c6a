package kvtest

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"jali/internal/kv"
	"jali/internal/kv/boltkv"
)

// TestMain keeps rapid from remembering how a planted fault was found: the
// search has to find it each time.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("rapid.nofailfile", "true"); err != nil {
		panic(err)
	}
	m.Run()
}

// TestTheContractCatches plants one fault after the other in a store and
// names the checks that must not let it pass.
func TestTheContractCatches(t *testing.T) {
	for _, tt := range []struct {
		fault string
		plant *faulty
		by    []func(rapid.TB, kv.DB)
	}{
		{"a lost write", &faulty{every: 7, lose: true}, []func(rapid.TB, kv.DB){counter, mixed}},
		{"a failed closure's writes are kept", &faulty{keepFailed: true}, []func(rapid.TB, kv.DB){failed, mixed, model}},
		{"a panicking closure's writes are kept", &faulty{keepPanicked: true}, []func(rapid.TB, kv.DB){panicked}},
		{"reads happen before the transaction", &faulty{stale: true}, []func(rapid.TB, kv.DB){counter, skew}},
		{"own writes are not seen", &faulty{blind: true}, []func(rapid.TB, kv.DB){ownWrites, scans, model}},
		{"a delete is forgotten", &faulty{noDelete: true}, []func(rapid.TB, kv.DB){put, scans, model}},
		{"backwards is forwards", &faulty{forwards: true}, []func(rapid.TB, kv.DB){scans, scanStops, model}},
		{"a scan's last row is lost", &faulty{short: true}, []func(rapid.TB, kv.DB){scans, model}},
		{"an empty value passes", &faulty{anyRow: true}, []func(rapid.TB, kv.DB){refused}},
		{"arguments are not copied", &faulty{alias: true}, []func(rapid.TB, kv.DB){binary}},
		{"a view writes", &faulty{viewWrites: true}, []func(rapid.TB, kv.DB){readOnly}},
		{"contexts are not looked at", &faulty{deaf: true}, []func(rapid.TB, kv.DB){ended}},
		{"the error is another", &faulty{words: true}, []func(rapid.TB, kv.DB){failed, readOnly}},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			for i, check := range tt.by {
				db := tt.plant
				db.DB = store(t)
				if !fails(check, db) {
					t.Errorf("check %d let it pass", i)
				}
			}
		})
	}
	for _, c := range checks {
		if fails(c.run, &faulty{DB: store(t)}) {
			t.Errorf("%q fails without a fault", c.name)
		}
	}
}

func store(t *testing.T) kv.DB {
	db, err := boltkv.Open(filepath.Join(t.TempDir(), "jali.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func fails(check func(rapid.TB, kv.DB), db kv.DB) bool {
	r := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.Error(p)
			}
		}()
		check(r, db)
	}()
	<-done
	return r.Failed()
}

// recorder is a test that only remembers whether it failed.
type recorder struct {
	mu  sync.Mutex
	bad bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Name() string          { return "planted" }
func (r *recorder) Logf(string, ...any)   {}
func (r *recorder) Log(...any)            {}
func (r *recorder) Skipf(string, ...any)  { r.FailNow() }
func (r *recorder) Skip(...any)           { r.FailNow() }
func (r *recorder) SkipNow()              { r.FailNow() }
func (r *recorder) Errorf(string, ...any) { r.Fail() }
func (r *recorder) Error(...any)          { r.Fail() }
func (r *recorder) Fatalf(string, ...any) { r.FailNow() }
func (r *recorder) Fatal(...any)          { r.FailNow() }
func (r *recorder) FailNow()              { r.Fail(); runtime.Goexit() }
func (r *recorder) Fail()                 { r.mu.Lock(); r.bad = true; r.mu.Unlock() }
func (r *recorder) Failed() bool          { r.mu.Lock(); defer r.mu.Unlock(); return r.bad }

// faulty is a store with one thing wrong.
type faulty struct {
	kv.DB
	every                                                   int
	lose, keepFailed, keepPanicked, stale, blind, noDelete  bool
	forwards, short, anyRow, alias, viewWrites, deaf, words bool
	mu                                                      sync.Mutex
	updates                                                 int
}

func (db *faulty) View(ctx context.Context, f func(kv.Tx) error) error {
	if db.deaf {
		ctx = context.Background()
	}
	return db.said(db.DB.View(ctx, func(tx kv.Tx) error { return f(&faultyTx{Tx: tx, db: db, view: true}) }))
}

func (db *faulty) said(err error) error {
	if db.words && err != nil {
		return fmt.Errorf("failed: %v", err)
	}
	return err
}

func (db *faulty) Update(ctx context.Context, f func(kv.Tx) error) error {
	if db.deaf {
		ctx = context.Background()
	}
	db.mu.Lock()
	db.updates++
	lost := db.lose && db.updates%db.every == 0
	db.mu.Unlock()
	var out error
	var p any
	run := func(tx kv.Tx) error {
		defer func() {
			if db.keepPanicked {
				p = recover()
			}
		}()
		ftx := &faultyTx{Tx: tx, db: db, lost: lost}
		if out = f(ftx); out != nil {
			return out
		}
		for _, e := range ftx.held {
			if err := tx.Put(e.Key, e.Value); err != nil {
				return err
			}
		}
		return nil
	}
	var err error
	if db.stale {
		err = db.updateStale(ctx, run)
	} else {
		err = db.DB.Update(ctx, func(tx kv.Tx) error {
			if err := run(tx); err != nil && !db.keepFailed {
				return err
			}
			return nil
		})
	}
	if p != nil {
		panic(p)
	}
	if db.keepFailed && err == nil {
		err = out
	}
	return db.said(err)
}

// updateStale runs f over a view and writes what it wrote afterwards.
func (db *faulty) updateStale(ctx context.Context, f func(kv.Tx) error) error {
	var log []step
	err := db.DB.View(ctx, func(tx kv.Tx) error {
		log = nil
		return f(logged{tx, &log})
	})
	if err != nil {
		return err
	}
	return db.DB.Update(ctx, func(tx kv.Tx) error {
		for _, s := range log {
			if s.remove {
				if err := tx.Delete(s.key); err != nil {
					return err
				}
			} else if err := tx.Put(s.key, []byte(s.value)); err != nil {
				return err
			}
		}
		return nil
	})
}

type logged struct {
	kv.Tx
	log *[]step
}

func (l logged) Put(k, v []byte) error {
	*l.log = append(*l.log, step{key: slices.Clone(k), value: string(v)})
	return nil
}

func (l logged) Delete(k []byte) error {
	*l.log = append(*l.log, step{key: slices.Clone(k), remove: true})
	return nil
}

type faultyTx struct {
	kv.Tx
	db         *faulty
	view, lost bool
	log        []step
	held       []kv.Entry
}

func (tx *faultyTx) Get(key []byte) ([]byte, error) {
	if tx.db.blind {
		for _, s := range tx.log {
			if string(s.key) == string(key) {
				return nil, nil
			}
		}
	}
	return tx.Tx.Get(key)
}

func (tx *faultyTx) Put(key, value []byte) error {
	switch {
	case tx.view && tx.db.viewWrites, tx.lost:
		return nil
	case tx.db.anyRow && len(value) == 0:
		return nil
	case tx.db.blind:
		tx.log = append(tx.log, step{key: slices.Clone(key)})
	case tx.db.alias:
		tx.held = append(tx.held, kv.Entry{Key: key, Value: value})
		return nil
	}
	return tx.Tx.Put(key, value)
}

func (tx *faultyTx) Delete(key []byte) error {
	if tx.db.noDelete || tx.view && tx.db.viewWrites {
		return nil
	}
	return tx.Tx.Delete(key)
}

func (tx *faultyTx) Scan(r kv.Range) iter.Seq2[kv.Entry, error] {
	if tx.db.forwards {
		r.Reverse = false
	}
	if !tx.db.short && !tx.db.blind {
		return tx.Tx.Scan(r)
	}
	return func(yield func(kv.Entry, error) bool) {
		var rows []kv.Entry
		for e, err := range tx.Tx.Scan(r) {
			if err != nil {
				yield(e, err)
				return
			}
			if slices.ContainsFunc(tx.log, func(s step) bool { return string(s.key) == string(e.Key) }) {
				continue
			}
			rows = append(rows, e)
		}
		if tx.db.short && len(rows) > 0 {
			rows = rows[:len(rows)-1]
		}
		for _, e := range rows {
			if !yield(e, nil) {
				return
			}
		}
	}
}
