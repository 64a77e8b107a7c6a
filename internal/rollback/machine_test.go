package rollback

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jali/internal/kv"
	"jali/internal/secret"
	"jali/vault/anchor"
)

var ctx = context.Background()

func testMAC(use string, parts ...string) []byte {
	h := hmac.New(sha256.New, []byte("key "+use))
	h.Write([]byte(strings.Join(parts, "\x00")))
	return h.Sum(nil)
}

func founded(path string) (*anchor.File, error) {
	f, err := anchor.At(path)
	if err == nil && f.State().Ring == "" {
		err = f.Change(func(s *anchor.State) { s.Ring, s.Term, s.Ratchet = "ring", 1, secret.New(make([]byte, 32)) })
	}
	return f, err
}

// grant is a row of the machine's: how often it was touched, and whether it
// may still be read from.
type grant struct {
	Touched int
	Lives   bool
}

func grantKey(id string) []byte { return kv.Key("test", "grant", id) }

// world is one database with its copies, and the truth beside it.
type world struct {
	dir   string
	fault string
	db    *memory
	guard *Guard // nil: nothing runs
	clean bool   // the last process ended by Stop
	moved string // what was put back since: "", "database", "anchor"
	from  copied // what "database" is a copy of

	touched map[string]int  // how often each grant was, in every history
	unsure  map[string]bool // mended, and the process was killed before it began
	copies  []copied
	anchors [][]byte
	seen    map[string]int // how often what was met
}

// copied is a copy of the database.
type copied struct {
	db     *memory
	older  bool // the generation has risen since, in the anchor too
	backup bool // it rose just before, too
}

func newWorld(dir, fault string) *world {
	return &world{dir: dir, fault: fault, db: &memory{rows: map[string][]byte{}, fault: fault}, clean: true,
		touched: map[string]int{}, unsure: map[string]bool{}, seen: map[string]int{}}
}

func (w *world) path() string { return filepath.Join(w.dir, "anchor") }

// walk takes steps that draw chooses, and answers what it found wrong.
func (w *world) walk(steps int, draw func(what string, n int) int) error {
	for range steps {
		if w.guard == nil {
			if err := w.asleep(draw); err != nil {
				return err
			}
			continue
		}
		if err := w.awake(draw); err != nil {
			return err
		}
	}
	return nil
}

var errBeyond = errors.New("what cannot be noticed has happened")

func (w *world) asleep(draw func(string, int) int) error {
	switch draw("asleep", 6) {
	case 0:
		w.copy(false)
	case 1:
		if len(w.copies) == 0 || w.moved == "anchor" {
			return nil
		}
		w.from = w.copies[draw("copy", len(w.copies))]
		w.db, w.moved = w.from.db.clone(), "database"
	case 2: // only beside the newest database: two old ones that fit each other cannot be told from new ones
		if len(w.anchors) == 0 || w.moved != "" {
			return nil
		}
		w.moved = "anchor"
		return os.WriteFile(w.path(), w.anchors[draw("anchor", len(w.anchors))], 0o600)
	default:
		return w.start(draw)
	}
	return nil
}

func (w *world) awake(draw func(string, int) int) error {
	switch draw("awake", 12) {
	case 0:
		id := fmt.Sprint("g", len(w.touched))
		w.touched[id] = 0
		return w.put(id, grant{Lives: true})
	case 1, 2, 3, 4:
		if len(w.touched) > 0 {
			return w.deed(fmt.Sprint("g", draw("grant", len(w.touched))), draw("ends", 3) == 0)
		}
	case 5:
		return w.beat(false)
	case 6:
		return w.backup()
	case 7:
		w.copy(false)
		b, err := os.ReadFile(w.path())
		w.anchors = append(w.anchors, b)
		return err
	case 8:
		return w.cut(draw)
	case 9:
		if err := w.guard.Stop(ctx); err != nil {
			return err
		}
		w.raised()
		w.guard, w.clean = nil, true
		b, err := os.ReadFile(w.path())
		w.anchors = append(w.anchors, b)
		return err
	case 10:
		w.kill()
	}
	return nil
}

func (w *world) kill() { w.guard, w.clean = nil, false }

func (w *world) copy(backup bool) {
	w.copies = append(w.copies, copied{db: w.db.clone(), backup: backup})
}

// raised: every copy of this history is older than its anchor now.
func (w *world) raised() {
	for i := range w.copies {
		w.copies[i].older = true
	}
}

func (w *world) beat(force bool) error {
	was, _, err := w.guard.look(ctx)
	if err != nil {
		return err
	}
	if err := w.guard.Beat(ctx, force); err != nil {
		return err
	}
	if now, _, err := w.guard.look(ctx); err != nil {
		return err
	} else if now.Count > was.Count {
		w.raised()
	} else if force {
		return errors.New("a forced Beat raised nothing")
	}
	return nil
}

