package consent

import (
	"strconv"
	"time"

	"jali/internal/kv"
)

const (
	// remindBefore is how long before the end of a grant, or of the yes that it
	// is read by, that is told; and remindFrom the life from which on that is
	// worth telling.
	remindBefore = 7 * 24 * time.Hour
	remindFrom   = 2 * remindBefore
)

// due is a row of what lapses when.
type due struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	ID   string    `json:"id"`
	Key  string    `json:"key,omitempty"`
}

// Kinds of due.
const (
	dueRequest = "request" // pushed or shown, and not decided
	dueRemoval = "removal" // of a row that nobody needs any more
	dueGrant   = "grant"   // given, until then
	dueTicket  = "ticket"
	dueUse     = "use"  // an idempotency key; Key is it
	dueKept    = "kept" // what a use let be kept; Key is the use's
	dueLeave   = "leave"
	dueRemind  = "remind" // given, and about to be unreadable; Key is the revision

	dueIntroduction = "introduction" // ID is a person, Key their code
)

func (d due) key() []byte { return kv.Key(room, "due", d.At, d.Kind, d.ID, d.Key) }

func (d due) put(tx kv.Tx) error    { return kv.Store(tx, d.key(), d) }
func (d due) delete(tx kv.Tx) error { return tx.Delete(d.key()) }

func (g Grant) dueRequest() due { return due{At: g.LapsesAt, Kind: dueRequest, ID: string(g.ID)} }
func (g Grant) dueEnd() due     { return due{At: g.Agreed.Until, Kind: dueGrant, ID: string(g.ID)} }
func (g Grant) dueTicket() due {
	return due{At: g.DecidedAt.Add(TicketLife), Kind: dueTicket, ID: string(g.ID)}
}

// dueReminder is nothing for a grant that is used once or soon over.
func (s *Service) dueReminder(g Grant) (due, bool) {
	end := s.ReadableUntil(g)
	return due{At: end.Add(-remindBefore), Kind: dueRemind, ID: string(g.ID), Key: strconv.Itoa(g.Revision)},
		!g.Agreed.Uses.Once() && end.Sub(g.DecidedAt) > remindFrom
}

// RemindsAt is when clients are told that a given grant will soon be read no
// more; false: never.
func (s *Service) RemindsAt(g Grant) (time.Time, bool) {
	d, ok := s.dueReminder(g)
	return d.At, ok
}

// schedule puts down what is due of a given grant.
func (s *Service) schedule(tx kv.Tx, g Grant) error {
	if d, ok := s.dueReminder(g); ok {
		if err := d.put(tx); err != nil {
			return err
		}
	}
	return g.dueEnd().put(tx)
}

// unschedule undoes schedule; a reminder that was given is gone already, and
// one put down for another StepUpLife is passed over when it comes.
func (s *Service) unschedule(tx kv.Tx, g Grant) error {
	if d, ok := s.dueReminder(g); ok {
		if err := d.delete(tx); err != nil {
			return err
		}
	}
	return g.dueEnd().delete(tx)
}

func dueLeaving(p PersonID, a Agreement) due { return due{At: a.Until, Kind: dueLeave, ID: string(p)} }
