package mock

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// wechatSigner is the merchant's side of API v3; its fields may be spoilt.
type wechatSigner struct {
	mchid, serial, nonce, path string
	at                         time.Time
	key                        *rsa.PrivateKey
}

type wechatAnswer struct {
	status int
	code   string
	body   []byte
	signed bool
}

func (tt *testTown) wechatRequest(t *testing.T, target string, spoil func(*wechatSigner)) *http.Request {
	t.Helper()
	access := tt.WeChatPay()
	if strings.HasPrefix(target, "/") {
		target = tt.URL + target
	}
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	s := wechatSigner{access.MchID, access.SerialNo, rand.Text(), u.RequestURI(), tt.now(), access.MerchantKey}
	if spoil != nil {
		spoil(&s)
	}
	stamp := strconv.FormatInt(s.at.Unix(), 10)
	signature := rs256(t, s.key)([]byte("GET\n" + s.path + "\n" + stamp + "\n" + s.nonce + "\n\n"))
	req := get(t, target)
	req.Header.Set("Authorization", fmt.Sprintf(`WECHATPAY2-SHA256-RSA2048 mchid="%s",nonce_str="%s",signature="%s",timestamp="%s",serial_no="%s"`,
		s.mchid, s.nonce, signature, stamp, s.serial))
	req.Header.Set("Accept", "application/json")
	return req
}

func (tt *testTown) wechatCall(t *testing.T, target string, spoil func(*wechatSigner)) wechatAnswer {
	t.Helper()
	res, body := tt.do(t, tt.wechatRequest(t, target, spoil))
	a := wechatAnswer{status: res.StatusCode, body: body}
	var fault struct{ Code string }
	_ = json.Unmarshal(body, &fault)
	a.code = fault.Code
	h := res.Header
	sig, err := base64.StdEncoding.DecodeString(h.Get("Wechatpay-Signature"))
	sum := sha256.Sum256([]byte(h.Get("Wechatpay-Timestamp") + "\n" + h.Get("Wechatpay-Nonce") + "\n" + string(body) + "\n"))
	a.signed = err == nil && h.Get("Wechatpay-Serial") == tt.WeChatPay().PublicKeyID && h.Get("Wechatpay-Timestamp") == strconv.FormatInt(tt.now().Unix(), 10) &&
		rsa.VerifyPKCS1v15(tt.WeChatPay().PublicKey, crypto.SHA256, sum[:], sig) == nil
	return a
}

func (tt *testTown) wechatPage(more ...string) string {
	q := url.Values{"appid": {tt.WeChatPay().AppID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"snsapi_base"}, "state": {"s-2"}}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return tt.WeChatPay().AuthorizeURL + "?" + q.Encode()
}

type snsReply struct {
	Errcode                                               int
	Access_token, Refresh_token, Openid, Sub_mchid, Scope string
	Expires_in                                            int
}

func (tt *testTown) sns(t *testing.T, path string, q url.Values) snsReply {
	t.Helper()
	res, body := tt.do(t, get(t, tt.WeChatPay().BaseURL+path+"?"+q.Encode()))
	var reply snsReply
	if err := json.Unmarshal(body, &reply); err != nil || res.StatusCode != 200 {
		t.Fatalf("%d %v: %s", res.StatusCode, err, body)
	}
	return reply
}

func (tt *testTown) snsToken(t *testing.T, code string, more ...string) snsReply {
	t.Helper()
	access := tt.WeChatPay()
	q := url.Values{"appid": {access.AppID}, "secret": {access.AppSecret.RevealString()}, "code": {code}, "grant_type": {"authorization_code"}}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return tt.sns(t, "/sns/oauth2/access_token", q)
}

