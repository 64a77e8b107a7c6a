package page

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"jali/internal/aggregate"
)

func byAttr(name, value string) func(*html.Node) bool {
	return func(n *html.Node) bool { return attr(n, name) == value }
}

// fields are what a form sends as it stands.
func fields(form *html.Node) url.Values {
	q := url.Values{}
	walk(form, func(n *html.Node) {
		if n.Data == "input" && attr(n, "name") != "" {
			q.Set(attr(n, "name"), attr(n, "value"))
		}
	})
	return q
}

// A person decides pair by pair, sees what they have said, and takes it back,
// all by plain forms.
func TestPairsAreDecidedOneByOne(t *testing.T) {
	h := newHouse(t)
	page := func() string { return h.get(t, "/duplicates", "in", "en").Body.String() }
	pairs := func() []*html.Node {
		return find(t, page(), func(n *html.Node) bool { return n.Data == "article" && attr(n, "data-link") != "" })
	}
	before := pairs()
	if len(before) != 3 { // one of the four is of a bill that is not in the look
		t.Fatalf("%d pairs, want 3", len(before))
	}
	for _, s := range []string{"probably (about 74 %)", "amounts ¥0.11 apart", "8 days apart", "the same name", "Did the first give the second back?"} {
		if !strings.Contains(page(), s) {
			t.Errorf("the page does not say %q", s)
		}
	}
	var forms []*html.Node
	walk(before[1], func(n *html.Node) {
		if n.Data == "form" {
			forms = append(forms, n)
		}
	})
	if len(forms) != 2 || fields(forms[0]).Get("said") != "yes" || fields(forms[1]).Get("said") != "no" || fields(forms[0]).Get("link") != "refund" {
		t.Fatalf("a pair's forms: %v", forms)
	}
	w := h.post(t, attr(forms[1], "action"), fields(forms[1]))
	if w.Code != 303 || w.Header().Get("Location") != "/duplicates?done=decided" {
		t.Fatalf("deciding: %d to %q", w.Code, w.Header().Get("Location"))
	}
	if got := h.accounts.said; len(got) != 1 || got[0].Yes || got[0].Link != "refund" {
		t.Errorf("what was said: %+v", got)
	}
	if after := pairs(); len(after) != 2 || attr(after[1], "data-sure") == "48" {
		t.Errorf("%d pairs are left, want the other 2", len(after))
	}
	undo := find(t, page(), byAttr("action", "/duplicates/undo"))
	if len(undo) != 1 || !strings.Contains(page(), "Not a refund of the second") {
		t.Fatalf("%d decisions can be taken back, want 1", len(undo))
	}
	if w = h.post(t, "/duplicates/undo", fields(undo[0])); w.Code != 303 || len(h.accounts.said) != 0 || len(pairs()) != 3 {
		t.Errorf("taking it back: %d, %v", w.Code, h.accounts.said)
	}

	good := fields(forms[0])
	for why, change := range map[string][2]string{
		"no word": {"said", ""}, "another word": {"said", "maybe"}, "no link": {"link", ""}, "another link": {"link", "twin"},
		"no bill": {"a", ""}, "a bill and itself": {"a", good.Get("b")},
	} {
		q := url.Values{}
		for k := range good {
			q.Set(k, good.Get(k))
		}
		q.Set(change[0], change[1])
		if w := h.post(t, "/duplicates/decide", q); w.Code != 400 || len(h.accounts.said) != 0 {
			t.Errorf("%s: %d", why, w.Code)
		}
	}
	good.Set("a", "foreign")
	if w := h.post(t, "/duplicates/decide", good); w.Code != 404 {
		t.Errorf("somebody else's bill: %d", w.Code)
	}
}

func TestHomeSaysWhatWaitsAndWhatLacks(t *testing.T) {
	h := newHouse(t)
	for lang, words := range map[string][]string{
		"en":    {"4 pairs of bills may belong together", "Between 21 Sept 2026 and 18 Oct 2026, the bills of Jiangnan Bank 储蓄卡 ···1234 and its balances differ by ¥12.50.", "1 stretch does not add up"},
		"zh-CN": {"有 4 对账单可能是同一回事", "2026年9月21日 至 2026年10月18日 之间，江南银行 储蓄卡 ···1234 的账单与余额相差 ¥12.50。", "有 1 段对不上"},
	} {
		body := h.get(t, "/", "in", lang).Body.String()
		for _, s := range words {
			if !strings.Contains(body, strings.ReplaceAll(s, "Sept", "Sep")) {
				t.Errorf("%s: home does not say %q", lang, s)
			}
		}
		if n := find(t, body, byAttr("data-gap", "ac_4")); len(n) != 1 || !strings.Contains(inner(n[0]), `href="/upload"`) {
			t.Errorf("%s: the gap does not lead to the upload", lang)
		}
	}
}

