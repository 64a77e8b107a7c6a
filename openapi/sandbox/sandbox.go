// Package sandbox is the sandbox's own API as a document. Production has none
// of it: cmd/sandbox and tests alone link this package.
package sandbox

import _ "embed"

// YAML is the document (OpenAPI 3.1) as the sandbox serves it.
//
//go:embed sandbox.yaml
var YAML []byte
