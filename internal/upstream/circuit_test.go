package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"jali/connectors"
	"jali/internal/fault"
)

// fail lets n persons ask a source that answers err.
func fail(t *testing.T, p *Pool, n int, err error) {
	t.Helper()
	for i := range n {
		_, got := Write(t.Context(), p, bank, fmt.Sprint("someone", i), says(err).call)
		if !errors.Is(got, err) {
			t.Fatalf("call %d: %v, want %v", i, got, err)
		}
	}
}

func TestACircuitOpensTriesAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := &Pool{Log: slog.New(slog.NewTextHandler(&log, nil))}
		fail(t, p, least-1, connectors.ErrDown)
		if s := says(nil); p.Health("bank").Circuit != Closed {
			t.Fatalf("open after %d calls, %v", least-1, s)
		}
		fail(t, p, 1, connectors.ErrDown)

		s := says(nil)
		begun := time.Now()
		_, err := Read(t.Context(), p, bank, "p", s.call)
		after := fault.Of(err).RetryAfter
		if !errors.Is(err, connectors.ErrDown) || s.asked.Load() != 0 || time.Since(begun) != 0 || after <= 0 || after > rest*11/10 {
			t.Errorf("open: %v (again in %v) after %v and %d calls; want ErrDown at once", err, after, time.Since(begun), s.asked.Load())
		}
		if h := p.Health("bank"); h.Circuit != Open || h.Unasked != 1 || h.Failed != least {
			t.Errorf("open: %+v", h)
		}
		if _, err := Write(t.Context(), p, bank, "p", s.call); !errors.Is(err, connectors.ErrDown) || s.asked.Load() != 0 {
			t.Errorf("a write: %v", err)
		}

		// One call tries, the others are told at once.
		time.Sleep(after)
		hold := make(chan struct{})
		slow := &source{f: func(context.Context) (int, error) { <-hold; return 0, connectors.ErrDown }}
		var trial sync.WaitGroup
		trial.Go(func() { _, _ = Write(t.Context(), p, bank, "p", slow.call) })
		synctest.Wait()
		for range 20 {
			if _, err := Read(t.Context(), p, bank, "q", s.call); !errors.Is(err, connectors.ErrDown) || s.asked.Load() != 0 {
				t.Errorf("beside the trial: %v after %d calls", err, s.asked.Load())
			}
		}
		if h := p.Health("bank"); h.Circuit != HalfOpen || h.Running != 1 {
			t.Errorf("on trial: %+v", h)
		}
		close(hold)
		trial.Wait()
		if h := p.Health("bank"); h.Circuit != Open {
			t.Errorf("the trial failed: %+v", h)
		}

		time.Sleep(rest * 11 / 10)
		if _, err := Read(t.Context(), p, bank, "p", s.call); err != nil || p.Health("bank").Circuit != Closed {
			t.Errorf("the trial went well: %v, %+v", err, p.Health("bank"))
		}
		fail(t, p, least-2, connectors.ErrDown) // what was before is forgotten
		if p.Health("bank").Circuit != Closed {
			t.Error("it opened for what had been")
		}
		if changes := strings.Count(log.String(), "source=bank"); changes != 5 {
			t.Errorf("%d lines in the log, want a line for each change:\n%s", changes, log.String())
		}
	})
}

