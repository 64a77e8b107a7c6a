package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"jali/connectors"
	"jali/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bank = connectors.Source{ID: "bank"}

// source answers what the test says, and counts how often it is asked.
type source struct {
	asked atomic.Int64
	f     func(context.Context) (int, error)
}

func (s *source) call(ctx context.Context) (int, error) {
	s.asked.Add(1)
	return s.f(ctx)
}

func says(err error) *source {
	return &source{f: func(context.Context) (int, error) { return 7, err }}
}

func TestWhatAConnectorAnswersComesBack(t *testing.T) {
	p := &Pool{}
	for _, tt := range []struct {
		why   string
		err   error
		reads int64 // how often a read asks
	}{
		{"an answer", nil, 1},
		{"a refusal", connectors.ErrRefused, 1},
		{"a link that has ended", connectors.ErrUnauthorized, 1},
		{"nonsense", connectors.ErrMalformed, 1},
		{"an answer that nobody signed", connectors.ErrUnsigned, 1},
		{"a mark that is forgotten", connectors.ErrMark, 1},
		{"too often, it does not say for how long", connectors.ErrBusy, 1},
		{"too often for a minute", connectors.ErrBusy.After(time.Minute), 1},
		{"too often for a moment", connectors.ErrBusy.After(time.Second), 3},
		{"down", connectors.ErrDown, 3},
		{"down for an hour", connectors.ErrDown.After(time.Hour), 1},
		{"a fault of ours", errors.New("ours"), 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := says(tt.err)
			one := connectors.Source{ID: strings.ReplaceAll(tt.why, " ", "_")}
			v, err := Read(t.Context(), p, one, "p", s.call)
			if v != 7 || err != tt.err || s.asked.Load() != tt.reads {
				t.Errorf("%s: read %d, %v after %d calls; want %v after %d", tt.why, v, err, s.asked.Load(), tt.err, tt.reads)
			}
			s = says(tt.err)
			v, err = Write(t.Context(), p, one, "p", s.call)
			if v != 7 || err != tt.err || s.asked.Load() != 1 {
				t.Errorf("%s: wrote %d, %v after %d calls; want %v after one", tt.why, v, err, s.asked.Load(), tt.err)
			}
		})
	}
}

func TestAPanicIsNonsense(t *testing.T) {
	for why, f := range map[string]func(context.Context) (int, error){
		"where nobody caught it":      func(context.Context) (int, error) { panic("6222000011112222") },
		"where the dialect caught it": func(context.Context) (v int, err error) { defer fault.Caught(&err); panic("6222000011112222") },
	} {
		_, err := Read(t.Context(), &Pool{}, bank, "p", f)
		var p *fault.Panic
		if !errors.Is(err, connectors.ErrMalformed) || !errors.As(err, &p) || strings.Contains(err.Error(), "6222") {
			t.Errorf("%s: %v", why, err)
		}
	}
	_, err := Read(t.Context(), &Pool{}, bank, "p", func(context.Context) (int, error) { runtime.Goexit(); return 7, nil })
	if err == nil {
		t.Error("a connector that ends its goroutine answers nothing, and that was taken for an answer")
	}
}

// A connector that does not mind its context holds nobody up, and keeps its
// place until it is back.
func TestNobodyWaitsForADeafConnector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pool{Deadline: 2 * time.Second}
		small := connectors.Source{ID: "small", Total: 1}
		back := make(chan struct{})
		begun := time.Now()
		_, err := Read(t.Context(), p, small, "p", func(context.Context) (int, error) { <-back; return 0, nil })
		if took := time.Since(begun); !errors.Is(err, connectors.ErrDown) || took != 2*time.Second {
			t.Errorf("%v after %v; want ErrDown at the deadline", err, took)
		}
		if _, err := Read(t.Context(), p, small, "q", says(nil).call); !errors.Is(err, connectors.ErrBusy) {
			t.Errorf("its place was given away: %v", err)
		}
		close(back)
		synctest.Wait()
		if _, err := Read(t.Context(), p, small, "q", says(nil).call); err != nil {
			t.Errorf("it is back: %v", err)
		}
	})
}

func TestNothingOutlastsTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pool{Deadline: time.Second}
		s := &source{f: func(ctx context.Context) (int, error) {
			time.Sleep(480 * time.Millisecond)
			return 0, connectors.ErrDown
		}}
		begun := time.Now()
		_, err := Read(t.Context(), p, bank, "p", s.call)
		if took := time.Since(begun); !errors.Is(err, connectors.ErrDown) || took > time.Second {
			t.Errorf("%v after %v", err, took)
		}
		if s.asked.Load() != 2 {
			t.Errorf("%d calls; want two, there is no time for a third", s.asked.Load())
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begun = time.Now()
		_, err = Read(ctx, p, bank, "p", s.call)
		if took := time.Since(begun); !errors.Is(err, connectors.ErrDown) || took != 100*time.Millisecond {
			t.Errorf("under an earlier end: %v after %v", err, took)
		}
		time.Sleep(time.Second) // the last call comes home
	})
}

func TestARetryAfterIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		_, _ = Read(t.Context(), &Pool{}, bank, "p", func(context.Context) (int, error) {
			at = append(at, time.Now())
			return 0, connectors.ErrBusy.After(1500 * time.Millisecond)
		})
		if len(at) != 3 || at[1].Sub(at[0]) < 1500*time.Millisecond || at[2].Sub(at[1]) < 1500*time.Millisecond {
			t.Errorf("asked at %v", at)
		}
	})
}

// A source that counts readings while the person is away is read once.
func TestWhatIsCountedIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pool{}
		four := connectors.Source{ID: "four", Unattended: 4, Hedge: true}
		s := says(connectors.ErrDown)
		_, _ = Read(t.Context(), p, four, "p", s.call)
		if s.asked.Load() != 1 {
			t.Errorf("nobody there: %d calls, want one", s.asked.Load())
		}
		s = says(connectors.ErrDown)
		_, _ = Read(connectors.Present(t.Context(), connectors.Presence{}), p, four, "p", s.call)
		if s.asked.Load() != 3 {
			t.Errorf("the person there: %d calls, want three", s.asked.Load())
		}
	})
}

// A source that fails is asked little more often than people ask, and repeats
// come back with its successes.
func TestRepeatsAreBudgeted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pool{}
		down := atomic.Bool{}
		down.Store(true)
		s := &source{f: func(context.Context) (int, error) {
			if down.Load() {
				return 0, connectors.ErrDown
			}
			return 7, nil
		}}
		ask := func(n int) (asked int64) {
			before := s.asked.Load()
			for i := range n {
				_, _ = Read(t.Context(), p, bank, fmt.Sprint(i), s.call)
				time.Sleep(window) // the circuit is not what is tried here
			}
			return s.asked.Load() - before
		}
		if got := ask(50); got != 50+early/repeat {
			t.Errorf("50 reads of a source that is down: %d calls, want %d", got, 50+early/repeat)
		}
		down.Store(false)
		ask(20)
		down.Store(true)
		if got := ask(50); got != 50+2 {
			t.Errorf("after 20 that went well: %d calls, want 52", got)
		}
		down.Store(false)
		ask(1000)
		down.Store(true)
		if got := ask(50); got != 50+most/repeat {
			t.Errorf("after many that went well: %d calls, want %d", got, 50+most/repeat)
		}
		if h := p.Health(bank.ID); h.Repeats != 3+2+10 {
			t.Errorf("%d repeats are told of", h.Repeats)
		}
	})
}

// Repeats of many who failed together do not come together.
func TestRepeatsAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pool{}
		for range 200 {
			_, _ = Read(t.Context(), p, bank, "p", says(nil).call)
		}
		var mu sync.Mutex
		at := map[time.Time]bool{}
		var all sync.WaitGroup
		for i := range 9 {
			all.Go(func() {
				first := true
				_, _ = Read(t.Context(), p, bank, fmt.Sprint(i), func(context.Context) (int, error) {
					if first {
						first = false
						return 0, connectors.ErrDown
					}
					mu.Lock()
					defer mu.Unlock()
					at[time.Now()] = true
					return 0, nil
				})
			})
		}
		all.Wait()
		if len(at) < 8 {
			t.Errorf("nine repeats at %d moments", len(at))
		}
	})
}

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }
