// Package probe makes requests out of an OpenAPI document: such as an
// operation allows, and such as it does not, each broken in one place.
//
// The unit is a [Request], drawn from a seed: the same seed draws the same.
// What a schema cannot say, such as a token that lives or an id that is there,
// the caller knows ([Known]). The package sends nothing and judges no answer.
//
// It reads the keywords of JSON Schema that describe requests here; of one
// that it does not know, such as "not", it may draw what is not allowed.
package probe

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Known answers a value for a place where a schema's own would say nothing to
// the one who is asked: the parameter or member called name of an operation.
type Known func(r *rand.Rand, operation, name string) (value any, ok bool)

// Absent is what a [Known] answers to have a parameter or a member left out.
var Absent = &struct{}{}

// Operation is one method of one path.
type Operation struct {
	ID     string
	Method string
	Path   string // with {names}

	parameters []*openapi3.Parameter
	media      string
	body       *openapi3.Schema // nil: it takes none
	optional   bool             // the body may be left out
}

// Operations answers those of a document, by path and method.
func Operations(doc *openapi3.T) []Operation {
	var all []Operation
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			o := Operation{ID: op.OperationID, Method: method, Path: path}
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				o.parameters = append(o.parameters, p.Value)
			}
			if op.RequestBody != nil {
				o.optional = !op.RequestBody.Value.Required
				for _, media := range []string{"application/json", "application/x-www-form-urlencoded"} {
					if c := op.RequestBody.Value.Content[media]; c != nil {
						o.media, o.body = media, c.Schema.Value
						break
					}
				}
			}
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b Operation) int { return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method) })
	return all
}

// Request is one to be sent.
type Request struct {
	Method string
	Path   string // with its query
	Header http.Header
	Body   []byte

	// Broken says what is wrong with it, and where; empty: nothing that the
	// document says.
	Broken string
}

// draft is a request while it is drawn.
type draft struct {
	path   map[string]string
	query  []pair
	header http.Header
	value  any    // of the body
	form   []pair // of the body, where it is a form
	raw    []byte // of the body as it is sent
}

type pair struct{ name, value string }

// Valid draws a request that the document allows.
func (o Operation) Valid(r *rand.Rand, known Known) Request {
	d := o.draft(r, known)
	d.write(o.media)
	return o.request(d, "")
}

// Broken draws one that is broken in one place. Of an operation that takes
// nothing, or where chance finds nothing to break, it is a method's or a
// path's: such a request is of no operation of the document.
func (o Operation) Broken(r *rand.Rand, known Known) Request {
	d := o.draft(r, known)
	for range 8 {
		breakage := breakages[r.IntN(len(breakages))]
		if what := breakage(r, o, d); what != "" {
			return o.request(d, what)
		}
	}
	d.write(o.media)
	q := o.request(d, "a member of the path too many")
	path, query, _ := strings.Cut(q.Path, "?")
	q.Path = path + "/" + url.PathEscape(strange(r)) + "?" + query
	return q
}

func (o Operation) draft(r *rand.Rand, known Known) *draft {
	value := func(name string, s *openapi3.Schema) any {
		if known != nil {
			if v, ok := known(r, o.ID, name); ok {
				return v
			}
		}
		return Value(r, s)
	}
	d := &draft{path: map[string]string{}, header: http.Header{}}
	for _, p := range o.parameters {
		if !p.Required && r.IntN(2) == 0 {
			continue
		}
		drawn := value(p.Name, p.Schema.Value)
		if drawn == any(Absent) {
			continue
		}
		text := spell(drawn)
		switch p.In {
		case openapi3.ParameterInPath:
			d.path[p.Name] = text
		case openapi3.ParameterInQuery:
			d.query = append(d.query, pair{p.Name, text})
		case openapi3.ParameterInHeader:
			d.header.Set(p.Name, blanked(text))
		}
	}
	if o.body == nil {
		return d
	}
	d.header.Set("Content-Type", o.media)
	d.value = Value(r, o.body)
	members, ok := d.value.(map[string]any)
	if !ok {
		return d
	}
	for _, name := range names(members) {
		if known == nil {
			continue
		}
		switch v, ok := known(r, o.ID, name); {
		case ok && v == any(Absent):
			delete(members, name)
		case ok:
			members[name] = v
		}
	}
	if o.media != "application/json" {
		for _, name := range names(members) {
			d.form = append(d.form, pair{name, spell(members[name])})
		}
	}
	return d
}

// blanked is text of which no header loses a blank at its ends (RFC 9110,
// section 5.5).
func blanked(text string) string {
	inner := strings.Trim(text, " ")
	left, right, _ := strings.Cut(text, inner)
	return strings.Repeat("a", len(left)) + inner + strings.Repeat("a", len(right))
}

// write makes the body's bytes.
func (d *draft) write(media string) {
	switch media {
	case "application/json":
		d.raw, _ = json.Marshal(d.value)
	case "application/x-www-form-urlencoded":
		d.raw = []byte(encode(d.form))
	}
}

func (o Operation) request(d *draft, broken string) Request {
	path := o.Path
	for name, value := range d.path {
		if value == "" || value == "." || value == ".." {
			value = "-" // another path, and senders take dots out (RFC 3986, section 5.2.4)
		}
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	if len(d.query) > 0 {
		path += "?" + encode(d.query)
	}
	return Request{Method: o.Method, Path: path, Header: d.header, Body: d.raw, Broken: broken}
}

func encode(list []pair) string {
	var b bytes.Buffer
	for i, p := range list {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(p.name) + "=" + url.QueryEscape(p.value))
	}
	return b.String()
}

// spell writes a value as a parameter or a member of a form.
func spell(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	b, _ := json.Marshal(v)
	return string(b)
}
