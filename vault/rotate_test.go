package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"jali/internal/kv"
	"jali/vault/anchor"
	"jali/vault/kek"
)

// populate makes n people with a part, a pair and two records each, and
// answers a check that they still open.
func (h *house) populate(t testing.TB, n int) (check func(*Vault) error) {
	t.Helper()
	records, ids := map[Record][]byte{}, map[string]string{}
	for i := range n {
		p := fmt.Sprintf("p%d", i)
		h.person(t, p)
		if err := h.NewPart(bg, p, "link"); err != nil {
			t.Fatal(err)
		}
		for _, r := range []Record{{Kind: "bill", Person: p, Key: "b"}, {Kind: "credential", Person: p, Part: "link", Key: "c"}} {
			records[r] = h.seal(t, r, "plain "+p)
		}
		ids[p] = h.pair(t, p, "bank").ID("bill_", "b")
	}
	signing, err := h.SigningKey(bg)
	if err != nil {
		t.Fatal(err)
	}
	return func(v *Vault) error {
		for r, sealed := range records {
			got, err := v.Open(bg, r, sealed)
			if err != nil || got.RevealString() != "plain "+r.Person {
				return fmt.Errorf("Open(%v) = %q, %w", r, got.RevealString(), err)
			}
		}
		for p, id := range ids {
			pair, err := v.Pair(bg, p, "bank")
			if err != nil || pair.ID("bill_", "b") != id {
				return fmt.Errorf("the ids that the bank sees of %s are others now, %w", p, err)
			}
		}
		again, err := v.SigningKey(bg)
		if err != nil || again.RevealString() != signing.RevealString() {
			return fmt.Errorf("SigningKey = another, %w", err)
		}
		return nil
	}
}

func (h *house) rotate(t testing.TB) {
	t.Helper()
	if err := errors.Join(h.NewTerm(bg), h.Rewrap(bg)); err != nil {
		t.Fatal(err)
	}
}

