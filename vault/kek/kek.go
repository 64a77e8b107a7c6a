// Package kek holds key-encryption keys: what wraps the root keyring of the
// vault, and is the one key that is kept outside the database.
//
// There are three, of which an operator chooses one ([Choice], [Open]):
//
//   - a key in a file of its own ([OpenFile]);
//   - a key in an environment variable ([FromEnv]);
//   - a command of the operator's ([NewCommand]), which has a key somewhere
//     else: in a key-management service, a token, another machine.
//
// The folders awskms and hcvault are such commands, in modules of their own.
//
// The root keyring is unwrapped once, at start, and in no request.
package kek

import (
	"context"
	"time"

	"jali/internal/fault"
)

// KEK wraps and unwraps the root keyring. What Unwrap answers is exactly what
// Wrap was given, or it fails: [ErrWrongKey] if another key wrapped it,
// [ErrTampered] if it was changed since.
type KEK interface {
	Wrap(ctx context.Context, plain []byte) ([]byte, error)
	Unwrap(ctx context.Context, wrapped []byte) ([]byte, error)
}

// Choice is what an operator says of the key-encryption key: one of File, Env
// and Command.
type Choice struct {
	File    string        // path of a key file
	Env     string        // name of an environment variable
	Command string        // a program and its arguments, see [NewCommand]
	Timeout time.Duration // of each call of Command; zero: [DefaultTimeout]
}

// Check answers [ErrChoice] unless there is exactly one.
func (c Choice) Check() error {
	n := 0
	for _, s := range []string{c.File, c.Env, c.Command} {
		if s != "" {
			n++
		}
	}
	if n != 1 || c.Timeout < 0 {
		return ErrChoice
	}
	return nil
}

// Kind says in words what is chosen.
func (c Choice) Kind() string {
	switch {
	case c.Env != "":
		return "environment"
	case c.Command != "":
		return "command"
	default:
		return "key file"
	}
}

// String says in words what is chosen, and where that is.
func (c Choice) String() string {
	return c.Kind() + " " + c.File + c.Env + c.Command
}

// Open opens the chosen key. It runs no command: the first Wrap or Unwrap
// does. A key file that is not there is [fs.ErrNotExist], and nothing else is.
//
// [fs.ErrNotExist]: https://pkg.go.dev/io/fs#ErrNotExist
func Open(c Choice) (KEK, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	switch {
	case c.Env != "":
		return opened(FromEnv(c.Env))
	case c.Command != "":
		return opened(NewCommand(c.Command, c.Timeout))
	default:
		return opened(OpenFile(c.File))
	}
}

// opened keeps a nil pointer from passing for a key.
func opened[K KEK](k K, err error) (KEK, error) {
	if err != nil {
		return nil, err
	}
	return k, nil
}

var (
	// ErrChoice is a [Choice] of no key, or of several.
	ErrChoice = &fault.Error{Kind: fault.Invalid, Code: "key_choice", Owner: fault.Us,
		Detail: "name one key-encryption key: --key-file, --key-env or --key-command, and a --key-timeout that is not negative"}

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

	// ErrEnvMissing and ErrEnvUnreadable do not name the variable: a slip puts
	// the secret itself there.
	ErrEnvMissing = &fault.Error{Kind: fault.Unavailable, Code: "key_env_missing", Owner: fault.Us,
		Detail: "the environment variable that --key-env names is not set or is empty; set it to the key, 32 bytes in base64url, nothing was changed"}

	// ErrEnvUnreadable is a variable that holds no key.
	ErrEnvUnreadable = &fault.Error{Kind: fault.Unavailable, Code: "key_env_unreadable", Owner: fault.Us,
		Detail: "the environment variable that --key-env names holds no key, which is 32 bytes in base64url without padding; put the right one there, nothing was changed"}
)
