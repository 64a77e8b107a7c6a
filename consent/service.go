package consent

import (
	"context"
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
	Left   int  // uses left (today, for daily grants)
}

var unwritten = "unwritten"

// Push records a client's request inside the transaction of its PAR record.
func (s *Service) Push(tx kv.Tx, now time.Time, id GrantID, client ClientID, asked Terms, lapses time.Time) (Grant, error) {
	panic(unwritten)
}

// Show binds a pushed request to the person who opens it. Shown again to the
// same person it answers the same; to another person it is unknown.
func (s *Service) Show(ctx context.Context, p Session, id GrantID) (Grant, error) { panic(unwritten) }

// Prepare narrows a shown request to the person's choice and answers what the
// passkey is to sign; it replaces an earlier one. offered is every account the
// person may tick for it: a choice outside is refused.
func (s *Service) Prepare(ctx context.Context, p Session, id GrantID, c Choice, offered []AccountID) (Agreement, error) {
	panic(unwritten)
}

// Give checks the passkey's answer to the prepared agreement and gives the
// grant: evidence, grant and audit event in one transaction.
func (s *Service) Give(ctx context.Context, p Session, id GrantID, response []byte) (Grant, Ticket, error) {
	panic(unwritten)
}

// Refuse ends a shown request.
func (s *Service) Refuse(ctx context.Context, p Session, id GrantID) (Grant, Ticket, error) {
	panic(unwritten)
}

// Finish takes the ticket of a decided request, once, and answers its grant.
// It runs in the transaction that issues the code.
func (s *Service) Finish(tx kv.Tx, now time.Time, id GrantID, t Ticket) (Grant, error) {
	panic(unwritten)
}

// Load answers a client's grant in any state after given. Unknown, foreign and
// undecided answer ErrNoGrant alike.
func (s *Service) Load(ctx context.Context, client ClientID, id GrantID) (Grant, error) {
	panic(unwritten)
}

// Live answers a client's grant if it may still be read from: given or
// exhausted, not paused, its client not suspended. It writes nothing.
func (s *Service) Live(ctx context.Context, client ClientID, id GrantID) (Grant, error) {
	panic(unwritten)
}

// Spend takes one use of a live grant for an idempotency key, in one
// transaction with its audit event. request is a hash of what was asked: the
// same key with another request is ErrKeyReused. Exactly one of any number of
// concurrent spendings of a last use wins.
func (s *Service) Spend(ctx context.Context, client ClientID, id GrantID, key string, request []byte) (Use, error) {
	panic(unwritten)
}

// Revoke ends a person's grant, whatever state it is in that has not ended.
func (s *Service) Revoke(ctx context.Context, p Session, id GrantID) (Grant, error) { panic(unwritten) }

// RevokeByClient ends a client's own grant.
func (s *Service) RevokeByClient(tx kv.Tx, now time.Time, event string, client ClientID, id GrantID) error {
	panic(unwritten)
}

// Grants answers all of a person's grants, newest first; requests that were
// never decided are left out.
func (s *Service) Grants(ctx context.Context, p Session) ([]Grant, error) { panic(unwritten) }

// Pause stops every grant of a client from being used until Resume.
func (s *Service) Pause(ctx context.Context, p Session, client ClientID) error  { panic(unwritten) }
func (s *Service) Resume(ctx context.Context, p Session, client ClientID) error { panic(unwritten) }

// Paused answers the clients that the person has paused.
func (s *Service) Paused(ctx context.Context, p Session) (map[ClientID]bool, error) { panic(unwritten) }

// PrepareLeave and Leave delete a person: everything that Leaving names, in
// one transaction with the audit event, after a fresh passkey check.
func (s *Service) PrepareLeave(ctx context.Context, p Session) (Agreement, error) { panic(unwritten) }
func (s *Service) Leave(ctx context.Context, p Session, response []byte) (Evidence, error) {
	panic(unwritten)
}

// Sweep expires what has lapsed: requests, given grants past Until, tickets.
// It works in small transactions and answers how many it ended.
func (s *Service) Sweep(ctx context.Context) (int, error) { panic(unwritten) }

// AddClient, Client, Clients, SuspendClient and SetKeys keep the register.
func (s *Service) AddClient(ctx context.Context, c Client) error           { panic(unwritten) }
func (s *Service) Client(ctx context.Context, id ClientID) (Client, error) { panic(unwritten) }
func (s *Service) Clients(ctx context.Context) ([]Client, error)           { panic(unwritten) }
func (s *Service) SuspendClient(ctx context.Context, id ClientID, suspended bool) error {
	panic(unwritten)
}
func (s *Service) SetKeys(ctx context.Context, id ClientID, jwks []byte) error { panic(unwritten) }
