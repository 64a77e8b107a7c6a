package mock

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The client of these tests knows the published pages and nothing of the town.

type alipayAnswer struct {
	key    string
	object []byte // as it came
	signed bool
}

func (tt *testTown) alipayParams(t *testing.T, method string, more url.Values, sign func([]byte) string) url.Values {
	t.Helper()
	q := url.Values{"app_id": {tt.Alipay().AppID}, "method": {method}, "format": {"JSON"}, "charset": {"utf-8"}, "sign_type": {"RSA2"},
		"timestamp": {tt.now().In(time.FixedZone("", 8*3600)).Format("2006-01-02 15:04:05")}, "version": {"1.0"}}
	for k, v := range more {
		q[k] = v
	}
	var names []string
	for k := range q {
		names = append(names, k)
	}
	slices.Sort(names)
	var parts []string
	for _, k := range names {
		if q.Get(k) != "" {
			parts = append(parts, k+"="+q.Get(k))
		}
	}
	q.Set("sign", sign([]byte(strings.Join(parts, "&"))))
	return q
}

func rs256(t *testing.T, key *rsa.PrivateKey) func([]byte) string {
	return func(message []byte) string {
		t.Helper()
		sum := sha256.Sum256(message)
		sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(sig)
	}
}

func (tt *testTown) alipaySend(t *testing.T, q url.Values) alipayAnswer {
	t.Helper()
	res, body := tt.do(t, post(t, tt.Alipay().GatewayURL, q))
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the gateway answered %d", res.StatusCode)
	}
	var whole map[string]json.RawMessage
	if err := json.Unmarshal(body, &whole); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	var sign string
	if err := json.Unmarshal(whole["sign"], &sign); err != nil {
		t.Fatal(err)
	}
	delete(whole, "sign")
	delete(whole, "alipay_cert_sn")
	var a alipayAnswer
	for a.key, a.object = range whole {
	}
	sig, err := base64.StdEncoding.DecodeString(sign)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(a.object)
	a.signed = rsa.VerifyPKCS1v15(tt.Alipay().PublicKey, crypto.SHA256, sum[:], sig) == nil
	return a
}

func (tt *testTown) alipayCall(t *testing.T, method string, more url.Values, mustSign bool) alipayAnswer {
	t.Helper()
	a := tt.alipaySend(t, tt.alipayParams(t, method, more, rs256(t, tt.Alipay().AppKey)))
	if mustSign && !a.signed {
		t.Fatalf("%s: the answer's signature is wrong", method)
	}
	return a
}

func (a alipayAnswer) read(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal(a.object, into); err != nil {
		t.Fatalf("%v in %s", err, a.object)
	}
}

func alipayCode(t *testing.T, a alipayAnswer) string {
	t.Helper()
	var x struct{ Code, Sub_code string }
	a.read(t, &x)
	return strings.TrimSpace(x.Code + " " + x.Sub_code)
}

func (tt *testTown) alipayPage(more ...string) string {
	q := url.Values{"app_id": {tt.Alipay().AppID}, "scope": {"auth_user"}, "redirect_uri": {callback}, "state": {"s-1"}}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return tt.Alipay().AuthorizeURL + "?" + q.Encode()
}

type alipayTokens3 struct {
	Access_token, Refresh_token, User_id string
	Expires_in                           int
}

func (tt *testTown) alipayLink(t *testing.T, p Person) alipayTokens3 {
	t.Helper()
	back := tt.login(t, tt.alipayPage(), p, "agree", nil)
	if back.Get("state") != "s-1" || back.Get("source") != "alipay_wallet" || back.Get("app_id") != tt.Alipay().AppID || back.Get("scope") != "auth_user" {
		t.Fatalf("came back with %v", back)
	}
	var tokens alipayTokens3
	tt.alipayCall(t, "alipay.system.oauth.token", url.Values{"grant_type": {"authorization_code"}, "code": {back.Get("auth_code")}}, true).read(t, &tokens)
	if tokens.Access_token == "" || tokens.Refresh_token == "" || !strings.HasPrefix(tokens.User_id, "2088") || len(tokens.User_id) != 16 || tokens.Expires_in <= 0 {
		t.Fatalf("tokens %+v", tokens)
	}
	return tokens
}

