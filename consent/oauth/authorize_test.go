package oauth

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Browsers are sent to the authorization endpoint; pages may not read it
// (FAPI 2.0 Security Profile, section 5.3.2.2).
func TestAuthorizeIsNotForOtherPages(t *testing.T) {
	h := open(t)
	path := "/oauth/authorize?" + url.Values{"client_id": {h.bank.id}, "request_uri": {h.push(h.bank, once)}}.Encode()
	for _, method := range []string{"GET", "OPTIONS", "POST", "HEAD"} {
		got := h.send(method, path, http.Header{"Origin": {"https://evil.example"}, "Access-Control-Request-Method": {"GET"}}, nil)
		if want := map[string]int{"GET": http.StatusSeeOther}[method]; want != 0 && got.status != want || want == 0 && got.status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %v", method, got)
		}
		for name := range got.header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s answers with %s", method, name)
			}
		}
	}
}

// A redirect never makes the browser post again what it has posted.
func TestRedirectsAre303(t *testing.T) {
	h := open(t)
	uri := h.push(h.bank, once)
	opened := h.get("/oauth/authorize?" + url.Values{"client_id": {h.bank.id}, "request_uri": {uri}}.Encode())
	finished := h.get(h.decide(h.visit(h.bank, uri), true))
	for _, got := range []answer{opened, finished} {
		if got.status != http.StatusSeeOther || got.header.Get("Referrer-Policy") != "no-referrer" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v with %v", got, got.header)
		}
	}
}

// After a try that failed, the same request_uri goes on (FAPI 2.0 Security
// Profile, section 5.3.2.2): a person may have closed the page.
func TestRequestURIOutlivesAFailedTry(t *testing.T) {
	h := open(t)
	uri := h.push(h.bank, once)
	id := h.visit(h.bank, uri)
	where := h.decide(id, true)
	if got := h.get("/oauth/finish?grant=" + string(id) + "&ticket=wrong"); got.status != http.StatusBadRequest {
		t.Fatalf("finish: %v", got)
	}
	if again := h.visit(h.bank, uri); again != id {
		t.Errorf("it leads to %q now; want %q", again, id)
	}
	if back := h.back(h.get(where)); !back.Has("code") {
		t.Errorf("the client is told %v", back)
	}
}