// copied is a house over copies of h's files, and of the anchor that lies at
// path anchor.
func (h *house) copied(t testing.TB, rows, keys, held string) *house {
	t.Helper()
	c := &house{dir: t.TempDir(), kek: h.kek}
	for name, from := range map[string]string{"jali.db": rows, "keys.db": keys, "anchor": held} {
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(c.dir, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c.db, c.keys, c.held = c.bolt(t, "jali.db"), c.bolt(t, "keys.db"), c.anchor(t, "anchor")
	return c
}

// backup copies h's files as they are now and answers where to.
func (h *house) backup(t testing.TB) (rows, keys, held string) {
	t.Helper()
	dir, paths := t.TempDir(), []string{}
	for _, name := range []string{"jali.db", "keys.db", "anchor"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, h.file(t, name), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths[0], paths[1], paths[2]
}

func TestANewTermLeavesNothingInTheFormer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	check := h.populate(t, 40)
	h.batch = 7
	asked := &counting{KEK: h.kek}
	h.kek, h.Vault.kek = asked, asked
	r := Record{Kind: "bill", Person: "p1", Key: "new"}
	for term := uint32(2); term <= 4; term++ {
		if err := h.NewTerm(bg); err != nil {
			t.Fatal(err)
		}
		if sealed := h.seal(t, r, "x"); sealed[4] != byte(term) {
			t.Errorf("after NewTerm a record is sealed in term %d, want %d", sealed[4], term)
		}
		if err := check(h.Vault); err != nil {
			t.Fatalf("between NewTerm and Rewrap: %v", err)
		}
		if got := h.Rotation(); got == nil || got.Running || got.From != term-1 || got.To != term {
			t.Errorf("between NewTerm and Rewrap: Rotation = %+v", got)
		}
		if err := h.NewTerm(bg); err != nil || h.ring().current.term != term {
			t.Fatalf("a second NewTerm before the first was left: term %d, %v", h.ring().current.term, err)
		}
		if err := h.Rewrap(bg); err != nil {
			t.Fatal(err)
		}
		now, err := h.Terms(bg)
		if err != nil || now.Term != term || now.Lowest != term || len(now.Wrapped) != 1 || now.Wrapped[term] != 40*3+1 || now.Rotation != nil {
			t.Fatalf("Terms = %+v, %v; want all 121 keys in term %d alone", now, err, term)
		}
		if err := check(h.Vault); err != nil {
			t.Fatal(err)
		}
		h.open(t)
		h.batch = 7
		if err := check(h.Vault); err != nil {
			t.Fatalf("after a restart: %v", err)
		}
		if len(h.ring().terms) != 1 {
			t.Errorf("%d terms are held, want 1", len(h.ring().terms))
		}
	}
	// Founded once; each rotation unwraps twice, and proves twice what it wrapped;
	// each restart unwraps once.
	if asked.unwraps != 3*(4+1) {
		t.Errorf("the key-encryption key unwrapped %d times, want 15", asked.unwraps)
	}
}

func TestBackupsFromBeforeATermOpenWithTheFormerAnchorAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	check := h.populate(t, 5)
	h.batch = 4
	rows1, keys1, anchor1 := h.backup(t)
	if err := h.NewTerm(bg); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(bg)
	keys := &overtaken{Keys: h.keys, by: func() {}}
	amid := h.with(h.db, keys)
	keys.by = func() { keys.by = stop } // once some are wrapped anew, and some not
	if err := amid.Rewrap(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("Rewrap = %v, want to be stopped amid", err)
	}
	rowsAmid, keysAmid, _ := h.backup(t)
	if err := h.Rewrap(bg); err != nil {
		t.Fatal(err)
	}
	rows2, keys2, anchor2 := h.backup(t)
	for _, tt := range []struct {
		why              string
		rows, keys, held string
		want             error
	}{
		{"from before, with today's anchor", rows1, keys1, anchor2, ErrOldKeyring},
		{"from before, with the anchor of then", rows1, keys1, anchor1, nil},
		{"from amid, with today's anchor: half of it could be opened", rowsAmid, keysAmid, anchor2, ErrOldKeyring},
		{"from amid, with the former anchor", rowsAmid, keysAmid, anchor1, nil},
		{"from today", rows2, keys2, anchor2, nil},
		{"from today, with an old copy of the anchor", rows2, keys2, anchor1, nil},
		{"the keys alone are from before", rows2, keys1, anchor2, ErrForeignKeys},
		{"the same, with the anchor of then", rows2, keys1, anchor1, ErrForeignKeys},
		{"the database alone is from before", rows1, keys2, anchor1, ErrForeignKeys},
	} {
		t.Run(tt.why, func(t *testing.T) {
			c := h.copied(t, tt.rows, tt.keys, tt.held)
			before := c.file(t, "anchor")
			v, err := Open(bg, c.config())
			if !errors.Is(err, tt.want) {
				t.Fatalf("Open = %v, want %v", err, tt.want)
			}
			if tt.want != nil {
				for name, from := range map[string]string{"jali.db": tt.rows, "keys.db": tt.keys} {
					if was, _ := os.ReadFile(from); !bytes.Equal(c.file(t, name), was) && !sameRows(t, was, c.file(t, name)) {
						t.Errorf("Open changed %s", name)
					}
				}
				if !bytes.Equal(c.file(t, "anchor"), before) {
					t.Error("Open changed the anchor")
				}
				return
			}
			if err := check(v); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(v.Rewrap(bg), v.NewTerm(bg), v.Rewrap(bg), check(v)); err != nil {
				t.Errorf("and rotated from there: %v", err)
			}
		})
	}
}

// sameRows compares two stores by what they hold: opening one may write its
// list of free pages.
func sameRows(t *testing.T, a, b []byte) bool {
	t.Helper()
	dump := func(file []byte) (rows []string) {
		h := &house{dir: t.TempDir()}
		if err := os.WriteFile(filepath.Join(h.dir, "x.db"), file, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := h.bolt(t, "x.db").View(bg, func(tx kv.Tx) error {
			for e, err := range tx.Scan(kv.Range{}) {
				if err != nil {
					return err
				}
				rows = append(rows, fmt.Sprintf("%x=%x", e.Key, e.Value))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	return fmt.Sprint(dump(a)) == fmt.Sprint(dump(b))
}

// unwilling is a key-encryption key that fails at its n-th use.
type unwilling struct {
	kek.KEK
	left int
}

func (u *unwilling) Wrap(ctx context.Context, b []byte) (out []byte, err error) {
	err = run(&u.left, func() error { out, err = u.KEK.Wrap(ctx, b); return err })
	return out, err
}

func (u *unwilling) Unwrap(ctx context.Context, b []byte) (out []byte, err error) {
	err = run(&u.left, func() error { out, err = u.KEK.Unwrap(ctx, b); return err })
	return out, err
}

// A rotation that a failure stops, wherever, loses nothing and is gone on with,
// by the same process and by the next.
func TestARotationStoppedAnywhereGoesOn(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]func(db, keys *failing, key *unwilling, n int){
		"the keys' store": func(_, keys *failing, _ *unwilling, n int) { keys.updates = n },
		"the database":    func(db, _ *failing, _ *unwilling, n int) { db.updates = n },
		"the KEK":         func(_, _ *failing, key *unwilling, n int) { key.left = n },
	} {
		for _, after := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, done=%t", name, after), func(t *testing.T) {
				t.Parallel()
				stops := 0
				for n := 1; ; n++ {
					h := newHouse(t)
					check := h.populate(t, 3)
					h.batch = 2
					db, keys, key := &failing{DB: h.db}, &failing{DB: h.keys, Keys: h.keys}, &unwilling{KEK: h.kek}
					broken := h.with(db, keys)
					broken.kek = key
					broken.ring().seals.keys = keys
					if after {
						plant(db, keys, key, n)
					} else {
						plant(db, keys, key, -n)
					}
					err := broken.NewTerm(bg)
					if err == nil {
						err = broken.Rewrap(bg)
					}
					if err == nil {
						break
					}
					stops++
					if !errors.Is(err, errPlanted) {
						t.Fatalf("stopped at %d: %v, want the planted failure", n, err)
					}
					if err := check(broken); err != nil {
						t.Fatalf("stopped at %d, %v", n, err)
					}
					if stops%2 == 0 {
						h.open(t)
					} else {
						h.Vault = broken
					}
					if err := check(h.Vault); err != nil {
						t.Fatalf("stopped at %d, opened: %v", n, err)
					}
					if err := errors.Join(h.NewTerm(bg), h.Rewrap(bg), check(h.Vault)); err != nil {
						t.Fatalf("stopped at %d, gone on: %v", n, err)
					}
					if left, err := h.outside(bg, h.ring().current.term); err != nil || left != 0 || h.Leaving() {
						t.Fatalf("stopped at %d, gone on: %d keys of a former term, %v", n, left, err)
					}
				}
				if stops < 3 {
					t.Errorf("stopped %d times: that cannot be everywhere", stops)
				}
			})
		}
	}
}

func TestAnAnchorThatCannotBeWrittenStopsARotation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	check := h.populate(t, 3)
	_, _, copied := h.backup(t)
	if err := h.NewTerm(bg); err != nil {
		t.Fatal(err)
	}
	// Its folder is gone: nothing can be put in the file's place.
	away := filepath.Join(h.dir, "away")
	if err := os.Mkdir(away, 0o700); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(copied)
	if err == nil {
		err = os.WriteFile(filepath.Join(away, "anchor"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	h.held = h.anchor(t, "away/anchor")
	if err := os.Rename(away, away+"."); err != nil {
		t.Fatal(err)
	}
	broken := h.with(h.db, h.keys)
	if err := broken.Rewrap(bg); !errors.Is(err, anchor.ErrUnwritten) {
		t.Fatalf("Rewrap = %v, want ErrUnwritten", err)
	}
	if r := broken.Rotation(); r == nil || r.Failed == "" || r.Running {
		t.Errorf("Rotation = %+v, want what it failed by", r)
	}
	if err := os.Rename(away+".", away); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(check(broken), broken.Rewrap(bg), check(broken)); err != nil {
		t.Error(err)
	}
	if broken.Leaving() {
		t.Error("the former term was not left")
	}
}

func TestADamagedKeyStopsARotation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	check := h.populate(t, 4)
	h.person(t, "broken")
	row := holder{person: "broken"}.row()
	whole := h.wrapped(t, row)
	for what, bad := range map[string][]byte{
		"a bit of the key": append(bytes.Clone(whole[:20]), append([]byte{whole[20] ^ 1}, whole[21:]...)...),
		"its version":      append([]byte{9}, whole[1:]...),
		"its term":         append([]byte{whole[0], 0, 0, 7, 7}, whole[5:]...),
		"its length":       whole[:3],
	} {
		t.Run(what, func(t *testing.T) {
			put := func(b []byte) {
				if err := h.keys.Update(bg, func(tx kv.Tx) error { return tx.Put(row, b) }); err != nil {
					t.Fatal(err)
				}
			}
			term := h.ring().current.term
			put(bad)
			if err := h.NewTerm(bg); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := h.Rewrap(bg); !errors.Is(err, ErrKeysDamaged) {
					t.Fatalf("Rewrap = %v, want ErrKeysDamaged", err)
				}
				r := h.Rotation()
				if r == nil || len(r.Damaged) != 1 || r.Damaged[0] != "person broken" || r.Failed == "" {
					t.Fatalf("Rotation = %+v, want whose key it is", r)
				}
				if got := h.wrapped(t, row); !bytes.Equal(got, bad) {
					t.Error("the damaged key was touched")
				}
				if at := h.held.State().Term; at != term {
					t.Errorf("the anchor has moved to term %d: what a backup could mend is lost", at)
				}
				if err := check(h.Vault); err != nil {
					t.Error(err)
				}
			}
			put(whole) // out of a backup; its term is still held
			if err := h.Rewrap(bg); err != nil || h.Leaving() {
				t.Fatalf("Rewrap after it was mended = %v", err)
			}
			whole = h.wrapped(t, row)
		})
	}
}

// cramped is a store whose disk has so much room.
type cramped struct {
	Keys
	room uint64
}

func (c *cramped) Room() (uint64, error) { return c.room, nil }

func TestARotationStopsBeforeTheDiskIsFull(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	check := h.populate(t, 4)
	disk := &cramped{h.keys, leastRoom - 1}
	v := h.with(h.db, disk)
	if err := v.NewTerm(bg); err != nil {
		t.Fatal(err)
	}
	if err := v.Rewrap(bg); !errors.Is(err, ErrNoRoom) {
		t.Fatalf("Rewrap = %v, want ErrNoRoom", err)
	}
	if err := errors.Join(check(v), v.NewPerson(bg, "new")); err != nil {
		t.Errorf("the service does not go on: %v", err)
	}
	disk.room = leastRoom
	if err := errors.Join(v.Rewrap(bg), check(v)); err != nil || v.Leaving() {
		t.Errorf("once there is room: %v", err)
	}
}

func TestADestroyedKeyDoesNotComeBackByARotation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.person(t, "p1")
	h.person(t, "p2")
	if err := h.NewTerm(bg); err != nil {
		t.Fatal(err)
	}
	keys := &overtaken{Keys: h.keys}
	v := h.with(h.db, keys)
	keys.by = func() { // after enter
		keys.by = func() { // after the keys were read, before they are written
			h.do(t, func(tx kv.Tx) error { return h.PersonLeaves(tx, "p1") })
			if err := h.Shred(bg); err != nil {
				t.Error(err)
			}
		}
	}
	if err := v.Rewrap(bg); err != nil {
		t.Fatal(err)
	}
	if keys.by != nil {
		t.Fatal("the key was not destroyed amid the rotation: this test cannot fail")
	}
	if h.wrapped(t, holder{person: "p1"}.row()) != nil {
		t.Error("the rotation brought back a key that had been destroyed")
	}
	if h.wrapped(t, holder{person: "p2"}.row()) == nil {
		t.Error("the other key is gone")
	}
}

func TestAKeyChangedUnderARotationIsGoneOverAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	check := h.populate(t, 3)
	row := holder{person: "p1"}
	former, key := h.ring(), h.wrapped(t, row.row())
	plain, err := former.unwrap(key, row.names()...)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.NewTerm(bg); err != nil {
		t.Fatal(err)
	}
	keys := &overtaken{Keys: h.keys}
	v := h.with(h.db, keys)
	keys.by = func() { // after enter
		keys.by = func() { // after the keys were read, before they are written
			if err := h.keys.Update(bg, func(tx kv.Tx) error { return tx.Put(row.row(), former.wrap(plain, row.names()...)) }); err != nil {
				t.Error(err)
			}
		}
	}
	if err := v.Rewrap(bg); err != nil || keys.by != nil {
		t.Fatal(err)
	}
	if left, err := h.outside(bg, 2); left != 0 || err != nil {
		t.Errorf("%d keys are of the term that was left, %v", left, err)
	}
	if err := check(v); err != nil {
		t.Error(err)
	}
}

