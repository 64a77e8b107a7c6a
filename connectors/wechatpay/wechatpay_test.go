package wechatpay

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
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
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	ourKey      = sync.OnceValue(func() *rsa.PrivateKey { return keyOf("ours") })
	platformKey = sync.OnceValue(func() *rsa.PrivateKey { return keyOf("theirs") })
	now         = time.Date(2026, 10, 20, 12, 0, 0, 0, wire.Beijing)
)

const (
	platformID = "PUB_KEY_ID_0119000000012026100100001"
	merchant   = "1230000109"
)

// keyOf reads a key that is nobody's: a fuzz target would spend its time on
// making one.
func keyOf(name string) *rsa.PrivateKey {
	b, err := os.ReadFile("testdata/" + name + ".pem")
	if err != nil {
		panic(err)
	}
	key, err := wire.PrivateKey(secret.New(b))
	if err != nil {
		panic(err)
	}
	return key
}

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
	t      testing.TB
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
	signAs(h, body, at, platformID, platformKey())
}

func signAs(h http.Header, body string, at time.Time, serial string, key *rsa.PrivateKey) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	sum := sha256.Sum256([]byte(stamp + "\nnonce\n" + body + "\n"))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	h.Set("Wechatpay-Timestamp", stamp)
	h.Set("Wechatpay-Nonce", "nonce")
	h.Set("Wechatpay-Serial", serial)
	h.Set("Wechatpay-Signature", base64.StdEncoding.EncodeToString(sig))
}

func config(t testing.TB, base string, client *http.Client) Config {
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
		Source: connectors.Source{MaxWindow: maxWindow},
		API:    base, Login: base, SNS: base, AppID: "wx00000000000000aa", AppSecret: secret.Of("appsecret-canary"),
		MchID: "1900000001", Serial: "5157F09E", Key: secret.New(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		PlatformKeys: map[string]string{platformID: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))},
		HTTP:         client, Now: func() time.Time { return now },
	}
}

func connect(t testing.TB, h http.Handler, change ...func(*Config)) *Connector {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	cfg := config(t, srv.URL, client)
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
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
		{"certificates alone", func(c *Config) { c.PlatformKeys, c.APIv3Key = nil, secret.Of(strings.Repeat("k", 32)) }, true},
		{"an APIv3 key of another length", func(c *Config) { c.APIv3Key = secret.Of("short") }, false},
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
		{"no relation, unsigned", 403, `{"code":"NO_AUTH"}`, unsigned, connectors.ErrUnsigned}, // or anybody could have a person connect again
		{"our own signature", 401, `{"code":"SIGN_ERROR"}`, unsigned, connectors.ErrRefused},   // no person can mend it
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
	files  map[string][]byte
	books  map[string][]byte // fund-flow bills
	unflow string            // error code in place of every book
	held   string            // answer of the day-end balance
	bend   func(day string, a map[string]string)
	unav   map[string]string // day → error code
	asked  []string
	mu     sync.Mutex
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
