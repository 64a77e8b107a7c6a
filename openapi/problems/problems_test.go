package problems_test

import (
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
		if problem := (e.At(problems.Data) || e.At(problems.Sandbox)) && e.Code != "internal"; problem != (e.Detail != "") {
			t.Errorf("%s: detail %q, met at %v", e.Code, e.Detail, e.Met)
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
