package alipay

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
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
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
	ourKey    = sync.OnceValue(newKey)
	alipayKey = sync.OnceValue(newKey)
	now       = time.Date(2026, 10, 20, 12, 0, 0, 0, wire.Beijing)
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
	status int // 0: 200
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
	if g.status != 0 {
		w.WriteHeader(g.status)
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
	return connectWith(t, h, func(*Config) {})
}

func connectWith(t *testing.T, h http.Handler, change func(*Config)) *Connector {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	as := config(t, srv.URL, client)
	change(&as)
	c, err := New(as)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func config(t testing.TB, base string, client *http.Client) Config {
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
