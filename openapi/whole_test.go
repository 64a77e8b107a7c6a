package openapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// tour goes through a whole document and meets each schema once: those of
// components there, and all else where it stands.
type tour struct {
	schema  func(at string, s *openapi3.Schema)
	example func(at string, s *openapi3.Schema, value any)
	shown   func(at, description string, hasExample bool)
}

func (v tour) document(doc *openapi3.T) {
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		v.in(name, doc.Components.Schemas[name].Value)
	}
	paths := doc.Paths.Map()
	for name, item := range doc.Webhooks {
		paths["webhook "+name] = item
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := paths[path]
		for method, op := range item.Operations() {
			v.operation(method+" "+path, slices.Concat(item.Parameters, op.Parameters), op)
		}
	}
}

func (v tour) operation(at string, parameters openapi3.Parameters, op *openapi3.Operation) {
	for _, p := range parameters {
		v.single(at+" "+p.Value.Name, p.Value)
	}
	if op.RequestBody != nil {
		v.content(at, op.RequestBody.Value.Content)
	}
	for status, r := range op.Responses.Map() {
		v.shown(at+" "+status, *r.Value.Description, true)
		v.content(at+" "+status, r.Value.Content)
		for name, h := range r.Value.Headers {
			v.single(at+" "+status+" "+name, &h.Value.Parameter)
		}
	}
}

// single is a parameter or a header.
func (v tour) single(at string, p *openapi3.Parameter) {
	v.shown(at, p.Description, p.Example != nil)
	v.example(at, p.Schema.Value, p.Example)
}

func (v tour) content(at string, content openapi3.Content) {
	for kind, media := range content {
		at := at + " " + kind
		v.ref(at, media.Schema)
		if media.Example != nil {
			v.example(at, media.Schema.Value, media.Example)
		}
		for name, e := range media.Examples {
			v.example(at+" "+name, media.Schema.Value, e.Value.Value)
		}
	}
}

func (v tour) ref(at string, s *openapi3.SchemaRef) {
	if s != nil && s.Ref == "" {
		v.in(at, s.Value)
	}
}

func (v tour) in(at string, s *openapi3.Schema) {
	v.schema(at, s)
	for _, e := range s.Examples {
		v.example(at, s, e)
	}
	if s.Example != nil {
		v.example(at, s, s.Example)
	}
	for name, p := range s.Properties {
		v.ref(at+"."+name, p)
	}
	v.ref(at+"[]", s.Items)
	v.ref(at+" as JSON", s.ContentSchema)
	v.ref(at+".*", s.AdditionalProperties.Schema)
	for _, part := range slices.Concat(s.AllOf, s.OneOf, s.AnyOf) {
		v.ref(at, part)
	}
}

// onlyRequires is a branch that says of its parent's members which are needed.
func onlyRequires(s *openapi3.Schema) bool {
	either := len(s.AnyOf) > 0 && !slices.ContainsFunc(s.AnyOf, func(p *openapi3.SchemaRef) bool { return !onlyRequires(p.Value) })
	return s.Type == nil && (len(s.Required) > 0 || either) && len(s.Properties) == 0
}

// A developer reads this document and nothing else: each field says what it
// is and shows one.
func TestEveryFieldIsDescribedWithAnExample(t *testing.T) {
	seen := 0
	look(t, document(t), &seen, t.Errorf)
	if seen < 400 {
		t.Errorf("only %d schemas were seen: this test reads nothing", seen)
	}
}

func look(t *testing.T, doc *openapi3.T, seen *int, complain func(string, ...any)) {
	t.Helper()
	tour{
		schema: func(at string, s *openapi3.Schema) {
			*seen++
			closed := s.AdditionalProperties.Has != nil || s.AdditionalProperties.Schema != nil
			part := strings.HasSuffix(at, "application/json") || strings.HasSuffix(at, "problem+json") // of an allOf: the whole is closed
			switch {
			case len(s.AllOf) > 0 && s.Type == nil || onlyRequires(s):
			case s.Description == "":
				complain("%s has no description", at)
			case s.Type == nil:
				complain("%s has no type", at)
			case s.Type.Is("object"):
				if !closed && !part {
					complain("%s does not say whether it has other members", at)
				}
			case len(s.Examples) == 0 && s.Example == nil && !(s.Type.Is("array") && s.Items.Ref != ""):
				complain("%s has no example", at)
			}
		},
		example: func(string, *openapi3.Schema, any) {},
		shown: func(at, description string, hasExample bool) {
			if strings.TrimSpace(description) == "" {
				complain("%s has no description", at)
			}
			if !hasExample {
				complain("%s has no example", at)
			}
		},
	}.document(doc)
}

func TestExamplesMatchTheirSchemas(t *testing.T) {
	seen := 0
	tour{
		schema: func(string, *openapi3.Schema) {},
		shown:  func(string, string, bool) {},
		example: func(at string, s *openapi3.Schema, value any) {
			seen++
			if err := matches(s, value); err != nil {
				t.Errorf("the example of %s is none: %v", at, err)
			}
		},
	}.document(document(t))
	if seen < 400 {
		t.Errorf("only %d examples were seen: this test reads nothing", seen)
	}
}

// matches holds a value against a schema, and JSON in a text against the
// schema of that JSON.
func matches(s *openapi3.Schema, value any) error {
	if err := s.VisitJSON(value, openapi3.EnableJSONSchema2020(), openapi3.EnableFormatValidation()); err != nil {
		return err
	}
	if s.ContentSchema == nil {
		return nil
	}
	var within any
	if err := json.Unmarshal([]byte(fmt.Sprint(value)), &within); err != nil {
		return err
	}
	return matches(s.ContentSchema.Value, within)
}

// Both tests above are first shown faults.
func TestATourFindsPlantedFaults(t *testing.T) {
	for name, spoil := range map[string]func(*openapi3.T){
		"a form's parameter":    func(d *openapi3.T) { d.Components.Schemas["PushForm"].Value.Properties["state"].Value.Description = "" },
		"an example of a form":  func(d *openapi3.T) { d.Components.Schemas["PushForm"].Value.Properties["state"].Value.Examples = nil },
		"an item":               func(d *openapi3.T) { d.Components.Schemas["Algorithms"].Value.Items.Value.Description = "" },
		"a webhook's parameter": func(d *openapi3.T) { d.Webhooks["grant"].Post.Parameters[0].Value.Example = nil },
		"a header":              func(d *openapi3.T) { d.Components.Headers["ETag"].Value.Description = "" },
		"an object that is neither open nor closed": func(d *openapi3.T) {
			d.Components.Schemas["Tokens"].Value.AdditionalProperties = openapi3.AdditionalProperties{}
		},
		"an inline answer": func(d *openapi3.T) {
			d.Paths.Value("/oauth/introspect").Post.Responses.Status(200).Value.Content["application/token-introspection+jwt"].Schema.Value.Description = ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			doc := reloaded(t)
			spoil(doc)
			found, seen := 0, 0
			look(t, doc, &seen, func(string, ...any) { found++ })
			if found == 0 {
				t.Error("nothing was said of it")
			}
		})
	}
	details := document(t).Components.Schemas["DetailsText"].Value
	for _, bad := range []string{`{}`, `[]`, `[{"type":"account_view"}]`, `not JSON`} {
		if matches(details, bad) == nil {
			t.Errorf("%s passes for authorization_details", bad)
		}
	}
}
