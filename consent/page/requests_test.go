package page

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"jali/consent"
	"jali/internal/fault"
	"jali/internal/language"
)

func TestADecoupledRequestStaysHere(t *testing.T) {
	h := newHouse(t)
	for _, lang := range language.All {
		h.post(t, "/consent/gr_counter/prepare", url.Values{"account": {"ac_1"}})
		for _, path := range []string{"/consent/gr_counter", "/consent/gr_counter/confirm"} {
			n := find(t, h.get(t, path, "in", lang).Body.String(), byID("binding"))
			if len(n) != 1 || !strings.Contains(inner(n[0]), counterWords) {
				t.Errorf("%s does not show what the other screen says", path)
			}
		}
	}
	w := h.do(t, "POST", "/consent/gr_counter/give", ask{as: "in", json: `{"response":"yes"}`})
	if w.Code != 200 || w.Body.String() != `{"next":"/requests?done=agreed"}` {
		t.Errorf("a yes leads to %d %s, want a page of ours", w.Code, w.Body)
	}
	w = h.post(t, "/consent/gr_counter/refuse", nil)
	if w.Code != 303 || w.Header().Get("Location") != "/requests?done=declined" {
		t.Errorf("a no leads to %d %q, want a page of ours", w.Code, w.Header().Get("Location"))
	}
	body := h.get(t, "/requests?done=agreed", "in", "en").Body.String()
	if !strings.Contains(body, "Go on at the other screen") || len(find(t, body, func(n *html.Node) bool { return attr(n, "http-equiv") == "refresh" })) != 0 {
		t.Error("the page does not say where it goes on, or leaves by itself")
	}
}

func TestWhatWaitsIsSeenEverywhere(t *testing.T) {
	h := newHouse(t)
	banner := func(path string) int {
		return len(find(t, h.get(t, path, "in", "").Body.String(), byID("waiting-banner")))
	}
	if banner("/") != 0 || banner("/grants") != 0 {
		t.Error("something waits, and nothing does")
	}
	h.grants.waiting = []consent.Grant{{ID: "gr_counter", Client: bank.ID, Asked: asked, Binding: counterWords, LapsesAt: now.Add(4 * time.Minute)}}
	if banner("/") != 1 || banner("/grants") != 1 || banner("/requests") != 0 {
		t.Error("what waits is not told on home and on the grants alone")
	}
	body := h.get(t, "/settings", "in", "en").Body.String()
	if !strings.Contains(body, `<span class="unseen">1 request waits for your answer</span>`) {
		t.Error("the tab does not say that something waits")
	}
	body = h.get(t, "/requests", "in", "en").Body.String()
	for _, s := range []string{"Riverside Bank", "Bill overview", "until 15:08", counterWords, `href="/consent/gr_counter"`} {
		if !strings.Contains(body, s) {
			t.Errorf("the list does not say %q", s)
		}
	}
	shown := attr(find(t, body, byID("requests"))[0], "data-waiting")
	if w := h.get(t, "/requests/ids", "in", ""); w.Body.String() != `{"waiting":"`+shown+`"}` || shown == "" {
		t.Errorf("a script would load the page again: %q is shown, %s waits", shown, w.Body)
	}
	if w := h.get(t, "/requests/ids", "", ""); w.Code != 303 {
		t.Errorf("signed out: %d", w.Code)
	}
}

// Who asks too often can be paused where they ask, and resumed though they were
// never granted anything, or are gone by now.
func TestWhoAsksCanBePaused(t *testing.T) {
	h := newHouse(t)
	h.grants.waiting = []consent.Grant{{ID: "gr_counter", Client: bank.ID, Asked: asked, LapsesAt: now.Add(4 * time.Minute)}}
	button := find(t, h.get(t, "/requests", "in", "").Body.String(), byID("pause-gr_counter"))
	if len(button) != 1 || attr(button[0].Parent, "action") != "/clients/"+string(bank.ID)+"/pause" {
		t.Error("the list does not let one pause who asks")
	}
	h.grants.paused = map[consent.ClientID]bool{"cli_gone": true, "cli_resumed": false}
	body := h.get(t, "/grants", "in", "").Body.String()
	if len(find(t, body, byID("resume-cli_gone"))) != 1 || len(find(t, body, byID("resume-cli_resumed"))) != 0 {
		t.Error("a paused client without grants cannot be resumed")
	}
}

func TestIntroduce(t *testing.T) {
	h := newHouse(t)
	code := func() []*html.Node {
		return find(t, h.get(t, "/introduce", "in", "en").Body.String(), byID("introduction"))
	}
	if len(code()) != 0 {
		t.Error("there is a code before one was made")
	}
	if w := h.post(t, "/introduce", nil); w.Code != 303 || w.Header().Get("Location") != "/introduce" {
		t.Fatalf("%d to %q", w.Code, w.Header().Get("Location"))
	}
	for range 2 { // and loaded again
		n := code()
		if len(n) != 1 || !strings.Contains(inner(n[0]), "<span>0493</span><span>1867</span>") || !strings.Contains(inner(n[0]), "0 4 9 3 1 8 6 7") {
			t.Fatalf("the code is shown as %v", n)
		}
	}
	body := h.get(t, "/introduce", "in", "en").Body.String()
	if !strings.Contains(body, "Good for 5 more minutes, until 15:09") {
		t.Error("the page does not say how long it is good for")
	}
	h.grants.code.Until = now
	if len(code()) != 0 {
		t.Error("a code that has lapsed is shown")
	}
}

