package server_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"jali/internal/brake"
	"jali/internal/fault"
	"jali/server"
)

// braked stands an edge whose brakes give back one token a second of a clock
// that stands still.
func braked(t *testing.T, address, grant int, change func(*server.Config)) (*edge, *atomic.Int64) {
	t.Helper()
	var at atomic.Int64
	now := func() time.Time { return time.Unix(at.Load(), 0) }
	return stand(t, func(c *server.Config) {
		c.Brakes = server.Brakes{
			Address: brake.New("address", brake.Limit{Every: time.Second, Burst: address}, now),
			Grant:   brake.New("grant", brake.Limit{Every: time.Second, Burst: grant}, now),
		}
		if change != nil {
			change(c)
		}
	}), &at
}

func TestAGrantThatIsUsedTooOften(t *testing.T) {
	e, at := braked(t, 1000, 2, nil)
	for range 2 {
		if a := e.send(t, "POST", "/v1/views", `{}`, good...); a.StatusCode != http.StatusCreated || a.Header.Get("RateLimit-Policy") != `"grant";q=2;w=2` {
			t.Fatalf("%d with %v", a.StatusCode, a.Header)
		}
	}
	a := e.send(t, "POST", "/v1/views", `{}`, good...)
	if a.StatusCode != http.StatusTooManyRequests || a.problem.Code != "rate_limited" || a.problem.RetryAfter != 1 || string(a.problem.Owner) != "client" ||
		a.Header.Get("Retry-After") != "1" || a.Header.Get("RateLimit") != `"grant";r=0;t=1` {
		t.Errorf("the third: %d %+v with %v", a.StatusCode, a.problem, a.Header)
	}
	if len(e.views.got) != 2 {
		t.Errorf("%d views were opened, want 2", len(e.views.got))
	}
	if a := e.send(t, "GET", "/v1/sources", ""); a.StatusCode != http.StatusOK || a.Header.Get("RateLimit") != "" {
		t.Errorf("what is public: %d with %v", a.StatusCode, a.Header)
	}
	at.Add(1)
	if a := e.send(t, "POST", "/v1/views", `{}`, good...); a.StatusCode != http.StatusCreated {
		t.Errorf("after Retry-After: %d", a.StatusCode)
	}
}

func TestGuessedTokensStopAnAddressBeforeTheyAreLookedAt(t *testing.T) {
	var asked int
	refuse := &fault.Error{Kind: fault.Unauthenticated, Code: "invalid_token", Detail: "no"}
	e, _ := braked(t, 25, 1000, func(c *server.Config) {
		c.Authenticate = func(http.Header, *http.Request) (server.Caller, error) { asked++; return server.Caller{}, refuse }
	})
	for range 10 {
		e.send(t, "POST", "/v1/views", `{}`, good...)
	}
	if asked != 3 { // at 10 tokens each, of 25
		t.Errorf("%d guesses were looked at, want 3", asked)
	}
	if a := e.send(t, "POST", "/v1/views", `{}`, good...); a.problem.Code != "rate_limited" || a.Header.Get("RateLimit") == "" {
		t.Errorf("then: %d %+v", a.StatusCode, a.problem)
	}
}

// A nonce that was not known and a grant that the person has ended are no guesses.
func TestNotEveryRefusalIsAGuess(t *testing.T) {
	for _, code := range []string{"use_dpop_nonce", "grant_revoked", "insufficient_user_authentication"} {
		e, _ := braked(t, 25, 1000, func(c *server.Config) {
			c.Authenticate = func(http.Header, *http.Request) (server.Caller, error) {
				return server.Caller{}, &fault.Error{Kind: fault.Unauthenticated, Code: code, Detail: "no"}
			}
		})
		for i := range 25 {
			if a := e.send(t, "POST", "/v1/views", `{}`, good...); a.StatusCode != http.StatusUnauthorized {
				t.Fatalf("%s: the %dth is answered %d", code, i+1, a.StatusCode)
			}
		}
	}
}

// Who authenticates a request may give the answer a header, whatever becomes of it.
func TestANonceIsAnsweredEitherWay(t *testing.T) {
	var err error
	e := stand(t, func(c *server.Config) {
		c.Authenticate = func(answer http.Header, _ *http.Request) (server.Caller, error) {
			answer.Set("DPoP-Nonce", "fresh")
			return server.Caller{Client: "bank", Grant: "grt_1"}, err
		}
	})
	for _, err = range []error{nil, challenge{&fault.Error{Kind: fault.Unauthenticated, Code: "use_dpop_nonce", Detail: "no"}}} {
		a := e.send(t, "POST", "/v1/views", `{}`, good...)
		if a.Header.Get("DPoP-Nonce") != "fresh" || (err != nil) != (a.StatusCode == http.StatusUnauthorized) {
			t.Errorf("%v: %d with %v", err, a.StatusCode, a.Header)
		}
	}
}
