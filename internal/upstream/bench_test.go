package upstream

import (
	"context"
	"testing"
	"time"

	"jali/connectors"
)

// The executor's own cost, beside a bare call and beside the goroutine that
// any call with a deadline needs.
func BenchmarkRead(b *testing.B) {
	f := func(context.Context) (int, error) { return 7, nil }
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			_, _ = f(b.Context())
		}
	})
	b.Run("goroutine", func(b *testing.B) {
		for b.Loop() {
			ctx, cancel := context.WithTimeout(b.Context(), time.Second)
			c := make(chan int, 1)
			go func() {
				v, _ := f(ctx)
				c <- v
			}()
			select {
			case <-c:
			case <-ctx.Done():
			}
			cancel()
		}
	})
	for name, s := range map[string]connectors.Source{
		"executor": {ID: "s"}, "hedge": {ID: "s", Hedge: true}, "rate": {ID: "s", PerSecond: 1e7, PerDay: 1e9},
	} {
		b.Run(name, func(b *testing.B) {
			p := &Pool{}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read(b.Context(), p, s, "p", f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("executor, crowded", func(b *testing.B) {
		p := &Pool{}
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, _ = Read(b.Context(), p, connectors.Source{ID: "s"}, "p", f)
			}
		})
	})
}
