package consent

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/internal/audit"
	"jali/internal/kv"
	"jali/internal/webhook"
)

const day = 24 * time.Hour

// books is a daily grant whose client may keep what it sees for so long.
func books(keep time.Duration) Terms {
	t := daily(4, "")
	t.Purpose, t.Retention = Bookkeeping, keep
	return t
}

// ends is what a client is told of what it kept, in the order in which it is
// told of that grant: the event before it, and which views it is about.
func (h house) ends(id GrantID) []string {
	h.Helper()
	var list []string
	h.must(h.DB.View(ctx, func(tx kv.Tx) error {
		list = nil
		byID := map[string]webhook.Event{}
		for row, err := range tx.Scan(kv.Prefix("webhook", "event", bank)) {
			if err != nil {
				return err
			}
			var e webhook.Event
			if err := kv.Decode(row.Value, &e); err != nil {
				return err
			}
			byID[e.ID] = e
		}
		before := ""
		for row, err := range tx.Scan(kv.Prefix("webhook", "line", bank, id)) {
			if err != nil {
				return err
			}
			var ref struct {
				ID string `json:"id"`
			}
			if err := kv.Decode(row.Value, &ref); err != nil {
				return err
			}
			e := byID[ref.ID]
			if e.Type == webhook.RetentionEnded {
				about := "all"
				if !e.KeepUntil.IsZero() {
					about = fmt.Sprint(e.KeepUntil.Sub(noon))
				}
				list = append(list, before+" > "+about)
			}
			before = e.Type
		}
		return nil
	}))
	return list
}

// keptRows counts what is held of what may be kept, with its dues.
func (h house) keptRows() int {
	n := 0
	for key, row := range h.rows() {
		if strings.Contains(key, "kept") && (strings.Contains(key, "due") || strings.Contains(row, `"ends"`)) {
			n++
		}
	}
	return n
}

func TestWhatMayBeKeptEndsWithItsPeriod(t *testing.T) {
	h := build(t)
	h.listens(bank)
	id, _ := h.given(books(2 * day))
	plain, _ := h.given(daily(4, ""))
	use := func(g GrantID, key string) Use {
		t.Helper()
		u, err := h.Spend(ctx, bank, g, key, nil)
		h.must(err)
		return u
	}
	first := use(id, "k1")
	if want := h.clock.now().Add(2 * day).Truncate(time.Second); !first.KeepUntil.Equal(want) {
		t.Errorf("KeepUntil = %v, want %v", first.KeepUntil, want)
	}
	h.clock.add(time.Hour)
	if again := use(id, "k1"); !again.Repeat || !again.KeepUntil.Equal(first.KeepUntil) {
		t.Errorf("a repeat may be kept until %v, the use until %v", again.KeepUntil, first.KeepUntil)
	}
	second := use(id, "k2")
	if u := use(plain, "k3"); !u.KeepUntil.IsZero() || h.keptRows() != 4 {
		t.Errorf("what may not be kept, until %v; %d rows", u.KeepUntil, h.keptRows())
	}
	until := func(want time.Time) {
		t.Helper()
		all, err := h.Kept(ctx, ann)
		if err != nil || !all[id].Equal(want) || len(all) > 1 {
			t.Errorf("Kept = %v, %v; want until %v", all, err, want)
		}
	}
	until(second.KeepUntil)
	if all, err := h.Kept(ctx, bob); err != nil || len(all) != 0 {
		t.Errorf("Kept of somebody else = %v, %v", all, err)
	}
	sweep := func(want ...string) {
		t.Helper()
		_, err := h.Sweep(ctx)
		h.must(err)
		if got := h.ends(id); !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	}
	h.clock.set(first.KeepUntil.Add(-time.Second))
	sweep()
	h.clock.set(first.KeepUntil)
	sweep("grant.used > " + fmt.Sprint(first.KeepUntil.Sub(noon)))
	h.clock.set(second.KeepUntil.Add(day)) // nobody swept for a day
	until(time.Time{})
	sweep("grant.used > "+fmt.Sprint(first.KeepUntil.Sub(noon)), "retention.ended > "+fmt.Sprint(second.KeepUntil.Sub(noon)))
	if n := h.keptRows(); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	events, err := audit.Timeline(ctx, h.DB, string(ann.Person), time.Time{}, 100)
	h.must(err)
	n := 0
	for _, e := range events {
		if e.Verb == audit.RetentionEnded {
			if n++; e.Facts["by"] != "period" || e.Client != string(bank) || e.On != string(id) {
				t.Errorf("the timeline says %+v", e)
			}
		}
	}
	if n != 2 {
		t.Errorf("%d in the timeline, want 2", n)
	}
}

