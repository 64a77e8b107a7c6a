// Package sandbox is the sandbox's own API as a document. Production has none
// of it: cmd/sandbox and tests alone link this package.
package sandbox

import (
	"bytes"
	"context"
	_ "embed"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

// YAML is the document (OpenAPI 3.1) as the sandbox serves it.
//
//go:embed sandbox.yaml
var YAML []byte

// Document answers the parsed document, which callers share and do not change.
var Document = sync.OnceValues(func() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData(YAML)
	if err != nil {
		return nil, err
	}
	return doc, doc.Validate(context.Background())
})

// Requests answers the document as requests are checked against it: declared
// as 3.0, for the reason that package openapi gives.
var Requests = sync.OnceValues(func() (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromData(bytes.Replace(YAML, []byte("openapi: 3.1.0\n"), []byte("openapi: 3.0.3\n"), 1))
})
