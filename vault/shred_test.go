package vault

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"jali/internal/kv"
	"jali/vault/anchor"
)

var errPlanted = errors.New("planted")

// failing is a store whose calls fail: n > 0 once the n-th has been done, as
// if the machine stopped after it; n < 0 instead of the -n-th.
type failing struct {
	kv.DB
	Keys
	views, updates, compacts int
}

func fate(n *int) (before, after bool) {
	switch {
	case *n < 0:
		*n++
		return *n == 0, false
	case *n > 0:
		*n--
		return false, *n == 0
	}
	return false, false
}

func run(n *int, f func() error) error {
	before, after := fate(n)
	if before {
		return errPlanted
	}
	if err := f(); err != nil || !after {
		return err
	}
	return errPlanted
}

func (f *failing) View(ctx context.Context, g func(kv.Tx) error) error {
	return run(&f.views, func() error { return f.DB.View(ctx, g) })
}

func (f *failing) Update(ctx context.Context, g func(kv.Tx) error) error {
	return run(&f.updates, func() error { return f.DB.Update(ctx, g) })
}

func (f *failing) Compact(ctx context.Context) error {
	return run(&f.compacts, func() error { return f.Keys.Compact(ctx) })
}

func (f *failing) Close() error { return f.DB.Close() }

func (h *house) wrapped(t testing.TB, key []byte) []byte {
	t.Helper()
	var out []byte
	if err := h.keys.View(bg, func(tx kv.Tx) error {
		b, err := tx.Get(key)
		out = bytes.Clone(b)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func (h *house) marks(t testing.TB) int {
	t.Helper()
	m, _, err := h.marked(bg)
	if err != nil {
		t.Fatal(err)
	}
	return len(m)
}

func TestShredDestroysKeys(t *testing.T) {
	h := newHouse(t)
	for _, p := range []string{"p1", "p2", "p"} {
		h.person(t, p)
	}
	r, r2 := Record{Kind: "bill", Person: "p1", Key: "b1"}, Record{Kind: "bill", Person: "p2", Key: "b1"}
	sealed, sealed2 := h.seal(t, r, "x"), h.seal(t, r2, "x")
	pair := h.pair(t, "p1", "bank")
	alias, err := h.alias(pair, "a1", "opaque")
	if err != nil {
		t.Fatal(err)
	}
	person, epoch := h.wrapped(t, holder{person: "p1"}.row()), h.wrapped(t, pairKey("p1", "bank", 1))
	h.do(t, func(tx kv.Tx) error { return h.PersonLeaves(tx, "p1") })

	// From the deletion on, before any key is destroyed.
	if _, err := h.resolve(t, "bank", alias); !errors.Is(err, ErrNoAlias) {
		t.Errorf("Resolve after leaving = %v, want ErrNoAlias", err)
	}
	if _, err := h.alias(pair, "a2", "opaque"); !errors.Is(err, ErrEpochEnded) {
		t.Errorf("Alias after leaving = %v, want ErrEpochEnded", err)
	}
	if _, err := h.Pair(bg, "p1", "bank"); !errors.Is(err, ErrShredded) {
		t.Errorf("Pair after leaving = %v, want ErrShredded", err)
	}
	if b := h.file(t, "keys.db"); !bytes.Contains(b, person) || !bytes.Contains(b, epoch) {
		t.Fatal("the wrapped keys are not in the file: this test cannot fail")
	}

	if err := h.Shred(bg); err != nil {
		t.Fatal(err)
	}
	if b := h.file(t, "keys.db"); bytes.Contains(b, person) || bytes.Contains(b, epoch) {
		t.Error("wrapped keys are still in the file after Shred")
	}
	if _, _, ok := h.pairs.get(string(pairKey("p1", "bank", 1))); ok {
		t.Error("the pair's key is still in memory after Shred")
	}
	for range 2 {
		if _, err := h.Open(bg, r, sealed); !errors.Is(err, ErrShredded) {
			t.Errorf("Open after Shred = %v, want ErrShredded", err)
		}
		if _, err := h.Seal(bg, r, nil); !errors.Is(err, ErrShredded) {
			t.Errorf("Seal after Shred = %v, want ErrShredded", err)
		}
		if _, err := h.Pair(bg, "p1", "bank"); !errors.Is(err, ErrShredded) {
			t.Errorf("Pair after Shred = %v, want ErrShredded", err)
		}
		if _, err := h.Open(bg, r2, sealed2); err != nil {
			t.Errorf("another person's record after Shred = %v", err)
		}
		h.open(t)
	}
	if h.wrapped(t, holder{person: "p"}.row()) == nil {
		t.Error("a person whose id begins the same lost their key")
	}
	if n := h.marks(t); n != 0 {
		t.Errorf("%d marks are left", n)
	}
}

func TestShredDestroysEndedEpochs(t *testing.T) {
	h := newHouse(t)
	h.person(t, "p1")
	h.pair(t, "p1", "bank")
	h.pair(t, "p1", "shop")
	bank, shop := h.wrapped(t, pairKey("p1", "bank", 1)), h.wrapped(t, pairKey("p1", "shop", 1))
	h.do(t, func(tx kv.Tx) error { return h.EndEpoch(tx, "p1", "bank") })
	if err := h.Shred(bg); err != nil {
		t.Fatal(err)
	}
	b := h.file(t, "keys.db")
	if bytes.Contains(b, bank) {
		t.Error("the ended epoch's key is still in the file")
	}
	if !bytes.Contains(b, shop) {
		t.Error("another client's key is gone")
	}
	h.seal(t, Record{Kind: "bill", Person: "p1", Key: "b1"}, "x")
}

// with is the same vault over stores that fail.
func (h *house) with(db kv.DB, keys Keys) *Vault {
	v := &Vault{db: db, keys: keys, kek: h.kek, anchor: h.held, now: h.Vault.now, fixed: h.fixed, batch: h.batch, persons: h.persons, pairs: h.pairs}
	v.rings.Store(h.ring())
	return v
}

func TestShredTakesUpWhereItStopped(t *testing.T) {
	for name, plant := range map[string]func(db, keys *failing){
		"before it looked":             func(db, _ *failing) { db.views = -1 },
		"before the keys were deleted": func(_, keys *failing) { keys.updates = -1 },
		"after":                        func(_, keys *failing) { keys.updates = 1 },
		"before the compaction":        func(_, keys *failing) { keys.compacts = -1 },
		"after it":                     func(_, keys *failing) { keys.compacts = 1 },
		"before the marks were taken":  func(db, _ *failing) { db.updates = -1 },
		"after they were":              func(db, _ *failing) { db.updates = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.person(t, "p1")
			h.person(t, "p2")
			h.pair(t, "p2", "bank")
			r := Record{Kind: "bill", Person: "p1", Key: "b1"}
			sealed := h.seal(t, r, "x")
			doomed := [][]byte{h.wrapped(t, holder{person: "p1"}.row()), h.wrapped(t, pairKey("p2", "bank", 1))}
			if err := h.NewPart(bg, "p2", "link"); err != nil {
				t.Fatal(err)
			}
			doomed = append(doomed, h.wrapped(t, holder{"p2", "link"}.row()))
			h.do(t, func(tx kv.Tx) error {
				return errors.Join(h.PersonLeaves(tx, "p1"), h.EndEpoch(tx, "p2", "bank"), h.PartEnds(tx, "p2", "link"))
			})
			db, keys := &failing{DB: h.db}, &failing{DB: h.keys, Keys: h.keys}
			plant(db, keys)
			broken := h.with(db, keys)
			if err := broken.Shred(bg); !errors.Is(err, errPlanted) {
				t.Fatalf("Shred = %v, want the planted failure", err)
			}
			h.open(t) // a restart
			for range 2 {
				if err := h.Shred(bg); err != nil {
					t.Fatal(err)
				}
			}
			b := h.file(t, "keys.db")
			for i, k := range doomed {
				if bytes.Contains(b, k) {
					t.Errorf("key %d is still in the file", i)
				}
			}
			if _, err := h.Open(bg, r, sealed); !errors.Is(err, ErrShredded) {
				t.Errorf("Open = %v, want ErrShredded", err)
			}
			if n := h.marks(t); n != 0 {
				t.Errorf("%d marks are left", n)
			}
			h.seal(t, Record{Kind: "bill", Person: "p2", Key: "b1"}, "x")
		})
	}
}

func TestAPartEndsAlone(t *testing.T) {
	h := newHouse(t)
	h.person(t, "p1")
	if err := h.NewPart(bg, "p2", "a"); !errors.Is(err, ErrShredded) {
		t.Errorf("NewPart of nobody = %v, want ErrShredded", err)
	}
	r := func(part string) Record { return Record{Kind: "credential", Person: "p1", Part: part, Key: "c1"} }
	if _, err := h.Seal(bg, r("a"), nil); !errors.Is(err, ErrShredded) {
		t.Errorf("Seal before NewPart = %v, want ErrShredded", err)
	}
	sealed := map[string][]byte{}
	for _, part := range []string{"", "a", "b", "ab"} {
		if part != "" {
			for range 2 {
				if err := h.NewPart(bg, "p1", part); err != nil {
					t.Fatal(err)
				}
			}
		}
		sealed[part] = h.seal(t, r(part), "token")
	}
	for from, b := range sealed {
		for to := range sealed {
			if _, err := h.Open(bg, r(to), b); (err == nil) != (from == to) {
				t.Errorf("sealed for part %q, opened for %q: %v", from, to, err)
			}
		}
	}
	key := h.wrapped(t, holder{"p1", "a"}.row())
	h.do(t, func(tx kv.Tx) error { return h.PartEnds(tx, "p1", "a") })
	if err := h.Shred(bg); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(h.file(t, "keys.db"), key) {
		t.Error("the part's wrapped key is still in the file")
	}
	if _, err := h.Open(bg, r("a"), sealed["a"]); !errors.Is(err, ErrShredded) {
		t.Errorf("Open of an ended part = %v, want ErrShredded", err)
	}
	for _, part := range []string{"", "b", "ab"} {
		if _, err := h.Open(bg, r(part), sealed[part]); err != nil {
			t.Errorf("Open of part %q = %v: it did not end", part, err)
		}
	}
	h.do(t, func(tx kv.Tx) error { return h.PersonLeaves(tx, "p1") })
	if err := h.Shred(bg); err != nil {
		t.Fatal(err)
	}
	for part := range sealed {
		if _, err := h.Open(bg, r(part), sealed[part]); !errors.Is(err, ErrShredded) {
			t.Errorf("Open of part %q after the person left = %v, want ErrShredded", part, err)
		}
	}
	held, err := anchor.At(h.held.Path())
	if err != nil || len(held.State().Shredded) != 2 {
		t.Errorf("the anchor knows of %d that are gone, %v; want the part and the person", len(held.State().Shredded), err)
	}
}

func TestCacheForgetsWhatWasReadBeforeItWasEmptied(t *testing.T) {
	c := newCache[string, int](2)
	_, age, _ := c.get("a")
	c.empty()
	c.put("a", 1, age)
	if _, _, ok := c.get("a"); ok {
		t.Error("a key that was read before a shredding was kept after it")
	}
	_, age, _ = c.get("a")
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		c.put(id, 1, age)
		if n := len(c.young) + len(c.old); n > 4 {
			t.Errorf("%d entries, want at most 4", n)
		}
	}
	if _, _, ok := c.get("g"); !ok {
		t.Error("the last is forgotten")
	}
}

// overtaken is a key store before whose next Update something else happens.
type overtaken struct {
	Keys
	by func()
}

func (o *overtaken) Update(ctx context.Context, f func(kv.Tx) error) error {
	if by := o.by; by != nil {
		o.by = nil
		by()
	}
	return o.Keys.Update(ctx, f)
}

func TestAKeyMadeTooLateIsTakenBack(t *testing.T) {
	for _, tt := range []struct {
		why   string
		by    func(*house) func(kv.Tx) error
		epoch int // of the Pair, or 0
		want  error
	}{
		{"the epoch ended while its key was drawn", func(h *house) func(kv.Tx) error {
			return func(tx kv.Tx) error { return h.EndEpoch(tx, "p1", "bank") }
		}, 2, nil},
		{"the person left while it was drawn", func(h *house) func(kv.Tx) error {
			return func(tx kv.Tx) error { return h.PersonLeaves(tx, "p1") }
		}, 0, ErrShredded},
	} {
		t.Run(tt.why, func(t *testing.T) {
			h := newHouse(t)
			h.person(t, "p1")
			keys := &overtaken{Keys: h.keys}
			slow := h.with(h.db, keys)
			keys.by = func() {
				h.do(t, tt.by(h))
				if err := h.Shred(bg); err != nil {
					t.Error(err)
				}
			}
			p, err := slow.Pair(bg, "p1", "bank")
			if !errors.Is(err, tt.want) {
				t.Fatalf("Pair = %v, want %v", err, tt.want)
			}
			if p != nil && p.epoch != tt.epoch {
				t.Errorf("epoch = %d, want %d", p.epoch, tt.epoch)
			}
			if h.wrapped(t, pairKey("p1", "bank", 1)) != nil {
				t.Error("a key of an epoch that ended is left, and nothing will destroy it")
			}
			if tt.want == nil {
				return
			}
			if err := h.db.View(bg, func(tx kv.Tx) error {
				b, err := tx.Get(epochKey("p1", "bank"))
				if b != nil {
					t.Error("an epoch of a person who left is kept")
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		})
	}
}