func TestAKeyMadeAmidARotationIsNotLostByIt(t *testing.T) {
	t.Parallel()
	for what, make := range map[string]func(*Vault) error{
		"a person's": func(v *Vault) error { return v.NewPerson(bg, "late") },
		"a part's":   func(v *Vault) error { return v.NewPart(bg, "p1", "late") },
		"a pair's":   func(v *Vault) error { _, err := v.Pair(bg, "p1", "late"); return err },
	} {
		t.Run(what, func(t *testing.T) {
			h := newHouse(t)
			h.person(t, "p1")
			keys := &overtaken{Keys: h.keys}
			v := h.with(h.db, keys)
			if err := v.ring().seals.add(bg, 1); err != nil { // its block is reserved beforehand
				t.Fatal(err)
			}
			// The key is drawn and wrapped in term 1; then a whole rotation happens
			// before it is put.
			keys.by = func() {
				if err := errors.Join(v.NewTerm(bg), v.Rewrap(bg)); err != nil {
					t.Error(err)
				}
			}
			if err := make(v); err != nil {
				t.Fatal(err)
			}
			if left, err := h.outside(bg, 2); err != nil || left != 0 {
				t.Errorf("%d keys are of a term that is gone, %v", left, err)
			}
			h.open(t)
			if err := make(h.Vault); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRotationsBesideEverythingElse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	check := h.populate(t, 30)
	h.batch = 5
	ctx, stop := context.WithCancel(bg)
	var wg sync.WaitGroup
	var gone sync.Map
	for g := range 4 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				p := fmt.Sprintf("w%d-%d", g, i)
				r := Record{Kind: "bill", Person: p, Part: "link", Key: "b"}
				err := errors.Join(h.NewPerson(bg, p), h.NewPart(bg, p, "link"))
				if err == nil {
					_, err = h.Pair(bg, p, "bank")
				}
				var sealed []byte
				if err == nil {
					sealed, err = h.Seal(bg, r, []byte("x"))
				}
				if err == nil {
					_, err = h.Open(bg, r, sealed)
				}
				if err == nil && i%2 == 0 {
					gone.Store(p, true)
					if err = h.db.Update(bg, func(tx kv.Tx) error { return h.PersonLeaves(tx, p) }); err == nil && i%6 == 0 {
						err = h.Shred(bg)
					}
				}
				if err != nil {
					t.Errorf("beside a rotation: %v", err)
					return
				}
			}
		})
	}
	for range 4 {
		h.rotate(t)
		if err := check(h.Vault); err != nil {
			t.Error(err)
		}
	}
	stop()
	wg.Wait()
	if err := h.Shred(bg); err != nil {
		t.Fatal(err)
	}
	h.rotate(t)
	h.open(t)
	if err := check(h.Vault); err != nil {
		t.Error(err)
	}
	if left, err := h.outside(bg, 6); err != nil || left != 0 {
		t.Errorf("%d keys of a former term, %v", left, err)
	}
	gone.Range(func(p, _ any) bool {
		if h.wrapped(t, holder{person: p.(string)}.row()) != nil {
			t.Errorf("%s was deleted and has a key", p)
		}
		return true
	})
}