func TestStoppingAll(t *testing.T) {
	h := newHouse(t)
	at := func(path, id string) int { return len(find(t, h.get(t, path, "in", "en").Body.String(), byID(id))) }
	if at("/grants", "pause-all") != 1 || at("/grants", "all-paused") != 0 {
		t.Error("all cannot be paused, or is")
	}
	h.grants.all = true
	for _, path := range []string{"/", "/grants", "/settings", "/activity", "/requests"} {
		if at(path, "all-paused") != 1 || at(path, "resume-all") != 1 {
			t.Errorf("%s does not say that all is paused", path)
		}
	}
	if at("/grants", "pause-all") != 0 {
		t.Error("what is paused can be paused again")
	}
	body := h.get(t, "/clients/cli_riverbank/revoke", "in", "en").Body.String()
	if !strings.Contains(body, "These 2 grants end together") || !strings.Contains(body, "cannot be undone") {
		t.Error("the page does not say what revoking all does")
	}
	for _, id := range []string{"cli_none", "cli_evil"} { // of the second all have ended
		if w := h.get(t, "/clients/"+id+"/revoke", "in", ""); w.Code != 404 {
			t.Errorf("nothing to revoke of %s: %d", id, w.Code)
		}
	}
}

func TestGrantsThatEndSoonAreMarked(t *testing.T) {
	for _, tt := range []struct {
		left time.Duration
		want string // empty: not marked
	}{
		{8 * 24 * time.Hour, ""},
		{nearEnd, "Ends within 7 days"},
		{24*time.Hour + time.Second, "Ends within 2 days"},
		{24 * time.Hour, "Ends within 24 hours"},
		{time.Minute, "Ends within 1 hour"},
	} {
		h := newHouse(t)
		h.grants.soon = now.Add(tt.left)
		for _, path := range []string{"/", "/grants", "/grants/gr_live"} {
			if got := strings.Contains(h.get(t, path, "in", "en").Body.String(), "Ends within"); got != (tt.want != "") {
				t.Errorf("%s, %s before the end: marked %v", path, tt.left, got)
			}
			if !strings.Contains(h.get(t, path, "in", "en").Body.String(), tt.want) {
				t.Errorf("%s, %s before the end does not say %q", path, tt.left, tt.want)
			}
		}
	}
	once := consent.Grant{Agreed: consent.Terms{Uses: consent.Uses{Limit: 1}, Until: now.Add(time.Hour)}}
	if got := newCatalog(t, "en").ends(once, once.Agreed.Until, now); got != "" {
		t.Errorf("a grant for one use is missed: %q", got)
	}
}

// A grant whose yes is too old, or soon will be, is not called living and said
// to last until its end, wherever it stands.
func TestGrantsThatWantAnotherYesAreMarked(t *testing.T) {
	for _, tt := range []struct {
		left             time.Duration
		english, chinese string // empty: not marked
	}{
		{8 * 24 * time.Hour, "", ""},
		{nearEnd, "Needs your yes again within 7 days", "7 天内要你再确认一次"},
		{24 * time.Hour, "Needs your yes again within 24 hours", "24 小时内要你再确认一次"},
		{time.Second, "Needs your yes again within 1 hour", "1 小时内要你再确认一次"},
		{0, "Needs your yes again before it can be used", "要你再确认一次才能继续使用"},
		{-30 * 24 * time.Hour, "Needs your yes again before it can be used", "要你再确认一次才能继续使用"},
	} {
		h := newHouse(t)
		h.grants.old = now.Add(tt.left)
		for _, path := range []string{"/", "/grants", "/grants/gr_live"} {
			en, zh := h.get(t, path, "in", "en").Body.String(), h.get(t, path, "in", "zh-CN").Body.String()
			if marked := strings.Contains(en, "Needs your yes again"); marked != (tt.english != "") {
				t.Errorf("%s, %s before the yes is too old: marked %v", path, tt.left, marked)
			}
			if !strings.Contains(en, tt.english) || !strings.Contains(zh, tt.chinese) {
				t.Errorf("%s, %s before the yes is too old, says neither %q nor %q", path, tt.left, tt.english, tt.chinese)
			}
			if readable := tt.left > 0; path != "/" && strings.Contains(en, "uses left today") != readable {
				t.Errorf("%s, %s before the yes is too old: uses are left: %v", path, tt.left, !readable)
			}
			if strings.Contains(en, "Ends within") {
				t.Errorf("%s, %s before the yes is too old, speaks of the end", path, tt.left)
			}
		}
	}
}

// twice lets an address try twice.
type twice struct{ tries int }

func (b *twice) Take(*http.Request) error {
	if b.tries++; b.tries > 2 {
		return (&fault.Error{Kind: fault.Limited, Code: "rate_limited", Detail: "x"}).After(150 * time.Second)
	}
	return nil
}

func TestTheBrake(t *testing.T) {
	for path, a := range map[string]ask{
		"/signup/begin": {json: `{"name":"林"}`}, "/signup/finish": {json: `{"flow":"f","response":"yes"}`},
		"/signin/begin": {json: `{}`}, "/signin/finish": {json: `{"flow":"f","response":"yes"}`},
		"/recover": {form: url.Values{"code": {codes[0]}}},
	} {
		h := newHouse(t, func(c *Config) { c.Brake = &twice{} })
		a.lang = "en"
		for range 2 {
			if w := h.do(t, "POST", path, a); w.Code >= 400 {
				t.Errorf("POST %s: %d within the limit", path, w.Code)
			}
		}
		w := h.do(t, "POST", path, a)
		if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "150" || !strings.Contains(w.Body.String(), "3 minutes") {
			t.Errorf("POST %s beyond the limit: %d %v %s", path, w.Code, w.Header(), w.Body)
		}
		foreign := a
		foreign.header = map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
		if w := h.do(t, "POST", path, foreign); w.Code != 403 {
			t.Errorf("POST %s from another site uses up the tries: %d", path, w.Code)
		}
	}
}
