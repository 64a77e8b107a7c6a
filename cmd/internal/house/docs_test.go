package house

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A house in production has its docs, for anybody, and nothing in them of a
// sandbox.
func TestDocs(t *testing.T) {
	h := opened(t).Handler
	for path, want := range map[string]string{
		"/docs": "Build with Jali", "/docs/guides/first-view": "First view", "/docs/reference": `data-document="/openapi.yaml"`,
		"/problems": "grant_spent", "/problems/grant_spent": "The grant has been used up", "/docs/assets/docs.js": "clipboard",
	} {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			r, w := httptest.NewRequest(method, path, nil), httptest.NewRecorder()
			r.Header.Set("Accept-Language", "en")
			h.ServeHTTP(w, r)
			body, head := w.Body.String(), w.Header()
			if method == "POST" {
				if w.Code != http.StatusMethodNotAllowed {
					t.Errorf("POST %s: %d", path, w.Code)
				}
				continue
			}
			if w.Code != 200 || method == "GET" && !strings.Contains(body, want) || strings.Contains(body, `href="/sandbox/`) {
				t.Errorf("%s %s: %d, %d bytes", method, path, w.Code, len(body))
			}
			if !strings.Contains(head.Get("Content-Security-Policy"), "script-src 'self'") || head.Get("X-Request-Id") == "" || head.Get("ETag") == "" ||
				head.Get("Cache-Control") != "no-cache" {
				t.Errorf("%s %s: %v", method, path, head)
			}
		}
	}
}
