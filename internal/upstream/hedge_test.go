package upstream

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"jali/connectors"
)

var hedging = connectors.Source{ID: "bank", Hedge: true}

// steady lets a source answer 20 calls in 50 ms each, so that its pace is known.
func steady(t *testing.T, p *Pool, s connectors.Source) {
	t.Helper()
	for range 20 {
		if _, err := Read(t.Context(), p, s, "p", func(context.Context) (int, error) { time.Sleep(50 * time.Millisecond); return 0, nil }); err != nil {
			t.Fatal(err)
		}
	}
}

// acts answers its calls one by one, each after a time of its own.
func acts(each ...func(context.Context) (int, error)) *source {
	s := &source{}
	s.f = func(ctx context.Context) (int, error) { return each[s.asked.Load()-1](ctx) }
	return s
}

func after(d time.Duration, v int, err error) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		select {
		case <-time.After(d):
			return v, err
		case <-ctx.Done():
			return 0, connectors.ErrDown.Because(ctx.Err())
		}
	}
}

func TestHedge(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		why    string
		source connectors.Source
		s      *source
		v      int
		err    error
		took   time.Duration
		calls  int64
	}{
		{"the first is quick", hedging, acts(after(50*ms, 1, nil)), 1, nil, 50 * ms, 1},
		{"the first hangs", hedging, acts(after(time.Hour, 1, nil), after(50*ms, 2, nil)), 2, nil, 110 * ms, 2},
		{"the first is slow, the second slower", hedging, acts(after(80*ms, 1, nil), after(50*ms, 2, nil)), 1, nil, 80 * ms, 2},
		{"the second fails, the first comes", hedging, acts(after(300*ms, 1, nil), after(10*ms, 0, connectors.ErrDown)), 1, nil, 300 * ms, 2},
		{"the first fails late, the second comes", hedging, acts(after(80*ms, 0, connectors.ErrDown), after(50*ms, 2, nil)), 2, nil, 110 * ms, 2},
		{"the first is refused late", hedging, acts(after(80*ms, 0, connectors.ErrUnauthorized), after(50*ms, 2, nil)), 0, connectors.ErrUnauthorized, 80 * ms, 2},
		{"the source does not allow it", bank, acts(after(time.Second, 1, nil)), 1, nil, time.Second, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &Pool{}
			steady(t, p, tt.source)
			begun := time.Now()
			v, err := Read(t.Context(), p, tt.source, "p", tt.s.call)
			if took := time.Since(begun); v != tt.v || !errors.Is(err, tt.err) || took != tt.took || tt.s.asked.Load() != tt.calls {
				t.Errorf("%s: %d, %v after %v and %d calls; want %d, %v after %v and %d", tt.why, v, err, took, tt.s.asked.Load(), tt.v, tt.err, tt.took, tt.calls)
			}
			synctest.Wait()
			if h := p.Health("bank"); h.Running != 0 {
				t.Errorf("%s: %d calls still run", tt.why, h.Running)
			}
		})
	}
}

// Hedges come out of the budget: a source that has become slow is not asked
// twice for everything.
func TestHedgesAreBudgeted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pool{}
		steady(t, p, hedging)
		s := &source{f: after(2*time.Second, 0, nil)}
		for range 10 { // few enough that the pace is still the old one
			_, _ = Read(t.Context(), p, hedging, "p", s.call)
		}
		if got := s.asked.Load(); got > 10+early/repeat+3 {
			t.Errorf("10 reads, %d calls", got)
		}
		if h := p.Health("bank"); h.Hedges == 0 {
			t.Error("nothing was hedged: this test shows nothing")
		}
	})
}

func TestAWriteIsNotHedged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pool{}
		steady(t, p, hedging)
		s := &source{f: after(time.Second, 0, nil)}
		_, _ = Write(t.Context(), p, hedging, "p", s.call)
		if s.asked.Load() != 1 {
			t.Errorf("%d calls", s.asked.Load())
		}
	})
}