func (w *world) backup() error {
	if err := w.beat(true); err != nil {
		return err
	}
	w.copy(true)
	return w.beat(true)
}

// cut is a Beat that fails on its way.
func (w *world) cut(draw func(string, int) int) error {
	switch draw("cut", 3) {
	case 0:
		w.db.fails = before
		if err := w.guard.Beat(ctx, true); !errors.Is(err, errPlanted) {
			return fmt.Errorf("Beat = %v, want the planted failure", err)
		}
	case 1: // the store refuses all from then on, so the process has to end
		w.db.fails = unknown
		if err := w.guard.Beat(ctx, true); !errors.Is(err, kv.ErrUnknown) {
			return fmt.Errorf("Beat = %v, want an unknown outcome", err)
		}
		w.kill()
	case 2:
		err := w.unanchored(func() error { return w.guard.Beat(ctx, true) })
		if !errors.Is(err, anchor.ErrUnwritten) {
			return fmt.Errorf("Beat = %v, want an anchor that is not written", err)
		}
		if draw("dies", 2) == 0 {
			w.kill()
		}
	}
	return nil
}

// unanchored runs f while the anchor cannot be written.
func (w *world) unanchored(f func() error) error {
	if err := os.Rename(w.dir, w.dir+".away"); err != nil {
		return err
	}
	err := f()
	return errors.Join(err, os.Rename(w.dir+".away", w.dir))
}

func (w *world) put(id string, g grant) error {
	return w.db.Update(ctx, func(tx kv.Tx) error { return kv.Store(tx, grantKey(id), g) })
}

// deed uses or ends a living grant.
func (w *world) deed(id string, ends bool) error {
	did := false
	err := w.db.Update(ctx, func(tx kv.Tx) error {
		var g grant
		if ok, err := kv.Load(tx, grantKey(id), &g); err != nil || !ok || !g.Lives {
			return err
		}
		touch := w.guard.Use
		if ends {
			touch = func(tx kv.Tx, id string) error { return w.guard.Touch(tx, Grant, id) }
		}
		if w.fault != "uses leave no mark" || ends {
			if err := touch(tx, id); err != nil {
				return err
			}
		}
		did = true
		return kv.Store(tx, grantKey(id), grant{Touched: w.touched[id] + 1, Lives: !ends})
	})
	if err == nil && did {
		w.touched[id]++
	}
	return err
}

func (w *world) grants() (map[string]grant, error) {
	all := map[string]grant{}
	err := w.db.View(ctx, func(tx kv.Tx) error {
		for id := range w.touched {
			var g grant
			if ok, err := kv.Load(tx, grantKey(id), &g); err != nil {
				return err
			} else if ok {
				all[id] = g
			}
		}
		return nil
	})
	return all, err
}

// start opens what lies there, mends it by the verdict, and looks whether what
// lives then is as it was last, in any history.
func (w *world) start(draw func(string, int) int) error {
	f, err := founded(w.path())
	if err != nil {
		return err
	}
	g := &Guard{DB: w.db, Anchor: f, MAC: testMAC, Now: time.Now, Log: slog.New(slog.DiscardHandler), most: 12}
	v, err := g.Open(ctx)
	if err != nil {
		return err
	}
	was, err := w.grants()
	if err != nil {
		return err
	}
	stale := slices.ContainsFunc(slices.Collect(maps.Keys(was)), func(id string) bool { return was[id].Lives && was[id].Touched != w.touched[id] })
	switch {
	case v.Restored && w.moved == "":
		return fmt.Errorf("a false alarm: %+v", v)
	case !v.Restored && w.moved == "database" && stale && (w.clean || w.from.older):
		return fmt.Errorf("a restored database is not noticed: %+v", v)
	case !v.Restored && w.moved == "database" && w.lost(was):
		return errBeyond
	}
	if w.guard = g; v.Restored {
		if done, err := w.mend(v, was, draw); err != nil || !done {
			return err
		}
	}
	w.seen[fmt.Sprintf("%s put back: restored %t, exact %t", w.moved, v.Restored, v.Exact)]++
	begin := func() error { return g.Begin(ctx, v) }
	switch draw("begin", 8) {
	case 0:
		w.db.fails = unknown
		if err := begin(); !errors.Is(err, kv.ErrUnknown) && !errors.Is(err, anchor.ErrUnwritten) {
			return fmt.Errorf("Begin = %v, want an unknown outcome", err)
		}
	case 1:
		if err := w.unanchored(begin); !errors.Is(err, anchor.ErrUnwritten) {
			return fmt.Errorf("Begin = %v, want an anchor that is not written", err)
		}
	default:
		if err := begin(); err != nil {
			return err
		}
		w.raised()
		w.moved = ""
		living, err := w.grants()
		for id, g := range living {
			if g.Lives && g.Touched != w.touched[id] {
				return fmt.Errorf("%s lives as it was after %d of %d deeds; %+v", id, g.Touched, w.touched[id], v)
			}
			w.touched[id] = max(w.touched[id], g.Touched) // what mending did is true now
		}
		return err
	}
	// Killed in Begin. How the process before it ended, the anchor still knows.
	w.guard = nil
	for id := range was {
		w.unsure[id] = true
	}
	if now, _, err := g.look(ctx); err != nil {
		return err
	} else if again, err := founded(w.path()); err != nil {
		return err
	} else if w.moved == "database" && (now.ID == again.State().GenerationID || now.Before == again.State().GenerationID) {
		w.moved = "" // it was mended, and its next start is as any other
	}
	return nil
}

