package main

import (
	"net"
	"net/netip"
	"slices"
)

// onlyFrom lets in the named proxies and this machine: what comes in plain
// HTTP from anywhere else has no TLS around it. Without a proxy the listener
// is on loopback already.
func onlyFrom(l net.Listener, proxies []netip.Prefix) net.Listener {
	if len(proxies) == 0 {
		return l
	}
	return &gate{l, proxies}
}

type gate struct {
	net.Listener
	proxies []netip.Prefix
}

// Accept closes the connections of strangers without a word.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil || g.known(conn.RemoteAddr()) {
			return conn, err
		}
		_ = conn.Close()
	}
}

func (g *gate) known(a net.Addr) bool {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return false
	}
	from := at.Addr().Unmap()
	return from.IsLoopback() || slices.ContainsFunc(g.proxies, func(p netip.Prefix) bool { return p.Contains(from) })
}
