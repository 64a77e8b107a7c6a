package page

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"sync"
)

//go:embed static
var staticFiles embed.FS

type staticFile struct {
	body    []byte
	version string // of the content, in the URL that pages link to
}

var statics = sync.OnceValue(func() map[string]staticFile {
	all := map[string]staticFile{}
	files, _ := fs.ReadDir(staticFiles, "static")
	for _, f := range files {
		b, err := staticFiles.ReadFile("static/" + f.Name())
		if err != nil {
			continue
		}
		sum := sha256.Sum256(b)
		all[f.Name()] = staticFile{b, base64.RawURLEncoding.EncodeToString(sum[:9])}
	}
	return all
})

// asset is the URL of a static file, which changes with its content.
func asset(name string) string { return "/static/" + name + "?v=" + statics()[name].version }

// serveStatic answers files that hold nothing personal; asked for by the
// version they have, they may be kept for ever.
func serveStatic(w http.ResponseWriter, r *http.Request) {
	f, ok := statics()[r.PathValue("file")]
	if !ok {
		http.Error(w, "no such file", http.StatusNotFound)
		return
	}
	h := w.Header()
	tag := `"` + f.version + `"`
	h.Set("ETag", tag)
	h.Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == f.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	kind := mime.TypeByExtension(path.Ext(r.PathValue("file")))
	switch path.Ext(r.PathValue("file")) {
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".svg":
		kind = "image/svg+xml"
	case ".css":
		kind = "text/css; charset=utf-8"
	case ".txt":
		kind = "text/plain; charset=utf-8"
	}
	h.Set("Content-Type", kind)
	_, _ = w.Write(f.body)
}
