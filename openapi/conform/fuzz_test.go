package conform_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Whatever is answered can be looked at, and what is no JSON is told of.
func FuzzCheck(f *testing.F) {
	f.Add(201, "application/json", view(1))
	f.Add(400, "application/problem+json", problem(400, "request_invalid", `,"retry_after":1e400`))
	f.Add(429, "application/problem+json; charset", "[[[[")
	f.Add(201, "application/json", "{\"id\":\"\xff\"}")
	f.Fuzz(func(t *testing.T, status int, media, body string) {
		h := http.Header{"Content-Type": {media}, "X-Request-Id": {"request_1"}, "Cache-Control": {"no-store"}}
		said := document.Check(httptest.NewRequest(http.MethodPost, "/v1/views", nil), status, h, []byte(body))
		if len(said) == 0 && !json.Valid([]byte(body)) {
			t.Errorf("%d with %q passes as %s", status, body, media)
		}
	})
}
