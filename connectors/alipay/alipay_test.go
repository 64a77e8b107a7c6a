package alipay

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/dial"
	"jali/internal/fault"
	"jali/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	ourKey    = sync.OnceValue(newKey)
	alipayKey = sync.OnceValue(newKey)
	now       = time.Date(2026, 10, 20, 12, 0, 0, 0, beijing)
)

func newKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

// gatewayStub answers as the published gateway does: it checks our signature
// on its own, and signs what answer gives it.
type gatewayStub struct {
	t      *testing.T
	answer func(form url.Values) (name, response string)
	mangle func(body string) string
	calls  []url.Values
}

func (g *gatewayStub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		g.t.Error(err)
	}
	form := r.PostForm
	g.calls = append(g.calls, form)
	var pairs []string
	for k := range form {
		if k != "sign" {
			pairs = append(pairs, k+"="+form.Get(k))
		}
	}
	slices.Sort(pairs)
	sum := sha256.Sum256([]byte(strings.Join(pairs, "&")))
	sig, _ := base64.StdEncoding.DecodeString(form.Get("sign"))
	if err := rsa.VerifyPKCS1v15(&ourKey().PublicKey, crypto.SHA256, sum[:], sig); err != nil {
		g.t.Errorf("our request is not signed as published: %v", err)
	}
	name, response := g.answer(form)
	body := `{"` + name + `":` + response + `,"sign":"` + signed(response) + `"}`
	if g.mangle != nil {
		body = g.mangle(body)
	}
	fmt.Fprint(w, body)
}

func signed(response string) string {
	sum := sha256.Sum256([]byte(response))
	sig, err := rsa.SignPKCS1v15(rand.Reader, alipayKey(), crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(sig)
}

func connect(t *testing.T, h http.Handler) *Connector {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	c, err := New(config(t, srv.URL, client))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func config(t *testing.T, base string, client *http.Client) Config {
	t.Helper()
	private, err := x509.MarshalPKCS8PrivateKey(ourKey())
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&alipayKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Gateway: base + "/gateway.do", Authorize: base + "/oauth2/publicAppAuthorize.htm", AppID: "2021000000000001",
		Key: secret.Of(base64.StdEncoding.EncodeToString(private)), AlipayKey: base64.StdEncoding.EncodeToString(public),
		HTTP: client, Now: func() time.Time { return now },
	}
}

var linked = secret.Of(`{"user":"2088000000000001","access":"authusrB-canary","refresh":"refresh-canary","until":1792576800}`)

var own = connectors.AccountRef{ID: secret.Of("2088000000000001")}

func TestNewSaysWhatIsWrongWithItsConfig(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(ourKey())})
	for _, tt := range []struct {
		why    string
		change func(*Config)
		ok     bool
	}{
		{"as it is", func(*Config) {}, true},
		{"PKCS#1 in PEM", func(c *Config) { c.Key = secret.New(pkcs1) }, true},
		{"the live platform", func(c *Config) { c.Gateway, c.Authorize = "", "" }, true},
		{"no app", func(c *Config) { c.AppID = "" }, false},
		{"no key", func(c *Config) { c.Key = secret.Value{} }, false},
		{"a short key", func(c *Config) {
			c.Key = secret.Of(base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(small)))
		}, false},
		{"a private key for Alipay's", func(c *Config) { c.AlipayKey = c.Key.RevealString() }, false},
		{"http to the world", func(c *Config) { c.Gateway = "http://openapi.alipay.com/gateway.do" }, false},
		{"no address", func(c *Config) { c.Authorize = "somewhere" }, false},
	} {
		c := config(t, "http://127.0.0.1:1", http.DefaultClient)
		tt.change(&c)
		if _, err := New(c); (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok %v", tt.why, err, tt.ok)
		}
	}
}

