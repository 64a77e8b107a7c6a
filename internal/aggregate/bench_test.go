package aggregate_test

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/secret"
)

// BenchmarkOpen opens views over sources that take 50 ms for each call, 50 at
// once, and makes the same calls by a plain errgroup beside it. The metric is
// the plain calls' time over the view's: 1 is a view that costs nothing but
// its sources.
func BenchmarkOpen(b *testing.B) {
	for _, sources := range []int{4, 10} {
		b.Run(fmt.Sprintf("%dsources", sources), func(b *testing.B) {
			h := newHouse(b)
			p := h.person("li")
			for i := range sources {
				f := wallet(fmt.Sprintf("source%d", i)).with(20)
				f.slow = 50 * time.Millisecond
				h.add(f)
				h.link(p, f.source.ID)
			}
			terms := h.everything(once)
			grants := make([]consent.GrantID, 50)
			run := func(each func(int) error) time.Duration {
				start := time.Now()
				var all errgroup.Group
				for i := range grants {
					all.Go(func() error { return each(i) })
				}
				if err := all.Wait(); err != nil {
					b.Fatal(err)
				}
				return time.Since(start)
			}
			plain := func(int) error {
				var calls errgroup.Group
				for _, c := range h.reg.All() {
					f := c.(*fake)
					r := f.accounts[0].Ref
					calls.Go(func() error {
						_, err := f.Balances(b.Context(), secret.Of("c"), []connectors.AccountRef{r})
						return err
					})
					calls.Go(func() error {
						_, err := f.Bills(b.Context(), secret.Of("c"), r, time.Time{}, time.Now().AddDate(9, 0, 0), "")
						return err
					})
				}
				return calls.Wait()
			}
			open := func(i int) error {
				_, err := h.Open(b.Context(), aggregate.OpenRequest{Client: "bank", Grant: grants[i], Key: "key-0000000000000001"})
				return err
			}
			var views, calls time.Duration
			for b.Loop() {
				b.StopTimer()
				for i := range grants {
					grants[i] = h.grant(p, "bank", terms)
				}
				b.StartTimer()
				views += run(open)
				calls += run(plain)
			}
			b.ReportMetric(float64(views.Microseconds())/float64(b.N)/1000, "view-ms")
			b.ReportMetric(float64(calls.Microseconds())/float64(b.N)/1000, "plain-ms")
			b.ReportMetric(float64(calls)/float64(views), "plain/view")
		})
	}
}
