package dpop

import (
	"net/url"
	"strings"
)

// sameURL compares an htu with the address of a request after syntax-based and
// scheme-based normalization (RFC 9449, section 4.3; RFC 3986, sections 6.2.2
// and 6.2.3), without query and fragment.
func sameURL(htu, request string) bool {
	if htu == request && isVisible(htu) { // as nearly everyone writes it
		return true
	}
	a, ok := canonical(htu)
	if !ok {
		return false
	}
	b, ok := canonical(request)
	return ok && a == b
}

func canonical(raw string) (string, bool) {
	if len(raw) > 2048 || !isVisible(raw) { // RFC 3986 is in ASCII
		return "", false
	}
	raw, _, _ = strings.Cut(raw, "#")
	raw, _, _ = strings.Cut(raw, "?")
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.User != nil || u.Host == "" {
		return "", false
	}
	scheme, host, port := u.Scheme, strings.ToLower(u.Hostname()), u.Port() // Parse has the scheme in lower case
	switch {
	case scheme != "https" && scheme != "http", host == "", !isVisible(host), strings.Contains(host, "%"): // Parse has decoded escapes
		return "", false
	case strings.Contains(host, ":"): // IPv6
		host = "[" + host + "]"
	}
	if port != "" && port != map[string]string{"https": "443", "http": "80"}[scheme] {
		host += ":" + port
	}
	path, ok := canonicalPath(u.EscapedPath())
	return scheme + "://" + host + path, ok
}

func isVisible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// canonicalPath decodes what needs no escape, writes the other escapes in
// upper case, and refuses dot segments: no client of ours has a reason to send
// one.
func canonicalPath(p string) (string, bool) {
	if p == "" {
		return "/", true
	}
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] != '%' {
			b.WriteByte(p[i])
			continue
		}
		if i+2 >= len(p) {
			return "", false
		}
		hi, lo := unhex(p[i+1]), unhex(p[i+2])
		if hi < 0 || lo < 0 {
			return "", false
		}
		if c := byte(hi<<4 | lo); isUnreserved(c) {
			b.WriteByte(c)
		} else {
			b.WriteString(strings.ToUpper(p[i : i+3]))
		}
		i += 2
	}
	out := b.String()
	for segment := range strings.SplitSeq(out, "/") {
		if segment == "." || segment == ".." {
			return "", false
		}
	}
	return out, true
}

func unhex(c byte) int {
	if c >= 'A' && c <= 'F' {
		c += 'a' - 'A'
	}
	return strings.IndexByte("0123456789abcdef", c)
}

func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}
