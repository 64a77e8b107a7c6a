package kv_test

import (
	"bytes"
	"cmp"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jali/internal/kv"
)

type named string

// compareTuples is the order that Key promises, said without bytes: element by
// element, strings before numbers, a tuple before every longer one.
func compareTuples(a, b []any) int {
	for i := range min(len(a), len(b)) {
		if c := compareElements(a[i], b[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

func compareElements(a, b any) int {
	x, xIsText := text(a)
	y, yIsText := text(b)
	switch {
	case xIsText && yIsText:
		return bytes.Compare(x, y)
	case xIsText != yIsText:
		return cmp.Compare(rank(xIsText), rank(yIsText))
	}
	return compareNumbers(a, b)
}

func rank(text bool) int {
	if text {
		return 0
	}
	return 1
}

func text(e any) ([]byte, bool) {
	switch e := e.(type) {
	case string:
		return []byte(e), true
	case named:
		return []byte(e), true
	case []byte:
		return e, true
	}
	return nil, false
}

// compareNumbers compares as far as int64 goes by it, and beyond by uint64.
func compareNumbers(a, b any) int {
	x, xHigh := whole(a)
	y, yHigh := whole(b)
	switch {
	case xHigh && yHigh:
		return cmp.Compare(a.(uint64), b.(uint64))
	case xHigh:
		return 1
	case yHigh:
		return -1
	}
	return cmp.Compare(x, y)
}

func whole(e any) (int64, bool) {
	switch e := e.(type) {
	case int:
		return int64(e), false
	case int64:
		return e, false
	case uint64:
		return int64(e), e > math.MaxInt64
	case time.Time:
		return e.UnixMicro(), false
	}
	panic("no number")
}

func element(t *rapid.T) any {
	bytewise := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0x10, 0x20, 'a', 0xfe, 0xff}), 0, 4)
	switch rapid.IntRange(0, 6).Draw(t, "type") {
	case 0:
		return string(bytewise.Draw(t, "string"))
	case 1:
		return named(bytewise.Draw(t, "named"))
	case 2:
		return bytewise.Draw(t, "bytes")
	case 3:
		return rapid.SampledFrom([]int{math.MinInt, -256, -1, 0, 1, 255, 256, math.MaxInt}).Draw(t, "int")
	case 4:
		return rapid.Int64().Draw(t, "int64")
	case 5:
		return rapid.Uint64().Draw(t, "uint64")
	}
	return time.UnixMicro(rapid.Int64Range(-1<<50, 1<<50).Draw(t, "time")).In(time.FixedZone("", 8*3600))
}

func TestTuplesSortAsTheirBytes(t *testing.T) {
	tuple := rapid.SliceOfN(rapid.Custom(element), 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		a, b := tuple.Draw(t, "a"), tuple.Draw(t, "b")
		if rapid.Bool().Draw(t, "alike") { // or they would seldom share a beginning
			b = append(append([]any{}, a[:rapid.IntRange(0, len(a)).Draw(t, "shared")]...), b...)
		}
		if got, want := bytes.Compare(kv.Key(a...), kv.Key(b...)), compareTuples(a, b); got != want {
			t.Fatalf("Compare(Key(%#v), Key(%#v)) = %d, want %d", a, b, got, want)
		}
	})
}

func TestPrefixHoldsTheLongerTuplesOnly(t *testing.T) {
	tuple := rapid.SliceOfN(rapid.Custom(element), 0, 3)
	rapid.Check(t, func(t *rapid.T) {
		p, k := tuple.Draw(t, "prefix"), tuple.Draw(t, "key")
		if rapid.Bool().Draw(t, "under it") {
			k = append(append([]any{}, p...), k...)
		}
		r, key := kv.Prefix(p...), kv.Key(k...)
		got := bytes.Compare(key, r.From) >= 0 && bytes.Compare(key, r.To) < 0
		want := len(k) > len(p) && compareTuples(p, k[:len(p)]) == 0
		if got != want {
			t.Fatalf("Key(%#v) in Prefix(%#v) = %t, want %t", k, p, got, want)
		}
	})
}

func TestKeyRefusesWhatHasNoOrder(t *testing.T) {
	for _, e := range []any{nil, 1.5, true, struct{}{}, []string{"a"}, int32(1)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Key(%T) did not panic", e)
				}
			}()
			kv.Key("a", e)
		}()
	}
}

func TestKeyOfAPrefixIsNotChangedByIt(t *testing.T) {
	r := kv.Prefix("a", 1)
	if !bytes.Equal(r.From[:len(r.From)-1], r.To[:len(r.To)-1]) || r.From[len(r.From)-1] == r.To[len(r.To)-1] {
		t.Errorf("Prefix = %x … %x: the two ends share memory or a beginning they should not", r.From, r.To)
	}
	if b := r.Backwards(); !b.Reverse || r.Reverse {
		t.Error("Backwards changed its receiver, or answers the same")
	}
}

func FuzzKeyKeepsStringsApart(f *testing.F) {
	f.Add("a", "b")
	f.Add("a\x00", "")
	f.Add("\x00\x01", "\x00\xff")
	f.Fuzz(func(t *testing.T, a, b string) {
		if got, want := bytes.Compare(kv.Key(a), kv.Key(b)), cmp.Compare(a, b); got != want {
			t.Errorf("Compare(Key(%q), Key(%q)) = %d, want %d", a, b, got, want)
		}
		if a+b != b+a && bytes.Equal(kv.Key(a, b), kv.Key(b, a)) {
			t.Errorf("Key(%q, %q) is the same both ways", a, b)
		}
	})
}

func TestTextIsAKeysBeginning(t *testing.T) {
	for _, tt := range []struct {
		of   []any
		text string
		ok   bool
	}{
		{[]any{"oauth", "ends", 1}, "oauth", true},
		{[]any{"audit"}, "audit", true},
		{[]any{""}, "", true},
		{[]any{1, "a"}, "", false},
		{[]any{"a\x00b"}, "", false}, // it is escaped, and not undone here
		{nil, "", false},
	} {
		text, rest, ok := kv.Text(kv.Key(tt.of...))
		if ok != tt.ok || ok && (text != tt.text || !bytes.Equal(rest, kv.Key(tt.of[1:]...))) {
			t.Errorf("Text(Key(%q)) = %q, %x, %v", tt.of, text, rest, ok)
		}
	}
	if _, _, ok := kv.Text([]byte{0x10, 'a'}); ok {
		t.Error("an element without an end is text")
	}
}

func TestNumberIsAKeysBeginning(t *testing.T) {
	for _, tt := range []struct {
		of []any
		n  int64
		ok bool
	}{
		{[]any{7, "a"}, 7, true},
		{[]any{0}, 0, true},
		{[]any{-7, 3}, -7, true},
		{[]any{int64(math.MinInt64)}, math.MinInt64, true},
		{[]any{uint64(math.MaxUint64)}, 0, false}, // no int64
		{[]any{"7"}, 0, false},
		{nil, 0, false},
	} {
		n, rest, ok := kv.Number(kv.Key(tt.of...))
		if ok != tt.ok || ok && (n != tt.n || !bytes.Equal(rest, kv.Key(tt.of[1:]...))) {
			t.Errorf("Number(Key(%v)) = %d, %x, %v", tt.of, n, rest, ok)
		}
	}
	if _, _, ok := kv.Number(kv.Key(7)[:9]); ok {
		t.Error("a number that is cut is one")
	}
}
