package page

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/audit"
	"jali/internal/kv"
)

// find answers the elements that match, in order.
func find(t *testing.T, body string, match func(*html.Node) bool) []*html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var found []*html.Node
	walk(doc, func(n *html.Node) {
		if match(n) {
			found = append(found, n)
		}
	})
	return found
}

func byID(id string) func(*html.Node) bool {
	return func(n *html.Node) bool { return attr(n, "id") == id }
}

func TestYesAndNoWeighTheSame(t *testing.T) {
	h := newHouse(t)
	h.post(t, "/consent/gr_ask/prepare", url.Values{"account": {"ac_1"}})
	for path, ids := range map[string][2]string{
		"/consent/gr_ask":         {"refuse", "agree"},
		"/consent/gr_ask/confirm": {"refuse", "give-device"},
	} {
		body := h.get(t, path, "in", "zh-CN").Body.String()
		var class, text [2]string
		for i, id := range ids {
			n := find(t, body, byID(id))
			if len(n) != 1 {
				t.Fatalf("%s: %d elements with id %s", path, len(n), id)
			}
			class[i], text[i] = attr(n[0], "class"), n[0].FirstChild.Data
		}
		if class[0] != class[1] || class[0] == "" {
			t.Errorf("%s: %s has class %q, %s has %q", path, ids[0], class[0], ids[1], class[1])
		}
		if text != [2]string{"拒绝", "同意"} {
			t.Errorf("%s: the buttons say %v", path, text)
		}
	}
}

func TestNoAccountIsTicked(t *testing.T) {
	h := newHouse(t)
	ticks := func(path string) (ids []string) {
		for _, n := range find(t, h.get(t, path, "in", "").Body.String(), func(n *html.Node) bool { return attr(n, "name") == "account" }) {
			if slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "checked" }) {
				t.Errorf("%s: %s is ticked", path, attr(n, "value"))
			}
			ids = append(ids, attr(n, "value"))
		}
		return ids
	}
	if got := ticks("/consent/gr_ask"); len(got) != 5 {
		t.Errorf("a request for any source offers %v", got)
	}
	if got := ticks("/consent/gr_narrow"); fmt.Sprint(got) != "[ac_1 ac_2 ac_3]" {
		t.Errorf("a request for Alipay and the harbour offers %v", got)
	}
	body := h.get(t, "/consent/gr_narrow", "in", "en").Body.String()
	if !strings.Contains(body, `id="connect-harbour_bank"`) || strings.Contains(body, `id="connect-jiangnan_bank"`) {
		t.Error("what can be connected is not what was asked for and is missing")
	}
}

