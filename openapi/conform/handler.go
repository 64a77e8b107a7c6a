package conform

import (
	"bufio"
	"net"
	"net/http"
	"slices"
	"sync"
)

// kept is how much of a body is looked at. No answer that is described comes
// near; one that is larger is reported, not passed over.
const kept = 8 << 20

// Handler serves as h does, answers that are streamed too, and reports what
// the document does not promise before it returns. An answer that is broken
// off by a panic was promised by nobody, and is not looked at.
func (d *Document) Handler(h http.Handler, report func(Violation)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !d.within(r) {
			h.ServeHTTP(w, r)
			return
		}
		asked := r.Clone(r.Context()) // handlers may change theirs
		c := &copier{ResponseWriter: w}
		h.ServeHTTP(c, r)
		if c.hijacked {
			return
		}
		if c.status == 0 {
			c.keep(http.StatusOK)
		}
		for _, v := range d.check(&seen{request: asked, status: c.status, header: c.header, body: c.body, long: c.long}) {
			report(v)
		}
	})
}

// copier passes an answer on and keeps a copy of what went out.
type copier struct {
	http.ResponseWriter
	status   int
	header   http.Header // when it went out
	body     []byte
	long     bool
	hijacked bool
}

// Unwrap is for [http.ResponseController].
func (c *copier) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *copier) keep(status int) {
	if c.status == 0 && (status >= http.StatusOK || status == http.StatusSwitchingProtocols) {
		c.status, c.header = status, c.Header().Clone()
	}
}

func (c *copier) WriteHeader(status int) {
	c.keep(status)
	c.ResponseWriter.WriteHeader(status)
}

func (c *copier) Write(b []byte) (int, error) {
	c.keep(http.StatusOK)
	n := min(len(b), kept-len(c.body))
	c.body = append(c.body, b[:n]...)
	c.long = c.long || n < len(b)
	return c.ResponseWriter.Write(b)
}

// Flush is for those who ask the writer itself.
func (c *copier) Flush() {
	c.keep(http.StatusOK)
	_ = http.NewResponseController(c.ResponseWriter).Flush()
}

// Hijack takes the connection out of HTTP, and of this package.
func (c *copier) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c.hijacked = true
	return http.NewResponseController(c.ResponseWriter).Hijack()
}

// Test is the part of testing.TB that For needs.
type Test interface {
	Helper()
	Errorf(format string, args ...any)
	Cleanup(func())
}

// For serves as h does, and fails t in the end of its life for everything that
// the document of the data API does not promise. Make it before what stops the
// server is handed to t.Cleanup, so that the last answers count.
func For(t Test, h http.Handler) http.Handler { return Jali().Handler(h, complaints(t)) }

// complaints gathers what t is to fail with, each once.
func complaints(t Test) func(Violation) {
	var mu sync.Mutex
	var wrong []string
	t.Cleanup(func() {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		for _, w := range wrong {
			t.Errorf("an answer that openapi.yaml does not promise: %s", w)
		}
	})
	return func(v Violation) {
		mu.Lock()
		defer mu.Unlock()
		if w := v.String() + " (" + v.path + ")"; !slices.Contains(wrong, w) && len(wrong) < 50 {
			wrong = append(wrong, w)
		}
	}
}
