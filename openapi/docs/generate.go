//go:build ignore

// generate copies what the reference needs of Swagger UI out of its npm
// package, packed with gzip. A file whose content is the same stays as it is:
// another version of Go may pack it otherwise.
package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"log"
	"os"
	"path/filepath"
)

const from, to = "../../internal/walk/node/node_modules/swagger-ui-dist", "swagger-ui"

func main() {
	if _, err := os.Stat(from); err != nil {
		log.Fatal("Swagger UI's files are copied from its npm package: run `npm ci --prefix internal/walk/node`")
	}
	for _, name := range []string{"swagger-ui-bundle.js", "swagger-ui.css", "swagger-ui-bundle.js.LICENSE.txt", "LICENSE", "NOTICE"} {
		b, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			log.Fatal(err)
		}
		out := filepath.Join(to, name)
		if filepath.Ext(name) == ".js" || filepath.Ext(name) == ".css" {
			out += ".gz"
			if bytes.Equal(unpacked(out), b) {
				continue
			}
			b = packed(b)
		}
		if err := os.WriteFile(out, b, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

func unpacked(name string) []byte {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil
	}
	b, err := io.ReadAll(z)
	if err != nil {
		return nil
	}
	return b
}

func packed(b []byte) []byte {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := z.Write(b); err != nil {
		log.Fatal(err)
	}
	if err := z.Close(); err != nil {
		log.Fatal(err)
	}
	return out.Bytes()
}
