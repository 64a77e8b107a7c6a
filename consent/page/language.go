package page

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"

	"jali/consent"
	"jali/internal/language"
)

//go:embed i18n/*.json
var catalogFiles embed.FS

// setLanguage keeps the choice for a year and goes back to where it was made.
func (p *Page) setLanguage(w http.ResponseWriter, r *http.Request) {
	lang := r.PathValue("lang")
	if p.views[lang] == nil {
		p.notFound(w, r)
		return
	}
	language.Keep(w, lang, strings.HasPrefix(p.origin, "https:"))
	http.Redirect(w, r, nextOr(r.URL.Query().Get("next"), "/"), http.StatusSeeOther)
}

// catalog is the words of one language. In a text, {0} is the first argument,
// "one|many" holds an English singular, and **bold** is bold in [catalog.Rich].
type catalog struct {
	lang  string
	texts map[string]string
}

func readCatalog(lang string) (*catalog, error) {
	b, err := catalogFiles.ReadFile("i18n/" + lang + ".json")
	if err != nil {
		return nil, err
	}
	c := &catalog{lang: lang}
	if err := json.Unmarshal(b, &c.texts); err != nil {
		return nil, fmt.Errorf("page: catalog %s: %w", lang, err)
	}
	return c, nil
}

func (c *catalog) zh() bool { return c.lang == "zh-CN" }

func (c *catalog) has(key string) bool { _, ok := c.texts[key]; return ok }

// T is the text of a key, with arguments put in. A key without a text is its
// own: seen in a test, not by a person.
func (c *catalog) T(key string, args ...any) string {
	text, ok := c.texts[key]
	if !ok {
		return key
	}
	return insert(text, args, func(s string) string { return s })
}

// N is T for a count, which is the first argument.
func (c *catalog) N(key string, n int, args ...any) string {
	text, ok := c.texts[key]
	if !ok {
		return key
	}
	if one, many, ok := strings.Cut(text, "|"); ok {
		if text = many; n == 1 {
			text = one
		}
	}
	return insert(text, append([]any{n}, args...), func(s string) string { return s })
}

// Rich is T as HTML: the text's **bold** becomes strong, arguments stay text.
func (c *catalog) Rich(key string, args ...any) template.HTML {
	parts := strings.Split(template.HTMLEscapeString(c.texts[key]), "**")
	var b strings.Builder
	for i, part := range parts {
		if i%2 == 1 {
			part = "<strong>" + part + "</strong>"
		}
		b.WriteString(part)
	}
	return template.HTML(insert(b.String(), args, template.HTMLEscapeString)) //nolint:gosec // both parts are escaped above
}

// insert puts every argument in once, so that an argument that looks like a
// placeholder stays what it is.
func insert(text string, args []any, escape func(string) string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(text, '{')
		if i < 0 || i+2 >= len(text) {
			b.WriteString(text)
			return b.String()
		}
		n := int(text[i+1] - '0')
		if text[i+2] != '}' || n < 0 || n >= len(args) {
			b.WriteString(text[:i+1])
			text = text[i+1:]
			continue
		}
		b.WriteString(text[:i])
		b.WriteString(escape(fmt.Sprint(args[n])))
		text = text[i+3:]
	}
}

// or is the text of key, or otherwise where there is none.
func (c *catalog) or(key, otherwise string) string {
	if c.has(key) {
		return c.texts[key]
	}
	return otherwise
}

// shanghai is the zone in which pages tell days and times.
var shanghai = consent.Shanghai

func (c *catalog) funcs() template.FuncMap {
	return template.FuncMap{
		"t": c.T, "tn": c.N, "rich": c.Rich,
		"date": c.Date, "moment": c.Moment, "day": c.Day, "clock": c.Clock,
		"money": c.Money, "signed": c.Signed, "name": c.Name, "source": c.Source,
		"account": c.Account, "kind": c.Kind, "category": c.Category,
		"asset": asset, "mark": mark, "lastday": c.LastDay, "spans": c.Spans, "accounts": c.Names,
		"tor": c.or, "likely": c.likely, "reported": c.ReportAccount, "candidate": c.candidate, "orders": func() []string { return dateOrders }, "tree": sync.OnceValue(c.tree),
		"dict": func(pairs ...any) map[string]any {
			m := map[string]any{}
			for i := 0; i+1 < len(pairs); i += 2 {
				m[fmt.Sprint(pairs[i])] = pairs[i+1]
			}
			return m
		},
	}
}
