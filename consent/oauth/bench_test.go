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
	"net/url"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"jali/consent"
)

// cpu is what this process has used of it, in user and system mode.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// unit is the CPU of ES256 verifications, and of an echo handler that says
// hello, with as many at once: what the others are told in. Machines differ,
// ratios within one run do not.
type unit struct {
	key  *ecdsa.PrivateKey
	sum  [sha256.Size]byte
	r, s *big.Int
	echo *echo.Echo
}

func newUnit(b *testing.B) unit {
	u := unit{key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), echo: echo.New()}
	u.echo.POST("/hello", func(c echo.Context) error { return c.String(http.StatusOK, "hello") })
	var err error
	if u.r, u.s, err = ecdsa.Sign(rand.Reader, u.key, u.sum[:]); err != nil {
		b.Fatal(err)
	}
	return u
}

// verifies answers what n of them cost.
func (u unit) verifies(b *testing.B, atOnce, n int) time.Duration {
	return spent(atOnce, n, func() {
		if !ecdsa.Verify(&u.key.PublicKey, u.sum[:], u.r, u.s) {
			b.Error("no signature")
		}
	})
}

// hellos answers what n of them cost, without a network as all here.
func (u unit) hellos(atOnce, n int) time.Duration {
	r := httptest.NewRequest("POST", "/hello", nil)
	return spent(atOnce, n, func() { u.echo.ServeHTTP(httptest.NewRecorder(), r) })
}

func spent(atOnce, n int, do func()) time.Duration {
	start := cpu()
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for range n / atOnce {
				do()
			}
		})
	}
	all.Wait()
	return cpu() - start
}

