// Package consent decides whether one request may touch one person's data.
//
// The unit is the [Grant]: a person's yes, to one client, for stated data,
// usable a stated number of times. A grant moves in one direction only:
//
//	pushed -> shown -> given -> exhausted | revoked | expired
//	             \-> refused | applied
//
// pushed and shown may expire too, and an exhausted grant may still be revoked,
// which closes the view it opened. Pause is no state but a switch on (person,
// client), and one on the person for all clients.
//
// A given grant changes by a request of its own (Grant Management): a second
// Grant that says what the first would be, and which revision of it. A yes to
// it makes the next revision; it is applied then, and goes. If the grant has
// changed or ended since, it is too late for a yes. A decoupled request (CIBA)
// names its person from the beginning and is decided where they are signed in.
//
// OAuth is how grants are asked for and carried (package oauth);
// this package knows no HTTP and no fosite, no account but by its id, and not
// what a passkey is ([StepUp]).
//
// A moment T belongs to what comes after it: a grant until T is dead at T.
//
// Rows, all under "consent":
//
//	("grant", grant)                   the Grant, without its evidence
//	("evidence", grant, revision)      the Evidence of each yes
//	("person", person, grant)          every grant and request that is this person's
//	("given", person, client, grant)   the ones in state given
//	("living", client, grant)          the same, by client
//	("waiting", person, client, grant) decoupled requests that are not decided
//	("used", grant, key)               what an idempotency key was spent on
//	("kept", grant, key)               until when its client may keep what that use opened
//	("paused", person, client)         there: paused
//	("paused_by", client, person)      the same, by client
//	("all_paused", person)             there: every client is
//	("leave", person)                  the Agreement of a person about to leave
//	("introduction", code)             who may be asked under a living code; see [Service.Introduce]
//	("introducing", person)            the same, by person
//	("client", client)                 the register
//	("due", at, kind, id, key)         what lapses when; see Sweep
package consent

import (
	"crypto/rand"
	"fmt"
	"time"
)

// PersonID, ClientID and GrantID are opaque: 128 random bits or more.
type (
	PersonID string
	ClientID string
	GrantID  string
)

// NewGrantID draws the id of a request. Those with the same near lie side by
// side in storage: what is done to them within minutes falls on the same few
// pages, and into the same commits.
func NewGrantID(near []byte) GrantID {
	return GrantID(fmt.Sprintf("grant_%x%s", near, rand.Text()))
}

// AccountID is Jali's own name for an account of a person: random, the same
// as long as the account is known here, and never shown to a client.
type AccountID string

// Session is a signed-in person. Package passkey makes it, and nobody else:
// having one is the right to act as that person.
type Session struct {
	ID     string // the id the person sees in their list of sessions, not the cookie
	Person PersonID
	At     time.Time // of the sign-in
}

// State is where a grant stands.
type State string

const (
	Pushed    State = "pushed"
	Shown     State = "shown"
	Given     State = "given"
	Refused   State = "refused"
	Exhausted State = "exhausted"
	Revoked   State = "revoked"
	Expired   State = "expired"
	Applied   State = "applied" // of a request that revised another grant; it goes with its ticket
)

// Grant is a person's yes to one client, or the request for it. What it says
// is stored as it is here; what it opens is decided by [Service.Spend] and
// [Service.Live] alone.
type Grant struct {
	ID       GrantID     `json:"id"`
	Client   ClientID    `json:"client"`
	Person   PersonID    `json:"person,omitempty"` // empty until shown, unless the request says whose it is
	State    State       `json:"state"`
	Asked    Terms       `json:"asked"`
	Agreed   Terms       `json:"agreed"`             // zero until given; never wider than Asked
	Accounts []AccountID `json:"accounts,omitempty"` // the ones the person ticked

	// Of a request to change a grant that was given (Grant Management): Asked is
	// then what the whole grant would be.
	Action  Action  `json:"action,omitempty"`  // empty: Create
	Revises GrantID `json:"revises,omitempty"` // the grant that it changes
	Base    int     `json:"base,omitempty"`    // the Revision that it changes

	// Of a request that is decided on another device (CIBA).
	Decoupled bool   `json:"decoupled,omitempty"`
	Binding   string `json:"binding,omitempty"` // what both ends show, so that the person knows this one from another

	Revision int       `json:"revision,omitempty"` // how often the person has said yes to this grant
	GivenAt  time.Time `json:"given_at,omitzero"`  // the first yes; DecidedAt is the last decision

	PushedAt  time.Time `json:"pushed_at"`
	LapsesAt  time.Time `json:"lapses_at"` // the request, if it is not decided by then
	DecidedAt time.Time `json:"decided_at,omitzero"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	EndedBy   string    `json:"ended_by,omitempty"` // "person", "client", "operator" or "restore", where revoked

	Uses     int       `json:"uses"`               // spent, in all; since the last replace
	Day      Date      `json:"day,omitempty"`      // the day that DayUses counts
	DayUses  int       `json:"day_uses,omitempty"` // spent on Day
	LastUse  time.Time `json:"last_use,omitzero"`
	Evidence *Evidence `json:"-"` // of the yes; a row of its own, filled in by [Service.Give] and [Service.Evidence] alone

	Pending *Agreement `json:"pending,omitempty"` // shown and awaiting its passkey check
	Ticket  []byte     `json:"ticket,omitempty"`  // SHA-256 of the ticket that lets OAuth finish; gone when it has
}

// Evidence is the passkey assertion by which the person agreed: whoever has
// the credential's public key can check it, long afterwards, against the
// agreement's JSON (WebAuthn Level 3, section 7.2).
type Evidence struct {
	Agreement     []byte `json:"agreement"`     // RFC 8785 JSON; its SHA-256 is the challenge
	Credential    []byte `json:"credential"`    // id of the passkey
	PublicKey     []byte `json:"public_key"`    // COSE
	Authenticator []byte `json:"authenticator"` // authenticatorData
	ClientData    []byte `json:"client_data"`   // clientDataJSON
	Signature     []byte `json:"signature"`
}

// Agreement is exactly what the person is asked to sign. JSON is what stands
// on the page; Challenge is its SHA-256.
type Agreement struct {
	JSON      []byte      `json:"json"`
	Challenge []byte      `json:"challenge"`
	Terms     Terms       `json:"terms"`
	Accounts  []AccountID `json:"accounts"`
	Until     time.Time   `json:"until"` // the challenge lapses then
}
