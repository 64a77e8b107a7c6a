package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jali/consent"
	"jali/internal/dial"
	"jali/internal/jose"
	"jali/internal/secret"
)

// keyServer gives out a client's keys as its developer might.
type keyServer struct {
	*httptest.Server
	mu    sync.Mutex
	serve http.HandlerFunc
	asked atomic.Int32
}

func serveKeys(t *testing.T) *keyServer {
	k := &keyServer{}
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.asked.Add(1)
		k.mu.Lock()
		serve := k.serve
		k.mu.Unlock()
		serve(w, r)
	}))
	t.Cleanup(k.Close)
	return k
}

func (k *keyServer) answer(serve http.HandlerFunc) { k.mu.Lock(); defer k.mu.Unlock(); k.serve = serve }

func (k *keyServer) give(cache string, keys ...jose.PrivateKey) {
	k.answer(func(w http.ResponseWriter, _ *http.Request) {
		if cache != "" {
			w.Header().Set("Cache-Control", cache)
		}
		_, _ = w.Write(keySetOf(keys...))
	})
}

func keySetOf(keys ...jose.PrivateKey) []byte {
	var all []string
	for _, k := range keys {
		all = append(all, string(k.Public().JWK()))
	}
	return fmt.Appendf(nil, `{"keys":[%s]}`, strings.Join(all, ","))
}

