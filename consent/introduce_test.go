package consent

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jali/internal/kv"
)

func (h house) introduce(p Session) Introduction {
	h.Helper()
	in, err := h.Introduce(ctx, p)
	h.must(err)
	return in
}

func (h house) take(code string) (PersonID, error) {
	now := h.clock.now()
	var p PersonID
	err := h.DB.Update(ctx, func(tx kv.Tx) error {
		var err error
		p, err = h.TakeIntroduction(tx, now, code)
		return err
	})
	return p, err
}

func TestACodeNamesAPersonOnce(t *testing.T) {
	h := build(t)
	in := h.introduce(ann)
	if len(in.Code) != 8 || strings.Trim(in.Code, "0123456789") != "" || !in.Until.Equal(noon.Add(5*time.Minute)) {
		t.Fatalf("Introduce = %+v", in)
	}
	if now, err := h.Introduced(ctx, ann); err != nil || now != in {
		t.Errorf("Introduced = %+v, %v; want %+v", now, err, in)
	}
	if now, err := h.Introduced(ctx, bob); err != nil || now != (Introduction{}) {
		t.Errorf("Introduced of somebody else = %+v, %v", now, err)
	}
	if p, err := h.take(in.Code); p != ann.Person || err != nil {
		t.Errorf("taken: %q, %v", p, err)
	}
	if p, err := h.take(in.Code); p != "" || !errors.Is(err, ErrNoIntroduction) {
		t.Errorf("taken twice: %q, %v", p, err)
	}
	if now, err := h.Introduced(ctx, ann); err != nil || now != (Introduction{}) {
		t.Errorf("after it was used, Introduced = %+v, %v", now, err)
	}
}

func TestCodesThatNameNobody(t *testing.T) {
	h := build(t)
	first := h.introduce(ann)
	second := h.introduce(ann)
	lapsed := h.introduce(bob)
	for _, tt := range []struct{ why, code string }{
		{"replaced", first.Code}, {"empty", ""}, {"letters", "abcdefgh"}, {"too long", second.Code + "0"}, {"cut", second.Code[:7]},
	} {
		if tt.code == second.Code {
			continue // drawn twice in a row
		}
		if p, err := h.take(tt.code); p != "" || !errors.Is(err, ErrNoIntroduction) {
			t.Errorf("%s: %q, %v", tt.why, p, err)
		}
	}
	h.clock.add(5*time.Minute - time.Microsecond)
	if p, err := h.take(second.Code); p != ann.Person || err != nil {
		t.Errorf("at the last moment: %q, %v", p, err)
	}
	h.clock.add(time.Microsecond)
	if p, err := h.take(lapsed.Code); p != "" || !errors.Is(err, ErrNoIntroduction) {
		t.Errorf("after five minutes: %q, %v", p, err)
	}
}

// A code that is taken stays its owner's; one that has lapsed is free again.
func TestACodeBelongsToOnePerson(t *testing.T) {
	h := build(t)
	_, err := h.introduceAs(ctx, ann, "12345678")
	h.must(err)
	if _, err := h.introduceAs(ctx, bob, "12345678"); !errors.Is(err, errCodesTaken) {
		t.Errorf("drawn for another: %v", err)
	}
	h.clock.add(5 * time.Minute)
	_, err = h.introduceAs(ctx, bob, "12345678")
	h.must(err)
	if now, err := h.Introduced(ctx, ann); err != nil || now != (Introduction{}) {
		t.Errorf("the former owner has %+v, %v", now, err)
	}
	if p, err := h.take("12345678"); p != bob.Person || err != nil {
		t.Errorf("it names %q, %v", p, err)
	}
}

func TestCodesLeaveNothingBehind(t *testing.T) {
	h := build(t)
	before := len(h.rows())
	h.introduce(ann)
	h.introduce(ann)
	h.clock.add(time.Minute)
	kept := h.introduce(bob)
	h.clock.add(4 * time.Minute)
	_, err := h.Sweep(ctx)
	h.must(err)
	if p, err := h.take(kept.Code); p != bob.Person || err != nil {
		t.Errorf("the sweep took a living code: %q, %v", p, err)
	}
	if n := len(h.rows()); n != before {
		t.Errorf("%d rows are left", n-before)
	}
}

func TestALeavingPersonTakesTheirCodeAlong(t *testing.T) {
	h := build(t)
	in := h.introduce(ann)
	a, err := h.PrepareLeave(ctx, ann)
	h.must(err)
	_, err = h.Leave(ctx, ann, sign("ann", a.Challenge), nil)
	h.must(err)
	if p, err := h.take(in.Code); p != "" || !errors.Is(err, ErrNoIntroduction) {
		t.Errorf("after they left: %q, %v", p, err)
	}
	for k := range h.rows() {
		if strings.Contains(k, in.Code) {
			t.Error("a row still holds the code")
		}
	}
}

func TestOneOfManyTakesACode(t *testing.T) {
	h := build(t)
	for range 20 {
		in := h.introduce(ann)
		var won, other atomic.Int32
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				switch _, err := h.take(in.Code); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, ErrNoIntroduction):
					other.Add(1)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 || other.Load() != 0 {
			t.Fatalf("%d took it, %d failed otherwise", won.Load(), other.Load())
		}
	}
}
