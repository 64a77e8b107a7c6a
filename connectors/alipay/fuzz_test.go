package alipay

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"jali/connectors"
	"jali/internal/fault"
)

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Whatever the platform answers by either protocol, truly signed or not, becomes
// what a caller may believe, or a fault with a kind.
func FuzzAnswers(f *testing.F) {
	for _, name := range []string{"accountlog.json", "buy.json", "transfer.json"} {
		f.Add(testdata(f, name), 200, false, true)
		f.Add(testdata(f, name), 200, true, true)
	}
	f.Add(`{"user_id":"2088000000000001","access_token":"a","refresh_token":"r","expires_in":"3600"}`, 200, false, true)
	f.Add(`{"code":"10000","total_amount":"12.00","available_amount":"10.00","freeze_amount":"2.00","ending_balance":"9.00"}`, 200, true, true)
	f.Add(`{"code":"10000","bill_download_url":"https://alipay.example/file?x=1"}`, 200, false, true)
	f.Add(`{"code":"20001","sub_code":"aop.invalid-auth-token"}`, 200, false, false)
	f.Add(`{"code":"invalid-auth-token"}`, 401, true, true)
	f.Add(`{"code":"BILL_NOT_EXIST"}`, 400, true, true)
	f.Add(`{"code":"BILL_NOT_EXIST"}`, 400, true, false) // a month is empty by a signed word alone
	f.Add(`{"error_response":{"code":"40004","sub_code":"isp.bill_not_exist"}}`, 200, false, false)
	f.Fuzz(func(t *testing.T, body string, status int, rest, sign bool) {
		if status < 100 || status > 599 {
			t.Skip()
		}
		asked := 0
		client := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			if asked++; asked > 100 {
				t.Fatal("it asks without an end")
			}
			if r.URL.Host != "alipay.example" {
				t.Fatalf("it asks %s", r.URL.Host)
			}
			h, text := http.Header{}, body
			switch {
			case strings.HasPrefix(r.URL.Path, "/v3/") && sign:
				h.Set("alipay-timestamp", "1")
				h.Set("alipay-nonce", "n")
				h.Set("alipay-signature", signed("1\nn\n"+body+"\n"))
			case r.URL.Path == "/gateway.do" && sign:
				if err := r.ParseForm(); err != nil {
					t.Fatal(err)
				}
				text = `{"` + responseOf(r.Form.Get("method")) + `":` + body + `,"sign":"` + signed(body) + `"}`
			}
			return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(text)), Request: r, ContentLength: -1}, nil
		})}
		as := config(t, "https://alipay.example", client)
		if rest {
			as.API = "https://alipay.example"
		}
		c, err := New(as)
		if err != nil {
			t.Fatal(err)
		}
		known := func(err error) bool {
			var e *fault.Error
			switch {
			case err != nil && !errors.As(err, &e):
				t.Fatalf("an error without a kind: %v", err)
			case !sign && errors.Is(err, connectors.ErrUnauthorized):
				t.Fatalf("an unsigned word ends a connection: %v", err)
			}
			return err == nil
		}
		ctx := t.Context()
		if all, err := c.Balances(ctx, linked, []connectors.AccountRef{own}); known(err) {
			if !sign {
				t.Fatalf("an unsigned answer is believed: %+v", all)
			}
			for _, b := range all {
				if b.Amount.Currency != cny || b.Amount.Minor < 0 || b.Kind == "" || b.AsOf.After(now) {
					t.Fatalf("a balance became %+v", b)
				}
			}
		}
		for _, months := range []int{1, 40} { // by the log, and by a file
			from := now.AddDate(0, -months, 0)
			to := from.AddDate(0, 0, 20)
			if page, err := c.Bills(ctx, linked, own, from, to, ""); known(err) {
				if !sign && (len(page.Bills) > 0 || page.Next != "" || page.Covers != (connectors.Span{From: to, To: to})) {
					t.Fatalf("an unsigned answer is believed: %+v", page)
				}
				for _, b := range page.Bills {
					if b.ID == "" || b.Amount.Minor < 0 || b.Kind == "" || b.Direction == "" || b.At.Before(from) || !b.At.Before(to) {
						t.Fatalf("a row became %+v", b)
					}
				}
			}
		}
		if k, err := c.Finish(ctx, connectors.Linking{}, url.Values{"auth_code": {"C"}}); known(err) {
			if _, err := read(k); err != nil {
				t.Fatal("a credential that opens nothing")
			}
		}
		if k, err := c.Refresh(ctx, linked); known(err) {
			if got, err := read(k); err != nil || got.User != own.ID.RevealString() {
				t.Fatal("a refresh became another's credential")
			}
		}
	})
}
