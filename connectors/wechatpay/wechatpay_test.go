package wechatpay

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/dial"
	"jali/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	ourKey      = sync.OnceValue(newKey)
	platformKey = sync.OnceValue(newKey)
	now         = time.Date(2026, 10, 20, 12, 0, 0, 0, beijing)
)

const (
	platformID = "PUB_KEY_ID_0119000000012026100100001"
	merchant   = "1230000109"
)

func newKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

var authorization = regexp.MustCompile(`^WECHATPAY2-SHA256-RSA2048 mchid="1900000001",nonce_str="(\w{16,32})",signature="([^"]+)",timestamp="(\d+)",serial_no="5157F09E"$`)

// platform answers as the published API does: it checks our signature on its
// own and signs its answers.
type platform struct {
	t      *testing.T
	answer func(w http.ResponseWriter, r *http.Request) (status int, body string)
	header func(http.Header)
	clock  time.Time // zero: now

	mu     sync.Mutex
	nonces map[string]bool
	most   int // calls at once
	under  int
}

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.enter(1)
	defer p.enter(-1)
	if strings.HasPrefix(r.URL.Path, "/v3/") {
		p.check(r)
	}
	status, body := p.answer(w, r)
	if strings.HasPrefix(r.URL.Path, "/v3/") && !strings.Contains(r.URL.Path, "download") {
		clock := p.clock
		if clock.IsZero() {
			clock = now
		}
		sign(w.Header(), body, clock)
		if p.header != nil {
			p.header(w.Header())
		}
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func (p *platform) enter(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.under += n
	p.most = max(p.most, p.under)
}

func (p *platform) check(r *http.Request) {
	part := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if part == nil {
		p.t.Errorf("Authorization is not as published: %s", r.Header.Get("Authorization"))
		return
	}
	p.mu.Lock()
	if p.nonces[part[1]] {
		p.t.Error("a nonce was used twice")
	}
	if p.nonces == nil {
		p.nonces = map[string]bool{}
	}
	p.nonces[part[1]] = true
	p.mu.Unlock()
	sum := sha256.Sum256([]byte("GET\n" + r.RequestURI + "\n" + part[3] + "\n" + part[1] + "\n\n"))
	sig, _ := base64.StdEncoding.DecodeString(part[2])
	if err := rsa.VerifyPKCS1v15(&ourKey().PublicKey, crypto.SHA256, sum[:], sig); err != nil {
		p.t.Errorf("our request is not signed as published: %v", err)
	}
	if r.Header.Get("User-Agent") == "" || r.Header.Get("Accept") != "application/json" {
		p.t.Error("User-Agent and Accept are required")
	}
}

func sign(h http.Header, body string, at time.Time) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	sum := sha256.Sum256([]byte(stamp + "\nnonce\n" + body + "\n"))
	sig, err := rsa.SignPKCS1v15(rand.Reader, platformKey(), crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	h.Set("Wechatpay-Timestamp", stamp)
	h.Set("Wechatpay-Nonce", "nonce")
	h.Set("Wechatpay-Serial", platformID)
	h.Set("Wechatpay-Signature", base64.StdEncoding.EncodeToString(sig))
}

func config(t *testing.T, base string, client *http.Client) Config {
	t.Helper()
	private, err := x509.MarshalPKCS8PrivateKey(ourKey())
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&platformKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		API: base, Login: base, SNS: base, AppID: "wx00000000000000aa", AppSecret: secret.Of("appsecret-canary"),
		MchID: "1900000001", Serial: "5157F09E", Key: secret.New(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		PlatformKeys: map[string]string{platformID: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))},
		HTTP:         client, Now: func() time.Time { return now },
	}
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

var (
	linked = secret.Of(`{"openid":"oPerson-canary","sub_mchid":"` + merchant + `","access":"A-canary","refresh":"R-canary","until":1792576800}`)
	own    = connectors.AccountRef{ID: secret.Of(merchant)}
)

