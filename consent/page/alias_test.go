package page

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestAnAliasIsLookedUp(t *testing.T) {
	h := newHouse(t)
	for lang, want := range map[string]string{"en": "Riverside Bank", "zh-CN": "江畔银行"} {
		ask := func(alias string) (int, string) {
			w := h.do(t, "POST", "/alias", ask{as: "in", lang: lang, form: url.Values{tokenField: {h.passkeys.CSRF(lin)}, "alias": {alias}}})
			return w.Code, w.Body.String()
		}
		status, body := ask("acct_of_ac_1")
		found := find(t, body, byID("alias-found"))
		if status != http.StatusOK || len(found) != 1 || attr(found[0], "role") != "status" || !strings.Contains(body, want) || !strings.Contains(body, "余额") {
			t.Errorf("%s: %d, %d answers: %s", lang, status, len(found), body)
		}
		status, body = ask("acct_of_ac_99")
		wrong := find(t, body, byID("alias-wrong"))
		if status != http.StatusNotFound || len(wrong) != 1 || attr(wrong[0], "role") != "alert" || strings.Contains(body, "ac_99") {
			t.Errorf("%s: of nobody: %d, %d answers, repeated: %t", lang, status, len(wrong), strings.Contains(body, "ac_99"))
		}
		if again, other := ask(strings.Repeat("9", 70)); again != status || other != body {
			t.Errorf("%s: two aliases of nobody answer differently", lang)
		}
		if len(find(t, body, byID("alias"))) != 1 {
			t.Error("there is no field to try again in")
		}
	}
	if w := h.get(t, "/alias", "", ""); w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/signin") {
		t.Errorf("signed out: %d to %q", w.Code, w.Header().Get("Location"))
	}
}

func TestLookingUpIsBraked(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Lookups = &twice{} })
	form := url.Values{"alias": {"acct_of_ac_1"}}
	for n := range 3 {
		w := h.post(t, "/alias", form)
		if limited := w.Code == http.StatusTooManyRequests; limited != (n == 2) {
			t.Errorf("try %d: %d", n, w.Code)
		} else if limited && w.Header().Get("Retry-After") != "150" {
			t.Errorf("come back after %q, want %v", w.Header().Get("Retry-After"), 150*time.Second)
		}
	}
}
