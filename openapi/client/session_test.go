package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"jali/openapi/client"
)

func renewing(j *jali) {
	n := 0
	j.says["/oauth/token"] = func(w http.ResponseWriter, r *http.Request) {
		n++
		says(200, fmt.Sprintf(`{"access_token":"A%d","token_type":"DPoP","expires_in":900}`, n))(w, r)
	}
}

func TestASessionRenewsItself(t *testing.T) {
	j, c := stand(t, 200, `{"id":"view_1"}`)
	renewing(j)
	at := time.Unix(1800000000, 0)
	c.Now = func() time.Time { return at }
	s := c.Session(client.Token{AccessToken: "A0", RefreshToken: "R", GrantID: "grant_1", ExpiresAt: at.Add(time.Minute)})
	read := func(why, token string, requests int) {
		t.Helper()
		j.got = nil
		if _, err := s.ReadView(t.Context(), "view_1"); err != nil || j.last().Header.Get("Authorization") != "DPoP "+token || len(j.got) != requests {
			t.Errorf("%s: %v, by %s after %d requests; want %s after %d", why, err, j.last().Header.Get("Authorization"), len(j.got), token, requests)
		}
	}
	read("while it is good", "A0", 1)
	at = at.Add(31 * time.Second)
	read("half a minute before its end", "A1", 2)
	if form := j.got[0].form; form["grant_type"] != "refresh_token" || form["refresh_token"] != "R" {
		t.Errorf("it is renewed by %v", form)
	}
	read("and then no more", "A1", 1)
	if kept := s.Token(); kept.RefreshToken != "R" || kept.GrantID != "grant_1" || !kept.ExpiresAt.Equal(at.Add(15*time.Minute)) {
		t.Errorf("what the answer leaves out is kept: %+v", kept)
	}
	if err := s.Renew(t.Context()); err != nil || s.Token().AccessToken != "A2" {
		t.Errorf("Renew = %v, by %s", err, s.Token().AccessToken)
	}

	j.says["/v1/views/view_1"] = inTurn(says(401, `{"code":"invalid_token"}`), says(200, `{"id":"view_1"}`))
	read("refused once", "A3", 3)
	j.says["/v1/views/view_1"] = says(401, `{"code":"invalid_token"}`)
	j.got = nil
	if _, err := s.ReadView(t.Context(), "view_1"); err == nil || len(j.got) != 3 {
		t.Errorf("refused for good: %v after %d requests, want 3", err, len(j.got))
	}

	j.says["/v1/views/view_1"] = says(200, `{"id":"view_1"}`)
	j.says["/oauth/token"] = says(503, `{"error":"temporarily_unavailable"}`)
	at = at.Add(15*time.Minute - time.Second)
	read("it cannot be renewed, but is good for a second", "A4", 2)
	at = at.Add(time.Second)
	if _, err := s.ReadView(t.Context(), "view_1"); err == nil {
		t.Error("a token that has ended is used")
	}
}

func TestManyRenewOnce(t *testing.T) {
	j, c := stand(t, 200, `{"id":"view_1"}`)
	renewing(j)
	at := time.Unix(1800000000, 0)
	c.Now = func() time.Time { return at }
	var mu sync.Mutex
	c.HTTP = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		return j.RoundTrip(r)
	})}
	s := c.Session(client.Token{AccessToken: "A0", RefreshToken: "R", ExpiresAt: at})
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if _, err := s.ReadView(t.Context(), "view_1"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if s.Token().AccessToken != "A1" || len(j.got) != 17 {
		t.Errorf("%d requests, and the token is %s; want 16 and one for A1", len(j.got), s.Token().AccessToken)
	}
}

func TestAOneShotTokenIsNotRenewed(t *testing.T) {
	j, c := stand(t, 401, `{"code":"invalid_token"}`)
	s := c.Session(client.Token{AccessToken: "A"})
	if _, err := s.ReadView(t.Context(), "x"); err == nil || len(j.got) != 1 {
		t.Errorf("%v after %d requests", err, len(j.got))
	}
	if err := s.Renew(t.Context()); err == nil {
		t.Error("it is renewed by nothing")
	}
}