func TestNewSaysWhatIsWrongWithItsConfig(t *testing.T) {
	for _, tt := range []struct {
		why    string
		change func(*Config)
		ok     bool
	}{
		{"as it is", func(*Config) {}, true},
		{"the live platform", func(c *Config) { c.API, c.Login, c.SNS = "", "", "" }, true},
		{"a town with a prefix", func(c *Config) { c.API = "http://127.0.0.1:8070/wechatpay" }, true},
		{"no merchant", func(c *Config) { c.MchID = "" }, false},
		{"a serial that would end its quotes", func(c *Config) { c.Serial = `5",x="` }, false},
		{"no secret", func(c *Config) { c.AppSecret = secret.Value{} }, false},
		{"no key", func(c *Config) { c.Key = secret.Value{} }, false},
		{"no key to believe", func(c *Config) { c.PlatformKeys = nil }, false},
		{"a platform key that is none", func(c *Config) { c.PlatformKeys = map[string]string{"x": "x"} }, false},
		{"http to the world", func(c *Config) { c.SNS = "http://api.weixin.qq.com" }, false},
	} {
		c := config(t, "http://127.0.0.1:1", http.DefaultClient)
		tt.change(&c)
		if _, err := New(c); (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok %v", tt.why, err, tt.ok)
		}
	}
}

