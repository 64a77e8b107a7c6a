package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"jali/internal/kv"
)

// BenchmarkSeal and BenchmarkOpen work on 256 bytes; "x-gcm" is how many times
// as long they take as AES-256-GCM alone.
func BenchmarkSeal(b *testing.B) {
	h, r, plain := newHouse(b), Record{Kind: "bill", Person: "p1", Key: "b1"}, make([]byte, 256)
	h.person(b, "p1")
	bare := bareGCM(b)
	b.ReportAllocs()
	start := time.Now()
	for b.Loop() {
		if _, err := h.Seal(bg, r, plain); err != nil {
			b.Fatal(err)
		}
	}
	ours := time.Since(start)
	b.ReportMetric(ratio(ours, b.N, func() { bare.Seal(nil, nil, plain, nil) }), "x-gcm")
}

func BenchmarkOpen(b *testing.B) {
	h, r, plain := newHouse(b), Record{Kind: "bill", Person: "p1", Key: "b1"}, make([]byte, 256)
	h.person(b, "p1")
	sealed := h.seal(b, r, string(plain))
	bare := bareGCM(b)
	bareSealed := bare.Seal(nil, nil, plain, nil)
	b.ReportAllocs()
	start := time.Now()
	for b.Loop() {
		if _, err := h.Open(bg, r, sealed); err != nil {
			b.Fatal(err)
		}
	}
	ours := time.Since(start)
	b.ReportMetric(ratio(ours, b.N, func() {
		if _, err := bare.Open(nil, nil, bareSealed, nil); err != nil {
			b.Fatal(err)
		}
	}), "x-gcm")
}

func bareGCM(b *testing.B) cipher.AEAD {
	block, err := aes.NewCipher(random(keySize))
	if err != nil {
		b.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		b.Fatal(err)
	}
	return gcm
}

func ratio(ours time.Duration, n int, f func()) float64 {
	start := time.Now()
	for range n {
		f()
	}
	return float64(ours) / float64(time.Since(start))
}

// BenchmarkAliasIssue makes new aliases durably, each in an Update of its own,
// from 16 and from 64 writers.
func BenchmarkAliasIssue(b *testing.B) {
	for _, writers := range []int{16, 64} {
		b.Run(strconv.Itoa(writers)+"writers", func(b *testing.B) {
			h := newHouse(b)
			h.person(b, "p1")
			var n atomic.Int64
			b.SetParallelism(max(1, writers/runtime.GOMAXPROCS(0)))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					p, err := h.Pair(bg, "p1", "bank")
					if err == nil {
						_, err = h.alias(p, strconv.FormatInt(n.Add(1), 10), "opaque")
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "aliases/s")
		})
	}
}

// BenchmarkAliasResolve is of a person with twelve accounts at each of five
// clients, among others.
func BenchmarkAliasResolve(b *testing.B) {
	h := newHouse(b)
	var alias string
	for person := range 20 {
		h.person(b, strconv.Itoa(person))
		for client := range 5 {
			p := h.pair(b, strconv.Itoa(person), strconv.Itoa(client))
			h.do(b, func(tx kv.Tx) (err error) {
				for account := range 12 {
					alias, err = p.Alias(tx, strconv.Itoa(account), "opaque")
				}
				return err
			})
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := h.db.View(bg, func(tx kv.Tx) error {
			_, _, err := h.Resolve(tx, "19", alias)
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPair(b *testing.B) {
	h := newHouse(b)
	h.person(b, "p1")
	b.ReportAllocs()
	for b.Loop() {
		p := h.pair(b, "p1", "bank")
		if p.ID("bill_", "b1") == "" {
			b.Fatal("no id")
		}
	}
}

func BenchmarkViewSeal(b *testing.B) {
	h, plain := newHouse(b), make([]byte, 16<<10)
	id := h.ViewID("g1", "k1")
	for b.Loop() {
		if _, err := h.SealView(id, plain); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMAC(b *testing.B) {
	h := newHouse(b)
	for b.Loop() {
		h.MAC("token", "0123456789abcdef0123456789abcdef")
	}
}
