package conform_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"jali/openapi/conform"
)

// BenchmarkView is a view of 100 bills as it is written, as it is written and
// checked, and as kin-openapi would check it, which compiles its schema each
// time. The ratio of the first two is what the check costs.
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
	kin := byKin(b)
	for name, h := range map[string]http.Handler{
		"plain":   plain,
		"checked": document.Handler(plain, func(v conform.Violation) { b.Error(v) }),
		"kin": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			plain(rec, r)
			kin(r, rec)
		}),
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodPost, "/v1/views", nil)
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}

func byKin(b *testing.B) func(*http.Request, *httptest.ResponseRecorder) {
	doc, err := openapi3.NewLoader().LoadFromData(small)
	if err != nil {
		b.Fatal(err)
	}
	const path = "/v1/views"
	item := doc.Paths.Value(path)
	return func(r *http.Request, rec *httptest.ResponseRecorder) {
		err := openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: &routers.Route{
				Spec: doc, Path: path, PathItem: item, Method: r.Method, Operation: item.GetOperation(r.Method)}},
			Status: rec.Code, Header: rec.Header(), Body: io.NopCloser(rec.Body),
		})
		if err != nil {
			b.Error(err)
		}
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
