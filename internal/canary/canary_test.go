package canary

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
)

// kinds are the shapes that real ones have.
var kinds = []string{
	"6222021234567890123",                    // a card
	"4003830171874018",                       // one whose integer is short
	"13812345678",                            // a phone: too short to be looked for bare
	"20881234",                               // as short as may be
	"GB29NWBK60161331926819",                 // an IBAN
	"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",           // an OpenID
	"Zm9v+YmFy/YmF6==&x=1?",                  // a token with what is escaped
	"eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl",  // a JWT
	"sk_live_\"quoted\"_<tag>_back\\slash_%", // a token of nothing but trouble
	"林小舟的账户",                                 // a name
}

func TestEveryDisguiseIsFound(t *testing.T) {
	for _, c := range kinds {
		s, err := New([]string{"something else", c})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Prove(); err != nil {
			t.Errorf("%q: %v", c, err)
		}
	}
}

// What is cut by the end of a step, or of a Read, is found all the same.
func TestWhereverItStands(t *testing.T) {
	const c = "6222021234567890123"
	s, err := New([]string{c})
	if err != nil {
		t.Fatal(err)
	}
	s.step = 64
	for name, text := range Disguises(c) {
		for at := 0; at < 66; at += 1 + len(name)%7 {
			place := fmt.Sprintf("%*s%s and so on", at, "", text)
			if s.Bytes("here", []byte(place)) == nil {
				t.Errorf("%s is not found at %d", name, at)
			}
		}
		if found, err := s.Read("here", iotest.OneByteReader(bytes.NewReader(text))); len(found) != 1 || err != nil {
			t.Errorf("%s, byte by byte: %v, %v", name, found, err)
		}
	}
}

func TestInsideOfSomethingElse(t *testing.T) {
	const c = "6222021234567890123"
	s := Proved(t, []string{c})
	for name, text := range map[string]string{
		"base64 of json":              base64.StdEncoding.EncodeToString([]byte(`{"account":"` + c + `"}`)),
		"a query of a url in a query": url.QueryEscape("https://x.example/?u=" + url.QueryEscape("https://y.example/?n=6222 0212 3456 7890 123")),
		"json of json of \\u":         `"{\"n\":\"\\u0036222021234567890123\"}"`,
		"digits of different groups":  "6-22 20 21 (2345) 67.890.123",
		"lines of a dump":             "00000000  36 32 32 32 30 32 31 32\n  33 34 35 36 37 38 39 30  31 32 33",
		"gzip":                        string(packed("so: " + c)),
		"gzip that breaks off":        string(packed(strings.Repeat("so: "+c+"\n", 9000))[:900]),
		"after gzip":                  string(packed("nothing")) + c,
	} {
		if s.Bytes("here", []byte(text)) == nil {
			t.Errorf("%s: it is not found", name)
		}
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	s := Proved(t, kinds)
	noise := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(noise)
	for name, place := range map[string][]byte{
		"noise":           noise,
		"base64 of noise": []byte(base64.StdEncoding.EncodeToString(noise)),
		"digits":          digits(1 << 20),
		"a part of it":    []byte("6222 0212 3456 7890 and 021234567890123; 1381234567, **** 0123"),
		"nothing":         nil,
		"one byte":        {0x1f},
		"not gzip":        {0x1f, 0x8b, 0, 1, 2},
	} {
		if found := s.Bytes(name, place); found != nil {
			t.Errorf("found: %v", found)
		}
	}
}

func digits(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = '0' + byte(r.IntN(10))
	}
	return b
}

// What is found is told by its number; a log that quotes the finding holds no
// canary either.
func TestAFindingDoesNotTellIt(t *testing.T) {
	s := Proved(t, kinds)
	for i, c := range kinds {
		for name, text := range Disguises(c) {
			place := bytes.Join([][]byte{[]byte("before it"), text, []byte(kinds[0]), []byte("after it")}, []byte(" "))
			var told strings.Builder
			found := s.Bytes("the log", place)
			for _, f := range found {
				told.WriteString(f.String())
			}
			if again := s.Bytes("what was found", []byte(told.String())); again != nil {
				t.Errorf("%s of #%d is told in %s", name, i, told.String())
			}
			if found == nil || found[0].Place != "the log" || found[0].Near > int64(len(place)) {
				t.Errorf("%s of #%d: %v", name, i, found)
			}
		}
	}
}

func TestWhatCannotBeSearched(t *testing.T) {
	for _, canaries := range [][]string{nil, {"1234567"}, {"long enough", ""}} {
		if _, err := New(canaries); err == nil {
			t.Errorf("New(%q) answers no error", canaries)
		}
	}
	s := Proved(t, kinds)
	broken := io.MultiReader(strings.NewReader("some text, then"), iotest.ErrReader(io.ErrClosedPipe))
	if _, err := s.Read("here", broken); err == nil {
		t.Error("a place that cannot be read to its end passes for clean")
	}
}

// A scanner that looks for less than Disguises tells is not proved.
func TestProveCanFail(t *testing.T) {
	s, err := New(kinds)
	if err != nil {
		t.Fatal(err)
	}
	s.views[2] = index{sieve: make([]uint64, 1<<(sieveBits-6))}
	if s.Prove() == nil {
		t.Error("Prove finds nothing amiss in a scanner without one of its views")
	}
}

func packed(text string) []byte {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return z.Bytes()
}

func FuzzUnescapeInSteps(f *testing.F) {
	f.Add([]byte(`%36\u0036&#54;&amp;\\n=%zz&;\`), 7)
	f.Add([]byte("\xef\xbc\x96\x00\r\n%2536"), 3)
	f.Fuzz(func(t *testing.T, text []byte, at int) {
		whole, n := unescape(nil, text, true)
		if n != len(text) || len(whole) > len(text) {
			t.Fatalf("took %d of %d bytes, made %d", n, len(text), len(whole))
		}
		at = min(max(at, 0), len(text))
		first, n := unescape(nil, text[:at], false)
		second, _ := unescape(first, text[n:], true)
		if !bytes.Equal(second, whole) {
			t.Errorf("in two steps %q, in one %q", second, whole)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	var canaries []string
	for i := range 100 {
		canaries = append(canaries, string(digits(19 + i)[i:]), fmt.Sprintf("token%dOf%x", i, digits(20)))
	}
	s, err := New(canaries)
	if err != nil {
		b.Fatal(err)
	}
	log := []byte(strings.Repeat(`{"time":"2026-11-22T06:09:25Z","level":"INFO","msg":"request","route":"/v1/views/:id","status":200,"request_id":"TQ3ZN7MUXJ2B4YKD"}`+"\n", 1<<14))
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		s.Bytes("log", log)
	}
}
