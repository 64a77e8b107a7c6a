package webhook

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"jali/internal/dial"
	"jali/internal/fault"
	"jali/internal/jose"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
	"jali/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

// house is an outbox on a database, with clients that are told.
type house struct {
	*Outbox
	t    *testing.T
	path string

	mu        sync.Mutex
	clock     time.Time
	addresses map[string]string // of clients; "suspended" for one that is
	notices   map[string]Notice // by the request of a ping
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, path: filepath.Join(t.TempDir(), "jali.db"), clock: start, addresses: map[string]string{}, notices: map[string]Notice{}}
	h.open(dial.New(dial.Config{AllowPrivate: true, Timeout: 10 * time.Second}))
	return h
}

// open opens the database, or does so again as after a crash.
func (h *house) open(c *http.Client) {
	h.t.Helper()
	var db kv.DB
	if h.Outbox == nil {
		fresh, err := boltkv.Open(h.path)
		if err != nil {
			h.t.Fatal(err)
		}
		h.t.Cleanup(func() {
			if !h.t.Failed() {
				h.checkRows()
			}
			if err := h.DB.Close(); err != nil {
				h.t.Error(err)
			}
		})
		db = fresh
	} else {
		db = h.DB
	}
	h.t.Cleanup(c.CloseIdleConnections)
	var err error
	h.Outbox, err = New(Config{DB: db, HTTP: c, Key: testKey(h.t), Now: h.now, Endpoint: h.endpoint, Notification: h.notification})
	if err != nil {
		h.t.Fatal(err)
	}
	h.jitter = func(time.Duration) time.Duration { return 0 }
}

const seed = "VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="

func testKey(t *testing.T) jose.PrivateKey {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(seed)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(raw))
	if err != nil {
		t.Fatal(err)
	}
	key, err := jose.ParsePKCS8(secret.New(der))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clock
}

func (h *house) set(at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock = at
}

func (h *house) pass(d time.Duration) { h.set(h.now().Add(d)) }

func (h *house) at(client, uri string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.addresses[client] = uri
}

func (h *house) endpoint(_ context.Context, client string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.addresses[client] == "suspended" {
		return "", ErrSuspended
	}
	return h.addresses[client], nil
}

var errShredded = &fault.Error{Kind: fault.Gone, Code: "shredded", Detail: "the person has left"}

func (h *house) notification(_ context.Context, p Ping) (Notice, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, ok := h.notices[p.Request]
	if !ok {
		return Notice{}, errShredded
	}
	return n, nil
}

// queue queues one event.
func (h *house) queue(client, grant, id string) {
	h.t.Helper()
	now := h.now()
	if err := h.DB.Update(h.t.Context(), func(tx kv.Tx) error {
		return Queue(tx, Event{ID: id, At: now, Client: client, Type: GrantUsed, Grant: grant})
	}); err != nil {
		h.t.Fatal(err)
	}
}

