package docs

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"

	"jali/openapi"
)

// answer is a status of an operation that can hold a code.
type answer struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Operation string `json:"operation"`
	Status    int    `json:"status"`
	Reference string `json:"reference"` // where the operation is explained
	Media     string `json:"media_type"`
}

// readAnswers computes from the documents which answers hold which code.
func (d *docs) readAnswers() (map[string][]answer, error) {
	doc, err := openapi.Document()
	if err != nil {
		return nil, err
	}
	all := map[string][]answer{}
	collect(all, doc, "/docs/reference")
	if d.Sandbox != nil {
		if doc, err = d.Sandbox(); err != nil {
			return nil, err
		}
		collect(all, doc, "/sandbox/docs")
	}
	for _, list := range all {
		slices.SortStableFunc(list, func(a, b answer) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(rank(a.Method), rank(b.Method)), cmp.Compare(a.Status, b.Status))
		})
	}
	return all, nil
}

func rank(method string) int {
	return slices.Index([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, method)
}

func collect(all map[string][]answer, doc *openapi3.T, reference string) {
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			for status, r := range op.Responses.Map() {
				n, err := strconv.Atoi(status)
				if err != nil || r.Value == nil {
					continue
				}
				for media, m := range r.Value.Content {
					codes := map[string]bool{}
					codesIn(m.Schema, codes, map[*openapi3.Schema]bool{})
					for code := range codes {
						a := answer{Method: method, Path: path, Operation: op.OperationID, Status: n, Reference: reference, Media: media}
						if len(op.Tags) > 0 {
							a.Reference += "#/" + op.Tags[0] + "/" + op.OperationID
						}
						all[code] = append(all[code], a)
					}
				}
			}
		}
	}
}

// codesIn collects what the members code and error may be, at any depth.
func codesIn(ref *openapi3.SchemaRef, codes map[string]bool, seen map[*openapi3.Schema]bool) {
	if ref == nil || ref.Value == nil || seen[ref.Value] {
		return
	}
	s := ref.Value
	seen[s] = true
	for name, p := range s.Properties {
		if (name == "code" || name == "error") && p.Value != nil {
			for _, v := range p.Value.Enum {
				if code, ok := v.(string); ok {
					codes[code] = true
				}
			}
		}
		codesIn(p, codes, seen)
	}
	for _, list := range []openapi3.SchemaRefs{s.AllOf, s.AnyOf, s.OneOf} {
		for _, p := range list {
			codesIn(p, codes, seen)
		}
	}
	codesIn(s.Items, codes, seen)
}
