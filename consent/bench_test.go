package consent

import (
	"fmt"
	"testing"

	"jali/internal/kv"
)

// BenchmarkLive is what every data request and introspection asks.
func BenchmarkLive(b *testing.B) {
	h := build(b)
	id, _ := h.given(daily(4, ""))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Live(ctx, bank, id); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSpend spends one-shot grants durably, 16 at a time.
func BenchmarkSpend(b *testing.B) {
	h := build(b)
	h.must(h.DB.Update(ctx, func(tx kv.Tx) error {
		for i := range b.N {
			g := Grant{ID: GrantID(fmt.Sprint("g", i)), Client: bank, Person: "ann", State: Given, Agreed: once(), DecidedAt: noon}
			if err := putGrant(tx, g); err != nil {
				return err
			}
		}
		return nil
	}))
	next := make(chan GrantID, b.N)
	for i := range b.N {
		next <- GrantID(fmt.Sprint("g", i))
	}
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := h.Spend(ctx, bank, <-next, "k", nil); err != nil {
				b.Error(err)
			}
		}
	})
}
