package consent

import (
	"slices"
	"time"

	"jali/internal/kv"
)

const room = "consent"

func grantKey(id GrantID) []byte              { return kv.Key(room, "grant", id) }
func evidenceKey(id GrantID) []byte           { return kv.Key(room, "evidence", id) }
func personKey(p PersonID, id GrantID) []byte { return kv.Key(room, "person", p, id) }
func usedKey(id GrantID, key string) []byte   { return kv.Key(room, "used", id, key) }
func pausedKey(p PersonID, c ClientID) []byte { return kv.Key(room, "paused", p, c) }
func leaveKey(p PersonID) []byte              { return kv.Key(room, "leave", p) }
func clientKey(id ClientID) []byte            { return kv.Key(room, "client", id) }
func givenKey(p PersonID, c ClientID, id GrantID) []byte {
	return kv.Key(room, "given", p, c, id)
}

func getGrant(tx kv.Tx, id GrantID) (Grant, error) {
	var g Grant
	ok, err := kv.Load(tx, grantKey(id), &g)
	if err == nil && !ok {
		err = ErrNoGrant
	}
	return g, err
}

// getter is getGrant or getAgreed.
type getter func(kv.Tx, GrantID) (Grant, error)

// getAgreed is getGrant without what was asked, which no request for data
// needs and every one would otherwise read. It is not to be stored again.
func getAgreed(tx kv.Tx, id GrantID) (Grant, error) {
	var g struct {
		Grant
		Asked unread `json:"asked"`
	}
	ok, err := kv.Load(tx, grantKey(id), &g)
	if err == nil && !ok {
		err = ErrNoGrant
	}
	return g.Grant, err
}

// unread passes over a member.
type unread struct{}

func (*unread) UnmarshalJSON([]byte) error { return nil }

func putGrant(tx kv.Tx, g Grant) error { return kv.Store(tx, grantKey(g.ID), g) }

// forwards is every step that a grant may take. An exhausted grant that is
// revoked can still be read no longer.
var forwards = map[State][]State{
	Pushed:    {Shown, Expired},
	Shown:     {Given, Refused, Expired},
	Given:     {Exhausted, Revoked, Expired},
	Exhausted: {Revoked},
}

func (g *Grant) move(to State) error {
	if !slices.Contains(forwards[g.State], to) {
		return errBackwards
	}
	g.State = to
	return nil
}

// wasGiven reports whether there was a yes at some time.
func (g Grant) wasGiven() bool {
	switch g.State {
	case Given, Exhausted, Revoked:
		return true
	case Expired:
		return !g.DecidedAt.IsZero()
	}
	return false
}

// at is the grant as it stands at a moment: one that has run out is expired
// from that moment on, though Sweep writes it down later.
func (g Grant) at(now time.Time) Grant {
	if g.State == Given && !now.Before(g.Agreed.Until) {
		g.State, g.EndedAt = Expired, g.Agreed.Until
	}
	return g
}

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
	dueUse     = "use" // an idempotency key; Key is it
	dueLeave   = "leave"

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

func dueLeaving(p PersonID, a Agreement) due { return due{At: a.Until, Kind: dueLeave, ID: string(p)} }
