package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// cpu is what this process has used of it, in user and system mode.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// unit is the CPU of ES256 verifications with as many at once: what the others
// are told in. Machines differ, ratios within one run do not.
type unit struct {
	key  *ecdsa.PrivateKey
	sum  [sha256.Size]byte
	r, s *big.Int
}

func newUnit(b *testing.B) unit {
	u := unit{key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
	var err error
	if u.r, u.s, err = ecdsa.Sign(rand.Reader, u.key, u.sum[:]); err != nil {
		b.Fatal(err)
	}
	return u
}

// verifies answers what n of them cost.
func (u unit) verifies(b *testing.B, atOnce, n int) time.Duration {
	start := cpu()
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for range n / atOnce {
				if !ecdsa.Verify(&u.key.PublicKey, u.sum[:], u.r, u.s) {
					b.Error("no signature")
				}
			}
		})
	}
	all.Wait()
	return cpu() - start
}

// measure runs do for what was prepared, some at once, as clients come, so that
// commits are shared; it reports the CPU of one in verifications. Those are
// measured between the batches: a neighbour on the machine slows both down.
// In a CPU profile, -tagfocus=measured shows the batches alone.
func measure[T any](b *testing.B, atOnce int, prepare func() T, do func(T) int, want int) {
	const batch = 256
	var used, units time.Duration
	var n int
	one := newUnit(b)
	for b.Loop() {
		b.StopTimer()
		ready := make([]T, batch)
		for i := range ready {
			ready[i] = prepare()
		}
		runtime.GC()                            // what preparing left behind is not do's
		units += one.verifies(b, atOnce, batch) // as many as there will be requests
		b.StartTimer()
		start := cpu()
		work := make(chan T, batch)
		for _, one := range ready {
			work <- one
		}
		close(work)
		var all sync.WaitGroup
		pprof.Do(b.Context(), pprof.Labels("part", "measured"), func(context.Context) {
			for range atOnce {
				all.Go(func() {
					for one := range work {
						if got := do(one); got != want {
							b.Errorf("status %d; want %d", got, want)
						}
					}
				})
			}
		})
		all.Wait()
		used += cpu() - start
		n += batch
	}
	b.ReportMetric(float64(used)/float64(units), "verifies/op")
	b.ReportMetric(float64(used.Microseconds())/float64(n), "cpu-µs/op")
}

func BenchmarkServer(b *testing.B) {
	h := open(b)
	posted := func(path string, make func() (form string, proof string)) func() *http.Request {
		return func() *http.Request {
			form, proof := make()
			r := httptest.NewRequest("POST", "http://inside"+path, strings.NewReader(form))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if proof != "" {
				r.Header.Set("DPoP", proof)
			}
			return r
		}
	}
	serve := func(r *http.Request) int {
		w := httptest.NewRecorder()
		h.server.ServeHTTP(w, r)
		return w.Code
	}
	tokenProof := func() string { return h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil) }
	b.Run("par", func(b *testing.B) {
		measure(b, 32, posted("/oauth/par", func() (string, string) { return h.parForm(h.bank, once).Encode(), "" }), serve, 201)
	})
	for _, atOnce := range []int{1, 16, 32} {
		b.Run(fmt.Sprintf("token/at_once=%d", atOnce), func(b *testing.B) {
			measure(b, atOnce, posted("/oauth/token", func() (string, string) {
				code, _ := h.code(h.bank, once)
				return h.redeemForm(h.bank, code).Encode(), tokenProof()
			}), serve, 200)
		})
	}
	got, _ := h.tokens(h.bank, daily)
	token := got.text("access_token")
	b.Run("refresh", func(b *testing.B) {
		measure(b, 32, posted("/oauth/token", func() (string, string) {
			return h.form(h.bank, "grant_type", "refresh_token", "refresh_token", got.text("refresh_token")).Encode(), tokenProof()
		}), serve, 200)
	})
	b.Run("introspect", func(b *testing.B) {
		measure(b, 32, posted("/oauth/introspect", func() (string, string) { return h.form(h.bank, "token", token).Encode(), "" }), serve, 200)
	})
	b.Run("authenticate", func(b *testing.B) {
		measure(b, 32, func() *http.Request {
			r := httptest.NewRequest("POST", "http://inside/v1/views", nil)
			r.Header.Set("Authorization", "DPoP "+token)
			r.Header.Set("DPoP", h.proof(h.bank.dpop, "POST", issuer+"/v1/views", token, nil))
			return r
		}, func(r *http.Request) int {
			if _, err := h.server.Authenticate(http.Header{}, r); err != nil {
				b.Error(err)
				return 401
			}
			return 200
		}, 200)
	})
}