// measure runs do for what was prepared, some at once, as clients come, so that
// commits are shared; it reports the CPU of one in verifications and in hellos.
// Those are measured between the batches: a neighbour on the machine slows all
// down. In a CPU profile, -tagfocus=measured shows the batches alone.
//
// Each request comes a millisecond after the one before, as at a thousand a second.
func measure[T any](b *testing.B, c *clock, atOnce int, prepare func() T, do func(T) int, want int) {
	const (
		batch     = 256
		preparing = 8 // at once: of codes that may be guesses, a client has ten under way at most
	)
	defer debug.SetGCPercent(debug.SetGCPercent(300)) // as our commands have it
	var used, verifies, hellos time.Duration
	var n int
	one := newUnit(b)
	for b.Loop() {
		b.StopTimer()
		ready := make([]T, batch)
		var made sync.WaitGroup
		for first := range preparing {
			made.Go(func() {
				for i := first; i < batch; i += preparing {
					c.pass(time.Millisecond)
					ready[i] = prepare()
				}
			})
		}
		made.Wait()
		runtime.GC()                               // what preparing left behind is not do's
		verifies += one.verifies(b, atOnce, batch) // as many as there will be requests
		hellos += one.hellos(atOnce, batch)
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
						c.pass(time.Millisecond)
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
	b.ReportMetric(float64(used)/float64(verifies), "×verify")
	b.ReportMetric(float64(used)/float64(hellos), "×hello")
	b.ReportMetric(float64(used.Microseconds())/float64(n), "cpu-µs/op")
}

// BenchmarkServer measures each endpoint by itself, and all that one grant
// takes from the push to the token. What clients sign is prepared before, and
// the person's passkey is one that needs no signature.
func BenchmarkServer(b *testing.B) {
	h := open(b)
	h.consent.Decided = append(h.consent.Decided, h.server.Decided)
	h.deliver(h.bank, consent.Poll, "")
	request := func(path string, form url.Values, proof string) *http.Request {
		r := httptest.NewRequest("POST", "http://inside"+path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if proof != "" {
			r.Header.Set("DPoP", proof)
		}
		return r
	}
	proof := func(path string) string { return h.proof(h.bank.dpop, "POST", issuer+path, "", nil) }
	ask := func(r *http.Request) answer {
		w := httptest.NewRecorder()
		h.server.ServeHTTP(w, r)
		var a answer
		a.read(w)
		return a
	}
	serve := func(r *http.Request) int {
		w := httptest.NewRecorder()
		h.server.ServeHTTP(w, r)
		return w.Code
	}
	push := func() *http.Request { return request("/oauth/par", h.parForm(h.bank, once), proof("/oauth/par")) }
	opens := func(uri string) *http.Request {
		return httptest.NewRequest("GET", "/oauth/authorize?"+url.Values{"client_id": {h.bank.id}, "request_uri": {uri}}.Encode(), nil)
	}
	b.Run("par", func(b *testing.B) { measure(b, h.clock, 32, push, serve, 201) })
	b.Run("authorize", func(b *testing.B) {
		uri := h.push(h.bank, once)
		measure(b, h.clock, 32, func() *http.Request { return opens(uri) }, serve, 303)
	})
	b.Run("finish", func(b *testing.B) {
		measure(b, h.clock, 32, func() *http.Request {
			return httptest.NewRequest("GET", h.decide(h.visit(h.bank, h.push(h.bank, once)), true), nil)
		}, serve, 303)
	})
	redeem := func() *http.Request {
		code, _ := h.code(h.bank, once)
		return request("/oauth/token", h.redeemForm(h.bank, code), proof("/oauth/token"))
	}
	for _, atOnce := range []int{1, 16, 32} {
		b.Run(fmt.Sprintf("token/at_once=%d", atOnce), func(b *testing.B) { measure(b, h.clock, atOnce, redeem, serve, 200) })
	}
	tokens, _ := h.tokens(h.bank, daily)
	token, id := h.scoped(h.bank, daily, scopeQuery)
	b.Run("refresh", func(b *testing.B) {
		measure(b, h.clock, 32, func() *http.Request {
			return request("/oauth/token", h.form(h.bank, "grant_type", "refresh_token", "refresh_token", tokens.text("refresh_token")), proof("/oauth/token"))
		}, serve, 200)
	})
	b.Run("introspect", func(b *testing.B) {
		measure(b, h.clock, 32, func() *http.Request { return request("/oauth/introspect", h.form(h.bank, "token", token), "") }, serve, 200)
	})
	b.Run("revoke", func(b *testing.B) {
		measure(b, h.clock, 32, func() *http.Request {
			return request("/oauth/revoke", h.form(h.bank, "token", h.ownToken(h.bank, scopeQuery)), "")
		}, serve, 200)
	})
	var strangers atomic.Int32
	decoupled := func() (consent.Session, *http.Request) { // each to somebody else: a client may not heap them up
		p := consent.Session{ID: "s", Person: consent.PersonID(fmt.Sprint("stranger_", strangers.Add(1)))}
		in := must(h.consent.Introduce(b.Context(), p))
		return p, request("/oauth/bc-authorize", h.askForm(h.bank, in.Code, once), proof("/oauth/bc-authorize"))
	}
	b.Run("bc-authorize", func(b *testing.B) {
		measure(b, h.clock, 8, func() *http.Request { _, r := decoupled(); return r }, serve, 200)
	})
	b.Run("poll", func(b *testing.B) {
		measure(b, h.clock, 32, func() *http.Request {
			p, r := decoupled()
			asked := ask(r).text("auth_req_id")
			id, _ := ownerOf(asked)
			if err := h.answer(p, consent.GrantID(id), true); err != nil {
				b.Fatal(err)
			}
			return request("/oauth/token", h.pollForm(h.bank, asked), proof("/oauth/token"))
		}, serve, 200)
	})
	b.Run("grants", func(b *testing.B) {
		measure(b, h.clock, 32, func() *http.Request {
			r := httptest.NewRequest("GET", "http://inside/oauth/grants/"+string(id), nil)
			r.Header.Set("Authorization", "DPoP "+token)
			r.Header.Set("DPoP", h.proof(h.bank.dpop, "GET", issuer+"/oauth/grants/"+string(id), token, nil))
			return r
		}, serve, 200)
	})
	b.Run("authenticate", func(b *testing.B) {
		measure(b, h.clock, 32, func() *http.Request {
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

	// The assertions of push and token and the proofs of both: four signatures.
	type cycle struct {
		push  *http.Request
		token url.Values
		proof string
	}
	b.Run("cycle", func(b *testing.B) {
		measure(b, h.clock, 32, func() cycle { return cycle{push(), h.redeemForm(h.bank, ""), proof("/oauth/token")} }, func(c cycle) int {
			to := ask(opens(ask(c.push).text("request_uri"))).header.Get("Location")
			decided := h.decide(consent.GrantID(strings.TrimPrefix(to, "/consent/")), true)
			c.token.Set("code", h.back(ask(httptest.NewRequest("GET", decided, nil))).Get("code"))
			return serve(request("/oauth/token", c.token, c.proof))
		}, 200)
	})
	// Of which the person's part.
	b.Run("cycle/deeds", func(b *testing.B) {
		measure(b, h.clock, 32, func() consent.GrantID { return h.visit(h.bank, h.push(h.bank, once)) }, func(id consent.GrantID) int {
			h.decide(id, true)
			return 0
		}, 0)
	})
}
