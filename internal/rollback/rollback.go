// Package rollback notices that a database was taken back in time, by a
// restored backup or a copied file, and knows what of it may be believed.
//
// The unit is the generation: a count that rises in the database and then in
// the anchor, which no backup holds (package anchor). What is used, changed or
// ended leaves its mark, a MAC of its id, in the transaction of the deed, and
// the anchor keeps the marks with the generations they were made in. A copy of
// the database says in which generation it was made: what has a mark from that
// generation on may have been touched since.
//
// A Beat raises the generation. The database goes first, and keeps the rows of
// the generation that ends until it begins another: a crash before the anchor
// is written leaves the database one ahead, with everything that the anchor
// has yet to be told. Each generation has a random id, so that two histories
// which part never share one. A database is fine if the anchor is of its
// generation or of the one before it, and has been put back otherwise, or the
// anchor has.
//
// What may be believed of a restored database depends on how its last process
// ended. After a clean stop the anchor knows every mark; after another end it
// lacks those since the last Beat. It keeps some tens of thousands, and the
// oldest go first: of what is from before its floor nothing is known.
//
// Not noticed are files that were put back together with their anchor, and a
// copy of them that is put back before the generation has risen since it was
// made: up to a minute for uses and a second for all else, if the process was
// killed. What `jali restore` puts back says so itself ([Restored]).
//
// Rows, all under "rollback":
//
//	("generation")                  the count, its id, the id before, and a floor
//	("touched", generation, mark)   there: touched in that generation
//	("restored")                    there: out of a backup, and not mended yet
//	("mending")                     when a restored database was noticed
package rollback

import (
	"encoding/base64"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"jali/internal/fault"
	"jali/internal/kv"
	"jali/vault/anchor"
)

// Guard holds one database to its anchor. It is open from [Guard.Begin] to
// [Guard.Stop].
type Guard struct {
	DB     kv.DB
	Anchor *anchor.File
	MAC    func(use string, parts ...string) []byte
	Now    func() time.Time
	Log    *slog.Logger

	once sync.Once
	soon chan struct{} // a Beat is wanted before the next minute
	uses atomic.Int64  // rows that uses have written since the last Beat, at least
	over atomic.Bool
	most int // marks in the anchor; zero: mostMarks

	beating sync.Mutex
	begun   bool
	told    uint64 // the anchor's generation
	toldID  string
}

// Kind of what is touched.
type Kind string

const (
	Grant   Kind = "grant"
	Client  Kind = "client"  // its row in the register
	Passkey Kind = "passkey" // by the id of the credential
	Codes   Kind = "codes"   // a person's recovery codes
	// Else is anything after which an older copy has to be noticed as one,
	// though it leaves no mark: what a restored database loses in any case, as
	// sessions, or what has marks of another kind, as people who left.
	Else Kind = ""
)

var errOver = &fault.Error{Kind: fault.Unavailable, Code: "shutting_down", Owner: fault.Us,
	Detail: "the server is stopping; try again"}

// mostUses is after how many uses the next Beat comes early, so that none has
// much to do at once.
const mostUses = 1000

// Touch marks, in the transaction of the deed, what a restored copy of the
// database must not bring back as it was. A Beat follows within a second.
func (g *Guard) Touch(tx kv.Tx, k Kind, id string) error {
	if _, err := g.touch(tx, k, id); err != nil {
		return err
	}
	g.wantSoon()
	return nil
}

// Use is Touch of a grant that was used; the Beat follows within a minute.
func (g *Guard) Use(tx kv.Tx, grant string) error {
	fresh, err := g.touch(tx, Grant, grant)
	if fresh && g.uses.Add(1) >= mostUses {
		g.wantSoon()
	}
	return err
}

// touch writes one row, and none where it is there already.
func (g *Guard) touch(tx kv.Tx, k Kind, id string) (fresh bool, err error) {
	if g.over.Load() {
		return false, errOver
	}
	now, err := current(tx)
	if err != nil {
		return false, err
	}
	row := touchedKey(now.Count, g.mark(k, id))
	there, err := tx.Get(row)
	if err != nil || there != nil {
		return false, err
	}
	return true, tx.Put(row, []byte{1})
}

// mark is what the anchor knows a thing by: 96 bits in base64url. Else has none.
func (g *Guard) mark(k Kind, id string) string {
	if k == Else {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(g.MAC("rollback", string(k), id)[:12])
}

const room = "rollback"

var generationKey = kv.Key(room, "generation")

func touchedKey(generation uint64, mark string) []byte {
	return kv.Key(room, "touched", generation, mark)
}

// below is the rows of generations before one, from the rows of it on.
func below(generation uint64) kv.Range {
	r := kv.Prefix(room, "touched")
	r.To = kv.Key(room, "touched", generation)
	return r
}

// generation is the row. The zero generation is before the first.
type generation struct {
	Count  uint64 `json:"count"`
	ID     string `json:"id"`
	Before string `json:"before,omitempty"` // the ID of the one before
	Floor  uint64 `json:"floor,omitempty"`  // nothing is known of what was touched in generations below it
}

func current(tx kv.Tx) (now generation, err error) {
	_, err = kv.Load(tx, generationKey, &now)
	return now, err
}
