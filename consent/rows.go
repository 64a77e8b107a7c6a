package consent

import (
	"slices"
	"time"

	"jali/internal/kv"
)

const room = "consent"

func grantKey(id GrantID) []byte              { return kv.Key(room, "grant", id) }
func personKey(p PersonID, id GrantID) []byte { return kv.Key(room, "person", p, id) }
func usedKey(id GrantID, key string) []byte   { return kv.Key(room, "used", id, key) }
func pausedKey(p PersonID, c ClientID) []byte { return kv.Key(room, "paused", p, c) }
func pausedByKey(c ClientID, p PersonID) []byte {
	return kv.Key(room, "paused_by", c, p)
}
func leaveKey(p PersonID) []byte     { return kv.Key(room, "leave", p) }
func allPausedKey(p PersonID) []byte { return kv.Key(room, "all_paused", p) }
func clientKey(id ClientID) []byte   { return kv.Key(room, "client", id) }
func givenKey(p PersonID, c ClientID, id GrantID) []byte {
	return kv.Key(room, "given", p, c, id)
}
func livingKey(c ClientID, id GrantID) []byte { return kv.Key(room, "living", c, id) }
func evidenceKey(id GrantID, revision int) []byte {
	return kv.Key(room, "evidence", id, revision)
}
func waitingKey(p PersonID, c ClientID, id GrantID) []byte {
	return kv.Key(room, "waiting", p, c, id)
}

// grantRows are remembered as they are stored: every request for data needs
// its grant's, and so does each step of a request on its way to a yes.
var grantRows kv.Known[Grant]

func getGrant(tx kv.Tx, id GrantID) (Grant, error) {
	g, ok, err := grantRows.Load(tx, grantKey(id))
	if err == nil && !ok {
		err = ErrNoGrant
	}
	return g, err
}

func putGrant(tx kv.Tx, g Grant) error {
	g.Evidence = nil // a row of its own
	return grantRows.Store(tx, grantKey(g.ID), g)
}

// getGrants loads grants that an index has named.
func getGrants(tx kv.Tx, ids []GrantID) ([]Grant, error) {
	list := make([]Grant, 0, len(ids))
	for _, id := range ids {
		g, err := getGrant(tx, id)
		if err != nil {
			return nil, err
		}
		list = append(list, g)
	}
	return list, nil
}

// grantsIn loads the grants that a part of an index names.
func grantsIn(tx kv.Tx, r kv.Range) ([]Grant, error) {
	var ids []GrantID
	for row, err := range tx.Scan(r) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, GrantID(row.Value))
	}
	return getGrants(tx, ids)
}

// forwards is every step that a grant may take. An exhausted grant that is
// revoked can still be read no longer.
var forwards = map[State][]State{
	Pushed:    {Shown, Expired},
	Shown:     {Given, Applied, Refused, Expired},
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
