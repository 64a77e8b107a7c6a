package problems_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"jali/openapi/problems"
)

func hasHan(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

func TestEveryEntryIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range problems.All() {
		if seen[e.Code] {
			t.Errorf("%s stands here twice", e.Code)
		}
		seen[e.Code] = true
		if !regexp.MustCompile(`^[a-z0-9_]+$`).MatchString(e.Code) || e.Owner == "" || len(e.Met) == 0 {
			t.Errorf("%s: owner %q, met at %v", e.Code, e.Owner, e.Met)
		}
		for part, text := range map[string]problems.Name{"title": e.Title, "meaning": e.Meaning, "remedy": e.Remedy} {
			if !hasHan(text.ZH) || text.EN == "" || hasHan(text.EN) {
				t.Errorf("the %s of %s is not in both languages: %q, %q", part, e.Code, text.ZH, text.EN)
			}
			if ends := strings.HasSuffix(text.EN, "."); ends == (part == "title") {
				t.Errorf("the %s of %s ends wrongly: %q", part, e.Code, text.EN)
			}
			if ends := strings.HasSuffix(text.ZH, "。"); ends == (part == "title") {
				t.Errorf("the Chinese %s of %s ends wrongly: %q", part, e.Code, text.ZH)
			}
		}
	}
}

func TestLanguage(t *testing.T) {
	for _, tt := range []struct{ accept, want, why string }{
		{"", "en", "who says nothing is a program"},
		{"zh-CN,zh;q=0.9,en;q=0.8", "zh", "a browser in China"},
		{"en-GB,en;q=0.9,zh;q=0.8", "en", "the higher quality counts"},
		{"en;q=0.1, ZH-hant ; q=0.2", "zh", "whatever comes first, and in whatever case"},
		{"zh,en", "zh", "of equals the first"},
		{"en,zh", "en", "of equals the first"},
		{"fr, de;q=0.9", "en", "neither"},
		{"fr, zh;q=0.1", "zh", "the one of the two that is wanted at all"},
		{"zh;q=0", "en", "refused"},
		{"en;q=0, *", "zh", "any but English"},
		{"*", "en", "any"},
		{"zh;q=0.5, *;q=0.6", "en", "English is among the others, and they weigh more"},
		{"zh;q=2", "en", "no quality"},
		{"zh;q=NaN", "en", "no quality"},
		{"zh;level=1", "en", "no quality"},
		{strings.Repeat("fr,", 40) + "zh", "en", "after too many others it is not read"},
	} {
		if got := problems.Language(http.Header{"Accept-Language": {tt.accept}}); got != tt.want {
			t.Errorf("Language(%q) = %s, want %s: %s", tt.accept, got, tt.want, tt.why)
		}
	}
	if got := problems.Language(http.Header{"Accept-Language": {"fr", "zh"}}); got != "zh" {
		t.Errorf("two headers are one list (RFC 9110, section 5.3); got %s", got)
	}
}

func FuzzLanguage(f *testing.F) {
	f.Add("zh-CN,zh;q=0.9,*;q=0.1")
	f.Fuzz(func(t *testing.T, accept string) {
		if l := problems.Language(http.Header{"Accept-Language": {accept}}); l != "zh" && l != "en" {
			t.Errorf("%q", l)
		}
	})
}
