package docs

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"jali/internal/language"
	"jali/openapi"
	"jali/openapi/conform"
	"jali/openapi/problems"
)

func ask(t *testing.T, h http.Handler, method, url string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r, w := httptest.NewRequest(method, url, nil), httptest.NewRecorder()
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	h.ServeHTTP(w, r)
	return w
}

// paths are all pages that there are.
func paths() []string {
	all := []string{"/docs", "/docs/reference", "/problems"}
	for _, g := range guidesIn(language.English) {
		all = append(all, "/docs/guides/"+g.Name)
	}
	for _, e := range problems.All() {
		all = append(all, "/problems/"+e.Code)
	}
	return all
}

func TestEveryPageInBothLanguages(t *testing.T) {
	h := New(Config{Sandbox: openapi.Document})
	for _, path := range paths() {
		for _, lang := range language.All {
			w := ask(t, h, "GET", path, "Accept-Language", lang)
			body := w.Body.String()
			if w.Code != 200 || !strings.Contains(body, `<html lang="`+lang+`">`) || w.Header().Get("Content-Language") != lang {
				t.Errorf("%s in %s: %d, %v", path, lang, w.Code, w.Header())
			}
			// A text that lacks is empty.
			if m := regexp.MustCompile(`<(h1|h2|strong|dt|title|p|a [^>]*)>\s*</`).FindString(body); m != "" {
				t.Errorf("%s in %s holds nothing in %s", path, lang, m)
			}
			for _, inline := range []string{"<script>", " style=", "<style", " onclick=", "ZgotmplZ"} {
				if strings.Contains(body, inline) {
					t.Errorf("%s in %s holds %s", path, lang, inline)
				}
			}
			for _, link := range regexp.MustCompile(`(?:src|href)="(https?:|//)[^"]*"`).FindAllString(body, -1) {
				if strings.HasPrefix(link, "src") {
					t.Errorf("%s takes %s from elsewhere", path, link)
				}
			}
		}
	}
}

func TestTextsAreInBothLanguages(t *testing.T) {
	for key, n := range words {
		if n.zh == "" || n.en == "" {
			t.Errorf("%s lacks a language", key)
		}
	}
	files, err := filepath.Glob("templates/*.html")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\.T "([^"]+)"`).FindAllStringSubmatch(string(b), -1) {
			if _, ok := words[m[1]]; !ok {
				t.Errorf("%s shows %q, which has no text", f, m[1])
			}
		}
	}
}

func TestLanguage(t *testing.T) {
	h := New(Config{HTTPS: true})
	for _, tt := range []struct{ query, cookie, accept, want, kept string }{
		{"", "", "", "zh-CN", ""},
		{"", "", "en", "en", ""},
		{"", "zh-CN", "en", "zh-CN", ""},         // what was switched to
		{"?lang=en", "zh-CN", "zh", "en", "en"},  // the switch itself
		{"?lang=zh", "", "en", "zh-CN", "zh-CN"}, // by the short name
		{"?lang=en", "en", "", "en", ""},         // kept already
		{"?lang=xx", "", "en", "en", "en"},       // none of ours: as if it were not there
	} {
		w := ask(t, h, "GET", "/docs"+tt.query, "Accept-Language", tt.accept, "Cookie", language.Cookie+"="+tt.cookie)
		if got := w.Header().Get("Content-Language"); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
		cookie := w.Header().Get("Set-Cookie")
		if kept, _, _ := strings.Cut(strings.TrimPrefix(cookie, language.Cookie+"="), ";"); kept != tt.kept || kept != "" && !strings.Contains(cookie, "Secure") {
			t.Errorf("%+v keeps %q", tt, cookie)
		}
	}
	// The other language is one click away and keeps the question.
	if body := ask(t, h, "GET", "/problems?q=grant", "Accept-Language", "en").Body.String(); !strings.Contains(body, `href="/problems?lang=zh&amp;q=grant"`) {
		t.Error("the switch forgets what was searched for")
	}
}

