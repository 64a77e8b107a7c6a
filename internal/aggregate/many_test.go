package aggregate_test

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strconv"
	"syscall"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/aggregate"
)

// many is a source that tells n bills of the last month, made page by page: none
// of them is held by it.
type many struct {
	*fake
	n int
}

func (m many) Bills(_ context.Context, _ connectors.Credential, _ connectors.AccountRef, from, to time.Time, next connectors.Cursor) (connectors.Page, error) {
	at, _ := strconv.Atoi(string(next))
	start := time.Date(2026, 11, 21, 9, 0, 0, 0, shanghai)
	var p connectors.Page
	i := at
	for ; i < m.n && len(p.Bills) < 1000; i++ {
		b := connectors.Bill{ID: "2026112122001" + strconv.Itoa(1000000+i), At: start.Add(-29 * 24 * time.Hour / time.Duration(m.n) * time.Duration(i)),
			Amount: money.Amount{Minor: int64(101 + i%9000), Currency: "CNY"}, Direction: connectors.Out, Flow: connectors.FlowOut, State: connectors.Done,
			Kind: connectors.Payment, RawKind: "消费", Counterparty: "瑞幸咖啡", Method: "余额", Description: "生椰拿铁 大杯", Order: "T200P" + strconv.Itoa(1000000+i)}
		if !b.At.Before(from) && b.At.Before(to) {
			p.Bills = append(p.Bills, b)
		}
	}
	if i < m.n {
		p.Next = connectors.Cursor(strconv.Itoa(i))
	}
	return p, nil
}

// BenchmarkManyBills opens views over one source of so many bills: the first
// reads them all, the next what may have changed. The source's own work is
// measured beside it and taken off.
func BenchmarkManyBills(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		for _, which := range []string{"first", "next"} {
			b.Run(fmt.Sprintf("%d/%s", n, which), func(b *testing.B) {
				var cpu, peak, kept float64
				for b.Loop() {
					b.StopTimer()
					h := newHouse(b)
					m := many{wallet("alipay"), n}
					if err := h.reg.Register(m); err != nil {
						b.Fatal(err)
					}
					p := h.person("li")
					h.link(p, "alipay")
					if which == "next" {
						h.open("bank", h.grant(p, "bank", h.everything(once)), "key-0000000000000000")
						h.pass(time.Hour)
					}
					g := h.grant(p, "bank", h.everything(once))
					runtime.GC()
					before := heap()
					stop, most := make(chan struct{}), make(chan uint64)
					go watch(stop, most)
					start := spentCPU(b)
					b.StartTimer()
					v, err := h.Open(b.Context(), aggregate.OpenRequest{Client: "bank", Grant: g, Key: "key-0000000000000001"})
					b.StopTimer()
					cpu += (spentCPU(b) - start).Seconds() * 1000
					close(stop)
					peak += float64(<-most-before) / (1 << 20)
					if err != nil || len(v.Bills.Items) != 100 || !v.Complete {
						b.Fatalf("%v: %d bills, complete %v: %+v", err, len(v.Bills.Items), v.Complete, v.Sources)
					}
					runtime.GC()
					kept += (float64(heap()) - float64(before)) / (1 << 20)
					_ = h.db.Close()
					_ = h.keys.Close()
					b.StartTimer()
				}
				b.ReportMetric(cpu/float64(b.N), "cpu-ms")
				b.ReportMetric(peak/float64(b.N), "peak-MiB")
				b.ReportMetric(kept/float64(b.N), "kept-MiB")
			})
		}
	}
}

// heap is what lies on it, and stops nobody to find out.
func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// watch answers the most that the heap came to until it is stopped.
func watch(stop <-chan struct{}, most chan<- uint64) {
	top := heap()
	for {
		select {
		case <-stop:
			most <- max(top, heap())
			return
		case <-time.After(2 * time.Millisecond):
			top = max(top, heap())
		}
	}
}

// spentCPU is what this process has used so far, of all its threads.
func spentCPU(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
