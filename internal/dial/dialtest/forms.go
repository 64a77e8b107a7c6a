package dialtest

import (
	"net/netip"
	"strings"
)

// Form is a way to write, or to hide, an address that nobody outside may lead a
// client to.
type Form struct {
	Why string
	URL string // with PORT in the place of the canary's

	// Name resolves to Answers, lookup by lookup; empty: no name is asked for.
	Name    string
	Answers [][]netip.Addr

	Loopback bool // all it leads to is this machine
	Deaf     bool // a plain client does not get there either
}

// Public are addresses that a client may connect to: of forms that offer one
// beside what is forbidden.
var Public = []netip.Addr{netip.MustParseAddr("110.75.244.1"), netip.MustParseAddr("2400:3200::1")}

// Forms are the forms that there are.
func Forms() (all []Form) {
	local := func(why, host string) {
		all = append(all, Form{Why: why, URL: "http://" + host + ":PORT/", Loopback: true})
	}
	deaf := func(why, url string) { all = append(all, Form{Why: why, URL: url, Loopback: true, Deaf: true}) }
	away := func(why, host string) { all = append(all, Form{Why: why, URL: "http://" + host + ":PORT/"}) }
	// As inet_aton of C reads them; a resolver that asks C, or an attacker's
	// name server, answers with what they spell.
	spelt := func(why, host, address string) {
		a := netip.MustParseAddr(address)
		all = append(all, Form{Why: why, URL: "http://" + host + ":PORT/", Name: strings.ToLower(strings.TrimSuffix(host, ".")), Answers: [][]netip.Addr{{a}}, Loopback: a.IsLoopback()})
	}
	named := func(why, name string, loopback bool, answers ...string) {
		f := Form{Why: why, URL: "http://" + name + ":PORT/", Name: strings.ToLower(strings.TrimSuffix(name, ".")), Loopback: loopback}
		for _, lookup := range answers {
			var list []netip.Addr
			for _, a := range strings.Fields(lookup) {
				list = append(list, netip.MustParseAddr(a))
			}
			f.Answers = append(f.Answers, list)
		}
		all = append(all, f)
	}

	local("loopback", "127.0.0.1")
	local("loopback, another of it", "127.0.0.2")
	local("loopback, IPv6", "[::1]")
	local("loopback, IPv6 at length", "[0:0:0:0:0:0:0:1]")
	local("IPv4 mapped", "[::ffff:127.0.0.1]")
	local("IPv4 mapped, in hexadecimal", "[::ffff:7f00:1]")
	local("IPv4 mapped, at length", "[0:0:0:0:0:ffff:127.0.0.1]")
	local("this host on Linux", "0.0.0.0")
	local("this host on Linux, IPv6", "[::]")
	local("this host, mapped", "[::ffff:0.0.0.0]")
	local("a zone on loopback", "[::1%25lo]")
	local("the machine's own name for it", "localhost")
	local("in capitals", "LOCALHOST")

	deaf("one number: no name to Go, loopback to C", "http://2130706433:PORT/")
	deaf("one octal number", "http://017700000001:PORT/")
	deaf("octal parts", "http://0177.0.0.1:PORT/")
	deaf("two parts", "http://127.1:PORT/")
	deaf("three parts", "http://127.0.1:PORT/")
	deaf("nothing", "http://0:PORT/")
	deaf("leading zeros", "http://127.000.000.001:PORT/")
	deaf("a part too large", "http://127.0.0.257:PORT/")
	deaf("a dot at the end of an address", "http://127.0.0.1.:PORT/")
	spelt("one hexadecimal number", "0x7f000001", "127.0.0.1")
	spelt("hexadecimal parts", "0x7f.0x0.0x0.0x1", "127.0.0.1")
	spelt("hexadecimal and short", "0x7f.1", "127.0.0.1")
	spelt("mixed", "0x7f.0.0.01", "127.0.0.1")
	spelt("in capitals", "0X7F000001", "127.0.0.1")
	spelt("hexadecimal, of metadata", "0xa9fea9fe", "169.254.169.254")

	local("full-width digits", "１２７.０.０.１")
	local("circled digits", "①②⑦.⓪.⓪.①")
	local("mathematical digits", "𝟏𝟐𝟕.𝟎.𝟎.𝟏")
	local("ideographic full stops", "127。0。0。1")
	local("half-width ideographic full stops", "127｡0｡0｡1")
	local("full-width full stops", "127．0．0．1")
	local("full-width letters", "ｌｏｃａｌｈｏｓｔ")
	local("circled letters", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ")
	local("a soft hyphen", "local\u00adhost")
	deaf("dots in per cent", "http://127%2e0%2e0%2e1:PORT/")
	deaf("a zero byte", "http://127.0.0.1%00.bank.example:PORT/")
	deaf("a line's end", "http://127.0.0.1\r\nHost: x:PORT/")
	deaf("a space", "http://127.0.0.1 :PORT/")
	deaf("a tab before the scheme", "\thttp://127.0.0.1:PORT/")

	add := func(why, url string) { all = append(all, Form{Why: why, URL: url, Loopback: true}) }
	add("a name as the user", "http://bank.example@127.0.0.1:PORT/")
	add("a name and port as user and password", "http://bank.example:443@127.0.0.1:PORT/")
	add("a name in the fragment", "http://127.0.0.1:PORT#@bank.example/")
	add("a name in the query", "http://[::1]:PORT?@bank.example/")
	add("a name in the path", "http://127.0.0.1:PORT/@bank.example/")
	add("the scheme in capitals", "HTTP://127.0.0.1:PORT/")
	add("a port with zeros before it", "http://127.0.0.1:0PORT/")
	add("TLS", "https://127.0.0.1:PORT/")
	add("TLS, mapped", "https://[::ffff:127.0.0.1]:PORT/")
	deaf("a back slash", "http://127.0.0.1:PORT\\@bank.example/")
	deaf("two users", "http://bank.example@127.0.0.1:PORT@bank.example/")
	deaf("no scheme", "//127.0.0.1:PORT/")
	deaf("one slash", "http:/127.0.0.1:PORT/")
	deaf("no slash", "http:127.0.0.1:PORT")
	deaf("a file", "file:///etc/passwd")
	deaf("gopher", "gopher://127.0.0.1:PORT/_GET")
	deaf("ftp", "ftp://127.0.0.1:PORT/")
	deaf("a socket", "unix:///var/run/docker.sock")
	deaf("dict", "dict://127.0.0.1:PORT/")

	named("a name of loopback", "inside.example", true, "127.0.0.1")
	named("a name with a dot at its end", "dot.example.", true, "127.0.0.1")
	named("a name below localhost", "x.localhost", true, "127.0.0.1")
	named("a name of IPv6 loopback", "six.example", true, "::1")
	named("a name of a mapped address", "mapped.example", true, "::ffff:127.0.0.1")
	named("a name of this host", "zero.example", true, "0.0.0.0")
	named("a name of all of it", "all.example", true, "127.0.0.1 ::1 127.0.0.2")
	named("a name that holds an address", "127.0.0.1.nip.example", true, "127.0.0.1")
	named("rebinding: public first, loopback next", "rebind.example", false, "110.75.244.1", "127.0.0.1")
	named("one public, one not", "both.example", false, "110.75.244.1 127.0.0.1")
	named("one public of IPv6, one not", "both6.example", false, "2400:3200::1 ::1")
	named("families apart", "apart.example", false, "110.75.244.1 ::1")
	named("a name of RFC 1918", "ten.example", false, "10.0.0.1")
	named("a name of NAT64", "nat64.example", false, "64:ff9b::7f00:1")
	named("Google Cloud's metadata", "metadata.google.internal", false, "169.254.169.254")
	named("Google Cloud's metadata, IPv6", "metadata6.google.internal", false, "fd20:ce::254")
	named("Tencent Cloud's metadata", "metadata.tencentyun.com", false, "169.254.0.23")
	named("Alibaba Cloud's metadata", "metadata.aliyun.example", false, "100.100.100.200")
	named("EC2's metadata", "instance-data.ec2.internal", false, "169.254.169.254")

	for _, a := range []struct{ why, host string }{
		{"RFC 1918", "10.0.0.1"}, {"RFC 1918", "172.16.0.1"}, {"RFC 1918, its end", "172.31.255.255"}, {"RFC 1918", "192.168.1.1"},
		{"RFC 1918, mapped", "[::ffff:10.0.0.1]"},
		{"carriers' NAT", "100.64.0.1"}, {"carriers' NAT, its end", "100.127.255.255"},
		{"metadata", "169.254.169.254"}, {"metadata, mapped", "[::ffff:169.254.169.254]"}, {"metadata, mapped, in hexadecimal", "[::ffff:a9fe:a9fe]"},
		{"metadata of containers", "169.254.170.2"}, {"Alibaba Cloud's metadata", "100.100.100.200"}, {"Azure's wire server", "168.63.129.16"},
		{"Oracle Cloud's metadata", "192.0.0.192"}, {"EC2's metadata, IPv6", "[fd00:ec2::254]"}, {"Google Cloud's metadata, IPv6", "[fd20:ce::254]"},
		{"link-local", "169.254.1.1"}, {"link-local, IPv6", "[fe80::1]"}, {"link-local with a zone", "[fe80::1%25eth0]"}, {"site-local", "[fec0::1]"},
		{"unique local", "[fc00::1]"}, {"unique local", "[fd12:3456::1]"},
		{"broadcast", "255.255.255.255"}, {"multicast", "224.0.0.1"}, {"multicast, IPv6", "[ff02::1]"},
		{"this network", "0.1.2.3"}, {"reserved", "240.0.0.1"}, {"benchmarks", "198.18.0.1"}, {"documentation", "203.0.113.1"}, {"documentation, IPv6", "[2001:db8::1]"},
		{"IPv4 compatible", "[::127.0.0.1]"}, {"IPv4 translated", "[::ffff:0:127.0.0.1]"},
		{"NAT64", "[64:ff9b::127.0.0.1]"}, {"NAT64, in hexadecimal", "[64:ff9b::7f00:1]"}, {"NAT64 of metadata", "[64:ff9b::a9fe:a9fe]"}, {"NAT64 of a public address", "[64:ff9b::808:808]"},
		{"NAT64 for local use", "[64:ff9b:1::7f00:1]"},
		{"6to4", "[2002:7f00:1::]"}, {"6to4 of RFC 1918", "[2002:a00:1::1]"}, {"6to4 relays", "192.88.99.1"},
		{"Teredo", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]"},
		{"ISATAP", "[fe80::5efe:127.0.0.1]"}, {"ISATAP under a global prefix", "[2400:3200::5efe:127.0.0.1]"}, {"ISATAP, with the bit of uniqueness", "[2400:3200::200:5efe:a00:1]"},
		{"discard only", "[100::1]"}, {"segment routing", "[5f00::1]"},
	} {
		away(a.why, a.host)
	}
	return all
}
