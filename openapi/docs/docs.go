// Package docs is what a developer reads: guides, the reference of the
// contract, and what every problem means. It is one http.Handler for /docs and
// /problems, for people without an account, in Chinese and English.
//
// Guides are Markdown in guides/{zh,en}; the reference is Swagger UI over the
// document as it is served; a problem's page is its entry in openapi/problems
// and the answers of the document that name it. All of it is read when the
// first page is asked for, so that a start costs nothing; nothing comes from
// another origin, and no page needs a script but the reference.
package docs

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"

	"jali/internal/language"
	"jali/internal/look"
)

//go:generate go run generate.go

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static/*
var staticFiles embed.FS

//go:embed swagger-ui/*
var swaggerFiles embed.FS

var assets = look.Serve("/docs/assets/", look.Static, look.In(staticFiles, "static"), look.In(swaggerFiles, "swagger-ui"))

// Config says where the docs stand.
type Config struct {
	// HTTPS says that people reach this by https.
	HTTPS bool

	// Sandbox answers the document of the sandbox's own API, whose reference
	// is at /sandbox/docs. nil in production.
	Sandbox func() (*openapi3.T, error)
}

type docs struct {
	Config
	answers func() (map[string][]answer, error)
}

// New answers GET and HEAD of /docs, /problems and all below them.
func New(c Config) http.Handler {
	d := &docs{Config: c}
	d.answers = sync.OnceValues(d.readAnswers)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /docs", d.start)
	mux.HandleFunc("GET /docs/guides/{name}", d.guide)
	mux.HandleFunc("GET /docs/reference", func(w http.ResponseWriter, r *http.Request) {
		d.reference(w, r, referenced{Document: "/openapi.yaml"})
	})
	mux.Handle("GET /docs/assets/{file}", assets)
	mux.HandleFunc("GET /problems", d.problems)
	mux.HandleFunc("GET /problems/{code}", d.problem)
	for _, path := range []string{"/docs/{$}", "/docs/guides", "/docs/guides/{$}"} {
		mux.Handle("GET "+path, http.RedirectHandler("/docs", http.StatusPermanentRedirect))
	}
	mux.Handle("GET /problems/{$}", http.RedirectHandler("/problems", http.StatusPermanentRedirect))
	mux.HandleFunc("GET /", d.missing)
	return shield(mux)
}

// Reference answers a page over another document of the same origin, as
// /docs/reference is over the contract; its files are those of [New]. With
// tryIt, calls can be made from it.
func Reference(document string, tryIt bool) http.Handler {
	d := &docs{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		d.reference(w, r, referenced{Document: document, TryIt: tryIt})
	})
	return shield(mux)
}

// shield sets what every answer carries. Nothing here allows an inline script
// or style, another origin, or a frame (CSP Level 3).
func shield(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
			"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Frame-Options", "DENY")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		next.ServeHTTP(w, r)
	})
}

// frame is what the layout shows around a page's own data.
type frame struct {
	Lang        string
	Title       string
	Description string
	Section     string // the tab that is lit
	Other       string // this page in the other language
	Sandbox     bool
	Data        any
}

// T is a text of the pages in the language of this one.
func (f frame) T(key string) string { return words[key].in(f.Lang) }

var templates = sync.OnceValues(func() (map[string]*template.Template, error) {
	base, err := template.New("").Funcs(template.FuncMap{"asset": assets.URL, "ticked": ticked}).ParseFS(templateFiles, "templates/_*.html")
	if err != nil {
		return nil, err
	}
	all := map[string]*template.Template{}
	for _, name := range []string{"start", "guide", "reference", "problems", "problem", "missing"} {
		t, err := base.Clone()
		if err == nil {
			t, err = t.ParseFS(templateFiles, "templates/"+name+".html")
		}
		if err != nil {
			return nil, err
		}
		all[name] = t
	}
	return all, nil
})

// languageOf answers the language of a page: ?lang= before all else.
func languageOf(r *http.Request) string {
	if l := language.Named(r.URL.Query().Get("lang")); l != "" {
		return l
	}
	return language.Of(r)
}

// render writes a whole page. Who has it already is told so.
func (d *docs) render(w http.ResponseWriter, r *http.Request, status int, name string, f frame) {
	f.Lang, f.Sandbox = languageOf(r), d.Sandbox != nil
	f.Other = elsewhere(r.URL, f.Lang)
	all, err := templates()
	var b bytes.Buffer
	if err == nil {
		err = all[name].ExecuteTemplate(&b, "layout", f)
	}
	if err != nil { // templates and texts are part of the program: a test renders each
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Add("Vary", "Accept-Language, Cookie")
	h.Set("Cache-Control", "no-cache")
	if c, err := r.Cookie(language.Cookie); r.URL.Query().Has("lang") && (err != nil || c.Value != f.Lang) {
		language.Keep(w, f.Lang, d.HTTPS)
	}
	if status == http.StatusOK {
		sum := sha256.Sum256(b.Bytes())
		tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
		h.Set("ETag", tag)
		if look.Same(r, tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", f.Lang)
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
}

// elsewhere is the same page in the other language.
func elsewhere(u *url.URL, lang string) string {
	q := u.Query()
	q.Set("lang", "en")
	if lang == language.English {
		q.Set("lang", "zh")
	}
	return u.EscapedPath() + "?" + q.Encode()
}

func (d *docs) start(w http.ResponseWriter, r *http.Request) {
	lang := languageOf(r)
	d.render(w, r, http.StatusOK, "start", frame{Title: words["start.title"].in(lang), Description: words["start.what"].in(lang),
		Section: "guides", Data: map[string]any{"Guides": guidesIn(lang)}})
}

func (d *docs) missing(w http.ResponseWriter, r *http.Request) {
	lang := languageOf(r)
	d.render(w, r, http.StatusNotFound, "missing", frame{Title: words["missing.title"].in(lang), Data: map[string]any{"Guides": guidesIn(lang)}})
}
