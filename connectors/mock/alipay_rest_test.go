package mock

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

type restAnswer struct {
	status int
	header http.Header
	body   []byte
	code   string
}

// alipayRequest is signed as the published pages of v3 say.
func (tt *testTown) alipayRequest(t *testing.T, verb, path, body, more string) *http.Request {
	t.Helper()
	auth := fmt.Sprintf("app_id=%s%s,nonce=%s,timestamp=%d", tt.Alipay().AppID, more, rand.Text(), tt.now().UnixMilli())
	sign := rs256(t, tt.Alipay().AppKey)([]byte(auth + "\n" + verb + "\n" + path + "\n" + body + "\n"))
	r, err := http.NewRequest(verb, tt.Alipay().APIURL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "ALIPAY-SHA256withRSA "+auth+",sign="+sign)
	return r
}

func (tt *testTown) alipayREST(t *testing.T, r *http.Request) restAnswer {
	t.Helper()
	res, body := tt.do(t, r)
	a := restAnswer{status: res.StatusCode, header: res.Header, body: body}
	var said struct{ Code string }
	_ = json.Unmarshal(body, &said)
	a.code = said.Code
	return a
}

func (a restAnswer) signedBy(key *rsa.PublicKey) bool {
	sig, err := base64.StdEncoding.DecodeString(a.header.Get("alipay-signature"))
	sum := sha256.Sum256([]byte(a.header.Get("alipay-timestamp") + "\n" + a.header.Get("alipay-nonce") + "\n" + string(a.body) + "\n"))
	return err == nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig) == nil
}

const restBalance = "/v3/alipay/data/bill/balance/query"

func TestAlipayRESTChecksEveryRequest(t *testing.T) {
	tt := startTown(t, 1)
	token := tt.alipayLink(t, tt.People()[0]).Access_token
	path := restBalance + "?auth_token=" + token
	again := tt.alipayRequest(t, "GET", path, "", "")
	for _, c := range []struct {
		why  string
		r    *http.Request
		bend func(*http.Request)
		want string
	}{
		{"as published", again, nil, "200 "},
		{"the same nonce again", again.Clone(t.Context()), nil, "400 suspected-attack"},
		{"unsigned", tt.alipayRequest(t, "GET", path, "", ""), func(r *http.Request) { r.Header.Del("Authorization") }, "400 missing-signature"},
		{"another path than signed", tt.alipayRequest(t, "GET", path, "", ""), func(r *http.Request) { r.URL.RawQuery += "&x=1" }, "400 invalid-signature"},
		{"another time than signed", tt.alipayRequest(t, "GET", path, "", ""), func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "timestamp=1", "timestamp=2", 1))
		}, "400 invalid-signature"},
		{"another application", tt.alipayRequest(t, "GET", path, "", ""), func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "app_id=2", "app_id=3", 1))
		}, "400 invalid-app-id"},
		{"no time", tt.alipayRequest(t, "GET", path, "", ""), func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "timestamp=", "timestamp=x", 1))
		}, "400 invalid-timestamp"},
		{"a member twice", tt.alipayRequest(t, "GET", path, "", ",app_id=1"), nil, "400 invalid-parameter"},
		{"a query by POST", tt.alipayRequest(t, "POST", path, "{}", ""), nil, "400 invalid-method"},
		{"tokens by GET", tt.alipayRequest(t, "GET", "/v3/alipay/system/oauth/token", "", ""), nil, "400 invalid-method"},
		{"no such method", tt.alipayRequest(t, "GET", "/v3/alipay/trade/pay", "", ""), nil, "400 invalid-method"},
		{"no token", tt.alipayRequest(t, "GET", restBalance, "", ""), nil, "401 invalid-auth-token"},
		{"a code that is spent", tt.alipayRequest(t, "POST", "/v3/alipay/system/oauth/token", `{"grant_type":"authorization_code","code":"x"}`, ""), nil, "400 isv.code-invalid"},
		{"no JSON", tt.alipayRequest(t, "POST", "/v3/alipay/system/oauth/token", `{`, ""), nil, "400 illegal-json"},
		{"a window too long", tt.alipayRequest(t, "GET", "/v3/alipay/data/bill/accountlog/query?"+url.Values{"auth_token": {token},
			"start_time": {"2026-10-01 00:00:00"}, "end_time": {"2026-11-01 00:00:01"}}.Encode(), "", ""), nil, "400 INVALID_PARAMETER"},
		{"more than a year ago", tt.alipayRequest(t, "GET", "/v3/alipay/data/bill/buy/query?"+url.Values{"auth_token": {token},
			"start_time": {"2025-11-01 00:00:00"}, "end_time": {"2025-11-20 00:00:00"}}.Encode(), "", ""), nil, "400 INVALID_PARAMETER"},
		{"a certificate and no root", tt.alipayRequest(t, "GET", path, "", ",app_cert_sn=00"), nil, "400 missing-alipay-root-cert-sn"},
		{"an unknown way to encrypt", tt.alipayRequest(t, "GET", path, "", ""), func(r *http.Request) { r.Header.Set("alipay-encrypt-type", "SM4") }, "400 invalid-encrypt-type"},
	} {
		if c.bend != nil {
			c.bend(c.r)
		}
		a := tt.alipayREST(t, c.r)
		if got := fmt.Sprintf("%d %s", a.status, a.code); got != c.want || !a.signedBy(tt.Alipay().PublicKey) {
			t.Errorf("%s: %s (signed %v), want %s", c.why, got, a.signedBy(tt.Alipay().PublicKey), c.want)
		}
	}
	for want, x := range map[string]Trouble{"500 unknow-error": {Down: true}, "429 app-call-limited": {Busy: true}} {
		tt.Ail(Alipay, x)
		a := tt.alipayREST(t, tt.alipayRequest(t, "GET", path, "", ""))
		if got := fmt.Sprintf("%d %s", a.status, a.code); got != want {
			t.Errorf("%+v: %s, want %s", x, got, want)
		}
	}
	tt.Ail(Alipay, Trouble{Forged: true})
	if a := tt.alipayREST(t, tt.alipayRequest(t, "GET", path, "", "")); a.signedBy(tt.Alipay().PublicKey) {
		t.Error("it signed well when it should not")
	}
}

