package canary

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// bareLeast is how many letters and digits a canary needs to be looked for
// without regard to what stands between them.
const bareLeast = 12

// needle is one text by which one canary is found in one view.
type needle struct {
	text   []byte
	canary int
	name   string
}

// index finds needles by their first eight bytes.
type index struct {
	first   map[uint64][]needle
	sieve   []uint64 // bits: most places in a text are no needle's beginning
	longest int
}

const sieveBits = 22

func sieveAt(first uint64) uint64 { return first * 0x9E3779B97F4A7C15 >> (64 - sieveBits) }

func (x *index) add(n needle) {
	if x.first == nil {
		x.first = map[uint64][]needle{}
	}
	first := binary.LittleEndian.Uint64(n.text)
	x.first[first] = append(x.first[first], n)
	x.longest = max(x.longest, len(n.text))
}

func (x *index) seal() {
	x.sieve = make([]uint64, 1<<(sieveBits-6))
	for first := range x.first {
		at := sieveAt(first)
		x.sieve[at/64] |= 1 << (at % 64)
	}
}

func (x *index) maybe(first uint64) bool {
	at := sieveAt(first)
	return x.sieve[at/64]>>(at%64)&1 != 0
}

// needlesOf answers what to look for in each view.
func needlesOf(canary string) (views [3][]needle) {
	add := func(view int, name string, text []byte) {
		if len(text) >= Shortest {
			views[view] = append(views[view], needle{text: text, name: name})
		}
	}
	stands, unescaped, barely := 0, 1, 2
	add(stands, "plain", []byte(canary))
	add(unescaped, "escaped", []byte(canary))
	le, be := string(wide(binary.LittleEndian, canary)), string(wide(binary.BigEndian, canary))
	add(stands, "UTF-16LE", []byte(le)) // of ASCII it is found without its zero bytes, too
	add(stands, "UTF-16BE", []byte(be))
	backwards := []rune(canary)
	slices.Reverse(backwards)
	add(unescaped, "backwards", []byte(string(backwards)))

	texts := map[string]string{"": canary, "UTF-16LE ": le, "UTF-16BE ": be}
	if bare := bareOf(canary); len(bare) >= bareLeast {
		add(barely, "in groups or another case", []byte(bare))
	}
	if digits := onlyDigits(canary); len(digits) == len(canary) {
		maps.Copy(texts, groups(canary))
		for _, gap := range gaps { // a long number is found bare, too
			for _, size := range sizes {
				add(unescaped, "in groups", []byte(grouped(canary, size, gap)))
			}
		}
		if n, err := strconv.ParseUint(canary, 10, 64); err == nil && n > 1<<40 {
			add(stands, "integer", binary.LittleEndian.AppendUint64(nil, n))
			add(stands, "integer, big-endian", binary.BigEndian.AppendUint64(nil, n))
			add(barely, "hex of the integer", strconv.AppendUint(nil, n, 16))
		}
		if even, err := hex.DecodeString(canary[:len(canary)&^1]); err == nil {
			add(stands, "packed digits", even)
		}
		if odd, err := hex.DecodeString(canary[1 : 1+(len(canary)-1)&^1]); err == nil {
			add(stands, "packed digits from the second", odd)
		}
	}
	for name, text := range texts {
		add(barely, name+"in hex", []byte(hex.EncodeToString([]byte(text))))
		for shift, inner := range inBase64(text) {
			add(unescaped, fmt.Sprintf("%sin base64 from %d", name, shift), inner)
			add(unescaped, fmt.Sprintf("%sin base64url from %d", name, shift), urlAlphabet(inner))
		}
	}
	add(barely, "a list of bytes", bare(fmt.Append(nil, []byte(canary))))
	add(barely, "a list of bytes in hex", []byte(strings.ReplaceAll(fmt.Sprintf("% x", canary), " ", "0x")))
	for text, name := range hashed(canary) {
		for kind, sum := range sums([]byte(text)) {
			add(stands, kind+name, sum[:8])
			add(barely, "hex of "+kind+name, []byte(hex.EncodeToString(sum[:8])))
			start := []byte(base64.StdEncoding.EncodeToString(sum[:9]))
			add(unescaped, "base64 of "+kind+name, start)
			add(unescaped, "base64url of "+kind+name, urlAlphabet(start))
		}
	}
	return views
}

// inBase64 answers what stays the same of text in base64, whatever stands before
// and after it: it may begin at any of three places of a group, and the
// characters that its neighbours touch are left out.
func inBase64(text string) (inner [3][]byte) {
	for shift := range inner {
		padded := append(make([]byte, shift), text...)
		whole := len(padded) * 8 / 6 // characters that hold nothing of what follows
		from := (shift*8 + 5) / 6
		inner[shift] = []byte(base64.RawStdEncoding.EncodeToString(padded))[from:whole]
	}
	return inner
}

func urlAlphabet(b []byte) []byte {
	return []byte(strings.NewReplacer("+", "-", "/", "_").Replace(string(b)))
}
