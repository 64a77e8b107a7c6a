package house

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jali/consent"
)

// recurring is an access token of a daily grant, and what gets the next.
func (p *prober) recurring() (token string, refresh url.Values) {
	p.t.Helper()
	_, trade := p.given(daily)
	got := p.do("POST", "/oauth/token", call{form: trade})
	if got.text("refresh_token") == "" {
		p.t.Fatalf("token: %d %s", got.status, got.body)
	}
	return got.text("access_token"), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.text("refresh_token")}}
}

func (p *prober) again(refresh url.Values) (token string) {
	p.t.Helper()
	return p.do("POST", "/oauth/token", call{form: refresh}).text("access_token")
}

// usesLeft is what a view said.
func usesLeft(a answer) int { n, _ := a.json["uses_left"].(float64); return int(n) }

// One key is one intention: whoever repeats it gets the same view, byte for byte,
// as long as there is one, and is told for a day that it has gone.
func TestIdempotencyKeys(t *testing.T) {
	p := newProber(t)
	p.now.Add(3600)
	token, refresh := p.recurring()
	const key = "one-intention-of-ours"
	first := p.open(token, key, "{}")
	if first.status != http.StatusCreated || usesLeft(first) != 3 {
		t.Fatalf("%d %s", first.status, first.body)
	}
	for why, body := range map[string]string{"the same": "{}", "the same in other words": " { } "} {
		p.now.Add(60)
		if got := p.open(token, key, body); got.status != http.StatusCreated || !bytes.Equal(got.body, first.body) {
			t.Errorf("%s: %d, the same bytes: %v", why, got.status, bytes.Equal(got.body, first.body))
		}
	}
	if got := p.open(token, key, `{"datatypes":["bills"]}`); got.code() != "idempotency_mismatch" {
		t.Errorf("another body: %d %s", got.status, got.body)
	}
	if got := p.open(token, key+"-2", "{}"); got.status != http.StatusCreated || usesLeft(got) != 2 || got.text("id") == first.text("id") {
		t.Errorf("another key: %d %s", got.status, got.body)
	}
	p.now.Add(11 * 60)
	for _, later := range []time.Duration{0, 12 * time.Hour, 11*time.Hour + 30*time.Minute} {
		p.now.Add(int64(later.Seconds()))
		p.Sweep(t.Context())
		if got := p.open(p.again(refresh), key, "{}"); got.status != http.StatusGone || got.code() != "view_expired" {
			t.Errorf("after it has gone and %v more: %d %s", later, got.status, got.body)
		}
	}
	p.now.Add(3 * 3600)
	p.Sweep(t.Context())
	if got := p.open(p.again(refresh), key, "{}"); got.status != http.StatusCreated || bytes.Equal(got.body, first.body) {
		t.Errorf("after more than a day the key is free again: %d %s", got.status, got.body)
	}
}

// A twin waits for the one that is at work and gets the same bytes; between them
// they spend one use. One with another body is refused, whoever comes first.
func TestTwinsGetTheSameView(t *testing.T) {
	p := newProber(t)
	p.now.Add(3600)
	token, _ := p.recurring()
	if got := p.open(token, "to-have-a-nonce-first", "{}"); got.status != http.StatusCreated {
		t.Fatalf("%d %s", got.status, got.body)
	}
	const twins = 8
	at, begin := make(chan struct{}, 2*twins), make(chan struct{})
	var once sync.Once
	defer p.changing(func(g consent.Grant, err error) (consent.Grant, error) {
		once.Do(func() { // the first is held until all the others have come
			for range twins {
				<-at
			}
		})
		return g, err
	})()
	arrive := func() { at <- struct{}{} }
	p.arrive.Store(&arrive)
	answers := make([]answer, twins)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			<-begin
			answers[i] = p.open(token, "a-key-that-twins-have", "{}")
		})
	}
	close(begin)
	wg.Wait()
	for i, got := range answers {
		if got.status != http.StatusCreated || !bytes.Equal(got.body, answers[0].body) || usesLeft(got) != 2 {
			t.Errorf("twin %d: %d %.200s", i, got.status, got.body)
		}
	}
}

