package vault

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"jali/internal/fault"
	"jali/internal/kv"
)

func TestSealsAreNeverCountedTooFew(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.person(t, "p1")
	r, made := Record{Kind: "bill", Person: "p1", Key: "b"}, uint64(1) // the person's key
	for range 4 {
		for range 1 + rand.IntN(50) {
			h.seal(t, r, "x")
			made++
		}
		h.open(t) // without a word to the former: as after a crash
		if got := h.ring().seals.used.Load(); got < made {
			t.Fatalf("after a crash %d seals are counted, but %d were made", got, made)
		}
	}
	terms, err := h.Terms(bg)
	if err != nil || terms.Seals < made || terms.Seals > made+5*sealBlock {
		t.Errorf("Terms says %d seals, %v; %d were made", terms.Seals, err, made)
	}
	h.rotate(t)
	terms, err = h.Terms(bg)
	if err != nil || terms.Seals > 10 {
		t.Errorf("in a new term Terms says %d seals, %v", terms.Seals, err)
	}
	h.open(t)
	if n := len(h.ring().terms); n != 1 {
		t.Errorf("%d terms", n)
	}
}

func TestSealsAreReservedAheadByManyAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	writes := &atomic.Int64{}
	s := newSeals(countingStore{h.keys, writes}, 1, 0)
	var wg sync.WaitGroup
	const each = 3 * sealBlock / 8
	for range 8 {
		wg.Go(func() {
			for range each {
				if err := s.add(bg, 1); err != nil {
					t.Error(err)
					return
				}
				if s.used.Load() > s.reserved.Load()+8 {
					t.Error("more was sealed than is reserved")
					return
				}
			}
		})
	}
	wg.Wait()
	if used := s.used.Load(); used != 8*each {
		t.Errorf("%d counted, want %d", used, 8*each)
	}
	if n := writes.Load(); n < 3 || n > 5 {
		t.Errorf("%d writes for three blocks", n)
	}
}

type countingStore struct {
	kv.DB
	writes *atomic.Int64
}

func (c countingStore) Update(ctx context.Context, f func(kv.Tx) error) error {
	c.writes.Add(1)
	return c.DB.Update(ctx, f)
}

func TestATermEndsBeforeItsKeysAreWornOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.person(t, "p1")
	r := Record{Kind: "bill", Person: "p1", Key: "b"}
	sealed := h.seal(t, r, "x")
	limit := func(left uint64) {
		s := h.ring().seals
		s.used.Store(s.most - left)
		s.reserved.Store(s.most - left)
	}
	s := h.ring().seals
	s.used.Store(s.most/2 - 1)
	if due, err := h.TermDue(bg); due || err != nil {
		t.Errorf("before half the limit: TermDue = %t, %v", due, err)
	}
	s.used.Store(s.most / 2)
	if due, err := h.TermDue(bg); !due || err != nil {
		t.Errorf("at half the limit: TermDue = %t, %v", due, err)
	}
	limit(3)
	for range 3 {
		h.seal(t, r, "x")
	}
	for range 2 {
		_, err := h.Seal(bg, r, nil)
		if f := fault.Of(err); !errors.Is(err, ErrTermSpent) || f.Kind != fault.Unavailable || f.WhoseFault() != fault.Us {
			t.Fatalf("beyond the limit: Seal = %v, want ErrTermSpent", err)
		}
		if err := h.NewPerson(bg, "p2"); !errors.Is(err, ErrTermSpent) {
			t.Fatalf("beyond the limit: NewPerson = %v, want ErrTermSpent", err)
		}
	}
	if _, err := h.Open(bg, r, sealed); err != nil {
		t.Errorf("beyond the limit: Open = %v", err)
	}
	h.open(t)
	if _, err := h.Seal(bg, r, nil); !errors.Is(err, ErrTermSpent) {
		t.Errorf("beyond the limit, after a restart: Seal = %v, want ErrTermSpent", err)
	}
	h.rotate(t)
	h.seal(t, r, "x")
	if _, err := h.Open(bg, r, sealed); err != nil {
		t.Errorf("in the next term: Open = %v", err)
	}
}

func TestSealsThatCannotBeReservedAreNotMade(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	store := &failing{DB: h.keys, Keys: h.keys, updates: -1}
	s := newSeals(store, 1, 10)
	if err := s.add(bg, 1); !errors.Is(err, errPlanted) || s.used.Load() != 10 {
		t.Fatalf("add = %v with %d counted, want the planted failure and 10", err, s.used.Load())
	}
	if err := s.add(bg, 1); err != nil {
		t.Errorf("add, when the store is well again = %v", err)
	}
	// What fails ahead of the end is told nobody, and made good at the end.
	store.updates = -1
	if err := s.add(bg, sealBlock/2+1); err != nil || store.updates != 0 {
		t.Errorf("add across half the block = %v; the store was asked: %t", err, store.updates == 0)
	}
	if err := s.add(bg, sealBlock); err != nil || s.reserved.Load() < s.used.Load() {
		t.Errorf("add beyond the block = %v, %d of %d reserved", err, s.used.Load(), s.reserved.Load())
	}
	ctx, stop := context.WithCancel(bg)
	stop()
	if err := s.add(ctx, 10*sealBlock); !errors.Is(err, context.Canceled) {
		t.Errorf("add with a context that has ended = %v", err)
	}
}
