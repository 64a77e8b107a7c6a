package conform_test

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"jali/openapi"
	"jali/openapi/conform"
	"jali/openapi/sandbox"
)

// answered serves one answer with what every answer has; lines of head are
// "Name: value", and one without a value takes the header away.
func answered(status int, body string, head ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		h := http.Header{"X-Request-Id": {"request_1"}, "Cache-Control": {"no-store"}, "Content-Type": {"application/json"}}
		for _, line := range head {
			name, value, _ := strings.Cut(line, ":")
			if h.Del(name); value != "" {
				h.Set(name, strings.TrimSpace(value))
			}
		}
		for name, values := range h {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

//go:embed testdata/document.yaml
var small []byte

var document = func() *conform.Document {
	d, err := conform.Load(small)
	if err != nil {
		panic(err)
	}
	return d
}()

const problems = "Content-Type: application/problem+json"

func problem(status int, code, more string) string {
	return fmt.Sprintf(`{"status":%d,"code":%q,"request_id":"request_1"%s}`, status, code, more)
}

// The checks are first shown what is right, and then one fault of every sort.
func TestFaultsAreFound(t *testing.T) {
	view := view(1)
	for _, tt := range []struct {
		why, method, path string
		h                 http.HandlerFunc
		want              string // part of what is said; empty: nothing is
	}{
		{"as described", "GET", "/v1/sources", answered(200, `{"sources":[]}`), ""},
		{"a charset is none of the media type", "GET", "/v1/sources", answered(200, `{"sources":[]}`, "Content-Type: application/json; charset=UTF-8"), ""},
		{"a public list may be kept", "GET", "/v1/sources", answered(200, `{"sources":[]}`, "Cache-Control: public, max-age=300"), ""},
		{"a whole view", "POST", "/v1/views", answered(201, view), ""},
		{"a problem", "GET", "/v1/views/view_1", answered(404, problem(404, "view_not_found", ""), problems), ""},
		{"an OAuth error", "POST", "/oauth/token", answered(400, `{"error":"invalid_grant","error_description":"no"}`), ""},
		{"a status of its class", "POST", "/oauth/token", answered(203, `{"access_token":"a"}`), ""},
		{"any other status", "DELETE", "/oauth/grants/grant_1", answered(404, `{"error":"invalid_grant"}`), ""},
		{"a path that is no template comes first", "GET", "/v1/views/latest", answered(204, ""), ""},
		{"a path that is not here", "GET", "/v1/nothing", answered(404, problem(404, "route_unknown", ""), problems), ""},
		{"a method that is not here", "PUT", "/v1/sources", answered(405, problem(405, "method_not_allowed", ""), problems, "Allow: GET"), ""},
		{"HEAD as GET without a body", "HEAD", "/v1/sources", answered(200, ""), ""},
		{"HEAD as a method that is not here", "HEAD", "/v1/sources", answered(405, "", problems, "Allow: GET"), ""},
		{"OPTIONS as a method that is not here", "OPTIONS", "/v1/views", answered(405, problem(405, "method_not_allowed", ""), problems, "Allow: POST"), ""},
		{"OPTIONS as RFC 9110 has it", "OPTIONS", "/v1/views", answered(204, "", "Allow: OPTIONS, POST"), ""},
		{"a page of the person's is nobody's promise", "GET", "/home", answered(500, "", "X-Request-Id"), ""},

		{"another status", "GET", "/v1/sources", answered(418, `{}`), "the status is not promised"},
		{"no id", "GET", "/v1/sources", answered(200, `{"sources":[]}`, "X-Request-Id"), "X-Request-Id"},
		{"an id that is none", "GET", "/v1/sources", answered(200, `{"sources":[]}`, "X-Request-Id: a b"), "X-Request-Id"},
		{"a view that may be kept", "POST", "/v1/views", answered(201, view, "Cache-Control"), "no-store"},
		{"a view that its owner may keep", "GET", "/v1/views/view_1", answered(200, view, "Cache-Control: private"), "no-store"},
		{"an error that may be kept", "GET", "/v1/sources", answered(500, problem(500, "internal", ""), problems, "Cache-Control: max-age=1"), "no-store"},
		{"a token that may be kept", "POST", "/oauth/token", answered(200, `{"access_token":"a"}`, "Cache-Control"), "no-store"},
		{"another media type", "GET", "/v1/sources", answered(200, `{"sources":[]}`, "Content-Type: text/plain"), "the media type is not one of application/json"},
		{"no media type", "GET", "/v1/sources", answered(200, `{"sources":[]}`, "Content-Type"), "Content-Type is missing"},
		{"a problem as JSON", "POST", "/v1/views", answered(400, problem(400, "request_invalid", "")), "the media type is not one of application/problem+json"},
		{"another charset", "GET", "/v1/sources", answered(200, `{"sources":[]}`, "Content-Type: application/json; charset=gb18030"), "UTF-8"},
		{"bytes of another charset", "GET", "/v1/sources", answered(200, "{\"sources\":[],\"\xd6\xd0\":1}"), "UTF-8"},
		{"no JSON", "GET", "/v1/sources", answered(200, `sources`), "one JSON value"},
		{"half of it", "GET", "/v1/sources", answered(200, `{"sources":[`), "one JSON value"},
		{"two of them", "GET", "/v1/sources", answered(200, `{"sources":[]}{}`), "one JSON value"},
		{"no body at all", "GET", "/v1/sources", answered(200, ``), "one JSON value"},
		{"a member too many", "GET", "/v1/sources", answered(200, `{"sources":[],"more":1}`), "has more, which is not described"},
		{"a member too few", "POST", "/v1/views", answered(201, strings.Replace(view, `"next":null,`, "", 1)), "lacks next"},
		{"another type", "GET", "/v1/sources", answered(200, `{"sources":null}`), "at /sources is of type null, not array"},
		{"a number for a string", "POST", "/v1/views", answered(201, strings.Replace(view, `"value":"10.50"`, `"value":10.50`, 1)), "at /bills/0/amount/value is of type number, not string"},
		{"another word of an enum", "POST", "/v1/views", answered(201, strings.Replace(view, `"booked"`, `"done"`, 1)), "is done, not one of [pending booked]"},
		{"a pattern, beside a reference", "POST", "/v1/views", answered(201, strings.Replace(view, `"CNY"`, `"cny"`, 1)), "does not match"},
		{"a moment without its offset", "POST", "/v1/views", answered(201, strings.Replace(view, "09:30:00+08:00", "09:30:00", 1)), "is no date-time"},
		{"less than the least", "POST", "/v1/views", answered(201, strings.Replace(view, `"uses_left":0`, `"uses_left":-1`, 1)), "at /uses_left breaks minimum"},
		{"a code that is not listed", "GET", "/v1/sources", answered(500, problem(500, "surprise", ""), problems), "surprise"},
		{"a code of another status", "GET", "/v1/views/view_1", answered(410, problem(410, "view_not_found", ""), problems), "view_not_found"},
		{"an OAuth code that is not listed", "POST", "/oauth/token", answered(400, `{"error":"surprise"}`), "surprise"},
		{"a code that the schema does not list", "POST", "/v1/views", answered(401, problem(401, "surprise", ""), problems, "WWW-Authenticate: DPoP"), "is surprise, not one of [invalid_token]"},
		{"a header that is promised", "POST", "/v1/views", answered(401, problem(401, "invalid_token", ""), problems), "the header WWW-Authenticate is missing"},
		{"no OAuth code", "POST", "/oauth/token", answered(400, `{"error_description":"no"}`), "lacks error"},
		{"a problem of another status than its head's", "GET", "/v1/sources", answered(500, problem(503, "internal", ""), problems), "status is not what"},
		{"a problem of another request", "GET", "/v1/sources", answered(500, problem(500, "internal", ""), problems, "X-Request-Id: request_2"), "request_id is not what"},
		{"two waits", "POST", "/v1/views", answered(429, problem(429, "rate_limited", `,"retry_after":5`), problems, "Retry-After: 6"), "retry_after is not what"},
		{"a header that is not as described", "POST", "/v1/views", answered(429, problem(429, "rate_limited", ""), problems, "Retry-After: soon"), "the header Retry-After"},
		{"a body where there is none", "DELETE", "/oauth/grants/grant_1", answered(204, `{}`), "none is promised"},
		{"an unknown path that is there", "GET", "/v1/nothing", answered(200, `{}`), "404 is its answer"},
		{"an OAuth path that is not described", "GET", "/oauth/hidden", answered(302, ``), "404 is its answer"},
		{"an unknown path as text", "GET", "/v1/nothing", answered(404, "404 page not found", "Content-Type: text/plain"), "application/problem+json"},
		{"an unknown path under another code", "GET", "/v1/nothing", answered(404, problem(404, "view_not_found", ""), problems), "the code is not route_unknown"},
		{"an unknown path of OAuth's as a problem", "GET", "/oauth/nothing", answered(404, problem(404, "route_unknown", ""), problems), "not one of application/json"},
		{"an unknown path of OAuth's without its error", "GET", "/oauth/nothing", answered(404, `{}`), "lacks error"},
		{"another method that is there", "DELETE", "/v1/sources", answered(204, ``), "405 is its answer"},
		{"another method as an unknown path", "DELETE", "/v1/sources", answered(404, problem(404, "route_unknown", ""), problems), "405 is its answer"},
		{"another method without Allow", "DELETE", "/v1/sources", answered(405, problem(405, "method_not_allowed", ""), problems), "Allow does not name GET"},
		{"HEAD with a status of its own", "HEAD", "/v1/sources", answered(206, ""), "the status is not promised"},
		{"OPTIONS that does not say which", "OPTIONS", "/v1/views", answered(204, ""), "Allow does not name POST"},
		{"an id in place of a template", "GET", "/v1/views/a/b", answered(200, `{}`), "404 is its answer"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			var said []string
			h := document.Handler(tt.h, func(v conform.Violation) { said = append(said, v.String()) })
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(tt.method, tt.path, nil))
			all := strings.Join(said, "\n")
			if tt.want == "" && all != "" || !strings.Contains(all, tt.want) || tt.want != "" && len(said) != 1 {
				t.Errorf("of %s %s it says %q, want %q alone", tt.method, tt.path, said, tt.want)
			}
		})
	}
}

