// Package conform holds answers against an OpenAPI 3.1 document: what the
// document does not promise is a [Violation].
//
// The unit is one answer to one request within the document's realm, which is
// every path that begins as one of the document's does (/v1, /oauth). Of an
// operation that is described it asks that status, headers, media type and body
// are as described, with an error's code among those that its schema lists. All
// else in the realm has to be answered as unknown: 404, or 405 with
// Allow. Two things are asked of every answer, since the document says them of
// all: X-Request-Id, and no-store on whatever is not a success of a GET that
// needs no credentials.
//
// Schemas are JSON Schema 2020-12, as OpenAPI 3.1 has them, and compiled once,
// by the compiler that kin-openapi runs anew for every value. It knows nothing
// of requests and of what the answer means; a Violation says what was
// promised and holds nothing of what was answered but names and codes.
package conform

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"jali/openapi"
)

// Document is a compiled document. It may be used by many at once.
type Document struct {
	realm   map[string]bool // first segments of paths
	paths   []path
	problem *jsonschema.Schema // of 404 and 405
	oauth   *jsonschema.Schema // the same under /oauth and /.well-known
}

type path struct {
	template   string
	segments   []string
	operations map[string]*operation // by method
}

type operation struct {
	name    string // "GET /v1/views/{id}"
	public  bool   // it needs no credentials
	answers map[string]*answer
}

// answer is what an operation promises of one status.
type answer struct {
	headers []header
	bodies  map[string]*jsonschema.Schema // by media type; a nil schema is any text
}

type header struct {
	name     string
	required bool
	sort     *openapi3.Types
	schema   *jsonschema.Schema
}

// Jali is the document of the data API, which everybody shares.
var Jali = sync.OnceValue(func() *Document {
	d, err := Load(openapi.YAML)
	if err != nil {
		panic(err) // it is embedded, and every test reads it
	}
	return d
})

const base = "https://document.invalid/"

// Load reads and compiles a document in OpenAPI 3.1. It may refer to itself
// alone, and each of its errors in JSON has to list its codes.
func Load(y []byte) (*Document, error) {
	doc, err := openapi3.NewLoader().LoadFromData(y)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, err
	}
	c, err := compilerOf(y)
	if err != nil {
		return nil, err
	}
	d := &Document{realm: map[string]bool{}}
	for _, template := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		item := doc.Paths.Value(template)
		p := path{template: template, segments: strings.Split(template, "/"), operations: map[string]*operation{}}
		if len(p.segments) > 2 { // below a file there is nothing
			d.realm[p.segments[1]] = true
		}
		for method, op := range item.Operations() {
			if p.operations[method], err = c.operation(doc, pointer("#", "paths", template, strings.ToLower(method)), method+" "+template, op); err != nil {
				return nil, err
			}
		}
		d.paths = append(d.paths, p)
	}
	// /v1/views/new comes before /v1/views/{id}.
	slices.SortStableFunc(d.paths, func(a, b path) int {
		return strings.Count(a.template, "{") - strings.Count(b.template, "{")
	})
	for name, schema := range map[string]**jsonschema.Schema{"Problem": &d.problem, "OAuthError": &d.oauth} {
		if doc.Components.Schemas[name] == nil {
			continue
		}
		if *schema, err = c.at(pointer("#", "components", "schemas", name)); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// compiler compiles the schemas at places of one document.
type compiler struct{ *jsonschema.Compiler }

func compilerOf(y []byte) (compiler, error) {
	var tree any
	if err := yaml.Unmarshal(y, &tree); err != nil {
		return compiler{}, err
	}
	b, err := json.Marshal(tree) // what the compiler reads is JSON's own types
	if err != nil {
		return compiler{}, err
	}
	if tree, err = jsonschema.UnmarshalJSON(bytes.NewReader(b)); err != nil {
		return compiler{}, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	return compiler{c}, c.AddResource(base, tree)
}

func (c compiler) at(place string) (*jsonschema.Schema, error) { return c.Compile(base + place) }

func (c compiler) operation(doc *openapi3.T, at, name string, op *openapi3.Operation) (*operation, error) {
	security := op.Security
	if security == nil {
		security = &doc.Security
	}
	o := &operation{name: name, public: len(*security) == 0, answers: map[string]*answer{}}
	for status, ref := range op.Responses.Map() {
		place := pointer(at, "responses", status)
		if ref.Ref != "" {
			place = ref.Ref
		}
		var err error
		if o.answers[status], err = c.answer(place, ref.Value); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, status, err)
		}
		if status[0] != '2' && status[0] != '3' && !listsCodes(ref.Value) {
			return nil, fmt.Errorf("%s: %s: an error's schema lists no codes", name, status)
		}
	}
	return o, nil
}

func (c compiler) answer(at string, r *openapi3.Response) (_ *answer, err error) {
	a := &answer{bodies: map[string]*jsonschema.Schema{}}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		ref := r.Headers[name]
		place := pointer(at, "headers", name)
		if ref.Ref != "" {
			place = ref.Ref
		}
		h := header{name: name, required: ref.Value.Required}
		if s := ref.Value.Schema; s != nil {
			h.sort = s.Value.Type
			if h.schema, err = c.at(place + "/schema"); err != nil {
				return nil, err
			}
		}
		a.headers = append(a.headers, h)
	}
	for media, content := range r.Content {
		a.bodies[media] = nil
		if content.Schema == nil || !strings.HasSuffix(media, "json") {
			continue
		}
		if a.bodies[media], err = c.at(pointer(at, "content", media, "schema")); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// listsCodes reports whether an error's schemas say which codes there are. One
// that is a page has none.
func listsCodes(r *openapi3.Response) bool {
	for media, content := range r.Content {
		if strings.HasSuffix(media, "json") && (content.Schema == nil || !lists(content.Schema.Value)) {
			return false
		}
	}
	return true
}

func lists(s *openapi3.Schema) bool {
	for _, name := range []string{"code", "error"} {
		if p := s.Properties[name]; p != nil && (len(p.Value.Enum) > 0 || p.Value.Const != nil) {
			return true
		}
	}
	return slices.ContainsFunc(slices.Concat(s.AllOf, s.OneOf, s.AnyOf), func(r *openapi3.SchemaRef) bool { return lists(r.Value) })
}

// pointer goes on from a JSON pointer (RFC 6901) in a URI's fragment.
func pointer(at string, steps ...string) string {
	for _, s := range steps {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
		s = strings.NewReplacer("{", "%7B", "}", "%7D").Replace(s)
		at += "/" + s
	}
	return at
}

// find answers the path that a request's belongs to; nil where there is none.
func (d *Document) find(r *http.Request) *path {
	have := strings.Split(r.URL.EscapedPath(), "/")
	for i, p := range d.paths {
		if len(p.segments) == len(have) && slices.EqualFunc(p.segments, have, func(want, got string) bool {
			return want == got || strings.HasPrefix(want, "{") && got != ""
		}) {
			return &d.paths[i]
		}
	}
	return nil
}

// within reports whether the document speaks for a request's path.
func (d *Document) within(r *http.Request) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return d.realm[first] || d.find(r) != nil
}

// promised answers what is promised of a status: by itself, by its class, or
// by default (OpenAPI 3.1.0, section 4.8.16).
func (o *operation) promised(status int) *answer {
	for _, key := range []string{strconv.Itoa(status), strconv.Itoa(status/100) + "XX", "default"} {
		if a := o.answers[key]; a != nil {
			return a
		}
	}
	return nil
}
