package dial

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

// raw answers each connection's first request with what f writes, be it HTTP or not.
func raw(t *testing.T, f func(net.Conn)) (address string) {
	t.Helper()
	return serve(t, func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			f(c)
		}
	})
}

// serve has f speak on each connection that is made.
func serve(t *testing.T, f func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			done.Go(func() {
				defer func() { _ = c.Close() }()
				f(c)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); done.Wait() })
	return "http://" + l.Addr().String()
}

// pour writes head and then piece until nobody reads.
func pour(head, piece string) func(net.Conn) {
	piece = strings.Repeat(piece, 1+(32<<10)/len(piece))
	return func(c net.Conn) {
		_, err := io.WriteString(c, head)
		for err == nil {
			_, err = io.WriteString(c, piece)
		}
	}
}

func say(text string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, text) }
}

// Bodies of all sizes come whole, however they are cut into pieces.
func TestReadAll(t *testing.T) {
	whole := make([]byte, 300<<10)
	for i := range whole {
		whole[i] = byte(i * 7 >> 3)
	}
	broken := errors.New("broken")
	for _, size := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 128 << 10, 300 << 10} {
		for why, r := range map[string]io.Reader{
			"at once": bytes.NewReader(whole[:size]), "byte by byte": iotest.OneByteReader(bytes.NewReader(whole[:size])),
			"half by half": iotest.HalfReader(bytes.NewReader(whole[:size])), "with the end": iotest.DataErrReader(bytes.NewReader(whole[:size])),
		} {
			got, err := ReadAll(r, int64(size))
			if err != nil || !bytes.Equal(got, whole[:size]) {
				t.Errorf("%d %s: %d bytes, %v", size, why, len(got), err)
			}
		}
		if _, err := ReadAll(bytes.NewReader(whole[:size]), int64(size)-1); size > 0 && err != ErrTooLarge {
			t.Errorf("%d, one too many: %v", size, err)
		}
		for _, end := range []error{io.ErrUnexpectedEOF, broken} {
			if _, err := ReadAll(io.MultiReader(bytes.NewReader(whole[:size]), iotest.ErrReader(end)), 1<<20); !errors.Is(err, ErrUnreachable) || !errors.Is(err, end) {
				t.Errorf("%d, %v: %v", size, end, err)
			}
		}
	}
}

const ok = "HTTP/1.1 200 OK\r\n"