// What says when to ask again is asked again where that does no harm, in time
// for the caller's deadline.
func TestAskingAgain(t *testing.T) {
	limited := func(status, seconds int) func(http.ResponseWriter, *http.Request) {
		return says(status, fmt.Sprintf(`{"status":%d,"code":"rate_limited","retry_after":%d}`, status, seconds))
	}
	fine := says(200, `{"id":"view_1","auth_req_id":"R"}`)
	read := func(ctx context.Context, c *client.Client) error {
		_, err := c.Session(client.Token{AccessToken: "A"}).ReadView(ctx, "view_1")
		return err
	}
	open := func(ctx context.Context, c *client.Client) error {
		_, err := c.Session(client.Token{AccessToken: "A"}).OpenView(ctx, client.OpenViewParams{IdempotencyKey: "key-of-16-letters"}, client.Want{})
		return err
	}
	end := func(ctx context.Context, c *client.Client) error {
		return c.Session(client.Token{AccessToken: "A"}).RevokeGrant(ctx, "grant_1")
	}
	person := func(ctx context.Context, c *client.Client) error {
		_, err := c.Ask(ctx, "12345678", "", wanted)
		return err
	}
	for _, tt := range []struct {
		why      string
		do       func(context.Context, *client.Client) error
		deadline time.Duration // zero: none
		answers  []func(http.ResponseWriter, *http.Request)
		tries    int
		waits    time.Duration
		ok       bool
	}{
		{"a read", read, time.Minute, []func(http.ResponseWriter, *http.Request){limited(503, 2), limited(429, 3), fine}, 3, 5 * time.Second, true},
		{"a view, with the same key", open, time.Minute, []func(http.ResponseWriter, *http.Request){limited(503, 2), fine}, 2, 2 * time.Second, true},
		{"no deadline: nothing is waited for", read, 0, []func(http.ResponseWriter, *http.Request){limited(503, 2), fine}, 1, 0, false},
		{"tomorrow is too late", open, time.Minute, []func(http.ResponseWriter, *http.Request){limited(429, 40000), fine}, 1, 0, false},
		{"no word of when", read, time.Minute, []func(http.ResponseWriter, *http.Request){limited(503, 0), fine}, 1, 0, false},
		{"for ever: until the deadline", read, 10 * time.Second, []func(http.ResponseWriter, *http.Request){limited(503, 3)}, 4, 9 * time.Second, false},
		{"a person is not asked twice", person, time.Minute, []func(http.ResponseWriter, *http.Request){limited(503, 2), fine}, 1, 0, false},
		{"but where nothing was done", person, time.Minute, []func(http.ResponseWriter, *http.Request){limited(429, 2), fine}, 2, 2 * time.Second, true},
		{"a grant is not ended twice", end, time.Minute, []func(http.ResponseWriter, *http.Request){limited(503, 2), fine}, 1, 0, false},
		{"a refusal is final", open, time.Minute, []func(http.ResponseWriter, *http.Request){limited(403, 2), fine}, 1, 0, false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j, c := stand(t, 0, "")
				j.says[""] = inTurn(tt.answers...)
				ctx := t.Context()
				if tt.deadline > 0 {
					var stop func()
					ctx, stop = context.WithTimeout(ctx, tt.deadline)
					defer stop()
				}
				begun := time.Now()
				err := tt.do(ctx, c)
				if (err == nil) != tt.ok || len(j.got) != tt.tries || time.Since(begun) != tt.waits {
					t.Errorf("%v after %d tries and %v; want %d and %v", err, len(j.got), time.Since(begun), tt.tries, tt.waits)
				}
				if first, last := j.got[0], j.last(); first.body != last.body && last.form["client_assertion"] == "" || len(j.got) > 1 && first.Header.Get("DPoP") == last.Header.Get("DPoP") {
					t.Error("it is another request, or the same proof")
				}
			})
		})
	}
}

