// Package kv is the one seam to storage: ordered keys in serializable
// transactions, nothing more.
//
// A key is a tuple made by [Key]; tuples sort element by element, and a tuple
// sorts before every longer one that begins with it. Each room of the house
// keeps its rows under a first element of its own, named in its package
// comment, and touches no other's.
//
// A closure given to View or Update may run more than once, so it touches
// nothing outside its Tx: clocks are read and ids drawn before it, and results
// are assigned, not accumulated. Transactions never nest.
package kv

import (
	"context"
	"iter"

	"jali/internal/fault"
)

// DB is a store. [jali/internal/kv/kvtest.Run] is its contract as a test.
type DB interface {
	// View runs f over one consistent state. Writing in it fails.
	View(ctx context.Context, f func(Tx) error) error

	// Update runs f and commits what it wrote, durably, before it answers. If
	// f fails nothing of it is kept and its error is answered as it is. An
	// error that is [ErrUnknown] means that the commit may or may not have
	// happened: the caller says so and never takes it for a no.
	Update(ctx context.Context, f func(Tx) error) error

	Close() error
}

// Tx reads and writes within one transaction. It is not safe for use by
// several goroutines, nor after its closure has returned.
type Tx interface {
	// Get answers nil where there is no such key. The value must not be
	// changed and is valid until the closure returns.
	Get(key []byte) ([]byte, error)

	// Put stores a copy of value, which is not empty.
	Put(key, value []byte) error

	// Delete is no error where there is no such key.
	Delete(key []byte) error

	// Scan walks a range in key order, or backwards. Entries are valid until
	// the closure returns. Whether it sees what the loop's body writes is
	// not said: collect first, then write.
	Scan(r Range) iter.Seq2[Entry, error]
}

// Entry is one row.
type Entry struct{ Key, Value []byte }

// Range is the keys k with From <= k < To; a nil To has no end.
type Range struct {
	From, To []byte
	Reverse  bool
}

var (
	// ErrUnknown is a commit whose outcome nobody knows. The store refuses
	// every later write until it is opened again.
	ErrUnknown = &fault.Error{Kind: fault.Unavailable, Code: "outcome_unknown", Owner: fault.Us,
		Detail: "it is not known whether this was stored; look before trying again"}

	// ErrStopped is answered by a store that has met ErrUnknown or was closed.
	ErrStopped = &fault.Error{Kind: fault.Unavailable, Code: "storage_stopped", Owner: fault.Us,
		Detail: "the storage has stopped; try again later"}

	// ErrRecord is a stored record that is not what once was stored. Nothing is
	// decided by it, and it is left as it is: an operator restores a backup.
	ErrRecord = &fault.Error{Kind: fault.Unavailable, Code: "record_damaged", Owner: fault.Us,
		Detail: "something that is stored here is damaged; nothing was changed, and this can be answered once the operator has put it right"}

	// ErrReadOnly is a write inside View: a fault of ours.
	ErrReadOnly = &fault.Error{Kind: fault.Internal, Code: "read_only",
		Detail: "a write in a read-only transaction"}
)
