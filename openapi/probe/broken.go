package probe

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// breakages break a draft in one place, write its body and say what they did,
// or leave it as it was and answer empty.
var breakages = []func(*rand.Rand, Operation, *draft) string{
	breakMember, breakMember, breakMember, breakMember, // most faults are in what is meant
	breakParameter, breakParameter,
	breakForm, breakForm, breakForm,
	breakBytes, breakBytes,
	breakMedia,
}

// place is a member of a JSON value that a schema describes.
type place struct {
	at     string
	schema *openapi3.Schema
	holder map[string]any // and the name under which it stands there
	name   string
}

// places walks what a schema describes of a value.
func places(at string, s *openapi3.Schema, v any) (found []place) {
	members, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	for _, part := range slices.Concat(openapi3.SchemaRefs{{Value: s}}, s.AllOf, s.AnyOf, s.OneOf) {
		for _, name := range names(part.Value.Properties) {
			inner, there := members[name]
			if !there {
				continue
			}
			schema := part.Value.Properties[name].Value
			found = append(found, place{at + "/" + name, schema, members, name})
			found = append(found, places(at+"/"+name, schema, inner)...)
		}
	}
	return found
}

// breakMember breaks a JSON body.
func breakMember(r *rand.Rand, o Operation, d *draft) string {
	members, ok := d.value.(map[string]any)
	if !ok || d.form != nil {
		return ""
	}
	all := places("", o.body, members)
	if len(all) == 0 || r.IntN(6) == 0 {
		what := unknown(r, members, o.body)
		d.write(o.media)
		return what
	}
	p := pick(r, all)
	what := p.damage(r)
	if what == "" {
		return ""
	}
	d.write(o.media)
	return p.at + ": " + what
}

// unknown adds a member that a closed schema does not have.
func unknown(r *rand.Rand, members map[string]any, s *openapi3.Schema) string {
	if s.AdditionalProperties.Has == nil || *s.AdditionalProperties.Has {
		return ""
	}
	if known := names(s.Properties); len(known) > 0 && r.IntN(2) == 0 {
		name := pick(r, known)
		upper := strings.ToUpper(name[:1]) + name[1:]
		if s.Properties[upper] != nil {
			return ""
		}
		members[upper] = Value(r, s.Properties[name].Value)
		return "a member in other case"
	}
	members["x"+letters(r, "abcdefgh_", 8)] = Value(r, &openapi3.Schema{Type: &openapi3.Types{"string"}})
	return "an unknown member"
}

func (p place) damage(r *rand.Rand) string {
	put := func(v any, what string) string { p.holder[p.name] = v; return what }
	is := func(t string) bool { return p.schema.Type != nil && p.schema.Type.Is(t) }
	faults := []func() string{func() string {
		for _, other := range []struct {
			sort string
			v    any
		}{{"string", "text"}, {"integer", 7}, {"boolean", true}, {"array", []any{}}, {"object", map[string]any{"a": 1}}} {
			if p.schema.Type != nil && !p.schema.Type.Includes(other.sort) && !(other.sort == "integer" && p.schema.Type.Includes("number")) && r.IntN(2) == 0 {
				return put(other.v, "of another type")
			}
		}
		if p.schema.Type != nil && !p.schema.Type.Includes("null") {
			return put(nil, "null")
		}
		return ""
	}, func() string {
		if p.schema.Type == nil {
			return ""
		}
		return put(deep(), "nested deeply")
	}}
	if len(p.schema.Enum) > 0 || p.schema.Const != nil {
		faults = append(faults, func() string { return put("nothing_of_the_kind", "not of the enum") })
	}
	if is("string") {
		faults = append(faults, func() string {
			if p.schema.MaxLength == nil {
				return ""
			}
			return put(strings.Repeat("a", int(*p.schema.MaxLength)+1), "too long")
		}, func() string {
			if p.schema.MinLength == 0 {
				return ""
			}
			return put(strings.Repeat("a", int(p.schema.MinLength)-1), "too short")
		}, func() string {
			if p.schema.Pattern == "" && len(p.schema.Enum) == 0 {
				return ""
			}
			return put(strange(r), "odd Unicode")
		})
	}
	if is("integer") || is("number") {
		faults = append(faults, func() string { return put(raw("1e400"), "a huge number") })
		if p.schema.Min != nil {
			faults = append(faults, func() string { return put(*p.schema.Min-1, "below its bound") })
		}
		if p.schema.Max != nil {
			faults = append(faults, func() string { return put(*p.schema.Max+1, "above its bound") })
		}
		if is("integer") {
			faults = append(faults, func() string { return put(1.5, "no whole number") })
		}
	}
	if is("array") && p.schema.MinItems > 0 {
		faults = append(faults, func() string { return put([]any{}, "too few") })
	}
	if is("object") {
		faults = append(faults, func() string {
			inner, ok := p.holder[p.name].(map[string]any)
			if !ok {
				return ""
			}
			return unknown(r, inner, p.schema)
		}, func() string {
			inner, ok := p.holder[p.name].(map[string]any)
			if !ok || len(p.schema.Required) == 0 {
				return ""
			}
			delete(inner, pick(r, p.schema.Required))
			return "a required member less"
		})
	}
	return pick(r, faults)()
}

// raw is JSON as it is written.
type raw string

func (t raw) MarshalJSON() ([]byte, error) { return []byte(t), nil }

// deep nests further than any reader here goes, and less than would be the
// fault of the one who writes it.
func deep() any {
	var v any = []any{}
	for range 200 {
		v = []any{v}
	}
	return v
}

