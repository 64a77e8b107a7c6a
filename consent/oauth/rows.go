package oauth

import (
	"bytes"
	"strings"
	"time"

	"jali/consent"
	"jali/internal/kv"
)

const room = "oauth"

// kind is what a mark is the mark of.
type kind string

const (
	pushedKind  kind = "pushed"
	codeKind    kind = "code"
	accessKind  kind = "access"
	refreshKind kind = "refresh"

	decoupledKind kind = "decoupled"
)

// pushed is a request as the client pushed it. Its terms are the grant's.
type pushed struct {
	Grant       consent.GrantID  `json:"grant"`
	Client      consent.ClientID `json:"client"`
	RedirectURI string           `json:"redirect_uri"`
	State       string           `json:"state,omitempty"`
	Challenge   string           `json:"code_challenge"`
	holder                       // the code will be bound to it
	Scopes      []string         `json:"scopes,omitempty"`
	SignAnswer  bool             `json:"sign_answer,omitempty"` // the authorization response is a JWS
	OpenUntil   time.Time        `json:"open_until"`            // the request_uri may be opened
}

// row is a code or token. Of a client's own token, which is of no grant, Grant
// is the client.
type row struct {
	Grant  consent.GrantID  `json:"grant"`
	Client consent.ClientID `json:"client"`
	holder
	Scopes []string  `json:"scopes,omitempty"`
	At     time.Time `json:"at"`
	Ends   time.Time `json:"ends"`

	// Of codes alone.
	RedirectURI string    `json:"redirect_uri,omitempty"`
	Challenge   string    `json:"code_challenge,omitempty"`
	Used        time.Time `json:"used,omitzero"`
}

// mark is what stands for a code, a token or a request_uri in storage: a MAC,
// behind the grant's id and a dot where the token names its grant, or the
// client's where it is the client's own.
type mark string

// key finds a row by its mark. What belongs to a grant lies side by side.
func (m mark) key(k kind) []byte {
	if k == pushedKind || k == inviteKind {
		return kv.Key(room, k, m)
	}
	owner, mac := ownerOf(string(m))
	return kv.Key(room, "grant", owner, k, mac)
}

// ownerOf parts a token or its mark at the last dot: behind it stand no others,
// though a client's id may have some.
func ownerOf(token string) (owner, rest string) {
	i := strings.LastIndexByte(token, '.')
	return token[:max(i, 0)], token[i+1:]
}

func pushedOfKey(g consent.GrantID) []byte { return kv.Key(room, "grant", g, pushedKind) }

// endsRow is what the index of endings keeps, so that a sweep reads no more.
type endsRow struct {
	Kind  kind            `json:"kind"`
	Mark  mark            `json:"mark"`
	Grant consent.GrantID `json:"grant"`
}

func endsKey(at time.Time, k kind, m mark) []byte { return kv.Key(room, "ends", at, k, m) }

// put stores a new row; it is swept once until is past.
func put(tx kv.Tx, k kind, m mark, g consent.GrantID, v any, until time.Time) error {
	if err := kv.Store(tx, m.key(k), v); err != nil {
		return err
	}
	if k == pushedKind {
		if err := tx.Put(pushedOfKey(g), []byte(m)); err != nil {
			return err
		}
	}
	return kv.Store(tx, endsKey(until, k, m), endsRow{k, m, g})
}

// drop removes a row. Its entry among the endings stays until its time: Sweep
// finds nothing behind it then.
func drop(tx kv.Tx, k kind, m mark, g consent.GrantID) error {
	if k == pushedKind {
		if err := tx.Delete(pushedOfKey(g)); err != nil {
			return err
		}
	}
	return tx.Delete(m.key(k))
}

// dropAll removes all codes or tokens that a grant has given, by kinds. A
// refresh token's entry among the endings goes with it: its time may be a year
// off.
func dropAll(tx kv.Tx, g consent.GrantID, kinds ...kind) error {
	var keys [][]byte
	for _, k := range kinds {
		behind := len(kv.Key(room, "grant", g, k))
		for e, err := range tx.Scan(kv.Prefix(room, "grant", g, k)) {
			if err != nil {
				return err
			}
			keys = append(keys, bytes.Clone(e.Key))
			if k != refreshKind {
				continue
			}
			var r row
			if err := kv.Decode(e.Value, &r); err != nil {
				return err
			}
			mac, _, _ := kv.Text(e.Key[behind:])
			keys = append(keys, endsKey(r.Ends, k, mark(string(g)+"."+mac)))
		}
	}
	for _, key := range keys {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// pushedOf answers a grant's request as it was pushed, and its mark.
func pushedOf(tx kv.Tx, g consent.GrantID) (pushed, mark, error) {
	var p pushed
	m, err := tx.Get(pushedOfKey(g))
	if err != nil {
		return p, "", err
	}
	ok := m != nil
	if ok {
		ok, err = kv.Load(tx, mark(m).key(pushedKind), &p)
	}
	if err == nil && !ok {
		err = errNoRequest
	}
	return p, mark(m), err
}
