package kv

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// Element tags. A string or byte element ends with 0x00 0x01 and escapes 0x00
// as 0x00 0xff, so that a shorter element sorts before a longer one that
// begins with it.
const (
	tagBytes  = 0x10
	tagNumber = 0x20
)

// Key makes a key out of elements: strings and types made of them, []byte,
// int, int64 and uint64 (all sorted as numbers), and time.Time (by instant, to
// the microsecond). Another type is a mistake of ours and panics.
func Key(elements ...any) []byte {
	k := make([]byte, 0, 64)
	for _, e := range elements {
		k = appendElement(k, e)
	}
	return k
}

// Prefix is the range of all tuples that begin with these elements and have
// at least one more.
func Prefix(elements ...any) Range {
	from := Key(elements...)
	return Range{From: append(from[:len(from):len(from)], 0x00), To: append(from[:len(from):len(from)], 0xff)}
}

// Backwards answers the same range walked from its end.
func (r Range) Backwards() Range {
	r.Reverse = true
	return r
}

func appendElement(k []byte, e any) []byte {
	switch e := e.(type) {
	case string:
		return appendBytes(k, []byte(e))
	case []byte:
		return appendBytes(k, e)
	case time.Time:
		return appendNumber(k, e.UnixMicro())
	case int:
		return appendNumber(k, int64(e))
	case int64:
		return appendNumber(k, e)
	case uint64:
		k = append(k, tagNumber, 1)
		return binary.BigEndian.AppendUint64(k, e)
	default:
		if s, ok := stringKind(e); ok {
			return appendBytes(k, []byte(s))
		}
		panic(fmt.Sprintf("kv: no key element of type %T", e))
	}
}

func appendBytes(k, b []byte) []byte {
	k = append(k, tagBytes)
	for _, c := range b {
		k = append(k, c)
		if c == 0 {
			k = append(k, 0xff)
		}
	}
	return append(k, 0x00, 0x01)
}

// appendNumber puts a sign byte first, so that negative numbers sort before
// the others and a uint64 beyond int64 keeps its place.
func appendNumber(k []byte, n int64) []byte {
	sign := byte(1)
	if n < 0 {
		sign = 0
	}
	k = append(k, tagNumber, sign)
	return binary.BigEndian.AppendUint64(k, uint64(n))
}

// Text answers the first element of a key, if it is text without a zero byte,
// and what comes behind it.
func Text(key []byte) (text string, rest []byte, ok bool) {
	if len(key) == 0 || key[0] != tagBytes {
		return "", key, false
	}
	text, after, ok := strings.Cut(string(key[1:]), "\x00\x01")
	return text, []byte(after), ok && !strings.Contains(text, "\x00")
}

// Number answers the first element of a key, if it is a number that fits, and
// what comes behind it.
func Number(key []byte) (n int64, rest []byte, ok bool) {
	if len(key) < 10 || key[0] != tagNumber {
		return 0, key, false
	}
	n = int64(binary.BigEndian.Uint64(key[2:]))
	return n, key[10:], (n >= 0) == (key[1] == 1)
}