// A cursor tells nothing, and may be asked with again; it is good for the view
// that gave it, in whatever steps, and for no other.
func TestCursors(t *testing.T) {
	p := newProber(t)
	p.now.Add(3600)
	view, token, _ := p.opened()
	page := func(view, query string) answer {
		p.now.Add(2) // no limit is met
		return p.do("GET", "/v1/views/"+view+"/bills"+query, call{token: token})
	}
	bills := func(a answer) (ids []string) {
		items, _ := a.json["items"].([]any)
		for _, b := range items {
			ids = append(ids, b.(map[string]any)["id"].(string))
		}
		return ids
	}
	all := bills(page(view, "?limit=500"))
	if len(all) < 20 {
		t.Fatalf("%d bills", len(all))
	}
	first := page(view, "?limit=3")
	next := first.text("next")
	second := page(view, "?limit=3&cursor="+next)
	if got := page(view, "?limit=3&cursor="+next); !bytes.Equal(got.body, second.body) || got.status != http.StatusOK {
		t.Errorf("the same cursor again: %d, the same bytes: %v", got.status, bytes.Equal(got.body, second.body))
	}
	if got := bills(page(view, "?limit=7&cursor="+next)); !slices.Equal(got, all[3:10]) {
		t.Errorf("with another limit: %v, want %v", got, all[3:10])
	}
	var walked []string
	for at, query := 0, "?limit=5"; query != "" && at < 100; at++ {
		got := page(view, query)
		walked = append(walked, bills(got)...)
		if query = ""; got.text("next") != "" {
			query = "?limit=5&cursor=" + got.text("next")
		}
	}
	if !slices.Equal(walked, all) {
		t.Errorf("page by page there are %d bills, in one go %d, or in another order", len(walked), len(all))
	}
	if strings.Contains(next, strings.TrimPrefix(view, "view_")[:8]) {
		t.Errorf("the cursor %s tells of its view", next)
	}
	wrong := map[string]string{"one cut short": next[:len(next)-1], "one with more behind it": next + "A"}
	for i := range next {
		c := byte('A')
		if next[i] == c {
			c = 'B'
		}
		wrong[fmt.Sprint("one changed at ", i)] = next[:i] + string(c) + next[i+1:]
	}
	other := p.open(token, "another-view-of-ours", "{}")
	mine := page(other.text("id"), "?limit=3").text("next")
	wrong["another view's"] = mine
	foreign, own := p.app, token
	p.app, p.nonce = p.apps[2], ""
	theirs, theirToken, _ := p.opened()
	wrong["another client's"] = p.do("GET", "/v1/views/"+theirs+"/bills?limit=3", call{token: theirToken}).text("next")
	p.app, p.nonce, token = foreign, "", own
	for why, cursor := range wrong {
		if got := page(view, "?limit=3&cursor="+cursor); got.status != http.StatusBadRequest || got.code() != "cursor_invalid" {
			t.Errorf("%s: %d %.200s", why, got.status, got.body)
		}
	}
}

// What is answered is JSON in UTF-8 whose members come in one order, by name: two
// answers about the same are the same bytes. (That nothing personal may be kept
// is asked of every answer of every test, by package conform.)
func TestJSONIsTheSameEachTime(t *testing.T) {
	p := newProber(t)
	p.now.Add(3600)
	_, token := p.token(daily)
	opened := p.open(token, "the-same-each-time-1", "{}")
	for range 3 {
		if got := p.do("GET", "/v1/views/"+opened.text("id"), call{token: token}); !bytes.Equal(got.body, opened.body) {
			t.Error("the view that is read is not the one that was opened")
		}
	}
	for path, got := range map[string]answer{
		"POST /v1/views": opened, "GET /v1/sources": p.send("GET", "/v1/sources", http.Header{}, ""),
		"a problem": p.send("GET", "/v1/nowhere", http.Header{}, ""),
	} {
		if media := got.header.Get("Content-Type"); media != "application/json" && media != "application/problem+json" {
			t.Errorf("%s: Content-Type %s", path, media)
		}
		if !bytes.HasPrefix(got.body, []byte("{")) {
			t.Errorf("%s begins with %.10q", path, got.body)
		}
		inOrder(t, path, got.body)
	}
	if !bytes.Contains(opened.body, []byte("瑞幸咖啡")) {
		t.Error("text is not UTF-8 as it stands")
	}
}

// inOrder fails t where the members of an object do not come by name.
func inOrder(t *testing.T, path string, body []byte) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	var walk func() error
	walk = func() error {
		token, err := d.Token()
		if err != nil {
			return err
		}
		open, is := token.(json.Delim)
		if !is {
			return nil
		}
		last := ""
		for d.More() {
			if open == '{' {
				name, err := d.Token()
				if err != nil {
					return err
				}
				if name.(string) <= last {
					t.Errorf("%s: %s comes behind %s", path, name, last)
				}
				last = name.(string)
			}
			if err := walk(); err != nil {
				return err
			}
		}
		_, err = d.Token()
		return err
	}
	if err := walk(); err != nil && err != io.EOF {
		t.Errorf("%s: %v", path, err)
	}
}
