// Package webhook tells clients what happened to their grants, by ids alone.
//
// A deed queues its [Event] in its own transaction; the [Outbox] delivers it
// afterwards, in order for each grant and again until the client has taken it,
// as Standard Webhooks 1.0 with Ed25519 signatures. Where a client is to be
// told is looked up when it is told.
package webhook

import (
	"time"

	"jali/internal/kv"
)

// Event is something that happened to a grant.
type Event struct {
	ID     string // unique; drawn outside the transaction, and the receiver's idempotency key
	At     time.Time
	Client string
	Type   string
	Grant  string
}

// Types of events.
const (
	GrantGiven     = "grant.given"
	GrantChanged   = "grant.changed" // merged, replaced or renewed by a new yes
	GrantRefused   = "grant.refused"
	GrantUsed      = "grant.used"
	GrantExhausted = "grant.exhausted"
	GrantRevoked   = "grant.revoked"
	GrantExpiring  = "grant.expiring" // within seven days
	GrantExpired   = "grant.expired"
	GrantPaused    = "grant.paused"
	GrantResumed   = "grant.resumed"
)

// Queue puts an event into the outbox, in the transaction of the deed. The
// caller asks only for clients that want to be told.
func Queue(tx kv.Tx, e Event) error { panic("unwritten") }
