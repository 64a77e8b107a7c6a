package webhook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"jali/internal/dial"
	"jali/internal/jose"
)

// TestSignatureVector holds a vector of the Standard Webhooks project.
func TestSignatureVector(t *testing.T) {
	got, err := sign(testKey(t), "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	const want = "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
	if err != nil || got != want {
		t.Errorf("sign = %q, %v; want %q", got, err, want)
	}
}

func TestWhatAClientIsTold(t *testing.T) {
	h, c := newHouse(t), newClient(t, nil)
	h.at("bank", c.URL+"/hook")
	h.queue("bank", "grant_1", "event1")
	h.pass(90 * time.Second)
	h.deliver()
	all := c.all()
	if len(all) != 1 {
		t.Fatalf("%d requests, want 1", len(all))
	}
	g := all[0]
	if err := verify(h.whpk(), g, h.now()); err != nil {
		t.Error(err)
	}
	if ts := g.header.Get("webhook-timestamp"); ts != fmt.Sprint(start.Add(90*time.Second).Unix()) {
		t.Errorf("the timestamp is %s, want that of the attempt", ts)
	}
	if g.id() != "event1" || g.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers: %v", g.header)
	}
	var body any
	if err := json.Unmarshal([]byte(g.body), &body); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"type": "grant.used", "timestamp": "2026-11-01T08:00:00Z",
		"data": map[string]any{"client_id": "bank", "grant_id": "grant_1"}}
	if !reflect.DeepEqual(body, want) {
		t.Errorf("the body is %s", g.body)
	}
	for _, change := range []func(*got){
		func(g *got) { g.body = strings.Replace(g.body, "grant_1", "grant_2", 1) },
		func(g *got) { g.header.Set("webhook-id", "event2") },
		func(g *got) { g.header.Set("webhook-timestamp", fmt.Sprint(start.Unix())) },
	} {
		changed := got{g.header.Clone(), g.body}
		change(&changed)
		if verify(h.whpk(), changed, h.now()) == nil {
			t.Error("a message that was changed passes: the check above cannot fail")
		}
	}
	if d := h.state("bank", "event1"); d.State != Taken || d.Last != "http_200" || !d.Ended.Equal(h.now()) {
		t.Errorf("kept as %+v", d)
	}
}

func TestAttemptsThatFail(t *testing.T) {
	target := newClient(t, nil)
	for _, tt := range []struct {
		why  string
		http dial.Config
		say  http.HandlerFunc
		uri  string // empty: the client's own
		want string
	}{
		{"an error", dial.Config{AllowPrivate: true}, status(500), "", "http_500"},
		{"a no", dial.Config{AllowPrivate: true}, status(404), "", "http_404"},
		{"a redirect is not followed", dial.Config{AllowPrivate: true}, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, target.URL, http.StatusTemporaryRedirect)
		}, "", "http_307"},
		{"an address inside", dial.Config{}, nil, "", "address_refused"},
		{"no https", dial.Config{AllowPrivate: true}, nil, "http://bank.example/", "address_refused"},
		{"no address", dial.Config{AllowPrivate: true}, nil, "://", "address_refused"},
		{"an answer that takes too long", dial.Config{AllowPrivate: true, Timeout: 50 * time.Millisecond}, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "", "no_answer"},
		{"an answer that is too large", dial.Config{AllowPrivate: true}, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, answerSize+1)) }, "", "answer_too_large"},
		{"a line that breaks", dial.Config{AllowPrivate: true}, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "", "no_answer"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			h := newHouse(t)
			h.open(dial.New(tt.http))
			c := newClient(t, tt.say)
			if tt.uri == "" {
				tt.uri = c.URL
			}
			h.at("bank", tt.uri)
			h.queue("bank", "g", "event1")
			h.deliver()
			if d := h.state("bank", "event1"); d.State != Waiting || d.Tries != 1 || d.Last != tt.want || !d.Next.Equal(start.Add(5*time.Second)) {
				t.Errorf("kept as %+v; want %s, to be tried in 5 s", d, tt.want)
			}
			if refused := tt.want == "address_refused"; refused && len(c.ids()) > 0 {
				t.Error("the address was reached")
			}
			list, err := h.List(t.Context(), "", true)
			if err != nil || len(list) != 1 {
				t.Errorf("List of what failed: %v, %v", list, err)
			}
		})
	}
	if len(target.ids()) > 0 {
		t.Error("a redirect was followed")
	}
}

