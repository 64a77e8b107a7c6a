package page

import (
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/connectors"
	"jali/internal/aggregate"
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

// A wallet that keeps years is not told of in thousands of days.
func TestLongHistoriesAreToldInYears(t *testing.T) {
	for days, want := range map[int]string{90: "账单可回溯 90 天", 730: "账单可回溯 730 天", 2190: "账单可回溯约 6 年"} {
		o := aggregate.Offer{Source: connectors.Source{History: time.Duration(days) * 24 * time.Hour}}
		if got := newCatalog(t, "zh-CN").facts(o); !slices.Contains(got, want) {
			t.Errorf("%d days are told as %q", days, got)
		}
	}
}

func TestCodesAreNoTitles(t *testing.T) {
	for raw, want := range map[string]string{"S22/01": "", "商户手续费": "商户手续费", "差错/E74": "差错/E74", "/": ""} {
		if got := title(aggregate.OwnBill{Bill: connectors.Bill{RawKind: raw, Description: " / "}}); got != want {
			t.Errorf("a bill of kind %q is titled %q, want %q", raw, got, want)
		}
	}
}
