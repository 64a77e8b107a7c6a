package dial

import (
	"fmt"
	"net/netip"
	"strings"
)

// check refuses a socket to an address outside of what c allows. It is called
// with the literal address that is about to be connected to.
func (c Config) check(network, address string) error {
	if !strings.HasPrefix(network, "tcp") {
		return ErrAddress
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return ErrAddress
	}
	if Public(at.Addr()) || (c.AllowPrivate && private(at.Addr())) {
		return nil
	}
	return fmt.Errorf("%w (%s)", ErrAddress, sort(at.Addr()))
}

// Public reports whether a is an ordinary unicast address of the public
// internet, by the special-purpose registries of RFC 6890 and its successors.
// Addresses that carry an IPv4 address inside (mapped ones apart, which the
// kernel treats as that address), such as NAT64, 6to4, Teredo and ISATAP, are
// not: where they lead is not visible here. A network's own prefix for NAT64
// (RFC 6052) looks like any other, and is not known.
func Public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || a.Zone() != "" || in(a, never) || in(a, inside) {
		return false
	}
	return a.Is4() || in(a, global6) && !isatap(a)
}

// isatap reports whether a's interface identifier holds an IPv4 address (RFC
// 5214, section 6.1).
func isatap(a netip.Addr) bool {
	b := a.As16()
	return b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

// private reports whether a may be connected to under AllowPrivate.
func private(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsValid() && a.Zone() == "" && in(a, inside) && !in(a, never)
}

func sort(a netip.Addr) string {
	switch a = a.Unmap(); {
	case in(a, never):
		return "reserved, link-local, multicast or metadata"
	case in(a, inside):
		return "loopback or private"
	}
	return "not global"
}

func in(a netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		list[i] = netip.MustParsePrefix(t)
	}
	return list
}

var (
	// inside is what an operator's own network may use.
	inside = prefixes(
		"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
		"100.64.0.0/10", // RFC 6598, shared by carriers
		"::1/128", "fc00::/7",
	)
	// never is connected to for nobody.
	never = prefixes(
		"0.0.0.0/8",
		"169.254.0.0/16",     // link-local, and the metadata service of most clouds
		"100.100.100.200/32", // Alibaba Cloud's metadata
		"168.63.129.16/32",   // Azure's wire server
		"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/4", "240.0.0.0/4",
		"::/128",
		"64:ff9b::/96", "64:ff9b:1::/48", // NAT64
		"100::/64", "2001::/23", "2001:db8::/32", "3fff::/20",
		"2002::/16",         // 6to4
		"fd00:ec2::254/128", // AWS metadata
		"fd20:ce::254/128",  // Google Cloud's metadata
		"fe80::/10", "fec0::/10", "ff00::/8",
	)
	global6 = prefixes("2000::/3")
)