func TestLinkRefreshAndStale(t *testing.T) {
	answers := map[string]string{
		"good":     `{"access_token":"A1","expires_in":7200,"refresh_token":"R1","openid":"o1","scope":"snsapi_base","sub_mchid":"1230000109"}`,
		"person":   `{"access_token":"A1","expires_in":7200,"refresh_token":"R1","openid":"o1","scope":"snsapi_base"}`,
		"path":     `{"access_token":"A1","expires_in":7200,"refresh_token":"R1","openid":"o1","sub_mchid":"../x"}`,
		"used":     `{"errcode":40163,"errmsg":"code been used, appsecret-canary"}`,
		"busy":     `{"errcode":45011,"errmsg":"api minute-quota reach limit"}`,
		"system":   `{"errcode":-1,"errmsg":"system error"}`,
		"ours":     `{"errcode":40125,"errmsg":"invalid appsecret"}`,
		"lifeless": `{"access_token":"A1","refresh_token":"R1","openid":"o1","sub_mchid":"1230000109"}`,
		"page":     `<html>`,
		"R1":       `{"access_token":"A2","expires_in":7200,"refresh_token":"R2","openid":"o1"}`,
		"R2":       `{"access_token":"A3","expires_in":7200,"refresh_token":"R3","openid":"o2"}`,
		"R-canary": `{"errcode":42002,"errmsg":"refresh_token expired"}`,
	}
	p := &platform{t: t, answer: func(_ http.ResponseWriter, r *http.Request) (int, string) {
		q := r.URL.Query()
		switch {
		case r.URL.Path == "/sns/oauth2/access_token" && q.Get("grant_type") == "authorization_code" && q.Get("secret") == "appsecret-canary" && q.Get("appid") == "wx00000000000000aa":
			return 200, answers[q.Get("code")]
		case r.URL.Path == "/sns/oauth2/refresh_token" && q.Get("grant_type") == "refresh_token" && !q.Has("secret"):
			return 200, answers[q.Get("refresh_token")]
		}
		t.Errorf("not a published call: %s", r.URL)
		return 404, ""
	}}
	c := connect(t, p)
	ctx := context.Background()
	l, err := c.Begin(ctx, "state-of-128-bits", "https://jali.example/link")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(l.URL)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{"appid": {"wx00000000000000aa"}, "redirect_uri": {"https://jali.example/link"}, "response_type": {"code"}, "scope": {"snsapi_base"}, "state": {"state-of-128-bits"}}
	if d := cmp.Diff(want, u.Query()); d != "" || u.Path != "/connect/oauth2/authorize" || u.Fragment != "wechat_redirect" {
		t.Errorf("authorize at %s#%s:\n%s", u.Path, u.Fragment, d)
	}
	for code, want := range map[string]error{
		"": connectors.ErrLinkRefused, "person": connectors.ErrLinkRefused, "used": connectors.ErrLinkRefused,
		"busy": connectors.ErrBusy, "system": connectors.ErrDown, "ours": connectors.ErrRefused,
		"path": connectors.ErrMalformed, "lifeless": connectors.ErrMalformed, "page": connectors.ErrMalformed,
	} {
		_, err := c.Finish(ctx, l, url.Values{"code": {code}})
		if !errors.Is(err, want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("code %q: %v, want %v", code, err, want)
		}
	}
	k, err := c.Finish(ctx, l, url.Values{"code": {"good"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Stale(k, now) || !c.Stale(k, now.Add(2*time.Hour-30*time.Second)) {
		t.Error("a token of two hours is stale in its last minute, not before")
	}
	k2, err := c.Refresh(ctx, k)
	if err != nil {
		t.Fatal(err)
	}
	if got := k2.RevealString(); !strings.Contains(got, `"A2"`) || !strings.Contains(got, merchant) {
		t.Error("the refreshed credential does not hold the new token and the old merchant")
	}
	if _, err := c.Refresh(ctx, k2); !errors.Is(err, connectors.ErrMalformed) {
		t.Errorf("tokens of another person: %v, want ErrMalformed", err)
	}
	if _, err := c.Refresh(ctx, linked); !errors.Is(err, connectors.ErrUnauthorized) {
		t.Errorf("a dead refresh token: %v, want ErrUnauthorized", err)
	}
}

func TestBalances(t *testing.T) {
	for _, tt := range []struct {
		body string
		want map[connectors.BalanceKind]int64
		err  error
	}{
		{`{"sub_mchid":"1230000109","account_type":"BASIC","available_amount":12345,"pending_amount":0}`, map[connectors.BalanceKind]int64{connectors.Available: 12345, connectors.Frozen: 0}, nil},
		{`{"sub_mchid":"1230000109","available_amount":9223372036854775807}`, map[connectors.BalanceKind]int64{connectors.Available: 9223372036854775807}, nil},
		{`{"sub_mchid":"1230000109","available_amount":9223372036854775808}`, nil, connectors.ErrMalformed},
		{`{"sub_mchid":"1230000109","available_amount":-1}`, nil, connectors.ErrMalformed},
		{`{"sub_mchid":"1230000109","available_amount":1.0}`, nil, connectors.ErrMalformed}, // fen are whole
		{`{"sub_mchid":"1230000109","available_amount":1e400}`, nil, connectors.ErrMalformed},
		{`{"sub_mchid":"1230000109","available_amount":NaN}`, nil, connectors.ErrMalformed},
		{`{"sub_mchid":"1230000109","available_amount":"12345"}`, nil, connectors.ErrMalformed},
		{`{"sub_mchid":"1230000109"}`, nil, connectors.ErrMalformed},
		{`{"sub_mchid":"1230000110","available_amount":1}`, nil, connectors.ErrMalformed}, // another merchant's
		{`[]`, nil, connectors.ErrMalformed},
	} {
		c := connect(t, &platform{t: t, answer: func(_ http.ResponseWriter, r *http.Request) (int, string) {
			if r.RequestURI != "/v3/ecommerce/fund/balance/1230000109?account_type=BASIC" {
				t.Errorf("asked for %s", r.RequestURI)
			}
			return 200, tt.body
		}})
		got, err := c.Balances(context.Background(), linked, []connectors.AccountRef{own})
		if !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, want %v", tt.body, err, tt.err)
		}
		var sums map[connectors.BalanceKind]int64
		for _, b := range got {
			if sums == nil {
				sums = map[connectors.BalanceKind]int64{}
			}
			sums[b.Kind] = b.Amount.Minor
		}
		if d := cmp.Diff(tt.want, sums); d != "" {
			t.Errorf("%s:\n%s", tt.body, d)
		}
	}
}

func TestOnlySignedAnswersAreBelieved(t *testing.T) {
	const good = `{"sub_mchid":"1230000109","available_amount":1}`
	set := func(k, v string) func(http.Header) { return func(h http.Header) { h.Set(k, v) } }
	at := func(d time.Duration) func(http.Header) {
		return func(h http.Header) { sign(h, good, now.Add(d)) }
	}
	unsigned := func(h http.Header) { h.Del("Wechatpay-Signature") }
	for _, tt := range []struct {
		why    string
		status int
		body   string
		header func(http.Header)
		want   error
	}{
		{"untouched", 200, good, nil, nil},
		{"299 s old", 200, good, at(-299 * time.Second), nil},
		{"299 s ahead", 200, good, at(299 * time.Second), nil},
		{"300 s old", 200, good, at(-300 * time.Second), connectors.ErrUnsigned},
		{"300 s ahead", 200, good, at(300 * time.Second), connectors.ErrUnsigned},
		{"unsigned", 200, good, unsigned, connectors.ErrUnsigned},
		{"another body's signature", 200, good + " ", at(0), connectors.ErrUnsigned},
		{"another nonce", 200, good, set("Wechatpay-Nonce", "other"), connectors.ErrUnsigned},
		{"an unknown key", 200, good, set("Wechatpay-Serial", "PUB_KEY_ID_0000"), connectors.ErrUnsigned},
		{"the platform's own probe", 200, good, set("Wechatpay-Signature", "WECHATPAY/SIGNTEST/AAAA"), connectors.ErrUnsigned},
		{"no timestamp", 200, good, set("Wechatpay-Timestamp", ""), connectors.ErrUnsigned},
		{"a timestamp beyond time", 200, good, set("Wechatpay-Timestamp", "9223372036854775807"), connectors.ErrUnsigned},

		{"no relation", 403, `{"code":"NO_AUTH","message":"1230000109"}`, nil, connectors.ErrUnauthorized},
		{"no relation, wrongly signed", 403, `{"code":"NO_AUTH"}`, set("Wechatpay-Nonce", "x"), connectors.ErrUnsigned},
		{"our own signature", 401, `{"code":"SIGN_ERROR"}`, unsigned, connectors.ErrRefused}, // no person can mend it
		{"bad parameters", 400, `{"code":"PARAM_ERROR"}`, nil, connectors.ErrRefused},
		{"too often", 429, `{"code":"RATELIMIT_EXCEEDED"}`, nil, connectors.ErrBusy},
		{"system", 500, `{"code":"SYSTEM_ERROR"}`, nil, connectors.ErrDown},
		{"a gateway's page", 502, `<html>`, unsigned, connectors.ErrDown},
		{"a redirect", 302, ``, unsigned, connectors.ErrMalformed},
	} {
		c := connect(t, &platform{t: t, header: tt.header, answer: func(http.ResponseWriter, *http.Request) (int, string) { return tt.status, tt.body }})
		_, err := c.Balances(context.Background(), linked, []connectors.AccountRef{own})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), merchant) {
			t.Errorf("%s: the error quotes the answer: %v", tt.why, err)
		}
	}
}

