package passkey

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"jali/consent"
	"jali/internal/audit"
	"jali/internal/kv"
)

const room = "passkey"

// person is what is kept of one beside their passkeys.
type person struct {
	JoinedAt time.Time `json:"joined_at"`
	Name     []byte    `json:"name"`  // sealed
	Codes    string    `json:"codes"` // locator of their recovery codes
}

func personKey(p consent.PersonID) []byte                { return kv.Key(room, "person", p) }
func credentialKey(p consent.PersonID, id []byte) []byte { return kv.Key(room, "credential", p, id) }
func ownerKey(id []byte) []byte                          { return kv.Key(room, "owner", id) }
func sessionKey(hash []byte) []byte                      { return kv.Key(room, "session", hash) }
func placeKey(p consent.PersonID, id string) []byte      { return kv.Key(room, "place", p, id) }
func flowKey(hash []byte) []byte                         { return kv.Key(room, "flow", hash) }
func codesKey(locator string) []byte                     { return kv.Key(room, "codes", locator) }

// due is a row of what lapses when.
type due struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"` // "flow" or "session"
	Hash []byte    `json:"hash"`
}

func (d due) key() []byte           { return kv.Key(room, "due", d.At, d.Kind, d.Hash) }
func (d due) put(tx kv.Tx) error    { return kv.Store(tx, d.key(), d) }
func (d due) delete(tx kv.Tx) error { return tx.Delete(d.key()) }

func getPerson(tx kv.Tx, id consent.PersonID) (person, error) {
	var p person
	ok, err := kv.Load(tx, personKey(id), &p)
	if err == nil && !ok {
		err = ErrSignedOut
	}
	return p, err
}

// random is n random bytes in base64url.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// events draws the ids of audit events, outside the transaction that writes them.
func events(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = rand.Text()
	}
	return ids
}

func record(tx kv.Tx, id string, now time.Time, p consent.PersonID, verb, on string) error {
	return audit.Append(tx, audit.Event{ID: id, At: now, Person: string(p), Verb: verb, On: on})
}

// tidy is a name as it is kept: trimmed, at most 60 characters, nothing that
// cannot be printed.
func tidy(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > MaxName ||
		strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", ErrName
	}
	return name, nil
}
