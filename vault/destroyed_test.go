package vault

import (
	"errors"
	"maps"
	"testing"
	"time"

	"jali/internal/kv"
)

// Whose keys are gone is told once the file is without them, and until that is
// written down: a receipt that said so before would lie, and one that nobody
// wrote would never come.
func TestWhatIsDestroyedIsTold(t *testing.T) {
	h := newHouse(t)
	h.person(t, "p1")
	h.person(t, "p2")
	h.pair(t, "p2", "bank")
	if err := h.NewPart(bg, "p2", "link"); err != nil {
		t.Fatal(err)
	}
	h.do(t, func(tx kv.Tx) error {
		return errors.Join(h.PersonLeaves(tx, "p1"), h.EndEpoch(tx, "p2", "bank"), h.PartEnds(tx, "p2", "link"))
	})
	if n, err := h.Waiting(bg); err != nil || n != 3 {
		t.Errorf("Waiting = %d, %v; want 3", n, err)
	}
	told, fails := map[holder]bool{}, true
	h.Destroyed = func(_ kv.Tx, person, part string, at time.Time) error {
		if n := len(h.wrapped(t, holder{person, part}.row())); n != 0 || at.IsZero() {
			t.Errorf("%s/%s is told to be gone at %v, and has a key", person, part, at)
		}
		if fails {
			return errPlanted
		}
		told[holder{person, part}] = true
		return nil
	}
	if err := h.Shred(bg); !errors.Is(err, errPlanted) {
		t.Fatalf("Shred = %v, want what Destroyed answered", err)
	}
	if n, err := h.Waiting(bg); err != nil || n != 3 {
		t.Errorf("not written down, %d wait, %v; want 3", n, err)
	}
	fails = false
	for range 2 {
		if err := h.Shred(bg); err != nil {
			t.Fatal(err)
		}
		// An epoch that ended is nobody's deletion.
		if want := map[holder]bool{{"p1", ""}: true, {"p2", "link"}: true}; !maps.Equal(told, want) {
			t.Errorf("told of %v, want %v", told, want)
		}
	}
	if n, err := h.Waiting(bg); err != nil || n != 0 {
		t.Errorf("%d wait, %v; want none", n, err)
	}
}
