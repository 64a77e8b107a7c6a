package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"jali/internal/kv"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func nopBody(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }

func wantOrder(t *testing.T, c *client, want ...string) {
	t.Helper()
	if got := c.ids(); !slices.Equal(got, want) {
		t.Errorf("the client saw %v, want %v", got, want)
	}
}

// A grant's next event waits until the one before is taken; other grants' do not.
func TestOrderOfAGrant(t *testing.T) {
	var refuse atomic.Bool
	h := newHouse(t)
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		if refuse.Load() && r.Header.Get("webhook-id") == "a1" {
			w.WriteHeader(500)
		}
	})
	h.at("bank", c.URL)
	refuse.Store(true)
	for _, id := range []string{"a1", "a2", "a3"} {
		h.queue("bank", "a", id)
	}
	h.deliver()
	h.queue("bank", "b", "b1")
	h.deliver()
	h.pass(5 * time.Second)
	h.deliver()
	wantOrder(t, c, "a1", "b1", "a1")
	refuse.Store(false)
	h.pass(30 * time.Second)
	h.deliver()
	wantOrder(t, c, "a1", "b1", "a1", "a1", "a2", "a3")
}

func TestBackoffAtExactTimes(t *testing.T) {
	h, c := newHouse(t), newClient(t, status(500))
	h.at("bank", c.URL)
	h.queue("bank", "g", "event1")
	h.queue("bank", "g", "event2")
	tries := 0
	for _, after := range []time.Duration{
		0, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour, 4 * time.Hour,
		12 * time.Hour, 12 * time.Hour, 12 * time.Hour, 12 * time.Hour, 12 * time.Hour, // the last at 65:12:35, the next would be past 72 h
	} {
		if after > 0 {
			h.pass(after - time.Microsecond)
			if h.deliver(); len(c.ids()) != tries {
				t.Fatalf("try %d came before its %v had passed", tries+1, after)
			}
			h.pass(time.Microsecond)
		}
		tries++
		h.deliver()
		if len(c.ids()) < tries {
			t.Fatalf("try %d did not come after %v", tries, after)
		}
	}
	if d := h.state("bank", "event1"); d.State != GivenUp || d.Tries != tries || d.Ended.Sub(start) != 65*time.Hour+12*time.Minute+35*time.Second {
		t.Errorf("kept as %+v; want given up", d)
	}
	// The one behind had its first try when the one before was given up.
	if d := h.state("bank", "event2"); d.State != Waiting || d.Tries != 1 {
		t.Errorf("behind it: %+v", d)
	}
	// It is older than our patience by now; it has five tries all the same.
	h.pass(10 * time.Hour)
	for range 10 {
		h.deliver()
		h.pass(12 * time.Minute)
	}
	if d := h.state("bank", "event2"); d.State != GivenUp || d.Tries != fewest {
		t.Errorf("behind it, at last: %+v; want given up after %d", d, fewest)
	}
}