func TestOneRotationAtATime(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.populate(t, 3)
	if err := h.NewTerm(bg); err != nil {
		t.Fatal(err)
	}
	keys := &overtaken{Keys: h.keys}
	v := h.with(h.db, keys)
	keys.by = func() {
		keys.by = func() {
			if err := v.Rewrap(bg); !errors.Is(err, ErrRotating) {
				t.Errorf("a second Rewrap = %v, want ErrRotating", err)
			}
			if err := v.NewTerm(bg); err != nil || v.ring().current.term != 2 {
				t.Errorf("NewTerm amid a Rewrap = %v, term %d", err, v.ring().current.term)
			}
			if r := v.Rotation(); r == nil || !r.Running || r.Total != 10 {
				t.Errorf("Rotation amid a Rewrap = %+v, want it running over 10 keys", r)
			}
		}
	}
	if err := v.Rewrap(bg); err != nil || keys.by != nil {
		t.Fatalf("Rewrap = %v", err)
	}
	if err := v.Rewrap(bg); err != nil {
		t.Errorf("Rewrap with nothing to leave = %v", err)
	}
}

func TestANewTermServesWhatAskedForIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.person(t, "p1")
	h.person(t, "p2")
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	h.Vault.now = func() time.Time { return now }
	due := func(want bool) {
		t.Helper()
		if got, err := h.TermDue(bg); got != want || err != nil {
			t.Errorf("TermDue = %t, %v; want %t", got, err, want)
		}
	}
	due(false)
	ask := func(tx kv.Tx) error { _, err := h.RotationDue(tx, now.AddDate(0, 0, 30)); return err }
	h.do(t, func(tx kv.Tx) error { return errors.Join(h.PersonLeaves(tx, "p1"), ask(tx)) })
	due(false)
	now = now.AddDate(0, 0, 30)
	due(true)
	h.rotate(t)
	due(false)
	if h.wrapped(t, holder{person: "p1"}.row()) != nil || h.marks(t) != 0 {
		t.Error("the new term began before what was marked was destroyed")
	}
	if n := len(h.held.State().Shredded); n != 0 {
		t.Errorf("the anchor knows of %d that are gone: no backup that opens holds them", n)
	}
	// Whoever leaves amid a rotation may be in a backup of the new term.
	if err := h.NewTerm(bg); err != nil {
		t.Fatal(err)
	}
	h.do(t, func(tx kv.Tx) error { return errors.Join(h.PersonLeaves(tx, "p2"), ask(tx)) })
	if err := errors.Join(h.Shred(bg), h.Rewrap(bg)); err != nil {
		t.Fatal(err)
	}
	if n := len(h.held.State().Shredded); n != 1 {
		t.Errorf("the anchor knows of %d that are gone, want 1", n)
	}
	now = now.AddDate(0, 0, 30)
	due(true)
}

func TestANewKEKTakesTheKeyringOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	check := h.populate(t, 2)
	old := h.kek
	fresh, err := kek.CreateFile(filepath.Join(h.dir, "new.key"))
	if err != nil {
		t.Fatal(err)
	}
	before := h.wrappedRing(t)
	if err := h.Rekey(bg, forgetful{}); !errors.Is(err, kek.ErrTampered) {
		t.Errorf("Rekey to a key that does not take back what it gave = %v, want ErrTampered", err)
	}
	if !bytes.Equal(h.wrappedRing(t), before) {
		t.Fatal("a Rekey that failed replaced the keyring")
	}
	// Amid a rotation, which goes on with the new key.
	if err := errors.Join(h.NewTerm(bg), h.Rekey(bg, fresh), h.Rewrap(bg)); err != nil || h.Leaving() {
		t.Fatal(err)
	}
	h.rotate(t)
	if err := check(h.Vault); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(bg, h.config()); !errors.Is(err, kek.ErrWrongKey) {
		t.Errorf("Open with the former key = %v, want ErrWrongKey", err)
	}
	h.kek = fresh
	h.open(t)
	if err := check(h.Vault); err != nil {
		t.Fatal(err)
	}
	// Its keyring was changed by another process meanwhile.
	c, err := h.prepare(bg, old, func(*rootKeys) {})
	if err != nil {
		t.Fatal(err)
	}
	h.rotate(t)
	if err := h.db.Update(bg, c.commit); !errors.Is(err, errRingChanged) {
		t.Errorf("commit over another keyring = %v, want errRingChanged", err)
	}
}

