package icbc

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/secret"
)

// oneKey is the bank's key and ours: no test is about its bits.
var oneKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func inPEM(t testing.TB, kind string, der []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

var (
	today  = time.Date(2026, 10, 20, 12, 0, 0, 0, wire.Beijing)
	linked = secret.Of(`{"agreement":"4000000000000071"}`)
	own    = connectors.AccountRef{ID: secret.Of("1:0200099809277675078")}
)

// gateway answers each interface with business content that it signs.
type gateway struct {
	t      testing.TB
	answer func(name string, biz map[string]any) string
	mangle func(body string) string
	status int
	asked  []map[string]any
}

func (g *gateway) RoundTrip(r *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(b))
	if err != nil {
		return nil, err
	}
	if form.Get("app_id") != "Oikeclo001" || form.Get("timestamp") != "2026-10-20 12:00:00" || form.Get("format") != "json" || form.Get("sign") == "" {
		g.t.Errorf("asked with %v", form)
	}
	var biz map[string]any
	if err := json.Unmarshal([]byte(form.Get("biz_content")), &biz); err != nil {
		return nil, err
	}
	g.asked = append(g.asked, biz)
	parts := strings.Split(r.URL.Path, "/")
	body := signed(g.answer(parts[len(parts)-2], biz))
	if g.mangle != nil {
		body = g.mangle(body)
	}
	status := g.status
	if status == 0 {
		status = 200
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func signature(content string) string {
	digest := sha1.Sum([]byte(content))
	sig, err := rsa.SignPKCS1v15(rand.Reader, oneKey(), crypto.SHA1, digest[:])
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(sig)
}

func signed(content string) string {
	return `{"response_biz_content":` + content + `,"sign":"` + signature(content) + `"}`
}

func config(t testing.TB, wire http.RoundTripper) Config {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&oneKey().PublicKey)
	return Config{AppID: "Oikeclo001", CorpNo: "100004", Key: secret.Of(inPEM(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(oneKey()), nil)),
		BankKey: inPEM(t, "PUBLIC KEY", der, err), HTTP: &http.Client{Transport: wire}, Now: func() time.Time { return today }}
}

func connect(t testing.TB, g *gateway) *Connector {
	t.Helper()
	c, err := New(config(t, g))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func golden(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// The parameters are those of the platform's document of the signature; what
// WebUtils.buildOrderedSignStr makes of them is written out.
func TestOrderedText(t *testing.T) {
	params := map[string]string{"app_id": "Oikeclo001", "msg_id": "urcnl24ciutr9", "format": "json", "charset": "utf-8", "encrypt_type": "",
		"sign_type": "RSA", "timestamp": "2016-10-29 20:44:38", "biz_content": `{"a":"b"}`, "ca": ""}
	want := `/api/mybank/pay/cpay/cppayapply/V1?app_id=Oikeclo001&biz_content={"a":"b"}&charset=utf-8&format=json&msg_id=urcnl24ciutr9&sign_type=RSA&timestamp=2016-10-29 20:44:38`
	if got := orderedText("/api/mybank/pay/cpay/cppayapply/V1", params); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := orderedText("/a", nil); got != "/a?" {
		t.Errorf("of nothing: %q", got)
	}
}

func TestARequestIsSignedAsItIsSaidTo(t *testing.T) {
	for kind, hash := range digests {
		k := config(t, nil)
		k.SignType, k.Gateway = kind, "https://gw.example/a"
		c, err := New(k)
		if err != nil {
			t.Fatal(err)
		}
		u := c.gateway.JoinPath("api", service, "adsagreementqry", "V1")
		form, err := c.params(u, map[string]string{"x": "<&>"}, map[string]string{"extra": "1"})
		if err != nil {
			t.Fatal(err)
		}
		if u.Path != "/a/api/mybank/account/accountdetailservice/adsagreementqry/V1" || form.Get("biz_content") != `{"x":"<&>"}` {
			t.Errorf("%s asks %v", u.Path, form)
		}
		text := u.Path + "?app_id=Oikeclo001&biz_content=" + form.Get("biz_content") + "&charset=UTF-8&extra=1&format=json&msg_id=" + form.Get("msg_id") +
			"&sign_type=" + kind + "&timestamp=2026-10-20 12:00:00"
		sig, err := base64.StdEncoding.DecodeString(form.Get("sign"))
		if err != nil || rsa.VerifyPKCS1v15(&oneKey().PublicKey, hash, sum(hash, []byte(text)), sig) != nil {
			t.Errorf("%s: the signature does not verify", kind)
		}
	}
}

func TestNew(t *testing.T) {
	good := config(t, nil)
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for why, change := range map[string]func(*Config){
		"no app":               func(c *Config) { c.AppID = "" },
		"no cooperator":        func(c *Config) { c.CorpNo = "" },
		"no key":               func(c *Config) { c.Key = secret.Value{} },
		"a key of nonsense":    func(c *Config) { c.Key = secret.Of("c2VjcmV0LWNhbmFyeQ==") },
		"a small key":          func(c *Config) { c.Key = secret.New(x509.MarshalPKCS1PrivateKey(small)) },
		"a small key in PEM":   func(c *Config) { c.Key = secret.Of(inPEM(t, "X", x509.MarshalPKCS1PrivateKey(small), nil)) },
		"no bank key":          func(c *Config) { c.BankKey = "" },
		"a bank key of others": func(c *Config) { c.BankKey = "c2VjcmV0LWNhbmFyeQ==" },
		"another sign type":    func(c *Config) { c.SignType = "CA" },
		"plain http":           func(c *Config) { c.Gateway = "http://gw.open.icbc.com.cn" },
		"no address":           func(c *Config) { c.Gateway = "gw" },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", why, err)
		}
	}
	bare := good
	bare.Key = secret.Of(base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(oneKey())))
	if _, err := New(bare); err != nil {
		t.Errorf("bare base64: %v", err)
	}
}

func TestFaults(t *testing.T) {
	standing := golden(t, "agreement.json")
	for _, tt := range []struct {
		content string
		want    error
	}{
		{`{"return_code":500020,"return_msg":"非法调用"}`, connectors.ErrRefused}, // the document's own example
		{`{"return_code":"400011","return_msg":"canary"}`, connectors.ErrRefused},
		{`{"return_code":400017,"return_msg":"canary"}`, connectors.ErrRefused},
		{`{"return_code":400019}`, connectors.ErrRefused},
		{`{"return_code":500018}`, connectors.ErrRefused},
		{`{"return_code":500031}`, connectors.ErrBusy},
		{`{"return_code":500032}`, connectors.ErrBusy},
		{`{"return_code":5205}`, connectors.ErrDown},
		{`{"return_code":-500042}`, connectors.ErrDown},
		{`{"return_code":-31}`, connectors.ErrDown},
		{`{"return_code":80003001}`, connectors.ErrRefused},
		{`{"return_code":"canary"}`, connectors.ErrMalformed},
		{`{"return_code":0,"retcode":"9008200","retmsg":"canary"}`, connectors.ErrRefused},
		{`{"return_code":0,"retcode":"-2"}`, connectors.ErrRefused},
		{`{"return_code":0,"retcode":"9008101"}`, connectors.ErrRefused},
		{`{"return_code":0,"retcode":"7"}`, connectors.ErrMalformed},
		{`{"return_code":0}`, connectors.ErrMalformed},
		{`{}`, connectors.ErrMalformed},
	} {
		c := connect(t, &gateway{t: t, answer: func(name string, _ map[string]any) string {
			if name == "adsagreementqry" {
				return standing
			}
			return tt.content
		}})
		_, err := c.Bills(context.Background(), linked, own, today.AddDate(0, 0, -30), today, "")
		if !errors.Is(err, tt.want) || strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("%s: %v, want %v", tt.content, err, tt.want)
		}
	}
}

