package fdx

import (
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"jali/connectors"
)

// Each code of the published table, under the statuses it is published with.
func TestErrorCodes(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		want   error
		why    string
	}{
		{400, `{"code":401,"message":"Input invalid"}`, connectors.ErrRefused, "codes stand as numbers in the examples"},
		{400, `{"code":"401","message":"Input invalid"}`, connectors.ErrRefused, "and as text in the schema"},
		{403, `{"code":"403"}`, connectors.ErrRefused, "forbidden: ours, no person mends it"},
		{500, `{"code":"500"}`, connectors.ErrDown, "internal error"},
		{500, `{"code":"501"}`, connectors.ErrDown, "subsystem unavailable"},
		{503, `{"code":"503"}`, connectors.ErrDown, "scheduled maintenance"},
		{404, `{"code":"601"}`, connectors.ErrUnauthorized, "customer not found"},
		{401, `{"code":"602"}`, connectors.ErrUnauthorized, "customer not authorized, as version 5 has it"},
		{403, `{"code":"602"}`, connectors.ErrUnauthorized, "and version 6: the consent has ended"},
		{401, `{"code":"603"}`, connectors.ErrUnauthorized, "authentication failed"},
		{404, `{"code":"701"}`, connectors.ErrRefused, "account not found"},
		{400, `{"code":"702"}`, connectors.ErrRefused, "invalid date"},
		{400, `{"code":"703"}`, connectors.ErrRefused, "invalid date range"},
		{422, `{"code":"704"}`, connectors.ErrRefused, "account type not supported"},
		{409, `{"code":"705"}`, connectors.ErrRefused, "account is closed"},
		{500, `{"code":"1000"}`, connectors.ErrDown, "keys cannot be retrieved"},
		{404, `{"code":"1104"}`, errNothing, "statement not found"},
		{501, `{"code":"1106"}`, connectors.ErrRefused, "version not supported: waiting does not help"},
		{404, `{"code":"1107"}`, errNothing, "no data for what was asked"},
		{404, `{"code":"1108"}`, errNothing, "no statements"},
		{406, `{"code":"1203"}`, connectors.ErrRefused, "content type"},
		{405, `{"code":"1206"}`, connectors.ErrRefused, "method"},
		{429, `{"code":"1207"}`, connectors.ErrBusy, "too many requests"},
		{400, `{"code":"1207"}`, connectors.ErrBusy, "under another status"},
		{400, `{"code":"1300"}`, connectors.ErrRefused, "statement is processing"},
		{401, ``, connectors.ErrUnauthorized, "a gateway's 401"},
		{401, `{"code":"701"}`, connectors.ErrUnauthorized, "401 is 401 whatever else is said"},
		{404, `<html>`, connectors.ErrRefused, "a page"},
		{404, `{"code":"9999"}`, connectors.ErrRefused, "a code of nobody's"},
		{502, `{"code":"701"}`, connectors.ErrDown, "a failure is one whatever its code"},
		{302, `{"code":"1107"}`, connectors.ErrMalformed, "redirects are not followed, nor are codes in them"},
	} {
		l := &lender{files: map[string]string{"/accounts": tt.body}, status: map[string]int{"/accounts": tt.status}}
		c := connect(t, l)
		_, err := c.call(t.Context(), http.MethodGet, c.api.JoinPath("accounts"), "A-canary", nil, nil)
		if !is(err, tt.want) {
			t.Errorf("%d %s: %v, want %v (%s)", tt.status, tt.body, err, tt.want, tt.why)
		}
	}
}

// A list without rows is told as an error; it is an empty list.
func TestNothingIsNoError(t *testing.T) {
	c := connect(t, &lender{files: map[string]string{"/accounts/loc-1": file(t, "loc-v6.json")}})
	page, err := c.Bills(t.Context(), linked, line, now.AddDate(0, 0, -7), now, "")
	if err != nil || len(page.Bills) != 0 || page.Next != "" || page.Covers != (connectors.Span{}) {
		t.Errorf("%+v, %v", page, err)
	}
	all, err := c.Accounts(t.Context(), linked)
	if err != nil || len(all) != 0 {
		t.Errorf("%d accounts, %v", len(all), err)
	}
	statements, err := c.Statements(t.Context(), linked, line, now.AddDate(0, -1, 0), now)
	if err != nil || len(statements) != 1 || statements[0].ID != "2026-10-01" {
		t.Errorf("%+v, %v", statements, err)
	}
}

