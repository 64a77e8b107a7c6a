package consent

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/internal/audit"
	"jali/internal/kv"
)

// givenTo is a grant to any client by any person.
func (h house) givenTo(c ClientID, p Session, asked Terms) GrantID {
	h.Helper()
	id := GrantID(rand.Text())
	h.must(h.ask(Request{ID: id, Client: c, Asked: asked, Lapses: h.clock.now().Add(10 * time.Minute)}))
	_, err := h.Show(ctx, p, id)
	h.must(err)
	a, err := h.Prepare(ctx, p, id, Choice{Accounts: wallet}, wallet)
	h.must(err)
	_, _, err = h.Give(ctx, p, id, sign(p.Person, a.Challenge))
	h.must(err)
	return id
}

func TestPausingEverything(t *testing.T) {
	h := build(t)
	banks, others := h.givenTo(bank, ann, daily(4, "")), h.givenTo(other, ann, daily(4, ""))
	bobs := h.givenTo(bank, bob, daily(4, ""))
	live := func(c ClientID, id GrantID, want error) {
		t.Helper()
		if _, err := h.Live(ctx, c, id); !errors.Is(err, want) {
			t.Errorf("Live of %s: %v, want %v", id, err, want)
		}
	}
	h.must(h.Pause(ctx, ann, other))
	h.must(h.PauseAll(ctx, ann))
	h.must(h.PauseAll(ctx, ann))
	live(bank, banks, ErrPaused)
	live(other, others, ErrPaused)
	live(bank, bobs, nil)
	h.leavesNoTrace(ErrPaused, func() error { _, err := h.Spend(ctx, bank, banks, "k", nil); return err })
	live(bank, h.givenTo(bank, ann, once()), ErrPaused) // and those to come
	if on, err := h.AllPaused(ctx, ann); err != nil || !on {
		t.Errorf("AllPaused = %v, %v", on, err)
	}
	if on, _ := h.AllPaused(ctx, bob); on {
		t.Error("ann's pause is bob's, too")
	}
	if m, err := h.Paused(ctx, ann); err != nil || len(m) != 1 || !m[other] {
		t.Errorf("Paused = %v, %v; want the one that was paused by itself", m, err)
	}
	h.must(h.ResumeAll(ctx, ann))
	live(bank, banks, nil)
	live(other, others, ErrPaused) // stays as it was
	var verbs []string
	for _, v := range h.verbs("ann", "") {
		if strings.HasPrefix(v, "all.") {
			verbs = append(verbs, v)
		}
	}
	if want := []string{"all.paused", "all.resumed"}; !slices.Equal(verbs, want) {
		t.Errorf("timeline %v, want %v: doing it twice is one deed", verbs, want)
	}
}

func TestAClientThatIsGoneIsNotPaused(t *testing.T) {
	h := build(t)
	h.must(h.Pause(ctx, ann, bank))
	h.must(h.RemoveClient(ctx, bank))
	h.must(h.Resume(ctx, ann, bank)) // on a page that still shows it
	if m, err := h.Paused(ctx, ann); err != nil || len(m) != 0 {
		t.Errorf("Paused = %v, %v; want nobody", m, err)
	}
	if err := h.Pause(ctx, ann, bank); !errors.Is(err, ErrNoClient) {
		t.Errorf("Pause: %v, want ErrNoClient", err)
	}
}

func TestRevokingAllOfAClient(t *testing.T) {
	h := build(t)
	first, second := h.givenTo(bank, ann, daily(4, "")), h.givenTo(bank, ann, daily(4, ""))
	spent := h.givenTo(bank, ann, once())
	_, err := h.Spend(ctx, bank, spent, "k", nil)
	h.must(err)
	others, bobs := h.givenTo(other, ann, daily(4, "")), h.givenTo(bank, bob, daily(4, ""))
	open := h.shown(once())
	over := h.givenTo(bank, ann, func() Terms { x := once(); x.Until = noon.Add(time.Minute).UTC(); return x }())
	h.clock.add(time.Minute)
	*h.told = nil
	n, err := h.RevokeAll(ctx, ann, bank)
	if err != nil || n != 3 {
		t.Errorf("RevokeAll = %d, %v; want 3", n, err)
	}
	for id, want := range map[GrantID]State{first: Revoked, second: Revoked, spent: Revoked, others: Given, bobs: Given, open: Shown, over: Given} {
		if s := h.state(id); s != want {
			t.Errorf("%s is %s, want %s", id, s, want)
		}
	}
	if want := []string{"revoked false", "revoked false", "revoked true"}; !slices.Equal(*h.told, want) {
		t.Errorf("hooks heard %q, want %q: one epoch ends, once", *h.told, want)
	}
	if n, err := h.RevokeAll(ctx, ann, bank); err != nil || n != 0 {
		t.Errorf("again: %d, %v", n, err)
	}
	boom := errors.New("boom")
	h.Ended = append(h.Ended, func(kv.Tx, Grant, bool) error { return boom })
	h.leavesNoTrace(boom, func() error { _, err := h.RevokeAll(ctx, ann, other); return err })
}

