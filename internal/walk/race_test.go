package walk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"jali/openapi/client"
)

// oneLook asks for one look at everything that a view can show.
var oneLook = client.AccountView{
	Datatypes: []client.Datatype{"balances", "bills"}, BillFields: "standard", Purpose: "bill_overview", Uses: client.Uses{Limit: 1},
}

// code walks a client to an authorization code, in what the browser brings.
func (h *house) code(t *testing.T, c *client.Client, person string, wanted client.AccountView) (*client.Authorization, url.Values) {
	t.Helper()
	asking, err := c.Push(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	back, err := h.decide(t.Context(), asking.URL, person, "allow")
	if err != nil {
		t.Fatal(err)
	}
	return asking, back.Query()
}

// given walks a client to its tokens.
func (h *house) given(t *testing.T, c *client.Client, person string, wanted client.AccountView) *client.Session {
	t.Helper()
	asking, callback := h.code(t, c, person, wanted)
	session, err := c.Redeem(t.Context(), asking, callback)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// look opens a view.
func look(t *testing.T, s *client.Session, key string) (*client.View, error) {
	return s.OpenView(t.Context(), client.OpenViewParams{IdempotencyKey: key}, client.Want{})
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
	session := h.given(t, h.client(t, 1), h.People[0].ID, oneLook)
	got := together(64, func(int) error {
		_, err := look(t, session, rand.Text())
		return err
	})
	if got["ok"] != 1 || got["403 grant_spent"] != 63 {
		t.Errorf("64 views at once with 64 keys: %v; want 1 ok and 63 × 403 grant_spent", got)
	}
}

func (h *house) testOneView(t *testing.T) {
	session := h.given(t, h.client(t, 1), h.People[0].ID, oneLook)
	key, views := rand.Text(), make([][]byte, 64)
	got := together(64, func(i int) error {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.Issuer+"/v1/views", strings.NewReader("{}"))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
		resp, err := session.Do(r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if views[i], err = io.ReadAll(resp.Body); err == nil && resp.StatusCode != http.StatusCreated {
			err = errors.New(resp.Status)
		}
		return err
	})
	if got["ok"] != 64 {
		t.Fatalf("64 views at once with one key: %v; want 64 ok", got)
	}
	for i := range views {
		if string(views[i]) != string(views[0]) {
			t.Fatalf("answer %d differs from the first", i)
		}
	}
	if _, err := look(t, session, rand.Text()); outcome(err) != "403 grant_spent" {
		t.Errorf("another key afterwards: %v; want 403 grant_spent", err)
	}
}

func (h *house) testCodes(t *testing.T) {
	c := h.client(t, 1)
	const codes, tries = 200, 16
	total := map[string]int{}
	for i := range codes {
		asking, callback := h.code(t, c, h.People[i%len(h.People)].ID, oneLook)
		got := together(tries, func(int) error {
			_, err := c.Redeem(t.Context(), asking, callback)
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
