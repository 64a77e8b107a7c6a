// Package secret holds the one type for bytes that must not be seen: account
// numbers, upstream tokens, keys, passwords.
//
// A [Value] prints, formats, marshals and logs as "[secret]". Its bytes live
// inside a closure, since fmt and slog print the unexported fields of a struct
// whatever methods it has, and packages that print with reflection follow every
// pointer. They come out by [Value.Reveal] alone, so that every place that lets
// them out can be found by that name.
//
// Nothing is decoded into a Value, and no database takes one: what was encoded is
// the word and not the secret, and a secret that is to be kept is sealed by the
// vault. Both answer [ErrEncoded].
//
// A Value is not wiped after use. Go copies what it moves and what becomes a
// string, so that a wiped one would promise more than it holds; what keeps a
// secret's memory from outsiders is that the process is not dumped (package
// nodump).
package secret

import (
	"crypto/subtle"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
)

const redacted = "[secret]"

// ErrEncoded is what decoding into a Value answers, and storing one. It is a
// mistake of the program: read the bytes and keep them with [New], or have the
// vault seal them.
var ErrEncoded = errors.New("secret: a secret is neither decoded nor stored as it is")

// Value is a secret. The zero Value is empty. Values do not compare with ==, and
// are no keys of a map; use [Value.Equal].
type Value struct {
	_      [0]func()
	reveal func() []byte
}

// New keeps b, which the caller must not change or show afterwards.
func New(b []byte) Value {
	if len(b) == 0 {
		return Value{}
	}
	return Value{reveal: func() []byte { return b }}
}

// Of keeps a string.
func Of(s string) Value { return New([]byte(s)) }

// Reveal answers the bytes themselves, not a copy.
func (v Value) Reveal() []byte {
	if v.reveal == nil {
		return nil
	}
	return v.reveal()
}

// RevealString answers the secret as a string.
func (v Value) RevealString() string { return string(v.Reveal()) }

// Empty reports whether there is nothing to hide.
func (v Value) Empty() bool { return len(v.Reveal()) == 0 }

// Equal compares in time that does not depend on the content.
func (v Value) Equal(w Value) bool {
	return subtle.ConstantTimeCompare(v.Reveal(), w.Reveal()) == 1
}

func (Value) String() string               { return redacted }
func (Value) GoString() string             { return redacted }
func (Value) Format(s fmt.State, _ rune)   { _, _ = s.Write([]byte(redacted)) }
func (Value) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (Value) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

func (Value) MarshalBinary() ([]byte, error) { return []byte(redacted), nil }
func (Value) GobEncode() ([]byte, error)     { return []byte(redacted), nil }

// Value is what database/sql would store.
func (Value) Value() (driver.Value, error) { return nil, ErrEncoded }

func (*Value) UnmarshalText([]byte) error   { return ErrEncoded }
func (*Value) UnmarshalJSON([]byte) error   { return ErrEncoded }
func (*Value) UnmarshalBinary([]byte) error { return ErrEncoded }
func (*Value) GobDecode([]byte) error       { return ErrEncoded }
