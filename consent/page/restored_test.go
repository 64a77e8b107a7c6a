package page

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"jali/internal/audit"
	"jali/internal/kv"
)

// A person is told once that an older copy was put back, and which grants ended
// for it, until they put it away; their activity goes on saying so.
func TestARestoreIsToldUntilDismissed(t *testing.T) {
	h := newHouse(t)
	h.remember(t)
	at := now.Add(-2 * time.Minute)
	if err := h.db.Update(t.Context(), func(tx kv.Tx) error {
		if err := audit.Append(tx, audit.Event{ID: "restored", At: at, Person: string(lin.Person), Verb: audit.DataRestored}); err != nil {
			return err
		}
		return audit.Append(tx, audit.Event{ID: "ended", At: at.Add(time.Second), Person: string(lin.Person), Client: string(bank.ID),
			Verb: audit.GrantRevoked, On: "gr_live", Facts: map[string]string{"by": "restore"}})
	}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ language, home, activity string }{
		{"en", "1 grant has ended", "ended: an older copy was put back"},
		{"zh-CN", "1 项授权已经结束", "授权已结束：数据恢复到了较早的备份"},
	} {
		home := h.get(t, "/", "in", tt.language).Body.String()
		links := find(t, home, func(n *html.Node) bool { return n.Data == "a" && within2(n, "notices restored") })
		if len(links) != 1 || attr(links[0], "href") != "/grants/gr_live" || !strings.Contains(home, tt.home) {
			t.Errorf("%s: home leads to %d ended grants, want the one, and %q", tt.language, len(links), tt.home)
		}
		if activity := h.get(t, "/activity", "in", tt.language).Body.String(); !strings.Contains(activity, tt.activity) {
			t.Errorf("%s: the activity does not say %q", tt.language, tt.activity)
		}
	}
	body := h.get(t, "/", "in", "en").Body.String()
	until := attr(find(t, body, func(n *html.Node) bool { return attr(n, "name") == "until" && attr(n, "type") == "hidden" })[0], "value")
	if w := h.post(t, "/notices/dismiss", url.Values{"until": {until}}); w.Code != 303 {
		t.Fatalf("dismiss: %d", w.Code)
	}
	if home := h.get(t, "/", "in", "en").Body.String(); strings.Contains(home, `id="restored"`) {
		t.Error("it is told again")
	}
}