// statements answers the bill API from files by day.
type statements struct {
	files map[string][]byte
	bend  func(day string, a map[string]string)
	unav  map[string]string // day → error code
	asked []string
	mu    sync.Mutex
}

func (s *statements) answer(w http.ResponseWriter, r *http.Request) (int, string) {
	q := r.URL.Query()
	switch r.URL.Path {
	case "/v3/bill/tradebill":
		day := q.Get("bill_date")
		s.mu.Lock()
		s.asked = append(s.asked, day)
		s.mu.Unlock()
		if code := s.unav[day]; code != "" {
			return 400, `{"code":"` + code + `","message":"x"}`
		}
		if q.Get("bill_type") != "ALL" || q.Get("tar_type") != "GZIP" || q.Get("sub_mchid") != merchant {
			return 400, `{"code":"PARAM_ERROR"}`
		}
		file, ok := s.files[day]
		if !ok {
			return 400, `{"code":"NO_STATEMENT_EXIST","message":"账单不存在"}`
		}
		sum := sha1.Sum(file)
		a := map[string]string{"type": "SHA1", "hash": hex.EncodeToString(sum[:]), "url": "http://" + r.Host + "/v3/billdownload/file?token=" + day}
		if s.bend != nil {
			s.bend(day, a)
		}
		return 200, fmt.Sprintf(`{"hash_type":%q,"hash_value":%q,"download_url":%q}`, a["type"], a["hash"], a["url"])
	case "/v3/billdownload/file":
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write(s.files[q.Get("token")])
		_ = z.Close()
		w.Header().Set("Content-Type", "application/octet-stream")
		return 200, packed.String()
	}
	return 404, ""
}

