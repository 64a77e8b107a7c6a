package main

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

// callers is a listener whose connections come from given addresses.
type callers struct {
	net.Listener
	from []string
}

type caller struct {
	net.Conn
	from   string
	closed *int
}

func (c caller) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.from))
}
func (c caller) Close() error { *c.closed++; return nil }

var errNoMore = errors.New("no more callers")

func TestOnlyProxiesSpeakPlainHTTP(t *testing.T) {
	var closed int
	calls := &callers{from: []string{"203.0.113.9:1", "10.1.2.3:1", "[2001:db8::1]:1", "127.0.0.1:1", "[::ffff:10.9.9.9]:1"}}
	l := onlyFrom(acceptor{calls, &closed}, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	var let []string
	for {
		conn, err := l.Accept()
		if err != nil {
			break
		}
		let = append(let, conn.RemoteAddr().String())
	}
	if len(let) != 3 || closed != 2 {
		t.Errorf("let in %v and closed %d; want the proxy twice and this machine, and 2 closed", let, closed)
	}
}

type acceptor struct {
	*callers
	closed *int
}

func (a acceptor) Accept() (net.Conn, error) {
	if len(a.from) == 0 {
		return nil, errNoMore
	}
	c := caller{from: a.from[0], closed: a.closed}
	a.from = a.from[1:]
	return c, nil
}
