package boltkv

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"jali/internal/kv"
)

// BenchmarkUpdate writes one row of 256 bytes an Update, beside bbolt's own
// Update (no list of free pages, as here) on a disk of the same load; "x-bolt"
// is how many times as many Updates a second were made.
func BenchmarkUpdate(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			row := make([]byte, 256)
			_, _ = rand.Read(row)
			raw, err := bbolt.Open(filepath.Join(b.TempDir(), "raw.db"), 0o600, &bbolt.Options{NoFreelistSync: true})
			if err != nil {
				b.Fatal(err)
			}
			defer raw.Close()
			if err := raw.Update(func(tx *bbolt.Tx) error {
				_, err := tx.CreateBucket(rowsBucket)
				return err
			}); err != nil {
				b.Fatal(err)
			}
			db := opened(b)
			var ours, theirs time.Duration
			// Turn by turn, since a disk's mood changes within a run.
			for done := 0; done < b.N; done += 200 {
				n := min(200, b.N-done)
				b.StopTimer()
				theirs += timed(b, writers, n, func(i int) error {
					return raw.Update(func(tx *bbolt.Tx) error { return tx.Bucket(rowsBucket).Put(kv.Key("bench", done+i), row) })
				})
				b.StartTimer()
				ours += timed(b, writers, n, func(i int) error {
					return db.Update(context.Background(), func(tx kv.Tx) error { return tx.Put(kv.Key("bench", done+i), row) })
				})
			}
			b.ReportMetric(float64(theirs)/float64(ours), "x-bolt")
			b.ReportMetric(float64(b.N)/ours.Seconds(), "updates/s")
		})
	}
}

func timed(b *testing.B, writers, times int, f func(int) error) time.Duration {
	var n atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range writers {
		wg.Go(func() {
			for i := n.Add(1); i <= int64(times); i = n.Add(1) {
				if err := f(int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

func BenchmarkView(b *testing.B) {
	db := opened(b)
	ctx, key := context.Background(), kv.Key("bench", 1)
	if err := db.Update(ctx, func(tx kv.Tx) error { return tx.Put(key, make([]byte, 256)) }); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := db.View(ctx, func(tx kv.Tx) error { _, err := tx.Get(key); return err }); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen makes a new file: the part of a cold start that is storage.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	for i := 0; b.Loop(); i++ {
		db, err := Open(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			b.Fatal(err)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
