package canary

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// pass is one reading of one place. It holds one step of it at a time and as
// much of the last as a needle or an escape may reach back.
type pass struct {
	s     *Scanner
	place string
	read  int64 // bytes taken so far
	held  []byte
	rest  [2][]byte // an escape cut in two, for each time they are undone
	lanes [3]lane
	seen  map[int]bool
	found []Finding
}

// lane is one view of the place.
type lane struct {
	buf []byte
	at  int // where in buf to look next
}

func (s *Scanner) pass(place string) *pass { return &pass{s: s, place: place, seen: map[int]bool{}} }

// Write takes the next bytes of the place. It does not fail.
func (p *pass) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n := min(len(rest), p.s.step-len(p.held))
		p.held = append(p.held, rest[:n]...)
		if rest = rest[n:]; len(p.held) == p.s.step {
			p.take(false)
		}
	}
	return len(b), nil
}

func (p *pass) end() []Finding {
	p.take(true)
	for i, f := range p.found { // another one may stand right beside it
		again := p.s.pass("")
		_, _ = again.Write([]byte(f.Around))
		if again.take(true); again.found != nil {
			p.found[i].Around = "[…]"
		}
	}
	return p.found
}

func (p *pass) take(last bool) {
	p.look(0, p.held, last)
	plain := p.held
	for i := range p.rest {
		var n int
		in := append(p.rest[i], plain...)
		plain, n = unescape(make([]byte, 0, len(in)), in, last)
		p.rest[i] = in[n:]
	}
	p.look(1, plain, last)
	p.look(2, bare(plain), last)
	p.read += int64(len(p.held))
	p.held = p.held[:0]
}

// look searches a view as far as a needle that begins there is sure to be
// whole, and keeps the rest for the next step.
func (p *pass) look(view int, more []byte, last bool) {
	x, l := &p.s.views[view], &p.lanes[view]
	l.buf = append(l.buf, more...)
	to := len(l.buf) - x.longest + 1
	if last {
		to = len(l.buf) - Shortest + 1
	}
	for ; l.at < to; l.at++ {
		first := binary.LittleEndian.Uint64(l.buf[l.at:])
		if !x.maybe(first) {
			continue
		}
		for _, n := range x.first[first] {
			if !p.seen[n.canary] && bytes.HasPrefix(l.buf[l.at:], n.text) {
				p.seen[n.canary] = true
				p.found = append(p.found, Finding{p.place, n.canary, n.name, p.read + int64(l.at) - int64(len(l.buf)-len(more)), around(l.buf, l.at, len(n.text))})
			}
		}
	}
	const before = 64 // for what stands around
	if drop := l.at - before; drop > 0 {
		l.buf = append(l.buf[:0], l.buf[drop:]...)
		l.at = before
	}
}

// around shows what stands about a finding, for whoever has to mend it. Digits
// and long words may be another canary's, or the rest of this one's.
func around(hay []byte, at, length int) string {
	return shown(hay[max(0, at-60):at]) + "[…]" + shown(hay[min(len(hay), at+length):min(len(hay), at+length+20)])
}

var unshown = regexp.MustCompile(`[^\n-~]+|[\w+/=]{12,}|\d`)

func shown(b []byte) string { return unshown.ReplaceAllString(string(b), "·") }

// longestEscape is how far an escape may reach: a full HTML entity.
const longestEscape = 10

// unescape appends src to dst with one layer of escapes undone, and without
// line breaks and the zero bytes that UTF-16 puts between letters. It answers
// how much of src it took: short of its end, which may cut an escape, unless it
// is the last.
func unescape(dst, src []byte, last bool) ([]byte, int) {
	for i := 0; i < len(src); {
		c := src[i]
		if !plainByte[c] {
			if !last && i+longestEscape > len(src) {
				return dst, i
			}
			n := 0
			switch c {
			case '%':
				dst, n = byHex(dst, src[i:], 1, 2)
			case '\\':
				dst, n = backslash(dst, src[i:])
			case '&':
				dst, n = entity(dst, src[i:])
			case 0xEF: // U+FF10 to U+FF19, full-width digits
				if len(src) >= i+3 && src[i+1] == 0xBC && src[i+2] >= 0x90 && src[i+2] <= 0x99 {
					dst, n = append(dst, src[i+2]-0x90+'0'), 3
				}
			case 0, '\r', '\n':
				n = 1
			}
			if n > 0 {
				i += n
				continue
			}
		}
		dst = append(dst, c)
		i++
	}
	return dst, len(src)
}

var plainByte = func() (plain [256]bool) {
	for c := range plain {
		plain[c] = !strings.ContainsRune("%\\&\x00\r\n", rune(c)) && c != 0xEF
	}
	return plain
}()

// byHex reads digits of hex that stand from skip on in src.
func byHex(dst, src []byte, skip, digits int) ([]byte, int) {
	if len(src) < skip+digits {
		return dst, 0
	}
	n, err := strconv.ParseUint(string(src[skip:skip+digits]), 16, 16)
	switch {
	case err != nil:
		return dst, 0
	case digits == 2:
		return append(dst, byte(n)), skip + digits
	}
	return utf8.AppendRune(dst, rune(n)), skip + digits
}

func backslash(dst, src []byte) ([]byte, int) {
	if len(src) < 2 {
		return dst, 0
	}
	switch src[1] {
	case 'x':
		return byHex(dst, src, 2, 2)
	case 'u':
		return byHex(dst, src, 2, 4)
	case 'n', 'r':
		return dst, 2
	case 't':
		return append(dst, '\t'), 2
	case '"', '\'', '/', '\\':
		return append(dst, src[1]), 2
	}
	return dst, 0
}

var entities = map[string]byte{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\'', "nbsp": ' '}

func entity(dst, src []byte) ([]byte, int) {
	end := bytes.IndexByte(src[:min(len(src), longestEscape)], ';')
	if end < 2 {
		return dst, 0
	}
	name := string(src[1:end])
	if c, ok := entities[name]; ok {
		return append(dst, c), end + 1
	}
	number, ok := strings.CutPrefix(name, "#")
	if !ok {
		return dst, 0
	}
	base := 10
	if hex, ok := strings.CutPrefix(strings.ToLower(number), "x"); ok {
		number, base = hex, 16
	}
	n, err := strconv.ParseUint(number, base, 32)
	if err != nil {
		return dst, 0
	}
	return utf8.AppendRune(dst, rune(n)), end + 1
}

// bare keeps letters and digits, in lower case.
func bare(src []byte) []byte {
	dst := make([]byte, 0, len(src))
	for _, c := range src {
		if c = bareByte[c]; c != 0 {
			dst = append(dst, c)
		}
	}
	return dst
}

func bareOf(s string) string { return string(bare([]byte(s))) }

var bareByte = func() (to [256]byte) {
	for c := range to {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z':
			to[c] = byte(c)
		case c >= 'A' && c <= 'Z':
			to[c] = byte(c) + 'a' - 'A'
		}
	}
	return to
}()
