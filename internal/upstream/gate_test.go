package upstream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"jali/connectors"
	"jali/internal/fault"
)

// crowd asks a source n times for each person at once and answers at what
// times, since the beginning, its calls began, and how many ran at once.
func crowd(t *testing.T, p *Pool, s connectors.Source, takes time.Duration, persons ...int) (at [][]time.Duration, most int, errs []error) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	at = make([][]time.Duration, len(persons))
	begun, running := time.Now(), 0
	for i, n := range persons {
		for range n {
			all.Go(func() {
				_, err := Write(t.Context(), p, s, fmt.Sprint("person", i), func(context.Context) (int, error) {
					mu.Lock()
					at[i] = append(at[i], time.Since(begun))
					running++
					most = max(most, running)
					mu.Unlock()
					time.Sleep(takes)
					mu.Lock()
					running--
					mu.Unlock()
					return 0, nil
				})
				if err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			})
		}
		synctest.Wait() // in this order
	}
	all.Wait()
	return at, most, errs
}

func TestTheGateBoundsCallsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, most, errs := crowd(t, &Pool{}, connectors.Source{ID: "s", Total: 8}, 100*time.Millisecond, 40, 40)
		if most != 8 || errs != nil {
			t.Errorf("%d at once, %v; want 8", most, errs)
		}
	})
}

// Who comes second does not wait for all that the first has brought.
func TestPersonsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, _, errs := crowd(t, &Pool{}, connectors.Source{ID: "s", Total: 4}, 100*time.Millisecond, 100, 3, 1)
		if errs != nil {
			t.Fatal(errs)
		}
		if last := at[1][2]; last > 300*time.Millisecond {
			t.Errorf("the second's last call began after %v, behind the first's", last)
		}
		if last := at[2][0]; last > 200*time.Millisecond {
			t.Errorf("the third's only call began after %v", last)
		}
	})
}

func TestNobodyHoldsAllPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, most, _ := crowd(t, &Pool{}, connectors.Source{ID: "s", Total: 20}, time.Second, 30, 1)
		if most != 11 || at[1][0] != 0 {
			t.Errorf("%d at once, the other person after %v", most, at[1][0])
		}
	})
}

func TestWhoWaitsTooLongIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		_, most, errs := crowd(t, &Pool{}, connectors.Source{ID: "s", Total: 1}, 4*time.Second, 1, 1)
		if most != 1 || len(errs) != 1 || !errors.Is(errs[0], connectors.ErrBusy) || fault.Of(errs[0]).RetryAfter <= 0 {
			t.Errorf("%d at once, %v; want ErrBusy for one", most, errs)
		}
		if time.Since(begun) > 4*time.Second {
			t.Errorf("it took %v", time.Since(begun))
		}
	})
}

// A place is not lost whose taker goes away just then, and none is made.
func TestPlacesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(connectors.Source{Total: 3})
		var all sync.WaitGroup
		for i := range 300 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%7)*time.Millisecond)
				defer cancel()
				who := fmt.Sprint(i % 5)
				if g.enter(ctx, who, time.Duration(i%11)*time.Millisecond) == nil {
					time.Sleep(time.Duration(i%3) * time.Millisecond)
					g.leave(who)
				}
			})
		}
		all.Wait()
		if running, waiting := g.waiting(); running != 0 || waiting != 0 || len(g.running) != 0 || len(g.queue) != 0 {
			t.Errorf("%d run, %d wait, %v, %v", running, waiting, g.running, g.queue)
		}
	})
}

func TestTheGateBoundsCallsASecond(t *testing.T) {
	for _, tt := range []struct {
		rate  float64
		most  int
		every time.Duration
		least int // of 20 seconds: what the source bears is used
	}{
		{0.5, 1, 2 * time.Second, 10},
		{1, 1, time.Second, 20},
		{2.5, 2, 800 * time.Millisecond, 49},
		{10, 10, time.Second, 199},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &Pool{Deadline: time.Minute}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var mu sync.Mutex
			var at []time.Time
			var all sync.WaitGroup
			for i := range 6 {
				all.Go(func() {
					for ctx.Err() == nil {
						_, _ = Write(ctx, p, connectors.Source{ID: "s", PerSecond: tt.rate}, fmt.Sprint(i), func(context.Context) (int, error) {
							mu.Lock()
							defer mu.Unlock()
							at = append(at, time.Now())
							return 0, nil
						})
					}
				})
			}
			all.Wait()
			synctest.Wait()
			for i := tt.most; i < len(at); i++ {
				if d := at[i].Sub(at[i-tt.most]); d < tt.every {
					t.Fatalf("%v a second: %d calls within %v", tt.rate, tt.most+1, d)
				}
			}
			if len(at) < tt.least {
				t.Errorf("%v a second: %d calls in 20 s", tt.rate, len(at))
			}
		})
	}
}

