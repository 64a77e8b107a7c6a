package consent

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jali/internal/fault"
)

// TestAnyLife walks grants through random lives beside a model of what a grant
// is: a place in a line of states, an end and a number of uses.
func TestAnyLife(t *testing.T) {
	h := build(t)
	key := 0
	rapid.Check(t, func(rt *rapid.T) {
		h.clock.set(noon)
		limit := rapid.IntRange(1, 3).Draw(rt, "limit")
		asked := once()
		asked.Uses = Uses{Limit: limit}
		id := h.push(asked)

		state, left, keys := Pushed, limit, []string(nil)
		var pending *Agreement
		now := func() time.Duration { return h.clock.now().Sub(noon) }
		lapsed := func() bool { return now() >= 10*time.Minute }
		over := func() bool { return now() >= time.Hour }
		check := func(what string, err error, want *fault.Error) {
			rt.Helper()
			if want == nil && err != nil || want != nil && !errors.Is(err, want) {
				rt.Fatalf("%s in %s at +%v: %v, want %v", what, state, now(), err, want)
			}
		}
		// deciding is what a decision answers in this state.
		deciding := func() *fault.Error {
			switch {
			case state == Pushed:
				return ErrNoGrant
			case state != Shown:
				return ErrDecided
			case lapsed():
				return ErrLapsed
			}
			return nil
		}
		using := func() *fault.Error {
			switch {
			case state == Pushed || state == Shown || state == Refused:
				return ErrNoGrant
			case state == Revoked:
				return ErrRevoked
			case over():
				return ErrExpired
			}
			return nil
		}
		rt.Repeat(map[string]func(*rapid.T){
			"show": func(*rapid.T) {
				want := deciding()
				if state == Pushed {
					want = nil
					if lapsed() {
						want = ErrLapsed
					}
				}
				_, err := h.Show(ctx, ann, id)
				check("Show", err, want)
				if err == nil {
					state = Shown
				}
			},
			"prepare": func(*rapid.T) {
				a, err := h.Prepare(ctx, ann, id, Choice{Accounts: wallet}, wallet)
				check("Prepare", err, deciding())
				if err == nil {
					pending = &a
				}
			},
			"give": func(*rapid.T) {
				want, answer := deciding(), []byte(nil)
				if pending != nil {
					answer = sign("ann", pending.Challenge)
				}
				if want == nil && (pending == nil || !h.clock.now().Before(pending.Until)) {
					want = ErrNoAgreement
				}
				_, _, err := h.Give(ctx, ann, id, answer)
				check("Give", err, want)
				if err == nil {
					state = Given
				}
			},
			"refuse": func(*rapid.T) {
				_, _, err := h.Refuse(ctx, ann, id)
				check("Refuse", err, deciding())
				if err == nil {
					state = Refused
				}
			},
			"spend": func(*rapid.T) {
				want := using()
				if want == nil && left == 0 {
					want = ErrSpent
				}
				key++
				k := fmt.Sprint("k", key)
				_, err := h.Spend(ctx, bank, id, k, nil)
				check("Spend", err, want)
				if err == nil {
					left--
					keys = append(keys, k)
					if left == 0 {
						state = Exhausted
					}
				}
			},
			"repeat": func(rt *rapid.T) {
				if len(keys) == 0 {
					rt.Skip("no key yet")
				}
				u, err := h.Spend(ctx, bank, id, rapid.SampledFrom(keys).Draw(rt, "key"), nil)
				check("a repeat", err, using())
				if err == nil && (!u.Repeat || u.Left != left) {
					rt.Fatalf("a repeat: %+v, want %d left", u, left)
				}
			},
			"revoke": func(*rapid.T) {
				var want *fault.Error
				if state == Pushed || state == Shown || state == Refused {
					want = ErrNoGrant
				}
				_, err := h.Revoke(ctx, ann, id)
				check("Revoke", err, want)
				if err == nil && (state == Exhausted || state == Given && !over()) {
					state = Revoked
				}
			},
			"sweep": func(*rapid.T) {
				_, err := h.Sweep(ctx)
				check("Sweep", err, nil)
			},
			"time goes by": func(rt *rapid.T) {
				h.clock.add(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 9*time.Minute + 59*time.Second, 50 * time.Minute}).Draw(rt, "by"))
			},
			"": func(*rapid.T) {
				_, err := h.Live(ctx, bank, id)
				check("Live", err, using())
				g, err := h.Load(ctx, bank, id)
				if using() == nil && (err != nil || g.Uses != limit-left || g.State != state) {
					rt.Fatalf("Load = %s with %d uses, %v; want %s with %d", g.State, g.Uses, err, state, limit-left)
				}
			},
		})
	})
}