func golden(t *testing.T) []byte {
	t.Helper()
	file, err := os.ReadFile("testdata/tradebill.csv")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestBillsGolden(t *testing.T) {
	s := &statements{files: map[string][]byte{"2026-10-09": golden(t)}}
	c := connect(t, &platform{t: t, answer: s.answer})
	from := time.Date(2026, 10, 8, 0, 0, 0, 0, beijing)
	page, err := c.Bills(context.Background(), linked, own, from, from.AddDate(0, 0, 3), "")
	if err != nil || page.Next != "" || page.Covers != (connectors.Span{}) {
		t.Fatalf("%v, next %q, covers %v", err, page.Next, page.Covers)
	}
	at := func(h, m, s int) time.Time { return time.Date(2026, 10, 9, h, m, s, 0, beijing) }
	cny := func(n int64) money.Amount { return money.Amount{Minor: n, Currency: "CNY"} }
	want := []connectors.Bill{
		{ID: "4200000000202610090000000002", At: at(8, 0, 0), Amount: cny(350), Direction: "in", Flow: "in", State: "booked", Kind: "income", RawKind: "NATIVE/SUCCESS",
			Description: "豆浆", Order: "4200000000202610090000000002", Merchant: "ORDER-2", Refs: []string{"4200000000202610090000000002", "ORDER-2"}, Note: "fee_unclear"},
		{ID: "4200000000202610090000000003", At: at(12, 0, 0), Amount: cny(800), Direction: "in", Flow: "in", State: "failed", Kind: "income", RawKind: "MICROPAY/REVOKED",
			Description: "面", Order: "4200000000202610090000000003", Merchant: "ORDER-3", Refs: []string{"4200000000202610090000000003", "ORDER-3"}},
		{ID: "4200000000202610090000000001", At: at(21, 3, 4), Amount: cny(9800), Direction: "in", Flow: "in", State: "booked", Kind: "income", RawKind: "JSAPI/SUCCESS",
			Description: "桂花糕,两盒", Order: "4200000000202610090000000001", Merchant: "ORDER-1", Refs: []string{"4200000000202610090000000001", "ORDER-1"}},
		{ID: "4200000000202610090000000001/fee", At: at(21, 3, 4), Amount: cny(59), Direction: "out", Flow: "out", State: "booked", Kind: "fee", RawKind: "手续费",
			Order: "4200000000202610090000000001"},
		{ID: "50300000002026100900000001", At: at(22, 15, 0), Amount: cny(4000), Direction: "out", Flow: "out", State: "booked", Kind: "refund", RawKind: "JSAPI/REFUND",
			Description: "桂花糕,两盒", Order: "50300000002026100900000001", Merchant: "BACK-1", Refs: []string{"50300000002026100900000001", "BACK-1"}, RefundOf: "4200000000202610090000000001"},
		{ID: "50300000002026100900000001/fee", At: at(22, 15, 0), Amount: cny(24), Direction: "in", Flow: "in", State: "booked", Kind: "fee", RawKind: "手续费",
			Order: "50300000002026100900000001"},
		{ID: "50300000002026100900000002", At: at(22, 20, 0), Amount: cny(500), Direction: "out", Flow: "out", State: "pending", Kind: "refund", RawKind: "JSAPI/REFUND",
			Description: "茶", Order: "50300000002026100900000002", Merchant: "BACK-9", Refs: []string{"50300000002026100900000002", "BACK-9"}, RefundOf: "4200000000202610080000000009"},
	}
	if d := cmp.Diff(want, page.Bills); d != "" {
		t.Error(d)
	}
	for _, b := range page.Bills {
		if strings.Contains(fmt.Sprintf("%+v", b), "oPayer") {
			t.Error("a stranger's openid came along")
		}
	}
}

func TestWindowsAndDays(t *testing.T) {
	file := golden(t)
	s := &statements{files: map[string][]byte{"2026-10-09": file, "2026-10-20": file}, unav: map[string]string{}}
	p := &platform{t: t, answer: s.answer}
	c := connect(t, p)
	at := func(m time.Month, d, h int) time.Time { return time.Date(2026, m, d, h, 0, 0, 0, beijing) }
	oldest := midnight(now.Add(-history))
	for _, tt := range []struct {
		why      string
		clock    time.Time
		from, to time.Time
		creating string
		bills    int
		asked    int
		covers   connectors.Span
	}{
		{"an evening of a day", now, at(10, 9, 22), at(10, 9, 23), "", 3, 1, connectors.Span{}},
		{"the end is not in it", now, at(10, 9, 8), time.Date(2026, 10, 9, 21, 3, 4, 0, beijing), "", 2, 1, connectors.Span{}},
		{"today has no statement", now, at(10, 19, 0), now, "", 0, 1, connectors.Span{From: at(10, 19, 0), To: at(10, 20, 0)}},
		{"before ten, nor has yesterday", at(10, 20, 9), at(10, 18, 0), at(10, 20, 9), "", 0, 1, connectors.Span{From: at(10, 18, 0), To: at(10, 19, 0)}},
		{"only today", now, at(10, 20, 1), now, "", 0, 0, connectors.Span{From: at(10, 20, 1), To: at(10, 20, 1)}},
		{"a day still being made", now, at(10, 8, 0), at(10, 12, 0), "2026-10-09", 0, 4, connectors.Span{From: at(10, 8, 0), To: at(10, 9, 0)}},
		{"older than is kept", now, at(6, 1, 0), at(6, 3, 0), "", 0, 0, connectors.Span{From: at(6, 1, 0), To: at(6, 1, 0)}},
		{"reaching past what is kept", now, at(6, 1, 0), oldest.AddDate(0, 0, 2), "", 0, 2, connectors.Span{From: oldest, To: oldest.AddDate(0, 0, 2)}},
		{"nothing asked", now, now, now, "", 0, 0, connectors.Span{From: now, To: now}},
	} {
		p.clock, c.now = tt.clock, func() time.Time { return tt.clock }
		s.asked, s.unav = nil, map[string]string{tt.creating: "STATEMENT_CREATING"}
		page, err := c.Bills(context.Background(), linked, own, tt.from, tt.to, "")
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		if len(page.Bills) != tt.bills || len(s.asked) != tt.asked || page.Next != "" {
			t.Errorf("%s: %d bills of %v, next %q; want %d of %d days", tt.why, len(page.Bills), s.asked, page.Next, tt.bills, tt.asked)
		}
		if !page.Covers.From.Equal(tt.covers.From) || !page.Covers.To.Equal(tt.covers.To) {
			t.Errorf("%s: covers %v, want %v", tt.why, page.Covers, tt.covers)
		}
	}
}

func TestLongSpansArePagedAndDaysAskedSideBySide(t *testing.T) {
	file := golden(t)
	s := &statements{files: map[string][]byte{}}
	for d := now.AddDate(0, 0, -80); d.Before(now); d = d.AddDate(0, 0, 1) {
		day := d.Format(time.DateOnly)
		s.files[day] = bytes.ReplaceAll(bytes.ReplaceAll(file, []byte("2026-10-09"), []byte(day)), []byte("20261009"), []byte(strings.ReplaceAll(day, "-", "")))
	}
	p := &platform{t: t, answer: s.answer}
	c := connect(t, p)
	from := midnight(now.AddDate(0, 0, -70))
	ids, pages := map[string]bool{}, 0
	last := time.Time{}
	for next := connectors.Cursor(""); pages == 0 || next != ""; pages++ {
		page, err := c.Bills(context.Background(), linked, own, from, now, next)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range page.Bills {
			if ids[b.ID] || b.At.Before(last) {
				t.Fatalf("bill %s again, or out of order", b.ID)
			}
			ids[b.ID], last = true, b.At
		}
		next = page.Next
	}
	if len(ids) != 70*7 || pages != 3 {
		t.Errorf("%d bills in %d pages, want %d in 3", len(ids), pages, 70*7)
	}
	if p.most > c.Source().Concurrent || p.most < 2 {
		t.Errorf("%d calls at once, want between 2 and %d", p.most, c.Source().Concurrent)
	}
	if _, err := c.Bills(context.Background(), linked, own, from, now, "2020-01-01"); !errors.Is(err, connectors.ErrRefused) {
		t.Errorf("a foreign cursor: %v, want ErrRefused", err)
	}
}

func TestADeadlineEndsEveryDay(t *testing.T) {
	c := connect(t, &platform{t: t, answer: func(_ http.ResponseWriter, r *http.Request) (int, string) {
		<-r.Context().Done()
		return 500, ""
	}})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Bills(ctx, linked, own, now.AddDate(0, 0, -30), now, "")
	if !errors.Is(err, connectors.ErrDown) {
		t.Errorf("%v, want ErrDown", err)
	}
}

func TestAFileIsBelievedByItsSignedHash(t *testing.T) {
	file := golden(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("our signature went to another host") }))
	defer elsewhere.Close()
	for _, tt := range []struct {
		why    string
		bend   func(day string, a map[string]string)
		code   string
		header func(http.Header)
		want   error
	}{
		{"as it is", nil, "", nil, nil},
		{"an upper-case hash", func(_ string, a map[string]string) { a["hash"] = strings.ToUpper(a["hash"]) }, "", nil, nil},
		{"another file's hash", func(_ string, a map[string]string) { a["hash"] = strings.Repeat("0", 40) }, "", nil, connectors.ErrUnsigned},
		{"no hash", func(_ string, a map[string]string) { a["hash"] = "" }, "", nil, connectors.ErrMalformed},
		{"another sort of hash", func(_ string, a map[string]string) { a["type"] = "MD5" }, "", nil, connectors.ErrMalformed},
		{"another host", func(_ string, a map[string]string) { a["url"] = elsewhere.URL + "/v3/billdownload/file?token=1" }, "", nil, connectors.ErrMalformed},
		{"a user in the address", func(_ string, a map[string]string) { a["url"] = strings.Replace(a["url"], "//", "//api@", 1) }, "", nil, connectors.ErrMalformed},
		{"no address", func(_ string, a map[string]string) { a["url"] = "" }, "", nil, connectors.ErrMalformed},
		{"not there any more", func(_ string, a map[string]string) { a["url"] = strings.Replace(a["url"], "/file?", "/gone?", 1) }, "", nil, connectors.ErrRefused},
		{"no statement, signed", nil, "NO_STATEMENT_EXIST", nil, nil},
		{"no statement, unsigned: a day is not empty because somebody says so", nil, "NO_STATEMENT_EXIST", func(h http.Header) { h.Del("Wechatpay-Signature") }, connectors.ErrUnsigned},
		{"a day refused", nil, "INVALID_REQUEST", nil, connectors.ErrRefused},
	} {
		s := &statements{files: map[string][]byte{"2026-10-09": file}, bend: tt.bend, unav: map[string]string{"2026-10-09": tt.code}}
		c := connect(t, &platform{t: t, answer: s.answer, header: tt.header})
		day := time.Date(2026, 10, 9, 0, 0, 0, 0, beijing)
		_, err := c.Bills(context.Background(), linked, own, day, day.AddDate(0, 0, 1), "")
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
}

