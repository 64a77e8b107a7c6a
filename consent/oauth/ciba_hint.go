package oauth

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"jali/consent"
	"jali/internal/brake"
	"jali/internal/kv"
)

const codeDigits = 8 // of an introduction

// wrongCodes is how many introductions a client may guess wrong.
var wrongCodes = brake.Limit{Every: 6 * time.Second, Burst: 10}

// hinted runs f in a transaction with the person whom the login_hint names.
func (s *Server) hinted(c call, f func(kv.Tx, consent.PersonID) error) error {
	hint := c.form.Get("login_hint")
	code := len(hint) == codeDigits && strings.Trim(hint, "0123456789") == ""
	if code {
		if err := s.guess(c, hint); err != nil {
			return err
		}
	}
	return s.DB.Update(c.Context(), func(tx kv.Tx) error {
		person, err := s.named(tx, c, hint, code)
		if err != nil {
			return err
		}
		return f(tx, person)
	})
}

// guess refuses a code that is wrong. There are few enough of them to try, so a
// client has only so many wrong ones, and whoever is refused for that learns
// nothing about this one: a try is taken before the code is looked up, and given
// back if it is right. One code is looked up at a time, which is a read of one
// row. Were they looked up side by side, right codes would be refused for those
// that have yet to give theirs back; and were a try taken only once a code had
// been found wrong, any number at once could be guessed before the first is
// counted. A right code that another request ends before this one does is none
// that was guessed.
func (s *Server) guess(c call, code string) error {
	s.guessing.Lock()
	defer s.guessing.Unlock()
	key := string(c.client.ID)
	if err := s.guesses.Take(key).Err(); err != nil {
		return err
	}
	right := false
	err := s.DB.View(c.Context(), func(tx kv.Tx) (err error) {
		right, err = s.Consent.Introduces(tx, c.now, code)
		return err
	})
	if err == nil && !right {
		return errUnknownUser
	}
	s.guesses.Return(key)
	return err
}

// named answers whom a login_hint names. A code ends with that.
func (s *Server) named(tx kv.Tx, c call, hint string, code bool) (consent.PersonID, error) {
	if code {
		person, err := s.Consent.TakeIntroduction(tx, c.now, hint)
		if errors.Is(err, consent.ErrNoIntroduction) {
			return "", errUnknownUser
		}
		return person, err
	}
	person, err := tx.Get(subKey(acquaintance{c.client.ID, hint}))
	if err == nil && person == nil {
		return "", errUnknownUser
	}
	return consent.PersonID(person), err
}

// acquaintance is a sub that a client was told.
type acquaintance struct {
	Client consent.ClientID `json:"client"`
	Sub    string           `json:"sub"`
}

func subKey(a acquaintance) []byte { return kv.Key(room, "sub", a.Client, a.Sub) }
func acquaintedKey(p consent.PersonID, c consent.ClientID) []byte {
	return kv.Key(room, "person", p, c)
}

// acquaint lets a client name the person of a grant by their sub from now on:
// it gets a token by which it can learn it.
func (s *Server) acquaint(tx kv.Tx, g consent.Grant) error {
	at := acquaintedKey(g.Person, g.Client)
	if known, err := tx.Get(at); err != nil || known != nil {
		return err
	}
	a := acquaintance{g.Client, s.Subject(string(g.Person), string(g.Client))}
	if err := kv.Store(tx, at, a); err != nil {
		return err
	}
	return tx.Put(subKey(a), []byte(g.Person))
}

// ClientRemoved forgets the first people whom a client could name, and reports
// whether there are no more.
func (s *Server) ClientRemoved(tx kv.Tx, c consent.ClientID, limit int) (done bool, err error) {
	var keys [][]byte
	for e, err := range tx.Scan(kv.Prefix(room, "sub", c)) {
		if err != nil {
			return false, err
		}
		if keys = append(keys, bytes.Clone(e.Key), acquaintedKey(consent.PersonID(e.Value), c)); len(keys) == 2*limit {
			break
		}
	}
	for _, k := range keys {
		if err := tx.Delete(k); err != nil {
			return false, err
		}
	}
	return len(keys) < 2*limit, nil
}

// PersonLeaves forgets by what clients could name a person, in the transaction
// in which they leave.
func (s *Server) PersonLeaves(tx kv.Tx, p consent.PersonID) error {
	var keys [][]byte
	for e, err := range tx.Scan(kv.Prefix(room, "person", p)) {
		if err != nil {
			return err
		}
		var a acquaintance
		if err := kv.Decode(e.Value, &a); err != nil {
			return err
		}
		keys = append(keys, bytes.Clone(e.Key), subKey(a))
	}
	for _, k := range keys {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