func TestLinkRefreshAndStale(t *testing.T) {
	g := &gatewayStub{t: t}
	g.answer = func(form url.Values) (string, string) {
		if form.Get("method") != "alipay.system.oauth.token" {
			t.Errorf("method %q", form.Get("method"))
		}
		switch {
		case form.Get("grant_type") == "authorization_code" && form.Get("code") == "good":
			return "alipay_system_oauth_token_response", `{"user_id":"2088000000000001","access_token":"A1","expires_in":3600,"re_expires_in":"7200","refresh_token":"R1"}`
		case form.Get("grant_type") == "refresh_token" && form.Get("refresh_token") == "R1":
			return "alipay_system_oauth_token_response", `{"user_id":"2088000000000001","access_token":"A2","expires_in":"3600","refresh_token":"R2"}`
		case form.Get("grant_type") == "refresh_token" && form.Get("refresh_token") == "R2":
			return "alipay_system_oauth_token_response", `{"user_id":"2088000000000002","access_token":"A3","expires_in":3600,"refresh_token":"R3"}`
		case form.Get("grant_type") == "refresh_token":
			return "error_response", `{"code":"40002","msg":"Invalid Arguments","sub_code":"isv.refresh-token-invalid","sub_msg":"刷新令牌无效"}`
		}
		return "error_response", `{"code":"40002","msg":"Invalid Arguments","sub_code":"isv.code-invalid","sub_msg":"授权码code无效"}`
	}
	c := connect(t, g)
	ctx := context.Background()
	l, err := c.Begin(ctx, "state-of-128-bits", "https://jali.example/link")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(l.URL)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{"app_id": {"2021000000000001"}, "scope": {"auth_user"}, "redirect_uri": {"https://jali.example/link"}, "state": {"state-of-128-bits"}}
	if d := cmp.Diff(want, u.Query()); d != "" || u.Path != "/oauth2/publicAppAuthorize.htm" {
		t.Errorf("authorize at %s:\n%s", u.Path, d)
	}
	for why, q := range map[string]url.Values{
		"no code":               {"error_scope": {"auth_user"}},
		"two codes":             {"auth_code": {"good", "good"}},
		"a code of another app": {"auth_code": {"good"}, "app_id": {"2021000000000002"}},
		"a code that is spent":  {"auth_code": {"bad"}},
	} {
		if _, err := c.Finish(ctx, l, q); !errors.Is(err, connectors.ErrLinkRefused) {
			t.Errorf("%s: %v, want ErrLinkRefused", why, err)
		}
	}
	k, err := c.Finish(ctx, l, url.Values{"auth_code": {"good"}, "app_id": {"2021000000000001"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Stale(k, now) || !c.Stale(k, now.Add(59*time.Minute+30*time.Second)) {
		t.Error("a token of an hour is stale in its last minute, not before")
	}
	k2, err := c.Refresh(ctx, k)
	if err != nil {
		t.Fatal(err)
	}
	if got := k2.RevealString(); !strings.Contains(got, `"A2"`) || !strings.Contains(got, `"R2"`) {
		t.Error("the refreshed credential does not hold the new tokens")
	}
	if _, err := c.Refresh(ctx, k2); !errors.Is(err, connectors.ErrMalformed) {
		t.Errorf("tokens of another user: %v, want ErrMalformed", err)
	}
	if _, err := c.Refresh(ctx, linked); !errors.Is(err, connectors.ErrUnauthorized) {
		t.Errorf("a dead refresh token: %v, want ErrUnauthorized", err)
	}
	accounts, err := c.Accounts(ctx, k2)
	if err != nil || len(accounts) != 1 || !accounts[0].Ref.ID.Equal(own.ID) || accounts[0].Kind != connectors.WalletBalance {
		t.Errorf("accounts %v, %v", accounts, err)
	}
}

func TestBalances(t *testing.T) {
	for _, tt := range []struct {
		response string
		want     map[connectors.BalanceKind]int64
		err      error
	}{
		{`{"code":"10000","total_amount":"1000.05","available_amount":"900.05","freeze_amount":"100","settle_amount":"3"}`,
			map[connectors.BalanceKind]int64{connectors.Current: 100005, connectors.Available: 90005, connectors.Frozen: 10000}, nil},
		{`{"code":"10000","available_amount":"0.00"}`, map[connectors.BalanceKind]int64{connectors.Available: 0}, nil},
		{`{"code":"10000","total_amount":"5"}`, nil, connectors.ErrMalformed},
		{`{"code":"10000","available_amount":"NaN"}`, nil, connectors.ErrMalformed},
		{`{"code":"10000","available_amount":"1e400"}`, nil, connectors.ErrMalformed},
		{`{"code":"10000","available_amount":"-0.01"}`, nil, connectors.ErrMalformed},
		{`{"code":"10000","available_amount":10.50}`, nil, connectors.ErrMalformed}, // yuan come as strings; a number may have been a float
		{`{"code":"10000","available_amount":"10.505"}`, nil, connectors.ErrMalformed},
	} {
		g := &gatewayStub{t: t, answer: func(form url.Values) (string, string) {
			if form.Get("auth_token") != "authusrB-canary" {
				t.Error("the user's token was not sent")
			}
			return "alipay_data_bill_balance_query_response", tt.response
		}}
		c := connect(t, g)
		got, err := c.Balances(context.Background(), linked, []connectors.AccountRef{own, {ID: secret.Of("another")}})
		if !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, want %v", tt.response, err, tt.err)
		}
		sums := map[connectors.BalanceKind]int64(nil)
		for _, b := range got {
			if sums == nil {
				sums = map[connectors.BalanceKind]int64{}
			}
			sums[b.Kind] = b.Amount.Minor
		}
		if d := cmp.Diff(tt.want, sums); d != "" {
			t.Errorf("%s:\n%s", tt.response, d)
		}
	}
}

func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		code, sub string
		want      error
	}{
		{"20000", "isp.unknow-error", connectors.ErrDown},
		{"20001", "aop.auth-token-time-out", connectors.ErrUnauthorized},
		{"20001", "aop.invalid-auth-token", connectors.ErrUnauthorized},
		{"40001", "isv.missing-method", connectors.ErrRefused},
		{"40002", "isv.invalid-signature", connectors.ErrRefused},
		{"40002", "isv.refresh-token-time-out", connectors.ErrUnauthorized},
		{"40003", "", connectors.ErrRefused},
		{"40004", "BILL_NOT_EXIST", connectors.ErrRefused},
		{"40004", "ACQ.SYSTEM_ERROR", connectors.ErrDown},
		{"40005", "isv.app-call-limited", connectors.ErrBusy},
		{"40006", "isv.insufficient-user-permissions", connectors.ErrUnauthorized},
		{"40006", "isv.insufficient-isv-permissions", connectors.ErrRefused}, // the operator's to mend
		{"99999", "2088000000000001 was here", connectors.ErrRefused},
	} {
		response := fmt.Sprintf(`{"code":%q,"msg":"2088000000000001","sub_code":%q,"sub_msg":"authusrB-canary"}`, tt.code, tt.sub)
		c := connect(t, &gatewayStub{t: t, answer: func(url.Values) (string, string) {
			return "alipay_data_bill_balance_query_response", response
		}})
		_, err := c.Balances(context.Background(), linked, []connectors.AccountRef{own})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s %s: %v, want %v", tt.code, tt.sub, err, tt.want)
		}
		if err != nil && (strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "2088")) {
			t.Errorf("%s: the error quotes the answer: %v", tt.code, err)
		}
	}
}

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