func TestKeysAreOfTheRightKind(t *testing.T) {
	h := newHouse(t)
	c := h.Config
	es, err := jose.Generate(jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	c.Key = es
	if _, err := New(c); err == nil {
		t.Error("an outbox signs with ES256, which Standard Webhooks does not know")
	}
	b, err := json.Marshal(h.Keys())
	if err != nil || !strings.Contains(string(b), `"kty":"OKP"`) || strings.Contains(string(b), `"d"`) {
		t.Errorf("Keys = %s, %v", b, err)
	}
}

func TestATestIsSentOnceAndNotKept(t *testing.T) {
	h := newHouse(t)
	if _, err := h.Test(t.Context(), "bank"); err != ErrNowhere {
		t.Errorf("without an address: %v", err)
	}
	h.at("bank", "suspended")
	if _, err := h.Test(t.Context(), "bank"); err != ErrSuspended {
		t.Errorf("suspended: %v", err)
	}
	say := 200
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(say) })
	h.at("bank", c.URL)
	for _, say = range []int{200, 503} {
		r, err := h.Test(t.Context(), "bank")
		if err != nil || r.Taken != (say == 200) || r.Said != fmt.Sprintf("http_%d", say) || !strings.HasPrefix(r.ID, "test_") {
			t.Errorf("Test = %+v, %v", r, err)
		}
	}
	all := c.all()
	if len(all) != 2 || !strings.Contains(all[0].body, `"type":"webhook.test"`) || !strings.Contains(all[0].body, `"data":{"client_id":"bank"}`) {
		t.Fatalf("the client saw %+v", all)
	}
	if err := verify(h.whpk(), all[0], h.now()); err != nil {
		t.Error(err)
	}
	if list, err := h.List(t.Context(), "", false); err != nil || len(list) != 0 {
		t.Errorf("kept: %v, %v", list, err)
	}
}

// FuzzAnswer holds that whatever a client says, its event is either taken or
// tried again within the time that was promised.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "", "ok")
	f.Add(503, "120", "")
	f.Add(429, "Sun, 01 Nov 2026 09:00:00 GMT", "")
	f.Add(410, "-1", "")
	f.Add(302, "99999999999999999999", "")
	f.Fuzz(func(t *testing.T, code int, retryAfter, body string) {
		if code < 200 || code > 999 {
			return
		}
		h := newHouse(t)
		h.open(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: code, Header: http.Header{"Retry-After": {retryAfter}}, Body: nopBody(body), Request: r, ContentLength: -1}, nil
		}), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }})
		h.at("bank", "https://bank.example/")
		h.queue("bank", "g", "event1")
		h.deliver()
		d := h.state("bank", "event1")
		if (d.State == Taken) != (code < 300 && len(body) <= answerSize) {
			t.Errorf("%d is %s", code, d.State)
		}
		if d.State == Waiting && (d.Next.Before(start) || d.Next.After(start.Add(24*time.Hour))) {
			t.Errorf("tried again at %v", d.Next)
		}
	})
}

// What an event is about stands in it, and nothing that it is not about.
func TestTheBodySaysWhatItIsAbout(t *testing.T) {
	at := time.Date(2026, 11, 22, 8, 0, 0, 999_000, time.UTC)
	for _, tt := range []struct{ event, want string }{
		{GrantRevoked, `{"type":"grant.revoked","timestamp":"2026-11-22T08:00:00Z","data":{"client_id":"bank","grant_id":"g1"}}`},
		{RetentionEnded, `{"type":"retention.ended","timestamp":"2026-11-22T08:00:00Z","data":{"client_id":"bank","grant_id":"g1","keep_until":"2026-12-01T00:00:00Z"}}`},
		{NeedsPerson, `{"type":"connection.needs_person","timestamp":"2026-11-22T08:00:00Z","data":{"client_id":"bank","grant_id":"g1","source":"alipay"}}`},
	} {
		e := Event{ID: "e", At: at, Client: "bank", Type: tt.event, Grant: "g1"}
		switch tt.event {
		case RetentionEnded:
			e.KeepUntil = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
		case NeedsPerson:
			e.Source = "alipay"
		}
		if b, err := e.Body(); err != nil || string(b) != tt.want {
			t.Errorf("%s: %s, %v; want %s", tt.event, b, err, tt.want)
		}
	}
}
