// Package backup writes what a house holds into one encrypted stream, and
// makes a house's files out of it again.
//
// The unit is the backup: all rows of the stores of one house, as they stood
// at one instant. It holds rows, not pages of a database file, so what was
// deleted is in none that is made afterwards, and it opens on any machine and
// into any store. What is sealed in the rows stays sealed: neither the
// key-encryption key nor the anchor is in a backup.
//
// It is one age file (age-encryption.org/v1), in which stand
//
//	"jali backup 1" and a line feed
//	a [Header], as JSON
//	for each store that it names, in that order:
//	    for each row, in key order: the key, the value
//	    an empty frame
//	how many rows and bytes each store had and their SHA-256, as JSON
//	a MAC over both pieces of JSON, under a key of the house's
//
// where everything but the first line is a frame: its length as an unsigned
// varint (encoding/binary), and as many bytes. A store's SHA-256 is over its
// frames, without the empty one. age notices what was cut, changed or
// appended, but encrypts for a public key: that a backup is of this house and
// not of somebody who knows that key, the MAC shows.
//
// A backup is made in two steps, since the stores must not wait for whoever
// takes it away: encrypted into a [Spool], then out of it. It is taken back in
// three: unpacked beside its place, checked, put in place.
//
// This package knows nothing of what the rows mean.
package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"iter"
	"strings"
	"syscall"
	"time"

	"jali/internal/fault"
	"jali/internal/kv"
)

var (
	// ErrRecipient is a recipient that is none of age's own.
	ErrRecipient = &fault.Error{Kind: fault.Invalid, Code: "backup_recipient",
		Detail: "a recipient is the public half of an age key, age1… or age1pq1…: make a key with `age-keygen`"}

	// ErrIdentity is an identity file without an identity.
	ErrIdentity = &fault.Error{Kind: fault.Invalid, Code: "backup_identity",
		Detail: "an identity file has lines AGE-SECRET-KEY-…, as `age-keygen` writes it"}

	// ErrStranger is a backup that was made for other recipients.
	ErrStranger = &fault.Error{Kind: fault.Invalid, Code: "backup_for_others",
		Detail: "none of these identities opens this backup: it was made for other recipients"}

	// ErrNoBackup is something else than a backup.
	ErrNoBackup = &fault.Error{Kind: fault.Invalid, Code: "backup_none",
		Detail: "this is no backup of Jali's: name a file that `jali backup` has made"}

	// ErrBroken is a backup that is not whole.
	ErrBroken = &fault.Error{Kind: fault.Invalid, Code: "backup_broken",
		Detail: "this backup is cut short or was changed: fetch it once more, or take another"}

	// ErrVersion is a backup in a format that this version does not know.
	ErrVersion = &fault.Error{Kind: fault.Invalid, Code: "backup_version",
		Detail: "this backup is in a format of another version of Jali: restore it with the version that made it"}

	// ErrForged is a backup that the house of its keyring has not made.
	ErrForged = &fault.Error{Kind: fault.Denied, Code: "backup_forged",
		Detail: "this backup was not made by the house whose key and anchor these are: do not use it"}

	// ErrSpace is a disk without room.
	ErrSpace = &fault.Error{Kind: fault.Unavailable, Code: "backup_space", Owner: fault.Us,
		Detail: "there is not enough room on the disk; make some, or name a folder on another disk"}

	errRow = &fault.Error{Kind: fault.Internal, Code: "backup_row",
		Detail: "a row is larger than a backup can hold"}
)

const (
	mark       = "jali backup "
	firstLine  = mark + "1\n"
	mostLine   = 64
	mostJSON   = 64 << 10
	mostKey    = 32 << 10
	mostValue  = 1 << 28
	mostStores = 16
)

// Header is what a backup says of itself.
type Header struct {
	Made   time.Time `json:"made"`
	Ring   string    `json:"ring"` // the keyring whose key and anchor open what is sealed
	Term   uint32    `json:"term"` // an anchor of this term opens it, and one of an earlier
	Stores []Store   `json:"stores"`
}

// Store is one of a house's stores. Its rows are walked once, in key order.
type Store struct {
	Name   string                     `json:"name"` // of its file
	Schema uint64                     `json:"schema"`
	Rows   iter.Seq2[kv.Entry, error] `json:"-"`
}

// Sums are what a backup says at its end: what its stores held, in the order
// of [Header.Stores].
type Sums struct {
	Stores []Sum `json:"stores"`
}

// Sum is what one store held.
type Sum struct {
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"` // of keys and values
	SHA256 []byte `json:"sha256"`
}

// Equal reports whether two stores held the same.
func (s Sum) Equal(t Sum) bool {
	return s.Rows == t.Rows && s.Bytes == t.Bytes && bytes.Equal(s.SHA256, t.SHA256)
}

// Rows of all stores.
func (s Sums) Rows() (n int64) {
	for _, one := range s.Stores {
		n += one.Rows
	}
	return n
}

// Sign is a MAC over parts under a key of the house's, which every term has.
type Sign func(parts ...string) []byte

// Progress is told now and then how far a store is.
type Progress func(store string, rows, bytes int64)

// often is after how many rows that is, and how often a context is looked at.
const often = 1 << 12

// SumOf walks rows as a backup would, so that a store can be held against it.
func SumOf(ctx context.Context, rows iter.Seq2[kv.Entry, error]) (Sum, error) {
	return copyRows(ctx, newFrames(io.Discard), Store{Rows: rows}, nil)
}

// copyRows writes a store's frames.
func copyRows(ctx context.Context, w *frames, s Store, told Progress) (sum Sum, err error) {
	w.sum = sha256.New()
	for e, err := range s.Rows {
		switch {
		case err != nil:
			return Sum{}, err
		case len(e.Key) == 0 || len(e.Key) > mostKey || len(e.Value) == 0 || len(e.Value) > mostValue:
			return Sum{}, errRow
		}
		if err := errors.Join(w.frame(e.Key), w.frame(e.Value)); err != nil {
			return Sum{}, err
		}
		sum.Rows++
		sum.Bytes += int64(len(e.Key) + len(e.Value))
		if sum.Rows%often == 0 {
			if err := ctx.Err(); err != nil {
				return Sum{}, err
			}
			if told != nil {
				told(s.Name, sum.Rows, sum.Bytes)
			}
		}
	}
	if told != nil {
		told(s.Name, sum.Rows, sum.Bytes)
	}
	sum.SHA256 = w.sum.Sum(nil)
	w.sum = nil
	return sum, ctx.Err()
}

// spaced gives the error of a full disk its name. bbolt tells of some by their
// words alone.
func spaced(err error) error {
	for _, full := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if err != nil && (errors.Is(err, full) || strings.Contains(err.Error(), full.Error())) {
			return ErrSpace.Because(err)
		}
	}
	return err
}