func TestBillsGolden(t *testing.T) {
	response, err := os.ReadFile("testdata/accountlog.json")
	if err != nil {
		t.Fatal(err)
	}
	g := &gatewayStub{t: t, answer: func(url.Values) (string, string) {
		return "alipay_data_bill_accountlog_query_response", strings.TrimSpace(string(response))
	}}
	c := connect(t, g)
	page, err := c.Bills(context.Background(), linked, own, now.AddDate(0, 0, -19).Add(-12*time.Hour), now, "")
	if err != nil || page.Next != "" {
		t.Fatalf("%v, next %q", err, page.Next)
	}
	at := func(day, hour, min, sec int) time.Time { return time.Date(2026, 10, day, hour, min, sec, 0, beijing) }
	cny := func(n int64) money.Amount { return money.Amount{Minor: n, Currency: "CNY"} }
	bill := func(n string, when time.Time, minor int64, d connectors.Direction, f connectors.Flow, k connectors.Kind, raw string) connectors.Bill {
		return connectors.Bill{ID: "61000000000000000" + n, At: when, Amount: cny(minor), Direction: d, Flow: f, Kind: k, RawKind: raw, State: connectors.Done}
	}
	in, out := connectors.In, connectors.Out
	want := []connectors.Bill{
		bill("1", at(1, 0, 0, 0), 800, out, connectors.FlowOut, connectors.Other, "芝麻免押下单"),
		bill("2", at(3, 8, 0, 0), 6600, out, connectors.FlowOut, connectors.Transfer, "转账"),
		bill("3", at(4, 8, 0, 0), 50000, in, connectors.FlowInternal, connectors.Topup, "充值"),
		bill("4", at(5, 8, 0, 0), 137, in, connectors.FlowIn, connectors.Interest, "其它"),
		bill("6", at(6, 9, 30, 0), 100000, out, connectors.FlowInternal, connectors.Withdrawal, "提现"),
		bill("5", at(6, 9, 30, 0), 10, out, connectors.FlowOut, connectors.Fee, "提现手续费"),
		bill("7", at(7, 10, 0, 0), 3550, out, connectors.FlowOut, connectors.Payment, "交易"),
		bill("8", at(8, 10, 0, 0), 3550, in, connectors.FlowIn, connectors.Refund, "交易退款"),
		bill("9", at(9, 23, 59, 59), 3550, out, connectors.FlowOut, connectors.Payment, "在线支付"),
	}
	want[1].Counterparty, want[1].Description = "林*(l*@example.com)", "饭钱"
	want[2].Method = "江南银行储蓄卡(1234)"
	want[3].Description = "余额宝-2026.10.05-收益发放"
	want[4].Description, want[4].Method = "提现", "江南银行储蓄卡（1234）"
	want[6].Description, want[6].Method = "毛巾", "余额"
	want[7].Description = "退货"
	want[8].Counterparty, want[8].Description, want[8].Method = "桂花/便利店", "日用百货", "江南银行储蓄卡(1234)"
	for i, orders := range map[int][]string{6: {"2026100722001400007", "SHOP-7"}, 7: {"2026100722001400007", "SHOP-7", "BACK-7"}, 8: {"2026100922001400009", "SHOP-9"}} {
		want[i].Order, want[i].Merchant, want[i].Refs = orders[0], orders[1], orders
	}
	want[7].RefundOf = "2026100722001400007"
	if d := cmp.Diff(want, page.Bills); d != "" {
		t.Error(d)
	}
	var biz map[string]string
	if err := json.Unmarshal([]byte(g.calls[0].Get("biz_content")), &biz); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"start_time": "2026-10-01 00:00:00", "end_time": "2026-10-20 12:00:00", "page_no": "1", "page_size": "2000"}, biz); d != "" {
		t.Error(d)
	}
	if got := g.calls[0].Get("timestamp"); got != "2026-10-20 12:00:00" {
		t.Errorf("timestamp %q, want Beijing's", got)
	}
}