func TestHeaders(t *testing.T) {
	h := New(Config{})
	for _, path := range []string{"/docs", "/docs/guides/errors", "/docs/reference", "/problems", "/problems/grant_spent", "/problems/none", "/docs/none", "/docs/assets/docs.css", "/docs/assets/none"} {
		w := ask(t, h, "GET", path)
		csp := w.Header().Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(csp+";", want+";") {
				t.Errorf("%s: the policy %q lacks %s", path, csp, want)
			}
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: %v", path, w.Header())
		}
		head := ask(t, h, "HEAD", path)
		if head.Code != w.Code || head.Header().Get("ETag") != w.Header().Get("ETag") {
			t.Errorf("HEAD %s: %d, GET: %d", path, head.Code, w.Code)
		}
		if post := ask(t, h, "POST", path); post.Code != http.StatusMethodNotAllowed || post.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: %d, Allow %q", path, post.Code, post.Header().Get("Allow"))
		}
		if w.Code != 200 {
			continue
		}
		again := ask(t, h, "GET", path, "If-None-Match", w.Header().Get("ETag"))
		if again.Code != http.StatusNotModified || again.Body.Len() > 0 || w.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s again: %d, %d bytes, %v", path, again.Code, again.Body.Len(), again.Header())
		}
		if path == "/docs" {
			if vary := strings.Join(w.Header().Values("Vary"), ","); !strings.Contains(vary, "Accept-Language") || !strings.Contains(vary, "Cookie") {
				t.Errorf("Vary = %q", vary)
			}
			if other := ask(t, h, "GET", path, "Accept-Language", "en", "If-None-Match", w.Header().Get("ETag")); other.Code != 200 {
				t.Errorf("English answers %d to who has the Chinese", other.Code)
			}
		}
	}
	for _, path := range []string{"/docs/", "/docs/guides", "/docs/guides/", "/problems/"} {
		if w := ask(t, h, "GET", path); w.Code != http.StatusPermanentRedirect {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// Words of code stand as such in the index of the guides, and unmarked in what
// search engines show.
func TestIndexShowsCode(t *testing.T) {
	h := New(Config{})
	for lang, want := range map[string]string{"en": "by <code>complete</code> and <code>sources</code>", "zh": "从 <code>complete</code> 和 <code>sources</code> 看出来"} {
		if !strings.Contains(ask(t, h, "GET", "/docs", "Accept-Language", lang).Body.String(), want) {
			t.Errorf("the index in %s does not show %s", lang, want)
		}
	}
	if body := ask(t, h, "GET", "/docs/guides/views", "Accept-Language", "en").Body.String(); !strings.Contains(body, "by complete and sources, ") {
		t.Error("the description of a guide is not plain")
	}
}

// The files of Swagger UI are those of its npm package, whole.
func TestSwaggerUIIsThePackages(t *testing.T) {
	const from = "../../internal/walk/node/node_modules/swagger-ui-dist"
	if _, err := os.Stat(from); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("Swagger UI's package is not there: run `npm ci --prefix internal/walk/node`")
	}
	files, err := filepath.Glob("swagger-ui/*")
	if err != nil || len(files) != 5 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		got, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name, packed := strings.CutSuffix(filepath.Base(f), ".gz")
		if packed {
			z, err := gzip.NewReader(bytes.NewReader(got))
			if err == nil {
				got, err = io.ReadAll(z)
			}
			if err != nil {
				t.Fatal(f, err)
			}
		}
		want, err := os.ReadFile(filepath.Join(from, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not the package's, %v: run `go generate ./openapi/docs`", f, err)
		}
	}
}

func TestProblemPages(t *testing.T) {
	h := New(Config{})
	body := ask(t, h, "GET", "/problems/grant_spent", "Accept-Language", "en").Body.String()
	for _, want := range []string{"<h1>The grant has been used up</h1>", `href="/docs/reference#/data/OpenView"`, ">403<", "&#34;code&#34;: &#34;grant_spent&#34;",
		"<dt>What the person can do</dt><dd>decide anew, once your app asks again <small><code>action: ask_again</code>", "&#34;action&#34;: &#34;ask_again&#34;",
		"&#34;detail&#34;: &#34;this grant has been used up; ask the person again&#34;"} {
		if !strings.Contains(body, want) {
			t.Errorf("grant_spent does not show %s", want)
		}
	}
	for _, e := range problems.All() {
		if e.Action != "" && words["action."+e.Action] == (name{}) {
			t.Errorf("%s: nothing says what %s is", e.Code, e.Action)
		}
	}
	for path, want := range map[string]string{
		"/problems/view_unfinished": "&#34;retry_after&#34;: 30",
		"/problems/grant_spent":     "&#34;detail&#34;: &#34;这项授权已经用完；请再次征求本人同意&#34;",
	} {
		if !strings.Contains(ask(t, h, "GET", path, "Accept-Language", "zh").Body.String(), want) {
			t.Errorf("%s does not show %s", path, want)
		}
	}
	for _, tt := range []struct {
		accept string
		json   bool
	}{
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false},
		{"*/*", false},
		{"", false},
		{"application/json", true},
		{"application/problem+json, text/html;q=0.5", true},
		{"application/json;q=0.4, text/html", false},
		{"application/json;q=0", false}, // asked not to
	} {
		w := ask(t, h, "GET", "/problems/grant_spent", "Accept", tt.accept)
		if got := w.Header().Get("Content-Type") == "application/json"; got != tt.json {
			t.Errorf("Accept %q: %s", tt.accept, w.Header().Get("Content-Type"))
		}
		if !strings.Contains(strings.Join(w.Header().Values("Vary"), ","), "Accept") {
			t.Errorf("Accept %q: Vary = %q", tt.accept, w.Header().Values("Vary"))
		}
	}
	var told struct {
		Code    string
		Action  string
		Title   map[string]string
		Answers []answer
	}
	w := ask(t, h, "GET", "/problems/grant_spent", "Accept", "application/json")
	if err := json.Unmarshal(w.Body.Bytes(), &told); err != nil || told.Code != "grant_spent" || told.Action != "ask_again" || told.Title["en"] == "" || told.Title["zh-CN"] == "" ||
		len(told.Answers) != 1 || told.Answers[0].Operation != "OpenView" || told.Answers[0].Status != 403 {
		t.Errorf("%v, %+v", err, told)
	}
}