func TestAPackedFileIsUnpackedWithACap(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	zeros := make([]byte, 1<<20)
	for range maxFile>>20 + 1 {
		_, _ = z.Write(zeros)
	}
	_ = z.Close()
	for why, body := range map[string]string{"a bomb": bomb.String(), "cut short": bomb.String()[:100], "only the magic": "\x1f\x8b"} {
		c := connect(t, &platform{t: t, answer: func(http.ResponseWriter, *http.Request) (int, string) { return 200, body }})
		if _, err := c.download(context.Background(), c.api.String()+"/v3/billdownload/file"); !errors.Is(err, connectors.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", why, err)
		}
	}
}

func TestParseRefusesWhatIsNoBill(t *testing.T) {
	file := string(golden(t))
	change := func(old, new string) string {
		if !strings.Contains(file, old) {
			t.Fatalf("no %s in the file", old)
		}
		return strings.Replace(file, old, new, 1)
	}
	columns, rest, _ := strings.Cut(file, "\r\n")
	moved := strings.Replace(columns, "设备号,", "", 1) + ",设备号"
	movedRest := strings.ReplaceAll(strings.ReplaceAll(rest, "`1230000109,`,", "`1230000109,"), ",`\r\n", ",`,`\r\n")
	for _, tt := range []struct {
		why, file string
		ok        bool
	}{
		{"as it is", file, true},
		{"Unix lines, no mark", strings.TrimPrefix(strings.ReplaceAll(file, "\r", ""), "\ufeff"), true},
		{"a column at another place", moved + "\r\n" + movedRest, true},
		{"a column that is new", strings.ReplaceAll(strings.Replace(file, "费率备注", "费率备注,新列", 1), ",`\r\n", ",`,`x\r\n"), true},
		{"no column of the order", change("微信订单号", "订单号"), false},
		{"a column twice", change("设备号", "商户号"), false},
		{"another merchant's row", change("`1230000109", "`1230000110"), false},
		{"a cell too few", change("`wx00000000000000aa,", ""), false},
		{"a time that is none", change("2026-10-09 21:03:04", "2026-10-09 25:03:04"), false},
		{"a sum below zero", change("`98.00", "`-98.00"), false},
		{"a sum of words", change("`98.00", "`NaN"), false},
		{"an exponent", change("`98.00", "`1e400"), false},
		{"an unknown currency", change("`CNY", "`人民币"), false},
		{"a refund without a number", change("`50300000002026100900000001", "`0"), false},
		{"a count that differs", change("`5,", "`6,"), false},
		{"cut before the summary", file[:strings.Index(file, "总交易单数")], false},
		{"cut inside the summary", file[:strings.Index(file, "`5,`109")], false},
		{"rows after the summary", file + "`x", false},
		{"a line of something else", change("\r\n`2026", "\r\nhello\r\n`2026"), false},
		{"not UTF-8", change("豆浆", "\xb6\xb9"), false},
		{"nothing", "", false},
	} {
		_, err := parse([]byte(tt.file), merchant)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok %v", tt.why, err, tt.ok)
		}
		if err != nil && strings.Contains(err.Error(), merchant) {
			t.Errorf("%s: the error quotes the file: %v", tt.why, err)
		}
	}
}

