package page

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"jali/consent"
	"jali/internal/language"
)

// ask is one request as a browser on our own pages sends it.
type ask struct {
	as, lang string
	form     url.Values
	json     string
	header   map[string]string // over everything else; "" takes away
}

func (h *house) do(t testing.TB, method, path string, a ask) *httptest.ResponseRecorder {
	t.Helper()
	var body io.Reader
	kind := ""
	if a.form != nil {
		body, kind = strings.NewReader(a.form.Encode()), "application/x-www-form-urlencoded"
	} else if a.json != "" {
		body, kind = strings.NewReader(a.json), "application/json"
	}
	r := httptest.NewRequest(method, path, body)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if a.as != "" {
		r.AddCookie(&http.Cookie{Name: "session", Value: a.as})
	}
	if a.lang != "" {
		r.Header.Set("Accept-Language", a.lang)
	}
	if method == http.MethodPost {
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if a.json != "" && a.as != "" {
			r.Header.Set(tokenHeader, h.passkeys.CSRF(lin))
		}
	}
	for k, v := range a.header {
		r.Header.Del(k)
		if v != "" {
			r.Header.Set(k, v)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func (h *house) get(t testing.TB, path, as, lang string) *httptest.ResponseRecorder {
	t.Helper()
	return h.do(t, "GET", path, ask{as: as, lang: lang})
}

// post sends a form with its token.
func (h *house) post(t testing.TB, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	if form == nil {
		form = url.Values{}
	}
	form.Set(tokenField, h.passkeys.CSRF(lin))
	return h.do(t, "POST", path, ask{as: "in", form: form})
}

func (h *house) uploadFile(t testing.TB, token, content, lang string) *httptest.ResponseRecorder {
	t.Helper()
	return h.uploadFiles(t, token, lang, nil, content)
}

// uploadFiles sends files in one go, beside what waits from before.
func (h *house) uploadFiles(t testing.TB, token, lang string, before []string, contents ...string) *httptest.ResponseRecorder {
	t.Helper()
	var b strings.Builder
	m := multipart.NewWriter(&b)
	_ = m.WriteField(tokenField, token)
	_ = m.WriteField("next", "/consent/gr_ask")
	for _, id := range before {
		_ = m.WriteField("u", id)
		_ = m.WriteField("n", "earlier "+id)
	}
	for i, content := range contents {
		f, _ := m.CreateFormFile("file", fmt.Sprintf("bills-%d.csv", i+1))
		_, _ = io.WriteString(f, content)
	}
	_ = m.Close()
	r := httptest.NewRequest("POST", "/upload", strings.NewReader(b.String()))
	r.Header.Set("Content-Type", m.FormDataContentType())
	r.Header.Set("Origin", origin)
	r.Header.Set("Accept-Language", lang)
	r.AddCookie(&http.Cookie{Name: "session", Value: "in"})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// everyPage answers every page there is, in a language, by a name.
func everyPage(t *testing.T, lang string) map[string]*httptest.ResponseRecorder {
	t.Helper()
	h := newHouse(t, func(c *Config) { c.Software = "/sandbox/passkey" })
	h.remember(t)
	pages := map[string]*httptest.ResponseRecorder{}
	for name, at := range map[string][2]string{
		"landing": {"", "/"}, "signup": {"", "/signup?next=/grants"}, "signin": {"", "/signin"}, "recover": {"", "/recover"},
		"addpasskey": {"recovering", "/recover/passkey"}, "home": {"in", "/"}, "home found": {"in", "/?q=京东&source=alipay"},
		"home page 2": {"in", "/?page=2"}, "home month": {"in", "/?month=2026-10"}, "home empty": {"new", "/"},
		"consent": {"in", "/consent/gr_ask"}, "consent narrow": {"in", "/consent/gr_narrow"}, "consent evil": {"in", "/consent/gr_evil"},
		"consent unconnected": {"new", "/consent/gr_ask"}, "consent late": {"in", "/consent/gr_late"},
		"consent done": {"in", "/consent/gr_done"}, "consent unknown": {"in", "/consent/gr_none"},
		"sources": {"in", "/sources?done=connected"}, "disconnect": {"in", "/connections/con_1/disconnect"}, "disconnect file": {"in", "/connections/con_3/disconnect"},
		"link refused": {"in", "/connect/return?error=access_denied"}, "upload": {"in", "/upload?next=/consent/gr_ask"},
		"uploaded": {"in", "/upload/done?source=alipay&rows=10&known=2&from=2026-01-01&to=2026-02-01&source=wechatpay&rows=4&known=0&left=up_1&next=/consent/gr_ask"},
		"grants":   {"in", "/grants"}, "grants empty": {"new", "/grants"}, "grant": {"in", "/grants/gr_live"}, "grant revoked": {"in", "/grants/gr_revoked"},
		"grant foreign": {"in", "/grants/gr_none"}, "activity": {"in", "/activity"}, "activity empty": {"new", "/activity"},
		"revise": {"in", "/consent/gr_more"}, "renew": {"in", "/consent/gr_renew"}, "less": {"in", "/consent/gr_less"}, "counter": {"in", "/consent/gr_counter"},
		"changed meanwhile": {"in", "/consent/gr_changed"}, "not revisable": {"in", "/consent/gr_nothing"},
		"duplicates": {"in", "/duplicates"}, "duplicates of a year": {"in", "/duplicates?year=2024&done=decided"}, "duplicates empty": {"new", "/duplicates"},
		"sums": {"in", "/sums"}, "sums of a year": {"in", "/sums?year=2025"}, "sums empty": {"new", "/sums"}, "home one bill": {"in", "/?month=2026-11&bill=b2&done=filed"},
		"requests empty": {"in", "/requests"}, "request decided": {"in", "/requests?done=agreed"}, "introduce": {"in", "/introduce"}, "alias": {"in", "/alias"},
		"revoke all": {"in", "/clients/cli_riverbank/revoke"}, "revoke all of nobody": {"in", "/clients/cli_none/revoke"},
		"settings": {"in", "/settings"}, "leave": {"in", "/settings/leave"}, "nowhere": {"", "/nowhere"},
	} {
		pages[name] = h.get(t, at[1], at[0], lang)
	}
	post := func(name, path string, form url.Values) {
		form.Set(tokenField, h.passkeys.CSRF(lin))
		pages[name] = h.do(t, "POST", path, ask{as: "in", lang: lang, form: form})
	}
	post("consent wrong", "/consent/gr_ask/prepare", url.Values{})
	post("prepare", "/consent/gr_ask/prepare", url.Values{"account": {"ac_1", "ac_4"}})
	pages["confirm"] = h.get(t, "/consent/gr_ask/confirm", "in", lang)
	for _, id := range []string{"gr_more", "gr_renew", "gr_counter"} {
		post("prepare "+id, "/consent/"+id+"/prepare", url.Values{"account": {"ac_1", "ac_2"}})
		pages["confirm "+id] = h.get(t, "/consent/"+id+"/confirm", "in", lang)
	}
	h.grants.busy(true)
	for _, path := range []string{"/", "/grants", "/grants/gr_live", "/requests", "/introduce", "/activity"} {
		pages["stopped "+path] = h.get(t, path, "in", lang)
	}
	h.grants.busy(false)
	post("refuse", "/consent/gr_ask/refuse", url.Values{})
	pages["depart"] = h.get(t, "/consent/gr_ask/return?ticket=t", "in", lang)
	pages["handover"] = h.get(t, "/connect/return", "in", lang)
	post("connect", "/sources/alipay/connect", url.Values{"next": {"/consent/gr_ask"}})
	post("codes", "/settings/codes", url.Values{})
	post("leave wrong", "/settings/leave", url.Values{"response": {`"no"`}})
	post("alias found", "/alias", url.Values{"alias": {"acct_of_ac_1"}})
	post("alias unknown", "/alias", url.Values{"alias": {"acct_of_nobody"}})
	post("left", "/settings/leave", url.Values{"response": {`"yes"`}})
	for _, c := range pages["left"].Result().Cookies() {
		if c.Name == leftName {
			pages["left done"] = h.do(t, "GET", leftPath, ask{lang: lang, header: map[string]string{"Cookie": leftName + "=" + c.Value}})
		}
	}
	pages["recover wrong"] = h.do(t, "POST", "/recover", ask{lang: lang, form: url.Values{"code": {"x"}}})
	for _, c := range []string{"clean", "other", "damaged", "picture", "locked", "table", "locked table"} {
		pages["upload "+c] = h.uploadFile(t, h.passkeys.CSRF(lin), c, lang)
	}
	pages["upload several"] = h.uploadFiles(t, h.passkeys.CSRF(lin), lang, []string{"up_1"}, "clean", "other", "damaged", "locked", "table")
	pages["review"] = h.get(t, "/upload/review?u=up_1&u=up_2&u=up_gone&u=up_3&u=up_4&next=/consent/gr_ask", "in", lang)
	pages["review of nothing"] = h.get(t, "/upload/review?u=up_gone", "in", lang)
	post("wrong password", "/upload/up_3/password", url.Values{"password": {"x"}, "u": {"up_1", "up_3"}, "n": {"one", "three"}})
	post("password", "/upload/up_3/password", url.Values{"password": {"open sesame"}, "u": {"up_1", "up_3"}, "n": {"one", "three"}})
	post("mapping incomplete", "/upload/up_4/mapping", url.Values{})
	post("mapping wrong", "/upload/up_4/mapping", mapped("对方"))
	post("mapping", "/upload/up_4/mapping", mapped("日期"))
	h.passkeys.one = true
	pages["settings one passkey"] = h.get(t, "/settings", "in", lang)
	h.grants.paused = map[consent.ClientID]bool{bank.ID: true}
	pages["grants paused"] = h.get(t, "/grants", "in", lang)
	pages["grant paused"] = h.get(t, "/grants/gr_live", "in", lang)
	return pages
}

// walk visits every element of a page.
func walk(n *html.Node, f func(*html.Node)) {
	if n.Type == html.ElementNode {
		f(n)
	}
	for c := range n.ChildNodes() {
		walk(c, f)
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func TestEveryPageInBothLanguages(t *testing.T) {
	rendered := map[string]bool{}
	for _, lang := range language.All {
		for name, w := range everyPage(t, lang) {
			t.Run(lang+" "+name, func(t *testing.T) {
				if w.Code == http.StatusInternalServerError {
					t.Fatalf("status %d", w.Code)
				}
				if w.Code == http.StatusSeeOther {
					return
				}
				body := w.Body.String()
				if got := w.Header().Get("Content-Language"); got != lang {
					t.Errorf("Content-Language = %q, want %q", got, lang)
				}
				rendered[name] = true
				checkPage(t, body)
				for key := range newCatalog(t, lang).texts {
					if strings.Contains(body, ">"+key+"<") && strings.Contains(key, ".") {
						t.Errorf("the key %s stands where its text should", key)
					}
				}
				if strings.Contains(body, "ZgotmplZ") {
					t.Error("a value was filtered by html/template: it stands where it must not")
				}
				if strings.Contains(body, "<img src=x") {
					t.Error("a hostile text came out as HTML")
				}
			})
		}
	}
	if len(rendered) < 45 {
		t.Errorf("only %d pages were rendered", len(rendered))
	}
}

// checkPage holds what every page must: one heading, unique ids, names for
// everything that can be operated, nothing that the policy forbids, no post
// without its token.
func checkPage(t *testing.T, body string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	ids, labelled, headings := map[string]bool{}, map[string]bool{}, 0
	walk(doc, func(n *html.Node) {
		if n.Data == "label" {
			labelled[attr(n, "for")] = true
		}
	})
	walk(doc, func(n *html.Node) {
		if id := attr(n, "id"); id != "" {
			if ids[id] {
				t.Errorf("id %q stands twice", id)
			}
			ids[id] = true
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
				t.Errorf("<%s %s=%q> is forbidden by the policy", n.Data, a.Key, a.Val)
			}
		}
		switch n.Data {
		case "style":
			t.Error("inline <style>")
		case "script":
			if attr(n, "src") == "" && attr(n, "type") != "application/json" {
				t.Error("inline <script>")
			}
			if attr(n, "type") == "application/json" && !json.Valid([]byte(n.FirstChild.Data)) {
				t.Errorf("script data that is no JSON: %s", n.FirstChild.Data)
			}
		case "h1":
			headings++
		case "form":
			if strings.EqualFold(attr(n, "method"), "post") && attr(n, "action") != "/recover" && !strings.Contains(inner(n), `name="csrf"`) {
				t.Errorf("the form to %s carries no token", attr(n, "action"))
			}
		case "input", "select", "textarea":
			if attr(n, "type") != "hidden" && !labelled[attr(n, "id")] && !within(n, "label") {
				t.Errorf("<%s name=%q> has no label", n.Data, attr(n, "name"))
			}
		case "html":
			if attr(n, "lang") == "" {
				t.Error("no language is declared")
			}
		}
	})
	if headings < 1 {
		t.Error("no <h1>")
	}
}

func inner(n *html.Node) string {
	var b strings.Builder
	_ = html.Render(&b, n)
	return b.String()
}

func within(n *html.Node, tag string) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Data == tag {
			return true
		}
	}
	return false
}

func TestHeadersStandOnEveryAnswer(t *testing.T) {
	h := newHouse(t)
	for _, tt := range []struct{ method, path, as string }{
		{"GET", "/", ""}, {"GET", "/", "in"}, {"GET", "/nowhere", ""}, {"GET", "/grants", ""}, {"POST", "/signout", "in"},
		{"GET", "/static/app.css", ""}, {"GET", "/static/none", ""}, {"DELETE", "/grants", "in"}, {"POST", "/signin/begin", ""}, {"GET", "/lang/en", ""},
	} {
		w := h.do(t, tt.method, tt.path, ask{as: tt.as})
		csp := w.Header().Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s %s: no %s in the policy", tt.method, tt.path, want)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("%s %s: %s", tt.method, tt.path, csp)
		}
		for k, v := range map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin", "Referrer-Policy": "same-origin"} {
			if got := w.Header().Get(k); got != v {
				t.Errorf("%s %s: %s = %q, want %q", tt.method, tt.path, k, got, v)
			}
		}
		if cache := w.Header().Get("Cache-Control"); cache != "no-store" && !(strings.HasPrefix(tt.path, "/static/") && cache == "no-cache") {
			t.Errorf("%s %s: Cache-Control = %q", tt.method, tt.path, cache)
		}
	}
}

func TestStaticFilesAreKeptByTheirContent(t *testing.T) {
	h := newHouse(t)
	w := h.get(t, asset("app.css"), "", "")
	if w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	again := h.do(t, "GET", "/static/app.css", ask{header: map[string]string{"If-None-Match": w.Header().Get("ETag")}})
	if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("asked again: %d, %d bytes", again.Code, again.Body.Len())
	}
	for name, want := range map[string]string{"pico.min.css": "MIT", "uplot.min.js": "uPlot", "uplot.min.css": "MIT", "licences.txt": "Permission is hereby granted"} {
		if body := h.get(t, "/static/"+name, "", "").Body.String(); !strings.Contains(body, want) {
			t.Errorf("%s has lost its licence", name)
		}
	}
}

