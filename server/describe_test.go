package server

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"

	"jali/internal/fault"
	"jali/internal/language"
	"jali/openapi"
	"jali/openapi/problems"
	"jali/openapi/sandbox"
)

// documents are those whose requests are checked.
func documents(t *testing.T) (data, sand *openapi3.T) {
	t.Helper()
	data, err := openapi.Requests()
	if err != nil {
		t.Fatal(err)
	}
	if sand, err = sandbox.Requests(); err != nil {
		t.Fatal(err)
	}
	return data, sand
}

// Who sends what the document does not allow is told what would be right, and
// never what they sent.
func TestDetailsSayWhatWouldBeRight(t *testing.T) {
	const canary = "c4n4ry"
	data, sand := documents(t)
	for _, tt := range []struct {
		why          string
		doc          *openapi3.T
		method, path string
		query, body  string
		en, zh       string
	}{
		{"a required member is missing", sand, "POST", "/sandbox/clock", "", `{}`,
			"the body is not as the document says: `ahead` is required",
			"正文和文档所说的不一样：必须有 `ahead`"},
		{"another member stands for it", sand, "POST", "/sandbox/clock", "", `{"` + canary + `":"24h"}`,
			"the body is not as the document says: it has a member that is not known; known are `ahead`; `ahead` is required",
			"正文和文档所说的不一样：有不认识的成员；认识的有 `ahead`；必须有 `ahead`"},
		{"a member too many", data, "POST", "/v1/views", "", `{"` + canary + `":1}`,
			"the body is not as the document says: it has a member that is not known; known are `datatypes`, `sources`",
			"正文和文档所说的不一样：有不认识的成员；认识的有 `datatypes`, `sources`"},
		{"a required member of a member is missing", sand, "POST", "/sandbox/consents", "", `{"person":"p","decision":"allow","uses":{}}`,
			"the body is not as the document says at /uses: `limit` is required",
			"正文的 /uses 处和文档所说的不一样：必须有 `limit`"},
		{"a member of a member too many", sand, "POST", "/sandbox/consents", "", `{"person":"p","decision":"allow","uses":{"limit":1,"` + canary + `":1}}`,
			"the body is not as the document says at /uses: it has a member that is not known; known are `limit`, `per`",
			"正文的 /uses 处和文档所说的不一样：有不认识的成员；认识的有 `limit`, `per`"},
		{"a value that is none of a few", sand, "POST", "/sandbox/consents", "", `{"person":"p","decision":"` + canary + `"}`,
			"the body is not as the document says at /decision: one of allow, deny, show",
			"正文的 /decision 处和文档所说的不一样：只能是其中之一：allow, deny, show"},
		{"one of a list is none of a few", data, "POST", "/v1/views", "", `{"datatypes":["bills","` + canary + `"]}`,
			"the body is not as the document says at /datatypes/1: one of balances, bills, statements",
			"正文的 /datatypes/1 处和文档所说的不一样：只能是其中之一：balances, bills, statements"},
		{"too high", sand, "POST", "/sandbox/consents", "", `{"person":"p","decision":"allow","uses":{"limit":98765}}`,
			"the body is not as the document says at /uses/limit: at most 1000",
			"正文的 /uses/limit 处和文档所说的不一样：不大于 1000"},
		{"too low", sand, "POST", "/sandbox/consents", "", `{"person":"p","decision":"allow","uses":{"limit":0}}`,
			"the body is not as the document says at /uses/limit: at least 1",
			"正文的 /uses/limit 处和文档所说的不一样：不小于 1"},
		{"too long", sand, "POST", "/sandbox/people", "", `{"persona":"` + strings.Repeat(canary, 20) + `"}`,
			"the body is not as the document says at /persona: a length of at most 64",
			"正文的 /persona 处和文档所说的不一样：长度最多 64"},
		{"too short", sand, "POST", "/sandbox/people", "", `{"persona":""}`,
			"the body is not as the document says at /persona: a length of at least 1",
			"正文的 /persona 处和文档所说的不一样：长度至少 1"},
		{"too many", data, "POST", "/v1/views", "", `{"datatypes":["bills","bills","bills","bills"]}`,
			"the body is not as the document says at /datatypes: a list of at most 3",
			"正文的 /datatypes 处和文档所说的不一样：列表，最多 3 项"},
		{"too few", data, "POST", "/v1/views", "", `{"sources":[]}`,
			"the body is not as the document says at /sources: a list of at least 1",
			"正文的 /sources 处和文档所说的不一样：列表，至少 1 项"},
		{"one twice", data, "POST", "/v1/views", "", `{"sources":["` + canary + `","` + canary + `"]}`,
			"the body is not as the document says at /sources: a list in which nothing stands twice",
			"正文的 /sources 处和文档所说的不一样：列表，里面没有重复的"},
		{"another form", data, "POST", "/v1/views", "", `{"sources":["` + canary + `!"]}`,
			"the body is not as the document says at /sources/0: of the form ^[a-z][a-z0-9_]*$",
			"正文的 /sources/0 处和文档所说的不一样：要符合 ^[a-z][a-z0-9_]*$"},
		{"another type", data, "POST", "/v1/views", "", `{"sources":"` + canary + `"}`,
			"the body is not as the document says at /sources: a list",
			"正文的 /sources 处和文档所说的不一样：列表"},
		{"nothing where something stands", sand, "POST", "/sandbox/people", "", `{"persona":null}`,
			"the body is not as the document says at /persona: a text",
			"正文的 /persona 处和文档所说的不一样：文本"},
		{"another type, of all of it", data, "POST", "/v1/views", "", `["` + canary + `"]`,
			"the body is not as the document says: an object",
			"正文和文档所说的不一样：对象"},
		{"no body, which has members", sand, "POST", "/sandbox/clock", "", ``,
			"the body is missing; it has `ahead`",
			"缺少正文；它里面有 `ahead`"},
		{"no body, which may be empty", data, "POST", "/v1/views", "", ``,
			"the body is missing; {} asks for everything",
			"缺少正文；{} 就是全部都要"},
		{"a parameter too high", data, "GET", "/v1/views/{id}/bills", "limit=98765", ``,
			"the query parameter limit is not as the document says: at most 500",
			"查询参数 limit 和文档所说的不一样：不大于 500"},
		{"a parameter of another type", data, "GET", "/v1/views/{id}/bills", "limit=" + canary, ``,
			"the query parameter limit is not as the document says: a whole number",
			"查询参数 limit 和文档所说的不一样：整数"},
		{"a parameter that is none of a few", sand, "GET", "/sandbox/docs", "lang=" + canary, ``,
			"the query parameter lang is not as the document says: one of zh, en",
			"查询参数 lang 和文档所说的不一样：只能是其中之一：zh, en"},
		{"a parameter too many, of some", data, "GET", "/v1/views/{id}/bills", canary + "=1", ``,
			"the query has a parameter that is not known here; known are `cursor`, `limit`",
			"查询串里有这里不认识的参数；认识的有 `cursor`, `limit`"},
		{"a parameter too many, of none", data, "GET", "/v1/sources", canary + "=1", ``,
			"the query has a parameter that is not known here",
			"查询串里有这里不认识的参数"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			item := tt.doc.Paths.Value(tt.path)
			if item == nil || item.GetOperation(tt.method) == nil {
				t.Fatalf("the document has no %s %s", tt.method, tt.path)
			}
			r := httptest.NewRequest(tt.method, "http://jali.example"+strings.ReplaceAll(tt.path, "{id}", "view_0123456789abcdef")+"?"+tt.query, strings.NewReader(tt.body))
			if tt.method == http.MethodPost {
				r.Header.Set("Content-Type", "application/json; charset=utf-8")
				r.Header.Set("Idempotency-Key", "0123456789abcdef")
			}
			err := NewChecker(tt.doc).Check(r, &routers.Route{Spec: tt.doc, Path: tt.path, PathItem: item, Method: tt.method, Operation: item.GetOperation(tt.method)},
				map[string]string{"id": "view_0123456789abcdef"})
			var f *fault.Error
			if !errors.As(err, &f) || f.Code != "request_invalid" || f.Detail != tt.en {
				t.Fatalf("%v, want %q", err, tt.en)
			}
			if zh, ok := problems.Detail(f.Detail, language.Chinese); !ok || zh != tt.zh {
				t.Errorf("%q, %v in Chinese, want %q", zh, ok, tt.zh)
			}
			if strings.Contains(f.Detail, canary) || strings.Contains(f.Detail, "98765") {
				t.Errorf("%q repeats what was sent", f.Detail)
			}
		})
	}
}