// Somebody with many gaps is not met by a wall of them.
func TestHomeNamesTheNewestGaps(t *testing.T) {
	h := newHouse(t)
	for day := range 9 {
		h.accounts.gaps = append(h.accounts.gaps, aggregate.Gap{Account: "ac_1", From: now.AddDate(0, 0, -40-day), To: now.AddDate(0, 0, -39-day), Missing: cny(100)})
	}
	body := h.get(t, "/", "in", "en").Body.String()
	if n := find(t, body, byAttr("data-gap", "ac_1")); len(n) != gapsOnHome-1 && len(n) != gapsOnHome || !strings.Contains(body, "5 more stretches do not add up") {
		t.Errorf("%d gaps of ten stand on home", len(n))
	}
	if n := find(t, h.get(t, "/sums", "in", "en").Body.String(), byAttr("data-gap", "ac_1")); len(n) != 9 {
		t.Errorf("%d gaps of nine stand with the sums", len(n))
	}
}

func TestBillsTellAllThatIsKnown(t *testing.T) {
	h := newHouse(t)
	look, _ := h.accounts.Own(t.Context(), lin, now, now)
	bill := func(i int) string {
		t.Helper()
		n := find(t, h.get(t, "/?month="+look.Bills[i].At.In(shanghai).Format("2006-01")+"&bill="+look.Bills[i].ID, "in", "en").Body.String(), byAttr("data-bill", look.Bills[i].ID))
		if len(n) != 1 {
			t.Fatalf("bill %d stands there %d times", i, len(n))
		}
		return inner(n[0])
	}
	for i, words := range map[int][]string{
		2:  {"Also in Jiangnan Bank 储蓄卡 ···1234, counted once", "Also seen by", "支付宝-老陈面馆"},
		10: {"Filed by you", "Take my correction back"},
		11: {"Filed as you filed this shop", "learnt from what you said"},
		12: {"Paid from several pots", "余额宝&amp;花呗金", "found by Jali"},
		13: {`data-loan="investment"`, "Lenders usually forbid that", "Borrowed before: 借呗", "no bank, no app and no lender is told"},
		14: {`data-loan="loan"`, "Then bought: 沪深三百指数基金"},
		16: {"2026000011112222", "M-7", "the source calls it “支付宝担保交易”"},
	} {
		got := bill(i)
		for _, s := range words {
			if !strings.Contains(got, s) {
				t.Errorf("bill %d does not say %q", i, s)
			}
		}
	}
	if got := bill(12); strings.Contains(got, "Take my correction back") || strings.Contains(got, "data-loan") {
		t.Error("a bill nobody corrected and nobody borrowed for says so")
	}
	body := h.get(t, "/?q=m2", "in", "en").Body.String()
	if strings.Contains(body, `id="bill-m2"`) {
		t.Error("a mirror that is folded stands by itself")
	}
	if n := find(t, h.get(t, "/?month=2026-11&bill=m2", "in", "en").Body.String(), byAttr("data-bill", "b2")); len(n) != 1 {
		t.Error("asked for a mirror, home does not show the bill it is folded into")
	}
}

// Doubt is said only where there is some: a sure link needs no percentage.
func TestOnlyDoubtIsSaid(t *testing.T) {
	for sure, want := range map[int]bool{0: false, 60: true, 89: true, 90: false, 100: false} {
		b := beside{}
		if b.Sure = sure; b.Doubted() != want {
			t.Errorf("at %d %% Doubted = %v", sure, !want)
		}
	}
}

