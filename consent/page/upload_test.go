package page

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// mapped is a drawn mapping of the fake's table, with a column for the date.
func mapped(date string) url.Values {
	return url.Values{"map_header": {"日期", "对方", "金额", "", hostile}, "map_source": {"村镇银行"}, "map_account": {"工资卡"}, "map_number": {"1234"}, "map_kind": {"deposit"},
		"map_currency": {"cny"}, "map_date_order": {"ymd"}, "map_minus": {"out"}, "col_date": {date}, "col_amount": {"金额"}, "col_counterparty": {"对方"}}
}

func states(t *testing.T, body string) (all []string) {
	t.Helper()
	for _, n := range find(t, body, func(n *html.Node) bool { return attr(n, "data-state") != "" }) {
		all = append(all, attr(n, "data-state"))
	}
	return all
}

// Several files come in one go: each is shown by itself, those that lack a
// word wait for it, and a bad one takes none along.
func TestSeveralFilesAreReviewedTogether(t *testing.T) {
	h := newHouse(t)
	token := h.passkeys.CSRF(lin)
	w := h.uploadFiles(t, token, "en", nil, "clean", "damaged", "locked", "other")
	body := w.Body.String()
	if got := strings.Join(states(t, body), " "); w.Code != 200 || got != "ready password ready" {
		t.Fatalf("%d, files are %s", w.Code, got)
	}
	for _, s := range []string{"bills-2.csv", "Line 17", "bills-3.csv", "has a password", "Sum differs: money out", "余额", "Credit card ···1234", "¥1,200.00", "¥2,388.50"} {
		if !strings.Contains(body, s) {
			t.Errorf("the review does not say %q", s)
		}
	}
	w = h.uploadFiles(t, token, "en", []string{"up_1", "up_2"}, "table") // as the script sends the next
	if got := strings.Join(states(t, w.Body.String()), " "); got != "ready password mapping" || !strings.Contains(w.Body.String(), "earlier up_2") {
		t.Errorf("with those from before, files are %s", got)
	}
	w = h.post(t, "/upload/accept", url.Values{"take": {"up_1", "up_3"}, "u": {"up_1", "up_2", "up_3"}, "anyway": {"up_3"}})
	if to := w.Header().Get("Location"); w.Code != 303 || strings.Join(h.accounts.deeds, ",") != "accept up_1,accept up_3" || !strings.Contains(to, "left=up_2") || strings.Count(to, "source=") != 2 {
		t.Errorf("taken in: %d to %s, %v", w.Code, to, h.accounts.deeds)
	}
	if w = h.uploadFiles(t, token, "en", nil, strings.Split(strings.Repeat("clean ", 13), " ")[:13]...); len(states(t, w.Body.String())) != maxFiles || !strings.Contains(w.Body.String(), "At most 12 files") {
		t.Errorf("13 files: %d are shown", len(states(t, w.Body.String())))
	}
}

// The password is asked for beside the file, which need not be sent again, and
// stands nowhere afterwards.
func TestPasswordOpensWhatWaits(t *testing.T) {
	h := newHouse(t)
	body := h.uploadFile(t, h.passkeys.CSRF(lin), "locked", "en").Body.String()
	form := find(t, body, byAttr("action", "/upload/up_1/password"))
	if len(form) != 1 || !strings.Contains(inner(form[0]), `autocomplete="off"`) {
		t.Fatalf("no password is asked for: %s", body)
	}
	q := fields(form[0])
	q.Set("password", "sesame 99")
	w := h.post(t, "/upload/up_1/password", q)
	if w.Code != 400 || len(states(t, w.Body.String())) != 1 || !strings.Contains(w.Body.String(), `data-code="file_password"`) || strings.Contains(w.Body.String(), "sesame 99") {
		t.Errorf("a wrong password: %d", w.Code)
	}
	q.Set("password", "open sesame")
	w = h.post(t, "/upload/up_1/password", q)
	body = w.Body.String()
	if got := strings.Join(states(t, body), " "); w.Code != 200 || got != "ready" || strings.Contains(body, "sesame") || !strings.Contains(body, "bills-1.csv") {
		t.Errorf("the right one: %d, %s", w.Code, got)
	}
	if w = h.post(t, "/upload/up_9/password", q); w.Code != 404 {
		t.Errorf("a file that does not wait: %d", w.Code)
	}
	for _, p := range []string{"", strings.Repeat("x", 300)} {
		q.Set("password", p)
		if w = h.post(t, "/upload/up_1/password", q); w.Code != 400 {
			t.Errorf("a password of %d bytes: %d", len(p), w.Code)
		}
	}
}

