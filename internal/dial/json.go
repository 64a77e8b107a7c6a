package dial

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode"
	"unicode/utf8"
)

// ErrJSON is a body that is no JSON value, or one that this package does not
// take apart: see [JSON].
var ErrJSON = errors.New("dial: not the JSON that is read here")

const (
	deepest = 64  // levels; answers of sources have some ten
	longest = 64  // bytes of a number; a sum of money has twenty
	few     = 32  // members of an object that are looked through one by one
	bulky   = 256 // bytes of a member's name
)

// JSON reads one JSON value into v as encoding/json does, but refuses what two
// readers could understand in two ways or what costs more to read than to send:
// an object with two members of one name (however their letters are cased, for
// encoding/json takes either for the same field), nesting of more than 64
// levels, names of over 256 bytes, numbers of over 64, text that is not UTF-8,
// and anything after the value. What holds sums of money in v is a [json.Number]
// or a string, which keep NaN, 1e400 and eleven digits of a fraction for package
// money to refuse. Its errors are [ErrJSON], with encoding/json's as a cause,
// whose text may quote the body.
func JSON(body []byte, v any) error {
	if err := plain(body); err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return errors.Join(ErrJSON, err)
	}
	return nil
}

// plain looks for what JSON refuses. Whether the grammar is kept is
// encoding/json's to find out.
func plain(b []byte) error {
	if !utf8.Valid(b) {
		return ErrJSON
	}
	var open []names // the objects and arrays around b[i]
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '{' || c == '[':
			if len(open) == deepest {
				return ErrJSON
			}
			open = enter(open, c == '{')
			i++
		case c == '}' || c == ']':
			if len(open) == 0 {
				return ErrJSON
			}
			open = open[:len(open)-1]
			i++
		case c == ',':
			if len(open) > 0 {
				open[len(open)-1].next = true
			}
			i++
		case c == '"':
			end := text(b, i)
			if end < 0 {
				return ErrJSON
			}
			if len(open) > 0 && !open[len(open)-1].add(b[i:end]) {
				return ErrJSON
			}
			i = end
		case c == '-' || c >= '0' && c <= '9':
			from := i
			for i < len(b) && number(b[i]) {
				i++
			}
			if i-from > longest {
				return ErrJSON
			}
		default:
			i++
		}
	}
	return nil
}

// text answers where the string that begins at b[i] ends, or -1.
func text(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

func number(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

// names are the members that an object has had so far.
type names struct {
	object bool
	next   bool     // the next string is a member's name
	few    [][]byte // until they are many
	many   map[string]bool
}

// enter goes a level deeper, into memory that was used on that level before.
func enter(open []names, object bool) []names {
	if n := len(open); n < cap(open) {
		open = open[:n+1]
		open[n] = names{object: object, next: true, few: open[n].few[:0]}
		return open
	}
	return append(open, names{object: object, next: true})
}

// add takes in a string of an object in quotes, and reports whether it is a
// value or a name that was not there.
func (n *names) add(quoted []byte) bool {
	if !n.object || !n.next {
		return true
	}
	n.next = false
	if len(quoted) > bulky {
		return false
	}
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		var s string
		if json.Unmarshal(quoted, &s) != nil {
			return false
		}
		name = []byte(s)
	}
	if n.many == nil {
		for _, one := range n.few {
			if bytes.EqualFold(one, name) {
				return false
			}
		}
		if n.few = append(n.few, name); len(n.few) < few {
			return true
		}
		n.many = make(map[string]bool, 2*few)
		for _, one := range n.few {
			n.many[fold(one)] = true
		}
		return true
	}
	key := fold(name)
	if n.many[key] {
		return false
	}
	n.many[key] = true
	return true
}

// fold makes equal what [bytes.EqualFold] holds for equal.
func fold(name []byte) string {
	folded := make([]rune, 0, len(name))
	for _, r := range string(name) {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		folded = append(folded, least)
	}
	return string(folded)
}