func TestCorrectionComesBackToItsPlace(t *testing.T) {
	h := newHouse(t)
	body := h.get(t, "/?month=2026-11&page=1", "in", "en").Body.String()
	forms := find(t, body, byAttr("action", "/bills/category"))
	if len(forms) == 0 {
		t.Fatal("no bill can be corrected")
	}
	q := fields(forms[0])
	if q.Get("next") != "/?month=2026-11" {
		t.Errorf("the correction would come back to %q", q.Get("next"))
	}
	q.Set("category", "travel")
	w := h.post(t, "/bills/category", q)
	if to := w.Header().Get("Location"); w.Code != 303 || to != "/?done=filed&month=2026-11#bills" || h.accounts.filed[q.Get("bill")] != "travel" {
		t.Errorf("corrected: %d to %q, %v", w.Code, to, h.accounts.filed)
	}
	if body = h.get(t, "/?done=filed&month=2026-11", "in", "en").Body.String(); !strings.Contains(body, "Filed. Other bills of this shop follow") {
		t.Error("nothing says that it was done")
	}
	q.Set("back", "yes")
	if w = h.post(t, "/bills/category", q); w.Code != 303 || h.accounts.filed[q.Get("bill")] != "" {
		t.Errorf("taken back: %d, %v", w.Code, h.accounts.filed)
	}
	for why, tt := range map[string]struct {
		form url.Values
		want int
	}{
		"nothing chosen":       {url.Values{"bill": {"b1"}, "category": {""}}, 400},
		"somebody else's bill": {url.Values{"bill": {"foreign"}, "category": {"travel"}}, 404},
		"back to elsewhere":    {url.Values{"bill": {"b1"}, "category": {"travel"}, "next": {"//evil.example"}}, 303},
	} {
		w := h.post(t, "/bills/category", tt.form)
		if w.Code != tt.want || strings.Contains(w.Header().Get("Location"), "evil") {
			t.Errorf("%s: %d to %q", why, w.Code, w.Header().Get("Location"))
		}
	}
}

// Each plot has a table behind it, for those who do not see it, and the two
// tell the same.
func TestSumsStandInTables(t *testing.T) {
	h := newHouse(t)
	body := h.get(t, "/sums", "in", "en").Body.String()
	for _, table := range []string{"month", "category", "source", "shop", "worth"} {
		if n := find(t, body, byAttr("data-sums", table)); len(n) == 0 {
			t.Errorf("no table by %s", table)
		}
	}
	for _, s := range []string{"¥270,000.00", "¥22,500.00", ">partly<", "without 3 accounts", "All others", "Jiangnan Bank: some of its bills only", "Rent", "$19.99", "nothing converted"} {
		if !strings.Contains(body, s) {
			t.Errorf("the page does not say %q", s)
		}
	}
	if n := find(t, body, byAttr("data-gap", "ac_4")); len(n) != 1 {
		t.Error("the sums do not say what lacks in them")
	}
	if n := find(t, body, func(n *html.Node) bool { return attr(n, "data-currency") != "" }); len(n) != 2 || attr(n[0], "data-currency") != "CNY" {
		t.Errorf("%d currencies, want CNY and USD", len(n))
	}
	if plots := find(t, body, func(n *html.Node) bool { return attr(n, "data-plot") != "" }); len(plots) != 5 {
		t.Errorf("%d plots, want 3 of CNY and 2 of USD", len(plots))
	}
	h.get(t, "/sums?year=2025", "in", "en")
	if from, to := h.accounts.asked[0], h.accounts.asked[1]; from.Format("2006-01-02") != "2025-01-01" || to.Format("2006-01-02") != "2026-01-01" {
		t.Errorf("2025 is %s to %s", from, to)
	}
	h.get(t, "/sums?year=1999", "in", "en")
	if from, to := h.accounts.asked[0], h.accounts.asked[1]; from.Format("2006-01-02") != "2025-12-01" || to.Format("2006-01-02") != "2026-11-22" {
		t.Errorf("a year without bills is %s to %s, want the last twelve months", from, to)
	}
	years := find(t, body, func(n *html.Node) bool { return strings.HasPrefix(attr(n, "href"), "/sums?year=") })
	if got := len(years); got != 3 || !slices.ContainsFunc(years, byAttr("href", "/sums?year=2024")) { // an imported file begins in 2024
		t.Errorf("%d years can be chosen, want 2026, 2025 and 2024", got)
	}
}

func TestNoLookIsSaidWhereItIsWaitedFor(t *testing.T) {
	h := newHouse(t)
	h.accounts.down = errOut
	for _, path := range []string{"/sums", "/duplicates"} {
		if w := h.get(t, path, "in", "en"); w.Code != 200 || len(find(t, w.Body.String(), byID("no-look"))) != 1 {
			t.Errorf("%s without a look: %d", path, w.Code)
		}
	}
}
