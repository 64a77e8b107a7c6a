package problems_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"jali/openapi"
	"jali/openapi/problems"
	"jali/openapi/sandbox"
)

// enums are the codes that a document's errors can have, by the place where they
// are met.
func enums(doc *openapi3.T, place func(member string) problems.Place) map[problems.Place][]string {
	found := map[problems.Place][]string{}
	add := func(at problems.Place, values []any) {
		for _, v := range values {
			if code := v.(string); !slices.Contains(found[at], code) {
				found[at] = append(found[at], code)
			}
		}
	}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, r := range op.Responses.Map() {
				for _, media := range r.Value.Content {
					if media.Schema == nil {
						continue
					}
					for _, part := range media.Schema.Value.AllOf {
						for _, member := range []string{"code", "error"} {
							if p := part.Value.Properties[member]; p != nil {
								add(place(member), p.Value.Enum)
							}
						}
					}
				}
			}
		}
	}
	if report := doc.Components.Schemas["SourceReport"]; report != nil {
		add(problems.Report, report.Value.Properties["code"].Value.Enum)
	}
	// What can be met whatever is asked stands in the introduction.
	for _, m := range regexp.MustCompile("`([a-z]+_(?:unknown|not_allowed))`").FindAllStringSubmatch(doc.Info.Description, -1) {
		add(place("code"), []any{m[1]})
	}
	return found
}

// Whoever looks a code up finds it, and finds none that no answer holds.
func TestTheCatalogueIsOfTheDocumentsCodes(t *testing.T) {
	api, err := openapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	town, err := openapi3.NewLoader().LoadFromData(sandbox.YAML)
	if err != nil {
		t.Fatal(err)
	}
	documented := enums(api, func(member string) problems.Place {
		if member == "error" {
			return problems.OAuth
		}
		return problems.Data
	})
	documented[problems.Sandbox] = enums(town, func(string) problems.Place { return problems.Sandbox })[problems.Sandbox]
	for _, place := range []problems.Place{problems.Data, problems.OAuth, problems.Report, problems.Sandbox} {
		if len(documented[place]) < 8 {
			t.Fatalf("only %d codes are met at %s: this test does not read the documents", len(documented[place]), place)
		}
		for _, code := range documented[place] {
			if e, ok := problems.Find(code); !ok || !e.At(place) {
				t.Errorf("the document names %s, and the catalogue does not say that it is met at %s", code, place)
			}
		}
		for _, e := range problems.All() {
			if e.At(place) && !slices.Contains(documented[place], e.Code) {
				t.Errorf("the catalogue says that %s is met at %s, and the document does not name it", e.Code, place)
			}
		}
	}
}

// Who is sent to a path of ours finds something there.
func TestRemediesNamePathsThatThereAre(t *testing.T) {
	api, err := openapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	town, err := openapi3.NewLoader().LoadFromData(sandbox.YAML)
	if err != nil {
		t.Fatal(err)
	}
	path := regexp.MustCompile("`(?:GET |POST )?(/[a-z0-9/{}._-]+)`")
	for _, e := range problems.All() {
		for _, text := range []string{e.Meaning.ZH, e.Meaning.EN, e.Remedy.ZH, e.Remedy.EN} {
			for _, m := range path.FindAllStringSubmatch(text, -1) {
				if at := m[1]; api.Paths.Value(at) == nil && town.Paths.Value(at) == nil && at != "/v1" && !strings.HasPrefix(at, "/problems") {
					t.Errorf("%s sends its reader to %s, which is not there", e.Code, at)
				}
			}
		}
	}
}