func TestAnAnswerThatNeverEndsIsGivenUp(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	for why, f := range map[string]func(net.Conn){
		"a status line":          pour("HTTP/1.1 200 ", long),
		"a header":               pour(ok+"X: ", long),
		"headers":                pour(ok, "X: y\r\n"),
		"folded headers":         pour(ok+"X: y\r\n", " z\r\n"),
		"informational answers":  pour("", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
		"a body":                 pour(ok+"\r\n", long),
		"chunks":                 pour(ok+"Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
		"empty chunk extensions": pour(ok+"Transfer-Encoding: chunked\r\n\r\n", "1;"+strings.Repeat("x", 2000)+"\r\nx\r\n"),
		"a chunk's size":         pour(ok+"Transfer-Encoding: chunked\r\n\r\n", "0"),
		"trailers":               pour(ok+"Trailer: X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n"),
		"a trailer":              pour(ok+"Trailer: X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", long),
	} {
		// Neither the client's own time nor the test's is what ends it.
		if _, err := get(t, New(Config{AllowPrivate: true}), raw(t, f), 1<<20); !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func TestAnAnswerInTwoMindsIsNotBelieved(t *testing.T) {
	for why, text := range map[string]string{
		"two lengths":               ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
		"a negative length":         ok + "Content-Length: -2\r\n\r\n{}",
		"a length that is none":     ok + "Content-Length: 2,2\r\n\r\n{}",
		"a return in a value":       ok + "X: y\rContent-Length: 9\r\nContent-Length: 2\r\n\r\n{}",
		"a zero byte":               ok + "X: \x00\r\nContent-Length: 2\r\n\r\n{}",
		"an unknown encoding":       ok + "Transfer-Encoding: rot13\r\n\r\n{}",
		"a length longer than sent": ok + "Content-Length: 3\r\n\r\n{}",
		"no HTTP":                   "{}\r\n\r\n",
		"another protocol":          "220 smtp.example ESMTP\r\n",
		"a page of an old server":   "<html>\r\n",
	} {
		a, err := get(t, New(Config{AllowPrivate: true}), raw(t, say(text)), 1<<20)
		if !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %d %q, %v", why, a.Status, a.Body, err)
		}
	}
}

func TestADripEndsWithItsTimeAndAStallBefore(t *testing.T) {
	drip := raw(t, func(c net.Conn) {
		_, err := io.WriteString(c, ok+"Content-Length: 1000\r\n\r\n")
		for err == nil {
			time.Sleep(time.Millisecond)
			_, err = io.WriteString(c, "x")
		}
	})
	_, err := get(t, New(Config{AllowPrivate: true, Timeout: 100 * time.Millisecond}), drip, 1<<10)
	if !errors.Is(err, ErrUnreachable) || errors.Is(err, errIdle) {
		t.Errorf("a drip: %v, want the end of its time", err)
	}
	stall := raw(t, func(c net.Conn) {
		_, _ = io.WriteString(c, ok+"Content-Length: 1000\r\n\r\nhalf")
		_, _ = c.Read(make([]byte, 1)) // until the other end closes
	})
	if _, err = get(t, New(Config{AllowPrivate: true, Idle: 20 * time.Millisecond}), stall, 1<<10); !errors.Is(err, ErrUnreachable) || !errors.Is(err, errIdle) {
		t.Errorf("a stall: %v, want the end of patience", err)
	}
}

// However many large answers come at once, few are held; small ones pass by.
func TestLargeAnswersTakeTurns(t *testing.T) {
	whole := make(chan string, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/small" {
			_, _ = w.Write(make([]byte, small/2))
			return
		}
		for sent := 0; sent < 12<<20; { // more than sockets hold
			n, err := w.Write(make([]byte, 64<<10))
			if err != nil {
				return
			}
			sent += n
		}
		whole <- r.URL.Path
		<-r.Context().Done()
	}))
	t.Cleanup(srv.Close)
	c := New(Config{AllowPrivate: true})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			r, _ := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/large", nil)
			if _, err := Do(c, r, 16<<20); !errors.Is(err, ErrUnreachable) {
				t.Error(err)
			}
		})
	}
	for range bulks {
		<-whole
	}
	for range 20 {
		if _, err := get(t, c, srv.URL+"/small", 1<<20); err != nil {
			t.Errorf("a small answer beside them: %v", err)
		}
	}
	if len(whole) > 0 {
		t.Errorf("%d large answers and more are read at once, want %d", bulks+len(whole), bulks)
	}
	cancel()
	all.Wait()
	c.CloseIdleConnections()
}

// HTTP/2 is held to the same.
func TestHTTP2(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 32<<20))
	_ = z.Close()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("%s: %s", r.URL.Path, r.Proto)
		}
		switch r.URL.Path {
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		case "/header":
			w.Header().Set("X", strings.Repeat("x", 100<<10))
		case "/trailer":
			w.Header().Set("Trailer", "X")
			_, _ = io.WriteString(w, "{}")
			w.Header().Set("X", strings.Repeat("x", 100<<10))
		case "/stall":
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case "/drip":
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, "x")
				w.(http.Flusher).Flush()
				time.Sleep(time.Millisecond)
			}
		case "/redirect":
			http.Redirect(w, r, "/endless", http.StatusFound)
		case "/reset":
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		default:
			_, _ = io.WriteString(w, "{}")
		}
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	for path, want := range map[string]error{
		"/": nil, "/redirect": nil, "/endless": ErrTooLarge, "/bomb": ErrTooLarge, "/header": ErrUnreachable, "/trailer": ErrUnreachable,
		"/stall": errIdle, "/drip": ErrUnreachable, "/reset": ErrUnreachable,
	} {
		limits := Config{AllowPrivate: true, RootCAs: roots, MaxBody: 4 << 20}
		switch path {
		case "/stall":
			limits.Idle = 50 * time.Millisecond
		case "/drip":
			limits.Timeout = 500 * time.Millisecond
		}
		c := New(limits)
		_, err := get(t, c, srv.URL+path, 1<<20)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
		c.CloseIdleConnections()
	}
}
