package house

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"jali/openapi"
	"jali/openapi/problems"
)

// promise is one code that the document says an operation answers with.
type promise struct {
	operation string // "POST /v1/views"
	status    int
	code      string
}

func (p promise) String() string { return fmt.Sprintf("%s %d %s", p.operation, p.status, p.code) }

// promised are all of them, as the enums of the document list them.
func promised(t *testing.T) (list []promise) {
	t.Helper()
	doc, err := openapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range doc.Paths.InMatchingOrder() {
		for method, op := range doc.Paths.Value(path).Operations() {
			for status, r := range op.Responses.Map() {
				for _, media := range r.Value.Content {
					for _, code := range codesOf(media.Schema.Value) {
						var n int
						if _, err := fmt.Sscan(status, &n); err != nil {
							t.Fatalf("%s %s %s: %v", method, path, status, err)
						}
						list = append(list, promise{method + " " + path, n, code})
					}
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b promise) int { return strings.Compare(a.String(), b.String()) })
	return list
}

// codesOf are the values that an error's schema lets code or error have.
func codesOf(s *openapi3.Schema) (codes []string) {
	for _, part := range s.AllOf {
		for _, member := range []string{"code", "error"} {
			if p := part.Value.Properties[member]; p != nil {
				for _, c := range p.Value.Enum {
					codes = append(codes, c.(string))
				}
			}
		}
	}
	return codes
}

// lines keeps what is logged.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.b.Reset()
	return l.b.String()
}

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Every code that the document names at an answer is provoked there, over HTTP,
// with all answers held against the document, and against what the catalogue
// says of their code. What is logged meanwhile names the
// request that it belongs to.
func TestEveryCodeIsProvoked(t *testing.T) {
	p := newProber(t)
	list := promised(t)
	if len(list) < 150 {
		t.Fatalf("the document promises %d codes: this test does not read it", len(list))
	}
	byHand := provocations()
	for _, want := range list {
		provoke := byHand[want.String()]
		delete(byHand, want.String())
		if provoke == nil {
			provoke = everywhere(want)
		}
		t.Run(want.String(), func(t *testing.T) {
			if provoke == nil {
				t.Fatal("nothing provokes it")
			}
			p.t = t
			p.now.Add(3600)
			p.log.take()
			got := provoke(p)
			if got.status != want.status || got.code() != want.code {
				t.Errorf("answered %d %s", got.status, got.body)
			}
			if e, _ := problems.Find(want.code); got.text("code") != "" {
				if _, waits := got.json["retry_after"]; got.text("owner") != string(e.Owner) || got.text("action") != e.Action || waits != e.Waits {
					t.Errorf("%s, and the catalogue has owner %s, action %q, retry_after %v", got.body, e.Owner, e.Action, e.Waits)
				}
			}
			id := got.header.Get("X-Request-Id")
			named := false
			for line := range strings.Lines(p.log.take()) {
				named = named || strings.Contains(line, `"request_id":"`+id+`"`)
				if !strings.Contains(line, `"request_id":"`) {
					t.Errorf("a line that names no request: %s", line)
				}
			}
			if !named {
				t.Errorf("no line names this request, %s", id)
			}
		})
	}
	for left := range byHand {
		t.Errorf("%s is provoked, and the document does not promise it", left)
	}
	p.t = t
	for path, want := range map[string]int{"/v1/nowhere": 404, "/v1": 404} {
		if got := p.send("GET", path, http.Header{}, ""); got.status != want || got.code() != "route_unknown" {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := p.send("DELETE", "/v1/views", http.Header{}, ""); got.status != 405 || got.code() != "method_not_allowed" {
		t.Errorf("DELETE /v1/views: %d %s", got.status, got.body)
	}
}
