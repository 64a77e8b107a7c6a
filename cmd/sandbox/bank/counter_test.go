package bank

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// elsewhere knows one code.
func (j *jali) elsewhere(w http.ResponseWriter, r *http.Request) {
	if r.PostFormValue("client_assertion") == "" || !strings.Contains(r.PostFormValue("authorization_details"), "account_view") {
		j.Error("the request is not authenticated, or asks for nothing")
	}
	if r.PostFormValue("login_hint") != "12345678" {
		answer(w, http.StatusBadRequest, map[string]any{"error": "unknown_user_id"})
		return
	}
	j.binding, j.decided, j.polls, j.used, j.revoked = r.PostFormValue("binding_message"), "authorization_pending", 0, false, false
	answer(w, http.StatusOK, map[string]any{"auth_req_id": "request", "expires_in": 300, "interval": 5})
}

func (j *jali) polled(w http.ResponseWriter, r *http.Request) {
	j.polls++
	switch {
	case r.PostFormValue("auth_req_id") != "request":
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
	case j.decided != "":
		answer(w, http.StatusBadRequest, map[string]any{"error": j.decided})
	default:
		j.decided, j.token = "invalid_grant", "token-of-the-counter"
		answer(w, http.StatusOK, map[string]any{"access_token": j.token, "token_type": "DPoP", "expires_in": 900})
	}
}

// teller is a person whose clock is moved by hand.
func teller(t *testing.T, j *jali) (*person, func(time.Duration)) {
	p := newPerson(t, j)
	var mu sync.Mutex
	at := time.Date(2026, 10, 4, 2, 0, 0, 0, time.UTC)
	p.bank.now = func() time.Time { mu.Lock(); defer mu.Unlock(); return at }
	return p, func(d time.Duration) { mu.Lock(); defer mu.Unlock(); at = at.Add(d) }
}

func code(digits string) url.Values { return url.Values{"code": {digits}} }

func TestAtTheCounter(t *testing.T) {
	j := newJali(t)
	p, pass := teller(t, j)
	_, page, _ := p.do("GET", "/")
	p.sees(page, `href="/counter"`)
	_, page, _ = p.do("GET", "/counter")
	p.sees(page, "报码授权", `name="code"`, `href="/counter?lang=en"`)

	status, page, _ := p.do("POST", "/counter", code(" 1234 5678"))
	if status != http.StatusOK || len(j.binding) != bindingLetters || j.polls != 0 {
		t.Fatalf("POST /counter leads to %d, binding %q, %d polls", status, j.binding, j.polls)
	}
	p.sees(page, ">"+j.binding+"<", "10:05", `id="check"`, `role="status"`)
	p.seesNot(page, "12345678", `name="code"`, `id="bills"`)

	pass(4 * time.Second)
	if p.do("GET", "/counter"); j.polls != 0 {
		t.Error("Jali was asked before its interval")
	}
	pass(time.Second)
	for range 3 {
		if _, page, _ = p.do("GET", "/counter"); j.polls != 1 {
			t.Errorf("Jali was asked %d times, want once in an interval", j.polls)
		}
		p.sees(page, `id="waiting"`)
	}
	j.decided = "slow_down"
	pass(5 * time.Second)
	p.do("GET", "/counter")
	j.decided = ""
	pass(5 * time.Second)
	p.do("GET", "/counter") // 10 s by now
	pass(5 * time.Second)
	_, page, _ = p.do("GET", "/counter")
	p.sees(page, "¥1,000,361.43", "acct_one", "下一位客户")
	if !j.used || j.polls != 3 {
		t.Errorf("the view was opened: %v, after %d polls, want 3", j.used, j.polls)
	}
	_, page, _ = p.do("GET", "/counter")
	p.sees(page, `name="code"`)
	j.revoked = true
	_, page, _ = p.do("GET", "/")
	p.sees(page, `data-code="grant_revoked"`)
	p.seesNot(page, "acct_one")
}

func TestAtTheCounterRefused(t *testing.T) {
	for _, tt := range []struct {
		why, code, decided, problem string
	}{
		{"a wrong code", "87654321", "", "unknown_user_id"},
		{"too short", "1234567", "", "code_digits"},
		{"letters", "1234567x", "", "code_digits"},
		{"nothing", "", "", "code_digits"},
		{"the customer said no", "12345678", "access_denied", "access_denied"},
		{"the customer did not answer", "12345678", "expired_token", "expired_token"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			j := newJali(t)
			p, pass := teller(t, j)
			_, page, _ := p.do("POST", "/counter", code(tt.code))
			if tt.decided != "" {
				j.decided = tt.decided
				pass(5 * time.Second)
				_, page, _ = p.do("GET", "/counter")
			} else {
				p.sees(page, `name="code"`, `aria-describedby="problem"`)
			}
			p.sees(page, `data-code="`+tt.problem+`"`)
			p.seesNot(page, `id="bills"`, "did not agree to this request")
			if _, said := problems[tt.problem]; !said || j.used {
				t.Errorf("%s is put in words: %v; a view was opened: %v", tt.problem, said, j.used)
			}
		})
	}
}

func TestAtTheCounterOutOfReach(t *testing.T) {
	j := newJali(t)
	p, pass := teller(t, j)
	p.do("POST", "/counter", code("12345678"))
	j.mu.Lock()
	j.down = true
	j.mu.Unlock()
	pass(5 * time.Second)
	_, page, _ := p.do("GET", "/counter")
	p.sees(page, `id="waiting"`) // it may come back
	pass(5 * time.Minute)
	_, page, _ = p.do("GET", "/counter")
	p.sees(page, `data-code="unreachable"`)
}
