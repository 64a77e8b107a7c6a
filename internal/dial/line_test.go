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
	"strings"
	"testing"
)

// What a server says beyond its answer is nobody's answer: not even that of the
// request which comes next on the same connection (RFC 9112, 6.3 and 9.2).
func TestWhatNobodyAskedForIsNoAnswer(t *testing.T) {
	const stranger = ok + "Content-Length: 8\r\n\r\nstranger"
	long := strings.Repeat("x", 100<<10)
	for why, pieces := range map[string][]string{
		"in one piece":         {ok + "Content-Length: 5\r\n\r\nfirst" + stranger},
		"by itself":            {ok + "Content-Length: 5\r\n\r\nfirst", stranger},
		"beyond a long body":   {ok + "Content-Length: 102400\r\n\r\n" + long + stranger},
		"beyond no body":       {"HTTP/1.1 204 No Content\r\n\r\n" + stranger},
		"beyond the last part": {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\n" + stranger},
		"half of it":           {ok + "Content-Length: 5\r\n\r\nfirst" + stranger[:20], stranger[20:]},
	} {
		for _, encrypted := range []bool{false, true} {
			said := make(chan struct{}, 1)
			address, roots := speaks(t, encrypted, func(c net.Conn, in *bufio.Reader) {
				if _, err := http.ReadRequest(in); err != nil {
					return
				}
				for _, p := range pieces {
					_, _ = io.WriteString(c, p)
				}
				said <- struct{}{}
				_, _ = http.ReadRequest(in) // until the other end closes
			})
			c := New(Config{AllowPrivate: true, RootCAs: roots})
			for range 50 {
				a, err := get(t, c, address, 1<<20)
				if err != nil || strings.Contains(string(a.Body), "stranger") {
					t.Fatalf("%s, encrypted %v: %.20q, %v", why, encrypted, a.Body, err)
				}
				<-said
			}
		}
	}
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
				_, _ = io.WriteString(c, ok+"Content-Length: 5\r\n\r\nfirst")
			}
		})
		c := New(Config{AllowPrivate: true, RootCAs: roots})
		for range 100 {
			if a, err := get(t, c, address, 1<<10); err != nil || string(a.Body) != "first" {
				t.Fatalf("%q, %v", a.Body, err)
			}
		}
		if len(lines) != 1 {
			t.Errorf("encrypted %v: %d connections for one after another", encrypted, len(lines))
		}
	}
}

// A request whose time is over while its connection is looked at gets nothing.
func TestNothingIsAnsweredAfterItsTime(t *testing.T) {
	address, _ := speaks(t, false, func(c net.Conn, in *bufio.Reader) {
		_, _ = http.ReadRequest(in)
		_, _ = io.WriteString(c, ok+"Content-Length: 5\r\n\r\nfirst")
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := Do(New(Config{AllowPrivate: true}), r, 1<<10); err == nil {
		t.Errorf("%q", a.Body)
	}
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
		s := tls.Server(c, &tls.Config{Certificates: certified.TLS.Certificates})
		f(s, bufio.NewReader(s))
	})
	return strings.Replace(address, "http://", "https://", 1), roots
}
