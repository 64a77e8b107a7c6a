package walk

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"jali/openapi"
)

// prism stands before jali with a document, and answers where.
func prism(t *testing.T, document []byte, jali string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "openapi.yaml")
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	p := exec.Command("node", "node/prism.mjs", file, jali)
	p.Stderr = os.Stderr
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("Prism does not listen: %v", err)
	}
	return strings.TrimSpace(line)
}

const violations = "Sl-Violations" // Prism's own header

// hear takes what Prism added to an answer out of it.
func (h *house) hear(r *http.Response, jali string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen[r.Request.Method+" "+r.Request.URL.Path]++
	said := r.Header.Get(violations)
	r.Header.Del(violations)
	if to, from := strings.CutPrefix(r.Header.Get("Location"), jali); from {
		r.Header.Set("Location", to) // whose relative address Prism has resolved
	}
	for _, what := range judged(said, r.StatusCode) {
		h.heard[fmt.Sprintf("%s %s: %d: %s", r.Request.Method, r.Request.URL.Path, r.StatusCode, what)]++
	}
}

// judged is what counts of what Prism says: all of answers, and of requests
// what jali did not mind. That it refuses what the walk sends wrong on purpose
// is as it should be.
func judged(said string, status int) (wrong []string) {
	var list []struct {
		Location []any
		Message  string
	}
	if said == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(said), &list); err != nil {
		return []string{said}
	}
	for _, v := range list {
		if len(v.Location) == 0 || v.Location[0] != "request" || status < http.StatusBadRequest {
			wrong = append(wrong, fmt.Sprint(v.Location, " ", v.Message))
		}
	}
	return wrong
}

// testWayIn is what a client reads first, and where it sends the browser.
func (h *house) testWayIn(t *testing.T) {
	c := h.client(t, 1)
	if list, err := c.ListSources(t.Context()); err != nil || len(list.Sources) < 3 {
		t.Errorf("the sources: %v, %v", list, err)
	}
	asking, err := c.Push(t.Context(), oneLook)
	if err != nil {
		t.Fatal(err)
	}
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Get(asking.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, "/consent/") {
		t.Errorf("the browser is sent on by %s to %q", resp.Status, to)
	}
}

// TestPrism walks without a browser through a house that answers behind Prism
// as a proxy: somebody else's reading of the document, of every request that is
// taken and every answer that is given.
func TestPrism(t *testing.T) {
	needNode(t)
	h := openBehind(t, func(t *testing.T, h *house, jali string) string {
		planted := bytes.Replace(openapi.YAML, []byte("      required: [sources]\n"), []byte("      required: [sources, planted]\n"), 1)
		resp, err := http.Get(prism(t, planted, jali) + "/v1/sources")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if said := judged(resp.Header.Get(violations), resp.StatusCode); len(said) != 1 || !strings.Contains(said[0], "planted") {
			t.Fatalf("of a member that is promised and not there Prism says %q", said)
		}
		return prism(t, openapi.YAML, jali)
	})
	t.Run("the way to the consent page", h.testWayIn)
	t.Run("one use of 64 with different keys", h.testOneUse)
	t.Run("one view for 64 with one key", h.testOneView)
	t.Run("200 codes redeemed 16 times at once", h.testCodes)
	t.Run("other people's libraries", h.testNode)
	t.Run("every answer as it is promised", h.keptPromises)
	h.mu.Lock()
	defer h.mu.Unlock()
	for what, times := range h.heard {
		t.Errorf("Prism says of %d answers: %s", times, what)
	}
	for _, operation := range []string{"GET /.well-known/oauth-authorization-server", "GET /.well-known/oauth-protected-resource/v1", "GET /oauth/jwks", "POST /oauth/par",
		"GET /oauth/authorize", "POST /oauth/bc-authorize", "POST /oauth/token", "POST /oauth/introspect", "POST /oauth/revoke", "POST /oauth/register", "GET /v1/sources", "POST /v1/views"} {
		if h.seen[operation] == 0 {
			t.Errorf("Prism saw no %s", operation)
		}
	}
	for operation, path := range map[string]string{"a view that is read again": "GET /v1/views/[^/]+", "a page of bills": "GET /v1/views/[^/]+/bills", "a grant": "GET /oauth/grants/[^/]+"} {
		if is := regexp.MustCompile("^" + path + "$"); !slices.ContainsFunc(slices.Collect(maps.Keys(h.seen)), is.MatchString) {
			t.Errorf("Prism saw no request for %s", operation)
		}
	}
}
