package oauth

import (
	"bytes"
	"errors"
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
// behind the grant's id and a dot, or the client's where it is the client's own.
type mark string

// key finds a row by its mark. What belongs to a grant lies side by side.
func (m mark) key(k kind) []byte {
	if k == inviteKind {
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

// endsKey is a row of the index of endings, which holds the key of what ends.
func endsKey(at time.Time, k kind, m mark) []byte { return kv.Key(room, "ends", at, k, m) }

// endingKind reads of what kind the row is that such a key is about.
func endingKind(key []byte) kind {
	k, _, _ := kv.Text(key[len(kv.Key(room, "ends", time.Time{})):])
	return kind(k)
}

// put stores what is new; it is swept once until is past, if it is there still.
func put(tx kv.Tx, k kind, m mark, v any, until time.Time) error {
	return errors.Join(kv.Store(tx, m.key(k), v), tx.Put(endsKey(until, k, m), m.key(k)))
}

// tokenRows are remembered as they are stored: a code is used within seconds,
// and a token again and again.
var tokenRows kv.Known[row]

// putRow is put for a code or token.
func putRow(tx kv.Tx, k kind, m mark, t row, until time.Time) error {
	return errors.Join(tokenRows.Store(tx, m.key(k), t), tx.Put(endsKey(until, k, m), m.key(k)))
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

// pushedOf answers a grant's request as it was pushed, and its key.
func pushedOf(tx kv.Tx, g consent.GrantID) (p pushed, at []byte, err error) {
	for e, err := range tx.Scan(kv.Prefix(room, "grant", g, pushedKind)) {
		if err != nil {
			return p, nil, err
		}
		return p, bytes.Clone(e.Key), kv.Decode(e.Value, &p)
	}
	return p, nil, errNoRequest
}
