package consent

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jali/internal/fault"
	"jali/internal/kv"
)

// atOnce runs f on 64 goroutines that start together.
func atOnce(f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range 64 {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

func TestOneOfManySpendingsWins(t *testing.T) {
	h := build(t)
	id, _ := h.given(once())
	var won, spent atomic.Int32
	atOnce(func(i int) {
		switch u, err := h.Spend(ctx, bank, id, fmt.Sprint("key", i), []byte("r")); {
		case err == nil && !u.Repeat && u.Left == 0 && u.Grant.State == Exhausted:
			won.Add(1)
		case errors.Is(err, ErrSpent):
			spent.Add(1)
		default:
			t.Errorf("Spend = %+v, %v", u, err)
		}
	})
	if won.Load() != 1 || spent.Load() != 63 {
		t.Errorf("%d won and %d were told it is spent; want 1 and 63", won.Load(), spent.Load())
	}
	if got, want := h.verbs("ann", id), []string{"grant.given", "grant.shown", "grant.used"}; !slices.Equal(got, want) {
		t.Errorf("timeline %v, want %v", got, want)
	}
	if want := []string{"exhausted false"}; !slices.Equal(*h.told, want) {
		t.Errorf("hooks heard %q, want %q", *h.told, want)
	}
}

func TestOneKeyIsOneUse(t *testing.T) {
	h := build(t)
	id, _ := h.given(once())
	var first, again atomic.Int32
	atOnce(func(int) {
		switch u, err := h.Spend(ctx, bank, id, "key", []byte("r")); {
		case err != nil:
			t.Error(err)
		case u.Repeat:
			again.Add(1)
		default:
			first.Add(1)
		}
	})
	if first.Load() != 1 || again.Load() != 63 {
		t.Errorf("%d first and %d repeats, want 1 and 63", first.Load(), again.Load())
	}
	h.leavesNoTrace(ErrKeyReused, func() error { _, err := h.Spend(ctx, bank, id, "key", []byte("other")); return err })
	g, err := h.Load(ctx, bank, id)
	if err != nil || g.Uses != 1 {
		t.Errorf("uses %d, %v; want 1", g.Uses, err)
	}
}

func TestAFewInAll(t *testing.T) {
	h := build(t)
	asked := once()
	asked.Uses = Uses{Limit: 3}
	id, _ := h.given(asked)
	for i, left := range []int{2, 1, 0} {
		h.clock.add(time.Minute)
		u, err := h.Spend(ctx, bank, id, fmt.Sprint(i), nil)
		if err != nil || u.Left != left {
			t.Errorf("use %d: left %d, %v; want %d", i, u.Left, err, left)
		}
	}
	if _, err := h.Spend(ctx, bank, id, "more", nil); !errors.Is(err, ErrSpent) {
		t.Errorf("a fourth of three: %v", err)
	}
}

// The day that counts is the zone's of the grant.
func TestDailyUsesBeginAnewAtMidnight(t *testing.T) {
	for _, tt := range []struct {
		tz       string
		midnight time.Time
	}{
		{"", time.Date(2026, 11, 19, 0, 0, 0, 0, Shanghai)},
		{"Asia/Shanghai", time.Date(2026, 11, 19, 0, 0, 0, 0, Shanghai)},
		{"America/New_York", time.Date(2026, 11, 19, 5, 0, 0, 0, time.UTC)}, // EST
		{"Pacific/Kiritimati", time.Date(2026, 11, 18, 10, 0, 0, 0, time.UTC)},
	} {
		t.Run(tt.tz, func(t *testing.T) {
			h := build(t)
			id, _ := h.given(daily(2, tt.tz))
			key := 0
			spend := func(at time.Time) (Use, error) {
				h.clock.set(at)
				key++
				return h.Spend(ctx, bank, id, fmt.Sprint(key), nil)
			}
			before := tt.midnight.Add(-time.Second)
			for _, left := range []int{1, 0} {
				if u, err := spend(before); err != nil || u.Left != left {
					t.Fatalf("before midnight: left %d, %v; want %d", u.Left, err, left)
				}
			}
			_, err := spend(before)
			var f *fault.Error
			if !errors.As(err, &f) || !errors.Is(err, ErrSpentToday) || f.RetryAfter != time.Second {
				t.Errorf("a third on one day: %v, retry after %v; want ErrSpentToday after 1s", err, f.RetryAfter)
			}
			for _, left := range []int{1, 0} {
				if u, err := spend(tt.midnight); err != nil || u.Left != left {
					t.Errorf("from midnight: left %d, %v; want %d", u.Left, err, left)
				}
			}
			if _, err := spend(before); !errors.Is(err, ErrSpentToday) {
				t.Errorf("with the clock set back over midnight: %v, want ErrSpentToday", err)
			}
			g, err := h.Load(ctx, bank, id)
			if err != nil || g.State != Given || g.Uses != 4 {
				t.Errorf("a daily grant is %s after %d uses, %v; want given after 4", g.State, g.Uses, err)
			}
		})
	}
}

func TestAClockSetBackCountsOnTheLaterDay(t *testing.T) {
	h := build(t)
	id, _ := h.given(daily(2, ""))
	midnight := time.Date(2026, 11, 19, 0, 0, 0, 0, Shanghai)
	for i, at := range []time.Time{midnight, midnight.Add(-time.Second)} {
		h.clock.set(at)
		if _, err := h.Spend(ctx, bank, id, fmt.Sprint(i), nil); err != nil {
			t.Fatal(err)
		}
	}
	h.clock.set(midnight)
	if _, err := h.Spend(ctx, bank, id, "more", nil); !errors.Is(err, ErrSpentToday) {
		t.Errorf("a third of two: %v", err)
	}
}

func TestAKeyIsRememberedForADayAndForgottenThen(t *testing.T) {
	h := build(t)
	id, _ := h.given(daily(4, ""))
	_, err := h.Spend(ctx, bank, id, "key", nil)
	h.must(err)
	h.clock.add(24*time.Hour + 30*time.Minute)
	_, err = h.Sweep(ctx)
	h.must(err)
	if u, err := h.Spend(ctx, bank, id, "key", nil); err != nil || !u.Repeat || !u.At.Equal(noon) {
		t.Errorf("after a day: %+v, %v; want a repeat", u, err)
	}
	rows := len(h.rows())
	h.clock.add(time.Hour)
	_, err = h.Sweep(ctx)
	h.must(err)
	if now := len(h.rows()); now != rows-2 {
		t.Errorf("%d rows after the sweep, want %d: key and due row gone", now, rows-2)
	}
}

func TestAFailingHookKeepsTheUse(t *testing.T) {
	h := build(t)
	id, _ := h.given(once())
	long, _ := h.given(daily(1, ""))
	boom := errors.New("boom")
	h.Ended = append(h.Ended, func(tx kv.Tx, _ Grant, _ bool) error {
		if err := tx.Put(kv.Key("half"), []byte("stored")); err != nil {
			return err
		}
		return boom
	})
	h.leavesNoTrace(boom, func() error { _, err := h.Spend(ctx, bank, id, "k", nil); return err })
	h.leavesNoTrace(boom, func() error { _, err := h.Revoke(ctx, ann, long); return err })
	h.leavesNoTrace(boom, func() error { return h.revokeByClient(bank, long) })
	h.clock.add(2 * time.Hour)
	h.leavesNoTrace(boom, func() error { _, err := h.Sweep(ctx); return err })
	h.Ended = h.Ended[:1]
	if _, err := h.Sweep(ctx); err != nil {
		t.Errorf("Sweep once the hook works: %v", err)
	}
	if s := h.state(id); s != Expired {
		t.Errorf("then it is %s, want expired", s)
	}
}

func TestSpendWantsAKey(t *testing.T) {
	h := build(t)
	id, _ := h.given(once())
	h.leavesNoTrace(errNoKey, func() error { _, err := h.Spend(ctx, bank, id, "", nil); return err })
}
