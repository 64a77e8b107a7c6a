package house

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"jali/consent"
	"jali/internal/kv"
)

// BenchmarkUse compares uses of grants, 64 at once, with and without the mark
// by which a restored copy would be known: times the one with none.
func BenchmarkUse(b *testing.B) {
	const atOnce = 64
	c := newCrowd(b, 0)
	touched, n := c.Consent.Touched, 0
	use := func(marked bool) time.Duration {
		if c.Consent.Touched = nil; marked {
			c.Consent.Touched = touched
		}
		ids := make([]consent.GrantID, atOnce)
		if err := c.db.Update(b.Context(), func(t tx) error {
			for i := range ids {
				ids[i] = consent.GrantID(fmt.Sprint("grant", n+i))
				g := consent.Grant{ID: ids[i], Client: c.apps[0].id, Person: "p", State: consent.Given, DecidedAt: c.clock(),
					Agreed: consent.Terms{Purpose: consent.BalanceOverview, Datatypes: []consent.Datatype{consent.Balances},
						Uses: consent.Uses{Limit: 4, Per: "day"}, Until: c.clock().Add(time.Hour)}}
				if err := kv.Store(t, kv.Key("consent", "grant", g.ID), g); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
		n += atOnce
		from := time.Now()
		var all sync.WaitGroup
		for _, id := range ids {
			all.Go(func() {
				if _, err := c.Consent.Spend(b.Context(), c.apps[0].id, id, "k", nil); err != nil {
					b.Error(err)
				}
			})
		}
		all.Wait()
		return time.Since(from)
	}
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Guard.Run(ctx) })
	defer running.Wait()
	defer stop()
	var plain, marked time.Duration
	for b.Loop() {
		plain += use(false)
		marked += use(true)
	}
	b.ReportMetric(float64(marked)/float64(plain), "times")
	b.ReportMetric(float64(marked.Microseconds())/float64(b.N*atOnce), "µs/use")
}
