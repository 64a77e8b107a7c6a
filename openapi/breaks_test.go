package openapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// breaks answers what of an older document a newer one takes back, each with
// the place. Nothing is one who relied on the older: what could be sent can be
// sent, what was told is told. What it does not understand counts as a break.
//
// It looks at paths, operations and their ids, parameters, bodies, statuses,
// headers, schemas, security and webhooks, in which we send and clients answer.
// Words, examples and order are free. An enum of what is told may grow, and so
// may objects: the document says so.
func breaks(before, now *openapi3.T) []string {
	c := &comparison{seen: map[pair]bool{}}
	for name := range before.Components.Schemas {
		if now.Components.Schemas[name] == nil {
			c.lost("schema " + name)
		}
	}
	c.schemes(before, now)
	for path, item := range before.Paths.Map() {
		c.item(path, before, now, item, now.Paths.Value(path), false)
	}
	for name, item := range before.Webhooks {
		c.item("webhook "+name, before, now, item, now.Webhooks[name], true)
	}
	slices.Sort(c.found)
	return c.found
}

// comparison is of two documents; seen keeps it from going round in circles.
type comparison struct {
	found []string
	seen  map[pair]bool
}

type pair struct {
	before, now *openapi3.Schema
	way         way
}

// way a value goes.
type way bool

const (
	sent way = true  // by clients: whatever was good has to stay good
	told way = false // to clients: nothing new may come, but where it was announced
)

func (c *comparison) say(at, format string, args ...any) {
	c.found = append(c.found, at+": "+fmt.Sprintf(format, args...))
}

func (c *comparison) lost(at string) { c.say(at, "is gone") }

// schemes are how clients authenticate.
func (c *comparison) schemes(before, now *openapi3.T) {
	for name, s := range before.Components.SecuritySchemes {
		is := now.Components.SecuritySchemes[name]
		if is == nil {
			c.lost("security scheme " + name)
			continue
		}
		was, is2 := *s.Value, *is.Value
		was.Description, is2.Description = "", ""
		if !same(was, is2) {
			c.say("security scheme "+name, "is another")
		}
	}
}

// item is a path, or a webhook, of which the client is the server.
func (c *comparison) item(at string, before, now *openapi3.T, was, is *openapi3.PathItem, webhook bool) {
	if is == nil {
		c.lost(at)
		return
	}
	for method, op := range was.Operations() {
		at := method + " " + at
		other := is.GetOperation(method)
		if other == nil {
			c.lost(at)
			continue
		}
		if op.OperationID != other.OperationID {
			c.say(at, "has another operationId: generated code calls it by that")
		}
		in, out := sent, told
		if webhook {
			in, out = told, sent
		}
		c.parameters(at, slices.Concat(was.Parameters, op.Parameters), slices.Concat(is.Parameters, other.Parameters), in)
		c.body(at, op.RequestBody, other.RequestBody, in)
		c.responses(at, op.Responses, other.Responses, out)
		if !webhook {
			c.security(at, security(before, op), security(now, other))
		}
	}
}

func (c *comparison) parameters(at string, was, is openapi3.Parameters, w way) {
	for _, p := range was {
		at := at + " " + p.Value.In + " " + p.Value.Name
		other := is.GetByInAndName(p.Value.In, p.Value.Name)
		if other == nil {
			c.lost(at)
			continue
		}
		c.need(at, p.Value.Required, other.Required, w)
		c.schema(at, p.Value.Schema, other.Schema, w)
	}
	for _, p := range is {
		if w == sent && p.Value.Required && was.GetByInAndName(p.Value.In, p.Value.Name) == nil {
			c.say(at, "the new parameter %s is required", p.Value.Name)
		}
	}
}

// need compares whether something has to be there.
func (c *comparison) need(at string, was, is bool, w way) {
	if w == sent && is && !was {
		c.say(at, "is required now")
	}
	if w == told && was && !is {
		c.say(at, "may be missing now")
	}
}

func (c *comparison) body(at string, was, is *openapi3.RequestBodyRef, w way) {
	switch {
	case was == nil && is == nil:
	case was == nil:
		c.need(at+" body", false, is.Value.Required, w)
	case is == nil:
		c.lost(at + " body")
	default:
		c.need(at+" body", was.Value.Required, is.Value.Required, w)
		c.content(at, was.Value.Content, is.Value.Content, w)
	}
}

func (c *comparison) content(at string, was, is openapi3.Content, w way) {
	for kind, media := range was {
		if is[kind] == nil {
			c.lost(at + " " + kind)
			continue
		}
		c.schema(at+" "+kind, media.Schema, is[kind].Schema, w)
	}
}

func (c *comparison) responses(at string, was, is *openapi3.Responses, w way) {
	for status, r := range was.Map() {
		other := is.Value(status)
		at := at + " " + status
		if other == nil {
			c.lost(at)
			continue
		}
		if w == told && len(r.Value.Content) == 0 && len(other.Value.Content) > 0 {
			c.say(at, "has a body now")
		}
		c.content(at, r.Value.Content, other.Value.Content, w)
		for name, h := range r.Value.Headers {
			at := at + " header " + name
			if other.Value.Headers[name] == nil {
				c.lost(at)
				continue
			}
			c.need(at, h.Value.Required, other.Value.Headers[name].Value.Required, w)
			c.schema(at, h.Value.Schema, other.Value.Headers[name].Value.Schema, w)
		}
	}
	for status := range is.Map() {
		// An error that is new is borne by its class; 304 is asked for.
		if w == told && was.Value(status) == nil && status[0] < '4' && status != "304" {
			c.say(at, "%s is new: who takes the others for all that goes well does not see it", status)
		}
	}
}

// security answers the ways in which an operation may be called.
func security(doc *openapi3.T, op *openapi3.Operation) openapi3.SecurityRequirements {
	if op.Security != nil {
		return *op.Security
	}
	return doc.Security
}

func (c *comparison) security(at string, was, is openapi3.SecurityRequirements) {
	if len(is) == 0 {
		return // open to everybody
	}
	if len(was) == 0 {
		c.say(at, "wants authentication now")
	}
	for _, one := range was {
		if !slices.ContainsFunc(is, func(other openapi3.SecurityRequirement) bool { return maps.EqualFunc(one, other, slices.Equal) }) {
			c.say(at, "can no longer be called by %s", strings.Join(slices.Sorted(maps.Keys(one)), " and "))
		}
	}
}

func same(a, b any) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && string(x) == string(y)
}