func TestConsentFromAskToClient(t *testing.T) {
	h := newHouse(t)
	w := h.post(t, "/consent/gr_ask/prepare", url.Values{"narrow": {"1"}, "account": {"ac_1", "ac_4"}, "datatype": {"balances", "bills"}, "fields": {"minimal"},
		"from": {"2026-10-05"}, "to": {"2026-10-31"}, "uses": {"total:1"}, "until": {"2026-11-30"}})
	if w.Code != 303 || w.Header().Get("Location") != "/consent/gr_ask/confirm" {
		t.Fatalf("%d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	want := consent.Choice{Accounts: []consent.AccountID{"ac_1", "ac_4"}, Datatypes: []consent.Datatype{"balances", "bills"}, Fields: consent.Minimal,
		Period: consent.Period{From: "2026-10-05", To: "2026-10-31"}, Uses: consent.Uses{Limit: 1}, Until: time.Date(2026, 11, 30, 23, 59, 59, 0, consent.Shanghai)}
	if fmt.Sprint(h.grants.chosen) != fmt.Sprint(want) {
		t.Errorf("chosen %+v, want %+v", h.grants.chosen, want)
	}
	if len(h.grants.offered) != 5 {
		t.Errorf("offered %v", h.grants.offered)
	}
	body := h.get(t, "/consent/gr_ask/confirm", "in", "en").Body.String()
	for _, s := range []string{"Once", "5 Oct 2026 to 31 Oct 2026", "30 Nov 2026 23:59", "data-account=\"ac_4\"", "MJ3K", `"challenge":"c2lnbmVk"`} {
		if !strings.Contains(body, s) {
			t.Errorf("what is signed does not show %q", s)
		}
	}
	for _, s := range []string{"Statements", `data-account="ac_2"`} {
		if strings.Contains(body, s) {
			t.Errorf("what is signed shows %q, which was narrowed away", s)
		}
	}
	if w = h.do(t, "POST", "/consent/gr_ask/give", ask{as: "in", json: `{"response":"no"}`}); w.Code != 403 || !strings.Contains(w.Body.String(), `"code":"passkey_wrong"`) {
		t.Errorf("a wrong passkey: %d %s", w.Code, w.Body)
	}
	w = h.do(t, "POST", "/consent/gr_ask/give", ask{as: "in", json: `{"response":"yes"}`})
	if w.Code != 200 || w.Body.String() != `{"next":"/oauth/finish?grant=gr_ask\u0026ticket=tick%26t"}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, bad := range []string{`{}x`, `{"response":"yes","more":1}`, `[`, ``} {
		if w = h.do(t, "POST", "/consent/gr_ask/give", ask{as: "in", json: bad + " "}); w.Code != 400 {
			t.Errorf("%q: %d", bad, w.Code)
		}
	}
}

// TestWhatStaysAsAskedIsLeftUnset: sent back as it stood, the form narrows nothing.
func TestWhatStaysAsAskedIsLeftUnset(t *testing.T) {
	h := newHouse(t)
	h.post(t, "/consent/gr_ask/prepare", url.Values{"narrow": {"1"}, "account": {"ac_1"}, "datatype": {"balances", "bills", "statements"}, "fields": {"standard"},
		"from": {"2026-10-01"}, "to": {"2026-10-31"}, "uses": {"day:4"}, "until": {"2026-12-21"}})
	if h.grants.pending == nil || fmt.Sprint(h.grants.pending.Terms) != fmt.Sprint(asked) {
		t.Errorf("agreed %+v, asked %+v", h.grants.pending, asked)
	}
}

func TestChoicesThatCannotBe(t *testing.T) {
	for why, form := range map[string]url.Values{
		"no account":           {"account": nil},
		"no datatype":          {"datatype": nil},
		"a foreign account":    {"account": {"ac_1", "ac_evil"}},
		"more uses":            {"uses": {"day:5"}},
		"uses that are none":   {"uses": {"week:1"}},
		"no number":            {"uses": {"day:many"}},
		"a wider period":       {"from": {"2026-09-01"}},
		"a period backwards":   {"from": {"2026-10-31"}, "to": {"2026-10-01"}},
		"no date":              {"until": {"tomorrow"}},
		"a later end":          {"until": {"2027-01-01"}},
		"an end in the past":   {"until": {"2026-11-01"}},
		"more of each bill":    {"fields": {"full"}},
		"a datatype not asked": {"datatype": {"balances", "secrets"}},
	} {
		t.Run(why, func(t *testing.T) {
			h := newHouse(t)
			whole := url.Values{"narrow": {"1"}, "account": {"ac_1"}, "datatype": {"balances"}, "from": {"2026-10-02"}, "to": {"2026-10-31"}, "uses": {"day:2"}, "until": {"2026-11-30"}}
			for k, v := range form {
				whole[k] = v
			}
			w := h.post(t, "/consent/gr_ask/prepare", whole)
			if w.Code != 400 || !strings.Contains(w.Body.String(), `id="consent-wrong"`) || h.grants.pending != nil {
				t.Errorf("%d, pending %v", w.Code, h.grants.pending)
			}
		})
	}
}

func TestConfirmWithoutAnAgreementGoesBack(t *testing.T) {
	h := newHouse(t)
	back := func(why string) {
		t.Helper()
		if w := h.get(t, "/consent/gr_ask/confirm", "in", ""); w.Code != 303 || w.Header().Get("Location") != "/consent/gr_ask" {
			t.Errorf("%s: %d to %q", why, w.Code, w.Header().Get("Location"))
		}
	}
	back("nothing prepared")
	h.post(t, "/consent/gr_ask/prepare", url.Values{"account": {"ac_1"}})
	h.grants.pending.Until = now
	back("lapsed")
	h.grants.pending.Until = now.Add(time.Minute)
	h.grants.pending.Accounts = []consent.AccountID{"ac_1", "ac_gone"}
	back("an account was disconnected meanwhile")
}

func TestRefuseReturnsFromAPageOfOurs(t *testing.T) {
	h := newHouse(t)
	w := h.post(t, "/consent/gr_ask/refuse", nil)
	if w.Code != 303 || w.Header().Get("Location") != "/consent/gr_ask/return?ticket=tick%26t" {
		t.Fatalf("%d to %q", w.Code, w.Header().Get("Location"))
	}
	w = h.get(t, w.Header().Get("Location"), "in", "")
	refresh := find(t, w.Body.String(), func(n *html.Node) bool { return attr(n, "http-equiv") == "refresh" })
	if len(refresh) != 1 || attr(refresh[0], "content") != "0; url=/oauth/finish?grant=gr_ask&ticket=tick%26t" {
		t.Errorf("%d, %s", w.Code, w.Body)
	}
}

func TestConnectAndComeBack(t *testing.T) {
	h := newHouse(t)
	w := h.post(t, "/sources/alipay/connect", url.Values{"next": {"/consent/gr_ask"}})
	want := "http://127.0.0.1:8070/alipay/authorize?state=abc&redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fconnect%2Freturn"
	link := find(t, w.Body.String(), byID("depart"))
	refresh := find(t, w.Body.String(), func(n *html.Node) bool { return attr(n, "http-equiv") == "refresh" })
	if w.Code != 200 || len(link) != 1 || attr(link[0], "href") != want || len(refresh) != 1 || attr(refresh[0], "content") != "0; url="+want {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	back := w.Result().Cookies()
	if len(back) != 1 || !back[0].HttpOnly {
		t.Fatalf("cookies %v", back)
	}
	for cookie, to := range map[string]string{back[0].Name + "=" + back[0].Value: "/consent/gr_ask", "": "/sources?done=connected", "jali_back=//evil.example": "/sources?done=connected"} {
		w = h.do(t, "GET", "/connect/return?code=x&state=abc", ask{header: map[string]string{"Cookie": "session=in; " + cookie}})
		if w.Code != 303 || w.Header().Get("Location") != to {
			t.Errorf("with %q: %d to %q, want %q", cookie, w.Code, w.Header().Get("Location"), to)
		}
	}
	if w = h.post(t, "/sources/nowhere/connect", nil); w.Code != 404 {
		t.Errorf("an unknown source: %d", w.Code)
	}
}

func TestUpload(t *testing.T) {
	h := newHouse(t)
	token := h.passkeys.CSRF(lin)
	w := h.uploadFile(t, token, "other", "en")
	box := find(t, w.Body.String(), byID("accept-mismatch"))
	if w.Code != 200 || len(box) != 1 || !strings.Contains(inner(box[0]), "required") {
		t.Errorf("a file with problems: %d, a box to tick: %v", w.Code, box)
	}
	for _, s := range []string{"The sum for money out differs", "¥62,200.50", "1210 rows", "cannot be read", "Alipay", "app export (2023)", "1204 rows", "12 of them"} {
		if !strings.Contains(w.Body.String(), s) {
			t.Errorf("the preview does not say %q", s)
		}
	}
	if w = h.uploadFile(t, token, "clean", "en"); len(find(t, w.Body.String(), byID("accept-mismatch"))) != 0 {
		t.Error("a file that agrees with itself wants a yes to its problems")
	}
	if w = h.uploadFile(t, token, "damaged", "en"); w.Code != 400 || !strings.Contains(w.Body.String(), "Line 17, column “金额”") {
		t.Errorf("a damaged file: %d", w.Code)
	}
	if w = h.uploadFile(t, token, strings.Repeat("x", maxUpload), "en"); w.Code != 413 && w.Code != 400 {
		t.Errorf("a file beyond the limit: %d", w.Code)
	}
	if w = h.post(t, "/upload/up_1/accept", nil); w.Code != 409 || len(h.accounts.deeds) != 0 {
		t.Errorf("accepted without a yes: %d", w.Code)
	}
	w = h.post(t, "/upload/up_1/accept", url.Values{"accept_mismatch": {"yes"}, "next": {"/consent/gr_ask"}})
	if w.Code != 303 {
		t.Fatalf("accept: %d", w.Code)
	}
	w = h.get(t, w.Header().Get("Location"), "in", "en")
	if !strings.Contains(w.Body.String(), "1192 new bills") || !strings.Contains(w.Body.String(), `href="/consent/gr_ask"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, q := range []string{"source=evil&rows=1", "source=alipay&rows=1&known=2", "source=alipay&rows=-1"} {
		if w = h.get(t, "/upload/done?"+q, "in", ""); w.Code != 404 {
			t.Errorf("made-up result %s: %d", q, w.Code)
		}
	}
}

func TestHomeCountsAMirroredBillOnce(t *testing.T) {
	h := newHouse(t)
	body := h.get(t, "/", "in", "en").Body.String()
	if n := find(t, body, func(n *html.Node) bool { return attr(n, "data-bill") == "m2" }); len(n) != 0 {
		t.Error("the mirror stands by itself")
	}
	twin := find(t, body, func(n *html.Node) bool { return attr(n, "data-bill") == "b2" })
	if len(twin) != 1 || !strings.Contains(inner(twin[0]), "Also in Jiangnan Bank 储蓄卡 ···1234, counted once") {
		t.Error("the counted bill does not say where else it stands")
	}
	for _, s := range []string{"¥151,588.33", "120 bills", "Jiangnan Bank did not answer", "up to 12 Nov 2026"} {
		if !strings.Contains(body, s) {
			t.Errorf("home does not say %q", s)
		}
	}
	// without its counted twin in the look, a mirror is a bill of its own
	l, _ := h.accounts.Own(t.Context(), lin, now, now)
	l.Bills = slices.DeleteFunc(l.Bills, func(b aggregate.OwnBill) bool { return b.ID == "b2" })
	if rows := foldBills(l.Bills, nil); !slices.ContainsFunc(rows, func(b billRow) bool { return b.ID == "m2" }) {
		t.Error("a mirror without its twin is gone")
	}
}

func TestHomeFilter(t *testing.T) {
	h := newHouse(t)
	bills := func(path string) int {
		t.Helper()
		return len(find(t, h.get(t, path, "in", "en").Body.String(), func(n *html.Node) bool { return attr(n, "data-bill") != "" }))
	}
	for _, tt := range []struct {
		path string
		want int
	}{
		{"/", 50}, {"/?page=3", 20}, {"/?page=99", 20}, {"/?page=-1", 50}, {"/?q=临江", 1}, {"/?q=SALARY", 1}, {"/?q=nothing+here", 0},
		{"/?source=jiangnan_bank", 1}, {"/?source=evil", 50}, {"/?source=wechatpay", 0},
	} {
		if got := bills(tt.path); got != tt.want {
			t.Errorf("%s shows %d bills, want %d", tt.path, got, tt.want)
		}
	}
	for path, want := range map[string][2]string{
		"/":               {"2026-08-24", "2026-11-22"},
		"/?month=2026-02": {"2026-02-01", "2026-03-01"},
		"/?month=2024-06": {"2024-06-01", "2024-07-01"}, // as far back as the imported file
		"/?month=2019-01": {"2026-08-24", "2026-11-22"},
		"/?month=x":       {"2026-08-24", "2026-11-22"},
	} {
		h.get(t, path, "in", "")
		if got := [2]string{h.accounts.asked[0].Format(time.DateOnly), h.accounts.asked[1].Format(time.DateOnly)}; got != want {
			t.Errorf("%s asks for %v, want %v", path, got, want)
		}
	}
}

func TestPlotsSumWhatIsCounted(t *testing.T) {
	h := newHouse(t)
	look, _ := h.accounts.Own(t.Context(), lin, now, now)
	words := newCatalog(t, "en")
	f := readFilter(url.Values{}, now, nil)
	var want [2]int64
	for _, b := range look.Bills {
		if b.Counted && b.State != connectors.Reversed && b.At.After(f.From) {
			switch b.Flow {
			case connectors.FlowIn:
				want[0] += b.Amount.Minor
			case connectors.FlowOut:
				want[1] += b.Amount.Minor
			}
		}
	}
	var got [2]int64
	flow := flowPlot(look, f, words)
	for _, r := range flow.Rows {
		got[0] += r.A.Minor
		got[1] += r.B.Minor
	}
	if got != want {
		t.Errorf("the flow sums to %v, want %v", got, want)
	}
	if n := len(flow.Data.Labels); n != 13 || len(flow.Data.Series[0].Values) != n || len(flow.Data.Series[1].Values) != n {
		t.Errorf("90 days are %d weeks", n)
	}
	got[1] = 0
	spent := spentPlot(look, words)
	for i, r := range spent.Rows {
		got[1] += r.A.Minor
		if i > 0 && r.A.Minor > spent.Rows[i-1].A.Minor {
			t.Error("categories are not sorted")
		}
	}
	if len(spent.Data.Labels) != plottedCategories {
		t.Errorf("%d categories are drawn", len(spent.Data.Labels))
	}
}

func TestNoticesStayUntilDismissed(t *testing.T) {
	h := newHouse(t)
	h.remember(t)
	notices := func() int {
		return len(find(t, h.get(t, "/", "in", "en").Body.String(), func(n *html.Node) bool { return n.Data == "a" && within2(n, "notices") }))
	}
	if got := notices(); got != 3 {
		t.Fatalf("%d notices, want 3", got)
	}
	body := h.get(t, "/", "in", "en").Body.String()
	until := attr(find(t, body, func(n *html.Node) bool { return attr(n, "name") == "until" && attr(n, "type") == "hidden" })[0], "value")
	// one more use comes between the page and the click
	later := now.Add(-time.Minute)
	err := h.db.Update(t.Context(), func(tx kv.Tx) error {
		return audit.Append(tx, audit.Event{ID: "late", At: later, Person: string(lin.Person), Client: string(bank.ID), Verb: audit.GrantUsed, On: "gr_live"})
	})
	if err != nil {
		t.Fatal(err)
	}
	if w := h.post(t, "/notices/dismiss", url.Values{"until": {until}}); w.Code != 303 {
		t.Fatalf("dismiss: %d", w.Code)
	}
	if got := notices(); got != 1 {
		t.Errorf("%d notices, want the one that came since", got)
	}
	for _, bad := range []string{"", "x", "-1", "99999999999999999"} {
		if w := h.post(t, "/notices/dismiss", url.Values{"until": {bad}}); w.Code != 400 {
			t.Errorf("until=%q: %d", bad, w.Code)
		}
	}
	if err := h.db.Update(t.Context(), func(tx kv.Tx) error { return h.PersonLeaves(tx, lin.Person) }); err != nil {
		t.Fatal(err)
	}
	err = h.db.View(t.Context(), func(tx kv.Tx) error {
		for e, err := range tx.Scan(kv.Prefix("page")) {
			t.Errorf("left behind: %q %v", e.Key, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func within2(n *html.Node, class string) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if attr(p, "class") == class {
			return true
		}
	}
	return false
}

func TestTimelinePagesLoseNothing(t *testing.T) {
	h := newHouse(t)
	const n = 130
	err := h.db.Update(t.Context(), func(tx kv.Tx) error {
		for i := range n { // in threes of one moment, so that a page ends between them
			e := audit.Event{ID: fmt.Sprintf("e%03d", i), At: now.Add(-time.Duration(i/3) * time.Second), Person: string(lin.Person), Verb: audit.SignedIn}
			if err := audit.Append(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	seen, cursor, pages := map[string]int{}, "", 0
	for {
		events, next, err := h.timeline(t.Context(), lin, cursor, deedsPerPage, func(audit.Event) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			seen[e.ID]++
		}
		if pages++; next == "" || pages > 10 {
			break
		}
		cursor = next
	}
	if len(seen) != n || pages != 3 {
		t.Errorf("%d of %d events on %d pages", len(seen), n, pages)
	}
	for id, times := range seen {
		if times != 1 {
			t.Errorf("%s stands %d times", id, times)
		}
	}
	for _, bad := range []string{"x.e", "-1.e", "."} {
		if w := h.get(t, "/activity?before="+bad, "in", ""); w.Code != 400 {
			t.Errorf("before=%s: %d", bad, w.Code)
		}
	}
}

func TestDeeds(t *testing.T) {
	h := newHouse(t)
	for _, tt := range []struct{ path, to, deed string }{
		{"/grants/gr_live/revoke", "/grants/gr_live?done=revoked", "revoke gr_live"},
		{"/clients/cli_riverbank/pause", "/grants?done=paused", "pause cli_riverbank"},
		{"/clients/cli_riverbank/resume", "/grants?done=resumed", "resume cli_riverbank"},
		{"/connections/con_1/disconnect", "/sources?done=disconnected", "disconnect con_1"},
		{"/settings/sessions/ses_2/end", "/settings?done=session_ended", ""},
		{"/settings/sessions/end-others", "/settings?done=others_ended", ""},
		{"/settings/passkeys/pk_2/remove", "/settings?done=passkey_removed", ""},
		{"/signout", "/", ""},
	} {
		w := h.post(t, tt.path, nil)
		if w.Code != 303 || w.Header().Get("Location") != tt.to {
			t.Errorf("POST %s: %d to %q, want %q", tt.path, w.Code, w.Header().Get("Location"), tt.to)
		}
		if all := append(h.grants.deeds, h.accounts.deeds...); tt.deed != "" && !slices.Contains(all, tt.deed) {
			t.Errorf("POST %s did %v", tt.path, all)
		}
	}
}

func TestExportIsWholeOrNothing(t *testing.T) {
	h := newHouse(t)
	w := h.post(t, "/settings/export/json", nil)
	if w.Code != 200 || w.Body.String() != `{"bills":[]}` || w.Header().Get("Content-Disposition") != `attachment; filename="jali-2026-11-21.json"` {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	w = h.post(t, "/settings/export/csv", nil)
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "half a li") || strings.Contains(w.Body.String(), "disk") || w.Header().Get("Content-Disposition") != "" {
		t.Errorf("an export that broke off: %d %s", w.Code, w.Body)
	}
}

func TestLeaving(t *testing.T) {
	h := newHouse(t)
	if w := h.post(t, "/settings/leave", url.Values{"response": {`"no"`}}); w.Code != 403 || len(h.grants.deeds) != 0 || !strings.Contains(w.Body.String(), `role="alert"`) {
		t.Errorf("a wrong passkey: %d %v", w.Code, h.grants.deeds)
	}
	w := h.post(t, "/settings/leave", url.Values{"response": {`"yes"`}})
	if w.Code != 200 || !slices.Contains(h.grants.deeds, "leave") || !strings.Contains(w.Body.String(), "deletion.") {
		t.Errorf("%d %v", w.Code, h.grants.deeds)
	}
	if tabs := find(t, w.Body.String(), func(n *html.Node) bool { return n.Data == "nav" }); len(tabs) != 0 {
		t.Error("the receipt is shown as if somebody were signed in")
	}
	bare := newHouse(t, func(c *Config) { c.Receipts = nil })
	if w = bare.post(t, "/settings/leave", url.Values{"response": {`"yes"`}}); w.Code != 200 || strings.Contains(w.Body.String(), "receipt-save") {
		t.Errorf("without receipts: %d", w.Code)
	}
}

func TestTheSoftwarePasskeyIsForTheSandbox(t *testing.T) {
	with := newHouse(t, func(c *Config) { c.Software = "/sandbox/passkey" })
	without := newHouse(t)
	for _, path := range []string{"/signup", "/signin"} {
		if !strings.Contains(with.get(t, path, "", "zh-CN").Body.String(), "软件通行密钥（仅沙盒）") {
			t.Errorf("%s does not name it", path)
		}
		if strings.Contains(without.get(t, path, "", "zh-CN").Body.String(), "软件通行密钥（仅沙盒）") {
			t.Errorf("%s offers it outside the sandbox", path)
		}
	}
	for _, bad := range []string{"https://evil.example/p", "//evil.example", "sandbox", "/sandbox/"} {
		c := with.Config
		c.Software = bad
		if _, err := New(c); err == nil {
			t.Errorf("New takes %q", bad)
		}
	}
}

func TestAnEndedSessionTakesItsCookieAlong(t *testing.T) {
	h := newHouse(t)
	for path, form := range map[string]url.Values{"/signout": {}, "/settings/leave": {"response": {`"yes"`}}} {
		c := h.post(t, path, form).Result().Cookies()
		if len(c) != 1 || c[0].MaxAge != -1 {
			t.Errorf("POST %s leaves %v", path, c)
		}
	}
}

func TestAStaleSessionSignsInAgain(t *testing.T) {
	h := newHouse(t)
	h.passkeys.stale = true
	w := h.post(t, "/settings/codes", nil)
	link := find(t, w.Body.String(), func(n *html.Node) bool { return n.Data == "a" && attr(n, "class") == "do" })
	if w.Code != 401 || len(link) != 1 {
		t.Fatalf("%d, %d links", w.Code, len(link))
	}
	if w = h.get(t, attr(link[0], "href"), "in", ""); w.Code != 200 || len(find(t, w.Body.String(), byID("signin-device"))) != 1 {
		t.Errorf("the link leads to %d %s", w.Code, w.Header().Get("Location"))
	}
	if w = h.get(t, "/signin?next=/grants", "in", ""); w.Header().Get("Location") != "/grants" {
		t.Errorf("somebody signed in is asked to sign in: %d", w.Code)
	}
}

func TestAUsedUpGrantCanBeRevoked(t *testing.T) {
	h := newHouse(t)
	for id, want := range map[string][2]int{"gr_live": {1, 1}, "gr_spent": {1, 0}, "gr_revoked": {0, 0}} {
		body := h.get(t, "/grants/"+id, "in", "").Body.String()
		if got := [2]int{len(find(t, body, byID("revoke-go"))), len(find(t, body, byID("pause")))}; got != want {
			t.Errorf("%s offers revoke, pause %v, want %v", id, got, want)
		}
		if got := strings.Contains(body, "SIGNED"); got != (id == "gr_live") {
			t.Errorf("%s shows what was signed: %v", id, got)
		}
	}
}

func TestFaultOfAnotherRoom(t *testing.T) {
	h := newHouse(t)
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/oauth/authorize?request_uri=x", nil)
	h.Fault(w, r, consent.ErrLapsed)
	if w.Code != 410 || w.Header().Get("X-Frame-Options") != "DENY" || !strings.Contains(w.Body.String(), `data-code="request_expired"`) {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestSignUpShowsCodesOnce(t *testing.T) {
	h := newHouse(t)
	w := h.do(t, "POST", "/signup/begin", ask{json: `{"name":" 小林 "}`})
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"flow":"flow_1"`) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	w = h.do(t, "POST", "/signup/finish", ask{json: `{"flow":"flow_1","response":"yes","next":"/consent/gr_ask"}`})
	if w.Code != 200 || !strings.Contains(w.Body.String(), codes[7]) || !strings.Contains(w.Body.String(), "/consent/gr_ask") || len(w.Result().Cookies()) != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, bad := range []string{`{"name":""}`, `{"name":"  "}`, `{"name":"` + strings.Repeat("长", 41) + `"}`, `{"name":1}`, `{"nom":"x"}`} {
		if w = h.do(t, "POST", "/signup/begin", ask{json: bad}); w.Code != 400 {
			t.Errorf("%.30s: %d", bad, w.Code)
		}
	}
	if w = h.do(t, "POST", "/signup/begin", ask{json: `{"name":"` + strings.Repeat("x", maxForm) + `"}`}); w.Code != 413 {
		t.Errorf("too large: %d", w.Code)
	}
	if w = h.do(t, "POST", "/signup/begin", ask{form: url.Values{"name": {"x"}}}); w.Code != 415 {
		t.Errorf("a form: %d", w.Code)
	}
}

func TestSaidFaultsTellNothingOfTheirCause(t *testing.T) {
	h := newHouse(t)
	w := h.post(t, "/settings/export/csv", nil)
	if n := find(t, w.Body.String(), byID("fault")); len(n) != 1 || attr(n[0], "data-code") != "internal" {
		t.Errorf("%s", w.Body)
	}
}