type accountLog struct {
	Code, Page_no, Page_size, Total_size string
	Detail_list                          []struct {
		Account_log_id, Alipay_order_no, Merchant_order_no, Trans_dt, Trans_amount, Balance, Type, Direction, Bill_source, Trans_memo, Other_account string
	}
}

func (tt *testTown) accountLog(t *testing.T, token, from, to string, page, size int) accountLog {
	t.Helper()
	biz, err := json.Marshal(map[string]string{"start_time": from, "end_time": to, "page_no": strconv.Itoa(page), "page_size": strconv.Itoa(size)})
	if err != nil {
		t.Fatal(err)
	}
	var log accountLog
	tt.alipayCall(t, "alipay.data.bill.accountlog.query", url.Values{"auth_token": {token}, "biz_content": {string(biz)}}, true).read(t, &log)
	return log
}

// walkAlipay links a person, reads everything once, and answers the token.
func walkAlipay(t *testing.T, tt *testTown, p Person) string {
	t.Helper()
	tokens := tt.alipayLink(t, p)
	tt.alipayCall(t, "alipay.data.bill.balance.query", url.Values{"auth_token": {tokens.Access_token}}, true)
	tt.accountLog(t, tokens.Access_token, "2026-10-20 00:00:00", "2026-11-19 00:00:00", 1, 2000)
	return tokens.Access_token
}

func TestAlipayTellsABalanceAndALogThatAgree(t *testing.T) {
	tt := startTown(t, 1)
	token := tt.alipayLink(t, tt.People()[2]).Access_token
	var balance struct{ Code, Total_amount, Available_amount, Freeze_amount string }
	answer := tt.alipayCall(t, "alipay.data.bill.balance.query", url.Values{"auth_token": {token}, "biz_content": {"{}"}}, true)
	answer.read(t, &balance)
	if answer.key != "alipay_data_bill_balance_query_response" || balance.Code != "10000" {
		t.Fatalf("%s: %s", answer.key, answer.object)
	}
	whole := tt.accountLog(t, token, "2026-10-20 00:00:00", "2026-11-19 00:00:00", 1, 2000)
	total, err := strconv.Atoi(whole.Total_size)
	if err != nil || total < 50 || len(whole.Detail_list) != total {
		t.Fatalf("total_size %s, %d rows", whole.Total_size, len(whole.Detail_list))
	}
	if newest := whole.Detail_list[0]; newest.Balance != balance.Total_amount {
		t.Errorf("the newest row leaves %s, the balance is %s", newest.Balance, balance.Total_amount)
	}
	for i, x := range whole.Detail_list {
		if (x.Direction == "支出") != strings.HasPrefix(x.Trans_amount, "-") || (x.Direction != "支出" && x.Direction != "收入") {
			t.Fatalf("row %d: %s %s", i, x.Direction, x.Trans_amount)
		}
		if x.Trans_dt > "2026-11-18 12:00:00" || (i > 0 && x.Trans_dt > whole.Detail_list[i-1].Trans_dt) {
			t.Fatalf("row %d at %s is after now or out of order", i, x.Trans_dt)
		}
	}
	first, last := tt.accountLog(t, token, "2026-10-20 00:00:00", "2026-11-19 00:00:00", 1, 40), tt.accountLog(t, token, "2026-10-20 00:00:00", "2026-11-19 00:00:00", total/40+1, 40)
	if len(first.Detail_list) != 40 || len(last.Detail_list) != total%40 || first.Total_size != whole.Total_size ||
		last.Detail_list[len(last.Detail_list)-1] != whole.Detail_list[total-1] {
		t.Error("pages are not slices of the whole")
	}
	empty := tt.alipayCall(t, "alipay.data.bill.accountlog.query", url.Values{"auth_token": {token},
		"biz_content": {`{"start_time":"2026-11-18 11:59:59","end_time":"2026-11-18 12:00:00"}`}}, true)
	if bytes.Contains(empty.object, []byte("detail_list")) {
		t.Error("an empty listing carries detail_list")
	}
}

