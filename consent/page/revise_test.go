package page

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"jali/consent"
)

// told are the members that a page says are changing.
func changesOf(t *testing.T, body string) []string {
	t.Helper()
	var list []string
	for _, n := range find(t, body, func(n *html.Node) bool { return attr(n, "data-change") != "" }) {
		list = append(list, attr(n, "data-change"))
	}
	return list
}

func TestARevisionShowsTheDifferenceOnly(t *testing.T) {
	h := newHouse(t)
	body := h.get(t, "/consent/gr_more", "in", "en").Body.String()
	if got := changesOf(t, body); !slices.Equal(got, []string{"bill_fields", "until"}) {
		t.Errorf("the page says that %v change, want the fields and the end", got)
	}
	changes := inner(find(t, body, byID("changes"))[0])
	for _, s := range []string{"<del>Of each: date, time", "<ins>All of each", "<del>21 Dec 2026 00:00</del>", "<ins>21 Jan 2027 00:00</ins>", "The rest stays as you agreed on 18 Nov 2026"} {
		if !strings.Contains(changes, s) {
			t.Errorf("the change does not say %q", s)
		}
	}
	if n := find(t, body, byID("narrow")); len(n) != 1 {
		t.Error("a change cannot be narrowed")
	}
	ticked := map[string]bool{}
	for _, n := range find(t, body, func(n *html.Node) bool { return attr(n, "name") == "account" }) {
		ticked[attr(n, "value")] = slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "checked" })
	}
	if want := map[string]bool{"ac_1": true, "ac_4": true, "ac_2": false, "ac_3": false, "ac_5": false}; fmt.Sprint(ticked) != fmt.Sprint(want) {
		t.Errorf("ticked %v, want the granted ones alone: %v", ticked, want)
	}
	if strings.Count(body, "As before") != 2 || strings.Count(body, "New: it does not see this now") != 3 {
		t.Error("the page does not say which accounts are granted and which are new")
	}
}

func TestAConfirmedRevisionNamesItsAccounts(t *testing.T) {
	h := newHouse(t)
	w := h.post(t, "/consent/gr_more/prepare", url.Values{"narrow": {"1"}, "account": {"ac_1", "ac_2"}, "datatype": {"balances", "bills"}, "fields": {"standard"}})
	if w.Code != 303 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	body := h.get(t, "/consent/gr_more/confirm", "in", "en").Body.String()
	if got := changesOf(t, body); !slices.Equal(got, []string{"datatypes", "until", "added", "removed"}) {
		t.Errorf("what is signed changes %v", got) // the fields were narrowed back to what they are
	}
	for id, want := range map[string]string{"added": "Alipay 余额宝", "removed": "Jiangnan Bank 储蓄卡 ···1234"} {
		n := find(t, body, func(n *html.Node) bool { return attr(n, "data-change") == id })
		if len(n) != 1 || !strings.Contains(inner(n[0]), want) {
			t.Errorf("%s: %v, want %q", id, n, want)
		}
	}
	w = h.do(t, "POST", "/consent/gr_more/give", ask{as: "in", json: `{"response":"yes"}`})
	if w.Code != 200 || !strings.Contains(w.Body.String(), "grant=gr_more") {
		t.Errorf("the ticket is handed on for %s, want the request gr_more", w.Body)
	}
}

func TestARenewalReadsLikeOne(t *testing.T) {
	h := newHouse(t)
	for lang, want := range map[string][2]string{"zh-CN": {"想延长你给它的授权", "延长到 2027年1月21日 00:00"}, "en": {"asks to extend your consent", "Extend until 21 Jan 2027 00:00"}} {
		for _, path := range []string{"/consent/gr_renew", "/consent/gr_renew/confirm"} {
			h.post(t, "/consent/gr_renew/prepare", url.Values{"account": {"ac_1", "ac_4"}})
			body := h.get(t, path, "in", lang).Body.String()
			if !strings.Contains(body, want[1]) || path == "/consent/gr_renew" && !strings.Contains(body, want[0]) {
				t.Errorf("%s in %s does not read like a renewal", path, lang)
			}
			h.grants.pending = nil
		}
	}
	h.post(t, "/consent/gr_renew/prepare", url.Values{"account": {"ac_1"}}) // and takes an account away
	if body := h.get(t, "/consent/gr_renew/confirm", "in", "en").Body.String(); strings.Contains(body, "Extend until") || !strings.Contains(body, `data-change="removed"`) {
		t.Error("a renewal that takes an account away reads as if it did not")
	}
}

