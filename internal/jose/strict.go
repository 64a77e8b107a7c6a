package jose

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// Claims are the members of a JSON object, by their exact names.
type Claims map[string]json.RawMessage

// String answers a member that is a string, and whether it is there and is one.
func (c Claims) String(name string) (string, bool) {
	raw := c[name]
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 { // valid JSON and UTF-8, or it would not be here
		return string(raw[1 : len(raw)-1]), true
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// Texts answers a member that is a string or an array of strings, as "aud" may
// be (RFC 7519, section 4.1.3); nothing where it is neither.
func (c Claims) Texts(name string) []string {
	if one, ok := c.String(name); ok {
		return []string{one}
	}
	raw := c[name]
	if len(raw) == 0 || raw[0] != '[' {
		return nil
	}
	var each []json.RawMessage
	if json.Unmarshal(raw, &each) != nil {
		return nil
	}
	list := make([]string, len(each))
	for i, one := range each {
		var ok bool
		if list[i], ok = (Claims{name: one}).String(name); !ok { // encoding/json would take null for ""
			return nil
		}
	}
	return list
}

// Time answers a member that is a NumericDate (RFC 7519, section 2), to the
// second below, and whether it is there and is one.
func (c Claims) Time(name string) (time.Time, bool) {
	raw := c[name]
	if len(raw) == 0 || len(raw) > 32 || raw[0] == '"' {
		return time.Time{}, false
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		if n < 0 || n > maxDate {
			return time.Time{}, false
		}
		return time.Unix(n, 0), true
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > maxDate {
		return time.Time{}, false
	}
	return time.Unix(int64(f), 0), true
}

// Has reports whether the member is there, whatever it holds.
func (c Claims) Has(name string) bool { _, ok := c[name]; return ok }

const (
	maxDate  = 253402300799 // the last second of the year 9999
	maxDepth = 32
)

// members reads one JSON object. It fails on a member that stands twice at any
// depth, on invalid UTF-8, and on nesting beyond maxDepth.
func members(b []byte) (Claims, bool) {
	if !utf8.Valid(b) || !json.Valid(b) {
		return nil, false
	}
	w := walker{b: b}
	w.space()
	if w.b[w.i] != '{' {
		return nil, false
	}
	top := Claims{}
	return top, w.object(top, 1)
}

// walker goes over JSON that is already known to be valid.
type walker struct {
	b []byte
	i int
}

func (w *walker) space() {
	for w.i < len(w.b) && (w.b[w.i] == ' ' || w.b[w.i] == '\t' || w.b[w.i] == '\n' || w.b[w.i] == '\r') {
		w.i++
	}
}

// object walks from its brace to behind the closing one and notes members.
func (w *walker) object(into Claims, depth int) bool {
	if depth > maxDepth {
		return false
	}
	w.i++
	for {
		w.space()
		switch w.b[w.i] {
		case '}':
			w.i++
			return true
		case ',':
			w.i++
			continue
		}
		name, ok := w.name()
		if !ok || into.Has(name) {
			return false
		}
		w.space()
		w.i++ // the colon
		w.space()
		from := w.i
		if !w.value(depth) {
			return false
		}
		into[name] = w.b[from:w.i:w.i]
	}
}

func (w *walker) value(depth int) bool {
	switch w.b[w.i] {
	case '{':
		return w.object(Claims{}, depth+1)
	case '[':
		if depth >= maxDepth {
			return false
		}
		w.i++
		for {
			w.space()
			switch w.b[w.i] {
			case ']':
				w.i++
				return true
			case ',':
				w.i++
			default:
				if !w.value(depth + 1) {
					return false
				}
			}
		}
	case '"':
		w.text()
	default: // a number, true, false or null ends before a separator
		for w.i < len(w.b) && !separates(w.b[w.i]) {
			w.i++
		}
	}
	return true
}

func separates(c byte) bool {
	return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\t' || c == '\n' || c == '\r'
}

// text walks behind a string and reports whether it holds an escape.
func (w *walker) text() (escaped bool) {
	for w.i++; w.b[w.i] != '"'; w.i++ {
		if w.b[w.i] == '\\' {
			escaped = true
			w.i++
		}
	}
	w.i++
	return escaped
}

func (w *walker) name() (string, bool) {
	from := w.i
	if !w.text() {
		return string(w.b[from+1 : w.i-1]), true
	}
	var s string
	return s, json.Unmarshal(w.b[from:w.i], &s) == nil
}

// Object reads one JSON object that came as it is, as strictly as the payload
// of a JWS: each member once at any depth, valid UTF-8, bounded nesting.
func Object(b []byte) (Claims, error) {
	m, ok := members(b)
	if !ok {
		return nil, ErrMalformed.Saying("this is not a JSON object, or it has a member twice")
	}
	return m, nil
}