func TestBillsAreReadToTheirEnd(t *testing.T) {
	j, c := stand(t, 0, "")
	page := func(next string, ids ...string) string {
		items := []string{}
		for _, id := range ids {
			items = append(items, `{"id":"`+id+`"}`)
		}
		return `{"items":[` + strings.Join(items, ",") + `],"next":` + next + `}`
	}
	j.says["/v1/views/view_1"] = says(200, `{"id":"view_1","bills":`+page(`"two"`, "b1", "b2")+`}`)
	j.says["/v1/views/view_1/bills"] = inTurn(says(200, page(`"three"`)), says(200, page(`null`, "b3")))
	s := c.Session(client.Token{AccessToken: "A"})
	v, err := s.ReadView(t.Context(), "view_1")
	if err != nil {
		t.Fatal(err)
	}
	read := func(atMost int) (ids string, err error) {
		for b, err := range s.Bills(t.Context(), v) {
			if err != nil {
				return ids, err
			}
			if ids += b.ID; len(ids) == 2*atMost {
				break
			}
		}
		return ids, nil
	}
	if ids, err := read(9); ids != "b1b2b3" || err != nil || j.last().URL.RawQuery != "cursor=three&limit=500" {
		t.Errorf("read %s, %v, lastly by %s", ids, err, j.last().URL.RawQuery)
	}
	j.got = nil
	if ids, _ := read(2); ids != "b1b2" || len(j.got) != 0 {
		t.Errorf("of a view that holds them, %s takes %d requests", ids, len(j.got))
	}
	j.says["/v1/views/view_1/bills"] = says(410, `{"status":410,"code":"view_expired"}`)
	var p *client.Problem
	if ids, err := read(9); ids != "b1b2" || !errors.As(err, &p) || p.Code != "view_expired" {
		t.Errorf("of a view that goes meanwhile, %s and %v", ids, err)
	}
}

func TestDoSendsAnythingElse(t *testing.T) {
	j, c := stand(t, 0, "")
	nonce := "n-1"
	j.says[""] = nonces(j, &nonce, says(418, `{"code":"teapot"}`))
	s := c.Session(client.Token{AccessToken: "A"})
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, issuer+"/v1/new?a=b#c", strings.NewReader("body"))
	resp, err := s.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if resp.StatusCode != 418 || string(b) != `{"code":"teapot"}` || err != nil || len(j.got) != 2 || j.last().body != "body" {
		t.Errorf("it answers %s %s after %d requests, the last with %q", resp.Status, b, len(j.got), j.last().body)
	}
	j.proven(issuer+"/v1/new", "A")
	if r.Header.Get("DPoP") != "" {
		t.Error("the caller's request was changed")
	}
	r, _ = http.NewRequestWithContext(t.Context(), http.MethodPost, issuer+"/v1/new", io.LimitReader(strings.NewReader("body"), 4))
	if _, err := s.Do(r); err == nil {
		t.Error("a body that can be read once is sent")
	}
	j.says[""] = says(502, "<html>")
	if r, _ = http.NewRequestWithContext(t.Context(), http.MethodGet, issuer+"/v1/new", nil); true {
		if resp, err := s.Do(r); err != nil || resp.StatusCode != 502 {
			t.Errorf("an answer that is no problem: %v, %v", resp, err)
		}
	}
}

// With a certificate there is no proof, and the server's other address is called.
func TestTokensThatAreBoundToACertificate(t *testing.T) {
	j, c := stand(t, 200, `{"access_token":"A","token_type":"Bearer","expires_in":900,"id":"view_1"}`)
	c.Certified, c.Key = true, nil
	s, err := c.Own(t.Context())
	if r := j.last(); err != nil || r.URL.String() != "https://mtls.jali.example/oauth/token" || r.Header.Get("DPoP") != "" || r.form["client_id"] != "client_1" || r.form["client_assertion"] != "" {
		t.Fatalf("%v: %s with %v", err, r.URL, r.form)
	}
	if _, err := s.ReadView(t.Context(), "view_1"); err != nil || j.last().URL.String() != "https://mtls.jali.example/v1/views/view_1" || j.last().Header.Get("Authorization") != "Bearer A" {
		t.Errorf("%v: %s by %s", err, j.last().URL, j.last().Header.Get("Authorization"))
	}
	j.says[""] = says(200, `{"access_token":"A","token_type":"DPoP","expires_in":900}`)
	if _, err := c.Own(t.Context()); err == nil {
		t.Error("a token that is bound to no certificate is taken")
	}
	c.Key = j.key
	if _, _ = c.Own(t.Context()); j.last().form["client_assertion"] == "" || j.last().Header.Get("DPoP") != "" {
		t.Error("a key beside the certificate authenticates, and proves nothing")
	}
}
