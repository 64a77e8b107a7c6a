package oauth

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"jali/internal/brake"
)

// braked opens a house with limits of one token a second.
func braked(t *testing.T, address, client int) *house {
	t.Helper()
	h := open(t)
	limit := func(name string, burst int) *brake.Brake {
		return brake.New(name, brake.Limit{Every: time.Second, Burst: burst}, h.clock.now)
	}
	h.server.Brakes = Brakes{Address: limit("address", address), Client: map[string]*brake.Brake{
		"introspect": limit("introspect", client), "par": limit("par", client),
	}}
	return h
}

func TestAClientThatAsksTooOften(t *testing.T) {
	h := braked(t, 1000, 2)
	for _, left := range []string{"1", "0"} {
		got := h.introspect(h.bank, "a token")
		if got.status != http.StatusOK || got.header.Get("RateLimit") != `"introspect";r=`+left+`;t=`+map[string]string{"1": "1", "0": "2"}[left] {
			t.Fatalf("%v with %v", got, got.header)
		}
	}
	got := h.introspect(h.bank, "a token")
	if got.status != http.StatusTooManyRequests || got.text("error") != "temporarily_unavailable" || got.header.Get("Retry-After") != "1" ||
		got.header.Get("RateLimit-Policy") != `"introspect";q=2;w=2` || got.header.Get("RateLimit") != `"introspect";r=0;t=1` {
		t.Errorf("the third: %v with %v", got, got.header)
	}
	if got := h.introspect(h.other, "a token"); got.status != http.StatusOK {
		t.Errorf("another client: %v", got)
	}
	if got := h.post("/oauth/par", h.parForm(h.bank, once)); got.status != http.StatusCreated {
		t.Errorf("another endpoint: %v", got)
	}
	h.clock.pass(time.Second)
	if got := h.introspect(h.bank, "a token"); got.status != http.StatusOK {
		t.Errorf("after Retry-After: %v", got)
	}
}

// A stranger who names a client has no part in what that client has left.
func TestStrangersCannotUseUpAClientsBudget(t *testing.T) {
	h := braked(t, 100000, 2)
	for range 20 {
		form := h.form(h.bank, "token", "a token")
		form.Set("client_assertion", h.assertion(app{id: h.bank.id, key: h.other.key}, nil, nil))
		if got := h.post("/oauth/introspect", form); got.status != http.StatusUnauthorized {
			t.Fatalf("a stranger: %v", got)
		}
	}
	if got := h.introspect(h.bank, "a token"); got.status != http.StatusOK || got.header.Get("RateLimit") != `"introspect";r=1;t=1` {
		t.Errorf("the client after them: %v with %v", got, got.header)
	}
}

// Ten good tries cost an address as much as one wrong assertion, and an
// address that has nothing left is told so before its form is read.
func TestGuessesWeighMoreOnTheAddress(t *testing.T) {
	h := braked(t, 25, 1000)
	wrong := url.Values{"client_assertion": {"guess"}, "client_assertion_type": {assertionType}, "client_id": {h.bank.id}}
	for range 2 {
		if got := h.post("/oauth/token", wrong); got.status != http.StatusUnauthorized {
			t.Fatalf("a guess: %v", got)
		}
	}
	for range 5 {
		if got := h.introspect(h.bank, "a token"); got.status != http.StatusOK {
			t.Fatalf("with 5 of 25 left: %v", got)
		}
	}
	for _, path := range []string{"/oauth/par", "/oauth/token", "/oauth/introspect", "/oauth/revoke"} {
		got := h.post(path, nil)
		if got.status != http.StatusTooManyRequests || got.text("error") == "" || got.header.Get("Retry-After") != "1" || got.header.Get("RateLimit") != `"address";r=0;t=1` {
			t.Errorf("%s: %v with %v", path, got, got.header)
		}
	}
	for _, path := range []string{"/oauth/authorize", "/oauth/jwks", "/.well-known/oauth-authorization-server"} {
		if got := h.get(path); got.status == http.StatusTooManyRequests {
			t.Errorf("%s is for everybody, and answers %v", path, got)
		}
	}
}