func TestAlipaySignsTheVeryBytes(t *testing.T) {
	tt := startTown(t, 1)
	token := tt.alipayLink(t, tt.People()[0]).Access_token
	a := tt.alipayCall(t, "alipay.data.bill.accountlog.query", url.Values{"auth_token": {token},
		"biz_content": {`{"start_time":"2026-11-01 00:00:00","end_time":"2026-11-18 00:00:00"}`}}, true)
	if !bytes.Contains(a.object, []byte(`\/`)) {
		t.Error("no slash is escaped: a verifier that writes the JSON anew would pass")
	}
}

func TestAlipayRefuses(t *testing.T) {
	tt := startTown(t, 1)
	tokens := tt.alipayLink(t, tt.People()[0])
	const balance, log, oauth = "alipay.data.bill.balance.query", "alipay.data.bill.accountlog.query", "alipay.system.oauth.token"
	sign := rs256(t, tt.Alipay().AppKey)
	spent := tt.login(t, tt.alipayPage(), tt.People()[0], "agree", nil).Get("auth_code")
	tt.alipayCall(t, oauth, url.Values{"grant_type": {"authorization_code"}, "code": {spent}}, true)
	auth := url.Values{"auth_token": {tokens.Access_token}}
	with := func(v url.Values, more ...string) url.Values {
		out := url.Values{}
		for k, x := range v {
			out[k] = x
		}
		for i := 0; i < len(more); i += 2 {
			out.Set(more[i], more[i+1])
		}
		return out
	}
	for _, c := range []struct {
		why, method string
		q           url.Values
		spoil       func(url.Values)
		want        string
	}{
		{"signed by somebody else", balance, auth, func(q url.Values) { q.Set("sign", rs256(t, sharedKeys().get(keyMerchant))([]byte("x"))) }, "40002 isv.invalid-signature"},
		{"changed after signing", balance, auth, func(q url.Values) { q.Set("auth_token", "other") }, "40002 isv.invalid-signature"},
		{"an added parameter is signed too", balance, auth, func(q url.Values) { q.Set("extra", "1") }, "40002 isv.invalid-signature"},
		{"unsigned", balance, auth, func(q url.Values) { q.Del("sign") }, "40001 isv.missing-signature"},
		{"a parameter twice", balance, auth, func(q url.Values) { q.Add("method", log) }, "40002 isv.invalid-parameter"},
		{"RSA is not RSA2", balance, with(auth, "sign_type", "RSA"), nil, "40002 isv.invalid-signature-type"},
		{"GBK", balance, with(auth, "charset", "gbk"), nil, "40002 isv.invalid-charset"},
		{"no time", balance, with(auth, "timestamp", "yesterday"), nil, "40002 isv.invalid-timestamp"},
		{"another app", balance, with(auth, "app_id", "2021000000000000"), nil, "40002 isv.invalid-app-id"},
		{"no method", "alipay.trade.pay", auth, nil, "40002 isv.invalid-method"},
		{"no token", balance, nil, nil, "20001 aop.invalid-auth-token"},
		{"a refresh token is no access token", balance, url.Values{"auth_token": {tokens.Refresh_token}}, nil, "20001 aop.invalid-auth-token"},
		{"another person's wallet", balance, with(auth, "biz_content", `{"bill_user_id":"`+tt.world.people[1].wallet.userID+`"}`), nil, "40006 isv.insufficient-user-permissions"},
		{"31 days and a second", log, with(auth, "biz_content", `{"start_time":"2026-10-01 00:00:00","end_time":"2026-11-01 00:00:01"}`), nil, "40004 INVALID_PARAMETER"},
		{"no times", log, auth, nil, "40004 INVALID_PARAMETER"},
		{"page 0", log, with(auth, "biz_content", `{"start_time":"2026-10-01 00:00:00","end_time":"2026-10-02 00:00:00","page_no":"0"}`), nil, "40004 INVALID_PARAMETER"},
		{"2001 a page", log, with(auth, "biz_content", `{"start_time":"2026-10-01 00:00:00","end_time":"2026-10-02 00:00:00","page_size":2001}`), nil, "40004 INVALID_PARAMETER"},
		{"not JSON", log, with(auth, "biz_content", `{`), nil, "40002 isv.invalid-parameter"},
		{"a code twice", oauth, url.Values{"grant_type": {"authorization_code"}, "code": {spent}}, nil, "40002 isv.code-invalid"},
		{"a code that is a token", oauth, url.Values{"grant_type": {"authorization_code"}, "code": {tokens.Access_token}}, nil, "40002 isv.code-invalid"},
		{"no code", oauth, url.Values{"grant_type": {"authorization_code"}}, nil, "40001 isv.missing-code"},
		{"an unknown refresh token", oauth, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}, nil, "40002 isv.refresh-token-invalid"},
		{"an unknown grant", oauth, url.Values{"grant_type": {"password"}}, nil, "40002 isv.grant-type-invalid"},
	} {
		t.Run(c.why, func(t *testing.T) {
			q := tt.alipayParams(t, c.method, c.q, sign)
			if c.spoil != nil {
				c.spoil(q)
			}
			a := tt.alipaySend(t, q)
			if got := alipayCode(t, a); got != c.want || !a.signed {
				t.Errorf("got %s (signed %v), want %s", got, a.signed, c.want)
			}
			if c.method == oauth && a.key != "error_response" {
				t.Errorf("the failure stands under %s", a.key)
			}
		})
	}
}

