// Package look is what makes all of Jali's pages look alike, the style sheets
// and signs, and how such files are served: under names that change with their
// content, so that a browser may keep them for ever.
package look

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed static
var static embed.FS

// Static holds the files that all pages share.
var Static = In(static, "static")

// In answers a folder of embedded files.
func In(f embed.FS, dir string) fs.FS {
	s, err := fs.Sub(f, dir)
	if err != nil {
		panic(err) // an invalid name, written here
	}
	return s
}

// Files serves files that hold nothing personal. One that is kept as NAME.gz is
// served as NAME, and unpacked for who does not take gzip.
type Files struct {
	prefix string
	all    func() map[string]file
}

type file struct {
	body    []byte
	packed  bool
	version string // of the content, in the URL that pages link to
}

// Serve answers the files of from, below a prefix that ends with a slash. They
// are read when the first of them is asked for.
func Serve(prefix string, from ...fs.FS) *Files {
	return &Files{prefix, sync.OnceValue(func() map[string]file {
		all := map[string]file{}
		for _, f := range from {
			names, _ := fs.Glob(f, "*")
			for _, name := range names {
				b, err := fs.ReadFile(f, name)
				if err != nil {
					continue
				}
				sum := sha256.Sum256(b)
				name, packed := strings.CutSuffix(name, ".gz")
				all[name] = file{b, packed, base64.RawURLEncoding.EncodeToString(sum[:9])}
			}
		}
		return all
	})}
}

// URL is where a file is, which changes with its content.
func (f *Files) URL(name string) string { return f.prefix + name + "?v=" + f.all()[name].version }

// ServeHTTP answers a file; asked for by the version it has, it may be kept for
// ever.
func (f *Files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, f.prefix)
	one, ok := f.all()[name]
	if !ok {
		http.Error(w, "no such file", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == one.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	unpack := one.packed && !takesGzip(r)
	tag := `"` + one.version + `"`
	if one.packed {
		h.Add("Vary", "Accept-Encoding")
		if !unpack {
			tag = `"` + one.version + `-gzip"`
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", tag)
	if Same(r, tag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", kindOf(name))
	if !unpack {
		_, _ = w.Write(one.body)
		return
	}
	if z, err := gzip.NewReader(bytes.NewReader(one.body)); err == nil {
		_, _ = io.Copy(w, z) //nolint:gosec // packed here
	}
}

// Same reports whether who asks has already what the tag names (RFC 9110,
// section 13.1.2).
func Same(r *http.Request, tag string) bool {
	for _, t := range strings.Split(r.Header.Get("If-None-Match"), ",") {
		if t = strings.TrimPrefix(strings.TrimSpace(t), "W/"); t == tag || t == "*" {
			return true
		}
	}
	return false
}

// takesGzip reads Accept-Encoding (RFC 9110, section 12.5.3) as far as it asks
// for gzip by name.
func takesGzip(r *http.Request) bool {
	for _, c := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		coding, q, _ := strings.Cut(strings.ReplaceAll(c, " ", ""), ";")
		if strings.EqualFold(coding, "gzip") {
			return strings.Trim(strings.TrimPrefix(strings.ToLower(q), "q="), "0.") != "" || q == ""
		}
	}
	return false
}

func kindOf(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".css":
		return "text/css; charset=utf-8"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	return mime.TypeByExtension(path.Ext(name))
}