func TestWhatTheLenderIsToldOfThePerson(t *testing.T) {
	l := &lender{files: map[string]string{"/accounts": file(t, "accounts-v6.json")}}
	c := connect(t, l)
	there := connectors.Presence{IP: netip.MustParseAddr("::ffff:203.0.113.9"), UserAgent: "a phone", Since: now.Add(-time.Minute)}
	for _, tt := range []struct {
		why  string
		with *connectors.Presence
		want map[string]string
	}{
		{"nobody is there", nil, map[string]string{"FDX-API-Actor-Type": "BATCH", "x-fapi-customer-ip-address": "", "x-fapi-auth-date": "", "x-customer-user-agent": ""}},
		{"there, and no more is known", &connectors.Presence{}, map[string]string{"FDX-API-Actor-Type": "USER", "x-fapi-customer-ip-address": ""}},
		{"there", &there, map[string]string{"FDX-API-Actor-Type": "USER", "x-fapi-customer-ip-address": "203.0.113.9",
			"x-fapi-auth-date": "Tue, 20 Oct 2026 03:59:00 GMT", "x-customer-user-agent": "a phone"}},
	} {
		ctx := t.Context()
		if tt.with != nil {
			ctx = connectors.Present(ctx, *tt.with)
		}
		if _, err := c.Accounts(ctx, linked); err != nil {
			t.Fatal(err)
		}
		h := l.heads[len(l.heads)-1]
		for name, want := range tt.want {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", tt.why, name, h.Get(name), want)
			}
		}
		if id := h.Get("x-fapi-interaction-id"); !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
			t.Errorf("%s: the interaction id is %q", tt.why, id)
		}
	}
	l.echo = "c770aef3-6784-41f7-8e0e-ff5f97bddb3a"
	if _, err := c.Accounts(t.Context(), linked); !is(err, connectors.ErrMalformed) {
		t.Errorf("the answer to another call: %v", err)
	}
}

// Cursors are the institution's; where they lead is not.
func TestPagesGoOnInsideTheAPI(t *testing.T) {
	row := func(id string) string {
		return fmt.Sprintf(`{"accountCategory":"LOC_ACCOUNT","accountId":"loc-1","transactionId":%q,"transactionTimestamp":"2026-10-19T01:00:00Z","debitCreditMemo":"DEBIT","status":"POSTED","amount":1,"description":"x"}`, id)
	}
	const path = "/accounts/loc-1/transactions"
	page := func(how string, rows string) string { return `{` + how + `,"transactions":[` + rows + `]}` }
	for _, tt := range []struct {
		why   string
		files map[string]string
		want  int
		err   error
	}{
		{"nextPageKey", map[string]string{path: page(`"page":{"nextPageKey":"k 1"}`, row("a")), path + "?pageKey=k 1": page(`"page":{}`, row("b"))}, 2, nil},
		{"nextOffset", map[string]string{path: page(`"page":{"nextOffset":"2"}`, row("a")), path + "?offset=2": page(`"page":{}`, row("b"))}, 2, nil},
		{"a link alone, of the examples' spelling", map[string]string{path: page(`"links":{"next":{"href":"/accounts/loc-1/transactions?offSet=2&limit=10"}}`, row("a")), path + "?offset=2": page(`"page":{}`, row("b"))}, 2, nil},
		{"a link to elsewhere, of which the cursor alone is taken", map[string]string{path: page(`"links":{"next":{"href":"https://evil.example/?pageKey=z"}}`, row("a")), path + "?pageKey=z": page(`"page":{}`, row("b"))}, 2, nil},
		{"a link without a cursor", map[string]string{path: page(`"links":{"next":{"href":"https://evil.example/"}}`, row("a"))}, 0, connectors.ErrMalformed},
		{"itself for ever", map[string]string{path: page(`"page":{"nextOffset":"2"}`, row("a")), path + "?offset=2": page(`"page":{"nextOffset":"2"}`, row("b"))}, 1, connectors.ErrMalformed},
		{"no list", map[string]string{path: `{"page":{}}`}, 0, connectors.ErrMalformed},
	} {
		c := connect(t, &lender{files: tt.files})
		got := 0
		var err error
		for next := connectors.Cursor(""); err == nil; {
			var p connectors.Page
			if p, err = c.Bills(t.Context(), linked, line, now.AddDate(0, 0, -7), now, next); err == nil {
				got += len(p.Bills)
				if next = p.Next; next == "" {
					break
				}
			}
		}
		if got != tt.want || !is(err, tt.err) {
			t.Errorf("%s: %d rows, %v; want %d, %v", tt.why, got, err, tt.want, tt.err)
		}
	}
	c := connect(t, &lender{})
	for _, cursor := range []connectors.Cursor{"x", `{"by":"x","value":"1","page":1}`, `{"by":"offset","value":"","page":1}`, `{"by":"offset","value":"1","page":501}`, `{"by":"limit","value":"1","page":1}`} {
		if _, err := c.Bills(t.Context(), linked, line, now.AddDate(0, 0, -1), now, cursor); !is(err, connectors.ErrRefused) {
			t.Errorf("cursor %s: %v, want ErrRefused", cursor, err)
		}
	}
}
