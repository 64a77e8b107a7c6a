package openapi_test

import (
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// schema compares two schemas of values that go one way.
func (c *comparison) schema(at string, was, is *openapi3.SchemaRef, w way) {
	switch {
	case was == nil && is == nil:
		return
	case was == nil:
		if w == sent {
			c.say(at, "is held to a schema now")
		}
		return
	case is == nil:
		if w == told {
			c.say(at, "has no schema now")
		}
		return
	}
	a, b := was.Value, is.Value
	p := pair{a, b, w}
	if c.seen[p] {
		return
	}
	c.seen[p] = true
	c.types(at, a, b, w)
	c.enum(at, a, b, w)
	c.words(at, a, b, w)
	c.bounds(at, a, b, w)
	c.members(at, a, b, w)
	c.schema(at+"[]", a.Items, b.Items, w)
	c.schema(at+" as JSON", a.ContentSchema, b.ContentSchema, w)
	c.branches(at, a, b, w)
	if !same(strange(a), strange(b)) {
		c.say(at, "has changed in a way that is not understood here")
	}
}

// types: what is sent may be of more, what is told of fewer.
func (c *comparison) types(at string, was, is *openapi3.Schema, w way) {
	wide, narrow := is, was
	if w == told {
		wide, narrow = was, is
	}
	switch {
	case wide.Type == nil:
	case narrow.Type == nil:
		c.say(at, "has another type")
	default:
		for _, t := range narrow.Type.Slice() {
			if !wide.Type.Includes(t) && !(t == "integer" && wide.Type.Includes("number")) {
				c.say(at, "has another type")
			}
		}
	}
}

// enum: of what is sent no value may go; what is told may have new ones, but
// must not become free.
func (c *comparison) enum(at string, was, is *openapi3.Schema, w way) {
	switch {
	case w == told && len(was.Enum) > 0 && len(is.Enum) == 0:
		c.say(at, "may have any value now")
	case w == sent && len(was.Enum) == 0 && len(is.Enum) > 0:
		c.say(at, "has an enum now")
	case w == sent && len(is.Enum) > 0:
		for _, v := range was.Enum {
			if !slices.ContainsFunc(is.Enum, func(o any) bool { return same(v, o) }) {
				c.say(at, "does not take %v any more", v)
			}
		}
	}
	if w == sent && !same(was.Default, is.Default) {
		c.say(at, "has another default")
	}
}

// words compares what can only be there, be absent or be another: a constraint
// that is new refuses what was sent, one that is gone tells what was not told.
func (c *comparison) words(at string, was, is *openapi3.Schema, w way) {
	for name, v := range map[string][2]string{
		"pattern":          {was.Pattern, is.Pattern},
		"format":           {was.Format, is.Format},
		"contentMediaType": {was.ContentMediaType, is.ContentMediaType},
		"contentEncoding":  {was.ContentEncoding, is.ContentEncoding},
	} {
		before, now := v[0], v[1]
		free := before == ""
		if w == sent {
			free = now == ""
		}
		if before != now && !free {
			c.say(at, "has another %s", name)
		}
	}
}

// bounds: those of what is sent may only widen, of what is told only narrow.
func (c *comparison) bounds(at string, was, is *openapi3.Schema, w way) {
	for name, v := range map[string][2]*float64{
		"maximum":       {was.Max, is.Max},
		"maxLength":     {float(was.MaxLength), float(is.MaxLength)},
		"maxItems":      {float(was.MaxItems), float(is.MaxItems)},
		"maxProperties": {float(was.MaxProps), float(is.MaxProps)},
		"minimum":       {negative(was.Min), negative(is.Min)},
		"minLength":     {negative(least(was.MinLength)), negative(least(is.MinLength))},
		"minItems":      {negative(least(was.MinItems)), negative(least(is.MinItems))},
		"minProperties": {negative(least(was.MinProps)), negative(least(is.MinProps))},
	} {
		wide, narrow := v[1], v[0]
		if w == told {
			wide, narrow = v[0], v[1]
		}
		if wide != nil && (narrow == nil || *narrow > *wide) {
			c.say(at, "has another %s", name)
		}
	}
	if was.UniqueItems != is.UniqueItems && is.UniqueItems == bool(w) {
		c.say(at, "has another uniqueItems")
	}
}

func float(n *uint64) *float64 {
	if n == nil {
		return nil
	}
	f := float64(*n)
	return &f
}

func least(n uint64) *float64 {
	if n == 0 {
		return nil
	}
	return float(&n)
}

func negative(f *float64) *float64 {
	if f == nil {
		return nil
	}
	n := -*f
	return &n
}

// members: none may go, whichever way. What is sent needs no more than before,
// what is told holds no less.
func (c *comparison) members(at string, was, is *openapi3.Schema, w way) {
	for name, p := range was.Properties {
		if is.Properties[name] == nil {
			c.lost(at + "." + name)
			continue
		}
		c.schema(at+"."+name, p, is.Properties[name], w)
	}
	for _, name := range union(was.Required, is.Required) {
		c.need(at+"."+name, slices.Contains(was.Required, name), slices.Contains(is.Required, name), w)
	}
	c.schema(at+".*", was.AdditionalProperties.Schema, is.AdditionalProperties.Schema, w)
	if w == sent && !closed(was) && closed(is) {
		c.say(at, "takes no other members any more")
	}
}

func union(a, b []string) []string {
	all := slices.Sorted(slices.Values(slices.Concat(a, b)))
	return slices.Compact(all)
}

func closed(s *openapi3.Schema) bool {
	return s.AdditionalProperties.Has != nil && !*s.AdditionalProperties.Has
}

// branches: every one of an allOf holds, so that a new one narrows; of anyOf
// and oneOf one has to, so that a new one widens.
func (c *comparison) branches(at string, was, is *openapi3.Schema, w way) {
	fits := func(a, b *openapi3.SchemaRef) bool {
		alone := &comparison{seen: map[pair]bool{}}
		alone.schema(at, a, b, w)
		return len(alone.found) == 0
	}
	// held: each of these has to have its like among those.
	held := func(what string, these, those openapi3.SchemaRefs, fits func(a, b *openapi3.SchemaRef) bool) {
		for _, one := range these {
			if !slices.ContainsFunc(those, func(other *openapi3.SchemaRef) bool { return fits(one, other) }) {
				c.say(at, "has another %s", what)
			}
		}
	}
	swapped := func(a, b *openapi3.SchemaRef) bool { return fits(b, a) }
	if len(was.AllOf) == len(is.AllOf) { // by place: what is said is clearer
		for i := range was.AllOf {
			c.schema(at, was.AllOf[i], is.AllOf[i], w)
		}
	} else if w == sent {
		held("allOf", is.AllOf, was.AllOf, swapped)
	} else {
		held("allOf", was.AllOf, is.AllOf, fits)
	}
	for what, v := range map[string][2]openapi3.SchemaRefs{"anyOf": {was.AnyOf, is.AnyOf}, "oneOf": {was.OneOf, is.OneOf}} {
		before, now := v[0], v[1]
		switch {
		case w == sent && len(before) == 0 && len(now) > 0, w == told && len(before) > 0 && len(now) == 0:
			c.say(at, "has another %s", what)
		case w == sent && len(now) > 0:
			held(what, before, now, fits)
		case w == told && len(before) > 0:
			held(what, now, before, swapped)
		}
	}
}

// strange is what of a schema no function here compares.
func strange(s *openapi3.Schema) openapi3.Schema {
	r := *s
	r.Origin, r.Extensions = nil, nil
	r.Title, r.Description, r.Examples, r.Example, r.ExternalDocs, r.Comment = "", "", nil, nil, nil, ""
	r.Type, r.Enum, r.Default = nil, nil, nil
	r.Pattern, r.Format, r.ContentMediaType, r.ContentEncoding, r.ContentSchema = "", "", "", "", nil
	r.Min, r.Max, r.MinLength, r.MaxLength, r.MinItems, r.MaxItems, r.MinProps, r.MaxProps = nil, nil, 0, nil, 0, nil, 0, nil
	r.UniqueItems = false
	r.Items, r.Properties, r.Required, r.AdditionalProperties = nil, nil, nil, openapi3.AdditionalProperties{}
	r.AllOf, r.AnyOf, r.OneOf = nil, nil, nil
	return r
}
