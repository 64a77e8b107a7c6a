// Package rar reads and writes authorization_details (RFC 9396) of the one
// type that Jali knows, "account_view". Its functions are pure.
package rar

import (
	"encoding/json"
	"time"

	"jali/consent"
)

// Type is the only type of authorization_details that is accepted.
const Type = "account_view"

// Parse reads the authorization_details parameter of a request made at now:
// a JSON array with exactly one object. What is left out takes its purpose's
// default; what is unknown, doubled, of a wrong type or beyond the purpose's
// ceilings is ErrInvalid, which says which member and why, never its value.
func Parse(raw []byte, now time.Time, resource string) (consent.Terms, error) { panic("unwritten") }

// Format writes agreed terms as the enriched authorization_details array of a
// token answer, with the grant's account aliases left out.
func Format(t consent.Terms) json.RawMessage { panic("unwritten") }
