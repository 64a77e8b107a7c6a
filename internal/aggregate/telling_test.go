package aggregate_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/audit"
	"jali/internal/kv"
	"jali/internal/webhook"
)

// listens registers a client with an address.
func (h *house) listens(id consent.ClientID) {
	h.t.Helper()
	h.client(id, "opaque")
	_, err := h.consent.ReviseClient(h.t.Context(), id, func(c consent.Client) (consent.Client, error) {
		c.WebhookURI = "https://bank.example/hooks"
		return c, nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// queued is every needs_person in the outbox, as "client grant source".
func (h *house) queued() (list []string) {
	for _, e := range h.events() {
		list = append(list, fmt.Sprintf("%s %s %s", e.Client, e.Grant, e.Source))
	}
	slices.Sort(list)
	return list
}

func (h *house) events() (list []webhook.Event) {
	h.t.Helper()
	err := h.db.View(h.t.Context(), func(tx kv.Tx) error {
		list = nil
		for row, err := range tx.Scan(kv.Prefix("webhook", "event")) {
			if err != nil {
				return err
			}
			var e webhook.Event
			if err := kv.Decode(row.Value, &e); err != nil {
				return err
			}
			if e.Type == webhook.NeedsPerson {
				list = append(list, e)
			}
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func (h *house) wantQueued(why string, want ...string) {
	h.t.Helper()
	slices.Sort(want)
	if got := h.queued(); !slices.Equal(got, want) {
		h.t.Errorf("%s: told %q, want %q", why, got, want)
	}
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// A client that would look again is told, once, that a source wants the person;
// one that would not, or may not, hears nothing.
func TestClientsAreToldThatASourceNeedsThePerson(t *testing.T) {
	h := newHouse(t)
	h.AtOnce = true
	bad, good := wallet("alipay"), wallet("wechatpay")
	h.add(bad, good)
	p, somebody := h.person("li"), h.person("wu")
	h.link(p, "wechatpay")
	fine := h.accountIDs(p)
	h.link(p, "alipay")
	h.link(somebody, "alipay")
	again := h.everything(consent.Uses{Limit: 4, Per: "day"})
	for _, c := range []consent.ClientID{"app", "twice", "single", "elsewhere", "revoked", "paused", "suspended", "foreign", "lapsed"} {
		h.listens(c)
	}
	short := again
	short.Until = h.clock().Add(30 * time.Second).Truncate(time.Second)
	app, first, second := h.grant(p, "app", again), h.grant(p, "twice", again), h.grant(p, "twice", h.everything(consent.Uses{Limit: 2}))
	h.grant(p, "single", h.everything(once))
	h.grant(p, "elsewhere", again, fine...)
	revoked, paused, suspended := h.grant(p, "revoked", again), h.grant(p, "paused", again), h.grant(p, "suspended", again)
	h.grant(p, "bank", again) // it does not listen
	h.grant(somebody, "foreign", again)
	h.grant(p, "lapsed", short)
	h.pass(time.Minute)
	_, err := h.consent.Revoke(t.Context(), p, revoked)
	h.must(err)
	h.must(h.consent.Pause(t.Context(), p, "paused"))
	h.must(h.consent.SuspendClient(t.Context(), "suspended", true)) // its events wait
	want := []string{}
	for client, g := range map[string]consent.GrantID{"app": app, "paused": paused, "suspended": suspended} {
		want = append(want, fmt.Sprintf("%s %s alipay", client, g))
	}
	want = append(want, fmt.Sprintf("twice %s alipay", first), fmt.Sprintf("twice %s alipay", second))

	bad.set(func() { bad.err = connectors.ErrDown })
	h.open("app", app, "key-0000000000000001")
	h.wantQueued("of a source that is down")
	bad.set(func() { bad.err = connectors.ErrUnauthorized })
	var wg sync.WaitGroup
	for range 8 { // whoever finds out first
		wg.Go(func() {
			if _, err := h.Own(t.Context(), p, time.Time{}, time.Time{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	h.wantQueued("once", want...)
	h.open("app", app, "key-0000000000000002")
	h.wantQueued("and not again while it needs the person", want...)
	var told, turned int
	timeline, err := audit.Timeline(t.Context(), h.db, string(p.Person), time.Time{}, 1000)
	h.must(err)
	for _, e := range timeline {
		switch {
		case e.Verb == audit.SourceRefuses && e.Client == "":
			turned++
		case e.Verb == audit.SourceRefuses:
			told++
		}
	}
	if turned != 1 || told != len(want) {
		t.Errorf("the timeline tells of %d turns and %d tellings; want 1 and %d", turned, told, len(want))
	}

	bad.set(func() { bad.err = nil })
	h.link(p, "alipay")
	h.wantQueued("connected anew", want...)
	bad.set(func() { bad.err = connectors.ErrUnauthorized })
	h.open("app", app, "key-0000000000000003")
	h.wantQueued("once more", append(slices.Clone(want), want...)...)
	ids := map[string]bool{}
	for _, e := range h.events() {
		ids[e.ID] = true
	}
	if len(ids) != 2*len(want) {
		t.Errorf("%d events have %d ids", 2*len(want), len(ids))
	}
}

// What one client finds out another is not told at that moment, but at one of
// its own within the hour; and not at all once there is no need, or no grant.
func TestEachClientIsToldAtAMomentOfItsOwn(t *testing.T) {
	for _, tt := range []struct {
		why   string
		do    func(*house, consent.Session, []consent.GrantID, *fake)
		after int // clients that are told, of twelve
	}{
		{"it goes on needing them", func(*house, consent.Session, []consent.GrantID, *fake) {}, 12},
		{"the person has connected it anew", func(h *house, p consent.Session, _ []consent.GrantID, f *fake) {
			f.set(func() { f.err = nil })
			h.link(p, "alipay")
		}, 0},
		{"the person has disconnected it", func(h *house, p consent.Session, _ []consent.GrantID, _ *fake) {
			all, err := h.Connections(h.t.Context(), p)
			h.must(err)
			h.must(h.Disconnect(h.t.Context(), p, all[0].ID))
		}, 0},
		{"a grant was revoked", func(h *house, p consent.Session, all []consent.GrantID, _ *fake) {
			_, err := h.consent.Revoke(h.t.Context(), p, all[3])
			h.must(err)
		}, 11},
		{"the person has left", func(h *house, p consent.Session, _ []consent.GrantID, _ *fake) {
			h.must(h.db.Update(h.t.Context(), func(tx kv.Tx) error { return h.PersonLeaves(tx, p.Person) }))
		}, 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			h := newHouse(t)
			f := wallet("alipay")
			h.add(f)
			p := h.person("li")
			h.link(p, "alipay")
			var grants []consent.GrantID
			for i := range 12 {
				c := consent.ClientID(fmt.Sprint("app", i))
				h.listens(c)
				grants = append(grants, h.grant(p, c, h.everything(consent.Uses{Limit: 4, Per: "day"})))
			}
			f.set(func() { f.err = connectors.ErrUnauthorized })
			h.open("app0", grants[0], "key-0000000000000001")
			h.wantQueued("at once") // none
			tt.do(h, p, grants, f)
			for range 60 {
				h.pass(time.Minute)
				h.must(h.Sweep(t.Context()))
			}
			moments, of := map[time.Time]int{}, h.events()
			for _, e := range of {
				moments[e.At]++
			}
			if len(of) != tt.after || len(moments) < tt.after/3 { // three of twelve by chance: once in 10^11
				t.Errorf("%d were told at %d moments; want %d, at as many", len(of), len(moments), tt.after)
			}
			h.rows("telling", func(k, _ []byte) { t.Errorf("%q is still to be told", k) })
			h.must(h.Sweep(t.Context()))
			if again := len(h.events()); again != tt.after {
				t.Errorf("another sweep tells %d more", again-tt.after)
			}
		})
	}
}
