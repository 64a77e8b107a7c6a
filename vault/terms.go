package vault

import (
	"context"
	"time"

	"jali/internal/kv"
)

// Terms is what an operator is told of the root's terms.
type Terms struct {
	Term       uint32         `json:"term"`               // the one in use
	Since      time.Time      `json:"since"`              // when it began
	Seals      uint64         `json:"seals"`              // counted in it, never too few
	SealsDue   uint64         `json:"seals_due"`          // at so many the next is due
	SealsLimit uint64         `json:"seals_limit"`        // at so many nothing more is sealed
	Wrapped    map[uint32]int `json:"wrapped"`            // keys, by the term that wraps them
	Due        time.Time      `json:"due,omitzero"`       // when the next begins by itself
	Rotation   *Rotation      `json:"rotation,omitempty"` // nil: no term is being left
	Anchor     string         `json:"anchor"`             // its path
	Lowest     uint32         `json:"lowest"`             // the term that it allows
	Generation uint64         `json:"generation"`         // how far it says the database has come
}

// Terms reads all wrapped keys, in small transactions.
func (v *Vault) Terms(ctx context.Context) (Terms, error) {
	ring, held := v.ring(), v.anchor.State()
	t := Terms{
		Term: ring.current.term, Since: ring.made,
		Seals: ring.seals.used.Load(), SealsDue: ring.seals.most / 2, SealsLimit: ring.seals.most,
		Rotation: v.Rotation(), Anchor: v.anchor.Path(), Lowest: held.Term, Generation: held.Generation,
	}
	var err error
	if t.Wrapped, err = v.wrappedIn(ctx); err != nil {
		return t, err
	}
	t.Due, err = v.due(ctx, v.now())
	return t, err
}

// Rotation says how far the rotation is that runs or was interrupted; nil:
// there is none.
func (v *Vault) Rotation() *Rotation {
	ring := v.ring()
	if !ring.leaving() {
		return nil
	}
	if r := v.rotation.Load(); r != nil && r.To == ring.current.term {
		said := *r
		return &said
	}
	return &Rotation{From: ring.oldest, To: ring.current.term}
}

// TermDue reports whether the next term should have begun by now.
func (v *Vault) TermDue(ctx context.Context) (bool, error) {
	now := v.now()
	due, err := v.due(ctx, now)
	return !due.IsZero() && !now.Before(due), err
}

// due answers the zero time where nothing asks for a new term.
func (v *Vault) due(ctx context.Context, now time.Time) (due time.Time, err error) {
	if v.ring().seals.due() {
		return now, nil
	}
	err = v.db.View(ctx, func(tx kv.Tx) error {
		due, err = rotationDue(tx)
		return err
	})
	return due, err
}