// What the person takes back may not be kept either, whoever takes it and
// whatever has become of the grant.
func TestWhatMayBeKeptEndsWithTheYes(t *testing.T) {
	for name, tt := range map[string]struct {
		asked Terms
		end   func(h house, id GrantID)
		want  []string
		left  int
	}{
		"revoked": {books(30 * day), func(h house, id GrantID) { _, err := h.Revoke(ctx, ann, id); h.must(err) }, []string{"grant.revoked > all"}, 0},
		"revoked by the client": {books(30 * day), func(h house, id GrantID) {
			h.must(h.DB.Update(ctx, func(tx kv.Tx) error { return h.RevokeByClient(tx, h.clock.now(), "ev", bank, id) }))
		}, []string{"grant.revoked > all"}, 0},
		"used up": {func() Terms { t := once(); t.Purpose, t.Retention = Bookkeeping, 30*day; return t }(), func(house, GrantID) {}, nil, 2},
		"used up and revoked": {func() Terms { t := once(); t.Purpose, t.Retention = Bookkeeping, 30*day; return t }(),
			func(h house, id GrantID) { _, err := h.Revoke(ctx, ann, id); h.must(err) }, []string{"grant.revoked > all"}, 0},
		"expired": {books(30 * day), func(h house, id GrantID) {
			h.clock.set(noon.Add(30*day - time.Second))
			_, err := h.Spend(ctx, bank, id, "late", nil)
			h.must(err)
			h.clock.set(noon.Add(31 * day))
			_, err = h.Sweep(ctx)
			h.must(err)
		}, []string{"grant.expired > 720h0m0s"}, 2}, // the first use's; the late one's goes on
		"everything revoked, long after it expired": {books(30 * day), func(h house, id GrantID) {
			h.clock.set(noon.Add(30*day - time.Second))
			_, err := h.Spend(ctx, bank, id, "late", nil)
			h.must(err)
			h.clock.set(noon.Add(31 * day))
			_, err = h.Sweep(ctx)
			h.must(err)
			_, err = h.RevokeAll(ctx, ann, bank)
			h.must(err)
		}, []string{"grant.expired > 720h0m0s", "retention.ended > all"}, 0},
		"the person leaves": {books(30 * day), func(h house, id GrantID) {
			a, err := h.PrepareLeave(ctx, ann)
			h.must(err)
			_, err = h.Leave(ctx, ann, sign("ann", a.Challenge), nil)
			h.must(err)
		}, []string{"grant.revoked > all"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := build(t)
			h.listens(bank)
			id, _ := h.given(tt.asked)
			_, err := h.Spend(ctx, bank, id, "k1", nil)
			h.must(err)
			if n := h.keptRows(); n != 2 {
				t.Fatalf("%d rows, want 2", n)
			}
			tt.end(h, id)
			if got := h.ends(id); !slices.Equal(got, tt.want) {
				t.Errorf("told %q, want %q", got, tt.want)
			}
			if n := h.keptRows(); n != tt.left {
				t.Errorf("%d rows are left, want %d", n, tt.left)
			}
		})
	}
}

// Whoever agrees to less says it of what was seen before, too; whoever agrees
// to more, only of what comes.
func TestAShorterTimeToKeepHoldsForWhatWasSeen(t *testing.T) {
	h := build(t)
	h.listens(bank)
	id, _ := h.given(books(10 * day))
	first, err := h.Spend(ctx, bank, id, "k1", nil)
	h.must(err)
	h.clock.add(day)
	h.yes(h.revising(Replace, id, books(5*day)), Choice{Accounts: wallet})
	all, err := h.Kept(ctx, ann)
	if want := first.At.Add(5 * day); err != nil || !all[id].Equal(want) {
		t.Errorf("Kept = %v, %v; want %v", all[id], err, want)
	}
	h.yes(h.revising(Replace, id, books(30*day)), Choice{Accounts: wallet})
	h.clock.set(noon.Add(5*day + time.Second))
	_, err = h.Sweep(ctx)
	h.must(err)
	// It names the view as the view names itself, though that is five days on.
	if got, want := h.ends(id), []string{"grant.changed > " + fmt.Sprint(first.KeepUntil.Sub(noon))}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	second, err := h.Spend(ctx, bank, id, "k2", nil)
	h.must(err)
	h.clock.add(day)
	h.yes(h.revising(Replace, id, daily(4, "")), Choice{Accounts: wallet}) // nothing may be kept any more
	_, err = h.Sweep(ctx)
	h.must(err)
	if got, want := h.ends(id)[1:], []string{"grant.changed > " + fmt.Sprint(second.KeepUntil.Sub(noon))}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	if n := h.keptRows(); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}
