package rollback

import (
	"context"
	"time"

	"jali/internal/kv"
	"jali/vault/anchor"
)

// Verdict is what comparing a database with its anchor has found. The zero
// Verdict is of a database that is fine.
type Verdict struct {
	Restored bool
	// Exact: everything is known that was touched since the copy was made, so
	// that what was not is as it was. Else only some of it may be.
	Exact bool
	// Marked: all but the last minute's uses and the last second's other deeds
	// are known, at least.
	Marked  bool
	Since   uint64    // the copy's generation
	At      time.Time // when it was noticed first
	Resumed bool      // that was by an earlier process, which has not mended all

	touched map[string]uint64
	mark    func(Kind, string) string
}

// Untouched reports whether a thing is proven to be as it was when the copy
// was made.
func (v Verdict) Untouched(k Kind, id string) bool { return v.Exact && !v.Touched(k, id) }

// Touched reports whether a thing is known to have been touched since the copy
// was made, or shortly before.
func (v Verdict) Touched(k Kind, id string) bool {
	of, ok := v.touched[v.mark(k, id)]
	return ok && of >= v.Since
}

var restoredKey = kv.Key(room, "restored")

// Restored says of a database that it was taken out of a backup, and is to be
// mended even where its anchor was put back with it.
func Restored(ctx context.Context, db kv.DB) error {
	return db.Update(ctx, func(tx kv.Tx) error { return tx.Put(restoredKey, []byte{1}) })
}

// mending is the row that lets a mending be taken up again as the same.
type mending struct {
	At       time.Time `json:"at"`
	Since    uint64    `json:"since"`
	Anchored uint64    `json:"anchored"` // the anchor's generation
}

var mendingKey = kv.Key(room, "mending")

// Open compares the database with its anchor. Whatever it answers, nothing may
// be served before [Guard.Begin], and of a restored database nothing before it
// is mended by the verdict: the same is found again until Begin is told.
func (g *Guard) Open(ctx context.Context) (Verdict, error) {
	now, _, err := g.look(ctx)
	if err != nil {
		return Verdict{}, err
	}
	var said []byte
	if err := g.DB.View(ctx, func(tx kv.Tx) error { said, err = tx.Get(restoredKey); return err }); err != nil {
		return Verdict{}, err
	}
	held := g.Anchor.State()
	g.told, g.toldID = held.Generation, held.GenerationID
	if said == nil && (now.ID == held.GenerationID || now.Before == held.GenerationID) {
		return Verdict{Since: now.Count, mark: g.mark}, nil
	}
	v := Verdict{Restored: true, Since: now.Count, touched: held.Touched, mark: g.mark}
	v.Marked = now.Count < held.Generation && now.Count >= held.Floor // else the anchor is an old copy, or has forgotten
	v.Exact = v.Marked && !held.Serving
	this := mending{At: g.Now().UTC().Truncate(time.Microsecond), Since: now.Count, Anchored: held.Generation}
	err = g.DB.Update(ctx, func(tx kv.Tx) error {
		var last mending
		found, err := kv.Load(tx, mendingKey, &last)
		if err != nil {
			return err
		}
		v.Resumed = found && last.Since == this.Since && last.Anchored == this.Anchored
		if v.Resumed {
			v.At = last.At
			return nil
		}
		v.At = this.At
		return kv.Store(tx, mendingKey, this)
	})
	return v, err
}

// far is the step over all generations that an anchor may have known of which
// only an old copy is left, or which has forgotten.
const far = 1 << 32

// Begin says that the database is in use from now on, and mended as v wants.
// A mended one begins a generation that no copy of it has; where not all was
// known of what had been touched, nothing is known of any from before.
func (g *Guard) Begin(ctx context.Context, v Verdict) error {
	g.beating.Lock()
	defer g.beating.Unlock()
	now, _, err := g.look(ctx)
	if err != nil {
		return err
	}
	ahead, to := now.Count > g.told, max(now.Count, g.told)+1
	switch {
	case v.Restored:
		to++ // a process that was cut short may have been one ahead of the anchor, and have left a copy
		if !v.Marked {
			to += far
		}
		if !v.Exact {
			now.Floor = to + 1
		}
	case ahead: // the last Beat was cut short
		if err := g.tell(ctx, now, nil); err != nil {
			return err
		}
	}
	if err := g.raise(ctx, now, to, func(s *anchor.State) { s.Serving = true }); err != nil {
		return err
	}
	g.begun = true
	return nil
}

// Stop says that everything has been told: nothing is touched any more after
// it. Without it, as after a crash, the anchor goes on saying that the
// database is in use. Where Begin has not been, it does nothing.
func (g *Guard) Stop(ctx context.Context) error {
	g.beating.Lock()
	defer g.beating.Unlock()
	if !g.begun || g.over.Swap(true) {
		return nil
	}
	now, _, err := g.look(ctx)
	if err != nil {
		return err
	}
	if now.Count != g.told {
		if err := g.tell(ctx, now, nil); err != nil {
			return err
		}
	}
	return g.raise(ctx, now, now.Count+1, func(s *anchor.State) { s.Serving = false })
}