// TestPostsFromElsewhereAreRefused takes every post that there is: one that is
// added without its guards fails here.
func TestPostsFromElsewhereAreRefused(t *testing.T) {
	open := []string{"/signup/begin", "/signup/finish", "/signin/begin", "/signin/finish", "/recover"}
	personal := []string{"/notices/dismiss", "/bills/category", "/duplicates/decide", "/duplicates/undo", "/signout", "/consent/gr_ask/prepare", "/consent/gr_ask/give", "/consent/gr_ask/refuse",
		"/sources/alipay/connect", "/connections/con_1/disconnect", "/upload/accept", "/upload/up_1/password", "/upload/up_1/mapping", "/grants/gr_live/revoke", "/clients/c/pause", "/clients/c/resume",
		"/clients/c/revoke", "/pause", "/resume", "/introduce", "/alias",
		"/settings/passkeys/begin", "/settings/passkeys/finish", "/settings/passkeys/pk_1/remove", "/settings/codes", "/settings/sessions/s/end",
		"/settings/sessions/end-others", "/settings/export/json", "/settings/export/csv", "/settings/leave"}
	if got, want := postRoutes(t), len(open)+len(personal)+1; got != want { // and /upload, below
		t.Fatalf("there are %d posts, %d are tried here", got, want)
	}
	h := newHouse(t)
	for _, path := range slices.Concat(open, personal, []string{"/upload"}) {
		for why, header := range map[string]map[string]string{
			"another site":        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
			"a sibling":           {"Sec-Fetch-Site": "same-site"},
			"an old browser":      {"Sec-Fetch-Site": "", "Origin": "https://evil.example"},
			"an opaque origin":    {"Sec-Fetch-Site": "", "Origin": "null"},
			"nobody says":         {"Sec-Fetch-Site": "", "Origin": ""},
			"the two contradict":  {"Origin": "https://evil.example"},
			"the origin's prefix": {"Sec-Fetch-Site": "", "Origin": origin + ".evil.example"},
		} {
			form := url.Values{tokenField: {h.passkeys.CSRF(lin)}}
			if w := h.do(t, "POST", path, ask{as: "in", form: form, header: header}); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "cross_site") {
				t.Errorf("POST %s from %s: %d", path, why, w.Code)
			}
		}
	}
	for _, path := range personal {
		for why, form := range map[string]url.Values{"no token": {}, "an empty token": {tokenField: {""}}, "another's token": {tokenField: {"token-ses_9"}}} {
			if w := h.do(t, "POST", path, ask{as: "in", form: form}); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "form_stale") {
				t.Errorf("POST %s with %s: %d", path, why, w.Code)
			}
		}
		if w := h.do(t, "POST", path, ask{form: url.Values{tokenField: {h.passkeys.CSRF(lin)}}}); w.Code != http.StatusUnauthorized {
			t.Errorf("POST %s signed out: %d", path, w.Code)
		}
	}
	for _, token := range []string{"", "token-ses_9"} {
		if w := h.uploadFile(t, token, "clean", "en"); w.Code != http.StatusForbidden || h.accounts.staged != 0 {
			t.Errorf("an upload with token %q: %d, %d staged", token, w.Code, h.accounts.staged)
		}
	}
	if len(h.grants.deeds)+len(h.accounts.deeds) > 0 || h.grants.refused || h.grants.pending != nil {
		t.Errorf("something was done: %v %v", h.grants.deeds, h.accounts.deeds)
	}
}

