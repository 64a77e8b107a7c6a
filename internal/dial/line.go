package dial

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"syscall"
)

// line is a connection that knows when all that has arrived on it was taken.
//
// In HTTP/1.1 nothing but the order tells which request an answer belongs to:
// what a server sends beyond one answer would be read as the answer to the next
// request on that connection, which may be made for another person. A client
// must not believe it (RFC 9112, 6.3 and 9.2). net/http looks for such bytes and
// closes the connection, but hands it out at the same time, so a request that is
// quick enough gets them. Here it waits until they have been looked for.
type line struct {
	net.Conn
	raw     syscall.RawConn
	changed chan struct{} // holds one when waits or closed may have become true

	mu     sync.Mutex
	waits  bool // the reader found nothing and sleeps
	closed bool
}

// settle waits until nothing that arrived on c before is left to be read, by
// net/http's own reader, or c was closed for it, or ctx is over. On HTTP/2,
// where answers have numbers, it does nothing.
func settle(ctx context.Context, c net.Conn) {
	if encrypted, ok := c.(*tls.Conn); ok {
		if encrypted.ConnectionState().NegotiatedProtocol == "h2" {
			return
		}
		c = encrypted.NetConn()
	}
	l, ok := c.(*line)
	for ok && !l.settled() {
		select {
		case <-l.changed:
		case <-ctx.Done():
			return
		}
	}
}

// settled is true if the reader sleeps and there is still nothing to wake it.
// Whatever it has read before, it has also dealt with: it sleeps only over
// empty buffers.
func (l *line) settled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !l.waits {
		return l.closed
	}
	empty := true
	_ = l.raw.Control(func(fd uintptr) { empty = !arrived(fd) }) // fails where it was closed
	return empty
}

// Read takes nothing before it has said that it is awake: settled has to know.
func (l *line) Read(p []byte) (int, error) {
	_ = l.raw.Read(func(fd uintptr) bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.waits = !arrived(fd); l.waits {
			l.tell()
		}
		return !l.waits
	})
	return l.Conn.Read(p) // which fails in the same way
}

func (l *line) Close() error {
	l.mu.Lock()
	l.closed = true
	l.tell()
	l.mu.Unlock()
	return l.Conn.Close()
}

func (l *line) tell() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}
