package webhook

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jali/internal/kv"
)

func TestReplay(t *testing.T) {
	h, c := newHouse(t), newClient(t, nil)
	h.at("bank", c.URL)
	for i := range 3 {
		h.queue("bank", "g", fmt.Sprintf("event%d", i))
		h.pass(time.Hour)
	}
	h.queue("other", "g", "foreign")
	h.deliver()
	if err := h.Replay(t.Context(), "bank", "event1"); err != nil {
		t.Fatal(err)
	}
	for _, unknown := range []string{"nothing", "foreign", ""} {
		if err := h.Replay(t.Context(), "bank", unknown); !errors.Is(err, ErrNoEvent) {
			t.Errorf("Replay of %q: %v", unknown, err)
		}
	}
	h.deliver()
	wantOrder(t, c, "event0", "event1", "event2", "event1")
	n, err := h.ReplaySince(t.Context(), "bank", start.Add(time.Hour))
	if err != nil || n != 2 {
		t.Errorf("ReplaySince = %d, %v", n, err)
	}
	h.deliver()
	wantOrder(t, c, "event0", "event1", "event2", "event1", "event1", "event2")
}

// An operator who replays what waits has it tried at once, and what waits
// behind it keeps its place.
func TestReplayOfWhatWaits(t *testing.T) {
	code := 500
	h := newHouse(t)
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	h.at("bank", c.URL)
	h.queue("bank", "g", "event1")
	h.queue("bank", "g", "event2")
	h.deliver()
	code = 200
	for _, id := range []string{"event2", "event1"} {
		if err := h.Replay(t.Context(), "bank", id); err != nil {
			t.Fatal(err)
		}
	}
	h.deliver()
	wantOrder(t, c, "event1", "event1", "event2")
}

func TestGivenUpIsReplayedWithAllItsPatience(t *testing.T) {
	code := 500
	h := newHouse(t)
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	h.at("bank", c.URL)
	h.queue("bank", "g", "event1")
	for h.state("bank", "event1").State == Waiting {
		h.pass(12 * time.Hour)
		h.deliver()
	}
	if err := h.Replay(t.Context(), "bank", "event1"); err != nil {
		t.Fatal(err)
	}
	h.deliver()
	if d := h.state("bank", "event1"); d.State != Waiting || d.Tries != 1 || !d.At.Equal(start) {
		t.Errorf("replayed and failed once: %+v", d)
	}
	code = 200
	h.pass(5 * time.Second)
	h.deliver()
	if d := h.state("bank", "event1"); d.State != Taken {
		t.Errorf("at last: %+v", d)
	}
}

func TestListAnswersTheNewestOfEach(t *testing.T) {
	h := newHouse(t)
	if err := h.DB.Update(t.Context(), func(tx kv.Tx) error {
		for i := range listed + 5 {
			if err := Queue(tx, Event{ID: fmt.Sprintf("a%d", i), At: start.Add(time.Duration(i) * time.Second), Client: "a", Type: GrantUsed, Grant: "g"}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	h.queue("b", "g", "b0")
	list, err := h.List(t.Context(), "", false)
	if err != nil || len(list) != listed+1 || list[0].ID != "b0" || list[1].ID != fmt.Sprintf("a%d", listed+4) {
		t.Errorf("List: %d events, %v", len(list), err)
	}
	if list, err := h.List(t.Context(), "a", true); err != nil || len(list) != 0 {
		t.Errorf("nothing has failed: %d, %v", len(list), err)
	}
}

func TestSweep(t *testing.T) {
	h, c := newHouse(t), newClient(t, nil)
	h.at("bank", c.URL)
	h.at("held", "suspended")
	h.queue("bank", "g", "event1")
	h.queue("held", "g", "event2")
	h.queue("held", "g", "event3")
	h.deliver()
	sweep := func() map[string]State {
		t.Helper()
		if err := h.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		list, err := h.List(t.Context(), "", false)
		if err != nil {
			t.Fatal(err)
		}
		kept := map[string]State{}
		for _, d := range list {
			kept[d.ID] = d.State
		}
		return kept
	}
	h.set(start.Add(keep))
	if kept := sweep(); len(kept) != 3 || kept["event2"] != Waiting {
		t.Errorf("at the end of 30 days: %v", kept)
	}
	h.pass(time.Microsecond)
	if kept := sweep(); len(kept) != 2 || kept["event2"] != GivenUp || kept["event3"] != GivenUp {
		t.Errorf("after 30 days: %v", kept)
	}
	h.pass(keep + time.Microsecond)
	if kept := sweep(); len(kept) != 0 {
		t.Errorf("after 60 days: %v", kept)
	}
}

// Whatever happens in whatever order, the indexes agree, and the events of a
// grant are first attempted in the order of their deeds.
func TestNoStepBreaksTheLines(t *testing.T) {
	if err := flag.Set("rapid.checks", "25"); err != nil { // each step is an fsync
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse(t)
		var seen []string
		codes := rapid.SliceOfN(rapid.SampledFrom([]int{200, 200, 200, 500, 503, 410, 302}), 1, 8).Draw(rt, "codes")
		h.open(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			seen = append(seen, r.Header.Get("Webhook-Id"))
			return &http.Response{StatusCode: codes[len(seen)%len(codes)], Body: http.NoBody, Request: r}, nil
		})})
		h.at("bank", "https://bank.example/")
		queued, at := 0, map[string]int{}
		since := map[string]time.Time{} // what was dropped and is replayed has lost its place
		rt.Repeat(map[string]func(*rapid.T){
			"queue": func(rt *rapid.T) {
				grant := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "grant")
				id := fmt.Sprintf("%s%03d", grant, queued)
				h.queue("bank", grant, id)
				at[id] = queued
				queued++
				h.pass(time.Millisecond)
			},
			"deliver": func(*rapid.T) { h.deliver() },
			"pass": func(rt *rapid.T) {
				h.pass(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour, 31 * 24 * time.Hour}).Draw(rt, "time"))
			},
			"sweep":  func(rt *rapid.T) { must(rt, h.Sweep(context.Background())) },
			"resume": func(rt *rapid.T) { must(rt, h.Resume(context.Background(), "bank")) },
			"suspend": func(rt *rapid.T) {
				h.at("bank", rapid.SampledFrom([]string{"suspended", "https://bank.example/", ""}).Draw(rt, "address"))
			},
			"replay": func(rt *rapid.T) {
				_, err := h.ReplaySince(context.Background(), "bank", h.now().Add(-48*time.Hour))
				must(rt, err)
				list, err := h.List(context.Background(), "bank", false)
				must(rt, err)
				for _, d := range list {
					if d.Since.After(d.At) && !d.Since.Equal(since[d.ID]) && !slices.Contains(seen, d.ID) {
						at[d.ID] = queued
					}
					since[d.ID] = d.Since
				}
			},
			"": func(rt *rapid.T) {
				h.checkRows()
				first := map[string]bool{}
				last := map[byte]int{'a': -1, 'b': -1}
				for _, id := range seen {
					if first[id] {
						continue
					}
					first[id] = true
					if at[id] < last[id[0]] {
						rt.Fatalf("%s came after a later event of its grant: %v", id, seen)
					}
					last[id[0]] = at[id]
				}
				if t.Failed() {
					rt.FailNow()
				}
			},
		})
	})
}

func must(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}
