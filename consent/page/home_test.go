package page

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"jali/connectors"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/audit"
	"jali/internal/fault"
	"jali/internal/kv"
)

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
	for _, s := range []string{"¥151,588.33", "120 bills", "Jiangnan Bank could not be read", "the totals lack the sources", "up to 12 Nov 2026"} {
		if !strings.Contains(body, s) {
			t.Errorf("home does not say %q", s)
		}
	}
	// without its counted twin in the look, a mirror is a bill of its own
	l, _ := h.accounts.Own(t.Context(), lin, now, now)
	l.Bills = slices.DeleteFunc(l.Bills, func(b aggregate.OwnBill) bool { return b.ID == "b2" })
	if rows := foldBills(l, nil); !slices.ContainsFunc(rows, func(b billRow) bool { return b.ID == "m2" }) {
		t.Error("a mirror without its twin is gone")
	}
}

// Bills without a balance tell what was spent, and not that nothing is held.
func TestWhatIsHeldIsUnknownWithoutABalance(t *testing.T) {
	h := newHouse(t)
	usd := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "USD"} }
	h.accounts.totals = []aggregate.Total{{Assets: usd(0), Debts: usd(0), Net: usd(0), In: usd(0), Out: usd(372)}}
	nets := find(t, h.get(t, "/", "in", "en").Body.String(), byAttr("class", "total lattice"))
	if len(nets) != 2 || !strings.Contains(inner(nets[0]), "¥151,588.33") || !strings.Contains(inner(nets[1]), "Assets</dt><dd>–") || !strings.Contains(inner(nets[1]), "$3.72") {
		t.Errorf("%d totals, the second says %q", len(nets), inner(nets[len(nets)-1]))
	}
}

// Where a source is connected and has files, too, its pot says how the
// connection is, in whichever order they are told.
func TestAConnectionSpeaksForItsSource(t *testing.T) {
	live, file := aggregate.SourceReport{Source: alipay, Status: aggregate.Failed}, aggregate.SourceReport{Source: alipay, Status: aggregate.FromFile}
	for _, reports := range [][]aggregate.SourceReport{{live, file}, {file, live}} {
		got := pots(aggregate.Look{At: now, Sources: reports}, billFilter{From: now, To: now})
		if len(got) != 1 || got[0].States[0] != aggregate.Failed {
			t.Errorf("pots %+v", got)
		}
	}
}

func TestPotsSayWhereBillsEnd(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, consent.Shanghai) }
	f := billFilter{From: day(1), To: day(22)}
	for _, tt := range []struct {
		why    string
		covers connectors.Span
		short  bool
	}{
		{"nothing is said", connectors.Span{}, false},
		{"up to this moment", connectors.Span{From: day(1), To: now}, false},
		{"up to when it answered, moments before the look's end", connectors.Span{From: day(1), To: now.Add(-8 * time.Second)}, false},
		{"yesterday's bills are the last", connectors.Span{From: day(1), To: day(21)}, true},
		{"it does not go back so far", connectors.Span{From: day(9), To: day(22)}, true},
	} {
		got := pots(aggregate.Look{At: now, Sources: []aggregate.SourceReport{{Source: alipay, Status: aggregate.Fresh, Covers: tt.covers}}}, f)
		if len(got) != 1 || got[0].Short != (connectors.Span{}) != tt.short {
			t.Errorf("%s: %+v", tt.why, got)
		}
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
		{"/", 30}, {"/?page=4", 30}, {"/?page=99", 30}, {"/?page=-1", 30}, {"/?q=临江", 1}, {"/?q=SALARY", 1}, {"/?q=nothing+here", 0},
		{"/?source=jiangnan_bank", 1}, {"/?source=evil", 30}, {"/?source=wechatpay", 0},
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

func TestFilesSayWhereTheirBillsAre(t *testing.T) {
	at := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, consent.Shanghai) }
	file := func(to time.Time) aggregate.Connection {
		return aggregate.Connection{Source: alipay, Imported: true, Covers: connectors.Span{From: at(2019, 8, 1), To: to}}
	}
	connections := []aggregate.Connection{file(at(2019, 10, 1)), file(at(2023, 2, 14)), file(at(2023, 2, 2)),
		{Source: wechat, Covers: connectors.Span{From: at(2026, 1, 1), To: at(2026, 11, 1)}}}
	f := readFilter(url.Values{}, now, connections)
	if got := strings.Join(f.elsewhere(connections), " "); got != "2023-02 2019-09" {
		t.Errorf("months of files: %s, want the last of each, newest first, and none twice", got)
	}
	f = readFilter(url.Values{"month": {"2023-02"}}, now, connections)
	if got := strings.Join(f.elsewhere(connections), " "); got != "2019-09" {
		t.Errorf("beside the month that is shown: %s", got)
	}

	var late []aggregate.SourceReport
	for _, to := range []time.Time{at(2019, 10, 1), at(2023, 2, 14), at(2021, 6, 19)} {
		late = addLate(late, aggregate.SourceReport{Source: alipay, Status: aggregate.FromFile, AsOf: to})
	}
	late = addLate(late, aggregate.SourceReport{Source: alipay, Status: aggregate.Failed})
	if len(late) != 2 || !late[0].AsOf.Equal(at(2023, 2, 14)) || late[1].Status != aggregate.Failed {
		t.Errorf("of three files and a failure home tells %+v", late)
	}
}

