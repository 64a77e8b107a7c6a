package server_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"jali/openapi"
)

// complainer is the part of testing.T that conforming needs; a test of
// conforming itself gives it another.
type complainer interface {
	Helper()
	Errorf(string, ...any)
}

// conforming serves as h does and complains of every answer to /v1 that the
// document does not describe: its status, its headers, its body, its code.
func conforming(t complainer, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Helper()
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if strings.HasPrefix(r.URL.Path, "/v1") {
			checkAnswer(t, r, rec)
		}
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}

func checkAnswer(t complainer, r *http.Request, rec *httptest.ResponseRecorder) {
	t.Helper()
	doc, err := openapi.Document()
	if err != nil {
		t.Errorf("the document: %v", err)
		return
	}
	body := rec.Body.Bytes()
	problem := rec.Header().Get("Content-Type") == "application/problem+json"
	if rec.Code >= 400 && !problem {
		t.Errorf("%s %s: %d is no problem but %s", r.Method, r.URL.Path, rec.Code, rec.Header().Get("Content-Type"))
	}
	item, path := find(doc, r.URL.Path)
	if item == nil || item.GetOperation(r.Method) == nil {
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		} else if err := doc.Components.Schemas["Problem"].Value.VisitJSON(v, openapi3.EnableJSONSchema2020()); err != nil {
			t.Errorf("%s %s: not a Problem: %v", r.Method, r.URL.Path, err)
		}
		return
	}
	op := item.GetOperation(r.Method)
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: r, Route: &routers.Route{Spec: doc, Path: path, PathItem: item, Method: r.Method, Operation: op},
		},
		Status: rec.Code, Header: rec.Header(),
		Body:    io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateResponse(r.Context(), input); err != nil {
		t.Errorf("%s %s: %d is not as the document says: %v", r.Method, path, rec.Code, err)
	}
	if problem {
		var p struct{ Code string }
		_ = json.Unmarshal(body, &p)
		response := op.Responses.Status(rec.Code)
		if response == nil || !strings.Contains(*response.Value.Description, "`"+p.Code+"`") {
			t.Errorf("%s %s: the document does not name the code %q at %d", r.Method, path, p.Code, rec.Code)
		}
	}
}

func find(doc *openapi3.T, path string) (*openapi3.PathItem, string) {
	want := strings.Split(path, "/")
next:
	for template, item := range doc.Paths.Map() {
		have := strings.Split(template, "/")
		if len(have) != len(want) {
			continue
		}
		for i := range have {
			if have[i] != want[i] && !strings.HasPrefix(have[i], "{") {
				continue next
			}
		}
		return item, template
	}
	return nil, ""
}

type complaints int

func (complaints) Helper()                  {}
func (c *complaints) Errorf(string, ...any) { *c++ }

// The harness is first shown faults, or its silence would mean nothing.
func TestConformingFindsPlantedFaults(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"a status that is not there": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
		"a member too many": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"sources":[],"more":1}`))
		},
		"a code that is not named": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(500)
			_, _ = w.Write([]byte(`{"type":"urn:x","title":"x","status":500,"code":"surprise","owner":"us"}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var c complaints
			conforming(&c, h).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v1/sources", nil))
			if c == 0 {
				t.Error("nothing was said of it")
			}
		})
	}
}
