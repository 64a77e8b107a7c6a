package page

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// A file that names no account is asked about; what is said of it goes with the
// yes, and is there again when the yes was not enough.
func TestAFileThatNamesNoAccount(t *testing.T) {
	h := newHouse(t)
	send := func(content string) string {
		return h.uploadFile(t, h.passkeys.CSRF(lin), content, "en").Body.String()
	}
	body := send("nameless")
	asked := find(t, body, func(n *html.Node) bool { return n.Data == "fieldset" && attr(n, "class") == "whose" })
	if len(asked) != 1 || attr(asked[0], "data-why") != "another" || strings.Contains(body, hostile) {
		t.Fatalf("it asks %d times: %s", len(asked), body)
	}
	var chosen []string
	options := find(t, body, func(n *html.Node) bool { return n.Data == "option" && attr(n.Parent, "name") == "to.up_1.0" })
	for _, o := range options {
		if slices.ContainsFunc(o.Attr, func(a html.Attribute) bool { return a.Key == "selected" }) {
			chosen = append(chosen, attr(o, "value"))
		}
	}
	if len(options) != 3 || !slices.Equal(chosen, []string{"another"}) {
		t.Errorf("%d accounts to choose from, chosen %q", len(options), chosen)
	}
	q := fields(find(t, body, func(n *html.Node) bool { return attr(n, "id") == "accept" })[0])
	q.Set("to.up_1.0", "another")
	q.Set("called.up_1.0", " ")
	if w := h.post(t, "/upload/accept", q); w.Code != 400 || !strings.Contains(w.Body.String(), `data-code="account_name_invalid"`) {
		t.Errorf("another without a name: %d", w.Code)
	}
	q.Set("to.up_1.0", "")
	q.Set("called.up_1.0", "工资卡")
	if w := h.post(t, "/upload/accept", q); w.Code != 400 || !strings.Contains(w.Body.String(), `data-code="account_unclear"`) || !strings.Contains(w.Body.String(), `value="工资卡"`) {
		t.Errorf("nothing chosen: %d", w.Code)
	}
	q.Set("to.up_1.0", "another")
	if w := h.post(t, "/upload/accept", q); w.Code != 303 {
		t.Errorf("another: %d", w.Code)
	}
	send("nameless")
	q.Set("u", "up_2")
	q.Set("take", "up_2")
	q.Set("to.up_2.0", "ac_9")
	q.Set("called.up_2.0", "账户 3")
	h.post(t, "/upload/accept", q)
	body = send("nameless first")
	if strings.Contains(body, `name="to.up_3.0"`) || !strings.Contains(body, `name="called.up_3.0"`) {
		t.Error("of the first of its sort it is asked which it is, or not what it is called")
	}
	q.Set("u", "up_3")
	q.Set("take", "up_3")
	q.Set("called.up_3.0", "")
	h.post(t, "/upload/accept", q)
	if want := []string{"accept up_1 of 工资卡", "accept up_2 of ac_9", "accept up_3"}; !slices.Equal(h.accounts.deeds, want) {
		t.Errorf("deeds are %q, want %q", h.accounts.deeds, want)
	}
}
