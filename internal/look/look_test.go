package look_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"jali/internal/look"
)

func packed(t *testing.T, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, s); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func get(h http.Handler, url, encoding, match string) *httptest.ResponseRecorder {
	r, w := httptest.NewRequest("GET", url, nil), httptest.NewRecorder()
	r.Header.Set("Accept-Encoding", encoding)
	r.Header.Set("If-None-Match", match)
	h.ServeHTTP(w, r)
	return w
}

func TestPackedFiles(t *testing.T) {
	f := look.Serve("/a/", fstest.MapFS{"x.js.gz": {Data: packed(t, "let x")}})
	for _, tt := range []struct {
		accept string
		gzip   bool
	}{
		{"gzip, br", true},
		{"br;q=1, GZIP;q=0.5", true},
		{"", false},
		{"br", false},
		{"gzip;q=0", false},     // refused by name
		{"gzip; q=0.00", false}, // likewise
	} {
		w := get(f, "/a/x.js", tt.accept, "")
		body := w.Body.String()
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != tt.gzip || got == (body == "let x") {
			t.Errorf("%q: gzip %v, %q", tt.accept, got, body)
		}
		if w.Header().Get("Vary") != "Accept-Encoding" || w.Header().Get("Content-Type") != "text/javascript; charset=utf-8" {
			t.Errorf("%q: %v", tt.accept, w.Header())
		}
		again := get(f, "/a/x.js", tt.accept, `"other", W/`+w.Header().Get("ETag"))
		if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%q again: %d, %d bytes", tt.accept, again.Code, again.Body.Len())
		}
	}
	// What one encoding is kept as is no answer for the other.
	if a, b := get(f, "/a/x.js", "gzip", "").Header().Get("ETag"), get(f, "/a/x.js", "", "").Header().Get("ETag"); a == b {
		t.Errorf("both encodings have the tag %s", a)
	}
}

func TestAURLChangesWithItsContent(t *testing.T) {
	one, two := look.Serve("/a/", fstest.MapFS{"x.css": {Data: []byte("1")}}), look.Serve("/a/", fstest.MapFS{"x.css": {Data: []byte("2")}})
	if one.URL("x.css") == two.URL("x.css") {
		t.Error("a new content has the URL of the old")
	}
	if c := get(one, one.URL("x.css"), "", "").Header().Get("Cache-Control"); !strings.Contains(c, "immutable") {
		t.Errorf("Cache-Control = %q", c)
	}
	if c := get(one, two.URL("x.css"), "", "").Header().Get("Cache-Control"); c != "no-cache" {
		t.Errorf("by the version of another: Cache-Control = %q", c)
	}
	if w := get(one, "/a/none", "", ""); w.Code != http.StatusNotFound {
		t.Errorf("no such file: %d", w.Code)
	}
}
