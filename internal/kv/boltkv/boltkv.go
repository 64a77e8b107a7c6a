// Package boltkv keeps a [kv.DB] in one file, with bbolt.
//
// Updates that arrive together share one bolt transaction and so one fsync:
// whoever comes while a commit is in flight joins the next group. Nobody waits
// for company, but before a group commits it lets run what is ready to: on a
// busy machine that is others on their way here. Each closure runs in its
// caller's own goroutine, one after the other, on an overlay over what the
// group has so far; it is merged only if it returned nil, since bbolt has no
// savepoints. A closure that fails, panics or exits its goroutine harms its
// own caller alone: the panic goes up where it arose.
//
// A closure that failed may have failed because of what an earlier one of its
// group wrote. So its error, too, is answered only when the group is on disk;
// if that does not come about it is [kv.ErrUnknown] like for all the others.
//
// Do not nest: an Update inside a closure on the same DB waits for itself.
// [Freeze] reads for longer than a closure should, and several stores at once.
//
// The file has two buckets: "rows", and "about" with the schema version. While
// in use it holds no list of free pages; a clean [DB.Close] writes one, so
// that only a file left by a crash, or one under 16 MiB, is read through when
// it is opened. A file that was opened and only read stays as it was, byte for
// byte.
package boltkv

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"jali/internal/fault"
	"jali/internal/kv"
)

var (
	// ErrLocked means that another process has the file open: stop it, or talk
	// to it.
	ErrLocked = &fault.Error{Kind: fault.Unavailable, Code: "database_locked", Owner: fault.Us,
		Detail: "another process has this database open"}

	// ErrDamaged is a file that is not a whole database of ours. It is left as
	// it is found: restore a backup beside it.
	ErrDamaged = &fault.Error{Kind: fault.Unavailable, Code: "database_damaged", Owner: fault.Us,
		Detail: "this file is not a database of Jali's or is damaged; it has been left untouched, restore a backup"}

	// ErrNewer is a file written by a later Jali.
	ErrNewer = &fault.Error{Kind: fault.Unavailable, Code: "database_newer", Owner: fault.Us,
		Detail: "this database was written by a newer version of Jali; run that version or a later one"}

	// ErrOlder is a file of a version before the first release.
	ErrOlder = &fault.Error{Kind: fault.Unavailable, Code: "database_older", Owner: fault.Us,
		Detail: "this database was made by an older version of Jali, which this one cannot read; use that version, nothing was changed"}

	errFile = &fault.Error{Kind: fault.Unavailable, Code: "database_file", Owner: fault.Us,
		Detail: "the database file cannot be opened or made"}
	errRow = &fault.Error{Kind: fault.Internal, Code: "storage_row",
		Detail: "a row needs a key of 1 to 32768 bytes and a value that is not empty"}
	errOver = &fault.Error{Kind: fault.Internal, Code: "transaction_over",
		Detail: "a transaction was used after its closure had returned"}
)

// Options for [OpenWith]. The zero Options are those of [Open].
type Options struct {
	// Grow is how many bytes a new file gets at once, and by how many it grows
	// later: writing into a hole costs the file system more than writing into
	// blocks it has. Default 1 MiB; never less than 64 KiB.
	Grow int

	// Patience is how long to wait for another process to let go of the file.
	// Default one second.
	Patience time.Duration
}

const (
	defaultGrow     = 1 << 20
	leastGrow       = 64 << 10
	defaultPatience = time.Second
)

// DB is a [kv.DB] in a bolt file.
type DB struct {
	path    string
	options Options

	// writing is held by whoever changes the file: a group, Compact, Close.
	// gate is held to begin reading, and by Compact and Close to change
	// handles. writing is taken before gate.
	writing sync.Mutex
	gate    sync.RWMutex
	bolt    *handle
	wedged  bool // a commit died halfway and bolt's own locks may be held

	mu       sync.Mutex
	queue    []*member
	draining bool
	closed   bool
	stopped  error

	commit func(*bbolt.Tx) error // bolt's; tests put a failing one here
}

var _ kv.DB = (*DB)(nil)

// Open opens the database file at path, or makes it: whole or not at all, and
// readable by its owner alone. Errors: [ErrLocked], [ErrDamaged], [ErrNewer],
// [ErrOlder].
func Open(path string) (*DB, error) { return OpenWith(path, Options{}) }

// OpenWith is [Open] with options.
func OpenWith(path string, o Options) (*DB, error) {
	if o.Grow == 0 {
		o.Grow = defaultGrow
	}
	o.Grow = max(o.Grow, leastGrow)
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, errFile.Because(err)
	}
	if p, err := filepath.EvalSymlinks(path); err == nil {
		path = p
	}
	h, err := open(path, o)
	if err != nil {
		return nil, err
	}
	return &DB{path: path, options: o, bolt: h, commit: (*bbolt.Tx).Commit}, nil
}

// View runs f over what was committed when it began. Keep it short: the pages
// it looks at cannot be used again while it lasts.
func (db *DB) View(ctx context.Context, f func(kv.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return db.read(func(tx *bbolt.Tx) error {
		r := &reader{rows: tx.Bucket(rowsBucket)}
		defer func() { r.over = true }()
		return f(r)
	})
}

func (db *DB) read(f func(*bbolt.Tx) error) error {
	_, tx, err := db.begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return f(tx)
}

// begin holds the gate for a moment only: a file that is given up is closed
// when the last who reads it has ended.
func (db *DB) begin() (*handle, *bbolt.Tx, error) {
	db.gate.RLock()
	defer db.gate.RUnlock()
	if db.bolt == nil {
		return nil, nil, kv.ErrStopped
	}
	tx, err := db.bolt.Begin(false)
	if err != nil {
		return nil, nil, kv.ErrStopped.Because(err)
	}
	return db.bolt, tx, nil
}

// Close waits for running transactions and lets the file go. Later calls, and
// Updates that still wait for their turn, answer [kv.ErrStopped].
func (db *DB) Close() error {
	db.mu.Lock()
	already := db.closed
	db.closed = true
	stopped := db.stopped
	db.mu.Unlock()
	if already {
		return nil
	}
	db.writing.Lock()
	defer db.writing.Unlock()
	db.gate.Lock()
	h := db.bolt
	db.bolt = nil
	db.gate.Unlock()
	switch {
	case h == nil:
		return nil
	case db.wedged:
		return errors.Join(unlock(h.file), h.file.Close())
	case stopped != nil || !h.changed:
		return h.Close()
	}
	return errors.Join(h.listFree(), h.Close())
}

// Writable answers nil while Updates are taken, and [kv.ErrStopped] with the
// cause once they are not. Reading may go on after that: an operator's check
// that only reads would call a stopped store healthy.
func (db *DB) Writable() error { return db.refuses() }

// stop makes every later write fail.
func (db *DB) stop(cause error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.stopped == nil {
		db.stopped = cause
	}
}

// refuses answers why nothing may be written, or nil.
func (db *DB) refuses() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.refusesLocked()
}

func (db *DB) refusesLocked() error {
	switch {
	case db.stopped != nil:
		return kv.ErrStopped.Because(db.stopped)
	case db.closed:
		return kv.ErrStopped
	}
	return nil
}
