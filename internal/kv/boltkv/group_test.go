package boltkv

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"go.etcd.io/bbolt"

	"jali/internal/kv"
)

var errTest = errors.New("of the test")

func put(key string) func(kv.Tx) error {
	return func(tx kv.Tx) error { return tx.Put(kv.Key(key), []byte("x")) }
}

func has(t *testing.T, db *DB, key string) bool {
	t.Helper()
	var found bool
	if err := db.View(context.Background(), func(tx kv.Tx) error {
		b, err := tx.Get(kv.Key(key))
		found = b != nil
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

// held makes every commit wait for a word, and counts them.
func held(db *DB) (commits *atomic.Int32, arrived chan struct{}, goOn chan error) {
	commits, arrived, goOn = new(atomic.Int32), make(chan struct{}), make(chan error)
	db.commit = func(tx *bbolt.Tx) error {
		commits.Add(1)
		arrived <- struct{}{}
		if err := <-goOn; err != nil {
			_ = tx.Rollback()
			return err
		}
		return tx.Commit()
	}
	return commits, arrived, goOn
}

// waitQueue returns when n Updates wait for the next group.
func waitQueue(db *DB, n int) {
	for {
		db.mu.Lock()
		waiting := len(db.queue)
		db.mu.Unlock()
		if waiting == n {
			return
		}
		runtime.Gosched()
	}
}

func TestUpdatesThatMeetShareACommit(t *testing.T) {
	db := opened(t)
	if err := db.Writable(); err != nil {
		t.Errorf("Writable = %v of a store that was just opened", err)
	}
	commits, arrived, goOn := held(db)
	ctx := context.Background()
	var wg sync.WaitGroup
	wg.Go(func() { _ = db.Update(ctx, put("first")) })
	<-arrived
	const others = 63
	errs := make([]error, others)
	for i := range others {
		wg.Go(func() {
			errs[i] = db.Update(ctx, func(tx kv.Tx) error { return tx.Put(kv.Key("row", i), []byte("x")) })
		})
	}
	waitQueue(db, others)
	goOn <- nil
	<-arrived
	goOn <- nil
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if n := commits.Load(); n != 2 {
		t.Errorf("64 Updates took %d commits, want 2", n)
	}
	if n := count(t, db, false); n != others {
		t.Errorf("%d rows, want %d", n, others)
	}
}

func TestAnUnknownCommitIsSaidToAllAndStops(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jali.db")
	db := openedAt(t, path)
	ctx := context.Background()
	if err := db.Update(ctx, put("before")); err != nil {
		t.Fatal(err)
	}
	_, arrived, goOn := held(db)
	var wg sync.WaitGroup
	errs := map[string]error{}
	var mu sync.Mutex
	update := func(name string, f func(kv.Tx) error) {
		wg.Go(func() {
			err := db.Update(ctx, f)
			mu.Lock()
			defer mu.Unlock()
			errs[name] = err
		})
	}
	update("opens the group", put("a"))
	<-arrived
	// All of these wait while the first commits. The first closure of the next
	// group to run decides what the others see.
	for _, name := range []string{"w1", "w2", "w3"} {
		update(name, func(tx kv.Tx) error {
			b, err := tx.Get(kv.Key("spent"))
			if err != nil {
				return err
			}
			if b != nil {
				return errTest // a no that rests on what is not on disk yet
			}
			return tx.Put(kv.Key("spent"), []byte(name))
		})
	}
	waitQueue(db, 3)
	goOn <- nil
	<-arrived
	goOn <- errTest
	wg.Wait()
	if errs["opens the group"] != nil {
		t.Errorf("the group before = %v, want nil", errs["opens the group"])
	}
	for _, name := range []string{"w1", "w2", "w3"} {
		if err := errs[name]; !errors.Is(err, kv.ErrUnknown) || !errors.Is(err, errTest) {
			t.Errorf("%s = %v, want ErrUnknown with its cause", name, err)
		}
	}
	if err := db.Update(ctx, put("later")); !errors.Is(err, kv.ErrStopped) {
		t.Errorf("a later Update = %v, want ErrStopped", err)
	}
	if err := db.Writable(); !errors.Is(err, kv.ErrStopped) || !errors.Is(err, errTest) {
		t.Errorf("Writable = %v, want ErrStopped with the cause of it", err)
	}
	if err := db.Compact(ctx); !errors.Is(err, kv.ErrStopped) {
		t.Errorf("a later Compact = %v, want ErrStopped", err)
	}
	if !has(t, db, "before") {
		t.Error("what was committed before cannot be read any more")
	}
	if err := db.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	if again := openedAt(t, path); !has(t, again, "before") || has(t, again, "spent") {
		t.Error("opened again: the row before is missing, or the failed one is there")
	}
}

func TestAPanicInACommitIsUnknown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jali.db")
	db := openedAt(t, path)
	db.commit = func(*bbolt.Tx) error { panic("bolt's assertion") }
	if err := db.Update(context.Background(), put("a")); !errors.Is(err, kv.ErrUnknown) {
		t.Errorf("Update = %v, want ErrUnknown", err)
	}
	if err := db.Close(); err != nil {
		t.Errorf("Close = %v, want it to let go of the file", err)
	}
	openedAt(t, path)
}

func TestTheClosureRunsInItsCallersGoroutine(t *testing.T) {
	db := opened(t)
	_, arrived, goOn := held(db)
	ctx := context.Background()
	var wg sync.WaitGroup
	wg.Go(func() { _ = db.Update(ctx, put("holds")) })
	<-arrived
	var exited, panicked, fine atomic.Bool
	wg.Go(func() {
		defer exited.Store(true)
		_ = db.Update(ctx, func(tx kv.Tx) error {
			_ = tx.Put(kv.Key("exited"), []byte("x"))
			runtime.Goexit() // as t.Fatal does
			return nil
		})
	})
	wg.Go(func() {
		defer func() { panicked.Store(recover() == any("ours")) }()
		_ = db.Update(ctx, func(tx kv.Tx) error {
			_ = tx.Put(kv.Key("panicked"), []byte("x"))
			panic("ours")
		})
	})
	wg.Go(func() { fine.Store(db.Update(ctx, put("fine")) == nil) })
	waitQueue(db, 3)
	goOn <- nil
	<-arrived
	goOn <- nil
	wg.Wait()
	if !exited.Load() || !panicked.Load() || !fine.Load() {
		t.Errorf("exited %t, panicked %t, fine %t; want all", exited.Load(), panicked.Load(), fine.Load())
	}
	if has(t, db, "exited") || has(t, db, "panicked") || !has(t, db, "fine") {
		t.Error("an ended closure's row was kept, or a good one lost")
	}
}

func TestAContextThatEndsInTheQueue(t *testing.T) {
	db := opened(t)
	_, arrived, goOn := held(db)
	var wg sync.WaitGroup
	wg.Go(func() { _ = db.Update(context.Background(), put("holds")) })
	<-arrived
	ctx, cancel := context.WithCancel(context.Background())
	got := make(chan error)
	go func() { got <- db.Update(ctx, put("never")) }()
	waitQueue(db, 1)
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) { // while the commit is still held
		t.Errorf("Update = %v, want canceled", err)
	}
	goOn <- nil
	wg.Wait()
	if has(t, db, "never") {
		t.Error("a closure ran after its caller had been told that it would not")
	}
}

func TestAContextThatEndsInTheClosureIsTooLate(t *testing.T) {
	db := opened(t)
	ctx, cancel := context.WithCancel(context.Background())
	err := db.Update(ctx, func(tx kv.Tx) error {
		cancel()
		return tx.Put(kv.Key("a"), []byte("x"))
	})
	if err != nil || !has(t, db, "a") {
		t.Errorf("Update = %v, stored: %t; want the outcome", err, has(t, db, "a"))
	}
}

func TestAfterClose(t *testing.T) {
	db := opened(t)
	ctx := context.Background()
	if err := db.Update(ctx, put("a")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Close(), db.Close()); err != nil {
		t.Errorf("Close twice = %v", err)
	}
	_, frozenErr := Freeze(ctx, db)
	for name, err := range map[string]error{
		"Update":  db.Update(ctx, put("b")),
		"View":    db.View(ctx, func(kv.Tx) error { return nil }),
		"Compact": db.Compact(ctx),
		"Freeze":  frozenErr,
	} {
		if !errors.Is(err, kv.ErrStopped) {
			t.Errorf("%s after Close = %v, want ErrStopped", name, err)
		}
	}
}

func TestCloseAmongUpdates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jali.db")
	db := openedAt(t, path)
	const goroutines = 32
	acked := make([]int, goroutines)
	started := make(chan struct{}, goroutines)
	var wg sync.WaitGroup
	for i := range goroutines {
		wg.Go(func() {
			for n := 0; ; n++ {
				err := db.Update(context.Background(), func(tx kv.Tx) error { return tx.Put(kv.Key("row", i, n), []byte("x")) })
				if n == 0 {
					started <- struct{}{}
				}
				if err != nil {
					if !errors.Is(err, kv.ErrStopped) {
						t.Errorf("Update = %v, want ErrStopped", err)
					}
					acked[i] = n
					return
				}
			}
		})
	}
	for range goroutines {
		<-started
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	total := 0
	for _, n := range acked {
		total += n
	}
	if n := count(t, openedAt(t, path), false); n != total {
		t.Errorf("%d rows, want exactly the %d that were acknowledged", n, total)
	}
}

func TestATransactionThatIsOver(t *testing.T) {
	db := opened(t)
	ctx := context.Background()
	var kept []kv.Tx
	keep := func(tx kv.Tx) error { kept = append(kept, tx); return nil }
	if err := errors.Join(db.Update(ctx, keep), db.View(ctx, keep)); err != nil {
		t.Fatal(err)
	}
	for _, tx := range kept {
		if _, err := tx.Get(kv.Key("a")); err == nil {
			t.Errorf("%T: Get after the closure = nil, want an error", tx)
		}
		if err := tx.Put(kv.Key("a"), []byte("x")); err == nil {
			t.Errorf("%T: Put after the closure = nil, want an error", tx)
		}
		for _, err := range tx.Scan(kv.Range{}) {
			if err == nil {
				t.Errorf("%T: Scan after the closure yields rows, want an error", tx)
			}
		}
	}
}

func TestWritingWhileScanning(t *testing.T) {
	db := opened(t)
	fill(t, db, 0, 500)
	err := db.Update(context.Background(), func(tx kv.Tx) error {
		n := 0
		for e, err := range tx.Scan(kv.Prefix("row")) {
			if err != nil {
				return err
			}
			if err := errors.Join(tx.Delete(e.Key), tx.Put(kv.Key("moved", n), e.Value)); err != nil {
				return err
			}
			n++
		}
		if n != 500 {
			t.Errorf("walked %d rows, want 500", n)
		}
		return nil
	})
	if n := count(t, db, false); err != nil || n != 0 {
		t.Errorf("Update = %v, %d rows left, want none", err, n)
	}
}