func TestHomeDoesNotWaitToGreet(t *testing.T) {
	h := newHouse(t)
	h.accounts.answered = make(chan struct{})
	s := httptest.NewServer(h)
	defer s.Close()
	r, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/", nil)
	r.Header.Set("Accept-Language", "en")
	r.AddCookie(&http.Cookie{Name: "session", Value: "in"})
	resp, err := http.DefaultClient.Do(r) // comes back while the sources are silent
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got strings.Builder
	b := make([]byte, 4096)
	for !strings.Contains(got.String(), "Asking") {
		n, err := resp.Body.Read(b)
		if got.Write(b[:n]); err != nil {
			t.Fatalf("the first part ends with %v:\n%s", err, got.String())
		}
	}
	if first := got.String(); !strings.Contains(first, "Hello") || strings.Contains(first, `id="totals"`) {
		t.Error("the first part greets, and tells nothing that no source has told")
	}
	close(h.accounts.answered)
	rest, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(rest), "¥151,588.33") || !strings.Contains(string(rest), "</html>") {
		t.Errorf("the rest lacks what the sources told: %v", err)
	}
}

func TestHomeWithoutALook(t *testing.T) {
	h := newHouse(t)
	h.accounts.down = &fault.Error{Kind: fault.Unavailable, Code: "unavailable", Detail: "x"}
	body := h.get(t, "/", "in", "zh-CN").Body.String()
	if !strings.Contains(body, `data-code="unavailable"`) || !strings.Contains(body, "暂时读不到数据") || strings.Contains(body, `id="totals"`) {
		t.Error("home does not say that there is no look")
	}
	checkPage(t, body)
}

func TestHomeAsksAfreshWhenTold(t *testing.T) {
	h := newHouse(t)
	body := h.get(t, "/?month=2026-10&page=2&fresh=1", "in", "en").Body.String()
	if h.accounts.afresh != 1 || strings.Count(body, "fresh=1") != 1 {
		t.Errorf("asked afresh %d times; %d links carry it on, want the button's alone", h.accounts.afresh, strings.Count(body, "fresh=1"))
	}
	if h.get(t, "/?month=2026-10&page=2", "in", "en"); h.accounts.afresh != 1 {
		t.Error("turning a page asks the sources again")
	}
}

// What an account held when its file ended is shown with that day, where
// nobody says what it holds now.
func TestBalanceOfAFileIsShownWithItsDay(t *testing.T) {
	h := newHouse(t)
	for lang, day := range map[string]string{"en": "as of 31 May 2026, by its file", "zh-CN": "截至 2026年5月31日，来自账单文件"} {
		body := h.get(t, "/", "in", lang).Body.String()
		if !strings.Contains(body, "888.02") || !strings.Contains(body, day) || strings.Contains(body, "777.01") {
			t.Errorf("%s: the file's balance is missing, or in place of the source's", lang)
		}
	}
}
