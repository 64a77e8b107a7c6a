package oauth

import (
	"time"

	"jali/consent"
	"jali/internal/kv"
)

const room = "oauth"

// kind is what a hash is the hash of.
type kind string

const (
	pushedKind  kind = "pushed"
	codeKind    kind = "code"
	accessKind  kind = "access"
	refreshKind kind = "refresh"
)

// pushed is a request as the client pushed it. Its terms are the grant's.
type pushed struct {
	Grant       consent.GrantID  `json:"grant"`
	Client      consent.ClientID `json:"client"`
	RedirectURI string           `json:"redirect_uri"`
	State       string           `json:"state,omitempty"`
	Challenge   string           `json:"code_challenge"`
	Key         string           `json:"jkt,omitempty"` // the code will be bound to it
	OpenUntil   time.Time        `json:"open_until"`    // the request_uri may be opened
}

// row is a code or token.
type row struct {
	Grant  consent.GrantID  `json:"grant"`
	Client consent.ClientID `json:"client"`
	Key    string           `json:"jkt,omitempty"` // RFC 7638 thumbprint; a code may have none
	At     time.Time        `json:"at"`
	Ends   time.Time        `json:"ends"`

	// Of codes alone.
	RedirectURI string    `json:"redirect_uri,omitempty"`
	Challenge   string    `json:"code_challenge,omitempty"`
	Recurs      bool      `json:"recurs,omitempty"` // the grant is used more than once
	Used        time.Time `json:"used,omitzero"`
}

func rowKey(k kind, hash string) []byte { return kv.Key(room, k, hash) }

func ofKey(g consent.GrantID, k kind, hash string) []byte { return kv.Key(room, "of", g, k, hash) }

// endsRow is what the index of endings keeps, so that a sweep reads no more.
type endsRow struct {
	Kind  kind            `json:"kind"`
	Hash  string          `json:"hash"`
	Grant consent.GrantID `json:"grant"`
}

func endsKey(at time.Time, k kind, hash string) []byte { return kv.Key(room, "ends", at, k, hash) }

// put stores a new row with both of its indexes; it is swept once until is past.
func put(tx kv.Tx, k kind, hash string, g consent.GrantID, v any, until time.Time) error {
	if err := kv.Store(tx, rowKey(k, hash), v); err != nil {
		return err
	}
	if err := tx.Put(ofKey(g, k, hash), []byte(hash)); err != nil {
		return err
	}
	return kv.Store(tx, endsKey(until, k, hash), endsRow{k, hash, g})
}

// drop removes a row. Its entry among the endings stays until its time: Sweep
// finds nothing behind it then.
func drop(tx kv.Tx, k kind, hash string, g consent.GrantID) error {
	if err := tx.Delete(rowKey(k, hash)); err != nil {
		return err
	}
	return tx.Delete(ofKey(g, k, hash))
}

// hashes answers what a grant has given of one kind.
func hashes(tx kv.Tx, g consent.GrantID, k kind) ([]string, error) {
	var found []string
	for e, err := range tx.Scan(kv.Prefix(room, "of", g, k)) {
		if err != nil {
			return nil, err
		}
		found = append(found, string(e.Value))
	}
	return found, nil
}

// dropAll removes all that a grant has given of some kinds.
func dropAll(tx kv.Tx, g consent.GrantID, kinds ...kind) error {
	for _, k := range kinds {
		found, err := hashes(tx, g, k)
		if err != nil {
			return err
		}
		for _, hash := range found {
			if err := drop(tx, k, hash, g); err != nil {
				return err
			}
		}
	}
	return nil
}
