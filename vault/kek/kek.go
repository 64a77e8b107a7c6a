// Package kek holds key-encryption keys: what wraps the root keyring of the
// vault, and is the one key that is kept outside the database.
package kek

import (
	"context"

	"jali/internal/fault"
)

// KEK wraps and unwraps the root keyring. What Unwrap answers is exactly what
// Wrap was given, or it fails: [ErrWrongKey] if another key wrapped it,
// [ErrTampered] if it was changed since.
type KEK interface {
	Wrap(ctx context.Context, plain []byte) ([]byte, error)
	Unwrap(ctx context.Context, wrapped []byte) ([]byte, error)
}

var (
	// ErrWrongKey means that this key is not the one that the database was
	// made with: find that one.
	ErrWrongKey = &fault.Error{Kind: fault.Unavailable, Code: "key_wrong", Owner: fault.Us,
		Detail: "this key-encryption key is not the one that this database was made with; put that one back, nothing was changed"}

	// ErrTampered is a wrapped keyring that its own key does not open.
	ErrTampered = &fault.Error{Kind: fault.Unavailable, Code: "keyring_damaged", Owner: fault.Us,
		Detail: "the root keyring is damaged; nothing was changed, restore a backup of the database"}

	// ErrExposed is a key file that others than its owner can read or write.
	ErrExposed = &fault.Error{Kind: fault.Unavailable, Code: "key_file_exposed", Owner: fault.Us,
		Detail: "the key file can be read by others than its owner; run chmod 600 on it, and consider the key known"}

	// ErrUnreadable is a file that is no key file.
	ErrUnreadable = &fault.Error{Kind: fault.Unavailable, Code: "key_file_unreadable", Owner: fault.Us,
		Detail: "this file is not a whole key file; put back a copy of the right one"}
)
