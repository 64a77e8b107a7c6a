//go:build ignore

// Generate writes requests.gen.json: what openapi.yaml says of requests to
// /v1, as a document of 3.0. A server reads it when it starts, which takes a
// hundredth of the time that the whole takes.
package main

import (
	"bytes"
	"encoding/json"
	"log"
	"os"
	"regexp"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

func main() {
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		log.Fatal(err)
	}
	part := &openapi3.T{OpenAPI: "3.0.3", Info: &openapi3.Info{Title: doc.Info.Title, Version: doc.Info.Version}, Paths: openapi3.NewPaths()}
	part.Security = doc.Security
	for path, item := range doc.Paths.Map() {
		if !strings.HasPrefix(path, "/v1/") {
			continue
		}
		for _, op := range item.Operations() {
			op.Responses = nil
		}
		part.Paths.Set(path, item)
	}
	from, to := map[string]map[string]any{}, map[string]map[string]any{}
	b, err := json.Marshal(doc.Components)
	if err == nil {
		err = json.Unmarshal(b, &from)
	}
	if err == nil {
		b, err = json.Marshal(part)
	}
	if err != nil {
		log.Fatal(err)
	}
	whole := map[string]any{}
	if err := json.Unmarshal(b, &whole); err != nil {
		log.Fatal(err)
	}
	to["securitySchemes"] = from["securitySchemes"]
	whole["components"] = to
	for done := false; !done; { // until nothing more is referred to
		done = true
		if b, err = json.MarshalIndent(whole, "", " "); err != nil {
			log.Fatal(err)
		}
		for _, ref := range regexp.MustCompile(`"#/components/(\w+)/([\w-]+)"`).FindAllSubmatch(b, -1) {
			kind, name := string(ref[1]), string(ref[2])
			if to[kind] == nil {
				to[kind] = map[string]any{}
			}
			if to[kind][name] == nil {
				to[kind][name], done = from[kind][name], false
			}
		}
	}
	if err := os.WriteFile("requests.gen.json", append(bytes.TrimSpace(b), '\n'), 0o644); err != nil {
		log.Fatal(err)
	}
}
