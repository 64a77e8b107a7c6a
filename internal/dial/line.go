package dial

import (
	"context"
	"crypto/tls"
	"encoding/binary"
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
	record record
}

// settle waits until nothing that arrived on c before is left to be read, by
// net/http's own reader, or c was closed for it, or ctx is over. On HTTP/2,
// where answers have numbers, it does nothing.
func settle(ctx context.Context, c net.Conn) {
	encrypted, ok := c.(*tls.Conn)
	if ok {
		if encrypted.ConnectionState().NegotiatedProtocol == "h2" {
			return
		}
		c = encrypted.NetConn()
	}
	l, ok := c.(*line)
	for ok && !l.settled(encrypted != nil) {
		select {
		case <-l.changed:
		case <-ctx.Done():
			return
		}
	}
}

// settled is true if the reader sleeps and there is still nothing to wake it,
// and if l was closed. Whatever the reader has had before, it has dealt with: it
// sleeps only over empty buffers, but for a TLS record of which a part is there.
func (l *line) settled(encrypted bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !l.waits || encrypted && l.record.begun() {
		return l.closed
	}
	empty := false
	_ = l.raw.Control(func(fd uintptr) { empty = !arrived(fd) })
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
	n, err := l.Conn.Read(p) // which fails as l.raw did
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record.follow(p[:n])
	return n, err
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

// record is how far a stream has come in a TLS record (RFC 8446, 5.1). On a
// stream without TLS it means nothing.
type record struct {
	header []byte // as much of it as has come
	rest   int    // bytes of the fragment that are still to come
}

func (r *record) begun() bool { return len(r.header) > 0 || r.rest > 0 }

func (r *record) follow(p []byte) {
	for len(p) > 0 {
		if r.rest > 0 {
			n := min(r.rest, len(p))
			r.rest, p = r.rest-n, p[n:]
			continue
		}
		r.header, p = append(r.header, p[0]), p[1:]
		if len(r.header) == 5 {
			r.rest = int(binary.BigEndian.Uint16(r.header[3:]))
			r.header = r.header[:0]
		}
	}
}
