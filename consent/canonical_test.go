package consent

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"
)

func TestCanonical(t *testing.T) {
	for _, tt := range []struct {
		why  string
		in   any
		want string
	}{
		{"nothing between", map[string]any{"b": []any{1, "x"}, "a": map[string]any{}}, `{"a":{},"b":[1,"x"]}`},
		{"what must be escaped is, the short way", "\b\t\n\f\r\"\\\x00\x1f", `"\b\t\n\f\r\"\\\u0000\u001f"`},
		{"what need not be is not", "</script>&é€\u2028\x7f", "\"</script>&é€\u2028\x7f\""},
		{"a negative number", -12, `-12`},
		// Section 3.2.3's example: U+1F600 is D83D DE00, before U+FB33.
		{"names by UTF-16 code unit", map[string]any{"\u20ac": "Euro", "\r": "CR", "\ufb33": "Dalet", "1": "One", "\U0001f600": "Smiley", "\u0080": "Control", "\u00f6": "O"},
			"{\"\\r\":\"CR\",\"1\":\"One\",\"\u0080\":\"Control\",\"\u00f6\":\"O\",\"\u20ac\":\"Euro\",\"\U0001f600\":\"Smiley\",\"\ufb33\":\"Dalet\"}"},
	} {
		got, err := canonical(tt.in)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %s, %v; want %s", tt.why, got, err, tt.want)
		}
	}
	for _, bad := range []any{1.5, nil, 1 << 53, "\xff", map[string]any{"\xff": 1}, []any{true}} {
		if got, err := canonical(bad); !errors.Is(err, errCanonical) {
			t.Errorf("canonical(%v) = %s, %v; want an error", bad, got, err)
		}
	}
}

func TestNamesAreOrderedByTheirUTF16(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.StringOfN(rapid.SampledFrom([]rune("ab\x00\u00f6\ud7ff\ue000\ufb33\uffff\U00010000\U0001f600\U0010ffff")), 0, 4, -1)
		a, b := some.Draw(t, "a"), some.Draw(t, "b")
		if got, want := compareUTF16(a, b), slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b))); got != want {
			t.Fatalf("compareUTF16(%q, %q) = %d, want %d", a, b, got, want)
		}
	})
}

func TestCanonicalIsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "in")
		m := map[string]any{}
		for k, v := range in {
			m[k] = v
		}
		b, err := canonical(m)
		if err != nil {
			t.Fatal(err)
		}
		var back map[string]string
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		for k, v := range in {
			if back[k] != v {
				t.Fatalf("%q came back as %q", v, back[k])
			}
		}
	})
}