// logOf answers pages of an account log that has an entry each hour.
func logOf(t *testing.T, size int, entries []string) *gatewayStub {
	return &gatewayStub{t: t, answer: func(form url.Values) (string, string) {
		var biz struct {
			Start string `json:"start_time"`
			End   string `json:"end_time"`
			Page  int    `json:"page_no,string"`
		}
		if err := json.Unmarshal([]byte(form.Get("biz_content")), &biz); err != nil {
			t.Error(err)
		}
		var hits []string
		for _, at := range entries {
			if at >= biz.Start && at < biz.End {
				hits = append(hits, fmt.Sprintf(`{"account_log_id":"log %s","trans_dt":%q,"trans_amount":"-1","direction":"支出","type":"转账"}`, at, at))
			}
		}
		page := hits[min(len(hits), (biz.Page-1)*size):min(len(hits), biz.Page*size)]
		return "alipay_data_bill_accountlog_query_response", fmt.Sprintf(`{"code":"10000","page_no":"%d","page_size":"%d","total_size":"%d","detail_list":[%s]}`,
			biz.Page, size, len(hits), strings.Join(page, ","))
	}}
}

func walk(t *testing.T, c *Connector, from, to time.Time) ([]connectors.Bill, connectors.Span) {
	t.Helper()
	var all []connectors.Bill
	var covers connectors.Span
	for next := connectors.Cursor(""); ; {
		page, err := c.Bills(context.Background(), linked, own, from, to, next)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Bills...)
		if next == "" {
			covers = page.Covers
		}
		if next = page.Next; next == "" {
			return all, covers
		}
	}
}

