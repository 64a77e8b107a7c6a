package probe_test

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"jali/openapi"
	"jali/openapi/probe"
	"jali/openapi/sandbox"
)

func documents(t *testing.T) map[string]*openapi3.T {
	t.Helper()
	all := map[string]*openapi3.T{}
	for name, y := range map[string][]byte{"data and OAuth": openapi.YAML, "sandbox": sandbox.YAML} {
		// As it is checked at the edge: as 3.0.
		doc, err := openapi3.NewLoader().LoadFromData(bytes.Replace(y, []byte("openapi: 3.1.0\n"), []byte("openapi: 3.0.3\n"), 1))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = doc
	}
	return all
}

// held asks kin-openapi whether a request is what an operation allows.
func held(doc *openapi3.T, o probe.Operation, q probe.Request) error {
	r, err := http.NewRequest(q.Method, "http://localhost"+q.Path, bytes.NewReader(q.Body))
	if err != nil {
		return err
	}
	r.Header = q.Header.Clone()
	item := doc.Paths.Value(o.Path)
	params := map[string]string{}
	have := strings.Split(r.URL.EscapedPath(), "/")
	for i, part := range strings.Split(o.Path, "/") {
		if strings.HasPrefix(part, "{") && i < len(have) {
			if params[strings.Trim(part, "{}")], err = url.PathUnescape(have[i]); err != nil {
				return err
			}
		}
	}
	return openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, QueryParams: r.URL.Query(),
		Route:   &routers.Route{Spec: doc, Path: o.Path, PathItem: item, Method: o.Method, Operation: item.GetOperation(o.Method)},
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	})
}

// What is called valid is, as somebody else's validator sees it.
func TestValidIsValid(t *testing.T) {
	for name, doc := range documents(t) {
		for _, o := range probe.Operations(doc) {
			t.Run(name+"/"+o.Method+o.Path, func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, 2))
				for range 100 {
					q := o.Valid(r, nil)
					if err := held(doc, o, q); err != nil {
						t.Fatalf("%s %s\n%s\nis not allowed: %v", q.Method, q.Path, q.Body, err)
					}
				}
			})
		}
	}
}

// What is called broken is, wherever the breakage is one that a validator of
// schemas sees.
func TestBrokenIsBroken(t *testing.T) {
	seen := []string{"of another type", "not of the enum", "too long", "too short", "an unknown member", "a member in other case",
		"below its bound", "above its bound", "no whole number", "truncated", "a required member less"}
	met := map[string]int{}
	for name, doc := range documents(t) {
		for _, o := range probe.Operations(doc) {
			r := rand.New(rand.NewPCG(3, 4))
			for range 300 {
				q := o.Broken(r, nil)
				if q.Broken == "" {
					t.Fatalf("%s %s: nothing was broken", o.Method, o.Path)
				}
				for _, what := range seen {
					if q.Header.Get("Content-Type") != "application/json" || !strings.HasSuffix(q.Broken, what) {
						continue
					}
					if met[what]++; held(doc, o, q) == nil {
						t.Errorf("%s: %s %s\n%s\nis allowed, but %s", name, q.Method, q.Path, q.Body, q.Broken)
					}
				}
			}
		}
	}
	for _, what := range seen {
		if met[what] == 0 {
			t.Errorf("nothing was ever %s", what)
		}
	}
}

func TestASeedDrawsTheSame(t *testing.T) {
	for name, doc := range documents(t) {
		for _, o := range probe.Operations(doc) {
			a, b := rand.New(rand.NewPCG(5, 6)), rand.New(rand.NewPCG(5, 6))
			for range 20 {
				if x, y := o.Broken(a, nil), o.Broken(b, nil); !reflect.DeepEqual(x, y) {
					t.Fatalf("%s: %s %s: %v and %v", name, o.Method, o.Path, x, y)
				}
			}
		}
	}
}
