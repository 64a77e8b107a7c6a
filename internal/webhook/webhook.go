// Package webhook tells clients what happened to their grants, by ids alone.
//
// A deed queues its [Event] in its own transaction; the [Outbox] delivers it
// afterwards, in order for each grant and again until the client has taken it,
// as Standard Webhooks 1.0 with Ed25519 signatures. Where a client is to be
// told is looked up when it is told.
package webhook

import (
	"strings"
	"time"

	"jali/internal/fault"
	"jali/internal/kv"
)

// Event is something that happened to a grant.
type Event struct {
	ID     string    `json:"id"` // unique; drawn outside the transaction, and the receiver's idempotency key
	At     time.Time `json:"at"`
	Client string    `json:"client"`
	Type   string    `json:"type"`
	Grant  string    `json:"grant"`
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

var errEvent = &fault.Error{Kind: fault.Internal, Code: "webhook_event",
	Detail: "an event lacks id, time, client, type or grant, or is queued twice"}

// Queue puts an event into the outbox, in the transaction of the deed. The
// caller asks only for clients that want to be told.
func Queue(tx kv.Tx, e Event) error {
	// What is signed is id.timestamp.body: a dot in the id would let it be read in two ways.
	if e.ID == "" || strings.Contains(e.ID, ".") || e.At.IsZero() || e.Client == "" || e.Type == "" || e.Grant == "" {
		return errEvent
	}
	e.At = e.At.UTC().Truncate(time.Microsecond)
	r := row{Event: e}
	if there, err := tx.Get(r.key()); err != nil {
		return err
	} else if there != nil {
		return errEvent
	}
	return r.join(tx, e.At)
}