func TestPagesAndWindowsAreWalkedToTheEnd(t *testing.T) {
	var entries []string
	for d := now.AddDate(-2, 0, 0); d.Before(now); d = d.AddDate(0, 0, 1) {
		entries = append(entries, d.Format(clock))
	}
	g := logOf(t, 7, entries)
	c := connect(t, g)
	for _, tt := range []struct {
		why      string
		from, to time.Time
		want     int
		covers   connectors.Span
	}{
		{"three windows of pages", now.AddDate(0, 0, -80), now, 80, connectors.Span{}},
		{"the end is not in it", now.AddDate(0, 0, -1), now, 1, connectors.Span{}},
		{"parts of seconds", now.AddDate(0, 0, -2).Add(time.Millisecond), now.AddDate(0, 0, -1).Add(time.Millisecond), 1, connectors.Span{}},
		{"nothing asked", now, now, 0, connectors.Span{From: now, To: now}},
		{"older than the log", now.AddDate(-2, 0, 0), now, 365, connectors.Span{From: now.AddDate(0, 0, -365), To: now}},
		{"only older", now.AddDate(-2, 0, 0), now.AddDate(-1, -1, 0), 0, connectors.Span{From: now.AddDate(-1, -1, 0), To: now.AddDate(-1, -1, 0)}},
	} {
		got, covers := walk(t, c, tt.from, tt.to)
		ids := map[string]bool{}
		for _, b := range got {
			ids[b.ID] = true
			if b.At.Before(tt.from) || !b.At.Before(tt.to) {
				t.Errorf("%s: a bill of %v", tt.why, b.At)
			}
		}
		if len(got) != tt.want || len(ids) != tt.want {
			t.Errorf("%s: %d bills, %d ids; want %d", tt.why, len(got), len(ids), tt.want)
		}
		if !covers.From.Equal(tt.covers.From) || !covers.To.Equal(tt.covers.To) {
			t.Errorf("%s: covers %v, want %v", tt.why, covers, tt.covers)
		}
	}
	for _, form := range g.calls {
		var biz map[string]string
		_ = json.Unmarshal([]byte(form.Get("biz_content")), &biz)
		from, _ := time.ParseInLocation(clock, biz["start_time"], beijing)
		to, _ := time.ParseInLocation(clock, biz["end_time"], beijing)
		if to.Sub(from) > maxWindow {
			t.Errorf("asked for %v at once", to.Sub(from))
		}
	}
}

func TestBillsRefuseWhatCannotBe(t *testing.T) {
	entry := func(change string) string {
		answer := `{"code":"10000","total_size":"1","detail_list":[` +
			`{"account_log_id":"1","trans_dt":"2026-10-10 10:00:00","trans_amount":"-1.00","direction":"支出","type":"转账"}]}`
		old, new, _ := strings.Cut(change, "→")
		if !strings.Contains(answer, old) {
			t.Fatalf("no %s in the answer", old)
		}
		return strings.Replace(answer, old, new, 1)
	}
	for _, tt := range []struct {
		response string
		want     error
	}{
		{entry(`→`), nil},
		{`{"code":"10000","page_no":"1","page_size":"2000","total_size":"0"}`, nil}, // an empty list may be left out
		{entry(`"account_log_id":"1",→`), connectors.ErrMalformed},
		{entry(`2026-10-10→2026-13-10`), connectors.ErrMalformed},
		{entry(`"-1.00"→-1.00`), connectors.ErrMalformed},
		{entry(`-1.00→1e9`), connectors.ErrMalformed},
		{entry(`-1.00→-1.005`), connectors.ErrMalformed},
		{entry(`-1.00→-99999999999999999999`), connectors.ErrMalformed},
		{entry(`支出→收入`), connectors.ErrMalformed}, // an income below zero
		{entry(`支出→`), connectors.ErrMalformed},
		{entry(`"total_size":"1",→`), connectors.ErrMalformed},
		{`{"code":"10000","total_size":"3","detail_list":[]}`, connectors.ErrMalformed},               // three promised, none there
		{`{"code":"10000","page_no":"2","total_size":"0","detail_list":[]}`, connectors.ErrMalformed}, // another page
		{`{"code":"10000","page_size":"0","total_size":"0","detail_list":[]}`, connectors.ErrMalformed},
		{`{"code":"10000","total_size":"-1","detail_list":[]}`, connectors.ErrMalformed},
		{`{"code":"10000","total_size":"1e400","detail_list":[]}`, connectors.ErrMalformed},
		{`{"code":"10000","total_size":"999999999","detail_list":[]}`, connectors.ErrMalformed}, // would be walked for ever
		{`{"code":"10000","total_size":"0","detail_list":{}}`, connectors.ErrMalformed},
	} {
		c := connect(t, &gatewayStub{t: t, answer: func(url.Values) (string, string) {
			return "alipay_data_bill_accountlog_query_response", tt.response
		}})
		_, err := c.Bills(context.Background(), linked, own, now.AddDate(0, 0, -20), now, "")
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.response, err, tt.want)
		}
	}
	c := connect(t, &gatewayStub{t: t})
	for why, ask := range map[string]func() error{
		"a foreign account": func() error {
			_, err := c.Bills(context.Background(), linked, connectors.AccountRef{ID: secret.Of("x")}, now.AddDate(0, 0, -1), now, "")
			return err
		},
		"a foreign cursor": func() error {
			_, err := c.Bills(context.Background(), linked, own, now.AddDate(0, 0, -1), now, "0.1")
			return err
		},
	} {
		if err := ask(); !errors.Is(err, connectors.ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused before any call", why, err)
		}
	}
}