// What was answered, and what was asked for, may be anybody's.
func TestAViolationQuotesNothing(t *testing.T) {
	const secret = "6222020200112345678"
	view := view(1)
	for _, h := range []http.HandlerFunc{
		answered(201, strings.ReplaceAll(view, `"10.50"`, `"`+secret+`x"`)),
		answered(201, strings.ReplaceAll(view, `"booked"`, `"`+secret+`"`)),
		answered(201, strings.ReplaceAll(view, `"2026-10-14"`, `"`+secret+`"`)),
		answered(201, secret),
		answered(400, problem(400, secret, ""), problems),
		answered(200, secret, "X-Request-Id: "+secret+"!", "Content-Type: "+secret, "Retry-After: "+secret),
	} {
		said := 0
		document.Handler(h, func(v conform.Violation) {
			said++
			if s := fmt.Sprintf("%s %q", v, v.RequestID); strings.Contains(s, secret) {
				t.Errorf("it says %s", s)
			}
		}).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/v1/views", nil))
		document.Handler(h, func(v conform.Violation) {
			if s := v.String(); strings.Contains(s, secret) {
				t.Errorf("of an unknown path it says %s", s)
			}
		}).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/v1/"+secret, nil))
		if said == 0 {
			t.Error("nothing was said")
		}
	}
}

