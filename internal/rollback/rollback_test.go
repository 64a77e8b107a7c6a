package rollback

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"jali/internal/kv"
	"jali/vault/anchor"
)

// begun is a guard in use over a store in memory.
func begun(t *testing.T) (*Guard, *memory) {
	t.Helper()
	f, err := founded(filepath.Join(t.TempDir(), "anchor"))
	if err != nil {
		t.Fatal(err)
	}
	db := &memory{rows: map[string][]byte{}}
	g := &Guard{DB: db, Anchor: f, MAC: testMAC, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	v, err := g.Open(ctx)
	if err != nil || v.Restored {
		t.Fatalf("Open = %+v, %v; want a new one", v, err)
	}
	if err := g.Begin(ctx, v); err != nil {
		t.Fatal(err)
	}
	return g, db
}

func do(t *testing.T, db kv.DB, f func(kv.Tx) error) {
	t.Helper()
	if err := db.Update(ctx, f); err != nil {
		t.Fatal(err)
	}
}

func TestATouchIsOneRowForAGeneration(t *testing.T) {
	g, db := begun(t)
	before := len(db.rows)
	for range 3 {
		do(t, db, func(tx kv.Tx) error { return g.Use(tx, "g1") })
		do(t, db, func(tx kv.Tx) error { return g.Touch(tx, Grant, "g1") })
	}
	if n := len(db.rows) - before; n != 1 {
		t.Errorf("%d rows for one grant, want 1", n)
	}
	if err := g.Beat(ctx, false); err != nil {
		t.Fatal(err)
	}
	if n := len(g.Anchor.State().Touched); n != 1 {
		t.Errorf("the anchor has %d marks, want 1", n)
	}
	if err := g.Beat(ctx, true); err != nil {
		t.Fatal(err)
	}
	if n := len(db.rows) - before; n != 0 {
		t.Errorf("%d rows are left of what the anchor knows", n)
	}
}

func TestKindsAreMarkedApart(t *testing.T) {
	g, _ := begun(t)
	if g.mark(Grant, "x") == g.mark(Client, "x") || g.mark(Else, "") != "" || g.mark(Grant, "") == "" {
		t.Error("two kinds have one mark, or what has none has one")
	}
}

func TestAnIdleServerWritesNothing(t *testing.T) {
	g, db := begun(t)
	was := g.Anchor.State().Generation
	if err := g.Beat(ctx, false); err != nil || g.Anchor.State().Generation != was {
		t.Errorf("Beat = %v, generation %d, want %d", err, g.Anchor.State().Generation, was)
	}
	do(t, db, func(tx kv.Tx) error { return g.Touch(tx, Else, "") })
	if err := g.Beat(ctx, false); err != nil || g.Anchor.State().Generation != was+1 || len(g.Anchor.State().Touched) != 0 {
		t.Errorf("after what leaves no mark: %v, %+v", err, g.Anchor.State())
	}
}

func TestNothingIsTouchedAfterTheStop(t *testing.T) {
	g, db := begun(t)
	if !g.Anchor.State().Serving {
		t.Error("the anchor does not say that the database is in use")
	}
	do(t, db, func(tx kv.Tx) error { return g.Touch(tx, Grant, "g1") })
	if err := g.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if s := g.Anchor.State(); s.Serving || len(s.Touched) != 1 {
		t.Errorf("after the stop the anchor says %+v", s)
	}
	if err := db.Update(ctx, func(tx kv.Tx) error { return g.Touch(tx, Grant, "g2") }); !errors.Is(err, errOver) {
		t.Errorf("Touch = %v, want errOver", err)
	}
	if err := errors.Join(g.Stop(ctx), (&Guard{}).Stop(ctx)); err != nil {
		t.Errorf("Stop again, or without Begin: %v", err)
	}
}

func TestAStopThatCannotTellIsNoCleanOne(t *testing.T) {
	g, db := begun(t)
	do(t, db, func(tx kv.Tx) error { return g.Touch(tx, Grant, "g1") })
	db.fails = before
	if err := g.Stop(ctx); !errors.Is(err, errPlanted) {
		t.Errorf("Stop = %v", err)
	}
	if !g.Anchor.State().Serving {
		t.Error("the anchor calls it clean")
	}
}

func TestBeatsComeInTime(t *testing.T) {
	g, db := begun(t)
	synctest.Test(t, func(t *testing.T) {
		g.soon = make(chan struct{}, 1)
		g.once.Do(func() {})
		running, stop := context.WithCancel(ctx)
		defer stop()
		go g.Run(running)
		generation := func() uint64 { synctest.Wait(); return g.Anchor.State().Generation }
		was := generation()
		do(t, db, func(tx kv.Tx) error { return g.Use(tx, "g1") })
		if time.Sleep(30 * time.Second); generation() != was {
			t.Error("one use is not waited with")
		}
		if time.Sleep(31 * time.Second); generation() != was+1 {
			t.Errorf("a minute after a use: generation %d, want %d", generation(), was+1)
		}
		do(t, db, func(tx kv.Tx) error { return g.Touch(tx, Grant, "g1") })
		if time.Sleep(2 * time.Second); generation() != was+2 {
			t.Errorf("two seconds after a revocation: generation %d, want %d", generation(), was+2)
		}
		for i := range mostUses {
			do(t, db, func(tx kv.Tx) error { return g.Use(tx, fmt.Sprint("many", i)) })
		}
		if time.Sleep(2 * time.Second); generation() != was+3 {
			t.Errorf("two seconds after very many uses: generation %d, want %d", generation(), was+3)
		}
	})
}

func TestTheOldestMarksGoFirst(t *testing.T) {
	s := anchor.State{Touched: map[string]uint64{}, Generation: 20}
	for i := range uint64(20) {
		s.Touched[fmt.Sprint("g", i)] = i
	}
	if bound(&s, 20); len(s.Touched) != 20 || s.Floor != 0 {
		t.Errorf("as many as may be: %d left, floor %d", len(s.Touched), s.Floor)
	}
	if bound(&s, 16); len(s.Touched) != 12 || s.Floor != 8 || s.Touched["g8"] != 8 {
		t.Errorf("of 20, at most 16: %d left, floor %d; want 12 and 8", len(s.Touched), s.Floor)
	}
	for i := range uint64(20) {
		s.Touched[fmt.Sprint("one", i)] = 20
	}
	if bound(&s, 16); len(s.Touched) != 0 || s.Floor != 21 {
		t.Errorf("too many of one generation: %d left, floor %d; want none and 21", len(s.Touched), s.Floor)
	}
}

func TestAForgetfulAnchorProvesNothing(t *testing.T) {
	g, db := begun(t)
	copied := db.clone()
	do(t, db, func(tx kv.Tx) error { return g.Touch(tx, Grant, "g1") })
	if err := g.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	open := func() Verdict {
		v, err := (&Guard{DB: copied.clone(), Anchor: g.Anchor, MAC: testMAC, Now: time.Now}).Open(ctx)
		if err != nil || !v.Restored {
			t.Fatalf("Open = %+v, %v; want a restored one", v, err)
		}
		return v
	}
	if v := open(); !v.Exact || v.Untouched(Grant, "g1") || !v.Untouched(Grant, "g2") {
		t.Errorf("with every mark: %+v", v)
	}
	if err := g.Anchor.Change(func(s *anchor.State) { s.Floor = s.Generation }); err != nil {
		t.Fatal(err)
	}
	if v := open(); v.Exact || v.Marked || v.Untouched(Grant, "g2") {
		t.Errorf("below the floor: %+v", v)
	}
}

// BenchmarkBeat is a Beat with the most marks that an anchor keeps; the
// database is in memory, the anchor on disk.
func BenchmarkBeat(b *testing.B) {
	for _, marks := range []int{0, mostMarks} {
		b.Run(fmt.Sprint(marks, " marks"), func(b *testing.B) {
			f, err := founded(filepath.Join(b.TempDir(), "anchor"))
			if err != nil {
				b.Fatal(err)
			}
			g := &Guard{DB: &memory{rows: map[string][]byte{}}, Anchor: f, MAC: testMAC, Now: time.Now}
			if err := f.Change(func(s *anchor.State) {
				s.Touched = map[string]uint64{}
				for i := range marks {
					s.Touched[g.mark(Grant, fmt.Sprint(i))] = 123456
				}
			}); err != nil {
				b.Fatal(err)
			}
			v, err := g.Open(ctx)
			if err != nil {
				b.Fatal(err)
			}
			if err := g.Begin(ctx, v); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := g.Beat(ctx, true); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
