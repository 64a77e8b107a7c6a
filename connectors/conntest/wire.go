package conntest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"jali/connectors"
	"jali/internal/fault"
)

// wire is a transport that can be made to fail.
type wire struct {
	next http.RoundTripper

	mu    sync.Mutex
	fault func(w *wire, r *http.Request) (*http.Response, error)
	calls int
	heads []http.Header // of the calls since the last breaks
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	f := w.fault
	w.calls++
	w.heads = append(w.heads, r.Header.Clone())
	w.mu.Unlock()
	if f != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return f(w, r)
	}
	return w.next.RoundTrip(r)
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (w *wire) CloseIdleConnections() {
	if c, ok := w.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (w *wire) breaks(f func(w *wire, r *http.Request) (*http.Response, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault, w.calls, w.heads = f, 0, nil
}

func (w *wire) headers() []http.Header {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heads
}

func (w *wire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls
}

// answer makes the source say something else.
func answer(status int, header http.Header, body string) func(*wire, *http.Request) (*http.Response, error) {
	return func(_ *wire, r *http.Request) (*http.Response, error) {
		return respond(r, status, header, strings.NewReader(body)), nil
	}
}

// flood answers with bytes without an end.
func flood(_ *wire, r *http.Request) (*http.Response, error) {
	return respond(r, 200, nil, endless{}), nil
}

func respond(r *http.Request, status int, header http.Header, body io.Reader) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header.Clone(), Body: io.NopCloser(body), ContentLength: -1,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r}
}

// bend lets the source answer and changes the body underway. The request is
// sent as it was, without what its body has been read for already.
func bend(change func([]byte) []byte) func(*wire, *http.Request) (*http.Response, error) {
	return func(w *wire, r *http.Request) (*http.Response, error) {
		again := r.Clone(r.Context())
		if r.GetBody != nil {
			body, err := r.GetBody()
			if err != nil {
				return nil, err
			}
			again.Body = body
		}
		resp, err := w.next.RoundTrip(again)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return nil, err
		}
		body = change(body)
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		resp.Header.Del("Content-Length")
		return resp, nil
	}
}

// endless is a body that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func is(err, want error) bool {
	if want == nil {
		return err == nil
	}
	return errors.Is(err, want)
}

func (r *run) faults(t *testing.T) {
	defer r.wire.breaks(nil)
	believed := []error{connectors.ErrMalformed}
	if r.Signed {
		believed = append(believed, connectors.ErrUnsigned)
	}
	changed := func(b []byte) []byte {
		// The first digit of any value: still the same form, another content.
		for i := 1; i < len(b); i++ {
			if b[i] >= '0' && b[i] <= '9' && b[i-1] != '\\' {
				b[i] = '0' + (b[i]-'0'+1)%10
				return b
			}
		}
		return b
	}
	for _, tt := range []struct {
		why    string
		broken func(*wire, *http.Request) (*http.Response, error)
		want   []error
	}{
		{"no connection", func(*wire, *http.Request) (*http.Response, error) {
			return nil, errors.New("connection reset by peer")
		}, []error{connectors.ErrDown}},
		{"500", answer(500, nil, "oops"), []error{connectors.ErrDown}},
		{"503 as a page", answer(503, nil, "<html>"), []error{connectors.ErrDown}},
		{"429", answer(429, http.Header{"Retry-After": {"7"}}, ""), []error{connectors.ErrBusy}},
		{"404", answer(404, nil, ""), []error{connectors.ErrRefused}},
		{"a redirect elsewhere", answer(302, http.Header{"Location": {"https://evil.example/"}}, ""), []error{connectors.ErrMalformed}},
		{"a page", answer(200, nil, "<html><body>maintenance</body></html>"), believed},
		{"nothing", answer(200, nil, ""), believed},
		{"null", answer(200, nil, "null"), believed},
		{"an empty object", answer(200, nil, "{}"), believed},
		{"bytes without an end", flood, []error{connectors.ErrMalformed}},
		{"an answer cut in half", bend(func(b []byte) []byte { return b[:len(b)/2] }), believed},
	} {
		for what, call := range r.reads(r.known) {
			r.wire.breaks(tt.broken)
			err := call(context.Background(), r.credential)
			if r.wire.count() == 0 {
				continue // this call asks nobody
			}
			r.want(t, tt.why+", "+what, err, tt.want...)
			if tt.why == "429" && err != nil && fault.Of(err).RetryAfter != 7*time.Second {
				t.Errorf("%s, %s: wait %v, want the source's 7 s", tt.why, what, fault.Of(err).RetryAfter)
			}
		}
	}
	if refresher, ok := r.c.(connectors.Refresher); ok {
		r.wire.breaks(answer(503, nil, ""))
		_, err := refresher.Refresh(context.Background(), r.credential)
		r.want(t, "503, refresh", err, connectors.ErrDown)
	}
	if r.Signed {
		for what, call := range r.reads(r.known) {
			r.wire.breaks(bend(changed))
			err := call(context.Background(), r.credential)
			if r.wire.count() > 0 {
				r.want(t, "a digit changed underway, "+what, err, connectors.ErrUnsigned)
			}
		}
	}
	r.wire.breaks(nil)
	for what, call := range r.reads(r.known) {
		if err := call(context.Background(), r.credential); err != nil {
			t.Errorf("after all faults, %s: %v", what, err)
		}
	}
}

// deadline lets every call hang until its context ends.
func (r *run) deadline(t *testing.T) {
	defer r.wire.breaks(nil)
	for what, call := range r.reads(r.known) {
		r.wire.breaks(func(_ *wire, q *http.Request) (*http.Response, error) {
			<-q.Context().Done()
			return nil, q.Context().Err()
		})
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		err := call(ctx, r.credential)
		cancel()
		if r.wire.count() > 0 {
			r.want(t, "a source that does not answer, "+what, err, connectors.ErrDown)
		}
	}
}