func TestAlipayCertificates(t *testing.T) {
	tt := startTown(t, 1)
	certs := tt.AlipayCerts()
	parse := func(text string) (all []*x509.Certificate) {
		for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
			one, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, one)
		}
		return all
	}
	roots := x509.NewCertPool()
	for _, one := range parse(certs.Root) {
		roots.AddCert(one)
	}
	for what, text := range map[string]string{"the application's": certs.App, "the platform's": certs.Alipay} {
		chain, between := parse(text), x509.NewCertPool()
		for _, one := range chain[1:] {
			between.AddCert(one)
		}
		if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: tt.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Errorf("%s certificate: %v", what, err)
		}
	}
	chain := tt.alipayCerts()
	with := url.Values{"app_cert_sn": {chain.app.serial}, "alipay_root_cert_sn": {chain.rootSerial}}
	raw := func(method string, more url.Values) (string, string) {
		for k, v := range with {
			if more.Get(k) == "" {
				more[k] = v
			}
		}
		_, body := tt.do(t, post(t, tt.Alipay().GatewayURL, tt.alipayParams(t, method, more, rs256(t, tt.Alipay().AppKey))))
		var whole struct {
			Serial  string `json:"alipay_cert_sn"`
			Sign    string
			Content struct {
				Content string `json:"alipay_cert_content"`
			} `json:"alipay_open_app_alipaycert_download_response"`
		}
		if err := json.Unmarshal(body, &whole); err != nil {
			t.Fatal(err)
		}
		if (whole.Sign == "") != (whole.Content.Content != "") {
			t.Errorf("%s: signed %v", method, whole.Sign != "")
		}
		return whole.Serial, whole.Content.Content
	}
	before, _ := raw("alipay.data.bill.balance.query", url.Values{})
	tt.RenewAlipayCert()
	after, _ := raw("alipay.data.bill.balance.query", url.Values{})
	if before != chain.platform.serial || after == before || len(after) != 32 {
		t.Errorf("answers name %q, renewed %q", before, after)
	}
	_, content := raw("alipay.open.app.alipaycert.download", url.Values{"biz_content": {`{"alipay_cert_sn":"` + after + `"}`}})
	text, err := base64.StdEncoding.DecodeString(content)
	if err != nil || len(parse(string(text))) != 2 || parse(string(text))[0].SerialNumber.Int64() != 2002 {
		t.Errorf("downloaded %q, %v", text, err)
	}
	for sub, more := range map[string]url.Values{
		"isv.app-cert-not-exist":          {"app_cert_sn": {"00"}},
		"isv.invalid-alipay-root-cert-sn": {"alipay_root_cert_sn": {"00"}},
	} {
		for k, v := range with {
			if more.Get(k) == "" {
				more[k] = v
			}
		}
		if got := alipayCode(t, tt.alipayCall(t, "alipay.data.bill.balance.query", more, true)); got != "40002 "+sub {
			t.Errorf("got %s, want %s", got, sub)
		}
	}
}

func TestAlipayContent(t *testing.T) {
	tt := startTown(t, 1)
	token := tt.alipayLink(t, tt.People()[0]).Access_token
	const method = "alipay.data.bill.balance.query"
	answer := tt.alipayCall(t, method, url.Values{"auth_token": {token}, "encrypt_type": {"AES"}, "biz_content": {tt.alipaySeal([]byte("{}"))}}, true)
	var sealed string
	answer.read(t, &sealed)
	if plain, ok := tt.alipayUnseal(sealed); !ok || !strings.Contains(string(plain), `"available_amount"`) {
		t.Errorf("the answer opens as %q", plain)
	}
	for _, c := range []struct{ kind, content, want string }{
		{"AES", "AAAA", "40002 isv.decryption-error-unknown"},
		{"SM4", "", "40002 isv.invalid-encrypt-type"},
	} {
		got := alipayCode(t, tt.alipayCall(t, method, url.Values{"auth_token": {token}, "encrypt_type": {c.kind}, "biz_content": {c.content}}, true))
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.kind, got, c.want)
		}
	}
}

