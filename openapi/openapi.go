// Package openapi is the contract as a document, and what is generated from
// it: openapi.yaml (OpenAPI 3.1) is the truth about the data API, OAuth, the
// management of grants and the webhooks; openapi.gen.go holds the types and the
// strict echo server of the tag "data"; requests.gen.json is what requests to /v1 are checked against. It knows no rule of Jali that the
// document does not state.
//
// Within /v1 the document only grows. CHANGELOG.md says how; released holds the
// document of every release, and the tests compare each with the next.
package openapi

import (
	"context"
	_ "embed"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:generate go tool -modfile=../internal/tools/go.mod oapi-codegen -config codegen.yaml openapi.yaml
//go:generate go run generate.go

// YAML is the document as it is served.
//
//go:embed openapi.yaml
var YAML []byte

// Document answers the parsed document, which callers share and do not change.
var Document = sync.OnceValues(func() (*openapi3.T, error) { return parse(YAML) })

// Requests answers the part of the document that requests to /v1 are checked
// against, declared as 3.0. The validator compiles a schema of 3.1 anew for
// every single value, and its errors quote the input; the one for 3.0 does
// neither. The schemas of requests therefore use only what means the same in
// both.
var Requests = sync.OnceValues(func() (*openapi3.T, error) { return openapi3.NewLoader().LoadFromData(requests) })

//go:embed requests.gen.json
var requests []byte

func parse(y []byte) (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData(y)
	if err != nil {
		return nil, err
	}
	return doc, doc.Validate(context.Background())
}