// What a page shows as an answer is one that the document promises.
func TestExamplesAreAsTheDocumentSays(t *testing.T) {
	d := &docs{}
	all, err := d.readAnswers()
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, e := range problems.All() {
		one := explain(e, language.English)
		one.Answers = all[e.Code]
		body := example(one)
		if body == "" {
			continue
		}
		shown++
		a := one.Answers[0]
		path := strings.NewReplacer("{id}", "grant_7c1f09e3b2a4QZ3N7K2M5T6V8X9YBCDEFGHJKW").Replace(a.Path)
		head := http.Header{"Content-Type": {a.Media}, "Cache-Control": {"no-store"}, "X-Request-Id": {"4QZ3N7K2M5T6V8X9YBCDEFGHJK"}}
		if e.Waits {
			head.Set("Retry-After", "30")
		}
		for _, v := range conform.Jali().Check(httptest.NewRequest(a.Method, path, nil), a.Status, head, []byte(body)) {
			if !strings.HasPrefix(v.Wrong, "the header ") {
				t.Errorf("%s: %s\n%s", e.Code, v, body)
			}
		}
	}
	if shown < 40 {
		t.Errorf("%d codes show an answer", shown)
	}
}

func TestUnknownProblems(t *testing.T) {
	h := New(Config{})
	w := ask(t, h, "GET", "/problems/grant_spend", "Accept-Language", "en")
	if w.Code != 404 || !strings.Contains(w.Body.String(), `href="/problems/grant_spent"`) || !strings.Contains(w.Body.String(), `name="q"`) {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
	if w := ask(t, h, "GET", "/problems/%3Cscript%3E", "Accept-Language", "en"); w.Code != 404 || strings.Contains(w.Body.String(), "<script>") {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
	if w := ask(t, h, "GET", "/problems/none", "Accept", "application/json"); w.Code != 404 || w.Header().Get("Content-Type") != "application/problem+json" || !json.Valid(w.Body.Bytes()) {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestSearch(t *testing.T) {
	h := New(Config{})
	for _, tt := range []struct {
		q        string
		has, not string
	}{
		{"GRANT_SP", "/problems/grant_spent", "/problems/view_expired"},
		{"used up", "/problems/grant_spent", "/problems/cursor_invalid"},
		{"游标", "/problems/cursor_invalid", "/problems/grant_spent"}, // in either language
		{"no such thing", "", "/problems/grant_spent"},
	} {
		r := httptest.NewRequest("GET", "/problems", nil)
		q := r.URL.Query()
		q.Set("q", tt.q)
		body := ask(t, h, "GET", "/problems?"+q.Encode(), "Accept-Language", "en").Body.String()
		if tt.has != "" && !strings.Contains(body, tt.has+`"`) || strings.Contains(body, tt.not+`"`) {
			t.Errorf("%q finds the wrong codes", tt.q)
		}
	}
}

// The codes of the sandbox are told where there is one.
func TestTheSandboxsOwn(t *testing.T) {
	for _, tt := range []struct {
		c     Config
		there bool
	}{{Config{}, false}, {Config{Sandbox: openapi.Document}, true}} {
		for path, what := range map[string]string{"/problems": `id="place-sandbox"`, "/docs": `href="/sandbox/docs"`} {
			if got := strings.Contains(ask(t, New(tt.c), "GET", path).Body.String(), what); got != tt.there {
				t.Errorf("%s with a sandbox %v: %v", path, tt.there, got)
			}
		}
	}
}

// What the documents name is explained, and what is explained for the data API
// and OAuth, some document names.
func TestCodesOfTheDocument(t *testing.T) {
	all, err := (&docs{}).readAnswers()
	if err != nil || len(all) < 20 {
		t.Fatalf("the document names %d codes, %v", len(all), err)
	}
	for code := range all {
		if _, ok := problems.Find(code); !ok {
			t.Errorf("the document names %s, which has no page", code)
		}
	}
	if list := all["rate_limited"]; len(list) < 3 {
		t.Errorf("rate_limited is answered by %d operations only: %v", len(list), list)
	}
}