func (h *house) wrappedRing(t *testing.T) []byte {
	t.Helper()
	c, err := h.prepare(bg, h.kek, func(*rootKeys) {})
	if err != nil {
		t.Fatal(err)
	}
	return c.was.Wrapped
}

func TestASigningKeyMadeAmidARotationIsNotLostByIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	db := &overtaken{Keys: h.db}
	v := h.with(db, h.keys)
	db.by = func() { // the key is drawn and wrapped in term 1, and not yet put
		if err := errors.Join(v.NewTerm(bg), v.Rewrap(bg)); err != nil {
			t.Error(err)
		}
	}
	key, err := v.SigningKey(bg)
	if err != nil {
		t.Fatal(err)
	}
	h.open(t)
	if again, err := h.SigningKey(bg); err != nil || again.RevealString() != key.RevealString() {
		t.Errorf("after a restart SigningKey = another, %v", err)
	}
}

func TestTheTermInPlainIsBelievedOfTheKeyringAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.do(t, func(tx kv.Tx) error {
		var row storedRing
		if _, err := kv.Load(tx, ringKey, &row); err != nil {
			return err
		}
		row.Term++
		return kv.Store(tx, ringKey, row)
	})
	if _, err := Open(bg, h.config()); !errors.Is(err, kek.ErrTampered) {
		t.Errorf("Open = %v, want ErrTampered", err)
	}
}