func TestOnlySignedBytesAreBelieved(t *testing.T) {
	good := golden(t, "agreement.json")
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
		{"sign first", func(string) string { return `{"sign":"` + signature(good) + `" , "response_biz_content":` + good + `}` }, nil},
		{"another account", replace("75078", "75079"), connectors.ErrUnsigned},
		{"a space inside", replace(`{"return_code"`, `{ "return_code"`), connectors.ErrUnsigned},
		{"no sign", func(string) string { return `{"response_biz_content":` + good + `}` }, connectors.ErrUnsigned},
		{"an empty sign", func(string) string { return `{"response_biz_content":` + good + `,"sign":""}` }, connectors.ErrUnsigned},
		{"content twice", func(b string) string { return `{"response_biz_content":{},` + b[1:] }, connectors.ErrMalformed},
		{"content twice, its case changed", func(b string) string { return `{"Response_biz_content":{},` + b[1:] }, connectors.ErrMalformed},
		{"encrypted content", func(string) string { return `{"response_biz_content":"aGk=","sign":"` + signature(`"aGk="`) + `"}` }, connectors.ErrMalformed},
		{"something behind it", func(b string) string { return b + "{}" }, connectors.ErrMalformed},
		{"a page", func(string) string { return "<html>" }, connectors.ErrMalformed},
		{"nothing", func(string) string { return "" }, connectors.ErrMalformed},
	} {
		c := connect(t, &gateway{t: t, mangle: tt.mangle, answer: func(string, map[string]any) string { return good }})
		if _, err := c.Accounts(context.Background(), linked); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
	for status, want := range map[int]error{401: connectors.ErrRefused, 403: connectors.ErrRefused, 429: connectors.ErrBusy, 502: connectors.ErrDown, 302: connectors.ErrMalformed} {
		c := connect(t, &gateway{t: t, status: status, answer: func(string, map[string]any) string { return good }})
		if _, err := c.Accounts(context.Background(), linked); !errors.Is(err, want) || errors.Is(err, connectors.ErrUnauthorized) {
			t.Errorf("status %d: %v, want %v", status, err, want)
		}
	}
}

