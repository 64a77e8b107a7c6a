package sandbox_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"jali/openapi/sandbox"
)

func document(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(sandbox.YAML)
	if err == nil {
		err = doc.Validate(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// A developer reads this document and nothing else: each field says what it
// is and shows one.
func TestEveryFieldIsDescribedWithAnExample(t *testing.T) {
	for name, schema := range document(t).Components.Schemas {
		if schema.Value.Description == "" {
			t.Errorf("schema %s has no description", name)
		}
		fields(t, name, schema.Value)
	}
	for path, item := range document(t).Paths.Map() {
		for method, op := range item.Operations() {
			if op.OperationID == "" || op.Summary == "" || len(op.Tags) != 1 {
				t.Errorf("%s %s has no id, summary or single tag", method, path)
			}
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				if p.Value.Description == "" || p.Value.Example == nil {
					t.Errorf("%s %s: %s has no description or example", method, path, p.Value.Name)
				}
			}
			if b := op.RequestBody; b != nil {
				for kind, media := range b.Value.Content {
					fields(t, method+" "+path, media.Schema.Value)
					if kind == "application/json" && media.Example == nil && len(media.Examples) == 0 {
						t.Errorf("%s %s shows no body", method, path)
					}
				}
			}
			for status, r := range op.Responses.Map() {
				for kind, media := range r.Value.Content {
					if kind != "application/problem+json" {
						fields(t, method+" "+path+" "+status, media.Schema.Value)
					}
				}
			}
		}
	}
}

func fields(t *testing.T, name string, s *openapi3.Schema) {
	t.Helper()
	for field, p := range s.Properties {
		v := p.Value
		if v.Description == "" {
			t.Errorf("%s.%s has no description", name, field)
		}
		free := v.Type.Is("object") // what it holds is described where it is defined
		if p.Ref == "" && len(v.Examples) == 0 && !free && !(v.Type.Is("array") && (v.Items.Ref != "" || v.Items.Value.Type.Is("object"))) {
			t.Errorf("%s.%s has no example", name, field)
		}
		for _, example := range v.Examples {
			if err := v.VisitJSON(example, openapi3.EnableJSONSchema2020()); err != nil {
				t.Errorf("the example of %s.%s is none: %v", name, field, err)
			}
		}
		if v.Type.Is("object") && p.Ref == "" {
			fields(t, name+"."+field, v)
		}
	}
}

// Codes stand twice at every error: in words, and as an enum for programs.
func TestEveryErrorNamesItsCodes(t *testing.T) {
	for path, item := range document(t).Paths.Map() {
		for method, op := range item.Operations() {
			for status, r := range op.Responses.Map() {
				if status[0] < '4' {
					continue
				}
				media := r.Value.Content.Get("application/problem+json")
				if media == nil || len(media.Schema.Value.AllOf) != 2 {
					t.Errorf("%s %s %s is no problem with its codes", method, path, status)
					continue
				}
				for _, code := range media.Schema.Value.AllOf[1].Value.Properties["code"].Value.Enum {
					if !slices.Contains(named(*r.Value.Description), code.(string)) {
						t.Errorf("%s %s %s does not say what %v means", method, path, status, code)
					}
				}
			}
		}
	}
}

// named are the codes of a description: "- `a`, `b`: what they mean".
func named(description string) (codes []string) {
	for _, m := range regexp.MustCompile("(?m)^- (`[^:]*): ").FindAllStringSubmatch(description, -1) {
		for i, part := range strings.Split(m[1], "`") {
			if i%2 == 1 {
				codes = append(codes, part)
			}
		}
	}
	return codes
}
