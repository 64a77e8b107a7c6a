package openapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// change is one edit of a document, and what breaks says of it.
type change struct {
	why   string
	edit  func(*openapi3.T)
	finds string // empty: clients bear it
}

func schemaOf(d *openapi3.T, name string) *openapi3.Schema { return d.Components.Schemas[name].Value }
func member(d *openapi3.T, name, p string) *openapi3.Schema {
	return schemaOf(d, name).Properties[p].Value
}
func openView(d *openapi3.T) *openapi3.Operation { return d.Paths.Value("/v1/views").Post }
func remove(list []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == one })
}
func ptr[T any](v T) *T { return &v }

var text = &openapi3.Types{"string"}

// Each sort of break is planted before the real documents are believed.
func TestBreaksAreFound(t *testing.T) {
	for _, tt := range []change{
		{"a path goes", func(d *openapi3.T) { d.Paths.Delete("/v1/sources") }, "/v1/sources: is gone"},
		{"an operation goes", func(d *openapi3.T) { d.Paths.Value("/oauth/grants/{id}").Delete = nil }, "DELETE /oauth/grants/{id}: is gone"},
		{"an operation is renamed", func(d *openapi3.T) { openView(d).OperationID = "CreateView" }, "operationId"},
		{"a webhook goes", func(d *openapi3.T) { delete(d.Webhooks, "decision") }, "webhook decision: is gone"},
		{"a schema goes", func(d *openapi3.T) { delete(d.Components.Schemas, "Unattended") }, "schema Unattended: is gone"},
		{"a status goes", func(d *openapi3.T) { openView(d).Responses.Delete("409") }, "409: is gone"},
		{"another status for success", func(d *openapi3.T) {
			openView(d).Responses.Set("202", &openapi3.ResponseRef{Value: openapi3.NewResponse().WithDescription("Later.")})
		}, "202 is new"},
		{"an answer's media type goes", func(d *openapi3.T) {
			delete(d.Paths.Value("/oauth/introspect").Post.Responses.Status(200).Value.Content, "application/token-introspection+jwt")
		}, "application/token-introspection+jwt: is gone"},
		{"an empty answer gets a body", func(d *openapi3.T) {
			d.Paths.Value("/oauth/revoke").Post.Responses.Status(200).Value.Content = openapi3.NewContentWithJSONSchema(openapi3.NewStringSchema())
		}, "has a body now"},
		{"a header goes", func(d *openapi3.T) {
			r := d.Paths.Value("/v1/views/{id}").Get.Responses.Status(200).Value
			delete(r.Headers, "DPoP-Nonce")
		}, "header DPoP-Nonce: is gone"},
		{"a header may be missing", func(d *openapi3.T) { d.Components.Headers["Retry-After"].Value.Required = false }, "header Retry-After: may be missing now"},
		{"a header's value", func(d *openapi3.T) { d.Components.Headers["Retry-After"].Value.Schema.Value.Type = text }, "has another type"},

		{"a new parameter is required", func(d *openapi3.T) {
			openView(d).Parameters = append(openView(d).Parameters, &openapi3.ParameterRef{Value: openapi3.NewHeaderParameter("X-Why").WithRequired(true).WithSchema(openapi3.NewStringSchema())})
		}, "the new parameter X-Why is required"},
		{"a parameter is required", func(d *openapi3.T) {
			openView(d).Parameters.GetByInAndName("header", "x-fapi-auth-date").Required = true
		}, "is required now"},
		{"a parameter goes", func(d *openapi3.T) {
			d.Paths.Value("/v1/views/{id}/bills").Get.Parameters = d.Paths.Value("/v1/views/{id}/bills").Get.Parameters[:1]
		}, "query limit: is gone"},
		{"a parameter's bound is narrowed", func(d *openapi3.T) {
			d.Paths.Value("/v1/views/{id}/bills").Get.Parameters.GetByInAndName("query", "limit").Schema.Value.Max = ptr(100.)
		}, "has another maximum"},
		{"a parameter's other bound", func(d *openapi3.T) {
			d.Paths.Value("/v1/views/{id}/bills").Get.Parameters.GetByInAndName("query", "limit").Schema.Value.Min = ptr(10.)
		}, "has another minimum"},
		{"another default", func(d *openapi3.T) {
			d.Paths.Value("/v1/views/{id}/bills").Get.Parameters.GetByInAndName("query", "limit").Schema.Value.Default = 50.
		}, "has another default"},
		{"a longer key is wanted", func(d *openapi3.T) {
			openView(d).Parameters.GetByInAndName("header", "Idempotency-Key").Schema.Value.MinLength = 32
		}, "has another minLength"},
		{"a shorter key is wanted", func(d *openapi3.T) {
			openView(d).Parameters.GetByInAndName("header", "Idempotency-Key").Schema.Value.MaxLength = ptr(uint64(64))
		}, "has another maxLength"},
		{"a pattern changes", func(d *openapi3.T) {
			openView(d).Parameters.GetByInAndName("header", "Idempotency-Key").Schema.Value.Pattern = "^[a-z]+$"
		}, "has another pattern"},
		{"a format is wanted", func(d *openapi3.T) { member(d, "PushForm", "redirect_uri").Format = "uri" }, "has another format"},

		{"a body goes", func(d *openapi3.T) { openView(d).RequestBody = nil }, "body: is gone"},
		{"a body's media type goes", func(d *openapi3.T) {
			c := openView(d).RequestBody.Value.Content
			c["application/cbor"] = c["application/json"]
			delete(c, "application/json")
		}, "application/json: is gone"},
		{"a body is wanted", func(d *openapi3.T) {
			d.Paths.Value("/v1/views/{id}").Get.RequestBody = &openapi3.RequestBodyRef{Value: openapi3.NewRequestBody().WithRequired(true).WithJSONSchema(openapi3.NewObjectSchema())}
		}, "body: is required now"},
		{"a member of a request goes", func(d *openapi3.T) { delete(schemaOf(d, "Want").Properties, "sources") }, ".sources: is gone"},
		{"a member of a request is required", func(d *openapi3.T) { schemaOf(d, "TradeForm").Required = []string{"grant_type", "client_id"} }, ".client_id: is required now"},
		{"a branch requires more", func(d *openapi3.T) {
			schemaOf(d, "PushForm").AllOf[0].Value.AnyOf[0].Value.Required = []string{"request", "client_id"}
		}, "has another anyOf"},
		{"something more has to hold", func(d *openapi3.T) {
			s := schemaOf(d, "PushForm")
			s.AllOf = append(s.AllOf, &openapi3.SchemaRef{Value: &openapi3.Schema{Required: []string{"state"}}})
		}, "has another allOf"},
		{"a branch goes", func(d *openapi3.T) { s := schemaOf(d, "PushForm").AllOf[0].Value; s.AnyOf = s.AnyOf[1:] }, "has another anyOf"},
		{"a request's value goes", func(d *openapi3.T) { schemaOf(d, "GrantAction").Enum = []any{"create", "replace"} }, "does not take merge any more"},
		{"an open form is closed", func(d *openapi3.T) {
			schemaOf(d, "PushForm").AdditionalProperties = openapi3.AdditionalProperties{Has: ptr(false)}
		}, "takes no other members any more"},
		{"a list becomes a set", func(d *openapi3.T) { member(d, "ClientMetadata", "redirect_uris").UniqueItems = true }, "has another uniqueItems"},
		{"a list's items", func(d *openapi3.T) {
			member(d, "ClientMetadata", "redirect_uris").Items.Value.MaxLength = ptr(uint64(100))
		}, "[]: has another maxLength"},
		{"fewer items", func(d *openapi3.T) { member(d, "Want", "sources").MaxItems = ptr(uint64(8)) }, "has another maxItems"},
		{"more items", func(d *openapi3.T) { member(d, "Want", "sources").MinItems = 2 }, "has another minItems"},
		{"JSON within a text", func(d *openapi3.T) { schemaOf(d, "AuthorizationDetails").MinItems = 2 }, "as JSON: has another minItems"},
		{"what is asked for, deep within", func(d *openapi3.T) { member(d, "Uses", "limit").Max = ptr(2.) }, "has another maximum"},

		{"a member of an answer goes", func(d *openapi3.T) { delete(schemaOf(d, "View").Properties, "totals") }, ".totals: is gone"},
		{"a member of an answer may be missing", func(d *openapi3.T) { schemaOf(d, "View").Required = remove(schemaOf(d, "View").Required, "complete") }, ".complete: may be missing now"},
		{"an answer's type widens", func(d *openapi3.T) { member(d, "View", "uses_left").Type = &openapi3.Types{"integer", "null"} }, "has another type"},
		{"a whole number is none any more", func(d *openapi3.T) { member(d, "View", "uses_left").Type = &openapi3.Types{"number"} }, "has another type"},
		{"an answer's bound widens", func(d *openapi3.T) { member(d, "View", "uses_left").Min = ptr(-1.) }, "has another minimum"},
		{"an answer's bound goes", func(d *openapi3.T) { member(d, "Asked", "expires_in").Max = nil }, "has another maximum"},
		{"an answer's enum goes", func(d *openapi3.T) { member(d, "Bill", "direction").Enum = nil }, "may have any value now"},
		{"an answer's pattern goes", func(d *openapi3.T) { member(d, "Amount", "value").Pattern = "" }, "has another pattern"},
		{"an answer's format changes", func(d *openapi3.T) { member(d, "View", "opened_at").Format = "date" }, "has another format"},
		{"codes become free", func(d *openapi3.T) {
			d.Components.Responses["Denied"].Value.Content["application/problem+json"].Schema.Value.AllOf[1].Value.Properties["code"].Value.Enum = nil
		}, "may have any value now"},
		{"a problem is none any more", func(d *openapi3.T) {
			s := d.Components.Responses["Denied"].Value.Content["application/problem+json"].Schema.Value
			s.AllOf = s.AllOf[1:]
		}, "has another allOf"},
		{"a webhook's member goes", func(d *openapi3.T) { delete(schemaOf(d, "EventData").Properties, "grant_id") }, ".grant_id: is gone"},
		{"a webhook's header may be missing", func(d *openapi3.T) {
			d.Webhooks["grant"].Post.Parameters.GetByInAndName("header", "webhook-signature").Required = false
		}, "may be missing now"},
		{"a webhook's answer is not taken any more", func(d *openapi3.T) { d.Webhooks["grant"].Post.Responses.Delete("410") }, "410: is gone"},

		{"a way to authenticate goes", func(d *openapi3.T) {
			op := d.Paths.Value("/oauth/par").Post
			op.Security = ptr((*op.Security)[:1])
		}, "can no longer be called by MutualTLS"},
		{"everything asks for a certificate", func(d *openapi3.T) { d.Security = d.Security[1:] }, "can no longer be called by DPoP"},
		{"what was open is closed", func(d *openapi3.T) { d.Paths.Value("/v1/sources").Get.Security = nil }, "wants authentication now"},
		{"a scheme is another", func(d *openapi3.T) { d.Components.SecuritySchemes["DPoP"].Value.Scheme = "bearer" }, "security scheme DPoP: is another"},
		{"something that nobody here has thought of", func(d *openapi3.T) { member(d, "Want", "datatypes").Contains = openapi3.NewStringSchema().NewRef() }, "not understood"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			now := reloaded(t)
			tt.edit(now)
			if found := strings.Join(breaks(document(t), now), "\n"); !strings.Contains(found, tt.finds) {
				t.Errorf("breaks = %q; want %q", found, tt.finds)
			}
		})
	}
}