// strange is text that readers stumble over.
func strange(r *rand.Rand) string {
	return pick(r, []string{"\u0000", "\u202egnp.exe", "\ufeff", "ｊａｌｉ", "𝕁𝕒𝕝𝕚", "e\u0301\u0301\u0301", "\u2028", "👩‍👩‍👧‍👦", "'; --", "<script>", "../../etc", "%00%2e%2e", "${jndi:x}", "\xff\xfe"})
}

// breakParameter breaks one in the query, a header or the path.
func breakParameter(r *rand.Rand, o Operation, d *draft) string {
	if len(o.parameters) == 0 {
		return ""
	}
	defer d.write(o.media)
	p := pick(r, o.parameters)
	where := fmt.Sprintf("%s %s: ", p.In, p.Name)
	s := p.Schema.Value
	var wrong, what string
	switch {
	case s.Type != nil && (s.Type.Is("integer") || s.Type.Is("number")):
		wrong, what = pick(r, []string{"many", "1e400", "0x10", "", "99999999999999999999"}), "no number of its kind"
	case len(s.Enum) > 0:
		wrong, what = "nothing_of_the_kind", "not of the enum"
	case s.MaxLength != nil && r.IntN(2) == 0:
		wrong, what = strings.Repeat("a", int(*s.MaxLength)+1), "too long"
	case s.Pattern != "":
		wrong, what = strange(r), "odd Unicode"
	default:
		return ""
	}
	switch p.In {
	case openapi3.ParameterInPath:
		d.path[p.Name] = wrong
	case openapi3.ParameterInQuery:
		if r.IntN(4) == 0 {
			d.query = append(d.query, pair{p.Name, "1"}, pair{p.Name, "1"})
			return where + "sent twice"
		}
		if r.IntN(4) == 0 {
			d.query = append(d.query, pair{"x" + p.Name, "1"})
			return where + "an unknown one beside it"
		}
		d.query = slices.DeleteFunc(d.query, func(q pair) bool { return q.name == p.Name })
		d.query = append(d.query, pair{p.Name, wrong})
	case openapi3.ParameterInHeader:
		if p.Required && r.IntN(3) == 0 {
			d.header.Del(p.Name)
			return where + "left out"
		}
		d.header.Set(p.Name, strings.Map(printable, wrong))
	}
	return where + what
}

// printable leaves out what no HTTP client sends in a header.
func printable(c rune) rune {
	if c < ' ' || c == 0x7f {
		return '?'
	}
	return c
}

// breakForm breaks a form's member. Forms may hold more than is known; what
// comes twice is refused (RFC 6749, section 3.1).
func breakForm(r *rand.Rand, o Operation, d *draft) string {
	if len(d.form) == 0 {
		return ""
	}
	i := r.IntN(len(d.form))
	name, what := d.form[i].name, "odd Unicode"
	switch r.IntN(6) {
	case 0:
		d.form, what = append(d.form, d.form[i]), "sent twice"
	case 1:
		d.form, what = slices.Delete(slices.Clone(d.form), i, i+1), "left out"
	case 2:
		d.form[i].value, what = strings.Repeat("a", 70_000), "too long"
	case 3:
		d.form[i].value, what = "", "empty"
	case 4:
		d.form[i].value, what = `{"a":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1e400]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}`, "JSON, nested"
	default:
		d.form[i].value = strange(r)
	}
	d.write(o.media)
	return name + ": " + what
}

// breakBytes breaks a body as it is written.
func breakBytes(r *rand.Rand, o Operation, d *draft) string {
	if o.body == nil {
		return ""
	}
	d.write(o.media)
	if len(d.raw) < 2 {
		return ""
	}
	json := o.media == "application/json"
	switch r.IntN(8) {
	case 0:
		if !json {
			return ""
		}
		d.raw = d.raw[:1+r.IntN(len(d.raw)-1)]
		return "truncated"
	case 1:
		d.raw = nil
		if o.optional {
			return ""
		}
		return "empty"
	case 2:
		d.raw = append(bytes.Clone(d.raw), bytes.Repeat([]byte(" "), 1<<20+1)...)
		return "over a mebibyte"
	case 3:
		if !json {
			return ""
		}
		d.raw = append(d.raw, " {}"...)
		return "two values"
	case 4:
		if !json {
			return ""
		}
		d.raw = append([]byte("\ufeff"), d.raw...)
		return "a byte order mark"
	case 5:
		if !json || !bytes.HasPrefix(d.raw, []byte(`{"`)) {
			return ""
		}
		first, _, _ := bytes.Cut(d.raw[2:], []byte(`"`))
		d.raw = append([]byte(`{"`+string(first)+`":1,`), d.raw[1:]...)
		return "a member twice"
	case 6:
		if !json {
			d.raw = append(d.raw, "&a=%zz"...)
			return "an escape that is none"
		}
		d.raw = []byte(strings.Repeat("[", 100_000))
		return "nested without an end"
	default:
		at := r.IntN(len(d.raw))
		d.raw = append(append(bytes.Clone(d.raw[:at]), 0xff, 0xfe), d.raw[at:]...)
		if !json {
			return "bytes that are no UTF-8"
		}
		return "bytes that are no UTF-8"
	}
}

// breakMedia sends a body as something else.
func breakMedia(r *rand.Rand, o Operation, d *draft) string {
	if o.body == nil {
		return ""
	}
	d.write(o.media)
	if r.IntN(3) == 0 {
		d.header.Set("Content-Encoding", "gzip")
		return "said to be compressed"
	}
	d.header.Set("Content-Type", pick(r, []string{"text/plain", "application/xml", "application/json; charset=utf-16", "multipart/form-data; boundary=x", ";", "application/json, text/html"}))
	return "of another media type"
}
