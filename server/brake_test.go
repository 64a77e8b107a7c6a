package server_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"jali/consent"
	"jali/internal/aggregate"
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
		if a := e.send(t, "POST", "/v1/views", `{}`, good...); a.StatusCode != http.StatusCreated || !strings.HasPrefix(a.Header.Get("RateLimit-Policy"), `"grant";q=2;w=2, "source-`) {
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

// A client sees in every answer what is left of its budgets: the calls of the
// grant, its uses of the day, and, where it opened a view, the readings of each
// source that counts them. The day of the uses ends where the grant says so.
func TestBudgetsAreTold(t *testing.T) {
	now := time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC) // 6 in the morning in Shanghai
	given := consent.Grant{State: consent.Given, Agreed: consent.Terms{Uses: consent.Uses{Limit: 4, Per: "day"}, Until: now.AddDate(0, 1, 0)},
		Day: "2026-11-22", DayUses: 1}
	view := sample()
	view.UsesLeft = 2
	view.Sources = []aggregate.Report{
		{Source: "alipay", Status: aggregate.Fresh, AsOf: now}, // counts nothing
		{Source: "xihe_bank", Status: aggregate.Fresh, AsOf: now, Unattended: &aggregate.Unattended{Limit: 4, Left: 3, ResetsAt: now.Add(18 * time.Hour)}},
		{Source: "xihe_bank", Status: aggregate.Skipped, AsOf: now, Owner: "source", Code: "source_budget", Unattended: &aggregate.Unattended{Limit: 4, ResetsAt: now.Add(18 * time.Hour)}},
	}
	e := stand(t, func(c *server.Config) {
		c.Now = func() time.Time { return now }
		c.Brakes.Grant = brake.New("grant", brake.Limit{Every: time.Second, Burst: 60}, c.Now)
		c.Authenticate = func(http.Header, *http.Request) (server.Caller, error) {
			return server.Caller{Client: "bank", Grant: "grt_1", Given: given}, nil
		}
	})
	e.views.view = view
	const uses = `"uses";q=4;w=86400`
	for _, tt := range []struct{ why, method, path, policy, left string }{
		{"a look", "POST", "/v1/views", `"grant";q=60;w=60, ` + uses + `, "source-xihe_bank";q=4;w=86400`,
			`"grant";r=59;t=1, "uses";r=2;t=64800, "source-xihe_bank";r=0;t=64800`},
		{"a reading, which spends no use", "GET", "/v1/views/view_0123456789abcdef", `"grant";q=60;w=60, ` + uses, `"grant";r=58;t=2, "uses";r=3;t=64800`},
	} {
		a := e.send(t, tt.method, tt.path, map[string]string{"POST": "{}"}[tt.method], good...)
		if got := a.Header.Get("RateLimit-Policy"); got != tt.policy {
			t.Errorf("%s: %d, RateLimit-Policy %s, want %s", tt.why, a.StatusCode, got, tt.policy)
		}
		if got := a.Header.Get("RateLimit"); got != tt.left {
			t.Errorf("%s: RateLimit %s, want %s", tt.why, got, tt.left)
		}
	}
	e.views.view.Again = true // a repeat: nothing is spent, and what the sources had left then may have gone since
	if a := e.send(t, "POST", "/v1/views", "{}", good...); a.Header.Get("RateLimit") != `"grant";r=57;t=3, "uses";r=3;t=64800` {
		t.Errorf("a repeat: %d, RateLimit %s", a.StatusCode, a.Header.Get("RateLimit"))
	}
	given.DayUses = 4
	e.views.err = consent.ErrSpentToday.After(given.DayEnds(now).Sub(now))
	a := e.send(t, "POST", "/v1/views", "{}", good...)
	if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("RateLimit") != `"grant";r=56;t=4, "uses";r=0;t=64800` || a.Header.Get("Retry-After") != "64800" {
		t.Errorf("no use left: %d, RateLimit %s, Retry-After %s", a.StatusCode, a.Header.Get("RateLimit"), a.Header.Get("Retry-After"))
	}
}