func TestSignedOutGoesToSignInAndBack(t *testing.T) {
	h := newHouse(t)
	w := h.get(t, "/consent/gr_ask?x=1&y=2", "", "")
	if want := "/signin?next=" + url.QueryEscape("/consent/gr_ask?x=1&y=2"); w.Code != 303 || w.Header().Get("Location") != want {
		t.Fatalf("%d to %q, want %q", w.Code, w.Header().Get("Location"), want)
	}
	w = h.do(t, "POST", "/signin/finish", ask{json: `{"flow":"f","response":"yes","next":"/consent/gr_ask?x=1&y=2"}`})
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"/consent/gr_ask?x=1\u0026y=2"`) || len(w.Result().Cookies()) != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w = h.do(t, "POST", "/signin/finish", ask{json: `{"flow":"f","response":"yes","next":"//evil.example"}`}); !strings.Contains(w.Body.String(), `"next":"/"`) {
		t.Errorf("an open redirect: %s", w.Body)
	}
	if w = h.do(t, "POST", "/signin/finish", ask{json: `{"flow":"f","response":"no"}`}); w.Code != 403 || len(w.Result().Cookies()) != 0 {
		t.Errorf("a wrong passkey: %d", w.Code)
	}
}

func TestRecoveringMayOnlyAddAPasskey(t *testing.T) {
	h := newHouse(t)
	for _, path := range []string{"/", "/grants", "/settings", "/consent/gr_ask", "/activity"} {
		if w := h.get(t, path, "recovering", ""); w.Code != 303 || w.Header().Get("Location") != "/recover/passkey" {
			t.Errorf("GET %s: %d to %q", path, w.Code, w.Header().Get("Location"))
		}
	}
	if w := h.do(t, "POST", "/grants/gr_live/revoke", ask{as: "recovering", form: url.Values{tokenField: {h.passkeys.CSRF(lin)}}}); w.Code != 403 {
		t.Errorf("revoke: %d", w.Code)
	}
	if w := h.do(t, "POST", "/settings/passkeys/finish", ask{as: "recovering", json: `{"flow":"f","response":"yes","label":"new"}`}); w.Code != 200 {
		t.Errorf("adding a passkey: %d", w.Code)
	}
	if w := h.do(t, "POST", "/recover", ask{form: url.Values{"code": {codes[0]}}}); w.Code != 303 || len(w.Result().Cookies()) != 1 {
		t.Errorf("a good code: %d", w.Code)
	}
	w := h.do(t, "POST", "/recover", ask{lang: "en", form: url.Values{"code": {"x"}}})
	if w.Code != 429 || !strings.Contains(w.Body.String(), "2 minutes") {
		t.Errorf("a bad code: %d", w.Code)
	}
}

func TestNextStaysHere(t *testing.T) {
	for _, tt := range []struct {
		next string
		ok   bool
	}{
		{"/", true}, {"/grants", true}, {"/consent/gr_1?a=b#c", true}, {"/signin?next=%2Fgrants", true},
		{"", false}, {"grants", false}, {"//evil.example", false}, {"///evil.example", false},
		{`/\evil.example`, false}, {`\\evil.example`, false}, {"/\t/evil.example", false}, {"/\n/evil.example", false},
		{"https://evil.example", false}, {"javascript:alert(1)", false}, {"/%zz", false}, {" /grants", false},
		{"/%2F/evil.example", false}, // a path to a browser, and two slashes to a proxy that decodes
		{"/" + strings.Repeat("a", 3000), false},
	} {
		if got := localPath(tt.next) != ""; got != tt.ok {
			t.Errorf("localPath(%q) allowed = %v, want %v", tt.next, got, tt.ok)
		}
	}
}

func FuzzNext(f *testing.F) {
	for _, s := range []string{"/", "//x", `/\x`, "/a?b#c", "/%5cx", "/\x00/x"} {
		f.Add(s)
	}
	base, _ := url.Parse(origin)
	f.Fuzz(func(t *testing.T, s string) {
		if got := localPath(s); got != "" {
			// what a browser makes of it: backslashes are slashes, control characters go
			seen := strings.Map(func(r rune) rune {
				if r < 0x20 {
					return -1
				}
				return r
			}, strings.ReplaceAll(got, `\`, "/"))
			u, err := base.Parse(seen)
			if err != nil || u.Host != base.Host || u.Scheme != base.Scheme || strings.HasPrefix(seen, "//") {
				t.Errorf("localPath(%q) leads to %v", s, u)
			}
		}
	})
}

func TestRichEscapes(t *testing.T) {
	c := &catalog{lang: "en", texts: map[string]string{"k": `**{0}** <b>said</b> {1}`}}
	want := template.HTML(`<strong>&lt;i&gt;**{1}</strong> &lt;b&gt;said&lt;/b&gt; {0}`)
	if got := c.Rich("k", "<i>**{1}", "{0}"); got != want {
		t.Errorf("Rich = %s, want %s", got, want)
	}
}
