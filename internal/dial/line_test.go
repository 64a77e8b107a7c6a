package dial

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"runtime"
	"strings"
	"sync"
	"testing"
)

const (
	first    = ok + "Content-Length: 5\r\n\r\nfirst"
	stranger = ok + "Content-Length: 8\r\n\r\nstranger"
)

// What a server says beyond its answer is nobody's answer: not even that of the
// request which comes next on the same connection (RFC 9112, 6.3 and 9.2).
func TestWhatNobodyAskedForIsNoAnswer(t *testing.T) {
	for why, pieces := range map[string][]string{
		"in one piece":         {first + stranger},
		"by itself":            {first, stranger},
		"beyond a long body":   {ok + "Content-Length: 102400\r\n\r\n" + strings.Repeat("x", 100<<10) + stranger},
		"beyond no body":       {"HTTP/1.1 204 No Content\r\n\r\n" + stranger},
		"beyond the last part": {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\n" + stranger},
		"half of it":           {first + stranger[:20], stranger[20:]},
	} {
		for _, encrypted := range []bool{false, true} {
			address, roots := speaks(t, encrypted, func(c net.Conn, in *bufio.Reader) {
				if _, err := http.ReadRequest(in); err != nil {
					return
				}
				for _, p := range pieces {
					_, _ = io.WriteString(c, p)
				}
				_, _ = http.ReadRequest(in) // until the other end closes
			})
			c := New(Config{AllowPrivate: true, RootCAs: roots})
			for range 50 {
				a, l, err := getOn(t, c, address)
				if err != nil || strings.Contains(string(a.Body), "stranger") {
					t.Fatalf("%s, encrypted %v: %.20q, %v", why, encrypted, a.Body, err)
				}
				if why == "by itself" {
					until(func() bool { return l.gone() || l.stirs() })
				}
			}
		}
	}
}

// A TLS record of which a part has come tells nothing until the rest has.
func TestARecordThatIsUnderWayIsWaitedFor(t *testing.T) {
	for _, part := range []int{1, 4, 5, 30} { // of a header of five bytes, and of what follows
		for range 10 {
			r, c, more := underWay(t, part)
			r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GetConn: func(string) { go more() }}))
			if a, err := Do(c, r, 1<<10); string(a.Body) != "first" {
				t.Fatalf("%d bytes of a record: %q, %v", part, a.Body, err)
			}
		}
	}
}

// It is waited for as long as the request has time, and what comes at the end of
// that is not its answer.
func TestNothingIsAnsweredAfterItsTime(t *testing.T) {
	for range 50 {
		r, c, more := underWay(t, 30)
		ctx, cancel := context.WithCancel(r.Context())
		r = r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GetConn: func(string) { go func() { cancel(); more() }() }}))
		if a, err := Do(c, r, 1<<10); err == nil {
			t.Fatalf("%q", a.Body)
		}
	}
}

// underWay is a client with a connection on which a stranger's record has come
// in part, and a request that comes next; more sends the rest of the record.
func underWay(t *testing.T, part int) (next *http.Request, c *http.Client, more func()) {
	t.Helper()
	rest := make(chan struct{})
	more = sync.OnceFunc(func() { close(rest) })
	address, roots := speaks(t, true, func(c net.Conn, in *bufio.Reader) {
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		_, _ = io.WriteString(c, first)
		below := c.(*tls.Conn).NetConn().(*cut)
		below.at, below.rest = part, rest
		_, _ = io.WriteString(c, stranger)
		_, _ = http.ReadRequest(in)
	})
	c = New(Config{AllowPrivate: true, RootCAs: roots})
	t.Cleanup(more)
	_, l, err := getOn(t, c, address)
	if err != nil {
		t.Fatal(err)
	}
	until(func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.waits && l.record.begun()
	})
	next, err = http.NewRequestWithContext(t.Context(), "GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return next, c, more
}

// A connection is kept, and given to the next request as soon as it is clean.
func TestConnectionsAreKept(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		lines := make(chan struct{}, 100)
		address, roots := speaks(t, encrypted, func(c net.Conn, in *bufio.Reader) {
			lines <- struct{}{}
			for {
				if _, err := http.ReadRequest(in); err != nil {
					return
				}
				_, _ = io.WriteString(c, first)
			}
		})
		c := New(Config{AllowPrivate: true, RootCAs: roots})
		for range 100 {
			if a, err := get(t, c, address, 1<<10); err != nil || string(a.Body) != "first" {
				t.Fatalf("%q, %v", a.Body, err)
			}
		}
		if len(lines) > 5 { // net/http drops one whose writer is slow to report
			t.Errorf("encrypted %v: %d connections for a hundred requests", encrypted, len(lines))
		}
	}
}

// A body that ends with its connection is not whole where that was reset.
func TestWhatIsCutOffIsNotWhole(t *testing.T) {
	for range 20 {
		read := make(chan struct{})
		address := raw(t, func(c net.Conn) {
			_, _ = io.WriteString(c, ok+"\r\nhalf")
			<-read
			_ = c.(*net.TCPConn).SetLinger(0)
		})
		r, err := http.NewRequestWithContext(t.Context(), "GET", address, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := New(Config{AllowPrivate: true}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadFull(resp.Body, make([]byte, len("half")))
		close(read)
		if _, end := io.ReadAll(resp.Body); err != nil || end == nil {
			t.Errorf("%v; then it ends by %v", err, end)
		}
		_ = resp.Body.Close()
	}
}

// getOn says on which line it was answered.
func getOn(t *testing.T, c *http.Client, url string) (Answer, *line, error) {
	t.Helper()
	t.Cleanup(c.CloseIdleConnections)
	var on net.Conn
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn: func(to httptrace.GotConnInfo) { on = to.Conn },
	}), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Do(c, r, 1<<20)
	if encrypted, ok := on.(*tls.Conn); ok {
		on = encrypted.NetConn()
	}
	l, _ := on.(*line)
	return a, l, err
}

func until(f func() bool) {
	for !f() {
		runtime.Gosched()
	}
}

func (l *line) gone() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// stirs is true once something has come that the reader has not had.
func (l *line) stirs() (yes bool) {
	_ = l.raw.Control(func(fd uintptr) { yes = arrived(fd) })
	return yes
}

// cut sends only a part of one write, and the rest of it once it may.
type cut struct {
	net.Conn
	at   int
	rest <-chan struct{}
}

func (c *cut) Write(p []byte) (int, error) {
	at := c.at
	if c.at = 0; at == 0 {
		return c.Conn.Write(p)
	}
	n, err := c.Conn.Write(p[:at])
	if err != nil {
		return n, err
	}
	<-c.rest
	m, err := c.Conn.Write(p[at:])
	return n + m, err
}

// speaks answers each connection by f, in the clear or by TLS with a
// certificate of the roots.
func speaks(t *testing.T, encrypted bool, f func(net.Conn, *bufio.Reader)) (address string, roots *x509.CertPool) {
	t.Helper()
	if !encrypted {
		return serve(t, func(c net.Conn) { f(c, bufio.NewReader(c)) }), nil
	}
	certified := httptest.NewTLSServer(nil)
	certified.Close()
	roots = x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	address = serve(t, func(c net.Conn) {
		s := tls.Server(&cut{Conn: c}, &tls.Config{Certificates: certified.TLS.Certificates})
		f(s, bufio.NewReader(s))
	})
	return strings.Replace(address, "http://", "https://", 1), roots
}
