package consent

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// Whoever asks after a no has been answered is told no, however many are
// asking at that moment; and what was asked before it either counted or did not.
func TestNothingOpensAfterTheNo(t *testing.T) {
	many := once()
	many.Uses = Uses{Limit: 4, Per: "day"}
	for _, tt := range []struct {
		why string
		no  func(h house, id GrantID) error
		say error
	}{
		{"revoked", func(h house, id GrantID) error { _, err := h.Revoke(ctx, ann, id); return err }, ErrRevoked},
		{"paused", func(h house, _ GrantID) error { return h.Pause(ctx, ann, bank) }, ErrPaused},
		{"suspended", func(h house, _ GrantID) error { return h.SuspendClient(ctx, bank, true) }, ErrSuspended},
	} {
		t.Run(tt.why, func(t *testing.T) {
			h := build(t)
			id, _ := h.given(many)
			var no atomic.Bool
			var opened, late atomic.Int32
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					for n := 0; ; n++ {
						after := no.Load() // before it asks
						_, spend := h.Spend(ctx, bank, id, fmt.Sprint(i, "-", n), []byte("r"))
						_, live := h.Live(ctx, bank, id)
						for _, err := range []error{spend, live} {
							if after && !errors.Is(err, tt.say) {
								late.Add(1)
								t.Errorf("asked after the no: %v", err)
							}
						}
						if spend == nil {
							opened.Add(1)
						}
						if after {
							return
						}
					}
				})
			}
			if err := tt.no(h, id); err != nil {
				t.Error(err)
			}
			no.Store(true)
			all.Wait()
			g, err := h.Load(ctx, bank, id)
			if err != nil || g.Uses != int(opened.Load()) {
				t.Errorf("%d were let in and %d uses are counted, %v", opened.Load(), g.Uses, err)
			}
		})
	}
}
