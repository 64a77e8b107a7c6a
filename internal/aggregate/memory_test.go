package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/kv"
)

// watched is a house with one source that counts how often it is asked.
func watched(t *testing.T) (h *house, p consent.Session, f *fake, asked *atomic.Int64, look func(consent.Session) aggregate.Look) {
	t.Helper()
	h, asked = newHouse(t), new(atomic.Int64)
	f = wallet("alipay").with(3)
	f.asked = func() { asked.Add(1) }
	h.add(f)
	p = h.person("li")
	h.link(p, "alipay")
	from, to := h.clock().AddDate(0, 0, -30), h.clock().AddDate(0, 0, 1)
	return h, p, f, asked, func(p consent.Session) aggregate.Look {
		t.Helper()
		l, err := h.Own(t.Context(), p, from, to)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
}

func TestOwnRemembersForTwoMinutes(t *testing.T) {
	h, p, _, asked, look := watched(t)
	first := look(p)
	h.pass(119 * time.Second)
	again := look(p)
	if asked.Load() != 1 || !again.At.Equal(first.At) || len(again.Bills) != 3 {
		t.Errorf("asked %d times for a look at the same days, as of %v and %v", asked.Load(), first.At, again.At)
	}
	again.Bills[0].Amount = yuan(1) // a page may do with its look as it likes
	if look(p).Bills[0].Amount != first.Bills[0].Amount {
		t.Error("what one reader changed the next one sees")
	}
	h.pass(time.Second)
	if look(p); asked.Load() != 2 {
		t.Errorf("asked %d times, the second time after two minutes", asked.Load())
	}
	if _, err := h.OwnAfresh(t.Context(), p, h.clock().AddDate(0, 0, -30), h.clock()); err != nil || asked.Load() != 3 {
		t.Errorf("asked %d times, the third time afresh: %v", asked.Load(), err)
	}
	if _, err := h.Own(t.Context(), p, h.clock().AddDate(0, 0, -7), h.clock()); err != nil || asked.Load() != 4 {
		t.Errorf("asked %d times, the fourth time over other days: %v", asked.Load(), err)
	}
}

func TestOwnMemoryIsOfOneSession(t *testing.T) {
	h, p, _, asked, look := watched(t)
	look(p)
	elsewhere := p
	elsewhere.ID = "another-session"
	if look(elsewhere); asked.Load() != 2 {
		t.Error("another session was shown what this one saw")
	}
	stranger := h.person("wang")
	stranger.ID = p.ID
	if l := look(stranger); len(l.Accounts) != 0 || len(l.Bills) != 0 {
		t.Error("another person was shown what this one saw")
	}
	nameless := consent.Session{Person: p.Person}
	look(nameless)
	if look(nameless); asked.Load() != 4 {
		t.Error("a look without a session is remembered")
	}
}

func TestOwnForgetsWhenSomethingChanges(t *testing.T) {
	for why, change := range map[string]func(*house, consent.Session) error{
		"a source is linked again": func(h *house, p consent.Session) error { _, err := h.tryLink(p, "alipay"); return err },
		"a file is imported": func(h *house, p consent.Session) error {
			_, err := h.Import(h.t.Context(), p.Person, strings.NewReader(soundFile), aggregate.Taking{})
			return err
		},
		"a staged file is accepted": func(h *house, p consent.Session) error {
			u, err := h.Stage(h.t.Context(), p, strings.NewReader(soundFile), billfile.Options{})
			if err != nil {
				return err
			}
			_, err = h.Accept(h.t.Context(), p, u.ID, false, nil)
			return err
		},
		"a source is disconnected": func(h *house, p consent.Session) error {
			all, err := h.Connections(h.t.Context(), p)
			if err != nil {
				return err
			}
			return h.Disconnect(h.t.Context(), p, all[0].ID)
		},
		"the person leaves": func(h *house, p consent.Session) error {
			return h.db.Update(h.t.Context(), func(tx kv.Tx) error { return h.PersonLeaves(tx, p.Person) })
		},
	} {
		t.Run(why, func(t *testing.T) {
			h, p, _, _, look := watched(t)
			h.t = t
			before := look(p)
			h.pass(time.Second)
			if err := change(h, p); err != nil {
				t.Fatal(err)
			}
			after := look(p)
			if after.At.Equal(before.At) {
				t.Error("the person is shown what was before")
			}
			if (why == "a source is disconnected" || why == "the person leaves") && len(after.Bills) != 0 {
				t.Error("bills of what is gone are shown")
			}
		})
	}
}

// A look that was under way when something changed is shown, and not kept.
func TestOwnDoesNotKeepWhatWasOvertaken(t *testing.T) {
	h, p, f, asked, look := watched(t)
	var once sync.Once
	f.asked = func() {
		asked.Add(1)
		once.Do(func() {
			all, err := h.Connections(context.Background(), p)
			if err == nil {
				err = h.Disconnect(context.Background(), p, all[0].ID)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	look(p)
	if l := look(p); len(l.Accounts) != 0 {
		t.Errorf("a source that was disconnected during the look is remembered: %+v", l.Accounts)
	}
}

// A source that failed may be back in a moment; one that is slow is not asked
// again for every page.
func TestOwnRemembersFailureForShort(t *testing.T) {
	h, p, f, asked, look := watched(t)
	f.set(func() { f.err = connectors.ErrMalformed }) // which is not asked for again at once
	look(p)
	h.pass(19 * time.Second)
	if look(p); asked.Load() != 1 {
		t.Errorf("asked %d times within 20 seconds", asked.Load())
	}
	f.set(func() { f.err = nil })
	h.pass(time.Second)
	if l := look(p); l.Sources[0].Status != aggregate.Fresh {
		t.Errorf("20 seconds later the source is %s", l.Sources[0].Status)
	}
}

func TestOwnMemoryIsBounded(t *testing.T) {
	_, p, _, asked, look := watched(t)
	sessions := func() (all []consent.Session) {
		for i := range 65 {
			all = append(all, consent.Session{ID: fmt.Sprint("session-", i), Person: p.Person})
		}
		return all
	}()
	var group sync.WaitGroup
	for _, s := range sessions {
		group.Go(func() { look(s) })
	}
	group.Wait()
	before := asked.Load()
	for _, s := range sessions {
		look(s)
	}
	if again := asked.Load() - before; again == 0 {
		t.Error("65 sessions are remembered")
	}
}

// A source that has its person forgotten while it answers leaves the client
// with what anybody is told of a grant that is gone.
func TestViewOfOneWhoLeavesMeanwhile(t *testing.T) {
	h := newHouse(t)
	f := wallet("alipay").with(1)
	h.add(f)
	p := h.person("li")
	h.link(p, "alipay")
	grant := h.grant(p, "bank", h.everything(once))
	h.consent.Leaving = []func(kv.Tx, consent.PersonID) error{h.PersonLeaves,
		func(tx kv.Tx, p consent.PersonID) error { return h.Vault.PersonLeaves(tx, string(p)) }}
	f.asked = func() {
		ctx := context.Background()
		_, err := h.consent.PrepareLeave(ctx, p)
		if err == nil {
			_, err = h.consent.Leave(ctx, p, nil, nil)
		}
		if err = errors.Join(err, h.Vault.Shred(ctx)); err != nil {
			t.Error(err)
		}
	}
	_, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: grant, Key: "key-0000000000000001"})
	_, want := h.consent.Live(t.Context(), "bank", grant)
	if want == nil || !errors.Is(err, want) {
		t.Errorf("the client is told %v, want %v", err, want)
	}
}

// A decision and a correction show in the next look, which asks no source, and
// lives no longer for that; so does one that is made while a look is under way.
func TestAWordAboutBillsAsksNoSource(t *testing.T) {
	h, p, bank := twoTellings(t)
	var asked atomic.Int64
	during := func() {}
	bank.asked = func() { asked.Add(1); during() }
	from, to := h.clock().AddDate(0, 0, -30), h.clock().AddDate(0, 0, 1)
	look := func() aggregate.Look {
		t.Helper()
		l, err := h.Own(t.Context(), p, from, to)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	first := look()
	a, b := first.Bills[0].ID, first.Bills[1].ID
	h.pass(time.Minute)
	decide := func(yes bool) {
		if err := h.Decide(context.WithoutCancel(t.Context()), p, a, b, aggregate.Mirror, yes); err != nil {
			t.Error(err)
		}
	}
	decide(true)
	l := look()
	if l.Totals[0].Out != yuan(18800) || len(l.Decided) != 1 || !l.At.Equal(first.At) || l.Complete != first.Complete || len(l.Balances) != len(first.Balances) {
		t.Errorf("after a decision %s went out, as of %v", l.Totals[0].Out, l.At)
	}
	if err := h.Correct(t.Context(), p, a, "family.gifts"); err != nil {
		t.Fatal(err)
	}
	if l = look(); !slices.ContainsFunc(l.Bills, func(b aggregate.OwnBill) bool { return b.ID == a && b.Category == "family.gifts" }) {
		t.Error("a correction does not show")
	}
	if err := h.Undecide(t.Context(), p, a, b, aggregate.Mirror); err != nil {
		t.Fatal(err)
	}
	if l = look(); len(l.Decided) != 0 || l.Totals[0].Out != yuan(37600) {
		t.Error("what was taken back still holds")
	}
	var together sync.WaitGroup
	decide(true)
	for range 8 { // who come at once join each for themselves
		together.Go(func() {
			if l, err := h.Own(t.Context(), p, from, to); err != nil || l.Totals[0].Out != yuan(18800) {
				t.Errorf("of those who look at once, one sees %v, %v", l.Totals, err)
			}
		})
	}
	together.Wait()
	h.pass(59 * time.Second)
	if look(); asked.Load() != 1 {
		t.Errorf("asked %d times within two minutes", asked.Load())
	}
	decide(false)
	h.pass(time.Second)
	during = func() { during = func() {}; decide(true) }
	if look(); asked.Load() != 2 {
		t.Errorf("asked %d times, the second time after two minutes", asked.Load())
	}
	if l = look(); asked.Load() != 2 || l.Totals[0].Out != yuan(18800) {
		t.Errorf("asked %d times; decided during a look, %s went out", asked.Load(), l.Totals[0].Out)
	}
}
