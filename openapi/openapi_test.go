package openapi_test

import (
	"context"
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

// Codes are said twice: to people in the description, to programs as an enum,
// for each operation and status.
func TestEveryErrorNamesItsCodes(t *testing.T) {
	for path, item := range document(t).Paths.Map() {
		for method, op := range item.Operations() {
			for status, r := range op.Responses.Map() {
				if status[0] < '4' || r.Value.Content["text/html"] != nil { // a page is for the person
					continue
				}
				media, of, member := r.Value.Content["application/problem+json"], "#/components/schemas/Problem", "code"
				if media == nil && !slices.Contains(op.Tags, "data") {
					media, of, member = r.Value.Content["application/json"], "#/components/schemas/OAuthError", "error"
				}
				if media == nil || len(media.Schema.Value.AllOf) != 2 || media.Schema.Value.AllOf[0].Ref != of {
					t.Errorf("%s %s %s is no %s with codes", method, path, status, of)
					continue
				}
				var enum []string
				for _, v := range media.Schema.Value.AllOf[1].Value.Properties[member].Value.Enum {
					enum = append(enum, v.(string))
				}
				if told := named(*r.Value.Description); len(told) == 0 || !slices.Equal(told, enum) {
					t.Errorf("%s %s %s names %v to people and %v to programs", method, path, status, told, enum)
				}
			}
		}
	}
}

// named are the codes of a description: "- `a`: what it means".
func named(description string) (codes []string) {
	for line := range strings.Lines(description) {
		list, _, ok := strings.Cut(line, ":")
		if !ok || !strings.HasPrefix(list, "- `") {
			continue
		}
		for i, part := range strings.Split(list, "`") {
			if i%2 == 1 {
				codes = append(codes, part)
			}
		}
	}
	return codes
}

func TestEveryResponseIsAnswered(t *testing.T) {
	doc := document(t)
	used := map[string]bool{}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, r := range op.Responses.Map() {
				used[r.Ref] = true
			}
		}
	}
	for name := range doc.Components.Responses {
		if !used["#/components/responses/"+name] {
			t.Errorf("no operation answers %s", name)
		}
	}
}

// What stands in words and what stands as an enum is one list. That it is the
// list of what is sent is held in package problems.
func TestAReportNamesItsCodesTwice(t *testing.T) {
	report := document(t).Components.Schemas["SourceReport"].Value.Properties["code"].Value
	var enum []string
	for _, v := range report.Enum {
		enum = append(enum, v.(string))
	}
	if told := named(report.Description); !slices.Equal(told, enum) {
		t.Errorf("a source's report names %v to people and %v to programs", told, enum)
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
	for path, item := range doc.Paths.Map() {
		if !strings.HasPrefix(path, "/v1/") {
			continue
		}
		for method, op := range item.Operations() {
			other := as30.Paths.Value(path).GetOperation(method)
			if !same(op.Parameters, other.Parameters) || !same(op.RequestBody, other.RequestBody) || !same(op.Security, other.Security) {
				t.Errorf("%s %s is not in requests.gen.json as it is in the document: run go generate", method, path)
			}
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
