package alipay

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"jali/connectors"
)

func TestOnlySignedBytesAreBelieved(t *testing.T) {
	const name = "alipay_data_bill_balance_query_response"
	good := `{"code":"10000","available_amount":"1.00","x":"a\/b"}`
	ask := func(mangle func(string) string) error {
		c := connect(t, &gatewayStub{t: t, mangle: mangle, answer: func(url.Values) (string, string) { return name, good }})
		_, err := c.Balances(context.Background(), linked, []connectors.AccountRef{own})
		return err
	}
	replace := func(old, new string) func(string) string {
		return func(b string) string {
			if !strings.Contains(b, old) {
				t.Fatalf("the answer holds no %s", old)
			}
			return strings.Replace(b, old, new, 1)
		}
	}
	for _, tt := range []struct {
		why    string
		mangle func(string) string
		want   error
	}{
		{"untouched", nil, nil},
		{"spaces around the response", func(b string) string { return " {" + strings.Replace(b[1:], ":{", " : {", 1) + "\n" }, nil},
		{"sign first", func(string) string { return `{"sign":"` + signed(good) + `","` + name + `":` + good + `}` }, nil},
		{"a certificate number beside it", replace(`"sign"`, `"alipay_cert_sn":"1","sign"`), nil},
		{"a changed sum", replace("1.00", "9.00"), connectors.ErrUnsigned},
		{"re-serialized: the slash lost its backslash", replace(`\/`, `/`), connectors.ErrUnsigned},
		{"a space inside", replace(`{"code"`, `{ "code"`), connectors.ErrUnsigned},
		{"no sign", func(string) string { return `{"` + name + `":` + good + `}` }, connectors.ErrUnsigned},
		{"an empty sign", func(string) string { return `{"` + name + `":` + good + `,"sign":""}` }, connectors.ErrUnsigned},
		{"another's answer", replace(name, "alipay_system_oauth_token_response"), connectors.ErrMalformed},
		{"the response twice", func(b string) string { return `{"` + name + `":{"code":"10000","available_amount":"9"},` + b[1:] }, connectors.ErrMalformed},
		{"twice, the name escaped", func(b string) string {
			return `{"\u0061` + name[1:] + `":{"code":"10000","available_amount":"9"},` + b[1:]
		}, connectors.ErrMalformed},
		{"an error beside it", func(b string) string { return `{"error_response":{"code":"20000"},` + b[1:] }, connectors.ErrMalformed},
		{"two signs", func(b string) string { return `{"sign":"x",` + b[1:] }, connectors.ErrMalformed},
		{"something behind it", func(b string) string { return b + `{}` }, connectors.ErrMalformed},
		{"cut short", func(b string) string { return b[:len(b)-3] }, connectors.ErrMalformed},
		{"a response that is a string", func(string) string { return `{"` + name + `":"","sign":"` + signed(`""`) + `"}` }, connectors.ErrMalformed},
		{"an unsigned error", func(string) string { return `{"error_response":{"code":"40002","sub_code":"isv.invalid-app-id"}}` }, connectors.ErrRefused},
		{"an unsigned word about the person's token", func(string) string { return `{"error_response":{"code":"20001","sub_code":"aop.invalid-auth-token"}}` }, connectors.ErrUnsigned},
		{"a wrongly signed error", func(string) string {
			return `{"error_response":{"code":"20001"},"sign":"` + signed("x") + `"}`
		}, connectors.ErrUnsigned},
		{"a page", func(string) string { return `<html>` }, connectors.ErrMalformed},
		{"nothing", func(string) string { return `` }, connectors.ErrMalformed},
	} {
		if err := ask(tt.mangle); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
}

// What stands before the gateway knows nothing of a person's token.
func TestAStatusEndsNobodysConnection(t *testing.T) {
	for status, want := range map[int]error{401: connectors.ErrRefused, 403: connectors.ErrRefused, 429: connectors.ErrBusy, 502: connectors.ErrDown, 302: connectors.ErrMalformed} {
		c := connect(t, &gatewayStub{t: t, status: status, answer: func(url.Values) (string, string) {
			return "alipay_data_bill_balance_query_response", `{"code":"20001","sub_code":"aop.invalid-auth-token"}`
		}})
		_, err := c.Balances(context.Background(), linked, []connectors.AccountRef{own})
		if !errors.Is(err, want) || errors.Is(err, connectors.ErrUnauthorized) {
			t.Errorf("status %d: %v, want %v", status, err, want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"r_response":{"code":"10000","a":"\/"},"sign":"x"}`))
	f.Add([]byte(`{"error_response":{},"sign":"x"}`))
	f.Add([]byte(` {"sign" : "" , "r_response" : { } } `))
	f.Add([]byte(`{"r_response":{},"r_response":{}}`))
	f.Add([]byte("{\"r_response\":{},\"sign\":\"\"}\v")) // a space to Go, not to JSON
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := open(body, "r_response")
		if err != nil {
			return
		}
		raw := e.raw
		if !json.Valid(raw) {
			return // whoever decodes it finds out
		}
		var whole map[string]json.RawMessage
		if json.Unmarshal(body, &whole) != nil {
			t.Fatalf("open took what is not JSON: %q", body)
		}
		value, ok := whole["r_response"]
		if !ok {
			value = whole["error_response"]
		}
		if string(value) != string(raw) {
			t.Errorf("open saw %q, a JSON reader sees %q", raw, value)
		}
	})
}
