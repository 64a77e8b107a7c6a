package page

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"jali/connectors"
)

// What a source tells and how far it goes stands on its card, in plain words.
func TestSourcesSayHowFarTheyGo(t *testing.T) {
	h := newHouse(t)
	for lang, words := range map[string][]string{
		"zh-CN": {"可读：余额、账单、对账单", "账单可回溯 90 天", "一次最多问 31 天，更长的分几次问", "你不在时，每天最多读 4 次", "30 天没有人读就删除"},
		"en":    {"Tells: Balances, Bills, Statements", "Bills reach back 90 days", "Tells 31 days in one go", "While you are away it may be read 4 times a day", "read them for 30 days"},
	} {
		body := h.get(t, "/sources", "in", lang).Body.String()
		for _, w := range words {
			if n := strings.Count(body, w); n != 1 {
				t.Errorf("%s: %q stands there %d times, want once", lang, w, n)
			}
		}
	}
}

// Who looks at their own page is there, and their sources may know how.
func TestWhoLooksIsPresent(t *testing.T) {
	h := newHouse(t)
	h.get(t, "/", "in", "en")
	if got := h.accounts.present; got.IP.String() != "192.0.2.1" || !got.Since.Equal(lin.At) { // httptest's
		t.Errorf("the sources are told %+v", got)
	}
	for address, want := range map[string]string{
		"203.0.113.25:4711":          "203.0.113.25",
		"[2001:db8::7]:4711":         "2001:db8::7",
		"[::ffff:203.0.113.25]:4711": "203.0.113.25",
		"nowhere":                    "",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = address
		r.Header.Set("User-Agent", "Mozilla/5.0")
		p, ok := connectors.PresenceOf(present(r, lin).Context())
		var ip netip.Addr
		if want != "" {
			ip = netip.MustParseAddr(want)
		}
		if !ok || p.IP != ip || p.UserAgent != "Mozilla/5.0" || !p.Since.Equal(lin.At) {
			t.Errorf("from %s: %+v, %v", address, p, ok)
		}
	}
}