func TestAnswersPassAsTheyAre(t *testing.T) {
	chunk := bytes.Repeat([]byte("x"), 1<<20)
	wait := make(chan struct{})
	var said []string
	s := httptest.NewServer(document.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/oauth/stream":
			_, _ = io.WriteString(w, "first")
			w.(http.Flusher).Flush()
			<-wait
		case "/oauth/large":
			for range 20 {
				_, _ = w.Write(chunk)
			}
		case "/oauth/controlled":
			_, _ = io.WriteString(w, "first")
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			<-wait
		case "/oauth/taken":
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 299 Own\r\nConnection: close\r\n\r\n")
			_ = conn.Close()
		case "/oauth/broken":
			_, _ = io.WriteString(w, "half")
			panic(http.ErrAbortHandler)
		}
	}), func(v conform.Violation) { said = append(said, v.Operation) }))
	defer s.Close()
	get := func(path string) *http.Response {
		t.Helper()
		resp, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	for _, path := range []string{"/oauth/stream", "/oauth/controlled"} {
		first := make([]byte, 5)
		resp := get(path)
		if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "first" {
			t.Errorf("%s: of a stream that goes on came %q, %v", path, first, err)
		}
		wait <- struct{}{}
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	if n, err := io.Copy(io.Discard, get("/oauth/large").Body); n != 20<<20 || err != nil {
		t.Errorf("of 20 MiB came %d bytes, %v", n, err)
	}
	before := len(said)
	if resp := get("/oauth/taken"); resp.StatusCode != 299 || len(said) != before {
		t.Errorf("a connection that was taken over answered %d, and it said %q", resp.StatusCode, said[before:])
	}
	if resp, err := http.Get(s.URL + "/oauth/broken"); err == nil {
		if _, err := io.ReadAll(resp.Body); err == nil {
			t.Error("half an answer looks like a whole one")
		}
		_ = resp.Body.Close()
	}
}

// An operation that answers more than is looked at is told of.
func TestALargeBodyIsToldOf(t *testing.T) {
	var said []conform.Violation
	h := document.Handler(answered(201, `{"id":"`+strings.Repeat("x", 9<<20)+`"}`), func(v conform.Violation) { said = append(said, v) })
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/v1/views", nil))
	if len(said) != 1 || !strings.Contains(said[0].Wrong, "larger than what is checked") {
		t.Errorf("it says %v", said)
	}
}

type kept struct {
	testing.TB
	failures []string
	cleanup  func()
}

func (*kept) Helper()                     {}
func (k *kept) Errorf(f string, a ...any) { k.failures = append(k.failures, fmt.Sprintf(f, a...)) }
func (k *kept) Cleanup(f func())          { k.cleanup = f }

// Large answers and those about nothing that is described come through whole.
func TestTransport(t *testing.T) {
	large := strings.Repeat("x", 9<<20)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answered(201, large)(w, r)
	}))
	defer s.Close()
	var k kept
	c := http.Client{Transport: conform.Transport(&k, nil)}
	for _, path := range []string{"/v1/views", "/page"} {
		resp, err := c.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if string(b) != large || err != nil {
			t.Errorf("%s: of %d bytes came %d, %v", path, len(large), len(b), err)
		}
		_ = resp.Body.Close()
	}
	if k.cleanup(); len(k.failures) != 1 || !strings.Contains(k.failures[0], "405 is its answer (/v1/views)") {
		t.Errorf("it failed with %q", k.failures)
	}
}

