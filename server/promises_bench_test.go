package server_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"jali/openapi/conform"
	"jali/server"
)

// BenchmarkPromises reads a view of 100 bills through the edge, with nobody
// behind it who takes time, plain and held against the document: the ratio of
// the two is the most that a sandbox pays for being always checked.
func BenchmarkPromises(b *testing.B) {
	v := &views{view: sample()}
	v.view.Bills.Items = slices.Repeat(v.view.Bills.Items, 50)
	plain, err := server.New(server.Config{
		Views: v, Log: slog.New(slog.DiscardHandler),
		Authenticate: func(http.Header, *http.Request) (server.Caller, error) {
			return server.Caller{Client: "bank", Grant: "grt_1"}, nil
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	for name, h := range map[string]http.Handler{
		"plain":   plain,
		"checked": conform.Jali().Handler(plain, func(v conform.Violation) { b.Error(v) }),
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "/v1/views/view_0123456789abcdef", nil)
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
