package vault

import (
	"crypto/aes"
	"crypto/cipher"
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

// BenchmarkAliasIssue makes new aliases durably, from 16 writers.
func BenchmarkAliasIssue(b *testing.B) {
	h := newHouse(b)
	h.person(b, "p1")
	var n atomic.Int64
	b.SetParallelism(8) // times two cores
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
}

func BenchmarkAliasResolve(b *testing.B) {
	h := newHouse(b)
	h.person(b, "p1")
	alias, err := h.alias(h.pair(b, "p1", "bank"), "a1", "opaque")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := h.db.View(bg, func(tx kv.Tx) error {
			_, _, err := h.Resolve(tx, "bank", alias)
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