func TestForFailsTheTestThatProvokedIt(t *testing.T) {
	var k kept
	h := conform.For(&k, answered(418, "{}"))
	for range 3 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/v1/sources", nil))
	}
	if k.cleanup(); len(k.failures) != 1 || !strings.Contains(k.failures[0], "GET /v1/sources: 418") {
		t.Errorf("it failed with %q", k.failures)
	}
}

func TestOurDocuments(t *testing.T) {
	for why, y := range map[string][]byte{"of the data API": openapi.YAML, "of the sandbox": sandbox.YAML} {
		if _, err := conform.Load(y); err != nil {
			t.Errorf("the document %s: %v", why, err)
		}
	}
}

func TestLoad(t *testing.T) {
	for why, y := range map[string][]byte{
		"no YAML":                        []byte("{"),
		"no document":                    []byte("openapi: 3.1.0\n"),
		"a schema that is none":          bytes.Replace(small, []byte("pattern: '^[A-Z]{3}$'"), []byte("pattern: '['"), 1),
		"an error without its codes":     bytes.Replace(small, []byte("{properties: {code: {enum: [internal]}}}"), []byte("{}"), 1),
		"a reference that leads nowhere": bytes.Replace(small, []byte("#/components/schemas/View'"), []byte("#/components/schemas/Vista'"), 1),
	} {
		if _, err := conform.Load(y); err == nil {
			t.Errorf("%s is loaded", why)
		}
	}
}

// view is one of n bills.
func view(n int) string {
	const bill = `{"date":"2026-10-14","amount":{"value":"10.50","currency":"CNY"},"state":"booked"},`
	return `{"id":"view_1","opened_at":"2026-11-21T09:30:00+08:00","uses_left":0,"next":null,"bills":[` +
		strings.TrimSuffix(strings.Repeat(bill, n), ",") + `]}`
}
