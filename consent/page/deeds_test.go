package page

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/audit"
	"jali/internal/deletion"
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
	for _, s := range []string{"Sum differs: money out", "¥62,200.50", "1210 rows", "cannot be read", "Alipay", "app export (2023)", "1204 rows", "12 of them"} {
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
	if w = h.post(t, "/upload/accept", url.Values{"take": {"up_1"}}); w.Code != 409 || len(h.accounts.deeds) != 0 {
		t.Errorf("accepted without a yes: %d", w.Code)
	}
	if w = h.post(t, "/upload/accept", url.Values{"take": {"up_1"}, "u": {"up_1"}}); w.Code != 400 || len(find(t, w.Body.String(), byAttr("data-code", "file_disagrees"))) != 1 || len(h.accounts.deeds) != 0 {
		t.Errorf("from the review, accepted without a yes: %d", w.Code)
	}
	w = h.post(t, "/upload/accept", url.Values{"take": {"up_1"}, "anyway": {"up_1"}, "u": {"up_1", "up_2"}, "next": {"/consent/gr_ask"}})
	if w.Code != 303 {
		t.Fatalf("accept: %d", w.Code)
	}
	w = h.get(t, w.Header().Get("Location"), "in", "en")
	if !strings.Contains(w.Body.String(), "1192 new bills") || !strings.Contains(w.Body.String(), `href="/consent/gr_ask"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(w.Body.String(), `href="/upload/review?next=%2Fconsent%2Fgr_ask&amp;u=up_2"`) {
		t.Error("nothing leads to the file that still waits")
	}
	for _, q := range []string{"source=evil&rows=1", "source=alipay&rows=1&known=2", "source=alipay&rows=-1", "rows=1"} {
		if w = h.get(t, "/upload/done?"+q, "in", ""); w.Code != 404 {
			t.Errorf("made-up result %s: %d", q, w.Code)
		}
	}
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
		{"/pause", "/grants", "pause all"},
		{"/resume", "/grants?done=all_resumed", "resume all"},
		{"/clients/cli_riverbank/revoke", "/grants?done=all_revoked", "revoke all of cli_riverbank"},
		{"/introduce", "/introduce", ""},
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
	if h.shredded != 1 {
		t.Errorf("keys were destroyed %d times, want once, after the disconnection", h.shredded)
	}
}

func TestExportIsWholeOrNothing(t *testing.T) {
	h := newHouse(t)
	w := h.post(t, "/settings/export/json", nil)
	if w.Code != 200 || !json.Valid(w.Body.Bytes()) || w.Header().Get("Content-Disposition") != `attachment; filename="jali-2026-11-21.json"` {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	w = h.post(t, "/settings/export/csv", nil)
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "half a li") || strings.Contains(w.Body.String(), "disk") || w.Header().Get("Content-Disposition") != "" {
		t.Errorf("an export that broke off: %d %s", w.Code, w.Body)
	}
}

func TestExportKnowsThePerson(t *testing.T) {
	h := newHouse(t)
	h.grants.paused = map[consent.ClientID]bool{evil.ID: true, bank.ID: true, "cli_resumed": false}
	var e struct{ Person aggregate.About }
	if err := json.Unmarshal(h.post(t, "/settings/export/json", nil).Body.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	a := e.Person
	if a.ID != lin.Person || a.Name != "小林" || !slices.Equal(a.Paused, []consent.ClientID{evil.ID, bank.ID}) {
		t.Errorf("the export is of %q, %q, who paused %v", a.ID, a.Name, a.Paused)
	}
	if len(a.Passkeys) != 2 || a.Passkeys[0].Label != "iPhone 小林" || !a.Passkeys[0].AddedAt.Equal(now.AddDate(0, -3, 0)) ||
		!a.Passkeys[0].LastUsed.Equal(now.Add(-time.Hour)) || !a.Passkeys[1].LastUsed.IsZero() {
		t.Errorf("passkeys %+v", a.Passkeys)
	}
	if len(a.Sessions) != 2 || a.Sessions[1].Agent != "Chrome, Windows" || !a.Sessions[1].SeenAt.Equal(now.AddDate(0, 0, -1)) {
		t.Errorf("sessions %+v", a.Sessions)
	}
}

func TestWhoLeavesIsGoneFromTheirSources(t *testing.T) {
	h := newHouse(t)
	told := "tell the sources of " + string(lin.Person)
	h.post(t, "/settings/leave", url.Values{"response": {`"no"`}})
	if slices.Contains(h.accounts.deeds, told) {
		t.Error("the sources of somebody who stays are told that they left")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // a browser that does not wait for the receipt
	form := url.Values{"response": {`"yes"`}, "csrf": {h.passkeys.CSRF(lin)}}
	r := httptest.NewRequestWithContext(ctx, "POST", "/settings/leave", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", origin)
	r.AddCookie(&http.Cookie{Name: "session", Value: "in"})
	h.ServeHTTP(httptest.NewRecorder(), r)
	if !slices.Equal(h.accounts.deeds, []string{told}) {
		t.Errorf("after leaving: %v", h.accounts.deeds)
	}
	mute := newHouse(t)
	mute.accounts.mute = errors.New("the disk broke")
	if w := mute.post(t, "/settings/leave", url.Values{"response": {`"yes"`}}); w.Code != http.StatusSeeOther || !slices.Contains(mute.grants.deeds, "leave") {
		t.Errorf("whose sources cannot be told cannot leave: %d %v", w.Code, mute.grants.deeds)
	}
}

// leaving is a browser from which somebody deletes their account.
func (h *house) leaving(t *testing.T) (done *httptest.ResponseRecorder, left *http.Cookie) {
	t.Helper()
	for _, c := range h.get(t, "/settings/leave", "in", "").Result().Cookies() {
		if c.Name == leftName {
			left = c
		}
	}
	if left == nil || !left.HttpOnly || left.Path != "/settings/leave" {
		t.Fatalf("the form gives the cookie %v", left)
	}
	return h.withLeft(t, "POST", "/settings/leave", "in", left), left
}

func (h *house) withLeft(t *testing.T, method, path, as string, left *http.Cookie) *httptest.ResponseRecorder {
	t.Helper()
	form := url.Values{"response": {`"yes"`}, "csrf": {h.passkeys.CSRF(lin)}}
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", origin)
	if as != "" {
		r.AddCookie(&http.Cookie{Name: "session", Value: as})
	}
	if left != nil {
		r.AddCookie(left)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestLeaving(t *testing.T) {
	h := newHouse(t)
	if w := h.post(t, "/settings/leave", url.Values{"response": {`"no"`}}); w.Code != 403 || len(h.grants.deeds) != 0 || !strings.Contains(w.Body.String(), `role="alert"`) {
		t.Errorf("a wrong passkey: %d %v", w.Code, h.grants.deeds)
	}
	w, left := h.leaving(t)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != leftPath || !slices.Contains(h.grants.deeds, "leave") || h.shredded != 1 {
		t.Fatalf("%d to %q, %v; keys were destroyed %d times", w.Code, w.Header().Get("Location"), h.grants.deeds, h.shredded)
	}
	for range 2 { // it can be loaded again
		w = h.withLeft(t, "GET", leftPath, "", left)
		body := w.Body.String()
		for _, want := range []string{"密钥已经销毁", "deletion.", "1204 笔", "2026年12月21日", `href="/settings/leave/receipt"`, `href="/lang/en?next=%2fsettings%2fleave%2fdone"`} {
			if !strings.Contains(body, want) {
				t.Errorf("the page does not say %q", want)
			}
		}
		if tabs := find(t, body, func(n *html.Node) bool { return n.Data == "nav" }); len(tabs) != 0 {
			t.Error("the receipt is shown as if somebody were signed in")
		}
	}
	if w = h.withLeft(t, "GET", "/settings/leave/receipt", "", left); w.Code != 200 || !strings.HasPrefix(w.Body.String(), "deletion.") ||
		w.Header().Get("Content-Type") != "application/jwt" || !strings.Contains(w.Header().Get("Content-Disposition"), "jali-deletion-receipt-") {
		t.Errorf("the file: %d %v", w.Code, w.Header())
	}
	for what, w := range map[string]*httptest.ResponseRecorder{
		"without the cookie":   h.withLeft(t, "GET", leftPath, "", nil),
		"with another":         h.withLeft(t, "GET", leftPath, "", &http.Cookie{Name: leftName, Value: "left_AAAA"}),
		"its file, without it": h.withLeft(t, "GET", "/settings/leave/receipt", "", nil),
	} {
		if w.Code != 404 {
			t.Errorf("the page of who left, %s: %d, want 404", what, w.Code)
		}
	}
	h.later = 8 * 24 * time.Hour
	if w = h.withLeft(t, "GET", leftPath, "", left); w.Code != 404 {
		t.Errorf("after a week: %d", w.Code)
	}
	bare := newHouse(t, func(c *Config) { c.Receipts = nil })
	_, left = bare.leaving(t)
	if w = bare.withLeft(t, "GET", leftPath, "", left); w.Code != 200 || strings.Contains(w.Body.String(), "receipt-save") {
		t.Errorf("without receipts: %d", w.Code)
	}
}

// A browser that never got the answer asks again, and finds what there is. The
// receipt comes when the keys are gone, by whoever destroys them, and not before.
func TestAReceiptComesWhenTheKeysAreGone(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Shred = func(context.Context) error { return errors.New("the disk is full") } })
	_, left := h.leaving(t)
	for method, path := range map[string]string{"GET": "/settings/leave", "POST": "/settings/leave"} {
		if w := h.withLeft(t, method, path, "", left); w.Code != http.StatusSeeOther || w.Header().Get("Location") != leftPath {
			t.Errorf("%s again, signed out: %d to %q", method, w.Code, w.Header().Get("Location"))
		}
	}
	for range 2 {
		w := h.withLeft(t, "GET", leftPath, "", left)
		if body := w.Body.String(); w.Code != 200 || strings.Contains(body, "密钥已经销毁") || strings.Contains(body, "deletion.") || !strings.Contains(body, "left-again") {
			t.Errorf("while the keys are there: %d", w.Code)
		}
		if w := h.withLeft(t, "GET", "/settings/leave/receipt", "", left); w.Code != 404 {
			t.Errorf("a receipt of keys that are there: %d", w.Code)
		}
	}
	if err := h.shred(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := h.withLeft(t, "GET", leftPath, "", left); !strings.Contains(w.Body.String(), "密钥已经销毁") || !strings.Contains(w.Body.String(), "deletion.") {
		t.Error("the keys are gone, and the page does not say so")
	}
}

// Of what a person has deleted there is a receipt too, once the keys are gone.
func TestADisconnectionHasAReceipt(t *testing.T) {
	h := newHouse(t)
	err := h.db.Update(t.Context(), func(tx kv.Tx) error {
		for _, p := range []string{string(lin.Person), "per_new"} {
			id := map[string]string{string(lin.Person): "con_gone", "per_new": "con_theirs"}[p]
			if err := deletion.Note(tx, p, deletion.Deletion{ID: id, Of: deletion.Connection, At: now, Source: "alipay", Accounts: 2}); err != nil {
				return err
			}
			for _, verb := range []string{audit.SourceLinked, audit.SourceUnlinked} {
				if err := audit.Append(tx, audit.Event{ID: verb + id, At: now, Person: p, Verb: verb, On: id, Facts: map[string]string{"source": "alipay"}}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	const link = `href="/deletions/con_gone"`
	if w := h.get(t, "/deletions/con_gone", "in", ""); w.Code != 404 || strings.Contains(h.get(t, "/activity", "in", "").Body.String(), link) {
		t.Errorf("before the key is gone: %d", w.Code)
	}
	if err := h.shred(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := h.get(t, "/deletions/con_gone", "in", ""); w.Code != 200 || !strings.HasPrefix(w.Body.String(), "deletion.") {
		t.Errorf("once it is: %d %s", w.Code, w.Body)
	}
	if n := strings.Count(h.get(t, "/activity", "in", "").Body.String(), link); n != 1 {
		t.Errorf("the activity leads to it %d times, want once: where it was deleted, not where it was made", n)
	}
	if !strings.Contains(h.post(t, "/settings/export/json", nil).Body.String(), `"deletion":"con_gone"`) {
		t.Error("the export lacks it")
	}
	if w := h.get(t, "/deletions/con_theirs", "in", ""); w.Code != 404 {
		t.Errorf("somebody else's: %d", w.Code)
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
		if !slices.ContainsFunc(c, func(c *http.Cookie) bool { return c.Name == "session" && c.MaxAge == -1 }) {
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
		if !strings.Contains(body, "SIGNED") {
			t.Errorf("%s does not show what was signed", id)
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