func TestKindOf(t *testing.T) {
	for _, tt := range []struct {
		typ, desc, memo string
		way             connectors.Direction
		want            connectors.Kind
	}{
		{"在线支付", "", "", connectors.Out, connectors.Payment},
		{"交易付款", "", "", connectors.Out, connectors.Payment},
		{"交易付款", "", "", connectors.In, connectors.Income}, // somebody paid us
		{"交易退款", "", "", connectors.In, connectors.Refund},
		{"退款（交易退款）", "", "", connectors.In, connectors.Refund},
		{"交易", "0020011|交易退款", "", connectors.In, connectors.Refund}, // the type alone does not tell
		{"其它", "002|转账", "", connectors.Out, connectors.Transfer},
		{"充值", "", "", connectors.In, connectors.Topup},
		{"话费充值", "", "", connectors.Out, connectors.Payment}, // a phone's, not the wallet's
		{"提现", "", "", connectors.Out, connectors.Withdrawal},
		{"提现手续费", "", "", connectors.Out, connectors.Fee},
		{"收费", "", "", connectors.Out, connectors.Fee},
		{"转账", "", "", connectors.In, connectors.Transfer},
		{"转账红包", "", "", connectors.In, connectors.RedPacket},
		{"信用卡还款", "", "", connectors.Out, connectors.Repayment},
		{"余额宝", "", "", connectors.Out, connectors.Investment},
		{"余额宝", "", "", connectors.In, connectors.Redemption},
		{"余额宝收益", "", "", connectors.In, connectors.Interest},
		{"其它", "", "余额宝-2026.10.05-收益发放", connectors.In, connectors.Interest},
		{"其它", "", "退款收益提现", connectors.In, connectors.Other}, // a memo is anybody's text
		{"", "", "", connectors.In, connectors.Other},
		{"DEPOSIT", "", "", connectors.In, connectors.Topup},
	} {
		if got := kindOf(entry{Type: tt.typ, BizDesc: tt.desc, Memo: tt.memo}, tt.way); got != tt.want {
			t.Errorf("kindOf(%q, %q, %q, %s) = %s, want %s", tt.typ, tt.desc, tt.memo, tt.way, got, tt.want)
		}
	}
}

func TestACredentialOfAnotherDialect(t *testing.T) {
	c := connect(t, &gatewayStub{t: t})
	for _, v := range []string{"", "{}", `{"user":"1"}`, "not json"} {
		if _, err := c.Accounts(context.Background(), secret.Of(v)); !errors.Is(err, connectors.ErrUnauthorized) {
			t.Errorf("credential %q: %v, want ErrUnauthorized", v, err)
		}
		if c.Stale(secret.Of(v), now) {
			t.Errorf("credential %q is called stale: a refresh cannot mend it", v)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"r_response":{"code":"10000","a":"\/"},"sign":"x"}`))
	f.Add([]byte(`{"error_response":{},"sign":"x"}`))
	f.Add([]byte(` {"sign" : "" , "r_response" : { } } `))
	f.Add([]byte(`{"r_response":{},"r_response":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		raw, _, err := open(body, "r_response")
		if err != nil {
			return
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

func FuzzBill(f *testing.F) {
	f.Add([]byte(`{"account_log_id":"1","trans_dt":"2026-10-10 10:00:00","trans_amount":"-1.00","direction":"支出","type":"转账","trans_memo":"a 江南银行储蓄卡(1234)"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e entry
		if json.Unmarshal(b, &e) != nil {
			return
		}
		bill, err := e.bill()
		if err != nil {
			if fault.Of(err).Kind != fault.Internal {
				t.Errorf("a decoder chose a fault: %v", err)
			}
			return
		}
		if bill.Amount.Minor < 0 || bill.ID == "" || bill.Kind == "" || bill.Flow == "" || bill.Direction == "" {
			t.Errorf("%q became %+v", b, bill)
		}
	})
}