func TestJitterOnlyDelays(t *testing.T) {
	o, err := New(newHouse(t).Config)
	if err != nil {
		t.Fatal(err)
	}
	different := map[time.Duration]bool{}
	for range 1000 {
		d := o.jitter(time.Hour)
		if d < 0 || d > 6*time.Minute {
			t.Fatalf("jitter of an hour: %v", d)
		}
		different[d] = true
	}
	if len(different) < 10 {
		t.Error("it is no jitter")
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	h := newHouse(t)
	busy := true
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		if busy {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	h.at("bank", c.URL)
	h.queue("bank", "a", "a1")
	h.deliver()
	h.queue("bank", "b", "b1") // the client wants to be left alone, whatever the grant
	h.pass(time.Hour - time.Microsecond)
	busy = false
	h.deliver()
	wantOrder(t, c, "a1")
	h.pass(time.Microsecond)
	h.deliver()
	if got := c.ids(); len(got) != 3 {
		t.Errorf("after the hour: %v", got)
	}
}

func TestGoneStopsAClient(t *testing.T) {
	h := newHouse(t)
	old := newClient(t, status(http.StatusGone))
	h.at("bank", old.URL)
	for i := range 3 {
		h.queue("bank", fmt.Sprintf("g%d", i), fmt.Sprintf("event%d", i))
	}
	h.deliver()
	tries := len(old.ids())
	if tries == 0 || tries > 3 {
		t.Fatalf("%d tries", tries)
	}
	for range 5 {
		h.pass(20 * time.Hour)
		h.deliver()
	}
	if len(old.ids()) != tries {
		t.Errorf("a client that said 410 is asked again")
	}
	if err := h.Resume(t.Context(), "bank"); err != nil {
		t.Fatal(err)
	}
	h.deliver()
	if len(old.ids()) == tries {
		t.Errorf("resumed, it is not asked")
	}
	// Another address is asked without the operator.
	fresh := newClient(t, nil)
	h.at("bank", fresh.URL)
	h.pass(lookLater)
	h.deliver()
	if got := fresh.ids(); len(got) != 3 {
		t.Errorf("the new address got %v; all three had waited", got)
	}
}

func TestSuspendedClientsWaitAndForgottenOnesAreDropped(t *testing.T) {
	h, c := newHouse(t), newClient(t, nil)
	h.at("bank", "suspended")
	h.queue("bank", "g", "event1")
	h.queue("other", "g", "event2")
	h.queue("other", "g", "event3")
	h.deliver()
	if d := h.state("bank", "event1"); d.State != Waiting || d.Tries != 0 {
		t.Errorf("suspended: %+v", d)
	}
	for _, id := range []string{"event2", "event3"} {
		if d := h.state("other", id); d.State != Dropped || d.Last != "nowhere" {
			t.Errorf("nowhere to tell: %+v", d)
		}
	}
	h.pass(10 * 24 * time.Hour)
	h.at("bank", c.URL)
	h.deliver()
	wantOrder(t, c, "event1")
}

// A client that never answers holds up nobody, and is not asked more than a
// few things at once.
func TestOneDeadClientAmongMany(t *testing.T) {
	h := newHouse(t)
	var under, most atomic.Int32
	release := make(chan struct{})
	dead := newClient(t, func(_ http.ResponseWriter, r *http.Request) {
		if n := under.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer under.Add(-1)
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	h.at("bank00", dead.URL) // it comes first in every index
	for i := range 300 {
		h.queue("bank00", fmt.Sprintf("g%03d", i), fmt.Sprintf("dead%03d", i))
	}
	arrived := make(chan string, 100)
	alive := newClient(t, func(_ http.ResponseWriter, r *http.Request) { arrived <- r.Header.Get("webhook-id") })
	for i := range 20 {
		client := fmt.Sprintf("bank%02d", i+1)
		h.at(client, alive.URL)
		for n := range 3 {
			h.queue(client, "g", fmt.Sprintf("%s-%d", client, n))
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { h.Run(ctx) })
	for range 60 {
		<-arrived
	}
	if n := most.Load(); n < 1 || n > perClient {
		t.Errorf("%d attempts at once at the dead client, want at most %d", n, perClient)
	}
	close(release)
	stop()
	running.Wait()
	if under.Load() != 0 {
		t.Error("attempts go on after Run has ended")
	}
}

// many queues so many events for each client, each of a grant of its own.
func (h *house) many(clients, each int) {
	h.t.Helper()
	now := h.now()
	if err := h.DB.Update(h.t.Context(), func(tx kv.Tx) error {
		for c := range clients {
			for i := range each {
				e := Event{ID: fmt.Sprintf("e%d", i), At: now, Client: fmt.Sprintf("bank%02d", c), Type: GrantUsed, Grant: fmt.Sprintf("g%d", i)}
				if err := Queue(tx, e); err != nil {
					return err
				}
			}
		}
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
}

// begun begins what is due once, and answers how much that was.
func (h *house) begun() int {
	h.t.Helper()
	n, err := h.begin(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	h.going.Wait()
	return n
}

func TestAFailingClientIsTriedOneAtATime(t *testing.T) {
	h := newHouse(t)
	code := 500
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	h.at("bank00", c.URL)
	h.many(1, 12)
	for i, want := range []int{perClient, ailing, ailing} {
		if n := h.begun(); n != want {
			t.Errorf("round %d: %d attempts, want %d", i, n, want)
		}
	}
	code = 200
	for i, want := range []int{ailing, perClient} {
		if n := h.begun(); n != want {
			t.Errorf("round %d after it is well: %d attempts, want %d", i, n, want)
		}
	}
}

// Where there is no room for all clients at once, each has its turn.
func TestEveryClientHasItsTurn(t *testing.T) {
	const clients = atOnce/perClient + 10
	h := newHouse(t)
	h.open(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
	})})
	for c := range clients {
		h.at(fmt.Sprintf("bank%02d", c), "https://bank.example/")
	}
	h.many(clients, 3*perClient)
	for range 2 {
		if n := h.begun(); n != atOnce {
			t.Fatalf("%d attempts at once, want %d", n, atOnce)
		}
	}
	for c := range clients {
		list, err := h.List(t.Context(), fmt.Sprintf("bank%02d", c), false)
		if err != nil || !slices.ContainsFunc(list, func(d Delivery) bool { return d.State == Taken }) {
			t.Errorf("client %d had no turn, %v", c, err)
		}
	}
}

// What was queued is delivered after a restart; what was taken without our
// knowing is delivered again under the same id.
func TestACrashLosesNothing(t *testing.T) {
	h, c := newHouse(t), newClient(t, nil)
	h.at("bank", c.URL)
	h.queue("bank", "g", "event1")
	h.queue("bank", "g", "event2")
	if err := h.DB.Close(); err != nil { // before any delivery
		t.Fatal(err)
	}
	h.reopen()
	good := h.DB
	h.DB = failing{good} // after the delivery, before it is written down
	if _, err := h.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.going.Wait()
	wantOrder(t, c, "event1")
	h.DB = good
	h.open(h.HTTP)
	h.deliver()
	wantOrder(t, c, "event1", "event1", "event2")
}

type failing struct{ kv.DB }

func (failing) Update(context.Context, func(kv.Tx) error) error { return errors.New("planted") }

// An attempt that the end of the process cuts short counts for nothing.
func TestAnAttemptCutShortCountsForNothing(t *testing.T) {
	h := newHouse(t)
	reached := make(chan struct{})
	c := newClient(t, func(_ http.ResponseWriter, r *http.Request) { close(reached); <-r.Context().Done() })
	h.at("bank", c.URL)
	h.queue("bank", "g", "event1")
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := h.begin(ctx); err != nil {
		t.Fatal(err)
	}
	<-reached
	if n, err := h.begin(ctx); n != 0 || err != nil {
		t.Errorf("an event under way is attempted again: %d, %v", n, err)
	}
	cancel()
	h.going.Wait()
	if d := h.state("bank", "event1"); d.State != Waiting || d.Tries != 0 || !d.Next.Equal(start) {
		t.Errorf("kept as %+v", d)
	}
}

// Run finds within a second what was queued without its knowing, and what is
// due again; an idle outbox makes nobody work.
func TestRunFindsWhatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		var times []time.Duration
		begin := time.Now()
		h.open(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			times = append(times, time.Since(begin))
			code := 500
			if len(times) == 4 {
				code = 204
			}
			return &http.Response{StatusCode: code, Body: http.NoBody, Request: r}, nil
		})})
		h.Now = time.Now
		h.at("bank", "https://bank.example/")
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { h.Run(ctx) })
		time.Sleep(10*time.Minute + 500*time.Millisecond)
		if len(times) > 0 {
			t.Errorf("attempts without an event: %v", times)
		}
		h.set(time.Now())
		h.queue("bank", "g", "event1")
		time.Sleep(10 * time.Minute)
		stop()
		running.Wait()
		queued := 10*time.Minute + 500*time.Millisecond
		want := []time.Duration{queued, queued + 5*time.Second, queued + 35*time.Second, queued + 155*time.Second}
		if len(times) != len(want) {
			t.Fatalf("attempts at %v, want %v", times, want)
		}
		for i := range want {
			if late := times[i] - want[i]; late < 0 || late > time.Duration(i+1)*look {
				t.Errorf("attempt %d at %v, want %v or up to a second later each", i+1, times[i], want[i])
			}
		}
		h.set(time.Now())
	})
}

