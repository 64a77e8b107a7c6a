// Package audit keeps what was done with a person's data: every grant, use,
// refusal, revocation, connection, import, sign-in and deletion; and what was
// done with the register of clients, which is nobody's.
//
// An event is written in the transaction of the deed it records, so neither
// exists without the other. It names things by id and holds no account
// number, alias, amount, name or text of a bill; the person's timeline looks
// the names up when it is shown.
//
// Rows: ("audit", person, at, id). Events outlive the person: with their keys
// destroyed, what is left says that something was done, and to nobody known.
package audit

import (
	"context"
	"time"

	"jali/internal/fault"
	"jali/internal/kv"
)

// Event is one deed. Verbs are "noun.past_participle" and listed below.
type Event struct {
	ID     string            `json:"id"` // unique; drawn outside the transaction
	At     time.Time         `json:"at"`
	Person string            `json:"person"`           // empty: concerns no person yet
	Client string            `json:"client,omitempty"` // the client that did it or that it concerns
	Verb   string            `json:"verb"`
	On     string            `json:"on,omitempty"`    // the id of what it was done to
	Facts  map[string]string `json:"facts,omitempty"` // closed vocabulary and counts only: "uses_left": "0"
}

// Verbs of the timeline.
const (
	GrantShown     = "grant.shown"
	GrantGiven     = "grant.given"
	GrantChanged   = "grant.changed" // by a new yes; facts say to which revision
	GrantRefused   = "grant.refused"
	GrantUsed      = "grant.used"
	GrantRevoked   = "grant.revoked"
	GrantExpiring  = "grant.expiring" // in seven days it ends, or wants another yes
	GrantExpired   = "grant.expired"
	RetentionEnded = "retention.ended" // what a client saw it may not keep any more; facts say whether by its period or a revocation
	ClientPaused   = "client.paused"
	ClientResumed  = "client.resumed"
	ClientRemoved  = "client.removed" // by the operator, or by itself
	AllPaused      = "all.paused"     // every client of the person's
	AllResumed     = "all.resumed"
	PersonJoined   = "person.joined"
	PersonLeft     = "person.left"
	SignedIn       = "session.opened"
	SessionEnded   = "session.ended"
	PasskeyAdded   = "passkey.added"
	PasskeyRemoved = "passkey.removed"
	CodesMade      = "recovery_codes.made"
	CodeUsed       = "recovery_code.used"
	SourceLinked   = "connection.linked"
	SourceUnlinked = "connection.unlinked"
	SourceRefuses  = "connection.needs_person" // its source takes what it was connected by no longer; with a client, that it was told so
	FileImported   = "bills.imported"
	PairDecided    = "pair.decided"   // whether two bills belong together; facts say as what, and the word
	PairUndecided  = "pair.undecided" // and that word was taken back
	BillCorrected  = "bill.corrected" // its category; facts say which, or none
	DataExported   = "data.exported"
	DataSeen       = "data.seen"     // the person's own look
	DataRestored   = "data.restored" // by the operator, from an older copy

	// Of the register, and no person's.
	ClientAdded      = "client.added"
	ClientChanged    = "client.changed"
	ClientSuspended  = "client.suspended"
	ClientReadmitted = "client.readmitted"
)

var errNameless = &fault.Error{Kind: fault.Internal, Code: "audit_event", Detail: "an audit event lacks id, time or verb"}

// Append writes an event. It fails, and with it the deed, if the event is not whole.
func Append(tx kv.Tx, e Event) error {
	if e.ID == "" || e.Verb == "" || e.At.IsZero() {
		return errNameless
	}
	return kv.Store(tx, kv.Key("audit", e.Person, e.At, e.ID), e)
}

// Timeline answers a person's events, newest first, at most limit of those
// before a moment; the zero time means from now on back.
func Timeline(ctx context.Context, db kv.DB, person string, before time.Time, limit int) ([]Event, error) {
	r := kv.Prefix("audit", person).Backwards()
	if !before.IsZero() {
		r.To = kv.Key("audit", person, before)
	}
	var events []Event
	err := db.View(ctx, func(tx kv.Tx) error {
		events = nil
		for row, err := range tx.Scan(r) {
			if err != nil {
				return err
			}
			var e Event
			if err := kv.Decode(row.Value, &e); err != nil {
				return err
			}
			if events = append(events, e); len(events) == limit {
				break
			}
		}
		return nil
	})
	return events, err
}
