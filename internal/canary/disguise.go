package canary

import (
	"crypto/md5"  //nolint:gosec // looked for, not relied on
	"crypto/sha1" //nolint:gosec // looked for, not relied on
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Disguises are the forms, by name, in which a canary has still left. They are
// made the way a program would leak them, and not with what [Scanner] looks for,
// so that each can be planted to see it found.
func Disguises(canary string) map[string][]byte {
	d := map[string][]byte{}
	add := func(name, text string) { d[name] = []byte(text) }
	texts := map[string]string{"": canary, "utf-16le ": string(wide(binary.LittleEndian, canary)), "utf-16be ": string(wide(binary.BigEndian, canary))}
	if digits := onlyDigits(canary); len(digits) == len(canary) {
		maps.Copy(texts, groups(canary))
		for _, gap := range append(gaps, "%20", "\n") {
			for _, size := range sizes {
				add(fmt.Sprintf("groups of %d by %q", size, gap), grouped(canary, size, gap))
			}
		}
		if n, err := strconv.ParseUint(canary, 10, 64); err == nil && n > 1<<40 {
			add("an argument in a stack", fmt.Sprintf("f(0x%x, 0x3)", n))
			add("integer, little-endian", string(binary.LittleEndian.AppendUint64(nil, n)))
			add("integer, big-endian", string(binary.BigEndian.AppendUint64(nil, n)))
		}
		if even := canary[:len(canary)&^1]; len(even) >= 2*Shortest {
			packed, _ := hex.DecodeString(even)
			add("packed digits", string(packed))
			if len(canary) > 2*Shortest {
				packed, _ = hex.DecodeString("0" + canary[:len(canary)-1+len(canary)%2])
				add("packed digits after a zero", string(packed))
			}
		}
	}
	for name, text := range texts {
		add(name+"plain", text)
		add(name+"hex", hex.EncodeToString([]byte(text)))
		add(name+"HEX", strings.ToUpper(hex.EncodeToString([]byte(text))))
		for shift := range 3 {
			padded := []byte("abcd"[:shift] + text + "xyz")
			add(fmt.Sprintf("%sbase64 from %d", name, shift), base64.StdEncoding.EncodeToString(padded))
			add(fmt.Sprintf("%sbase64url from %d", name, shift), base64.RawURLEncoding.EncodeToString(padded))
		}
		add(name+"base64 in lines", lines(base64.StdEncoding.EncodeToString([]byte("head of it: "+text+", and its end")), 19))
	}
	add("quoted by %q", fmt.Sprintf("%q", canary))
	add("bytes by %v", fmt.Sprint([]byte(canary)))
	add("bytes by %#v", fmt.Sprintf("%#v", []byte(canary)))
	add("bytes by % x", fmt.Sprintf("% x", canary))
	add("bytes by % X", fmt.Sprintf("% X", canary))
	add("bytes by colons", strings.ReplaceAll(fmt.Sprintf("% x", canary), " ", ":"))
	add("bytes by a list", strings.ReplaceAll(strings.Trim(fmt.Sprint([]byte(canary)), "[]"), " ", ", "))
	add("escaped by \\x", strings.ReplaceAll(fmt.Sprintf("% x", " "+canary), " ", `\x`))
	add("escaped by percent", strings.ReplaceAll(fmt.Sprintf("% X", " "+canary), " ", "%"))
	add("escaped by percent, lower case", strings.ReplaceAll(fmt.Sprintf("% x", " "+canary), " ", "%"))
	add("escaped by percent in part", "%"+hex.EncodeToString([]byte(canary[:1]))+canary[1:])
	add("escaped by percent twice", url.QueryEscape(strings.ReplaceAll(fmt.Sprintf("% X", " "+canary), " ", "%")))
	add("a query", url.Values{"q": {canary}}.Encode())
	add("a path", url.PathEscape(canary))
	add("escaped for html", html.EscapeString(canary))
	add("json", string(must(json.Marshal(canary))))
	add("json in json", string(must(json.Marshal(string(must(json.Marshal(canary)))))))
	var u, decimal strings.Builder
	for _, c := range utf16.Encode([]rune(canary)) {
		fmt.Fprintf(&u, `\u%04x`, c)
	}
	for _, c := range canary {
		fmt.Fprintf(&decimal, "&#%d;", c)
	}
	add("escaped by \\u", u.String())
	add("escaped by \\u in json", string(must(json.Marshal(u.String()))))
	add("escaped by entities", decimal.String())
	backwards := []rune(canary)
	slices.Reverse(backwards)
	add("backwards", string(backwards))
	if bare := bareOf(canary); len(bare) >= bareLeast {
		add("lower case", strings.ToLower(canary))
		add("upper case", strings.ToUpper(canary))
		add("its letters and digits", bare)
	}
	for text, name := range hashed(canary) {
		for kind, sum := range sums([]byte(text)) {
			add(kind+name, string(sum))
			add(kind+name+", hex", hex.EncodeToString(sum))
			add(kind+name+", HEX", strings.ToUpper(hex.EncodeToString(sum)))
			add(kind+name+", hex, cut", hex.EncodeToString(sum[:8]))
			add(kind+name+", base64", base64.StdEncoding.EncodeToString(sum))
			add(kind+name+", base64url", base64.RawURLEncoding.EncodeToString(sum))
		}
	}
	return d
}

// hashed are the texts that a program may hash in place of a canary, and how
// to call them.
func hashed(canary string) map[string]string {
	texts := map[string]string{}
	add := func(text, name string) {
		if _, ok := texts[text]; !ok && text != "" {
			texts[text] = name
		}
	}
	add(canary, "")
	add(canary+"\n", " of a line")
	add(strings.ToLower(canary), " of lower case")
	add(strings.ToUpper(canary), " of upper case")
	add(bareOf(canary), " of letters and digits")
	if digits := onlyDigits(canary); len(digits) >= Shortest {
		add(digits, " of digits")
		add(grouped(digits, 4, " "), " of groups of 4")
		add(grouped(digits, 4, "-"), " of groups of 4")
	}
	return texts
}

func sums(b []byte) map[string][]byte {
	m, s1, s224, s256, s384, s512, s3, s35 := md5.Sum(b), sha1.Sum(b), sha256.Sum224(b), sha256.Sum256(b), sha512.Sum384(b), sha512.Sum512(b), sha3.Sum256(b), sha3.Sum512(b)
	return map[string][]byte{"md5": m[:], "sha1": s1[:], "sha224": s224[:], "sha256": s256[:], "sha384": s384[:], "sha512": s512[:], "sha3-256": s3[:], "sha3-512": s35[:]}
}

func wide(order binary.AppendByteOrder, s string) (b []byte) {
	for _, c := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, c)
	}
	return b
}

func grouped(s string, size int, gap string) string {
	var groups []string
	for group := range slices.Chunk([]byte(s), size) {
		groups = append(groups, string(group))
	}
	return strings.Join(groups, gap)
}

var (
	gaps  = []string{" ", "-", ".", " - ", "\u00a0", "/", "_", ",", "+"}
	sizes = []int{1, 2, 3, 4, 5, 6}
)

// groups are the ways of writing digits that people are used to.
func groups(digits string) map[string]string {
	ways := map[string]string{
		"by 4 with spaces ": grouped(digits, 4, " "),
		"by 4 with dashes ": grouped(digits, 4, "-"),
		"by 4 with dots ":   grouped(digits, 4, "."),
		"by 3 with spaces ": grouped(digits, 3, " "),
		"full-width ":       strings.Map(func(r rune) rune { return r - '0' + '０' }, digits),
	}
	if len(digits) >= bareLeast {
		ways["as on a card "] = digits[:4] + " " + digits[4:10] + " " + digits[10:]
	}
	return ways
}

func lines(s string, size int) string { return grouped(s, size, "\r\n") }

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