func TestAlipayCodesAndTokensAge(t *testing.T) {
	tt := startTown(t, 1)
	p := tt.People()[0]
	code := tt.login(t, tt.alipayPage(), p, "agree", nil).Get("auth_code")
	tokens := tt.alipayLink(t, p)
	tt.pass(24*time.Hour + time.Second)
	if got := alipayCode(t, tt.alipayCall(t, "alipay.system.oauth.token", url.Values{"grant_type": {"authorization_code"}, "code": {code}}, true)); got != "40002 isv.code-invalid" {
		t.Errorf("a code of yesterday: %s", got)
	}
	tt.pass(15 * 24 * time.Hour)
	if got := alipayCode(t, tt.alipayCall(t, "alipay.data.bill.balance.query", url.Values{"auth_token": {tokens.Access_token}}, true)); got != "20001 aop.auth-token-time-out" {
		t.Errorf("an old token: %s", got)
	}
	var fresh alipayTokens3
	tt.alipayCall(t, "alipay.system.oauth.token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Refresh_token}}, true).read(t, &fresh)
	if got := alipayCode(t, tt.alipayCall(t, "alipay.data.bill.balance.query", url.Values{"auth_token": {fresh.Access_token}}, true)); got != "10000" {
		t.Errorf("a refreshed token: %s", got)
	}
}

func TestAlipayLoginPage(t *testing.T) {
	tt := startTown(t, 1)
	p := tt.People()[0]
	_, body := tt.do(t, get(t, tt.alipayPage("who", p.ID)))
	for _, want := range []string{`name="login" value="` + p.Login, `value="` + p.Password, `value="agree"`, `value="refuse"`, "mock town", "支付宝"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if back := tt.login(t, tt.alipayPage(), Person{}, "refuse", nil); back.Get("auth_code") != "" || back.Get("error_scope") != "auth_user" || back.Get("state") != "s-1" {
		t.Errorf("who refuses comes back with %v", back)
	}
	for why, req := range map[string]*http.Request{
		"a wrong password":    post(t, tt.alipayPage(), url.Values{"login": {p.Login}, "password": {"x"}, "decision": {"agree"}}),
		"a foreign app":       get(t, tt.alipayPage("app_id", "1")),
		"a foreign redirect":  get(t, tt.alipayPage("redirect_uri", "https://evil.example/")),
		"an unknown scope":    get(t, tt.alipayPage("scope", "all")),
		"post to foreign URL": post(t, tt.alipayPage("redirect_uri", "https://evil.example/"), url.Values{"login": {p.Login}, "password": {p.Password}, "decision": {"agree"}}),
	} {
		if res, _ := tt.do(t, req); res.StatusCode/100 != 4 || res.Header.Get("Location") != "" {
			t.Errorf("%s: %d to %q", why, res.StatusCode, res.Header.Get("Location"))
		}
	}
}
