package client

import (
	"fmt"
	"io"
)

// What is secret prints as what it is, by every verb, or it would stand in the
// next log.

// Format prints the kid.
func (k *Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.alg+" key "+k.kid) }

// Format prints the id of the grant.
func (t Token) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "token of "+t.GrantID) }

// Format prints the id of the grant.
func (s *Session) Format(out fmt.State, _ rune) {
	_, _ = io.WriteString(out, "session of "+s.Token().GrantID)
}

// Format prints no secret.
func (a Authorization) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "authorization") }
