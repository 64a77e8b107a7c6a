// Package language decides in which of Jali's two languages somebody is
// answered: what they switched to, or else what their program prefers most.
// It holds no text.
package language

import (
	"net/http"
	"sort"
	"strconv"
	"strings"
)

// The languages, as HTML and HTTP name them (RFC 5646).
const (
	Chinese = "zh-CN"
	English = "en"
)

// All are the languages; the first is for people who ask for none of them.
var All = []string{Chinese, English}

// Cookie keeps what a person switched to.
const Cookie = "jali_lang"

// Of answers the language of a page: what the person switched to, or else what
// their browser prefers most.
func Of(r *http.Request) string {
	if c, err := r.Cookie(Cookie); err == nil && known(c.Value) {
		return c.Value
	}
	if l := Accepted(r.Header); l != "" {
		return l
	}
	return All[0]
}

// Accepted answers which language Accept-Language prefers (RFC 9110, section
// 12.5.4), or nothing where it asks for neither.
func Accepted(h http.Header) string {
	type wish struct {
		tag string
		q   float64
	}
	var wishes []wish
	for i, part := range strings.Split(h.Get("Accept-Language"), ",") {
		if i == 32 {
			break
		}
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if _, v, ok := strings.Cut(strings.ReplaceAll(params, " ", ""), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(v, 64); err != nil {
				continue
			}
		}
		if q > 0 {
			wishes = append(wishes, wish{strings.TrimSpace(tag), q})
		}
	}
	sort.SliceStable(wishes, func(i, j int) bool { return wishes[i].q > wishes[j].q })
	for _, w := range wishes {
		if l := Named(w.tag); l != "" {
			return l
		}
	}
	return ""
}

// Named answers the language of a tag such as zh, zh-Hant-TW or EN, or nothing.
func Named(tag string) string {
	switch primary, _, _ := strings.Cut(strings.ToLower(tag), "-"); primary {
	case "zh":
		return Chinese
	case "en":
		return English
	}
	return ""
}

// Keep has the browser send the language along for a year.
func Keep(w http.ResponseWriter, lang string, https bool) {
	http.SetCookie(w, &http.Cookie{Name: Cookie, Value: lang, Path: "/", MaxAge: 365 * 24 * 3600,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: https})
}

func known(lang string) bool { return lang == Chinese || lang == English }