func TestTableIsReadAsItsPersonSays(t *testing.T) {
	h := newHouse(t)
	body := h.uploadFile(t, h.passkeys.CSRF(lin), "table", "en").Body.String()
	if got := states(t, body); len(got) != 1 || got[0] != "mapping" || !strings.Contains(body, "2026/5/31") {
		t.Fatalf("an unknown table is %v", got)
	}
	selects := find(t, body, func(n *html.Node) bool { return n.Data == "select" && strings.HasPrefix(attr(n, "name"), "col_") })
	if len(selects) != len(mappedColumns) {
		t.Errorf("%d meanings can be chosen, want %d", len(selects), len(mappedColumns))
	}
	read := func(date string) *httptest.ResponseRecorder {
		form := mapped(date)
		form.Set(tokenField, h.passkeys.CSRF(lin))
		return h.do(t, "POST", "/upload/up_1/mapping", ask{as: "in", lang: "en", form: form})
	}
	w := read("对方")
	if w.Code != 400 || !strings.Contains(w.Body.String(), "Line 2") || !strings.Contains(w.Body.String(), `value="村镇银行"`) {
		t.Errorf("a mapping that does not fit: %d", w.Code)
	}
	w = read("日期")
	if got := states(t, w.Body.String()); w.Code != 200 || len(got) != 1 || got[0] != "ready" || !strings.Contains(w.Body.String(), "Read wrongly?") {
		t.Errorf("a good one: %d %v", w.Code, got)
	}
	m := h.accounts.waits["up_1"].mapping
	if m.Source != "村镇银行" || m.Currency != "CNY" || m.Side != "asset" || m.Date != "日期" || m.Amount != "金额" || len(m.Header) != 5 {
		t.Errorf("drawn: %+v", m)
	}
}

func TestReadMapping(t *testing.T) {
	for _, tt := range []struct {
		why    string
		change url.Values
		ok     bool
	}{
		{"as it is", nil, true},
		{"in and out in two columns", url.Values{"col_amount": {""}, "col_in": {"金额"}}, true},
		{"a card owes", url.Values{"map_kind": {"credit_card"}}, true},
		{"no institution", url.Values{"map_source": {" "}}, false},
		{"an institution's name without end", url.Values{"map_source": {strings.Repeat("行", 41)}}, false},
		{"no date", url.Values{"col_date": {""}}, false},
		{"no amount", url.Values{"col_amount": {""}}, false},
		{"a column that is not there", url.Values{"col_amount": {"Betrag"}}, false},
		{"no currency", url.Values{"map_currency": {"元"}}, false},
		{"a sort that is none", url.Values{"map_kind": {"house"}}, false},
		{"dates in no order", url.Values{"map_date_order": {"ydm"}}, false},
		{"a sign that means nothing", url.Values{"map_minus": {""}}, false},
		{"no name for the account", url.Values{"map_account": {""}}, false},
		{"a direction in words, and no word", url.Values{"col_direction": {"对方"}}, false},
		{"a direction in words", url.Values{"col_direction": {"对方"}, "map_out_word": {"支"}}, true},
		{"a decimal sign of its own", url.Values{"map_decimal": {"·"}}, false},
	} {
		form := mapped("日期")
		for k, v := range tt.change {
			form[k] = v
		}
		m, err := readMapping(form)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.why, err)
		}
		if debt := m.Kind == "credit_card"; err == nil && (m.Side == "debt") != debt {
			t.Errorf("%s: a %s is on the side of %s", tt.why, m.Kind, m.Side)
		}
	}
}

func FuzzReadMapping(f *testing.F) {
	f.Add(mapped("日期").Encode())
	f.Fuzz(func(t *testing.T, s string) {
		form, err := url.ParseQuery(s)
		if err != nil {
			return
		}
		m, err := readMapping(form)
		if err == nil && (m.Date == "" || m.Source == "" || m.Amount == "" && m.In == "" && m.Out == "" || len(m.Header) > 200) {
			t.Errorf("%+v is taken", m)
		}
	})
}

func TestFileNamesAreShownInOneLine(t *testing.T) {
	for in, want := range map[string]string{"a.csv": "a.csv", `C:\\fakepath\\b.csv`: "b.csv", "../../x": "x", "a\nb": "ab", "": "", "\xff": ""} {
		if got := called(in); got != want {
			t.Errorf("called(%q) = %q, want %q", in, got, want)
		}
	}
	if n := len([]rune(called(strings.Repeat("长", 200)))); n != 80 {
		t.Errorf("a long name is %d letters", n)
	}
}
