package server

import (
	"encoding/json"
	"strings"
	"testing"
)

// What checkJSON accepts, encoding/json reads, and no two members of one
// object fold to the same field.
func FuzzCheckJSON(f *testing.F) {
	for _, seed := range []string{`{}`, `{"sources":["a"]}`, `{"a":{"b":[1,{"c":null}]},"d":true}`, `{"a":1,"A":2}`, `[`, `{"a":1}x`, `"x"`, `{"a":[}`, ``, `{"\u0061":1,"a":2}`, `{"a":-` + strings.Repeat("8", 400) + `}`, `{"a":1e400}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if checkJSON([]byte(s)) != nil {
			return
		}
		var v any
		if err := json.Unmarshal([]byte(s), &v); err != nil {
			t.Fatalf("accepted what cannot be read: %v", err)
		}
		var walk func(any)
		walk = func(v any) {
			switch v := v.(type) {
			case map[string]any:
				seen := map[string]bool{}
				for k, v := range v {
					k = strings.ToLower(k)
					if seen[k] {
						t.Fatal("accepted a member twice")
					}
					seen[k] = true
					walk(v)
				}
			case []any:
				for _, v := range v {
					walk(v)
				}
			}
		}
		walk(v)
	})
}
