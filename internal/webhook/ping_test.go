package webhook

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"testing"
	"time"

	"jali/internal/kv"
	"jali/internal/secret"
)

const bearer = "8d67dc78-7faa-4d41-aabd-67707b374255"

func (h *house) queuePing(id string) {
	h.t.Helper()
	now := h.now()
	if err := h.DB.Update(h.t.Context(), func(tx kv.Tx) error {
		return QueuePing(tx, Ping{ID: id, At: now, Client: "bank", Request: "request_1", Sealed: []byte("sealed")})
	}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) notice(uri string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notices["request_1"] = Notice{URI: uri, Bearer: secret.Of(bearer), Body: []byte(`{"auth_req_id":"1c266114-a1be-4252"}`)}
}

// left counts the rows of pings.
func (h *house) left() (n int) {
	h.t.Helper()
	if err := h.DB.View(h.t.Context(), func(tx kv.Tx) error {
		n = 0
		for _, r := range []kv.Range{kv.Prefix(room, "ping"), kv.Prefix(room, "due", pings)} {
			for _, err := range tx.Scan(r) {
				if err != nil {
					return err
				}
				n++
			}
		}
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
	return n
}

// TestPing holds OpenID CIBA Core 1.0, section 10.2.
func TestPing(t *testing.T) {
	h, c := newHouse(t), newClient(t, status(204))
	h.notice(c.URL)
	h.at("bank", "") // pings go to an address of their own
	h.queuePing("ping_1")
	h.deliver()
	all := c.all()
	if len(all) != 1 || all[0].header.Get("Authorization") != "Bearer "+bearer || all[0].body != `{"auth_req_id":"1c266114-a1be-4252"}` ||
		all[0].header.Get("Content-Type") != "application/json" || all[0].header.Get("Webhook-Signature") != "" {
		t.Fatalf("the client saw %+v", all)
	}
	if h.left() != 0 {
		t.Error("a ping that was taken is kept")
	}
	b, err := os.ReadFile(h.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{bearer, "1c266114"} {
		if bytes.Contains(b, []byte(s)) {
			t.Errorf("the file holds %q", s)
		}
	}
	if !bytes.Contains(b, []byte("request_1")) {
		t.Error("the file does not hold the request either: the check above cannot fail")
	}
}

func TestPingsAreTriedForTenMinutes(t *testing.T) {
	h, c := newHouse(t), newClient(t, status(500))
	h.notice(c.URL)
	h.queuePing("ping_1")
	for i, after := range []time.Duration{0, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 5 * time.Minute} {
		if after > 0 {
			h.pass(after - time.Microsecond)
			if h.deliver(); len(c.ids()) != i {
				t.Fatalf("try %d came before its time", i+1)
			}
			h.pass(time.Microsecond)
		}
		if h.deliver(); len(c.ids()) != i+1 {
			t.Fatalf("try %d did not come", i+1)
		}
	}
	if h.left() != 0 {
		t.Error("it is kept after its last try")
	}
	// One that was queued before a long stop is not sent any more.
	h.queuePing("ping_2")
	h.pass(pingLife)
	h.deliver()
	if len(c.ids()) != 5 || h.left() != 0 {
		t.Errorf("a ping of ten minutes ago: %d tries, %d rows", len(c.ids())-5, h.left())
	}
}

func TestPingsThatAreDropped(t *testing.T) {
	for _, tt := range []struct {
		why    string
		say    int
		before func(*house)
		tries  int
		left   int
	}{
		{"the client means no", 401, nil, 1, 0},
		{"a redirect", 302, nil, 1, 0},
		{"too many at once is no no", 429, nil, 1, 2},
		{"an address inside or in the clear", 200, func(h *house) { h.notice("http://bank.example/") }, 0, 0},
		{"no address any more", 200, func(h *house) { h.notice("") }, 0, 0},
		{"the person has left", 200, func(h *house) { delete(h.notices, "request_1") }, 0, 0},
	} {
		h, c := newHouse(t), newClient(t, status(tt.say))
		h.notice(c.URL)
		if tt.before != nil {
			tt.before(h)
		}
		h.queuePing("ping_1")
		h.deliver()
		if len(c.ids()) != tt.tries || h.left() != tt.left {
			t.Errorf("%s: %d tries, %d rows; want %d, %d", tt.why, len(c.ids()), h.left(), tt.tries, tt.left)
		}
	}
}

func TestQueuePingRefuses(t *testing.T) {
	h := newHouse(t)
	for _, p := range []Ping{
		{At: start, Client: "bank", Sealed: []byte("x")},
		{ID: "p", Client: "bank", Sealed: []byte("x")},
		{ID: "p", At: start, Sealed: []byte("x")},
		{ID: "p", At: start, Client: "bank"},
	} {
		if err := h.DB.Update(t.Context(), func(tx kv.Tx) error { return QueuePing(tx, p) }); !errors.Is(err, errPing) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

// A client whose endpoint for events is dead gets its pings.
func TestPingsDoNotWaitForEvents(t *testing.T) {
	h := newHouse(t)
	dead, c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(503)
	}), newClient(t, nil)
	h.at("bank", dead.URL)
	h.queue("bank", "g", "event1")
	h.deliver()
	h.notice(c.URL)
	h.queuePing("ping_1")
	h.deliver()
	if len(c.ids()) != 1 {
		t.Error("the ping was held up")
	}
}