// deliver makes the attempts that are due, and those that become due by them.
func (h *house) deliver() {
	h.t.Helper()
	for {
		begun, err := h.begin(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		h.going.Wait()
		if begun == 0 {
			return
		}
	}
}

// state answers an event as it is kept.
func (h *house) state(client, id string) Delivery {
	h.t.Helper()
	list, err := h.List(h.t.Context(), client, false)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, d := range list {
		if d.ID == id {
			return d
		}
	}
	h.t.Fatalf("there is no event %s of %s", id, client)
	return Delivery{}
}

// checkRows holds that every index says the same.
func (h *house) checkRows() {
	h.t.Helper()
	if err := h.DB.View(context.Background(), func(tx kv.Tx) error {
		count := map[string]int{}
		for e, err := range tx.Scan(kv.Prefix(room)) {
			if err != nil {
				return err
			}
			for _, name := range []string{"event", "line", "waiting", "ends"} {
				if strings.HasPrefix(string(e.Key), string(kv.Key(room, name))) {
					count[name]++
				}
			}
			if strings.HasPrefix(string(e.Key), string(kv.Key(room, "due", events))) {
				count["due"]++
			}
		}
		waiting, lines := 0, map[string]bool{}
		for e, err := range tx.Scan(kv.Prefix(room, "event")) {
			if err != nil {
				return err
			}
			var d Delivery
			if err := kv.Decode(e.Value, &d); err != nil {
				return err
			}
			keys := [][]byte{d.endsKey()}
			if d.State == Waiting {
				waiting++
				lines[d.Client+" "+d.Grant] = true
				keys = [][]byte{d.lineKey(), d.waitKey()}
				if !d.Next.IsZero() {
					keys = append(keys, d.due().key())
				}
				first, _, err := end(tx, line(d.Client, d.Grant))
				if err != nil || (first.ID == d.ID) != !d.Next.IsZero() {
					h.t.Errorf("%s is first in its line: %v, due at %v, %v", d.ID, first.ID == d.ID, d.Next, err)
				}
			}
			for _, k := range keys {
				if b, err := tx.Get(k); err != nil || b == nil {
					h.t.Errorf("%s (%s) has no row %q: %v", d.ID, d.State, k, err)
				}
			}
		}
		want := map[string]int{"event": count["event"], "line": waiting, "waiting": waiting, "ends": count["event"] - waiting, "due": len(lines)}
		for name, n := range want {
			if count[name] != n {
				h.t.Errorf("%d rows of %q, want %d", count[name], name, n)
			}
		}
		return nil
	}); err != nil {
		h.t.Error(err)
	}
}

// got is a request as a client saw it.
type got struct {
	header http.Header
	body   string
}

func (g got) id() string { return g.header.Get("webhook-id") }

// client is a client's server. What it answers is up to say.
type client struct {
	*httptest.Server
	mu    sync.Mutex
	seen  []got
	order []string // ids
}

func newClient(t *testing.T, say http.HandlerFunc) *client {
	c := &client{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.seen = append(c.seen, got{r.Header, string(b)})
		c.order = append(c.order, r.Header.Get("webhook-id"))
		c.mu.Unlock()
		if say != nil {
			say(w, r)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *client) ids() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.order...)
}

func (c *client) all() []got {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]got(nil), c.seen...)
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// verify is a receiver's side, after the text of Standard Webhooks 1.0.
func verify(whpk string, g got, now time.Time) error {
	text, ok := strings.CutPrefix(whpk, "whpk_")
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) != ed25519.PublicKeySize {
		return fmt.Errorf("not a public key: %q", whpk)
	}
	at, err := strconv.ParseInt(g.header.Get("webhook-timestamp"), 10, 64)
	if err != nil || now.Sub(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return fmt.Errorf("timestamp %q at %v", g.header.Get("webhook-timestamp"), now)
	}
	signed := []byte(g.id() + "." + g.header.Get("webhook-timestamp") + "." + g.body)
	for _, s := range strings.Split(g.header.Get("webhook-signature"), " ") {
		version, text, _ := strings.Cut(s, ",")
		if sig, err := base64.StdEncoding.DecodeString(text); version == "v1a" && err == nil && ed25519.Verify(key, signed, sig) {
			return nil
		}
	}
	return errors.New("no signature is good")
}

func (h *house) whpk() string {
	b, err := json.Marshal(h.Keys())
	var keys []struct{ WHPK string }
	if err != nil || json.Unmarshal(b, &keys) != nil || len(keys) != 1 {
		h.t.Fatalf("keys: %s, %v", b, err)
	}
	return keys[0].WHPK
}

// reopen opens the file anew, as after a crash.
func (h *house) reopen() {
	h.t.Helper()
	db, err := boltkv.Open(h.path)
	if err != nil {
		h.t.Fatal(err)
	}
	h.DB = db
	h.open(h.HTTP)
}