// The first calls of a view are not spread where the source bears them at once.
func TestABurstWithinTheRateDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, _, _ := crowd(t, &Pool{}, connectors.Source{ID: "s", PerSecond: 10}, 0, 10)
		if last := at[0][9]; last != 0 {
			t.Errorf("the tenth of ten a second began after %v", last)
		}
	})
}

func TestTheGateBoundsCallsADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// 23:59 in Shanghai is 15:59 UTC.
		time.Sleep(time.Until(time.Date(2026, 11, 21, 15, 59, 0, 0, time.UTC)))
		p := &Pool{}
		s := connectors.Source{ID: "s", PerDay: 5}
		_, _, errs := crowd(t, p, s, 0, 4, 4)
		if len(errs) != 3 || !errors.Is(errs[0], connectors.ErrBusy) || fault.Of(errs[0]).RetryAfter != time.Minute {
			t.Errorf("%d of 8 refused: %v; want 3, until midnight", len(errs), errs)
		}
		time.Sleep(time.Minute)
		if _, _, errs = crowd(t, p, s, 0, 6); len(errs) != 1 || fault.Of(errs[0]).RetryAfter != 24*time.Hour {
			t.Errorf("the next day: %v", errs)
		}
	})
}

// Repeats are calls like others. Where there is none left for them, the source
// has had its word.
func TestRepeatsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pool{}
		s := says(connectors.ErrDown)
		_, err := Read(t.Context(), p, connectors.Source{ID: "s", PerDay: 2}, "p", s.call)
		if s.asked.Load() != 2 || !errors.Is(err, connectors.ErrDown) || Unsent(err) {
			t.Errorf("%v after %d calls, want ErrDown after two", err, s.asked.Load())
		}
		if _, err = Read(t.Context(), p, connectors.Source{ID: "s", PerDay: 2}, "p", s.call); s.asked.Load() != 2 || !Unsent(err) {
			t.Errorf("%v after %d calls", err, s.asked.Load())
		}
	})
}

// Two processes share a day, and what is not sent is not spent.
func TestADayIsSharedInBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left, asked := 1000, 0
		allot := func(_ context.Context, source, day string, limit, n int) (int, error) {
			if source != "s" || day != "2000-01-01" || limit != 1000 || n != 10 {
				t.Errorf("allot %q %q %d %d", source, day, limit, n)
			}
			asked++
			n = min(n, left)
			left -= n
			return n, nil
		}
		one, other := &Pool{Allot: allot, Log: silent()}, &Pool{Allot: allot}
		s := connectors.Source{ID: "s", PerDay: 1000, Total: 1}
		made := 0
		for i := range 1200 {
			if _, err := Write(t.Context(), []*Pool{one, other}[i%3/2], s, "p", says(nil).call); err == nil {
				made++
			} else if !errors.Is(err, connectors.ErrBusy) || !Unsent(err) {
				t.Fatal(err)
			}
		}
		if made != 1000 {
			t.Errorf("%d calls were made of 1000, %d blocks", made, asked)
		}
		failure := errors.New("the database is away")
		_, err := Write(t.Context(), &Pool{Allot: func(context.Context, string, string, int, int) (int, error) { return 0, failure }}, s, "p", says(nil).call)
		if err != failure {
			t.Errorf("%v, want what Allot said", err)
		}
		p := &Pool{}
		two := connectors.Source{ID: "s", PerDay: 2, Total: 1}
		if _, _, errs := crowd(t, p, two, 4*time.Second, 1, 1); len(errs) != 1 || !Unsent(errs[0]) {
			t.Fatal(errs)
		}
		if _, err := Write(t.Context(), p, two, "p", says(nil).call); err != nil {
			t.Errorf("the call that was not made is spent: %v", err)
		}
	})
}
