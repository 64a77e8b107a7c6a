package consent

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/internal/kv"
)

func TestLeaving(t *testing.T) {
	h := build(t)
	live, _ := h.given(daily(4, ""))
	spent, _ := h.given(once())
	_, err := h.Spend(ctx, bank, spent, "k", nil)
	h.must(err)
	refused := h.shown(once())
	_, _, err = h.Refuse(ctx, ann, refused)
	h.must(err)
	open := h.shown(once())
	h.must(h.Pause(ctx, ann, other))
	bobs := h.push(once())
	_, err = h.Show(ctx, bob, bobs)
	h.must(err)

	var left []PersonID
	h.Leaving = append(h.Leaving, func(_ kv.Tx, p PersonID) error { left = []PersonID{p}; return nil })

	if _, err := h.Leave(ctx, ann, nil, nil); !errors.Is(err, ErrNoAgreement) {
		t.Errorf("Leave unprepared: %v", err)
	}
	a, err := h.PrepareLeave(ctx, ann)
	h.must(err)
	if !bytes.Contains(a.JSON, []byte(`"deletes":["accounts","bills"`)) || !bytes.Contains(a.JSON, []byte(`"type":"jali/leave"`)) {
		t.Errorf("the agreement says %s", a.JSON)
	}
	h.leavesNoTrace(errFinger, func() error { _, err := h.Leave(ctx, ann, sign("bob", a.Challenge), nil); return err })
	h.leavesNoTrace(ErrNoAgreement, func() error { _, err := h.Leave(ctx, bob, sign("bob", a.Challenge), nil); return err })
	boom := errors.New("boom")
	h.Leaving = append(h.Leaving, func(kv.Tx, PersonID) error { return boom })
	h.leavesNoTrace(boom, func() error { _, err := h.Leave(ctx, ann, sign("ann", a.Challenge), nil); return err })
	h.Leaving = h.Leaving[:1]
	*h.told = nil

	h.clock.add(time.Minute)
	yes, err := h.Leave(ctx, ann, sign("ann", a.Challenge), nil)
	h.must(err)
	if !bytes.Equal(yes.Agreement, a.JSON) || !slices.Equal(left, []PersonID{"ann"}) {
		t.Errorf("Leave = %+v; hooks heard of %v", yes, left)
	}
	if n := len(*h.told); n != 2 || (*h.told)[n-1] != "revoked true" {
		t.Errorf("hooks heard %q, want two revoked and the last one living: what could still be read is no longer", *h.told)
	}
	for _, id := range []GrantID{live, spent} {
		if _, err := h.Live(ctx, bank, id); !errors.Is(err, ErrRevoked) {
			t.Errorf("the client's next request: %v, want ErrRevoked", err)
		}
		if _, err := h.Spend(ctx, bank, id, "k", nil); !errors.Is(err, ErrRevoked) {
			t.Errorf("the client's repeat: %v, want ErrRevoked", err)
		}
	}
	for _, id := range []GrantID{refused, open} {
		if s := h.state(id); s != "" {
			t.Errorf("a grant that nobody can use is still here, %s", s)
		}
	}
	if s := h.state(bobs); s != Shown {
		t.Errorf("bob's request is %q", s)
	}
	for key, row := range h.rows() {
		if strings.Contains(key, "audit") {
			continue
		}
		if strings.Contains(key, "ann") || strings.Contains(row, `"ann"`) || strings.Contains(row, "wallet") {
			t.Errorf("a row of ann's is left: %q = %s", key, row)
		}
	}
	if v := h.verbs("ann", ""); !slices.Contains(v, "person.left") {
		t.Errorf("timeline %v lacks person.left", v)
	}
	h.leavesNoTrace(ErrNoAgreement, func() error { _, err := h.Leave(ctx, ann, sign("ann", a.Challenge), nil); return err })

	for range 2 { // what lapses first is forgotten a day later
		h.clock.add(60 * 24 * time.Hour)
		_, err = h.Sweep(ctx)
		h.must(err)
	}
	for key := range h.rows() {
		if !strings.Contains(key, "audit") && !strings.Contains(key, "client") {
			t.Errorf("after everything has lapsed there is still %q", key)
		}
	}
}

func TestSweepLeavesNothingBehind(t *testing.T) {
	h := build(t)
	before := len(h.rows())
	for range 150 { // more than one batch
		h.push(once())
	}
	if n, err := h.Sweep(ctx); n != 0 || err != nil {
		t.Errorf("nothing is due: Sweep = %d, %v", n, err)
	}
	_, err := h.PrepareLeave(ctx, ann)
	h.must(err)
	h.clock.add(10 * time.Minute)
	if n, err := h.Sweep(ctx); n != 150 || err != nil {
		t.Errorf("Sweep = %d, %v; want 150", n, err)
	}
	h.clock.add(lapsedStays)
	if n, err := h.Sweep(ctx); n != 0 || err != nil {
		t.Errorf("forgetting ends nothing: Sweep = %d, %v", n, err)
	}
	if after := len(h.rows()); after != before {
		t.Errorf("%d rows are left of requests that nobody opened", after-before)
	}
}
