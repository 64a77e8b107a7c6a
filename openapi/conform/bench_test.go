package conform_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"jali/openapi/conform"
)

// BenchmarkView is a view of 100 bills as it is written, and as it is written
// and checked; the ratio of the two is what the check costs.
func BenchmarkView(b *testing.B) {
	var v any
	if err := json.Unmarshal([]byte(view(100)), &v); err != nil {
		b.Fatal(err)
	}
	plain := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := json.Marshal(v)
		if err != nil {
			b.Error(err)
		}
		answered(201, string(body))(w, r)
	})
	for name, h := range map[string]http.Handler{
		"plain":   plain,
		"checked": document.Handler(plain, func(v conform.Violation) { b.Error(v) }),
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodPost, "/v1/views", nil)
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}

// BenchmarkLoad is what a sandbox pays once, at its start.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := conform.Load(small); err != nil {
			b.Fatal(err)
		}
	}
}
