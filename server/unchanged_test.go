package server_test

import (
	"net/http"
	"testing"

	"jali/openapi"
	"jali/server"
)

// What may be kept is told once, and then only whether it is still the same.
func TestWhatIsUnchangedIsNotToldAgain(t *testing.T) {
	e := stand(t, nil)
	for _, path := range []string{"/v1/sources", "/openapi.yaml"} {
		first := e.send(t, "GET", path, "")
		etag := first.Header.Get("ETag")
		if first.StatusCode != 200 || len(etag) != 24 || etag[0] != '"' || first.Header.Get("Cache-Control") != "public, max-age=300" {
			t.Fatalf("%s: %d with ETag %s, Cache-Control %s", path, first.StatusCode, etag, first.Header.Get("Cache-Control"))
		}
		for _, tt := range []struct {
			have   []string
			status int
			why    string
		}{
			{nil, 200, "nothing"},
			{[]string{etag}, 304, "the same"},
			{[]string{"W/" + etag}, 304, "the same, compared weakly"},
			{[]string{`"x", W/"y,z" ,, ` + etag}, 304, "one of a list, with a comma within another"},
			{[]string{`"x"`, etag}, 304, "one of two lines, which are one list"},
			{[]string{"*"}, 304, "anything"},
			{[]string{`"x"`}, 200, "another"},
			{[]string{etag[1 : len(etag)-1]}, 200, "no entity tag"},
			{[]string{`"` + etag}, 200, "no entity tag"},
			{[]string{`"x" ` + etag}, 200, "no list"},
		} {
			var headers []string
			for _, h := range tt.have {
				headers = append(headers, "If-None-Match", h)
			}
			for _, method := range []string{"GET", "HEAD"} {
				a := e.send(t, method, path, "", headers...)
				if a.StatusCode != tt.status || a.Header.Get("ETag") != etag {
					t.Errorf("%s %s with %s: %d, ETag %s; want %d", method, path, tt.why, a.StatusCode, a.Header.Get("ETag"), tt.status)
				}
				if told := len(a.body) > 0; told != (tt.status == 200 && method == "GET") {
					t.Errorf("%s %s with %s: a body of %d bytes", method, path, tt.why, len(a.body))
				}
				if a.Header.Get("Cache-Control") != "public, max-age=300" {
					t.Errorf("%s %s with %s: Cache-Control %q", method, path, tt.why, a.Header.Get("Cache-Control"))
				}
			}
		}
	}
	if a := e.send(t, "GET", "/openapi.yaml", ""); string(a.body) != string(openapi.YAML) {
		t.Error("the document is not served as it is")
	}
	other := stand(t, func(c *server.Config) { c.Views = &views{none: true} })
	if a, b := e.send(t, "GET", "/v1/sources", ""), other.send(t, "GET", "/v1/sources", ""); a.Header.Get("ETag") == b.Header.Get("ETag") {
		t.Error("other sources have the same ETag")
	}
}

// HEAD is GET without a body, and asks who is calling as that does.
func TestHEAD(t *testing.T) {
	e := stand(t, nil)
	const at = "/v1/views/view_0123456789abcdef"
	for _, path := range []string{at, at + "/bills"} {
		got := e.send(t, "HEAD", path, "", "Authorization", "DPoP good")
		want := e.send(t, "GET", path, "", "Authorization", "DPoP good")
		if got.StatusCode != 200 || len(got.body) > 0 || got.Header.Get("Content-Type") != want.Header.Get("Content-Type") {
			t.Errorf("%s: %d %v", path, got.StatusCode, got.Header)
		}
		if a := e.send(t, "HEAD", path, ""); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: a stranger is answered %d", path, a.StatusCode)
		}
	}
	if a := e.send(t, "HEAD", "/v1/views", "", "Authorization", "DPoP good"); a.StatusCode != http.StatusMethodNotAllowed || a.Header.Get("Allow") != "POST" {
		t.Errorf("where there is no GET: %d, Allow %q", a.StatusCode, a.Header.Get("Allow"))
	}
	if a := e.send(t, "PUT", at, "", "Authorization", "DPoP good"); a.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow: %q", a.Header.Get("Allow"))
	}
}
