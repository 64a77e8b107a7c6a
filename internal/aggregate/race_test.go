package aggregate_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/fault"
)

// Of those who open a view while the person takes the grant back, in each of
// 200 races, one or none gets it, and a use that the no overtook is
// counted and opens nothing. Once the no is answered nobody opens one any more,
// and what was opened is not read again.
func TestAViewMeetsARevocation(t *testing.T) {
	h := newHouse(t)
	steps := make(chan struct{}, 1000) // of those who open, for the no to come between any two
	step := func() {
		select {
		case steps <- struct{}{}:
		default:
		}
	}
	source := wallet("alipay").with(1)
	source.asked = step
	h.add(source)
	p := h.person("li")
	h.link(p, "alipay")
	total := 0
	for race := range 200 {
		for len(steps) > 0 {
			<-steps
		}
		g := h.grant(p, "bank", h.everything(once))
		var revoked atomic.Bool
		var views sync.Map
		var all sync.WaitGroup
		start, won := make(chan struct{}), make(chan struct{}, 1)
		for i := range 4 {
			all.Go(func() {
				<-start
				for after, n := false, 0; !after; n++ {
					after = revoked.Load() // before it asks
					step()
					v, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: g, Key: fmt.Sprintf("key-%08d%08d", i, n)})
					switch code := fault.Of(err).Code; {
					case err == nil && !after:
						views.Store(v.ID, true)
						won <- struct{}{}
					case err == nil || code != "grant_revoked" && (after || code != "grant_spent"):
						t.Errorf("race %d, after the no: %v: %v", race, after, err)
					}
				}
			})
		}
		all.Go(func() {
			<-start
			if race%4 == 3 {
				<-won
			} else {
				for range race % 7 {
					<-steps
				}
			}
			if _, err := h.consent.Revoke(t.Context(), p, g); err != nil {
				t.Errorf("race %d: %v", race, err)
			}
			revoked.Store(true)
		})
		close(start)
		all.Wait()
		opened := 0
		views.Range(func(id, _ any) bool {
			opened++
			if _, err := h.Get(t.Context(), "bank", g, id.(string)); !errors.Is(err, consent.ErrRevoked) {
				t.Errorf("race %d: the view is read after the no: %v", race, err)
			}
			return true
		})
		if now, err := h.consent.Load(t.Context(), "bank", g); err != nil || opened > now.Uses || now.Uses > 1 || now.State != consent.Revoked {
			t.Fatalf("race %d: %d were opened, and it is %s with %d uses, %v", race, opened, now.State, now.Uses, err)
		}
		total += opened
	}
	if total < 50 {
		t.Errorf("%d views were opened in all; this races with nothing", total)
	}
}