// TestAReplaceThatCountsAnewSaysSo: the terms are the same ten uses, but nine of
// them were spent, and are given again.
func TestAReplaceThatCountsAnewSaysSo(t *testing.T) {
	h := newHouse(t)
	for _, path := range []string{"/consent/gr_again", "/consent/gr_again/confirm"} {
		h.post(t, "/consent/gr_again/prepare", url.Values{"account": {"ac_1", "ac_4"}})
		body := h.get(t, path, "in", "en").Body.String()
		if got := changesOf(t, body); !slices.Equal(got, []string{"uses", "until"}) {
			t.Errorf("%s says that %v change", path, got)
			continue
		}
		n := inner(find(t, body, func(n *html.Node) bool { return attr(n, "data-change") == "uses" })[0])
		if !strings.Contains(n, "<del>1 use left</del>") || !strings.Contains(n, "<ins>10 times in all</ins>") || !strings.Contains(n, "class=\"tag\"") {
			t.Errorf("%s: %s; want 1 use left, 10 times in all, and that it is more", path, n)
		}
		h.grants.pending = nil
	}
}

// TestARevisionSaysWhatItNoLongerAsksFor: an account at a source that is not
// asked for any more drops out, which is not the same as one that was disconnected.
func TestARevisionSaysWhatItNoLongerAsksFor(t *testing.T) {
	body := newHouse(t).get(t, "/consent/gr_less", "in", "en").Body.String()
	if got := changesOf(t, body); !slices.Equal(got, []string{"sources", "removed"}) {
		t.Errorf("the page says that %v change", got)
	}
	n := find(t, body, func(n *html.Node) bool { return attr(n, "data-change") == "removed" })
	if len(n) != 1 || !strings.Contains(inner(n[0]), "Jiangnan Bank") || !strings.Contains(body, "1 account is no longer connected") {
		t.Error("what drops out is not named, or what was disconnected is not counted")
	}
}

func TestMembersOfARevisionHaveWords(t *testing.T) {
	c := newCatalog(t, "en")
	was := c.terms(asked, nil)
	changed := asked
	changed.Purpose, changed.Datatypes, changed.Sources, changed.Fields = consent.Bookkeeping, []consent.Datatype{consent.Bills}, []string{"alipay"}, consent.Full
	changed.Period, changed.Uses, changed.Until, changed.Retention = consent.Period{Days: 30}, consent.Uses{Limit: 1}, now, 72*60*60*1e9
	is := c.terms(changed, nil)
	for _, change := range consent.Changes(asked, changed, nil, nil) {
		before, after := c.member(change.Member, was), c.member(change.Member, is)
		if len(before) == 0 || len(after) == 0 || slices.Equal(before, after) {
			t.Errorf("%s: %v to %v in words", change.Member, before, after)
		}
		if !c.has("revise.member." + change.Member) {
			t.Errorf("%s has no name", change.Member)
		}
	}
}

func TestARequestThatNoLongerFits(t *testing.T) {
	h := newHouse(t)
	h.grants.unprepared = consent.ErrTooFew
	if w := h.post(t, "/consent/gr_more/prepare", url.Values{"account": {"ac_1"}}); w.Code != 400 || !strings.Contains(w.Body.String(), `data-code="too_few_uses"`) || !strings.Contains(w.Body.String(), `id="narrow" open`) {
		t.Errorf("fewer uses than were spent: %d, and not on the page where they are chosen", w.Code)
	}
	for id, want := range map[string]string{"gr_changed": "grant_changed", "gr_nothing": "invalid_grant_id"} {
		w := h.get(t, "/consent/"+id, "in", "en")
		if n := find(t, w.Body.String(), byID("fault")); w.Code < 400 || len(n) != 1 || attr(n[0], "data-code") != want || !strings.Contains(w.Body.String(), "in the app") {
			t.Errorf("%s: %d %s", id, w.Code, w.Body)
		}
	}
}
