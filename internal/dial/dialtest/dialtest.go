// Package dialtest is what tries whether a client can be led to an address that
// it may not connect to: forms of such addresses, a name server that answers as
// an attacker's would, and a canary that counts who comes.
//
// Nothing of it leaves the machine: the canary and the name server listen on
// loopback addresses, and who tries other addresses takes [Canary.Let] for the
// last step.
package dialtest

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Canary listens on loopback addresses of both families, on one port.
type Canary struct {
	Port string

	mu      sync.Mutex
	came    int
	reached []netip.Addr
}

// Listen begins to count; the test's end ends it.
func Listen(t testing.TB) *Canary {
	t.Helper()
	c := &Canary{}
	first := listen(t, "127.0.0.1:0")
	_, c.Port, _ = net.SplitHostPort(first.Addr().String())
	var done sync.WaitGroup
	t.Cleanup(done.Wait)
	for _, l := range []net.Listener{first, listen(t, "127.0.0.2:"+c.Port), listen(t, "[::1]:"+c.Port)} {
		done.Go(func() { c.serve(l) })
		t.Cleanup(func() { _ = l.Close() })
	}
	return c
}

func listen(t testing.TB, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (c *Canary) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		c.mu.Lock()
		c.came++
		c.mu.Unlock()
		_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))
		_ = conn.Close()
	}
}

// Let is the last step of a connection: one to a loopback address is made, any
// other noted and refused.
func (c *Canary) Let(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if at.Addr().Unmap().IsLoopback() || at.Addr().Unmap().IsUnspecified() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reached = append(c.reached, at.Addr())
	return fmt.Errorf("dialtest: %s would have been connected to", at.Addr())
}

// Took answers how many connections were made since it was last asked, and to
// which addresses further ones would have been.
func (c *Canary) Took() (came int, reached []netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	came, reached = c.came, c.reached
	c.came, c.reached = 0, nil
	return came, reached
}

// Names is a name server. A name's answers come one after the other, the last
// of them again and again.
type Names struct {
	mu      sync.Mutex
	answers map[string][][]netip.Addr
	asked   map[string]int
}

// Serve puts n in the place of the system's resolver until the test ends.
func Serve(t testing.TB) *Names {
	t.Helper()
	n := &Names{answers: map[string][][]netip.Addr{}, asked: map[string]int{}}
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() { n.serve(server) })
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		_ = server.Close()
		done.Wait()
	})
	return n
}

// Answer makes a name resolve to these addresses, lookup by lookup.
func (n *Names) Answer(name string, answers ...[]netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answers[name], n.asked[name+" A"], n.asked[name+" AAAA"] = answers, 0, 0
}

func (n *Names) serve(c net.PacketConn) {
	packet := make([]byte, 1500)
	for {
		size, from, err := c.ReadFrom(packet)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(packet[:size]) != nil || len(m.Questions) != 1 {
			continue
		}
		m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
		q := m.Questions[0]
		known := false
		for _, a := range n.next(q, &known) {
			h := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
			if q.Type == dnsmessage.TypeA {
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: a.As4()}})
			} else {
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
			}
		}
		if !known {
			m.RCode = dnsmessage.RCodeNameError
		}
		if b, err := m.Pack(); err == nil {
			_, _ = c.WriteTo(b, from)
		}
	}
}

// next answers a name's addresses of the family asked for.
func (n *Names) next(q dnsmessage.Question, known *bool) (list []netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	answers := n.answers[name]
	if len(answers) == 0 {
		return nil
	}
	*known = true
	key := name + " A"
	if q.Type == dnsmessage.TypeAAAA {
		key = name + " AAAA"
	}
	turn := min(n.asked[key], len(answers)-1)
	n.asked[key]++
	for _, a := range answers[turn] {
		if a.Is4() == (q.Type == dnsmessage.TypeA) {
			list = append(list, a)
		}
	}
	return list
}
