package vault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"testing"
	"time"

	"jali/internal/kv"
)

// BenchmarkRotation wraps many keys anew, each time in another term, beside a
// reader and a writer of the same store. It says how long these two waited at
// most, and how long for as long a time without a rotation; and how much more
// memory and disk it took.
func BenchmarkRotation(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			h := newHouse(b)
			h.people(b, n)
			size := func() int64 {
				info, err := os.Stat(filepath.Join(h.dir, "keys.db"))
				if err != nil {
					b.Fatal(err)
				}
				return info.Size()
			}
			before := size()
			idle := h.waits(b, n, func() error { time.Sleep(time.Second); return nil })
			for b.Loop() {
				busy := h.waits(b, n, func() error { return errors.Join(h.NewTerm(bg), h.Rewrap(bg)) })
				busy.report(b, "")
				idle.report(b, "-idle")
				b.ReportMetric(float64(n)/busy.took.Seconds(), "keys/s")
				b.ReportMetric(float64(busy.heap)/(1<<20), "heap-MiB")
				b.ReportMetric(float64(size())/float64(before), "x-file")
			}
			if left, err := h.outside(bg, h.ring().current.term); left != 0 || err != nil {
				b.Fatalf("%d keys are left in a former term, %v", left, err)
			}
		})
	}
}

// waits are the longest of a reader and a writer, and by how much the heap
// grew.
type waits struct {
	took, read, write time.Duration
	heap              uint64
}

func (w waits) report(b *testing.B, when string) {
	b.ReportMetric(float64(w.read.Microseconds())/1000, "read-ms"+when)
	b.ReportMetric(float64(w.write.Microseconds())/1000, "write-ms"+when)
}

func (h *house) waits(b *testing.B, n int, during func() error) (w waits) {
	b.Helper()
	ctx, stop := context.WithCancel(bg)
	var wg sync.WaitGroup
	longest := func(of *time.Duration, f func() error) {
		wg.Go(func() {
			for ctx.Err() == nil {
				start := time.Now()
				if err := f(); err != nil {
					b.Error(err)
					return
				}
				*of = max(*of, time.Since(start))
				time.Sleep(100 * time.Microsecond) // it is there to wait, not to take the machine
			}
		})
	}
	runtime.GC()
	base := heapObjects()
	longest(&w.read, func() error {
		row := holder{person: "p" + strconv.Itoa(rand.IntN(n))}.row()
		return h.keys.View(bg, func(tx kv.Tx) error {
			_, err := tx.Get(row)
			return err
		})
	})
	longest(&w.write, func() error { return h.NewPerson(bg, "new"+strconv.Itoa(rand.Int())) })
	wg.Go(func() {
		for ctx.Err() == nil {
			w.heap = max(w.heap, heapObjects()-min(base, heapObjects()))
			time.Sleep(5 * time.Millisecond)
		}
	})
	start := time.Now()
	if err := during(); err != nil {
		b.Error(err)
	}
	w.took = time.Since(start)
	stop()
	wg.Wait()
	return w
}

func heapObjects() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