func TestAccounts(t *testing.T) {
	good := golden(t, "agreement.json")
	g := &gateway{t: t, answer: func(string, map[string]any) string { return good }}
	accounts, err := connect(t, g).Accounts(context.Background(), linked)
	if err != nil || len(accounts) != 2 {
		t.Fatalf("%d accounts, %v", len(accounts), err)
	}
	if a := accounts[0]; a.Ref.ID.RevealString() != "1:0200099809277675078" || a.Number.RevealString() != "0200099809277675078" ||
		a.Kind != connectors.Deposit || a.Side != connectors.Asset || a.Currency != "CNY" || accounts[1].Currency != "USD" {
		t.Errorf("accounts %+v", accounts)
	}
	cond, ok := g.asked[0]["cond"].(map[string]any)
	if !ok || cond["qrytype"] != "2" || g.asked[0]["corpno"] != "100004" || !strings.Contains(fmt.Sprint(cond["agrlist"]), "4000000000000071") {
		t.Errorf("asked %v", g.asked)
	}
	for _, tt := range []struct {
		why, old, new string
		want          error
	}{
		{"another's agreement", `"agreeno":4000000000000071`, `"agreeno":4000000000000072`, connectors.ErrMalformed},
		{"another cooperator's", `"corpno":"100004"`, `"corpno":"100005"`, connectors.ErrMalformed},
		{"ended", `"status":"1"`, `"status":"2"`, connectors.ErrUnauthorized},
		{"run out", `2027-01-04`, `2026-10-19`, connectors.ErrUnauthorized},
		{"its last day", `2027-01-04`, `2026-10-20`, nil},
		{"no date", `2027-01-04`, ``, connectors.ErrMalformed},
		{"no list of accounts", `accountinfolist`, `accounts`, connectors.ErrMalformed},
		{"no list", `agrlist`, `list`, connectors.ErrMalformed},
		{"an account twice", `"currtype":14`, `"currtype":1`, connectors.ErrMalformed},
		{"an account of letters", `"account":"0200099809277675099"`, `"account":"canary"`, connectors.ErrMalformed},
	} {
		if !strings.Contains(good, tt.old) {
			t.Fatalf("the answer holds no %s", tt.old)
		}
		c := connect(t, &gateway{t: t, answer: func(string, map[string]any) string { return strings.Replace(good, tt.old, tt.new, 1) }})
		if _, err := c.Accounts(context.Background(), linked); !errors.Is(err, tt.want) || strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
}

// A number that comes back through the browser proves nothing; the remark does.
func TestOnlyOnesOwnAgreementLinks(t *testing.T) {
	remark, ended := "", false
	c := connect(t, &gateway{t: t, answer: func(string, map[string]any) string {
		text := strings.Replace(golden(t, "agreement.json"), `"R7YQ"`, `"`+remark+`"`, 1)
		if ended {
			text = strings.Replace(text, `"status":"1"`, `"status":"0"`, 1)
		}
		return text
	}})
	l, err := c.Begin(context.Background(), "s-1", "http://127.0.0.1/linked")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(l.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	var biz map[string]any
	if err := json.Unmarshal([]byte(q.Get("biz_content")), &biz); err != nil {
		t.Fatal(err)
	}
	if u.Host != "gw.open.icbc.com.cn" || u.Path != "/ui/mybank/account/accountdetailservice/adsagrsignui/V1" || q.Get("state") != "s-1" ||
		q.Get("redirect_uri") != "http://127.0.0.1/linked" || biz["coMode"] != "2" || biz["api_name"] != "ADSSIGN" || len(fmt.Sprint(biz["remark"])) < 26 {
		t.Errorf("begins at %s with %v", u.Path, biz)
	}
	back := url.Values{"agreeno": {"4000000000000071"}, "state": {"s-1"}}
	for _, tt := range []struct {
		why   string
		query url.Values
		set   string
		ended bool
		want  error
	}{
		{"another's agreement", back, "R7YQ", false, connectors.ErrLinkRefused},
		{"an agreement without a remark", back, "", false, connectors.ErrLinkRefused},
		{"one that has ended", back, fmt.Sprint(biz["remark"]), true, connectors.ErrLinkRefused},
		{"no number", url.Values{}, "", false, connectors.ErrLinkRefused},
		{"two numbers", url.Values{"agreeno": {"4000000000000071", "1"}}, "", false, connectors.ErrLinkRefused},
		{"a number of letters", url.Values{"agreeno": {"4e15"}}, "", false, connectors.ErrLinkRefused},
		{"one's own", back, fmt.Sprint(biz["remark"]), false, nil},
	} {
		remark, ended = tt.set, tt.ended
		k, err := c.Finish(context.Background(), l, tt.query)
		if !errors.Is(err, tt.want) || (tt.want == nil && !k.Equal(linked)) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
	if _, err := c.Finish(context.Background(), connectors.Linking{}, back); !errors.Is(err, connectors.ErrLinkRefused) {
		t.Errorf("no link: %v", err)
	}
}

func TestMovements(t *testing.T) {
	g := &gateway{t: t, answer: func(string, map[string]any) string { return golden(t, "movements.json") }}
	c := connect(t, g)
	from := time.Date(2026, 10, 3, 12, 30, 21, 0, wire.Beijing)
	page, err := c.Bills(context.Background(), linked, own, from, today, "")
	if err != nil || len(page.Bills) != 4 || page.Next == "" {
		t.Fatalf("%d bills, next %q, %v", len(page.Bills), page.Next, err)
	}
	if asked := g.asked[0]; asked["account"] != "0200099809277675078" || asked["currtype"] != "1" || asked["startdate"] != "2026-10-03" ||
		asked["enddate"] != "2026-10-20" || asked["serialno"] != "" || asked["agreeno"] != "4000000000000071" || asked["fseqno"] == "" {
		t.Errorf("asked %v", asked)
	}
	for i, want := range []string{
		"12001 2026-10-03T12:30:21+08:00 32.50 CNY out out payment 巷口面馆 2026100322001234567890123456 ",
		"12002 2026-10-05T09:00:00+08:00 8500.00 CNY in in income 青石出版社 T20261005000000000001 ",
		"12003 2026-10-06T00:00:00+08:00 32.50 CNY in in refund 巷口面馆 2026100600000001 2026100322001234567890123456",
		"12004 2026-10-07T23:59:59+08:00 1.00 CNY in in adjustment   ",
	} {
		b := page.Bills[i]
		got := fmt.Sprint(b.ID, " ", b.At.Format(time.RFC3339), " ", b.Amount.Value(), " ", b.Amount.Currency, " ", b.Direction, " ", b.Flow, " ", b.Kind, " ", b.Counterparty, " ", b.Order, " ", b.RefundOf)
		if got != want || b.DateOnly != (i == 2) || b.State != connectors.Done {
			t.Errorf("bill %d\n got %s\nwant %s", i, got, want)
		}
	}
	if _, err := c.Bills(context.Background(), linked, own, from, today, page.Next); !errors.Is(err, connectors.ErrMalformed) {
		t.Errorf("pages that begin where they began: %v", err)
	}
	if asked := g.asked[1]; asked["serialno"] != "12004" {
		t.Errorf("the second page is asked for with %v", asked)
	}
	later, err := c.Bills(context.Background(), linked, own, from.Add(time.Second), today, "")
	if err != nil || len(later.Bills) != 3 {
		t.Errorf("what lies before the window is told: %d, %v", len(later.Bills), err)
	}
	if none, err := c.Bills(context.Background(), linked, own, today, today, ""); err != nil || len(none.Bills) != 0 || len(g.asked) != 3 {
		t.Errorf("an empty window asks: %v", err)
	}
	for _, bad := range []connectors.Cursor{"x", `{"serial":"1","page":1}`, `{"serial":"x","page":2}`} {
		if _, err := c.Bills(context.Background(), linked, own, from, today, bad); !errors.Is(err, connectors.ErrRefused) {
			t.Errorf("cursor %s: %v", bad, err)
		}
	}
	if _, err := c.Bills(context.Background(), linked, connectors.AccountRef{ID: secret.Of("x")}, from, today, ""); !errors.Is(err, connectors.ErrRefused) {
		t.Errorf("another dialect's account: %v", err)
	}
}

func TestMovementsThatCannotBe(t *testing.T) {
	good := golden(t, "movements.json")
	for _, change := range [][2]string{
		{`"accno":"0200099809277675078"`, `"accno":"0200099809277675079"`},
		{`"dtllist"`, `"list"`},
		{`"nextpage":"1"`, `"nextpage":"2"`},
		{`"serialno":"12004"`, `"serialno":""`},
		{`"serialno":12001`, `"serialno":null`},
		{`"serialno":12001`, `"serialno":"x"`},
		{`"busidate":"2026-10-03"`, `"busidate":"2026-02-30"`},
		{`"busitime":"12.30.21"`, `"busitime":"25.00.00"`},
		{`"amount":3250`, `"amount":32.5`},
		{`"amount":3250`, `"amount":1e400`},
		{`"amount":3250`, `"amount":1e2`},
		{`"amount":3250`, `"amount":""`},
		{`"amount":3250`, `"amount":99999999999999999999`},
		{`"drcrf":1`, `"drcrf":3`},
		{`"currtype":1`, `"currtype":14`},
		{`"currtype":1`, `"currtype":999`},
	} {
		if !strings.Contains(good, change[0]) {
			t.Fatalf("the answer holds no %s", change[0])
		}
		c := connect(t, &gateway{t: t, answer: func(string, map[string]any) string { return strings.Replace(good, change[0], change[1], 1) }})
		if _, err := c.Bills(context.Background(), linked, own, today.AddDate(0, 0, -30), today, ""); !errors.Is(err, connectors.ErrMalformed) {
			t.Errorf("%s: %v", change[1], err)
		}
	}
}

func TestYenComeInHundredths(t *testing.T) {
	for _, tt := range []struct {
		sum, currency, want string
	}{{"10000", "JPY", "100"}, {"10000", "CNY", "100.00"}, {"-5", "CNY", "-0.05"}, {"10001", "JPY", ""}, {"10000", "KWD", "100.000"}, {"+1", "CNY", ""}} {
		a, err := hundredths(text(tt.sum), tt.currency)
		if (err != nil) != (tt.want == "") || (err == nil && a.Value() != tt.want) {
			t.Errorf("%s of %s: %v, %v", tt.sum, tt.currency, a, err)
		}
	}
}

func TestABalanceIsWhatTheNewestMovementLeft(t *testing.T) {
	asked := 0
	c := connect(t, &gateway{t: t, answer: func(_ string, biz map[string]any) string {
		asked++
		empty := `{"retcode":"0","nextpage":"0","serialno":"","accno":"0200099809277675078","dtllist":[]}`
		switch {
		case biz["startdate"] == "2026-09-20":
			return empty // quiet for a month
		case biz["serialno"] == "":
			return golden(t, "movements.json")
		}
		return strings.NewReplacer(`"nextpage":"1"`, `"nextpage":"0"`, "12002", "12005", "2026-10-05", "2026-10-08").Replace(golden(t, "movements.json"))
	}})
	got, err := c.Balances(context.Background(), linked, []connectors.AccountRef{own})
	if err != nil || len(got) != 1 || got[0].Kind != connectors.Booked || got[0].Amount.Value() != "19467.50" || got[0].AsOf.Format(time.DateTime) != "2026-10-08 09:00:00" || asked != 3 {
		t.Errorf("%+v after %d calls, %v", got, asked, err)
	}
}

func FuzzAnswers(f *testing.F) {
	c := connect(f, &gateway{t: f})
	for _, name := range []string{"agreement.json", "movements.json"} {
		f.Add([]byte(golden(f, name)))
	}
	f.Add([]byte(`{"return_code":500020,"return_msg":"非法调用"}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if content, err := c.open(content); err == nil {
			t.Errorf("opened without a signature: %s", content)
		}
		_ = outcome(content, 0)
		var a agreementAnswer
		if dial.JSON(content, &a) == nil {
			_, _ = c.standing(a, credential{"4000000000000071"})
		}
		var m movements
		if dial.JSON(content, &m) != nil {
			return
		}
		page, err := m.page(account{"1", "0200099809277675078"}, today.AddDate(-1, 0, 0), today, cursor{Page: 1})
		if err != nil {
			return
		}
		for _, b := range page.Bills {
			if b.ID == "" || b.Amount.Minor < 0 || b.At.Before(today.AddDate(-1, 0, 0)) || !b.At.Before(today) {
				t.Errorf("%+v", b)
			}
		}
	})
}

// FuzzWhole asks through the whole connector: truly signed content, any cursor and
// any status give what the account could tell, or a fault that is known.
func FuzzWhole(f *testing.F) {
	for _, name := range []string{"agreement.json", "movements.json"} {
		f.Add(golden(f, name), 200, "")
	}
	f.Add(`{"return_code":500031}`, 200, `{"serial":"12004","page":2}`)
	f.Add(`{}`, 429, `{"serial":"x","page":2}`)
	f.Fuzz(func(t *testing.T, content string, status int, next string) {
		c := connect(t, &gateway{t: t, status: 200 + (status%400+400)%400, answer: func(string, map[string]any) string { return content }})
		ctx := context.Background()
		page, err := c.Bills(ctx, linked, own, today.AddDate(-1, 0, 0), today, connectors.Cursor(next))
		known(t, err)
		for _, b := range page.Bills {
			if b.ID == "" || b.Amount.Minor < 0 || b.Amount.Currency != "CNY" || b.At.Before(today.AddDate(-1, 0, 0)) || !b.At.Before(today) {
				t.Errorf("%+v", b)
			}
		}
		accounts, err := c.Accounts(ctx, linked)
		known(t, err)
		for _, a := range accounts {
			if _, err := readRef(a.Ref); err != nil {
				t.Errorf("an account that cannot be asked for: %v", err)
			}
		}
		l, err := c.Begin(ctx, "s", "http://127.0.0.1/linked")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Finish(ctx, l, url.Values{"agreeno": {"4000000000000071"}}); err == nil {
			t.Error("an agreement without the link's remark links")
		} else {
			known(t, err)
		}
	})
}

// known holds that an error is one that connectors may answer.
func known(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, f := range []error{connectors.ErrBusy, connectors.ErrDown, connectors.ErrMalformed, connectors.ErrRefused, connectors.ErrUnauthorized, connectors.ErrUnsigned, connectors.ErrLinkRefused} {
		if errors.Is(err, f) {
			return
		}
	}
	t.Errorf("a fault of no kind: %v", err)
}

// BenchmarkBills reads 10,000 bills, 100 a page; what the gateway's stand-in
// does is done before.
func BenchmarkBills(b *testing.B) {
	var pages []string
	for p := range 100 {
		var rows []string
		for i := range 100 {
			rows = append(rows, fmt.Sprintf(`{"serialno":%d,"busidate":"2026-10-03","busitime":"12.30.21","drcrf":1,"summary":"快捷支付","amount":3250,"currtype":1,"balance":1096750,"recipnam":"巷口面馆","vagen_ref":"2026100322001234567890123456","notes":"支付宝-巷口面馆"}`, p*100+i+1))
		}
		next := "1"
		if p == 99 {
			next = "0"
		}
		pages = append(pages, signed(fmt.Sprintf(`{"return_code":0,"retcode":"0","nextpage":"%s","serialno":"%d","accno":"0200099809277675078","dtllist":[%s]}`, next, p*100+100, strings.Join(rows, ","))))
	}
	page := 0
	c, err := New(config(b, transport(func(r *http.Request) *http.Response {
		page++
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(pages[page-1])), Request: r}
	})))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		page = 0
		n := 0
		for next, more := connectors.Cursor(""), true; more; more = next != "" {
			got, err := c.Bills(context.Background(), linked, own, today.AddDate(0, -1, 0), today, next)
			if err != nil {
				b.Fatal(err)
			}
			n, next = n+len(got.Bills), got.Next
		}
		if n != 10000 {
			b.Fatalf("%d bills", n)
		}
	}
}

type transport func(*http.Request) *http.Response

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }
