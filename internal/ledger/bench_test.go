package ledger

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"jali/connectors"
)

// BenchmarkBills reads 10,000 imported bills of a year, and a month of them.
func BenchmarkBills(b *testing.B) {
	l, _, _ := openLedger(b)
	put(b, l, "p", "acc", spread(10_000, 365*24*time.Hour)...)
	for _, tt := range []struct {
		why      string
		from, to time.Time
		want     int
	}{
		{"all", time.Time{}, time.Time{}, 10_000},
		{"month", day("2020-06-01 00:00"), day("2020-07-01 00:00"), 822},
	} {
		b.Run(tt.why, func(b *testing.B) {
			for b.Loop() {
				if got := bills(b, l, "p", "acc", tt.from, tt.to); len(got) != tt.want {
					b.Fatal(len(got))
				}
			}
		})
	}
}

// BenchmarkImport takes bills of ten years in, once and once again, and says
// how much memory that took at its most.
func BenchmarkImport(b *testing.B) {
	for _, n := range []int{50_000, 200_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				l, _, _ := openLedger(b)
				for _, pass := range []string{"new", "again"} {
					begun, most := time.Now(), uint64(0)
					i, err := l.Begin(b.Context(), "p", []Account{{Person: "p", ID: "acc"}})
					if err != nil {
						b.Fatal(err)
					}
					for k := range n {
						if err := i.Add(b.Context(), "acc", spreadBill(k, n, 10*365*24*time.Hour)); err != nil {
							b.Fatal(err)
						}
						if k%10_000 == 0 {
							var m runtime.MemStats
							runtime.ReadMemStats(&m)
							most = max(most, m.HeapAlloc)
						}
					}
					if err := i.Seal(b.Context()); err != nil {
						b.Fatal(err)
					}
					if i.News() {
						if err := l.DB.Update(b.Context(), i.Finish); err != nil {
							b.Fatal(err)
						}
					}
					if err := i.Close(b.Context()); err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(time.Since(begun).Seconds(), "s/"+pass)
					b.ReportMetric(float64(most)/(1<<20), "MiB/"+pass)
				}
			}
		})
	}
}

func spread(n int, over time.Duration) (all []connectors.Bill) {
	for i := range n {
		all = append(all, spreadBill(i, n, over))
	}
	return all
}

func spreadBill(i, n int, over time.Duration) connectors.Bill {
	b := bill(fmt.Sprint("20881234567890", i), "2020-01-01 00:00", connectors.Done)
	b.At = b.At.Add(over / time.Duration(n) * time.Duration(i))
	return b
}
