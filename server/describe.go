package server

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"mime"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// describe says which part is wrong and what would be right, in the document's
// words alone: the validator's own text may quote what was sent.
func describe(err error) error {
	var re *openapi3filter.RequestError
	if !errors.As(err, &re) {
		return errInvalid.Saying("the request is not what the document says")
	}
	var se *openapi3.SchemaError
	invalid := errors.As(err, &se)
	switch p := re.Parameter; {
	case p != nil && errors.Is(err, openapi3filter.ErrInvalidRequired):
		return errInvalid.Saying("the " + p.In + " parameter " + p.Name + " is missing")
	case p != nil:
		want := ""
		if invalid {
			want = right(se.Schema, se.SchemaField)
		} else if p.Schema != nil { // it could not even be read
			want = right(p.Schema.Value, "type")
		}
		if want != "" {
			return errInvalid.Saying("the " + p.In + " parameter " + p.Name + " is not as the document says: " + want)
		}
		return errInvalid.Saying("the " + p.In + " parameter " + p.Name + " is not as the document says")
	}
	body := bodyOf(re)
	if errors.Is(err, openapi3filter.ErrInvalidRequired) {
		switch {
		case len(body.Required) > 0:
			return errInvalid.Saying("the body is missing; it has " + quoted(body.Required))
		case body.Type.Is(openapi3.TypeObject):
			return errInvalid.Saying("the body is missing; {} asks for everything")
		}
		return errInvalid.Saying("the body is missing")
	}
	if !invalid {
		return errInvalid.Saying("the body is not as the document says")
	}
	pointer, want := se.JSONPointer(), ""
	switch se.SchemaField {
	case "required":
		last := len(pointer) - 1
		pointer, want = pointer[:last], quoted(pointer[last:])+" is required"
	case "properties":
		want = members(se)
	default:
		want = right(se.Schema, se.SchemaField)
	}
	at, whole := place(body, pointer)
	switch {
	case !whole: // what is wanted there would stand at another place
		want = ""
	case at == "" && want != "":
		return errInvalid.Saying("the body is not as the document says: " + want)
	}
	switch {
	case at == "":
		return errInvalid.Saying("the body is not as the document says")
	case want == "":
		return errInvalid.Saying("the body is not as the document says at " + at)
	}
	return errInvalid.Saying("the body is not as the document says at " + at + ": " + want)
}

// bodyOf is the schema that a request's body was held against.
func bodyOf(re *openapi3filter.RequestError) *openapi3.Schema {
	if media, _, err := mime.ParseMediaType(re.Input.Request.Header.Get("Content-Type")); err == nil && re.RequestBody != nil {
		if m := re.RequestBody.Content[media]; m != nil && m.Schema != nil {
			return m.Schema.Value
		}
	}
	return &openapi3.Schema{}
}

// place writes a pointer as far as the document knows it, and whether that is
// the whole of it: any other name was sent.
func place(s *openapi3.Schema, pointer []string) (at string, whole bool) {
	for _, part := range pointer {
		property := s.Properties[part]
		if _, err := strconv.ParseUint(part, 10, 32); property == nil && err == nil {
			property = s.Items
		}
		if property == nil {
			return at, false
		}
		at, s = at+"/"+part, property.Value
	}
	return at, true
}

// members says which members an object has that was sent with another one, and
// a required one that is missing: that may be what the other one was meant for.
func members(se *openapi3.SchemaError) string {
	if len(se.Schema.Properties) == 0 {
		return "an object without members"
	}
	want := "it has a member that is not known; known are " + quoted(slices.Sorted(maps.Keys(se.Schema.Properties)))
	sent, _ := se.Value.(map[string]any)
	for i, name := range se.Schema.Required {
		if _, ok := sent[name]; !ok {
			return want + "; " + quoted(se.Schema.Required[i:i+1]) + " is required"
		}
	}
	return want
}

// parameters names those that an operation's query can have.
func parameters(op *openapi3.Operation) string {
	var known []string
	for _, p := range op.Parameters {
		if p.Value.In == openapi3.ParameterInQuery {
			known = append(known, p.Value.Name)
		}
	}
	return quoted(known)
}

// quoted writes names of the document's.
func quoted(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return "`" + strings.Join(list, "`, `") + "`"
}

const maxValues = 20 // of an enum, in one detail

// right says what a schema wants by one of its fields, and nothing where there
// are no words for it. Package problems has them in Chinese.
func right(s *openapi3.Schema, field string) string {
	if s == nil {
		return ""
	}
	switch field {
	case "enum":
		var values []string
		for _, v := range s.Enum {
			values = append(values, fmt.Sprint(v))
		}
		if len(values) > maxValues {
			values = append(values[:maxValues], "…")
		}
		return "one of " + strings.Join(values, ", ")
	case "minimum":
		return "at least " + number(s.Min)
	case "maximum":
		return "at most " + number(s.Max)
	case "minLength":
		return fmt.Sprintf("a length of at least %d", s.MinLength)
	case "maxLength":
		return fmt.Sprintf("a length of at most %d", deref(s.MaxLength))
	case "minItems":
		return fmt.Sprintf("a list of at least %d", s.MinItems)
	case "maxItems":
		return fmt.Sprintf("a list of at most %d", deref(s.MaxItems))
	case "uniqueItems":
		return "a list in which nothing stands twice"
	case "pattern":
		return "of the form " + s.Pattern
	case "format":
		if s.Format == "date" || s.Format == "date-time" {
			return "a " + s.Format + " as in RFC 3339"
		}
	case "type", "nullable":
		for kind, said := range kinds {
			if s.Type.Is(kind) {
				return said
			}
		}
	}
	return ""
}

var kinds = map[string]string{
	openapi3.TypeString: "a text", openapi3.TypeInteger: "a whole number", openapi3.TypeNumber: "a number",
	openapi3.TypeBoolean: "true or false", openapi3.TypeArray: "a list", openapi3.TypeObject: "an object",
}

func number(n *float64) string { return strconv.FormatFloat(deref(n), 'f', -1, 64) }

func deref[T cmp.Ordered](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
