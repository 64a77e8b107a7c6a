package dial

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestJSON(t *testing.T) {
	many := func(last string) string {
		var b strings.Builder
		b.WriteString("{")
		for i := range 100 {
			fmt.Fprintf(&b, `"m%d":{"a":1},`, i)
		}
		return b.String() + `"` + last + `":1}`
	}
	for _, tt := range []struct {
		why, body string
		ok        bool
	}{
		{"an object", `{"amount":"10.50","list":[1,{"a":1},{"a":1}],"none":null}`, true},
		{"white space around it", " \n{} \t", true},
		{"a value alone", `"x"`, true},
		{"64 levels", strings.Repeat("[", 64) + strings.Repeat("]", 64), true},
		{"65 levels", strings.Repeat("[", 65) + strings.Repeat("]", 65), false},
		{"a million levels, never closed", strings.Repeat(`{"a":[`, 1<<19), false},
		{"brackets in a text", `{"a":"` + strings.Repeat("[", 1000) + `"}`, true},
		{"a quote in a text", `{"a":"\"{{","b":"\\"}`, true},
		{"a name twice", `{"amount":1,"amount":2}`, false},
		{"cased otherwise", `{"amount":1,"Amount":2}`, false},
		{"written otherwise", `{"amount":1,"am\u006funt":2}`, false},
		{"with a letter that folds to s", `{"state":1,"\u017ftate":2}`, false},
		{"twice, inside", `{"a":[{"b":1,"c":{},"b":1}]}`, false},
		{"in different objects", `{"a":{"b":1},"b":{"a":1}}`, true},
		{"as a value", `{"a":"b","b":"a"}`, true},
		{"many names", many("last"), true},
		{"one of many twice", many("M99"), false},
		{"one of the first of many twice", many("m3"), false},
		{"a long name", `{"` + strings.Repeat("x", 300) + `":1}`, false},
		{"a number of 64 digits", strings.Repeat("9", 64), true},
		{"a number of 65 digits", `{"a":` + strings.Repeat("9", 65) + `}`, false},
		{"NaN", `{"a":NaN}`, false},
		{"Infinity", `{"a":-Infinity}`, false},
		{"something after it", `{} {}`, false},
		{"a brace after it", `{}}`, false},
		{"nothing", ``, false},
		{"a page", `<html>`, false},
		{"no UTF-8", "{\"a\":\"\xff\"}", false},
		{"a text without an end", `{"a":"x\"`, false},
	} {
		var v any
		if err := JSON([]byte(tt.body), &v); (err == nil) != tt.ok || (err != nil && !errors.Is(err, ErrJSON)) {
			t.Errorf("%s: %v, want ok %v", tt.why, err, tt.ok)
		}
	}
}

func TestNumbersStayTexts(t *testing.T) {
	var v struct {
		Sum, Other json.Number
	}
	if err := JSON([]byte(`{"sum":1e400,"other":0.12345678901}`), &v); err != nil || v.Sum != "1e400" || v.Other != "0.12345678901" {
		t.Errorf("%+v, %v", v, err)
	}
	var f struct {
		Sum float64 `json:"sum"`
	}
	err := JSON([]byte(`{"sum":1e400}`), &f)
	if !errors.Is(err, ErrJSON) {
		t.Errorf("1e400 into a float64: %v, %v", f.Sum, err)
	}
}

// What JSON accepts, encoding/json reads to the same, and what is written of it
// again is accepted again.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":"\u0041\""}],"A":1}`, `[[[[1e400]]]]`, `{"\ud800":1,"\ufffd":2}`, `{"a":1}{`, "\"\\", `-`, `{"K":1,"\u212a":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var got any
		if JSON(b, &got) != nil {
			return
		}
		var want any
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatalf("accepted, but %v", err)
		}
		first, _ := json.Marshal(got)
		second, _ := json.Marshal(want)
		if !bytes.Equal(first, second) {
			t.Fatalf("%s, want %s", first, second)
		}
		if depth(want) > deepest || members(b) != count(want) {
			t.Fatalf("%d levels, %d of %d members", depth(want), count(want), members(b))
		}
	})
}

func depth(v any) (n int) {
	switch v := v.(type) {
	case map[string]any:
		for _, one := range v {
			n = max(n, depth(one))
		}
		return n + 1
	case []any:
		for _, one := range v {
			n = max(n, depth(one))
		}
		return n + 1
	}
	return 0
}

// count answers the members of v's objects, of which encoding/json keeps the
// last of each name, and members those that stand in b.
func count(v any) (n int) {
	switch v := v.(type) {
	case map[string]any:
		n = len(v)
		for _, one := range v {
			n += count(one)
		}
	case []any:
		for _, one := range v {
			n += count(one)
		}
	}
	return n
}

func members(b []byte) (n int) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	type level struct {
		object bool
		tokens int
	}
	var open []level
	for {
		token, err := d.Token()
		if err != nil {
			return n
		}
		if c, ok := token.(json.Delim); ok && (c == '}' || c == ']') {
			open = open[:len(open)-1]
			continue
		}
		if len(open) > 0 {
			at := &open[len(open)-1]
			if at.object && at.tokens%2 == 0 {
				n++
			}
			at.tokens++
		}
		if c, ok := token.(json.Delim); ok {
			open = append(open, level{object: c == '{'})
		}
	}
}

func BenchmarkJSON(b *testing.B) {
	row := `{"AccountId":"22289","TransactionId":"123","Amount":{"Amount":"10.00","Currency":"CNY"},"BookingDateTime":"2026-10-20T04:00:00+00:00","Status":"Booked"}`
	body := []byte("[" + strings.Repeat(row+",", 999) + row + "]")
	type rows []struct {
		AccountId, TransactionId, BookingDateTime, Status string
		Amount                                            struct{ Amount, Currency string }
	}
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			var v rows
			if err := JSON(body, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			var v rows
			if err := json.Unmarshal(body, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