func TestEqualOrdersKeepApart(t *testing.T) {
	file := string(golden(t))
	row := file[strings.Index(file, "`2026-10-09 08"):]
	row = row[:strings.Index(row, "\n")+1]
	bills, err := parse([]byte(strings.Replace(strings.Replace(file, row, row+row, 1), "`5,", "`6,", 1)), merchant)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, b := range bills {
		if ids[b.ID] {
			t.Errorf("the id %s stands twice", b.ID)
		}
		ids[b.ID] = true
	}
}

func TestForeignAccountsAndCredentials(t *testing.T) {
	c := connect(t, &platform{t: t, answer: func(http.ResponseWriter, *http.Request) (int, string) {
		t.Error("somebody was asked")
		return 500, ""
	}})
	ctx := context.Background()
	if _, err := c.Bills(ctx, linked, connectors.AccountRef{ID: secret.Of("x")}, now.AddDate(0, 0, -5), now, ""); !errors.Is(err, connectors.ErrRefused) {
		t.Errorf("bills of a foreign account: %v, want ErrRefused", err)
	}
	if b, err := c.Balances(ctx, linked, []connectors.AccountRef{{ID: secret.Of("x")}}); err != nil || len(b) != 0 {
		t.Errorf("balances of a foreign account: %v, %v; want none", b, err)
	}
	for _, v := range []string{"", "{}", `{"openid":"o","sub_mchid":"../../x"}`} {
		if _, err := c.Accounts(ctx, secret.Of(v)); !errors.Is(err, connectors.ErrUnauthorized) {
			t.Errorf("credential %q: %v, want ErrUnauthorized", v, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	file, err := os.ReadFile("testdata/tradebill.csv")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add([]byte("交易时间\n`2026\n总交易单数\n`1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		bills, err := parse(b, merchant)
		if err != nil {
			return
		}
		ids := map[string]bool{}
		for _, b := range bills {
			if b.Amount.Minor < 0 || b.ID == "" || ids[b.ID] || b.Kind == "" || b.Direction == "" {
				t.Fatalf("a row became %+v", b)
			}
			ids[b.ID] = true
		}
	})
}
