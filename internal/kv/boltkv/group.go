package boltkv

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync/atomic"

	"go.etcd.io/bbolt"

	"jali/internal/fault"
	"jali/internal/kv"
)

// maxGroup ends a group, so that the first of it does not wait for ever.
const maxGroup = 512

// member is one Update. It is waiting until the committer calls it or its
// context ends, whichever comes first.
type member struct {
	state atomic.Int32
	turn  chan *overlay // the committer's call; nil: not called any more
	ran   chan bool     // the closure is over; whether to keep what it wrote
	done  chan error    // what became of the group
}

const (
	waiting int32 = iota
	called
	gone
)

// Update runs f in the caller's goroutine when its turn comes and answers
// when the group it was part of is on disk. A context that ends before the
// turn ends the wait; after that the outcome is waited for.
func (db *DB) Update(ctx context.Context, f func(kv.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m := &member{turn: make(chan *overlay, 1), ran: make(chan bool, 1), done: make(chan error, 1)}
	if err := db.join(m); err != nil {
		return err
	}
	var o *overlay
	select {
	case o = <-m.turn:
	case <-ctx.Done():
		if m.state.CompareAndSwap(waiting, gone) {
			return ctx.Err()
		}
		o = <-m.turn
	}
	if o == nil {
		return <-m.done
	}
	if err := ctx.Err(); err != nil {
		m.ran <- false
		return err
	}
	err := m.run(o, f)
	if outcome := <-m.done; outcome != nil {
		return outcome
	}
	return err
}

func (m *member) run(o *overlay, f func(kv.Tx) error) (err error) {
	keep := false
	defer func() {
		o.over = true
		m.ran <- keep
	}()
	err = f(o)
	keep = err == nil
	return err
}

func (db *DB) join(m *member) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := db.refusesLocked(); err != nil {
		return err
	}
	db.queue = append(db.queue, m)
	if !db.draining {
		db.draining = true
		go db.drain()
	}
	return nil
}

// drain is the committer: it takes groups while anybody waits.
func (db *DB) drain() {
	for {
		db.writing.Lock()
		first := db.next(true)
		if len(first) == 0 {
			db.writing.Unlock()
			return
		}
		db.settle(first)
		db.writing.Unlock()
	}
}

// next takes those who wait. With end set, an empty queue ends the draining.
func (db *DB) next(end bool) []*member {
	db.mu.Lock()
	defer db.mu.Unlock()
	q := db.queue
	db.queue = nil
	if end && len(q) == 0 {
		db.draining = false
	}
	return q
}

// settle runs members, and those who come meanwhile, and commits them.
func (db *DB) settle(members []*member) {
	var (
		tx      *bbolt.Tx
		rows    *bbolt.Bucket
		err     = db.refuses()
		waiters []*member
		dirty   bool
	)
	if err == nil {
		if tx, err = db.bolt.Begin(true); err == nil {
			rows = tx.Bucket(rowsBucket)
		}
	}
	for n := 0; len(members) > 0; {
		for _, m := range members {
			if !m.state.CompareAndSwap(waiting, called) {
				continue
			}
			n++
			if err != nil {
				m.turn <- nil
				m.done <- err
				continue
			}
			o := &overlay{reader: reader{rows: rows}}
			m.turn <- o
			switch keep := <-m.ran; {
			case keep && len(o.writes) > 0:
				dirty = true
				err = o.mergeInto(rows)
				waiters = append(waiters, m)
			case dirty:
				waiters = append(waiters, m)
			default:
				m.done <- nil
			}
		}
		members = nil
		if n < maxGroup {
			runtime.Gosched() // whoever is about to come comes now, and shares the commit
			members = db.next(false)
		}
	}
	switch {
	case tx == nil:
	case err != nil:
		_ = tx.Rollback()
	case !dirty:
		_ = tx.Rollback()
	default:
		db.bolt.changed = true
		if err = db.commitGroup(tx); err != nil {
			db.stop(err)
			err = kv.ErrUnknown.Because(err)
		}
	}
	for _, m := range waiters {
		m.done <- err
	}
}

// commitGroup makes a panic inside bbolt, or a fault on a page that cannot be
// read, an error.
func (db *DB) commitGroup(tx *bbolt.Tx) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			db.wedged = true
			err = fault.Panicked(p)
		}
	}()
	return db.commit(tx)
}