// walkWeChatPay links a person, reads everything once, and answers the shop.
func walkWeChatPay(t *testing.T, tt *testTown, p Person) string {
	t.Helper()
	reply := tt.snsToken(t, tt.login(t, tt.wechatPage(), p, "agree", nil).Get("code"))
	if reply.Sub_mchid == "" || reply.Openid == "" || reply.Access_token == "" || reply.Refresh_token == "" || reply.Scope != "snsapi_base" || reply.Expires_in != 7200 {
		t.Fatalf("%+v", reply)
	}
	tt.wechatCall(t, "/wechatpay/v3/ecommerce/fund/balance/"+reply.Sub_mchid+"?account_type=BASIC", nil)
	tt.tradeBill(t, "/wechatpay", "2026-11-15", reply.Sub_mchid)
	return reply.Sub_mchid
}

// tradeBill applies for a day's bill and downloads it, hash and all. A day
// without one answers nil and the code.
func (tt *testTown) tradeBill(t *testing.T, prefix, day, shop string) ([]byte, string) {
	t.Helper()
	q := url.Values{"bill_date": {day}, "sub_mchid": {shop}, "bill_type": {"ALL"}, "tar_type": {"GZIP"}}
	a := tt.wechatCall(t, prefix+"/v3/bill/tradebill?"+q.Encode(), nil)
	if !a.signed {
		t.Fatal("the answer's signature is wrong")
	}
	if a.status != 200 {
		return nil, a.code
	}
	var link struct{ Hash_type, Hash_value, Download_url string }
	if err := json.Unmarshal(a.body, &link); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(link.Download_url, tt.URL+prefix+"/v3/billdownload/file?token=") {
		t.Fatalf("download_url %s", link.Download_url)
	}
	res, packed := tt.do(t, tt.wechatRequest(t, link.Download_url, nil))
	if res.Header.Get("Wechatpay-Signature") != "" || res.StatusCode != 200 {
		t.Fatalf("the download answered %d, signed %v", res.StatusCode, res.Header.Get("Wechatpay-Signature") != "")
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	csv, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum(csv)
	if link.Hash_type != "SHA1" || link.Hash_value != hex.EncodeToString(sum[:]) {
		t.Errorf("the hash is not that of the file")
	}
	tt.seen.Write(csv)
	return csv, ""
}

func fen(t *testing.T, yuan string) int64 {
	t.Helper()
	whole, part, _ := strings.Cut(strings.TrimPrefix(yuan, "-"), ".")
	n, err := strconv.ParseInt(whole+(part + "00000")[:2], 10, 64)
	if err != nil {
		t.Fatalf("%q: %v", yuan, err)
	}
	if strings.HasPrefix(yuan, "-") {
		return -n
	}
	return n
}

func TestWeChatPayTellsAShopsDay(t *testing.T) {
	tt := startTown(t, 1)
	shop := walkWeChatPay(t, tt, tt.People()[2])
	refunds := 0
	for day := noon.AddDate(0, 0, -60); day.Before(noon.AddDate(0, 0, -1)); day = day.AddDate(0, 0, 1) {
		csv, code := tt.tradeBill(t, []string{"", "/wechatpay"}[day.Day()%2], day.Format(time.DateOnly), shop)
		if csv == nil {
			if code != "NO_STATEMENT_EXIST" {
				t.Fatalf("%s: %s", day, code)
			}
			continue
		}
		text, bom := strings.CutPrefix(string(csv), "\ufeff")
		lines := strings.Split(text, "\r\n")
		if !bom || lines[len(lines)-1] != "" || len(lines) < 5 {
			t.Fatalf("%s: not a bill: %q", day, text)
		}
		head := strings.Split(lines[0], ",")
		if len(head) != 27 || head[0] != "交易时间" || head[3] != "特约商户号" || head[26] != "费率备注" {
			t.Fatalf("columns %v", head)
		}
		column := map[string]int{}
		for i, name := range head {
			column[name] = i
		}
		var paid, back, fees int64
		rows := lines[1 : len(lines)-3]
		for _, line := range rows {
			cells := strings.Split(line, ",")
			if len(cells) != 27 {
				t.Fatalf("row %q", line)
			}
			at := func(name string) string {
				cell, tick := strings.CutPrefix(cells[column[name]], "`")
				if !tick {
					t.Fatalf("no tick in %q", line)
				}
				return cell
			}
			if at("特约商户号") != shop || !strings.HasPrefix(at("交易时间"), day.Format(time.DateOnly)) || at("货币种类") != "CNY" {
				t.Fatalf("row %q is of another day or shop", line)
			}
			fees += fen(t, at("手续费"))
			switch at("交易状态") {
			case "SUCCESS":
				paid += fen(t, at("订单金额"))
			case "REFUND":
				refunds++
				back += fen(t, at("申请退款金额"))
				if at("微信退款单号") == "0" || at("退款状态") != "SUCCESS" {
					t.Errorf("refund %q", line)
				}
			}
		}
		sums := strings.Split(lines[len(lines)-2], ",")
		if want := fmt.Sprintf("`%d", len(rows)); sums[0] != want || fen(t, sums[1][1:]) != paid || fen(t, sums[2][1:]) != back || fen(t, sums[4][1:]) != fees ||
			fen(t, sums[5][1:]) != paid || fen(t, sums[6][1:]) != back {
			t.Errorf("%s: sums %v; rows give %d, %d, %d, %d", day, sums, len(rows), paid, back, fees)
		}
	}
	if refunds == 0 {
		t.Error("two months without a refund prove nothing about refunds")
	}
}

func TestWeChatPayTellsABalance(t *testing.T) {
	tt := startTown(t, 1)
	shop := walkWeChatPay(t, tt, tt.People()[2])
	for _, prefix := range []string{"", "/wechatpay"} {
		a := tt.wechatCall(t, prefix+"/v3/ecommerce/fund/balance/"+shop+"?account_type=BASIC", nil)
		var balance struct {
			Sub_mchid                        string
			Available_amount, Pending_amount int64
		}
		if err := json.Unmarshal(a.body, &balance); err != nil || a.status != 200 || !a.signed {
			t.Fatalf("%d signed %v: %s", a.status, a.signed, a.body)
		}
		if balance.Sub_mchid != shop || balance.Available_amount < 0 || balance.Available_amount+balance.Pending_amount == 0 {
			t.Errorf("%+v", balance)
		}
	}
}

func TestWeChatPayRefuses(t *testing.T) {
	tt := startTown(t, 1)
	shop := walkWeChatPay(t, tt, tt.People()[0])
	balance := "/v3/ecommerce/fund/balance/" + shop
	bill := "/v3/bill/tradebill?sub_mchid=" + shop + "&bill_date="
	end := "/v3/ecommerce/fund/enddaybalance/" + shop + "?date="
	flow := "/v3/bill/sub-merchant-fundflowbill?sub_mchid=" + shop + "&bill_date=2026-11-16"
	replay := rand.Text()
	tt.wechatCall(t, balance, func(s *wechatSigner) { s.nonce = replay })
	for _, c := range []struct {
		why, path string
		spoil     func(*wechatSigner)
		status    int
		code      string
	}{
		{"another key", balance, func(s *wechatSigner) { s.key = sharedKeys().get(keyAlipayApp) }, 401, "SIGN_ERROR"},
		{"signed over another path", balance, func(s *wechatSigner) { s.path += "?x=1" }, 401, "SIGN_ERROR"},
		{"the prefix counts", "/wechatpay" + balance, func(s *wechatSigner) { s.path = balance }, 401, "SIGN_ERROR"},
		{"a replayed nonce", balance, func(s *wechatSigner) { s.nonce = replay }, 401, "SIGN_ERROR"},
		{"an old clock", balance, func(s *wechatSigner) { s.at = s.at.Add(-301 * time.Second) }, 401, "SIGN_ERROR"},
		{"a clock ahead", balance, func(s *wechatSigner) { s.at = s.at.Add(301 * time.Second) }, 401, "SIGN_ERROR"},
		{"a clock a little off", balance, func(s *wechatSigner) { s.at = s.at.Add(-290 * time.Second) }, 200, ""},
		{"another merchant", balance, func(s *wechatSigner) { s.mchid = "1900000109" }, 401, "SIGN_ERROR"},
		{"an unknown serial", balance, func(s *wechatSigner) { s.serial = "00" }, 401, "SIGN_ERROR"},
		{"a shop of somebody else's", "/v3/ecommerce/fund/balance/1600000000", nil, 403, "NO_AUTH"},
		{"a bill of somebody else's", "/v3/bill/tradebill?sub_mchid=1600000000&bill_date=2026-11-01", nil, 403, "NO_AUTH"},
		{"an unknown account type", balance + "?account_type=GOLD", nil, 400, "PARAM_ERROR"},
		{"no date", bill, nil, 400, "PARAM_ERROR"},
		{"a date of v2", bill + "20261101", nil, 400, "PARAM_ERROR"},
		{"an unknown type", bill + "2026-11-01&bill_type=SOME", nil, 400, "PARAM_ERROR"},
		{"today", bill + "2026-11-18", nil, 400, "NO_STATEMENT_EXIST"},
		{"before three months", bill + "2026-08-17", nil, 400, "INVALID_REQUEST"},
		{"an unknown link", "/v3/billdownload/file?token=x", nil, 400, "INVALID_REQUEST"},
		{"certificates in public-key mode", "/v3/certificates", nil, 404, "RESOURCE_NOT_EXISTS"},
		{"no such resource", "/v3/nothing", nil, 404, "RESOURCE_NOT_EXISTS"},
		{"exactly five minutes off", balance, func(s *wechatSigner) { s.at = s.at.Add(-300 * time.Second) }, 401, "SIGN_ERROR"},
		{"the other provider's serial", balance, func(s *wechatSigner) { s.serial = wechatOldSerial }, 401, "SIGN_ERROR"},
		{"a day's end that has not come", end + "2026-11-18", nil, 400, "INVALID_REQUEST"},
		{"a day's end of a hundred days ago", end + "2026-08-10", nil, 400, "INVALID_REQUEST"},
		{"a day's end", end + "2026-11-16", nil, 200, ""},
		{"a book without its encryption", flow + "&algorithm=SM4_GCM", nil, 400, "PARAM_ERROR"},
		{"a book of no account", flow + "&algorithm=AEAD_AES_256_GCM&account_type=ALL", nil, 400, "PARAM_ERROR"},
		{"a book of somebody else's", strings.Replace(flow, shop, "1600000000", 1) + "&algorithm=AEAD_AES_256_GCM", nil, 403, "NO_AUTH"},
	} {
		t.Run(c.why, func(t *testing.T) {
			a := tt.wechatCall(t, c.path, c.spoil)
			if a.status != c.status || a.code != c.code {
				t.Errorf("%d %s, want %d %s", a.status, a.code, c.status, c.code)
			}
		})
	}
	if res, _ := tt.do(t, get(t, tt.URL+balance)); res.StatusCode != 401 {
		t.Errorf("an unsigned request: %d", res.StatusCode)
	}
}

func TestWeChatPayBillsComeTheNextMorningAndLinksAge(t *testing.T) {
	tt := startTown(t, 1)
	shop := walkWeChatPay(t, tt, tt.People()[2])
	tt.pass(21 * time.Hour) // 9:00 of the next day
	if _, code := tt.tradeBill(t, "", "2026-11-18", shop); code != "STATEMENT_CREATING" {
		t.Errorf("at nine: %s", code)
	}
	tt.pass(time.Hour)
	if csv, code := tt.tradeBill(t, "", "2026-11-18", shop); csv == nil {
		t.Errorf("at ten: %s", code)
	}
	a := tt.wechatCall(t, "/v3/bill/tradebill?bill_date=2026-11-18&sub_mchid="+shop, nil)
	var link struct{ Download_url string }
	if err := json.Unmarshal(a.body, &link); err != nil {
		t.Fatal(err)
	}
	tt.pass(5*time.Minute + time.Second)
	if got := tt.wechatCall(t, link.Download_url, nil); got.status != 400 {
		t.Errorf("a link of five minutes ago: %d", got.status)
	}
}

func TestWeChatLogin(t *testing.T) {
	tt := startTown(t, 1)
	p := tt.People()[0]
	if back := tt.login(t, tt.wechatPage(), Person{}, "refuse", nil); back.Has("code") || back.Get("state") != "s-2" {
		t.Errorf("who refuses comes back with %v", back)
	}
	for why, page := range map[string]string{
		"a foreign app":      tt.wechatPage("appid", "wx0"),
		"a foreign redirect": tt.wechatPage("redirect_uri", "https://evil.example/"),
		"a token flow":       tt.wechatPage("response_type", "token"),
	} {
		if res, _ := tt.do(t, get(t, page)); res.StatusCode != 400 {
			t.Errorf("%s: %d", why, res.StatusCode)
		}
	}
	code := func() string { return tt.login(t, tt.wechatPage(), p, "agree", nil).Get("code") }
	spent := code()
	first := tt.snsToken(t, spent)
	for why, got := range map[string]snsReply{
		"40163 a code twice":       tt.snsToken(t, spent),
		"40029 an unknown code":    tt.snsToken(t, "x"),
		"40125 a wrong secret":     tt.snsToken(t, code(), "secret", "x"),
		"40013 a foreign app":      tt.snsToken(t, code(), "appid", "wx0"),
		"40030 no refresh token":   tt.sns(t, "/sns/oauth2/refresh_token", url.Values{"appid": {tt.WeChatPay().AppID}, "grant_type": {"refresh_token"}, "refresh_token": {first.Access_token}}),
		"40002 no grant":           tt.sns(t, "/sns/oauth2/refresh_token", url.Values{"appid": {tt.WeChatPay().AppID}, "refresh_token": {first.Refresh_token}}),
		"0 a living refresh token": tt.sns(t, "/sns/oauth2/refresh_token", url.Values{"appid": {tt.WeChatPay().AppID}, "grant_type": {"refresh_token"}, "refresh_token": {first.Refresh_token}}),
	} {
		if want, _, _ := strings.Cut(why, " "); strconv.Itoa(got.Errcode) != want {
			t.Errorf("%s: got %d", why, got.Errcode)
		}
	}
	old := code()
	tt.pass(5*time.Minute + time.Second)
	if got := tt.snsToken(t, old); got.Errcode != 42003 {
		t.Errorf("an old code: %d", got.Errcode)
	}
	tt.pass(30 * 24 * time.Hour)
	if got := tt.sns(t, "/sns/oauth2/refresh_token", url.Values{"appid": {tt.WeChatPay().AppID}, "grant_type": {"refresh_token"}, "refresh_token": {first.Refresh_token}}); got.Errcode != 42002 {
		t.Errorf("an old refresh token: %d", got.Errcode)
	}
}

// A shop's book is in order, and ends where the day's end does.
func TestWeChatPayKeepsABook(t *testing.T) {
	tt := startTown(t, 1)
	s := &tt.world.people[2].shop
	tt.world.read(tt.now(), func() {
		var held int64
		kinds := map[string]int{}
		day := noon.In(beijing).AddDate(0, 0, -1)
		end := time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, beijing)
		for _, m := range s.book(end) {
			if held += m.fen; m.after != held || held < 0 {
				t.Fatalf("after %s of %d there are %d, want %d", m.kind, m.fen, m.after, held)
			}
			kinds[m.kind]++
		}
		if available, pending := s.standing(end); available+pending != held || pending != 0 {
			t.Errorf("the book ends with %d, the day with %d and %d pending", held, available, pending)
		}
		for _, kind := range []string{"交易", "扣除交易手续费", "退款", "退回交易手续费", "提现"} {
			if kinds[kind] == 0 {
				t.Errorf("a book of a year without %s: %v", kind, kinds)
			}
		}
	})
}
