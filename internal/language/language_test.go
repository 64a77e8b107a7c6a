package language_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"jali/internal/language"
)

func TestOf(t *testing.T) {
	for _, tt := range []struct{ accept, cookie, want string }{
		{"", "", "zh-CN"},
		{"en-GB,en;q=0.9", "", "en"},
		{"fr, en;q=0.5, zh;q=0.8", "", "zh-CN"},
		{"zh-TW", "", "zh-CN"}, // nearer than English
		{"en;q=0, zh", "", "zh-CN"},
		{"en;q=x", "", "zh-CN"},
		{"de", "", "zh-CN"},
		{"zh", "en", "en"},                               // the switch wins
		{"en", "xx", "en"},                               // a cookie of nothing we have
		{strings.Repeat("x,", 5000) + "en", "", "zh-CN"}, // not read to its end
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Language", tt.accept)
		if tt.cookie != "" {
			r.Header.Set("Cookie", language.Cookie+"="+tt.cookie)
		}
		if got := language.Of(r); got != tt.want {
			t.Errorf("Of(%.20q, %q) = %s, want %s", tt.accept, tt.cookie, got, tt.want)
		}
	}
}

func FuzzAccepted(f *testing.F) {
	f.Add("en;q=0.5,zh")
	f.Fuzz(func(t *testing.T, s string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Language", s)
		if l := language.Accepted(r.Header); l != "zh-CN" && l != "en" && l != "" {
			t.Errorf("Accepted = %q", l)
		}
	})
}

func TestAccepted(t *testing.T) {
	for _, tt := range []struct{ accept, want, why string }{
		{"", "", "who says nothing"},
		{"zh-CN,zh;q=0.9,en;q=0.8", "zh-CN", "a browser in China"},
		{"en;q=0.1, ZH-hant ; q=0.2", "zh-CN", "whatever comes first, and in whatever case"},
		{"zh,en", "zh-CN", "of equals the first"},
		{"en,zh", "en", "of equals the first"},
		{"fr, zh;q=0.1", "zh-CN", "the one of the two that is wanted at all"},
		{"zh;q=0", "", "refused"},
		{"en;q=0, *", "zh-CN", "any but English"},
		{"*", "", "any"},
		{"zh;q=0.5, *;q=0.6", "en", "English is among the others, and they weigh more"},
		{"zh;q=2", "", "no quality"},
		{"zh;q=NaN", "", "no quality"},
		{strings.Repeat("fr,", 40) + "zh", "", "after too many others it is not read"},
	} {
		if got := language.Accepted(http.Header{"Accept-Language": {tt.accept}}); got != tt.want {
			t.Errorf("Accepted(%q) = %q, want %q: %s", tt.accept, got, tt.want, tt.why)
		}
	}
	if got := language.Accepted(http.Header{"Accept-Language": {"fr", "zh"}}); got != language.Chinese {
		t.Errorf("two headers are one list (RFC 9110, section 5.3); got %q", got)
	}
}