// lost reports whether deeds are missing from what was put back.
func (w *world) lost(was map[string]grant) bool {
	for id, n := range w.touched {
		if was[id].Touched < n {
			return true
		}
	}
	return false
}

// mend ends what is not proven; it may be cut short.
func (w *world) mend(v Verdict, was map[string]grant, draw func(string, int) int) (done bool, err error) {
	for i, id := range slices.Sorted(maps.Keys(was)) {
		if i > 0 && draw("cut mending", 12) == 0 {
			w.guard = nil
			return false, nil
		}
		if !was[id].Lives {
			continue
		}
		if v.Untouched(Grant, id) {
			continue
		}
		if w.moved == "database" && w.clean && w.from.backup && v.Exact && was[id].Touched == w.touched[id] && !w.unsure[id] {
			return false, fmt.Errorf("%s is as it was and is ended: %+v", id, v)
		}
		if err := w.guard.DB.Update(ctx, func(tx kv.Tx) error {
			if err := w.guard.Touch(tx, Grant, id); err != nil {
				return err
			}
			return kv.Store(tx, grantKey(id), grant{Touched: w.touched[id] + 1})
		}); err != nil {
			return false, err
		}
	}
	return true, nil
}

// TestNothingEndedComesBack walks through uses, ends, Beats, crashes at every
// step, clean stops, copies and restored copies. What was used or ended since
// must never live after a restored copy, and nothing be ended without one.
func TestNothingEndedComesBack(t *testing.T) {
	for _, name := range []string{"rapid.checks", "rapid.seed"} {
		was := flag.Lookup(name).Value.String()
		t.Cleanup(func() { _ = flag.Set(name, was) })
	}
	checks := "200"
	if os.Getenv("CI") == "true" {
		checks = "700"
		if err := flag.Set("rapid.seed", "20261122"); err != nil {
			t.Fatal(err)
		}
	}
	if err := flag.Set("rapid.checks", checks); err != nil {
		t.Fatal(err)
	}
	dir, seen, n := scratch(t), map[string]int{}, 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		w := newWorld(filepath.Join(dir, fmt.Sprint(n)), "")
		if err := os.Mkdir(w.dir, 0o700); err != nil {
			rt.Fatal(err)
		}
		err := w.walk(60, func(what string, n int) int { return rapid.IntRange(0, n-1).Draw(rt, what) })
		if err != nil && !errors.Is(err, errBeyond) {
			rt.Fatal(err)
		}
		for k, n := range w.seen {
			seen[k] += n
		}
		if errors.Is(err, errBeyond) {
			seen["beyond"]++
		}
	})
	for _, k := range []string{" put back: restored false, exact false", "database put back: restored true, exact true", "database put back: restored true, exact false",
		"anchor put back: restored true, exact false"} {
		if seen[k] == 0 {
			t.Errorf("never met: %s; %v", k, seen)
		}
	}
	t.Log(seen)
}

// TestTheMachineFindsPlantedFaults shows that the walk can fail.
func TestTheMachineFindsPlantedFaults(t *testing.T) {
	for _, fault := range []string{"uses leave no mark", "forgets early"} {
		t.Run(fault, func(t *testing.T) {
			dir := scratch(t)
			for seed := range uint64(1000) {
				r := rand.New(rand.NewPCG(seed, 1))
				w := newWorld(filepath.Join(dir, fmt.Sprint(seed)), fault)
				if err := os.Mkdir(w.dir, 0o700); err != nil {
					t.Fatal(err)
				}
				if err := w.walk(120, func(_ string, n int) int { return r.IntN(n) }); err != nil && !errors.Is(err, errBeyond) {
					t.Log("walk", seed, "finds:", err)
					return
				}
			}
			t.Error("not found")
		})
	}
}

// room for anchors that are written thousands of times: in memory where there
// is such a folder, since no crash here is the machine's.
func scratch(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "jali")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