// What is planted here opens the circuit, and what is beside it does not.
func TestWhatOpensACircuit(t *testing.T) {
	everybody := func(i int) string { return fmt.Sprint(i) }
	oneOnly := func(int) string { return "p" }
	for _, tt := range []struct {
		why  string
		err  error
		who  func(int) string
		good int // calls that go well in between, for each that does not
		open bool
	}{
		{"it is down", connectors.ErrDown, oneOnly, 0, true},
		{"half of the calls fail", connectors.ErrDown, everybody, 1, true},
		{"a third of the calls fail", connectors.ErrDown, everybody, 2, false},
		{"it talks nonsense to everybody", connectors.ErrMalformed, everybody, 0, true},
		{"it signs wrongly for everybody", connectors.ErrUnsigned, everybody, 0, true},
		{"it wants fewer calls of everybody", connectors.ErrBusy, everybody, 0, true},
		{"it talks nonsense to one person", connectors.ErrMalformed, oneOnly, 0, false},
		{"one person's quota is spent", connectors.ErrBusy, oneOnly, 0, false},
		{"it refuses everybody", connectors.ErrRefused, everybody, 0, false},
		{"nobody is linked any more", connectors.ErrUnauthorized, everybody, 0, false},
		{"a fault of ours", errors.New("ours"), everybody, 0, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &Pool{Log: silent()}
			for i := range 60 {
				_, _ = Write(t.Context(), p, bank, tt.who(i), says(tt.err).call)
				for range tt.good {
					_, _ = Write(t.Context(), p, bank, "well", says(nil).call)
				}
				time.Sleep(100 * time.Millisecond)
			}
			if got := p.Health("bank"); (got.Circuit != Closed) != tt.open {
				t.Errorf("%s: %+v, want open %v", tt.why, got, tt.open)
			}
		})
	}
}

func TestSlownessOpensACircuitAndImpatienceDoesNot(t *testing.T) {
	hang := func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, connectors.ErrDown }
	for _, tt := range []struct {
		why   string
		limit func(context.Context) (context.Context, context.CancelFunc)
		open  bool
	}{
		{"nothing comes within the deadline", func(ctx context.Context) (context.Context, context.CancelFunc) { return ctx, func() {} }, true},
		{"half of it was left", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 4*time.Second)
		}, true},
		{"hardly any time was left", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}, false},
		{"the caller goes away", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(3*time.Second, cancel)
			return ctx, cancel
		}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &Pool{Log: silent()}
			var all sync.WaitGroup
			for i := range 20 {
				all.Go(func() {
					ctx, cancel := tt.limit(t.Context())
					defer cancel()
					_, _ = Write(ctx, p, bank, fmt.Sprint(i), hang)
				})
			}
			all.Wait()
			if got := p.Health("bank"); (got.Circuit != Closed) != tt.open {
				t.Errorf("%s: %+v, want open %v", tt.why, got, tt.open)
			}
		})
	}
}

// Whose account is broken decides no trial for the others.
func TestOnePersonsTroubleKeepsNoCircuitOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pool{Log: silent()}
		_, _ = Write(t.Context(), p, bank, "p", says(connectors.ErrMalformed).call)
		fail(t, p, least, connectors.ErrDown)
		time.Sleep(rest * 11 / 10)
		_, _ = Write(t.Context(), p, bank, "p", says(connectors.ErrMalformed).call)
		if got := p.Health("bank"); got.Circuit != Closed {
			t.Errorf("after a trial with whom it always fails: %+v", got)
		}
	})
}

// Answers that were asked for before the circuit opened come late, amid the trial.
func TestLatecomersDecideNoTrial(t *testing.T) {
	for _, late := range []error{nil, connectors.ErrDown} {
		synctest.Test(t, func(t *testing.T) {
			p := &Pool{Log: silent(), Deadline: time.Minute}
			hold, trial := make(chan struct{}), make(chan struct{})
			var all sync.WaitGroup
			for i := range 5 {
				all.Go(func() {
					_, _ = Write(t.Context(), p, bank, fmt.Sprint(i), func(context.Context) (int, error) { <-hold; return 0, late })
				})
			}
			synctest.Wait()
			fail(t, p, least, connectors.ErrDown)
			time.Sleep(rest * 11 / 10)
			var one sync.WaitGroup
			one.Go(func() {
				_, _ = Write(t.Context(), p, bank, "p", func(context.Context) (int, error) { <-trial; return 0, nil })
			})
			synctest.Wait()
			close(hold)
			all.Wait()
			if got := p.Health("bank").Circuit; got != HalfOpen {
				t.Errorf("late %v: %s amid the trial", late, got)
			}
			if _, err := Write(t.Context(), p, bank, "q", says(nil).call); !errors.Is(err, connectors.ErrDown) {
				t.Errorf("late %v: a second call was let through beside the trial: %v", late, err)
			}
			close(trial)
			one.Wait()
			if got := p.Health("bank").Circuit; got != Closed {
				t.Errorf("late %v: %s after it", late, got)
			}
		})
	}
}

