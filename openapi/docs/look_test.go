package docs

import (
	"net"
	"net/http"
	"os"
	"testing"

	"jali/openapi"
)

// site is the docs with the document beside them, as the server mounts them.
func site(c Config) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", New(c))
	mux.HandleFunc("GET /openapi.yaml", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
		_, _ = w.Write(openapi.YAML)
	})
	mux.Handle("GET /sandbox/docs", Reference("/openapi.yaml", true))
	return mux
}

// TestServe is no test: with DOCS_SERVE=127.0.0.1:0 it serves the docs until
// interrupted, to be looked at.
func TestServe(t *testing.T) {
	addr := os.Getenv("DOCS_SERVE")
	if addr == "" {
		t.Log("DOCS_SERVE is not set: nothing is served")
		return
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("serving on", l.Addr())
	_ = http.Serve(l, site(Config{}))
}