// Whatever a document wants of a body or a parameter, there are words for it,
// and Chinese ones.
func TestWhatADocumentWantsHasWords(t *testing.T) {
	seen := 0
	var each func(at string, s *openapi3.Schema)
	each = func(at string, s *openapi3.Schema) {
		for field, has := range map[string]bool{
			"enum": len(s.Enum) > 0, "type": s.Type != nil, "pattern": s.Pattern != "",
			"format":  s.Format != "" && s.Format != "binary", // which any bytes have
			"minimum": s.Min != nil, "maximum": s.Max != nil, "minLength": s.MinLength > 0, "maxLength": s.MaxLength != nil,
			"minItems": s.MinItems > 0, "maxItems": s.MaxItems != nil, "uniqueItems": s.UniqueItems,
			"minProperties": s.MinProps > 0, "maxProperties": s.MaxProps != nil, "multipleOf": s.MultipleOf != nil,
			"exclusiveMinimum": s.ExclusiveMin.IsSet(), "exclusiveMaximum": s.ExclusiveMax.IsSet(),
			"oneOf": len(s.OneOf) > 0, "anyOf": len(s.AnyOf) > 0, "allOf": len(s.AllOf) > 0, "not": s.Not != nil,
		} {
			if !has {
				continue
			}
			seen++
			en := right(s, field)
			zh, ok := problems.Detail(en, language.Chinese)
			if en == "" || !ok || !strings.ContainsFunc(zh, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
				t.Errorf("%s: %s is %q, %q in Chinese", at, field, en, zh)
			}
		}
		for name, p := range s.Properties {
			each(at+"/"+name, p.Value)
		}
		if s.Items != nil {
			each(at+"/0", s.Items.Value)
		}
	}
	data, sand := documents(t)
	for _, doc := range []*openapi3.T{data, sand} {
		for path, item := range doc.Paths.Map() {
			for method, op := range item.Operations() {
				for _, p := range append(op.Parameters[:len(op.Parameters):len(op.Parameters)], item.Parameters...) {
					each(method+" "+path+" "+p.Value.Name, p.Value.Schema.Value)
				}
				if op.RequestBody == nil {
					continue
				}
				for _, media := range op.RequestBody.Value.Content {
					if media.Schema != nil {
						each(method+" "+path, media.Schema.Value)
					}
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d of what the documents want was found", seen)
	}
}
