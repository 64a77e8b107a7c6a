package page

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"jali/consent"
)

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
	body = h.get(t, "/consent/gr_ask", "in", "en").Body.String() // back to change it
	for _, n := range find(t, body, func(n *html.Node) bool { return attr(n, "name") == "account" }) {
		ticked := slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "checked" })
		if id := attr(n, "value"); ticked != (id == "ac_1" || id == "ac_4") {
			t.Errorf("coming back, %s is ticked: %v", id, ticked)
		}
	}
	if !strings.Contains(body, `value="2026-10-05"`) || !strings.Contains(body, `id="narrow" open`) {
		t.Error("coming back, the narrowed days are gone or folded away")
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
