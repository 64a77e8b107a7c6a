package rollback

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"time"

	"jali/internal/fault"
	"jali/internal/kv"
	"jali/vault/anchor"
)

const (
	every = time.Minute
	// pause is how long an early Beat waits, so that the deed which wants it is
	// on disk and others come along.
	pause = time.Second
	// mostMarks bounds the anchor: written anew with each Beat, it then has
	// some 2 MiB.
	mostMarks = 1 << 16
)

var errUnbegun = &fault.Error{Kind: fault.Internal, Code: "rollback_unbegun",
	Detail: "a database that is not yet held to its anchor"}

// Run beats every minute, and sooner where that is wanted, until ctx ends.
func (g *Guard) Run(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-g.wanted():
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
		}
		if err := g.calmly(ctx); err != nil && ctx.Err() == nil {
			g.Log.Error("the anchor is not kept up; it will be tried again. Until then a restored backup may not be noticed", "err", err)
		}
	}
}

func (g *Guard) calmly(ctx context.Context) (err error) {
	defer fault.Caught(&err)
	return g.Beat(ctx, false)
}

func (g *Guard) wanted() chan struct{} {
	g.once.Do(func() { g.soon = make(chan struct{}, 1) })
	return g.soon
}

func (g *Guard) wantSoon() {
	select {
	case g.wanted() <- struct{}{}:
	default:
	}
}

// Beat raises the generation, in the database and then in the anchor, and
// tells the anchor what was touched; if nothing was, and force is not set, it
// only looks. A copy of the database from before it is older than its anchor
// from then on.
func (g *Guard) Beat(ctx context.Context, force bool) error {
	g.beating.Lock()
	defer g.beating.Unlock()
	if !g.begun || g.over.Load() {
		return errUnbegun
	}
	now, stirred, err := g.look(ctx)
	if err != nil {
		return err
	}
	if now.Count != g.told { // the last one was cut short before the anchor
		if err := g.tell(ctx, now, nil); err != nil {
			return err
		}
	}
	if !force && !stirred {
		return nil
	}
	return g.raise(ctx, now, now.Count+1, nil)
}

// look answers the generation and whether anything was touched in it.
func (g *Guard) look(ctx context.Context) (now generation, stirred bool, err error) {
	err = g.DB.View(ctx, func(tx kv.Tx) error {
		stirred = false
		if now, err = current(tx); err != nil {
			return err
		}
		for _, err := range tx.Scan(kv.Prefix(room, "touched", now.Count)) {
			stirred = err == nil
			return err
		}
		return nil
	})
	return now, stirred, err
}

// raise takes the database from one generation to another and tells the
// anchor. Rows that it has been told of already go in the same transaction.
func (g *Guard) raise(ctx context.Context, from generation, to uint64, also func(*anchor.State)) error {
	next := generation{Count: to, ID: rand.Text(), Before: g.toldID, Floor: from.Floor}
	if err := g.DB.Update(ctx, func(tx kv.Tx) error {
		if g.told >= from.Count {
			if err := forget(tx, from.Count); err != nil {
				return err
			}
		}
		if err := tx.Delete(restoredKey); err != nil {
			return err
		}
		return kv.Store(tx, generationKey, next)
	}); err != nil {
		return err
	}
	g.uses.Store(0)
	return g.tell(ctx, next, also)
}

// tell writes the generation into the anchor, with the marks of all before it.
func (g *Guard) tell(ctx context.Context, to generation, also func(*anchor.State)) error {
	var marks []string
	if err := g.DB.View(ctx, func(tx kv.Tx) error {
		marks = nil
		for e, err := range tx.Scan(below(to.Count)) {
			if err != nil {
				return err
			}
			if m := markOf(e.Key); m != "" {
				marks = append(marks, m)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if err := g.Anchor.Change(func(s *anchor.State) {
		if s.Touched == nil {
			s.Touched = make(map[string]uint64, len(marks))
		}
		for _, m := range marks { // of a generation mended long after it was made: as late as can be
			s.Touched[m] = to.Count - 1
		}
		s.Generation, s.GenerationID, s.Floor = to.Count, to.ID, max(s.Floor, to.Floor)
		bound(s, cmp.Or(g.most, mostMarks))
		if also != nil {
			also(s)
		}
	}); err != nil {
		return err
	}
	g.told, g.toldID = to.Count, to.ID
	return nil
}

// markOf is the last element of a key under "touched".
func markOf(key []byte) string {
	behind := len(touchedKey(0, "")) - len(kv.Key(""))
	mark, _, _ := kv.Text(key[behind:])
	return mark
}

func forget(tx kv.Tx, generation uint64) error {
	var keys [][]byte
	for e, err := range tx.Scan(below(generation)) {
		if err != nil {
			return err
		}
		keys = append(keys, bytes.Clone(e.Key))
	}
	for _, k := range keys {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// bound drops the marks below the floor, which nobody asks for, and where there
// are still more than most raises it over whole generations of them, the
// oldest first, until there are a quarter fewer.
func bound(s *anchor.State, most int) {
	drop := func() { maps.DeleteFunc(s.Touched, func(_ string, of uint64) bool { return of < s.Floor }) }
	if drop(); len(s.Touched) <= most {
		return
	}
	marks := slices.Sorted(maps.Values(s.Touched))
	s.Floor = marks[len(marks)-most*3/4-1] + 1
	drop()
}
