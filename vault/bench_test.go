package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"jali/internal/kv"
)

// BenchmarkSeal and BenchmarkOpen take keys from the bounded cache: of one
// person, of as many as surely fit, and of five times as many as it may hold,
// whose keys are mostly read and unwrapped anew. "x-gcm" is how many times as
// long it takes as AES-256-GCM alone with as many keys at hand, so that both
// meet the machine's own caches alike.
func BenchmarkSeal(b *testing.B) {
	eachSize(b, func(b *testing.B, h *house, records []Record, plain []byte) {
		bare, i, j := bareGCMs(b, len(records)), 0, 0
		against(b, func() error {
			i++
			_, err := h.Seal(bg, records[i%len(records)], plain)
			return err
		}, func() error {
			j++
			bare[j%len(bare)].Seal(nil, nil, plain, nil)
			return nil
		})
	})
}

func BenchmarkOpen(b *testing.B) {
	eachSize(b, func(b *testing.B, h *house, records []Record, plain []byte) {
		bare, i, j := bareGCMs(b, len(records)), 0, 0
		sealed, bareSealed := make([][]byte, len(records)), make([][]byte, len(records))
		for i, r := range records {
			sealed[i] = h.seal(b, r, string(plain))
			bareSealed[i] = bare[i].Seal(nil, nil, plain, nil)
		}
		against(b, func() error {
			i++
			_, err := h.Open(bg, records[i%len(records)], sealed[i%len(records)])
			return err
		}, func() error {
			j++
			_, err := bare[j%len(bare)].Open(nil, nil, bareSealed[j%len(bare)], nil)
			return err
		})
	})
}

func eachSize(b *testing.B, run func(*testing.B, *house, []Record, []byte)) {
	h := newHouse(b)
	const most = 5 * 2 * keptKeys
	h.people(b, most)
	for _, people := range []int{1, keptKeys, most} {
		records := make([]Record, people)
		for i, j := range rand.New(rand.NewPCG(1, 2)).Perm(people) {
			records[j] = Record{Kind: "bill", Person: "p" + strconv.Itoa(i), Key: "b1"}
		}
		for _, size := range []int{256, 4096} {
			b.Run(fmt.Sprintf("people=%d/bytes=%d", people, size), func(b *testing.B) {
				b.ReportAllocs()
				run(b, h, records, make([]byte, size))
			})
		}
	}
}

// people makes keys of many at once.
func (h *house) people(b *testing.B, n int) {
	b.Helper()
	for from := 0; from < n; from += 10_000 {
		if err := h.keys.Update(bg, func(tx kv.Tx) error {
			for i := from; i < min(n, from+10_000); i++ {
				who := holder{person: "p" + strconv.Itoa(i)}
				if err := tx.Put(who.row(), h.ring().wrap(random(keySize), who.names()...)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
}

// against reports how many times as long ours takes as bare: the two by turns,
// and the median of each, since a busy machine disturbs both.
func against(b *testing.B, ours, bare func() error) {
	b.Helper()
	for b.Loop() {
		if err := ours(); err != nil {
			b.Fatal(err)
		}
	}
	const rounds, each = 301, 30
	var spent [2][]time.Duration
	for range rounds {
		for i, f := range []func() error{ours, bare} {
			start := time.Now()
			for range each {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
			spent[i] = append(spent[i], time.Since(start))
		}
	}
	for i := range spent {
		slices.Sort(spent[i])
	}
	b.ReportMetric(float64(spent[0][rounds/2])/float64(spent[1][rounds/2]), "x-gcm")
}

func bareGCMs(b *testing.B, n int) (bare []cipher.AEAD) {
	b.Helper()
	for range n {
		block, err := aes.NewCipher(random(keySize))
		if err != nil {
			b.Fatal(err)
		}
		gcm, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			b.Fatal(err)
		}
		bare = append(bare, gcm)
	}
	return bare
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
