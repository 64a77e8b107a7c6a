package wechatpay

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"jali/connectors"
	"jali/internal/fault"
)

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// fuzzed is a connector to whom everything is answered with what is said.
func fuzzed(f *testing.F) (c *Connector, say func(t *testing.T, body string, status int, h http.Header)) {
	var answer func(r *http.Request) (*http.Response, error)
	c, err := New(config(f, "https://platform.example", &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) { return answer(r) })}))
	if err != nil {
		f.Fatal(err)
	}
	return c, func(t *testing.T, body string, status int, h http.Header) {
		asked := 0
		answer = func(r *http.Request) (*http.Response, error) {
			if asked++; asked > 64 {
				t.Fatal("it asks without an end")
			}
			if r.URL.Host != "platform.example" {
				t.Fatalf("it asks %s", r.URL.Host)
			}
			return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r, ContentLength: -1}, nil
		}
	}
}

// Whatever the platform answers, signed, to whatever it was asked, nothing
// comes of it but what the vocabulary allows, or a fault that says whose it is;
// and unsigned, nothing at all but a link.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"sub_mchid":"1230000109","account_type":"BASIC","available_amount":10000,"pending_amount":1}`,
		`{"download_url":"https://platform.example/v3/billdownload/file?token=xxx","hash_type":"SHA1","hash_value":"79bb0f45fc4c42234a918000b2668d689e2bde04"}`,
		`{"download_bill_count":1,"download_bill_list":[{"bill_sequence":1,"download_url":"https://platform.example/v3/bill/downloadurl?token=xxx","encrypt_key":"AAAA","hash_type":"SHA1","hash_value":"79bb0f45fc4c42234a918000b2668d689e2bde04","nonce":"a8607ef79034c49c"}]}`,
		`{"code":"NO_STATEMENT_EXIST","message":"请求的账单文件不存在"}`, `{"code":"NO_AUTH","message":""}`,
		`{"access_token":"A1","expires_in":7200,"refresh_token":"R1","openid":"o1","scope":"snsapi_base","sub_mchid":"1230000109"}`, `{"errcode":40163,"errmsg":"code been used"}`,
	} {
		f.Add(body, 200)
		f.Add(body, 400)
	}
	c, say := fuzzed(f)
	f.Fuzz(func(t *testing.T, body string, status int) {
		if status < 100 || status > 599 {
			t.Skip()
		}
		known := func(err error) bool {
			var e *fault.Error
			if err != nil && !errors.As(err, &e) {
				t.Fatalf("an error without a kind: %v", err)
			}
			return err == nil
		}
		ctx, refs := t.Context(), []connectors.AccountRef{own}
		for _, signed := range []bool{true, false} {
			h := http.Header{}
			if signed {
				sign(h, body, now)
			}
			say(t, body, status, h)
			if all, err := c.Balances(ctx, linked, refs); known(err) {
				for _, b := range all {
					if !signed || b.Amount.Minor < 0 || b.Amount.Currency != cny || !b.Account.ID.Equal(own.ID) {
						t.Fatalf("signed %v: %+v", signed, b)
					}
				}
			}
			page, err := c.Bills(ctx, linked, own, midnight(now.Add(-3*day)), midnight(now.Add(-2*day)), "")
			if known(err) && (!signed || len(page.Bills) > 0) { // no file has that hash
				t.Fatalf("signed %v: %+v", signed, page)
			}
			if k, err := c.Finish(ctx, connectors.Linking{}, url.Values{"code": {"c"}}); known(err) {
				if _, err := read(k); err != nil {
					t.Fatalf("a credential that does not serve: %v", err)
				}
			}
			if k, err := c.Refresh(ctx, linked); known(err) {
				if got, err := read(k); err != nil || got.Merchant != merchant || got.OpenID != "oPerson-canary" || !time.Unix(got.Until, 0).After(now) {
					t.Fatalf("a credential of somebody else, or of the past: %v", err)
				}
			}
		}
	})
}