// A view asks a source for more than one thing: what is asked beside its own
// trial is as good as that ends, and not refused after an outage that is over.
func TestAPersonsCallsWaitForTheirTrial(t *testing.T) {
	for _, ends := range []error{nil, connectors.ErrDown} {
		synctest.Test(t, func(t *testing.T) {
			p := &Pool{Log: silent()}
			fail(t, p, least, connectors.ErrDown)
			time.Sleep(rest * 11 / 10)
			s := says(nil)
			var all sync.WaitGroup
			all.Go(func() {
				_, _ = Write(t.Context(), p, bank, "p", func(context.Context) (int, error) { time.Sleep(2 * time.Second); return 0, ends })
			})
			synctest.Wait()
			begun := time.Now()
			for range 5 {
				all.Go(func() {
					if _, err := Read(t.Context(), p, bank, "p", s.call); !errors.Is(err, ends) || time.Since(begun) != 2*time.Second {
						t.Errorf("a trial that ends in %v: their call in %v after %v", ends, err, time.Since(begun))
					}
				})
			}
			all.Go(func() {
				if _, err := Read(t.Context(), p, bank, "q", s.call); !errors.Is(err, connectors.ErrDown) || time.Since(begun) != 0 {
					t.Errorf("somebody else's: %v after %v", err, time.Since(begun))
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			all.Go(func() {
				if _, err := Read(ctx, p, bank, "p", s.call); !errors.Is(err, connectors.ErrDown) || time.Since(begun) != time.Second {
					t.Errorf("one whose time is over: %v after %v", err, time.Since(begun))
				}
			})
			all.Wait()
			if want := map[error]int64{nil: 5}[ends]; s.asked.Load() != want {
				t.Errorf("a trial that ends in %v: %d calls beside it, want %d", ends, s.asked.Load(), want)
			}
		})
	}
}

// A trial that took nearly all the time leaves too little for a call that may
// be good for once only.
func TestNothingIsSentShortlyBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pool{Log: silent(), Deadline: 8 * time.Second}
		fail(t, p, least, connectors.ErrDown)
		time.Sleep(rest * 11 / 10)
		var all sync.WaitGroup
		all.Go(func() {
			_, _ = Write(t.Context(), p, bank, "p", func(context.Context) (int, error) { time.Sleep(7 * time.Second); return 0, nil })
		})
		synctest.Wait()
		s := says(nil)
		if _, err := Write(t.Context(), p, bank, "p", s.call); !errors.Is(err, connectors.ErrDown) || !Unsent(err) || s.asked.Load() != 0 {
			t.Errorf("a second before the end: %v after %d calls", err, s.asked.Load())
		}
		all.Wait()
	})
}

// A trial whose caller goes away ends as one that failed, and not never.
func TestATrialThatIsCalledOffEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pool{Log: silent()}
		fail(t, p, least, connectors.ErrDown)
		time.Sleep(rest * 11 / 10)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, _ = Read(ctx, p, bank, "p", func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, connectors.ErrDown })
		time.Sleep(rest * 11 / 10)
		if _, err := Read(t.Context(), p, bank, "q", says(nil).call); err != nil {
			t.Errorf("the next: %v", err)
		}
	})
}

// One source's circuit is nobody else's.
func TestCircuitsAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pool{Log: silent()}
		fail(t, p, least, connectors.ErrDown)
		if _, err := Read(t.Context(), p, connectors.Source{ID: "other"}, "p", says(nil).call); err != nil {
			t.Error(err)
		}
	})
}
