// Package dial makes outgoing HTTP safe to point at an address that somebody
// else chose: it decides which addresses may be connected to, how long an
// exchange may take and how much of an answer is read.
//
// The address is checked when the socket is opened, after DNS has answered, so
// a name that resolves to the inside is refused whatever it looked like
// before. Redirects are never followed, proxies of the environment never used:
// either would let the far end choose the address.
//
// It knows no source, no client and no fault of Jali: callers map its errors.
package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"syscall"
	"time"
)

var (
	// ErrAddress is a connection to an address that is not on the public
	// internet, or not an address that Config allows.
	ErrAddress = errors.New("dial: the address is not one to connect to")
	// ErrTooLarge is an answer that holds more than was allowed, counted after
	// decompression.
	ErrTooLarge = errors.New("dial: the answer is too large")
	// ErrUnreachable is everything that kept an answer from arriving whole:
	// no route, a refused handshake, a timeout, a broken body.
	ErrUnreachable = errors.New("dial: no whole answer arrived")
)

// Config is what an operator may choose. The zero Config is the strict one.
type Config struct {
	// AllowPrivate permits loopback, private and shared address space: for a
	// source inside the operator's own network, and for tests. Link-local,
	// multicast and cloud metadata addresses stay refused.
	AllowPrivate bool
	// Timeout is for one exchange from the first byte out to the last byte
	// in; 0 means 30 s. A shorter deadline of the request's context holds too.
	Timeout time.Duration
	// Idle is how long nothing may come of a body that is being read; 0 means
	// 10 s. What drips in is ended by Timeout.
	Idle time.Duration
	// MaxHeader and MaxBody cap an answer in bytes, the body after
	// decompression; 0 means 64 KiB and 16 MiB.
	MaxHeader int64
	MaxBody   int64
	// PerHost caps connections to one host; 0 means 64.
	PerHost int
	// RootCAs replaces the system's roots, for a source with its own authority.
	RootCAs *x509.CertPool
	// Certificates are shown to servers that ask for one (RFC 8705).
	Certificates []tls.Certificate
}

const (
	small = 256 << 10 // bytes of an answer for which there is always room
	bulks = 3         // answers over that which a client reads at once; others wait, by their own deadlines
)

// New answers a client that keeps to c. Connections are reused; the client is
// meant to live as long as the process. Each source has one to itself: however
// many large answers it sends at once, they fill no memory but their share.
func New(c Config) *http.Client {
	return open(c, &net.Dialer{Control: func(network, address string, _ syscall.RawConn) error { return c.check(network, address) }})
}

// open makes the client, whose sockets d opens and refuses.
func open(c Config, d *net.Dialer) *http.Client {
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Idle == 0 {
		c.Idle = 10 * time.Second
	}
	if c.MaxHeader == 0 {
		c.MaxHeader = 64 << 10
	}
	if c.MaxBody == 0 {
		c.MaxBody = 16 << 20
	}
	if c.PerHost == 0 {
		c.PerHost = 64
	}
	d.Timeout, d.KeepAlive = 10*time.Second, 30*time.Second
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := d.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return watch(c), nil
		},
		DisableKeepAlives:      !watches,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.RootCAs, Certificates: c.Certificates},
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  c.Timeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: c.MaxHeader,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    c.PerHost,
		MaxConnsPerHost:        c.PerHost,
		IdleConnTimeout:        90 * time.Second,
	}
	return &http.Client{
		Transport:     &capped{next: transport, max: c.MaxBody, idle: c.Idle, room: make(chan struct{}, bulks)},
		Timeout:       c.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// capped stops every body at max bytes, and when nothing comes for idle, and
// lets few large ones be read at once.
type capped struct {
	next *http.Transport
	max  int64
	idle time.Duration
	room chan struct{}
}

func (c *capped) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	resp, err := c.next.RoundTrip(r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(to httptrace.GotConnInfo) { settle(ctx, to.Conn) },
	})))
	if err == nil && ctx.Err() != nil { // it may be over without having settled
		_ = resp.Body.Close()
		err = context.Cause(ctx)
	}
	if err != nil {
		cancel(nil)
		return nil, err
	}
	if resp.ContentLength > c.max {
		_ = resp.Body.Close()
		cancel(nil)
		return nil, ErrTooLarge
	}
	body := &cappedBody{ReadCloser: resp.Body, left: c.max, idle: c.idle, room: c.room, ctx: ctx, cancel: cancel}
	body.timer = time.AfterFunc(c.idle, func() { cancel(errIdle) })
	body.timer.Stop() // until somebody reads
	resp.Body = body
	resp.Request = r
	return resp, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (c *capped) CloseIdleConnections() { c.next.CloseIdleConnections() }

var errIdle = errors.New("dial: nothing more of the answer came")

type cappedBody struct {
	io.ReadCloser
	left   int64
	read   int64
	idle   time.Duration
	room   chan struct{}
	bulky  bool // has a place in room
	timer  *time.Timer
	ctx    context.Context // of the exchange
	cancel context.CancelCauseFunc
}

func (b *cappedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrTooLarge
	}
	// One byte more than is left tells a full body from one that is too long.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	if b.read > small && !b.bulky {
		select {
		case b.room <- struct{}{}:
			b.bulky = true
		case <-b.ctx.Done():
			return 0, context.Cause(b.ctx)
		}
	}
	b.timer.Reset(b.idle)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && context.Cause(b.ctx) == errIdle {
		err = errIdle
	}
	b.read += int64(n)
	if b.left -= int64(n); b.left < 0 {
		return n + int(b.left), ErrTooLarge
	}
	return n, err
}

func (b *cappedBody) Close() error {
	defer b.cancel(nil)
	b.timer.Stop()
	if b.bulky {
		b.bulky = false
		<-b.room
	}
	return b.ReadCloser.Close()
}

// ReadAll reads at most max bytes of r; one more is ErrTooLarge. What it reads
// comes into memory that is used again, until all is there.
func ReadAll(r io.Reader, max int64) ([]byte, error) {
	var full []*piece
	defer func() {
		for _, p := range full {
			pieces.Put(p)
		}
	}()
	for read := int64(0); ; {
		at := int(read % int64(len(piece{})))
		if at == 0 {
			full = append(full, pieces.Get().(*piece))
		}
		n, err := r.Read(full[len(full)-1][at:])
		switch read += int64(n); {
		case errors.Is(err, ErrTooLarge), read > max:
			return nil, ErrTooLarge
		case err == io.EOF: //nolint:errorlint // the end, and nothing around it
			all := make([]byte, read)
			for i, p := range full {
				copy(all[i*len(p):], p[:])
			}
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
	}
}

type piece [64 << 10]byte

var pieces = sync.Pool{New: func() any { return new(piece) }}
