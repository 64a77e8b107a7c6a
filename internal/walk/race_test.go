package walk

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"jali/openapi/client"
)

// oneLook asks for one look at everything that a view can show.
var oneLook = []map[string]any{{
	"type": "account_view", "actions": []string{"view"}, "datatypes": []string{"balances", "bills"},
	"purpose": "bill_overview", "bill_fields": "standard", "uses": map[string]any{"limit": 1},
}}

// code walks a client to an authorization code.
func (h *house) code(t *testing.T, c *client.Client, person string) (code, verifier string) {
	t.Helper()
	verifier = rand.Text() + rand.Text()
	authorize, err := c.Push(t.Context(), "s", verifier, oneLook)
	if err != nil {
		t.Fatal(err)
	}
	back, err := h.decide(t.Context(), authorize, person, "allow")
	if err != nil {
		t.Fatal(err)
	}
	if code = back.Query().Get("code"); code == "" || back.Query().Get("iss") != h.Issuer {
		t.Fatalf("the redirect has error %q and no code, or is of another issuer", back.Query().Get("error"))
	}
	return code, verifier
}

// outcome is a status and, of a problem, its code.
func outcome(err error) string {
	var p *client.Problem
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &p):
		return fmt.Sprint(p.Status, " ", p.Code)
	default:
		return err.Error()
	}
}

// together runs f n times at once and counts the outcomes.
func together(n int, f func(i int) error) map[string]int {
	var mu sync.Mutex
	var wg sync.WaitGroup
	begin, counts := make(chan struct{}), map[string]int{}
	for i := range n {
		wg.Go(func() {
			<-begin
			o := outcome(f(i))
			mu.Lock()
			counts[o]++
			mu.Unlock()
		})
	}
	close(begin)
	wg.Wait()
	return counts
}

func (h *house) testOneUse(t *testing.T) {
	c := h.client(t, 1)
	code, verifier := h.code(t, c, h.People[0].ID)
	token, err := c.Redeem(t.Context(), code, verifier)
	if err != nil {
		t.Fatal(err)
	}
	got := together(64, func(int) error {
		return c.OpenView(t.Context(), token.AccessToken, rand.Text(), struct{}{}, nil)
	})
	if got["ok"] != 1 || got["403 grant_spent"] != 63 {
		t.Errorf("64 views at once with 64 keys: %v; want 1 ok and 63 × 403 grant_spent", got)
	}
}

func (h *house) testOneView(t *testing.T) {
	c := h.client(t, 1)
	code, verifier := h.code(t, c, h.People[0].ID)
	token, err := c.Redeem(t.Context(), code, verifier)
	if err != nil {
		t.Fatal(err)
	}
	key, views := rand.Text(), make([]json.RawMessage, 64)
	got := together(64, func(i int) error {
		return c.OpenView(t.Context(), token.AccessToken, key, struct{}{}, &views[i])
	})
	if got["ok"] != 64 {
		t.Fatalf("64 views at once with one key: %v; want 64 ok", got)
	}
	for i := range views {
		if string(views[i]) != string(views[0]) {
			t.Fatalf("answer %d differs from the first", i)
		}
	}
	if err := c.OpenView(t.Context(), token.AccessToken, rand.Text(), struct{}{}, nil); outcome(err) != "403 grant_spent" {
		t.Errorf("another key afterwards: %v; want 403 grant_spent", err)
	}
}

func (h *house) testCodes(t *testing.T) {
	c := h.client(t, 1)
	const codes, tries = 200, 16
	total := map[string]int{}
	for i := range codes {
		code, verifier := h.code(t, c, h.People[i%len(h.People)].ID)
		got := together(tries, func(int) error {
			_, err := c.Redeem(t.Context(), code, verifier)
			return err
		})
		if got["ok"] != 1 {
			t.Fatalf("code %d, %d redemptions at once: %v; want 1 ok", i, tries, got)
		}
		for o, n := range got {
			total[o] += n
		}
	}
	if total["ok"] != codes || total[fmt.Sprint(http.StatusBadRequest, " invalid_grant")] != codes*(tries-1) {
		t.Errorf("%d codes × %d redemptions: %v; want %d ok, the others 400 invalid_grant", codes, tries, total, codes)
	}
}