// What the document has announced breaks nothing.
func TestGrowthIsNoBreak(t *testing.T) {
	for _, tt := range []change{
		{why: "nothing", edit: func(*openapi3.T) {}},
		{why: "words and examples", edit: func(d *openapi3.T) {
			schemaOf(d, "View").Description, member(d, "View", "id").Examples = "Another.", []any{"view_2"}
		}},
		{why: "an operation", edit: func(d *openapi3.T) { d.Paths.Set("/v1/receipts", d.Paths.Value("/v1/sources")) }},
		{why: "a webhook", edit: func(d *openapi3.T) { d.Webhooks["person"] = d.Webhooks["grant"] }},
		{why: "a parameter that is optional", edit: func(d *openapi3.T) {
			openView(d).Parameters = append(openView(d).Parameters, &openapi3.ParameterRef{Value: openapi3.NewHeaderParameter("X-Why").WithSchema(openapi3.NewStringSchema())})
		}},
		{why: "a member of a request that is optional", edit: func(d *openapi3.T) { schemaOf(d, "Want").Properties["accounts"] = openapi3.NewStringSchema().NewRef() }},
		{why: "a member of an answer", edit: func(d *openapi3.T) {
			s := schemaOf(d, "View")
			s.Properties["receipt"], s.Required = openapi3.NewStringSchema().NewRef(), append(s.Required, "receipt")
		}},
		{why: "a code", edit: func(d *openapi3.T) {
			s := d.Components.Responses["Denied"].Value.Content["application/problem+json"].Schema.Value.AllOf[1].Value.Properties["code"].Value
			s.Enum = append(s.Enum, "grant_frozen")
		}},
		{why: "a kind of bill, which clients only read", edit: func(d *openapi3.T) { s := member(d, "Bill", "kind"); s.Enum = append(s.Enum, "tax") }},
		{why: "a type of webhook", edit: func(d *openapi3.T) { s := member(d, "Event", "type"); s.Enum = append(s.Enum, "grant.copied") }},
		{why: "a value that may be sent", edit: func(d *openapi3.T) { s := schemaOf(d, "GrantAction"); s.Enum = append(s.Enum, "copy") }},
		{why: "a wider bound of what is sent", edit: func(d *openapi3.T) { member(d, "Want", "sources").MaxItems = nil }},
		{why: "a narrower one of what is told", edit: func(d *openapi3.T) { member(d, "Asked", "expires_in").Max = ptr(300.) }},
		{why: "a status for what goes wrong", edit: func(d *openapi3.T) {
			openView(d).Responses.Set("451", &openapi3.ResponseRef{Value: openapi3.NewResponse().WithDescription("Not here.")})
		}},
		{why: "a header that always comes", edit: func(d *openapi3.T) { d.Components.Headers["ETag"].Value.Required = true }},
		{why: "another way to authenticate", edit: func(d *openapi3.T) {
			op := d.Paths.Value("/oauth/par").Post
			op.Security = ptr(append(slices.Clone(*op.Security), openapi3.SecurityRequirement{"DPoP": {}}))
		}},
		{why: "less that is required of a request", edit: func(d *openapi3.T) { schemaOf(d, "TokenQuestion").Required = nil }},
		{why: "another branch of a form", edit: func(d *openapi3.T) {
			s := schemaOf(d, "PushForm").AllOf[0].Value
			s.AnyOf = append(s.AnyOf, &openapi3.SchemaRef{Value: &openapi3.Schema{Required: []string{"template"}}})
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			now := reloaded(t)
			tt.edit(now)
			for _, broken := range breaks(document(t), now) {
				t.Error(broken)
			}
		})
	}
}
