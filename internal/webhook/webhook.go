// Package webhook tells clients what happened to their grants, by ids alone.
//
// A deed queues its [Event] in its own transaction; the [Outbox] delivers it
// afterwards, as Standard Webhooks 1.0 with Ed25519 signatures, and again
// until the client has taken it by a 2xx answer: at least once, and after a
// crash or a replay more often, always under the same id. The events of one
// grant come in the order of their deeds, each when the one before it was
// taken or given up; grants do not wait for one another. Where a client is to
// be told is looked up when it is told.
//
// What is not taken is tried again after 5 s, 30 s, 2 min, 10 min, 1 h, 4 h
// and then every 12 h, later where the client's Retry-After says so. It is
// given up when the next try would come more than three days after it was
// queued, but not before its fifth. A 410 stops all that waits for a client
// until the operator resumes it or it has another address. A suspended
// client's events wait. Nothing waits longer than 30 days, and what has ended
// can be replayed as long.
//
// A client is attempted a few times at once, and once while its last attempt
// failed, so that a slow or dead one holds up nobody else. How often that is,
// and a Retry-After, are known to this process alone: one process delivers.
//
// A [Ping] (OpenID CIBA) goes the same way in a lane of its own. It is signed
// by nothing but its bearer token, is tried for ten minutes and never kept.
//
// Rows:
//
//	("webhook", "event", client, at, id)        a [Delivery]
//	("webhook", "line", client, grant, place)   the events of a grant that wait, in order
//	("webhook", "waiting", since, client, id)   all that wait, oldest first
//	("webhook", "ends", at, client, id)         those that have ended, by when they are removed
//	("webhook", "ping", client, id)             a ping, sealed
//	("webhook", "due", kind, client, at, id)    when the first of a line, or a ping, is tried
//	("webhook", "gone", client)                 the address that answered 410
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
	// KeepUntil names views by until when they might be kept, as they say
	// themselves: the ids of views stand nowhere. Zero: it is not about some alone.
	KeepUntil time.Time `json:"keep_until,omitzero"`
	// Source is whose connection it is about, with [NeedsPerson] alone.
	Source string `json:"source,omitempty"`
}

// Types of events.
const (
	GrantGiven     = "grant.given"
	GrantChanged   = "grant.changed" // merged, replaced or renewed by a new yes
	GrantRefused   = "grant.refused"
	GrantUsed      = "grant.used"
	GrantExhausted = "grant.exhausted"
	GrantRevoked   = "grant.revoked"
	GrantExpiring  = "grant.expiring" // within seven days, or wants another yes
	GrantExpired   = "grant.expired"
	GrantPaused    = "grant.paused"
	GrantResumed   = "grant.resumed"
	RetentionEnded = "retention.ended"         // delete what was kept; see [Event.KeepUntil]
	NeedsPerson    = "connection.needs_person" // a source refuses what the person connected: they do so again
	Trial          = "webhook.test"            // by the operator, of no grant
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
	r := Delivery{Event: e}
	if there, err := tx.Get(r.key()); err != nil {
		return err
	} else if there != nil {
		return errEvent
	}
	return r.join(tx, e.At)
}
