package cmb

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// canonical writes a JSON document without spaces and with the members of every
// object sorted, scalars as they stand: what is signed, on either side. Its
// input must be JSON that dial.JSON has let pass, so that it is neither deep nor
// broken, and no object has a member twice.
func canonical(text []byte) []byte {
	c := canon{in: text, out: make([]byte, 0, len(text))}
	c.value()
	return c.out
}

type canon struct {
	in  []byte
	at  int
	out []byte
}

// member is where a member of an object stands in out, name and all.
type place struct {
	name     string
	from, to int
}

func (c *canon) next() byte {
	for c.at < len(c.in) {
		switch b := c.in[c.at]; b {
		case ' ', '\t', '\r', '\n':
			c.at++
		default:
			return b
		}
	}
	return 0
}

func (c *canon) value() {
	switch c.next() {
	case '{':
		c.object()
	case '[':
		c.list()
	case '"':
		c.text()
	default:
		from := c.at
		for c.at < len(c.in) && !bytes.ContainsRune([]byte(",]} \t\r\n"), rune(c.in[c.at])) {
			c.at++
		}
		c.out = append(c.out, c.in[from:c.at]...)
	}
}

// text copies a string, quotes and escapes and all.
func (c *canon) text() []byte {
	from := c.at
	for c.at++; c.at < len(c.in) && c.in[c.at] != '"'; c.at++ {
		if c.in[c.at] == '\\' {
			c.at++
		}
	}
	c.at = min(c.at+1, len(c.in))
	c.out = append(c.out, c.in[from:c.at]...)
	return c.in[from:c.at]
}

func (c *canon) list() {
	c.at++
	c.out = append(c.out, '[')
	for c.next() != ']' && c.at < len(c.in) {
		if c.in[c.at] == ',' {
			c.at++
			c.out = append(c.out, ',')
			c.next()
			continue
		}
		before := c.at
		if c.value(); c.at == before {
			break // not JSON
		}
	}
	c.at++
	c.out = append(c.out, ']')
}

func (c *canon) object() {
	c.at++
	c.out = append(c.out, '{')
	start := len(c.out)
	var places []place
	sorted := true
	for c.next() != '}' && c.at < len(c.in) {
		if c.in[c.at] == ',' {
			c.at++
			continue
		}
		if c.in[c.at] != '"' {
			break // not JSON
		}
		p := place{from: len(c.out)}
		p.name = named(c.text())
		if c.next() == ':' {
			c.at++
		}
		c.out = append(c.out, ':')
		c.value()
		c.out = append(c.out, ',')
		p.to = len(c.out)
		if n := len(places); n > 0 && places[n-1].name > p.name {
			sorted = false
		}
		places = append(places, p)
	}
	c.at++
	if !sorted {
		slices.SortFunc(places, func(a, b place) int { return strings.Compare(a.name, b.name) })
		whole := bytes.Clone(c.out[start:])
		c.out = c.out[:start]
		for _, p := range places {
			c.out = append(c.out, whole[p.from-start:p.to-start]...)
		}
	}
	if n := len(c.out); n > start {
		c.out = c.out[:n-1] // the last comma
	}
	c.out = append(c.out, '}')
}

// named reads the name of a member, which rarely holds an escape.
func named(quoted []byte) string {
	if len(quoted) >= 2 && bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	_ = json.Unmarshal(quoted, &s)
	return s
}