// Run waits for what is under way, but not for ever.
func TestRunEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.open(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			select {
			case <-r.Context().Done():
				return nil, r.Context().Err()
			case <-time.After(map[string]time.Duration{"quick": 2 * time.Second, "stuck": time.Hour}[r.Header.Get("webhook-id")]):
				return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
			}
		})})
		h.at("bank", "https://bank.example/")
		h.queue("bank", "a", "quick")
		h.queue("bank", "b", "stuck")
		ctx, stop := context.WithCancel(t.Context())
		begin := time.Now()
		time.AfterFunc(time.Second, stop)
		h.Run(ctx)
		if took := time.Since(begin); took != time.Second+farewell {
			t.Errorf("Run ended after %v, want %v after its context", took, farewell)
		}
		if d := h.state("bank", "quick"); d.State != Taken {
			t.Errorf("what ended in time: %+v", d)
		}
		if d := h.state("bank", "stuck"); d.State != Waiting || d.Tries != 0 {
			t.Errorf("what was cut short: %+v", d)
		}
	})
}

func TestConcurrentQueues(t *testing.T) {
	h, c := newHouse(t), newClient(t, nil)
	h.at("bank", c.URL)
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() { h.queue("bank", "g", fmt.Sprintf("event%02d", i)) })
	}
	all.Wait()
	var line []string
	if err := h.DB.View(t.Context(), func(tx kv.Tx) error {
		list, err := refs(tx, kv.Prefix(room, "line", "bank", "g"), 1000)
		line = nil
		for i, f := range list {
			line = append(line, f.ID)
			if f.Place != int64(i) {
				t.Errorf("place %d is %d", i, f.Place)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	h.deliver()
	if len(line) != 64 {
		t.Fatalf("%d in line", len(line))
	}
	wantOrder(t, c, line...)
}

func TestQueueRefuses(t *testing.T) {
	h := newHouse(t)
	whole := Event{ID: "event1", At: start, Client: "bank", Type: GrantUsed, Grant: "g"}
	for why, change := range map[string]func(*Event){
		"no id":           func(e *Event) { e.ID = "" },
		"a dot in the id": func(e *Event) { e.ID = "a.b" },
		"no time":         func(e *Event) { e.At = time.Time{} },
		"no client":       func(e *Event) { e.Client = "" },
		"no type":         func(e *Event) { e.Type = "" },
		"no grant":        func(e *Event) { e.Grant = "" },
		"the same twice":  func(*Event) {},
	} {
		e := whole
		change(&e)
		err := h.DB.Update(t.Context(), func(tx kv.Tx) error {
			if e == whole {
				if err := Queue(tx, whole); err != nil {
					return err
				}
			}
			return Queue(tx, e)
		})
		if !errors.Is(err, errEvent) {
			t.Errorf("%s: %v", why, err)
		}
	}
	// A deed that fails takes its event with it.
	if list, err := h.List(t.Context(), "", false); err != nil || len(list) != 0 {
		t.Errorf("kept: %v, %v", list, err)
	}
}

func TestMetrics(t *testing.T) {
	h := newHouse(t)
	code := 500
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	registry := prometheus.NewRegistry()
	config := h.Config
	config.Metrics = registry
	o, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	h.Outbox = o
	h.at("bank", c.URL)
	h.queue("bank", "g", "event1")
	h.pass(time.Minute)
	read := func() string {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, f := range families {
			for _, m := range f.Metric {
				fmt.Fprintf(&b, "%s%v %v\n", f.GetName(), m.GetLabel(), m.GetCounter().GetValue()+m.GetGauge().GetValue())
			}
		}
		return b.String()
	}
	if got := read(); !strings.Contains(got, "jali_webhook_oldest_seconds[] 60") {
		t.Errorf("metrics: %s", got)
	}
	h.deliver()
	code = 200
	h.pass(time.Minute)
	h.deliver()
	for _, want := range []string{"jali_webhook_oldest_seconds[] 0", `value:"failed"`, `value:"taken"`} {
		if got := read(); !strings.Contains(got, want) {
			t.Errorf("metrics lack %q: %s", want, got)
		}
	}
	if got := read(); strings.Contains(got, "bank") {
		t.Errorf("metrics name the client: %s", got)
	}
}
