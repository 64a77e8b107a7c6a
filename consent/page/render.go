package page

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"

	"jali/consent"
	"jali/internal/fault"
	"jali/internal/language"
)

//go:embed templates/*.html
var templateFiles embed.FS

// views are all pages in one language.
type views struct {
	words *catalog
	pages map[string]*template.Template
}

func readViews() (map[string]*views, error) {
	all := map[string]*views{}
	for _, lang := range language.All {
		words, err := readCatalog(lang)
		if err != nil {
			return nil, err
		}
		v := &views{words: words, pages: map[string]*template.Template{}}
		base, err := template.New("").Funcs(words.funcs()).ParseFS(templateFiles, "templates/_*.html")
		if err != nil {
			return nil, fmt.Errorf("page: %w", err)
		}
		files, err := templateFiles.ReadDir("templates")
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if strings.HasPrefix(f.Name(), "_") {
				continue
			}
			t, err := base.Clone()
			if err == nil {
				t, err = t.ParseFS(templateFiles, "templates/"+f.Name())
			}
			if err != nil {
				return nil, fmt.Errorf("page: %w", err)
			}
			v.pages[strings.TrimSuffix(f.Name(), path.Ext(f.Name()))] = t
		}
		all[lang] = v
	}
	return all, nil
}

// frame is what the layout shows around a page's own data.
type frame struct {
	Lang     string
	Title    string // a key of the catalog
	Section  string // the tab that is lit
	Self     string // this page's own GET path, for the language links
	Bare     bool   // without tabs: one thing to decide here
	SignedIn bool
	CSRF     string
	Software string
	Leaving  string          // where the page goes by itself
	Once     bool            // shown once: no link that would lose it by mistake
	Standing func() standing // what to tell on top; the zero one of who is signed out
	Data     any
}

// frameOf is a page for a signed-in person; the zero Session is nobody.
func (p *Page) frameOf(r *http.Request, s consent.Session, title, section string, data any) frame {
	f := frame{Title: title, Section: section, Self: r.URL.RequestURI(), Software: p.Software, Data: data,
		Standing: func() standing { return standing{} }}
	if s != (consent.Session{}) {
		f.SignedIn, f.CSRF = true, p.Passkeys.CSRF(s)
		f.Standing = func() standing { return p.standing(r.Context(), s) }
	}
	if r.Method != http.MethodGet {
		f.Self = "/"
	}
	return f
}

// stream writes a page that has something to wait for. wait is given what the
// page calls before it waits: that sends what stands before. A page that fails
// after that is broken off, so that nobody takes the half for the whole.
func (p *Page) stream(w http.ResponseWriter, r *http.Request, name string, f frame, wait func(flush func())) {
	f.Lang = language.Of(r)
	var b bytes.Buffer
	sent := false
	send := func() {
		if !sent {
			head(w.Header(), f.Lang)
			w.WriteHeader(http.StatusOK)
		}
		sent = true
		_, _ = b.WriteTo(w)
	}
	wait(func() {
		send()
		_ = http.NewResponseController(w).Flush() // without it the page comes in one part
	})
	err := p.views[f.Lang].pages[name].ExecuteTemplate(&b, "layout", f)
	if err == nil {
		send()
		return
	}
	p.Log.ErrorContext(r.Context(), "a page did not render", "page", name, "err", err)
	if sent {
		panic(http.ErrAbortHandler)
	}
	p.failPlainly(w, r)
}

// render writes a whole page, or the page of an internal error; nothing in between.
func (p *Page) render(w http.ResponseWriter, r *http.Request, status int, name string, f frame) {
	f.Lang = language.Of(r)
	v := p.views[f.Lang]
	var b bytes.Buffer
	t, ok := v.pages[name]
	if !ok {
		p.Log.ErrorContext(r.Context(), "no such template", "page", name)
	} else if err := t.ExecuteTemplate(&b, "layout", f); err != nil {
		p.Log.ErrorContext(r.Context(), "a page did not render", "page", name, "err", err)
		ok = false
	}
	if !ok {
		p.failPlainly(w, r)
		return
	}
	head(w.Header(), f.Lang)
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
}

func head(h http.Header, lang string) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", lang)
	h.Add("Vary", "Accept-Language, Cookie")
}

// failPlainly answers when no template does.
func (p *Page) failPlainly(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = io.WriteString(w, p.views[language.Of(r)].words.T("fault.kind.internal.title"))
}

// fail answers an error in the person's language: a page, or JSON to a script.
func (p *Page) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.Of(err)
	if f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		p.Log.ErrorContext(r.Context(), "a page failed", "path", r.Pattern, "err", err)
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int64(f.RetryAfter.Seconds()+0.999)))
	}
	words := p.views[language.Of(r)].words
	said := words.fault(f)
	if wantsJSON(r) {
		writeJSON(w, p.Status(f.Kind), map[string]string{"code": f.Code, "title": said.Title, "message": said.Body})
		return
	}
	s, _, errSession := p.Passkeys.Session(r)
	if errSession != nil {
		s = consent.Session{}
	}
	p.render(w, r, p.Status(f.Kind), "fault", p.frameOf(r, s, "fault.title", "", said))
}

// Fault shows an error of another room that meets a person in their browser.
func (p *Page) Fault(w http.ResponseWriter, r *http.Request, f *fault.Error) {
	shield(w.Header())
	p.fail(w, r, f)
}

func (p *Page) notFound(w http.ResponseWriter, r *http.Request) { p.fail(w, r, errNoPage) }

// wantsJSON reports whether a script is asking.
func wantsJSON(r *http.Request) bool {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && t == "application/json"
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		b, status = []byte(`{"code":"internal"}`), http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// readJSON reads a script's post strictly: one object, known members.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if !wantsJSON(r) {
		return &fault.Error{Kind: fault.Unsupported, Code: "not_json", Owner: fault.Client, Detail: "send application/json"}
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxForm))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return formFault(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errForm
	}
	return nil
}

func formFault(err error) error {
	var size *http.MaxBytesError
	if errors.As(err, &size) {
		return errFormSize.Because(err)
	}
	return errForm.Because(err)
}

// depart leaves this origin from a page of ours. Chromium holds a whole chain
// of redirects after a form post to form-action, and where a source or a client
// sends the browser on is not ours to list; a navigation that a page begins by
// itself is no form post.
func (p *Page) depart(w http.ResponseWriter, r *http.Request, s consent.Session, to string, name consent.Name, back bool) {
	f := p.frameOf(r, s, "depart.title", "", map[string]any{"To": to, "Name": name, "Back": back})
	f.Bare, f.Leaving = true, to
	p.render(w, r, http.StatusOK, "depart", f)
}
