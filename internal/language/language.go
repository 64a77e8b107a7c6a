// Package language decides in which of Jali's two languages somebody is
// answered: what they switched to, or else what their program prefers most.
// It holds no text.
package language

import (
	"net/http"
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

// maxWishes is how many languages of a request are looked at.
const maxWishes = 32

// Accepted answers which language Accept-Language prefers (RFC 9110, section
// 12.5.4), the first of equals; or nothing where it names neither, or both are
// as good as any other.
func Accepted(h http.Header) string {
	weights := map[string]float64{}
	wishes := strings.Split(strings.Join(h.Values("Accept-Language"), ","), ",")
	for i, wish := range wishes[:min(len(wishes), maxWishes)] {
		tag, params, _ := strings.Cut(strings.TrimSpace(wish), ";")
		lang := Named(strings.TrimSpace(tag))
		if lang == "" {
			lang = strings.TrimSpace(tag) // *, or one that nobody looks up
		}
		weight := quality(params) - float64(i)/1e6 // a quality has three decimals at most
		if old, again := weights[lang]; !again || weight > old {
			weights[lang] = weight
		}
	}
	of := func(lang string) float64 {
		if weight, named := weights[lang]; named {
			return weight
		}
		return weights["*"]
	}
	switch zh, en := of(Chinese), of(English); {
	case zh > 0 && zh > en:
		return Chinese
	case en > 0 && en > zh:
		return English
	}
	return ""
}

// quality is the weight of a wish (RFC 9110, section 12.4.2); one that cannot be
// read is none.
func quality(params string) float64 {
	name, value, ok := strings.Cut(strings.TrimSpace(params), "=")
	if !ok {
		return 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if !strings.EqualFold(strings.TrimSpace(name), "q") || err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
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
