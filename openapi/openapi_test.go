package openapi_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"jali/openapi"
)

func document(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := openapi.Document()
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
		for field, p := range schema.Value.Properties {
			switch v := p.Value; {
			case v.Description == "":
				t.Errorf("%s.%s has no description", name, field)
			case p.Ref == "" && len(v.Examples) == 0 && !(v.Type.Is("array") && v.Items.Ref != ""):
				t.Errorf("%s.%s has no example", name, field)
			}
		}
		if schema.Value.Type.Is("object") && (schema.Value.AdditionalProperties.Has == nil || *schema.Value.AdditionalProperties.Has) {
			t.Errorf("%s lets unknown members pass", name)
		}
	}
}

func TestExamplesMatchTheirSchemas(t *testing.T) {
	for name, schema := range document(t).Components.Schemas {
		for field, p := range schema.Value.Properties {
			for _, example := range p.Value.Examples {
				if err := p.Value.VisitJSON(example, openapi3.EnableJSONSchema2020()); err != nil {
					t.Errorf("the example of %s.%s is none: %v", name, field, err)
				}
			}
		}
	}
}

func TestEveryErrorNamesItsCodes(t *testing.T) {
	code := regexp.MustCompile("- `[a-z_]+`: ")
	for path, item := range document(t).Paths.Map() {
		for method, op := range item.Operations() {
			if !slices.Contains(op.Tags, "data") {
				continue
			}
			for status, r := range op.Responses.Map() {
				if status[0] < '4' {
					continue
				}
				if !code.MatchString(*r.Value.Description) {
					t.Errorf("%s %s %s names no code", method, path, status)
				}
				if r.Value.Content.Get("application/problem+json") == nil {
					t.Errorf("%s %s %s is no problem", method, path, status)
				}
			}
		}
	}
}

// Requests are checked as if the document were of 3.0, so they may say
// nothing that 3.0 cannot, and both readings must agree.
func TestRequestsReadTheSameInBothVersions(t *testing.T) {
	doc := document(t)
	as30, err := openapi.Requests()
	if err != nil {
		t.Fatal(err)
	}
	bodies := []any{
		map[string]any{},
		map[string]any{"sources": []any{"alipay"}},
		map[string]any{"sources": []any{}},
		map[string]any{"sources": []any{"alipay", "alipay"}},
		map[string]any{"sources": []any{"Alipay"}},
		map[string]any{"sources": nil},
		map[string]any{"datatypes": []any{"bills", "balances"}},
		map[string]any{"datatypes": []any{"secrets"}},
		map[string]any{"datatypes": "bills"},
		map[string]any{"more": true},
		[]any{}, "x", nil,
	}
	for _, body := range bodies {
		want := doc.Components.Schemas["Want"].Value.VisitJSON(body, openapi3.EnableJSONSchema2020())
		got := as30.Components.Schemas["Want"].Value.VisitJSON(body)
		if (want == nil) != (got == nil) {
			t.Errorf("%v: as 3.1 %v, as 3.0 %v", body, want, got)
		}
	}
	for path, item := range as30.Paths.Map() {
		for method, op := range item.Operations() {
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				if err := p.Value.Schema.Value.Validate(context.Background()); err != nil {
					t.Errorf("%s %s: %s says what 3.0 cannot: %v", method, path, p.Value.Name, err)
				}
			}
			if op.RequestBody != nil && slices.Contains(op.Tags, "data") {
				if err := as30.Components.Schemas["Want"].Value.Validate(context.Background()); err != nil && !strings.Contains(err.Error(), "examples") {
					t.Errorf("%s %s: the body says what 3.0 cannot: %v", method, path, err)
				}
			}
		}
	}
}