func TestAlipayFilesDieInHalfAMinute(t *testing.T) {
	tt := startTown(t, 1)
	token := tt.alipayLink(t, tt.People()[0]).Access_token
	ask := func(biz string) (code, address string) {
		a := tt.alipayCall(t, "alipay.data.dataservice.bill.downloadurl.query", url.Values{"auth_token": {token}, "biz_content": {biz}}, true)
		var said struct{ Bill_download_url string }
		a.read(t, &said)
		return alipayCode(t, a), said.Bill_download_url
	}
	for biz, want := range map[string]string{
		`{"bill_type":"signcustomer","bill_date":"2026-11-17"}`: "10000",
		`{"bill_type":"signcustomer","bill_date":"2025-12"}`:    "10000",
		`{"bill_type":"signcustomer","bill_date":"2026-11-18"}`: "40004 invalid_arguments", // today
		`{"bill_type":"signcustomer","bill_date":"2026-11"}`:    "40004 invalid_arguments", // this month
		`{"bill_type":"signcustomer","bill_date":"2021-01"}`:    "40004 isp.bill_not_exist",
		`{"bill_type":"trade","bill_date":"2026-10"}`:           "40004 TYPE_NOT_SUPPORTED",
	} {
		if got, _ := ask(biz); got != want {
			t.Errorf("%s: %s, want %s", biz, got, want)
		}
	}
	_, address := ask(`{"bill_type":"signcustomer","bill_date":"2026-10"}`)
	tt.pass(29 * time.Second)
	if res, body := tt.do(t, get(t, address)); res.StatusCode != 200 || string(body[:2]) != "PK" {
		t.Errorf("after 29 s: %d", res.StatusCode)
	}
	if res, _ := tt.do(t, get(t, strings.Replace(address, "2026-10", "2026-09", 1))); res.StatusCode != 403 {
		t.Errorf("of another month: %d", res.StatusCode)
	}
	tt.pass(2 * time.Second)
	if res, _ := tt.do(t, get(t, address)); res.StatusCode != 403 {
		t.Errorf("after 31 s: %d", res.StatusCode)
	}
}

// What a day or a month closed with is what the next began with, and what the
// log leaves.
func TestAlipayBalancesOfThePast(t *testing.T) {
	tt := startTown(t, 1)
	token := tt.alipayLink(t, tt.People()[3]).Access_token
	ask := func(biz string) (code, from, to string) {
		a := tt.alipayCall(t, "alipay.data.bill.balancehis.query", url.Values{"auth_token": {token}, "biz_content": {biz}}, true)
		var said struct{ Beginning_balance, Ending_balance string }
		a.read(t, &said)
		return alipayCode(t, a), said.Beginning_balance, said.Ending_balance
	}
	_, _, closed := ask(`{"biz_date":"2026-11-16"}`)
	_, begun, _ := ask(`{"biz_date":"2026-11-17"}`)
	log := tt.accountLog(t, token, "2026-11-01 00:00:00", "2026-11-17 00:00:00", 1, 1)
	if closed == "" || closed != begun || closed != log.Detail_list[0].Balance {
		t.Errorf("closed at %s, began at %s, the log says %s", closed, begun, log.Detail_list[0].Balance)
	}
	if code, _, end := ask(`{"biz_month":"2026-10"}`); code != "10000" || end == "" {
		t.Errorf("a month: %s %s", code, end)
	}
	for biz, want := range map[string]string{
		`{"biz_date":"2026-11-18"}`:                       "40004 PROCESSING",
		`{"biz_date":"2026-11-01","biz_month":"2026-10"}`: "40004 INVALID_PARAMETER",
		`{}`: "40004 INVALID_PARAMETER",
	} {
		if got, _, _ := ask(biz); got != want {
			t.Errorf("%s: %s, want %s", biz, got, want)
		}
	}
}

func TestAlipayTellsAStrangersWhenItAils(t *testing.T) {
	tt := startTown(t, 1)
	tokens := tt.alipayLink(t, tt.People()[0])
	tt.Ail(Alipay, Trouble{Strangers: true})
	var fresh alipayTokens3
	tt.alipayCall(t, "alipay.system.oauth.token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Refresh_token}}, true).read(t, &fresh)
	if fresh.User_id == tokens.User_id || fresh.User_id == "" {
		t.Errorf("tokens of %s for %s", fresh.User_id, tokens.User_id)
	}
	tt.Ail(Alipay, Trouble{TokensLast: 1})
	for i, want := range []string{"10000", "20001 aop.auth-token-time-out"} {
		if got := alipayCode(t, tt.alipayCall(t, "alipay.data.bill.balance.query", url.Values{"auth_token": {tokens.Access_token}}, true)); got != want {
			t.Errorf("call %d: %s, want %s", i+1, got, want)
		}
	}
}
