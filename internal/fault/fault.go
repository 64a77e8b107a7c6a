// Package fault gives errors a kind that the edge can act on, a code that a
// program can act on, an owner who can mend it, and words for people.
//
// A Detail never holds a value that was sent in, an account, an alias or an
// amount: it may be shown to anyone. What went wrong underneath is the cause,
// which is logged and never shown.
package fault

import (
	"errors"
	"time"
)

// Kind says what sort of thing went wrong. It is not an HTTP status: package
// server maps it to one.
type Kind uint8

// The zero Kind is Internal: an error that nobody gave a kind says nothing to
// the outside.
const (
	Internal        Kind = iota // ours; nothing is told
	Invalid                     // the request is malformed or out of bounds
	Unauthenticated             // no token, a wrong proof, or no session
	Denied                      // known, and not allowed
	NotFound                    // unknown or somebody else's: the two answer alike
	Conflict                    // at odds with what is stored now
	Mismatch                    // well-formed, but not what was sent before
	Gone                        // was here, is not any more
	TooLarge                    // over a documented size
	Unsupported                 // a media type or encoding that is not read
	Limited                     // too often; RetryAfter says when
	Upstream                    // a source failed or answered nonsense
	Unavailable                 // ours and passing: storage or keys are out of reach
)

// Owner is who can mend it.
type Owner string

const (
	Person Owner = "person"
	Client Owner = "client"
	Source Owner = "source"
	Us     Owner = "us"
)

// Error is an error that may cross a room's border. Codes are unique over the
// whole of Jali and documented in openapi.yaml where a client can meet them.
type Error struct {
	Kind       Kind
	Code       string // snake_case, for programs
	Owner      Owner  // empty: derived from Kind by [Error.WhoseFault]
	Detail     string // one sentence for a developer that says what to do; never a sent value
	Action     string // what the person can do, as a code: "reconnect", "sign_in", "ask_again"
	RetryAfter time.Duration
	cause      error
}

func (e *Error) Error() string {
	if e.cause != nil {
		return e.Code + ": " + e.Detail + ": " + e.cause.Error()
	}
	return e.Code + ": " + e.Detail
}

// Is reports whether target is the same fault, whatever either was caused by.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

func (e *Error) Unwrap() error { return e.cause }

// Because answers a copy of e that also carries its cause, for the log.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// Saying answers a copy of e with other words for people.
func (e *Error) Saying(detail string) *Error {
	c := *e
	c.Detail = detail
	return &c
}

// After answers a copy of e that says when to try again.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// WhoseFault is Owner, or where that is empty the one that Kind implies.
func (e *Error) WhoseFault() Owner {
	if e.Owner != "" {
		return e.Owner
	}
	switch e.Kind {
	case Internal, Unavailable:
		return Us
	case Upstream:
		return Source
	default:
		return Client
	}
}

// Of finds the fault in err's chain. An error without one is answered as
// Internal with err as its cause: for the log, and never for the outside.
func Of(err error) *Error {
	var f *Error
	if errors.As(err, &f) {
		return f
	}
	return (&Error{Kind: Internal, Code: "internal", Detail: "something went wrong on our side"}).Because(err)
}