// Of a removed client nobody's switch is left, nor what another room keeps of
// it, however much that is; other clients' stay.
func TestRemovingAClientForgetsIt(t *testing.T) {
	h := build(t)
	count := func(prefix ...any) int {
		n := 0
		h.must(h.DB.View(ctx, func(tx kv.Tx) error {
			n = 0
			for _, err := range tx.Scan(kv.Prefix(append([]any{room}, prefix...)...)) {
				if err != nil {
					return err
				}
				n++
			}
			return nil
		}))
		return n
	}
	const people = 2*removeBatch + 5
	for i := range people {
		h.must(h.Pause(ctx, Session{Person: PersonID(fmt.Sprint("person ", i))}, bank))
	}
	h.must(h.Pause(ctx, ann, other))
	h.must(h.PauseAll(ctx, ann))
	if paused, by := count("paused"), count("paused_by", bank); paused != people+1 || by != people {
		t.Fatalf("%d switches, %d of them on the bank", paused, by)
	}
	kept, asked := 2*removeBatch, 0
	h.Removed = append(h.Removed, func(_ kv.Tx, id ClientID, limit int) (bool, error) {
		asked++
		n := min(limit, kept)
		kept -= n
		return n < limit, nil
	})
	h.must(h.RemoveClient(ctx, bank))
	if paused, by := count("paused"), count("paused_by"); paused != 1 || by != 1 {
		t.Errorf("%d switches and %d by client are left; want the one on the other client", paused, by)
	}
	if kept != 0 || asked != 3 {
		t.Errorf("another room keeps %d rows after %d calls", kept, asked)
	}
	if _, err := h.Client(ctx, bank); !errors.Is(err, ErrNoClient) {
		t.Errorf("the client: %v", err)
	}
	h.must(h.Resume(ctx, ann, other))
	h.must(h.ResumeAll(ctx, ann))
	if left := count("paused") + count("paused_by") + count("all_paused"); left != 0 {
		t.Errorf("%d switches are left", left)
	}
}

func TestRemovingAClient(t *testing.T) {
	h := build(t)
	h.listens(bank)
	var ids []GrantID
	for range removeBatch + 5 {
		ids = append(ids, h.givenTo(bank, ann, daily(4, "")))
	}
	others, bobs := h.givenTo(other, ann, daily(4, "")), h.givenTo(bank, bob, daily(4, ""))
	over := h.givenTo(bank, ann, func() Terms { x := once(); x.Until = noon.Add(time.Minute).UTC(); return x }())
	open := h.shown(once())
	h.clock.add(time.Minute)
	*h.told = nil

	// Cut short after the first batch, nothing of the client's is used any more.
	boom, left := errors.New("boom"), removeBatch
	h.Ended = append(h.Ended, func(kv.Tx, Grant, bool) error {
		if left--; left < 0 {
			return boom
		}
		return nil
	})
	if err := h.RemoveClient(ctx, bank); !errors.Is(err, boom) {
		t.Fatalf("RemoveClient: %v", err)
	}
	if c, err := h.Client(ctx, bank); err != nil || !c.Suspended {
		t.Errorf("cut short, the client is %+v, %v; want it suspended", c, err)
	}
	if _, err := h.Live(ctx, bank, ids[len(ids)-1]); err == nil {
		t.Error("cut short, a grant can still be used")
	}
	h.Ended = h.Ended[:1]
	h.must(h.RemoveClient(ctx, bank))
	for _, id := range append(ids, bobs) {
		if g := h.stored(id); g.State != Revoked || g.EndedBy != "operator" {
			t.Fatalf("%s is %s by %q", id, g.State, g.EndedBy)
		}
	}
	if s := h.state(over); s != Expired {
		t.Errorf("what had run out is %s", s)
	}
	if s := h.state(others); s != Given {
		t.Errorf("another client's grant is %s", s)
	}
	last := 0
	for _, s := range *h.told {
		if s == "revoked true" {
			last++
		}
	}
	if last != 2 {
		t.Errorf("%d epochs ended, want ann's and bob's", last)
	}
	for name, do := range map[string]func() error{
		"client": func() error { _, err := h.Client(ctx, bank); return err },
		"remove": func() error { return h.RemoveClient(ctx, bank) },
		"push":   func() error { return h.asks("x", nil) },
		"show":   func() error { _, err := h.Show(ctx, ann, open); return err },
	} {
		if err := do(); !errors.Is(err, ErrNoClient) {
			t.Errorf("%s: %v, want ErrNoClient", name, err)
		}
	}
	events, err := audit.Timeline(ctx, h.DB, "", time.Time{}, 1)
	if err != nil || len(events) != 1 || events[0].Verb != audit.ClientRemoved || events[0].On != string(bank) {
		t.Errorf("the deed is recorded as %+v, %v", events, err)
	}
	told := h.queued(bank)
	if n := len(slices.DeleteFunc(told, func(s string) bool { return !strings.HasPrefix(s, "grant.revoked ") })); n != len(ids)+1 {
		t.Errorf("%d revocations are told, want %d", n, len(ids)+1)
	}
}