// byURL puts the bank's keys behind a server of its own.
func (h *house) byURL(t *testing.T) *keyServer {
	t.Helper()
	k := serveKeys(t)
	k.give("", h.bank.key)
	h.server.remote.http = dial.New(dial.Config{AllowPrivate: true, MaxBody: maxKeySet})
	t.Cleanup(h.server.remote.http.CloseIdleConnections)
	_, err := h.consent.ReviseClient(t.Context(), "client_bank", func(c consent.Client) (consent.Client, error) {
		c.JWKS, c.JWKSURI = nil, k.URL+"/jwks"
		return c, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// known tries to authenticate by a key.
func (h *house) known(key jose.PrivateKey) answer {
	h.t.Helper()
	a := h.bank
	a.key = key
	return h.post("/oauth/introspect", h.form(a, "token", "x"))
}

func TestKeysAreReadAtTheirURL(t *testing.T) {
	h := open(t)
	k := h.byURL(t)
	for range 3 {
		if got := h.known(h.bank.key); got.status != http.StatusOK {
			t.Fatalf("with the key at its URL: %v", got)
		}
	}
	if n := k.asked.Load(); n != 1 {
		t.Errorf("3 requests asked %d times, want once", n)
	}
	h.wantError("a stranger's key under the same name", h.known(renamed(must(jose.Generate(jose.ES256)), h.bank.key.Public().ID())), 401, "invalid_client")
	if n := k.asked.Load(); n != 1 {
		t.Errorf("a wrong signature by a known key asked again (%d)", n)
	}
}

// A bank publishes one set for all its partners (RFC 7517, section 5).
func TestKeysForOthersAreLeftOut(t *testing.T) {
	h := open(t)
	k := h.byURL(t)
	k.answer(func(w http.ResponseWriter, _ *http.Request) {
		own := strings.TrimSuffix(strings.TrimPrefix(string(keySetOf(h.bank.key)), `{"keys":[`), `]}`)
		_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"RSA","alg":"RS256","kid":"r","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256","use":"enc","kid":"e","x":"","y":""},%s]}`, own)
	})
	if got := h.known(h.bank.key); got.status != http.StatusOK {
		t.Errorf("a usable key among others: %v", got)
	}
}

// renamed is a key with another's id.
func renamed(k jose.PrivateKey, id string) jose.PrivateKey {
	raw := string(must(k.Export()).Reveal())
	return must(jose.ParsePrivateKey(secret.Of(strings.Replace(raw, k.Public().ID(), id, 1))))
}

func TestKeysRotate(t *testing.T) {
	h := open(t)
	k := h.byURL(t)
	old, fresh, fresher := h.bank.key, must(jose.Generate(jose.ES256)), must(jose.Generate(jose.ES256))
	if got := h.known(old); got.status != 200 {
		t.Fatal(got)
	}
	k.give("", fresh)
	h.wantError("a new key, asked for just now", h.known(fresh), 401, "invalid_client")
	h.clock.pass(askAgain)
	if got := h.known(fresh); got.status != 200 {
		t.Errorf("a new key is not accepted at once: %v", got)
	}
	h.wantError("the old key, after it was taken away", h.known(old), 401, "invalid_client")
	asked := k.asked.Load()
	for range 20 {
		h.wantError("guesses at key names", h.known(fresher), 401, "invalid_client")
	}
	if n := k.asked.Load(); n != asked {
		t.Errorf("20 unknown keys asked %d times within 30 s, want none", n-asked)
	}
	k.give("max-age=7200", fresher)
	h.clock.pass(askAgain)
	if got := h.known(fresher); got.status != 200 {
		t.Errorf("rotated again: %v", got)
	}
}

func TestKeysAreCachedWithinBounds(t *testing.T) {
	for _, tt := range []struct {
		cache string
		life  time.Duration
	}{
		{"", 5 * time.Minute},
		{"max-age=600", 10 * time.Minute},
		{`public, MAX-AGE="600"`, 10 * time.Minute},
		{"max-age=1", time.Minute},
		{"max-age=99999999999999", time.Hour},
		{"max-age=86400", time.Hour},
		{"no-store", time.Minute},
		{"no-cache, max-age=600", time.Minute},
		{"max-age=-5", 5 * time.Minute},
		{"max-age=x", 5 * time.Minute},
		{"s-maxage=600", 5 * time.Minute},
	} {
		t.Run(tt.cache, func(t *testing.T) {
			h := open(t)
			k := h.byURL(t)
			k.give(tt.cache, h.bank.key)
			for _, step := range []struct {
				wait  time.Duration
				asked int32
			}{{0, 1}, {tt.life - time.Second, 1}, {time.Second, 2}} {
				h.clock.pass(step.wait)
				if got := h.known(h.bank.key); got.status != 200 {
					t.Fatal(got)
				}
				if n := k.asked.Load(); n != step.asked {
					t.Errorf("%s later: asked %d times, want %d", step.wait, n, step.asked)
				}
			}
		})
	}
}

func TestKeysOutliveAFailingServer(t *testing.T) {
	h := open(t)
	k := h.byURL(t)
	if got := h.known(h.bank.key); got.status != 200 {
		t.Fatal(got)
	}
	k.answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	h.clock.pass(usualLife)
	for range 3 {
		if got := h.known(h.bank.key); got.status != 200 {
			t.Errorf("a stale set, while no new one can be had: %v", got)
		}
	}
	if n := k.asked.Load(); n != 2 {
		t.Errorf("asked %d times, want 2: a failure is remembered", n)
	}
	h.clock.pass(staleLife)
	got := h.known(h.bank.key)
	h.wantError("a set that is too old", got, 401, "invalid_client")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	k.give("", h.bank.key)
	h.wantError("asked again at once", h.known(h.bank.key), 401, "invalid_client")
	h.clock.pass(askAgain)
	if got := h.known(h.bank.key); got.status != 200 {
		t.Errorf("the server is well again: %v", got)
	}
}

func TestKeyServersThatAreRefused(t *testing.T) {
	good := func(h *house) string { return string(keySetOf(h.bank.key)) }
	for _, tt := range []struct {
		why   string
		serve func(h *house, k *keyServer) http.HandlerFunc
	}{
		{"a redirect, even to good keys", func(h *house, k *keyServer) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/jwks" {
					http.Redirect(w, r, "/moved", http.StatusFound)
					return
				}
				_, _ = w.Write([]byte(good(h)))
			}
		}},
		{"larger than 64 KiB", func(h *house, _ *keyServer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(good(h) + strings.Repeat(" ", maxKeySet)))
			}
		}},
		{"says that it is small, and is cut", func(h *house, _ *keyServer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "20")
				_, _ = w.Write([]byte(good(h)))
			}
		}},
		{"says that it is large, and ends early", func(h *house, _ *keyServer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "60000")
				_, _ = w.Write([]byte(good(h)))
			}
		}},
		{"an error with keys in it", func(h *house, _ *keyServer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
				_, _ = w.Write([]byte(good(h)))
			}
		}},
		{"a page", func(*house, *keyServer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }
		}},
		{"a private key", func(h *house, _ *keyServer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				_, _ = fmt.Fprintf(w, `{"keys":[%s]}`, must(h.bank.key.Export()).Reveal())
			}
		}},
		{"keys twice", func(h *house, _ *keyServer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(strings.TrimSuffix(good(h), "}") + `,"keys":[]}`))
			}
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			h := open(t)
			k := h.byURL(t)
			k.answer(tt.serve(h, k))
			h.wantError(tt.why, h.known(h.bank.key), 401, "invalid_client")
			h.wantError("again", h.known(h.bank.key), 401, "invalid_client")
			if n := k.asked.Load(); n != 1 {
				t.Errorf("asked %d times, want once", n)
			}
		})
	}
}

func TestAKeySetThatNeverEnds(t *testing.T) {
	h := open(t)
	k := h.byURL(t)
	h.server.remote.http = dial.New(dial.Config{AllowPrivate: true, Timeout: 200 * time.Millisecond})
	t.Cleanup(h.server.remote.http.CloseIdleConnections)
	k.answer(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(keySetOf(h.bank.key))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	h.wantError("an answer without an end", h.known(h.bank.key), 401, "invalid_client")
}

func TestAKeySetOnTheInsideIsNotFetched(t *testing.T) {
	h := open(t)
	k := h.byURL(t)
	h.server.remote.http = dial.New(dial.Config{}) // as New makes it
	h.wantError("an address of our own network", h.known(h.bank.key), 401, "invalid_client")
	if n := k.asked.Load(); n != 0 {
		t.Errorf("it was connected to %d times", n)
	}
}

func TestWhoeverWaitsForTheSameKeysWaitsForOneFetch(t *testing.T) {
	h := open(t)
	k := h.byURL(t)
	in, out := make(chan struct{}), make(chan struct{})
	k.answer(func(w http.ResponseWriter, _ *http.Request) {
		close(in) // a second one would panic
		<-out
		_, _ = w.Write(keySetOf(h.bank.key))
	})
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if got := h.known(h.bank.key); got.status != 200 {
				t.Error(got)
			}
		})
	}
	<-in
	leaves, cancel := context.WithCancel(t.Context())
	cancel()
	c := must(h.consent.Client(t.Context(), "client_bank"))
	if _, err := h.server.keysOf(leaves, c, h.clock.now()); !errors.Is(err, errKeysAway) {
		t.Errorf("who does not wait any longer: %v", err)
	}
	close(out)
	all.Wait()
	if n := k.asked.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

func TestFetchedKeysTakeBoundedMemory(t *testing.T) {
	k := &remoteKeys{}
	large := &remoteSet{keys: registeredKeys{raw: make([]byte, maxKeySet)}}
	for i := range 1000 {
		k.hold(fmt.Sprint(i), large)
	}
	sum := 0
	for _, one := range k.held {
		sum += one.weight()
	}
	if k.weight > maxRemote || k.weight != sum || len(k.held) < 200 {
		t.Errorf("%d sets weigh %d, said to be %d; at most %d are held", len(k.held), sum, k.weight, maxRemote)
	}
	if k.held["999"] == nil {
		t.Error("the newest is not held")
	}
}
