package consent

import (
	"time"

	"jali/internal/kv"
)

// StepUp checks a fresh passkey assertion with user verification. Package
// passkey implements it; it writes the credential's new sign count through tx.
type StepUp interface {
	// Check answers what proves that person answered challenge just now.
	Check(tx kv.Tx, person PersonID, challenge, response []byte) (Evidence, error)
}

// Service is the only door to grants.
type Service struct {
	DB     kv.DB
	StepUp StepUp
	Now    func() time.Time

	// Ended is told, in the transaction that ends it, of every grant that is
	// revoked or expires or is exhausted. lastLiving reports that the person
	// has no given grant left with that client and that this one was revoked.
	Ended []func(tx kv.Tx, g Grant, lastLiving bool) error
	// Decided is told, in its transaction, of a decoupled request that was given
	// or refused; request is its own id, g the grant it gave, changed or would
	// have been.
	Decided []func(tx kv.Tx, request GrantID, g Grant) error
	// Changed is told, in its transaction, of a grant that a new yes has changed:
	// as it was, and as it is.
	Changed []func(tx kv.Tx, was, is Grant) error
	// Touched is told, in its transaction, of a given grant that goes on after a
	// use of it was spent, and of one that a pause has reached or left.
	Touched []func(tx kv.Tx, g Grant, used bool) error
	// Registered is told, in its transaction, of a client whose row in the
	// register has changed or gone.
	Registered []func(tx kv.Tx, id ClientID) error
	// Removed drops what a room keeps of a client that is being removed, at most
	// limit rows in one transaction, and reports whether there is no more. It is
	// asked once the client's grants have ended, until there is none.
	Removed []func(tx kv.Tx, id ClientID, limit int) (done bool, err error)
	// StepUpLife is how long a yes may be read by before the person has to be
	// asked again ([ErrStepUpOld]); zero: for as long as its grant lives.
	StepUpLife time.Duration
	// Leaving is told, in one transaction, of a person who deletes themselves.
	Leaving []func(kv.Tx, PersonID) error
}

// Choice is how a person narrows what was asked. Every field that is set must
// be within what was asked.
type Choice struct {
	Accounts  []AccountID
	Datatypes []Datatype
	Fields    BillFields
	Period    Period
	Uses      Uses
	Until     time.Time
}

// Ticket lets OAuth finish a decided request in the browser that decided it:
// 128 random bits, base64url, single use.
type Ticket string

// Use is one spending of a grant.
type Use struct {
	Grant  Grant  // after the spending
	Key    string // HMAC'd idempotency key as given to Spend
	At     time.Time
	Repeat bool // this key had spent already; nothing was spent now
	// KeepUntil is until when the client may keep what it is shown; zero: not at all.
	KeepUntil time.Time
	Left      int // uses left (today, for daily grants)
}

// now is read before a transaction, never in one: UTC, to the microsecond
// that keys keep.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }
