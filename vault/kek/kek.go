// Package kek holds key-encryption keys: what wraps the root keyring.
package kek

import "context"

// KEK wraps and unwraps the root keyring.
type KEK interface {
	Wrap(ctx context.Context, plain []byte) ([]byte, error)
	Unwrap(ctx context.Context, wrapped []byte) ([]byte, error)
}
