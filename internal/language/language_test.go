package language_test

import (
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
