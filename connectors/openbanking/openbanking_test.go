package openbanking

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/dial"
	"jali/internal/jose"
	"jali/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	ourKey  = sync.OnceValue(func() jose.PrivateKey { return generate(jose.PS256) })
	bankKey = sync.OnceValue(func() jose.PrivateKey { return generate(jose.PS256) })
	beijing = time.FixedZone("UTC+8", 8*60*60)
	now     = time.Date(2026, 10, 20, 12, 0, 0, 0, beijing)
)

func generate(alg string) jose.PrivateKey {
	k, err := jose.Generate(alg)
	if err != nil {
		panic(err)
	}
	return k
}

// bank answers as the published API and security profile do.
type bank struct {
	t     *testing.T
	base  string
	files map[string]string // path under the API, and query where it has one → body
	fail  map[string]int    // path → status
	body  string            // of failures
	id    func(claims map[string]any)
	key   jose.PrivateKey // of ID tokens; empty: bankKey

	mu        sync.Mutex
	calls     []string
	challenge string
	nonce     string
	jtis      map[string]bool
	rotate    bool
	dead      bool // no grant is good
}

const api = "/open-banking/v4.0/aisp"

func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, r.Method+" "+r.URL.Path)
	w.Header().Set("Content-Type", "application/json")
	switch path := strings.TrimPrefix(r.URL.Path, api); {
	case r.URL.Path == "/.well-known/openid-configuration":
		fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%q,"jwks_uri":%q}`, b.base, b.base+"/authorize", b.base+"/token", b.base+"/jwks")
	case r.URL.Path == "/jwks":
		key := b.key
		if key.Empty() {
			key = bankKey()
		}
		fmt.Fprintf(w, `{"keys":[%s]}`, key.Public().JWK())
	case r.URL.Path == "/token":
		b.token(w, r)
	case b.fail[path] != 0:
		w.WriteHeader(b.fail[path])
		_, _ = io.WriteString(w, b.body)
	case r.Method == "POST" && path == "/account-access-consents":
		var sent struct {
			Data struct{ Permissions []string }
			Risk *struct{}
		}
		if json.NewDecoder(r.Body).Decode(&sent) != nil || len(sent.Data.Permissions) != 5 || sent.Risk == nil || r.Header.Get("Authorization") != "Bearer ours" {
			b.t.Error("the consent is not asked for as published")
		}
		w.WriteHeader(201)
		_, _ = io.WriteString(w, `{"Data":{"ConsentId":"urn:consent:1","Status":"AWAU"},"Risk":{}}`)
	case r.Method == "DELETE" && path == "/account-access-consents/urn:consent:1":
		w.WriteHeader(204)
	default:
		if len(r.Header.Get("x-fapi-interaction-id")) != 36 {
			b.t.Error("no interaction id")
		}
		if r.Header.Get("Authorization") != "Bearer A-canary" {
			w.WriteHeader(401)
			return
		}
		if q := r.URL.Query().Get("page"); q != "" {
			path += "?page=" + q
		}
		body, ok := b.files[path]
		if !ok {
			w.WriteHeader(404)
			return
		}
		_, _ = io.WriteString(w, strings.ReplaceAll(body, "BASE", b.base+api))
	}
}

func (b *bank) token(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	f := r.PostForm
	tok, err := jose.Verify(f.Get("client_assertion"), jose.KeySet{ourKey().Public()}, jose.Expect{MaxBytes: 4096, Algorithms: []string{jose.PS256}})
	if err != nil || f.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		b.t.Errorf("private_key_jwt: %v", err)
	}
	for name, want := range map[string]string{"iss": "jali", "sub": "jali", "aud": b.base + "/token"} {
		if got, _ := tok.Claims.String(name); got != want {
			b.t.Errorf("the assertion's %s is %q", name, got)
		}
	}
	if jti, _ := tok.Claims.String("jti"); jti == "" || b.jtis[jti] {
		b.t.Error("a jti was used twice")
	} else {
		b.jtis[jti] = true
	}
	sum := sha256.Sum256([]byte(f.Get("code_verifier")))
	switch grant := f.Get("grant_type"); {
	case b.dead:
	case grant == "client_credentials" && f.Get("scope") == "accounts":
		_, _ = io.WriteString(w, `{"access_token":"ours","token_type":"Bearer","expires_in":600}`)
		return
	case grant == "authorization_code" && f.Get("code") == "good" && f.Get("redirect_uri") == "https://jali.example/link" && base64.RawURLEncoding.EncodeToString(sum[:]) == b.challenge:
		claims := map[string]any{"iss": b.base, "sub": "urn:consent:1", "aud": "jali", "iat": now.Unix(), "exp": now.Unix() + 600,
			"nonce": b.nonce, "openbanking_intent_id": "urn:consent:1"}
		if b.id != nil {
			b.id(claims)
		}
		signed, err := bankKey().Sign(nil, claims)
		if err != nil {
			b.t.Error(err)
		}
		fmt.Fprintf(w, `{"access_token":"A-canary","token_type":"bearer","expires_in":600,"refresh_token":"R1","id_token":%q}`, signed)
		return
	case grant == "refresh_token" && f.Get("refresh_token") == "R1":
		next := ""
		if b.rotate {
			next = `,"refresh_token":"R2"`
		}
		_, _ = io.WriteString(w, `{"access_token":"A2","token_type":"Bearer","expires_in":600`+next+`}`)
		return
	}
	w.WriteHeader(400)
	_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
}

func connect(t *testing.T, b *bank) *Connector {
	t.Helper()
	srv := httptest.NewServer(b)
	t.Cleanup(srv.Close)
	b.t, b.base, b.jtis = t, srv.URL, map[string]bool{}
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	c, err := New(config(srv.URL, client))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func config(base string, client *http.Client) Config {
	return Config{Source: connectors.Source{ID: "jiangnan_bank"}, API: base + api, Issuer: base, ClientID: "jali",
		Key: ourKey(), HTTP: client, Now: func() time.Time { return now }}
}

var (
	linked = secret.Of(`{"consent":"urn:consent:1","access":"A-canary","refresh":"R1","until":1792576800}`)
	debit  = refOf("22289", connectors.Asset)
	credit = refOf("31820", connectors.Debt)
)

func file(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestNewSaysWhatIsWrongWithItsConfig(t *testing.T) {
	for _, tt := range []struct {
		why    string
		change func(*Config)
		ok     bool
	}{
		{"as it is", func(*Config) {}, true},
		{"no id", func(c *Config) { c.Source.ID = "" }, false},
		{"no client", func(c *Config) { c.ClientID = "" }, false},
		{"no key", func(c *Config) { c.Key = jose.PrivateKey{} }, false},
		{"a key that cannot PS256", func(c *Config) { c.Key = generate(jose.ES256) }, false},
		{"http to the world", func(c *Config) { c.API = "http://bank.example" + api }, false},
		{"no issuer", func(c *Config) { c.Issuer = "" }, false},
		{"a token endpoint that is none", func(c *Config) { c.Token = "token" }, false},
	} {
		c := config("https://bank.example", http.DefaultClient)
		tt.change(&c)
		if _, err := New(c); (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok %v", tt.why, err, tt.ok)
		}
	}
}

// begin starts a link and gives the bank what it saw of the signed request.
func begin(t *testing.T, c *Connector, b *bank) connectors.Linking {
	t.Helper()
	l, err := c.Begin(context.Background(), "state-of-128-bits", "https://jali.example/link")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(l.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	tok, err := jose.Verify(q.Get("request"), jose.KeySet{ourKey().Public()}, jose.Expect{MaxBytes: 8192, Algorithms: []string{jose.PS256}})
	if err != nil {
		t.Fatalf("the request object: %v", err)
	}
	for name, want := range map[string]string{"iss": "jali", "aud": b.base, "client_id": "jali", "response_type": "code", "scope": "openid accounts",
		"redirect_uri": "https://jali.example/link", "state": "state-of-128-bits", "code_challenge_method": "S256"} {
		if got, _ := tok.Claims.String(name); got != want {
			t.Errorf("the request's %s is %q, want %q", name, got, want)
		}
		if out := q.Get(name); out != "" && out != want {
			t.Errorf("beside the request %s is %q", name, out)
		}
	}
	var claims struct {
		ID map[string]struct {
			Value     string `json:"value"`
			Essential bool   `json:"essential"`
		} `json:"id_token"`
	}
	if json.Unmarshal(tok.Claims["claims"], &claims) != nil || claims.ID["openbanking_intent_id"].Value != "urn:consent:1" || !claims.ID["openbanking_intent_id"].Essential {
		t.Errorf("the request is not for the staged consent")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.challenge, _ = tok.Claims.String("code_challenge")
	b.nonce, _ = tok.Claims.String("nonce")
	return l
}

func TestLinkRefreshUnlink(t *testing.T) {
	b := &bank{}
	c := connect(t, b)
	ctx := context.Background()
	l := begin(t, c, b)
	for why, q := range map[string]url.Values{
		"refused":               {"error": {"access_denied"}},
		"no code":               {},
		"two codes":             {"code": {"good", "good"}},
		"another issuer":        {"code": {"good"}, "iss": {"https://evil.example"}},
		"a code that is wrong":  {"code": {"bad"}},
		"a code beside a fault": {"code": {"good"}, "error": {"server_error"}},
	} {
		if _, err := c.Finish(ctx, l, q); !errors.Is(err, connectors.ErrLinkRefused) {
			t.Errorf("%s: %v, want ErrLinkRefused", why, err)
		}
	}
	if _, err := c.Finish(ctx, connectors.Linking{}, url.Values{"code": {"good"}}); !errors.Is(err, connectors.ErrLinkRefused) {
		t.Errorf("a link that was not begun: %v", err)
	}
	k, err := c.Finish(ctx, l, url.Values{"code": {"good"}, "iss": {b.base}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Stale(k, now) || !c.Stale(k, now.Add(9*time.Minute+30*time.Second)) {
		t.Error("a token of ten minutes is stale in its last minute, not before")
	}
	k2, err := c.Refresh(ctx, k)
	if err != nil || !strings.Contains(k2.RevealString(), `"A2"`) || !strings.Contains(k2.RevealString(), `"R1"`) {
		t.Errorf("a bank that does not rotate: %v", err)
	}
	b.rotate = true
	if k2, err = c.Refresh(ctx, k); err != nil || !strings.Contains(k2.RevealString(), `"R2"`) {
		t.Errorf("a bank that rotates: %v", err)
	}
	if _, err := c.Refresh(ctx, k2); !errors.Is(err, connectors.ErrUnauthorized) {
		t.Errorf("a dead refresh token: %v, want ErrUnauthorized", err)
	}
	if err := c.Unlink(ctx, k); err != nil {
		t.Error(err)
	}
	b.fail, b.body = map[string]int{"/account-access-consents/urn:consent:1": 400}, `{"Errors":[{"ErrorCode":"U011"}]}`
	if err := c.Unlink(ctx, k); err != nil {
		t.Errorf("a consent that is gone: %v", err)
	}
	b.fail["/account-access-consents/urn:consent:1"] = 503
	if err := c.Unlink(ctx, k); !errors.Is(err, connectors.ErrDown) {
		t.Errorf("a bank that is down: %v, want ErrDown", err)
	}
	b.dead = true
	if err := c.Unlink(ctx, k); !errors.Is(err, connectors.ErrRefused) {
		t.Errorf("a client that is refused: %v, want ErrRefused: linking again mends nothing", err)
	}
	discoveries := 0
	for _, call := range b.calls {
		if strings.HasSuffix(call, "openid-configuration") {
			discoveries++
		}
	}
	if discoveries != 1 {
		t.Errorf("discovered %d times, want once an hour", discoveries)
	}
}

func TestTheKeyGoesByItsRegisteredName(t *testing.T) {
	cfg := config("https://bank.example", http.DefaultClient)
	cfg.KeyID = "kid-1"
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := c.sign(map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	header, _, _ := strings.Cut(signed, ".")
	if b, _ := base64.RawURLEncoding.DecodeString(header); !strings.Contains(string(b), `"kid":"kid-1"`) {
		t.Errorf("header %s", b)
	}
}

func TestTheIDTokenMustBeOfThisLink(t *testing.T) {
	set := func(k string, v any) func(map[string]any) { return func(c map[string]any) { c[k] = v } }
	other := generate(jose.PS256)
	for _, tt := range []struct {
		why  string
		bend func(map[string]any)
		key  jose.PrivateKey
		want error
	}{
		{"as it is", nil, jose.PrivateKey{}, nil},
		{"an audience in a list", set("aud", []string{"jali"}), jose.PrivateKey{}, nil},
		{"signed by a stranger", nil, other, connectors.ErrUnsigned},
		{"another issuer", set("iss", "https://evil.example"), jose.PrivateKey{}, connectors.ErrMalformed},
		{"another client", set("aud", "other"), jose.PrivateKey{}, connectors.ErrMalformed},
		{"several clients", set("aud", []string{"jali", "other"}), jose.PrivateKey{}, connectors.ErrMalformed},
		{"another nonce", set("nonce", "x"), jose.PrivateKey{}, connectors.ErrMalformed},
		{"another consent", set("openbanking_intent_id", "urn:consent:2"), jose.PrivateKey{}, connectors.ErrMalformed},
		{"expired", set("exp", now.Add(-time.Hour).Unix()), jose.PrivateKey{}, connectors.ErrMalformed},
		{"no end", set("exp", nil), jose.PrivateKey{}, connectors.ErrMalformed},
		{"from the future", set("iat", now.Add(time.Hour).Unix()), jose.PrivateKey{}, connectors.ErrMalformed},
	} {
		b := &bank{id: tt.bend, key: tt.key}
		c := connect(t, b)
		_, err := c.Finish(context.Background(), begin(t, c, b), url.Values{"code": {"good"}})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
}

func TestAccountsGolden(t *testing.T) {
	c := connect(t, &bank{files: map[string]string{"/accounts": file(t, "accounts.json")}})
	got, err := c.Accounts(context.Background(), linked)
	if err != nil || len(got) != 2 {
		t.Fatalf("%d accounts, %v; want 2: one is deleted", len(got), err)
	}
	for i, want := range []struct {
		kind   connectors.AccountKind
		side   connectors.Side
		name   string
		number string
	}{
		{connectors.Deposit, connectors.Asset, "江南活期", "6217000000001234"},
		{connectors.CreditCard, connectors.Debt, "信用卡", "622262******5678"}, // the description held digits
	} {
		a := got[i]
		if a.Kind != want.kind || a.Side != want.side || a.Name != want.name || a.Number.RevealString() != want.number || a.Currency != "CNY" {
			t.Errorf("account %d: %+v %s", i, a, a.Number.RevealString())
		}
	}
	if !got[0].Ref.ID.Equal(debit.ID) || !got[1].Ref.ID.Equal(credit.ID) {
		t.Error("refs")
	}
}

func TestAccountsArePagedInsideTheAPI(t *testing.T) {
	page := func(id, next string) string {
		return fmt.Sprintf(`{"Data":{"Account":[{"AccountId":%q,"AccountTypeCode":"CACC"}]},"Links":{"Next":%q}}`, id, next)
	}
	for _, tt := range []struct {
		why   string
		files map[string]string
		want  error
		n     int
	}{
		{"two pages", map[string]string{"/accounts": page("1", "BASE/accounts?page=2"), "/accounts?page=2": page("2", "")}, nil, 2},
		{"a relative link", map[string]string{"/accounts": page("1", api+"/accounts?page=2"), "/accounts?page=2": page("2", "")}, nil, 2},
		{"another host", map[string]string{"/accounts": page("1", "https://evil.example"+api+"/accounts?page=2")}, connectors.ErrMalformed, 0},
		{"out of the API", map[string]string{"/accounts": page("1", "/token")}, connectors.ErrMalformed, 0},
		{"out by the back door", map[string]string{"/accounts": page("1", "BASE/%2e%2e/x")}, connectors.ErrMalformed, 0},
		{"a circle", map[string]string{"/accounts": page("1", "BASE/accounts")}, connectors.ErrMalformed, 0},
		{"an account without an id", map[string]string{"/accounts": page("", "")}, connectors.ErrMalformed, 0},
		{"no Data", map[string]string{"/accounts": `{}`}, connectors.ErrMalformed, 0},
		{"no JSON", map[string]string{"/accounts": `<html>`}, connectors.ErrMalformed, 0},
	} {
		c := connect(t, &bank{files: tt.files})
		got, err := c.Accounts(context.Background(), linked)
		if !errors.Is(err, tt.want) || len(got) != tt.n {
			t.Errorf("%s: %d accounts, %v; want %d, %v", tt.why, len(got), err, tt.n, tt.want)
		}
	}
}

func TestBalances(t *testing.T) {
	one := func(change string) string {
		b := `{"Data":{"Balance":[{"AccountId":"22289","CreditDebitIndicator":"Credit","Type":"ITBD","DateTime":"2026-10-20T04:00:00+00:00","Amount":{"Amount":"10.50","Currency":"CNY"}}]}}`
		old, new, _ := strings.Cut(change, "→")
		if !strings.Contains(b, old) {
			t.Fatalf("no %s in the balance", old)
		}
		return strings.Replace(b, old, new, 1)
	}
	type sums = map[connectors.BalanceKind]int64
	for _, tt := range []struct {
		why, body string
		ref       connectors.AccountRef
		want      sums
		err       error
	}{
		{"a card that is owed on", file(t, "balances-card.json"), credit,
			sums{connectors.Outstanding: 12345, connectors.Available: 987655, connectors.CreditLimit: 1000000}, nil},
		{"as it is", one(`→`), debit, sums{connectors.Booked: 1050}, nil},
		{"overdrawn", one(`"Credit"→"Debit"`), debit, sums{connectors.Booked: -1050}, nil},
		{"the words of v3", one(`ITBD→InterimAvailable`), debit, sums{connectors.Available: 1050}, nil},
		{"a type not known", one(`ITBD→XXXX`), debit, nil, nil},
		{"another account's", one(`22289→22290`), debit, nil, connectors.ErrMalformed},
		{"a sign in the amount", one(`10.50→-10.50`), debit, nil, connectors.ErrMalformed},
		{"an exponent", one(`10.50→1e400`), debit, nil, connectors.ErrMalformed},
		{"NaN", one(`10.50→NaN`), debit, nil, connectors.ErrMalformed},
		{"a number", one(`"10.50"→10.50`), debit, nil, connectors.ErrMalformed},
		{"no currency", one(`,"Currency":"CNY"→`), debit, nil, connectors.ErrMalformed},
		{"no side", one(`"Credit"→""`), debit, nil, connectors.ErrMalformed},
		{"no time", one(`2026-10-20T04:00:00+00:00→today`), debit, nil, connectors.ErrMalformed},
		{"no Data", `{}`, debit, nil, connectors.ErrMalformed},
	} {
		id, _, _ := readRef(tt.ref)
		c := connect(t, &bank{files: map[string]string{"/accounts/" + id + "/balances": tt.body}})
		got, err := c.Balances(context.Background(), linked, []connectors.AccountRef{tt.ref})
		if !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.err)
		}
		var all sums
		for _, b := range got {
			if all == nil {
				all = sums{}
			}
			all[b.Kind] = b.Amount.Minor
		}
		if d := cmp.Diff(tt.want, all); d != "" {
			t.Errorf("%s:\n%s", tt.why, d)
		}
	}
}

func TestAnAccountThatIsRefusedTakesNoOtherAlong(t *testing.T) {
	b := &bank{files: map[string]string{"/accounts/31820/balances": file(t, "balances-card.json")}}
	c := connect(t, b)
	got, err := c.Balances(context.Background(), linked, []connectors.AccountRef{debit, credit})
	if err != nil || len(got) != 3 {
		t.Errorf("%d balances, %v; want the card's 3", len(got), err)
	}
	if _, err := c.Balances(context.Background(), linked, []connectors.AccountRef{debit}); !errors.Is(err, connectors.ErrRefused) {
		t.Errorf("only refused ones: %v, want ErrRefused", err)
	}
	if _, err := c.Balances(context.Background(), linked, []connectors.AccountRef{{ID: secret.Of("22289")}}); !errors.Is(err, connectors.ErrRefused) {
		t.Errorf("a ref of another dialect: %v, want ErrRefused", err)
	}
}

func TestBillsGolden(t *testing.T) {
	c := connect(t, &bank{files: map[string]string{"/accounts/22289/transactions": file(t, "transactions.json")}})
	from := time.Date(2026, 10, 1, 0, 0, 0, 0, beijing)
	page, err := c.Bills(context.Background(), linked, debit, from, now, "")
	if err != nil || page.Next != "" || page.Covers != (connectors.Span{}) {
		t.Fatalf("%v, next %q, covers %v", err, page.Next, page.Covers)
	}
	at := func(d, h, m, s int) time.Time { return time.Date(2026, 10, d, h, m, s, 0, beijing) }
	cny := func(n int64) money.Amount { return money.Amount{Minor: n, Currency: "CNY"} }
	refs := func(b connectors.Bill, ref string) connectors.Bill {
		b.Order, b.Refs = ref, []string{ref}
		return b
	}
	want := []connectors.Bill{
		// The shop is called 充值便利店, which makes it no top-up.
		refs(connectors.Bill{ID: "T9", At: at(9, 23, 59, 59), Amount: cny(3550), Direction: "out", Flow: "out", State: "pending", Kind: "payment", RawKind: "快捷支付",
			Category: "mcc:5411", Counterparty: "充值便利店", Description: "支付宝-充值便利店"}, "2026100922001400009"),
		refs(connectors.Bill{ID: "T8", At: at(8, 10, 0, 0), Amount: cny(3550), Direction: "in", Flow: "in", State: "booked", Kind: "refund", RawKind: "CCRD/RIMB",
			Counterparty: "毛巾店", Description: "支付宝退款-毛巾店", RefundOf: "2026100722001400007"}, "2026100722001400007"),
		refs(connectors.Bill{ID: "T7", At: at(7, 10, 0, 0), Amount: cny(50000), Direction: "out", Flow: "internal", State: "booked", Kind: "topup", RawKind: "快捷支付", Description: "支付宝-充值"}, "TOP-7"),
		refs(connectors.Bill{ID: "T6", At: at(6, 10, 0, 0), Amount: cny(2000), Direction: "in", Flow: "internal", State: "booked", Kind: "withdrawal", RawKind: "RCDT/DMCT", Description: "支付宝-提现"}, "OUT-6"),
		{ID: "T5", At: at(5, 10, 0, 0), Amount: cny(1200000), Direction: "in", Flow: "in", State: "booked", Kind: "income", RawKind: "RCDT/SALA", Counterparty: "南风公司", Description: "代发工资"},
		{ID: "derived-1", At: at(4, 8, 0, 0), Amount: cny(300), Direction: "out", Flow: "out", State: "booked", Kind: "other", Description: "地铁"},
		{ID: "derived-2", At: at(4, 8, 0, 0), Amount: cny(300), Direction: "out", Flow: "out", State: "booked", Kind: "other", Description: "地铁"},
		{ID: "T3", At: at(3, 10, 0, 0), Amount: cny(8800), Direction: "out", Flow: "internal", State: "booked", Kind: "repayment", Counterparty: "林小舟", Description: "信用卡还款"},
		{ID: "T2", At: at(2, 10, 0, 0).Add(123 * time.Millisecond), Amount: cny(100), Direction: "out", Flow: "out", State: "failed", Kind: "transfer", RawKind: "ICDT/ESCT"},
	}
	for i, b := range page.Bills {
		if strings.HasPrefix(b.ID, "derived-") { // a hash, and a place among equal rows
			page.Bills[i].ID = "derived-" + b.ID[len(b.ID)-1:]
		}
	}
	if d := cmp.Diff(want, page.Bills); d != "" {
		t.Error(d)
	}
}

func TestBillsArePagedInsideTheAPI(t *testing.T) {
	row := func(id string) string {
		return fmt.Sprintf(`{"AccountId":"22289",%s"CreditDebitIndicator":"Debit","Status":"BOOK","BookingDateTime":"2026-10-04T00:00:00Z","Amount":{"Amount":"3.00","Currency":"CNY"}}`, id)
	}
	page := func(next string, rows ...string) string {
		return fmt.Sprintf(`{"Data":{"Transaction":[%s]},"Links":{"Next":%q}}`, strings.Join(rows, ","), next)
	}
	const path = "/accounts/22289/transactions"
	walk := func(files map[string]string) (ids []string, err error) {
		c := connect(t, &bank{files: files})
		for next := connectors.Cursor(""); ; {
			p, err := c.Bills(context.Background(), linked, debit, now.AddDate(0, 0, -30), now, next)
			if err != nil {
				return ids, err
			}
			for _, b := range p.Bills {
				ids = append(ids, b.ID)
			}
			if next = p.Next; next == "" {
				return ids, nil
			}
		}
	}
	anonymous := map[string]string{path: page("BASE"+path+"?page=2", row(""), row("")), path + "?page=2": page("", row(""), row(`"TransactionId":"T",`))}
	first, err := walk(anonymous)
	if err != nil || len(first) != 4 {
		t.Fatalf("%v, %v", first, err)
	}
	seen := map[string]bool{}
	for _, id := range first {
		if seen[id] {
			t.Errorf("equal rows on two pages have one id: %v", first)
		}
		seen[id] = true
	}
	if again, _ := walk(anonymous); cmp.Diff(first, again) != "" {
		t.Errorf("read again the ids are others: %v, %v", first, again)
	}
	for why, files := range map[string]map[string]string{
		"another host":     {path: page("https://evil.example" + api + path)},
		"a user":           {path: page(strings.Replace("http://x@127.0.0.1", "x", "u", 1))},
		"itself for ever":  {path: page("BASE" + path + "?page=2"), path + "?page=2": page("BASE" + path + "?page=2")},
		"another account":  {path: strings.ReplaceAll(page("", row("")), "22289", "22290")},
		"no status":        {path: page("", strings.Replace(row(""), "BOOK", "", 1))},
		"no side":          {path: page("", strings.Replace(row(""), "Debit", "Both", 2))},
		"a negative sum":   {path: page("", strings.Replace(row(""), "3.00", "-3.00", 1))},
		"a part of a fen":  {path: page("", strings.Replace(row(""), "3.00", "3.005", 1))},
		"no booking time":  {path: page("", strings.Replace(row(""), "2026-10-04T00:00:00Z", "", 1))},
		"a local time":     {path: page("", strings.Replace(row(""), "00Z", "00", 1))}, // the zone is required
		"Data that is not": {path: `{"Data":[]}`},
	} {
		if _, err := walk(files); !errors.Is(err, connectors.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", why, err)
		}
	}
	c := connect(t, &bank{})
	for _, cur := range []connectors.Cursor{"x", `{"next":"https://evil.example/","page":2}`, `{"next":"` + api + path + `","page":1}`} {
		if _, err := c.Bills(context.Background(), linked, debit, now.AddDate(0, 0, -1), now, cur); !errors.Is(err, connectors.ErrRefused) {
			t.Errorf("cursor %s: %v, want ErrRefused", cur, err)
		}
	}
}

func TestCoversSaysHowFarBackTheBankGoes(t *testing.T) {
	body := `{"Data":{"Transaction":[]},"Links":{},"Meta":{"FirstAvailableDateTime":"2026-10-10T00:00:00+08:00"}}`
	c := connect(t, &bank{files: map[string]string{"/accounts/22289/transactions": body}})
	page, err := c.Bills(context.Background(), linked, debit, now.AddDate(0, -1, 0), now, "")
	if err != nil || !page.Covers.From.Equal(time.Date(2026, 10, 10, 0, 0, 0, 0, beijing)) || !page.Covers.To.Equal(now) {
		t.Errorf("covers %v, %v", page.Covers, err)
	}
}

func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		want   error
	}{
		{401, ``, connectors.ErrUnauthorized},
		{403, `{"Errors":[{"ErrorCode":"U009","Message":"22289"}]}`, connectors.ErrUnauthorized},
		{403, `{"Errors":[{"ErrorCode":"UK.OBIE.Resource.InvalidConsentStatus"}]}`, connectors.ErrUnauthorized},
		{403, `{"Errors":[{"ErrorCode":"U008"}]}`, connectors.ErrRefused},
		{400, `{"Errors":[{"ErrorCode":"U011"}]}`, connectors.ErrRefused},
		{404, ``, connectors.ErrRefused},
		{429, ``, connectors.ErrBusy},
		{500, `{"Errors":[{"ErrorCode":"U009"}]}`, connectors.ErrDown},
		{503, `<html>`, connectors.ErrDown},
		{302, ``, connectors.ErrMalformed},
	} {
		c := connect(t, &bank{fail: map[string]int{"/accounts": tt.status}, body: tt.body})
		_, err := c.Accounts(context.Background(), linked)
		if !errors.Is(err, tt.want) || strings.Contains(err.Error(), "22289") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%d %s: %v, want %v", tt.status, tt.body, err, tt.want)
		}
	}
}

func FuzzPage(f *testing.F) {
	f.Add([]byte(file(f, "transactions.json")))
	f.Add([]byte(`{"Data":{"Transaction":[]},"Links":{"Next":"/x"}}`))
	c, err := New(config("https://bank.example", http.DefaultClient))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var a transactionPage
		if json.Unmarshal(b, &a) != nil {
			return
		}
		at := cursor{Page: 1}
		page, err := c.page(a, "22289", now.AddDate(-10, 0, 0), now.AddDate(10, 0, 0), &at, c.api)
		if err != nil {
			return
		}
		for _, b := range page.Bills {
			if b.Amount.Minor < 0 || b.ID == "" || b.Kind == "" || b.Direction == "" || b.State == "" {
				t.Fatalf("a row became %+v", b)
			}
		}
		if at.Next != "" {
			if u, err := url.Parse(at.Next); err != nil || u.Host != "bank.example" {
				t.Fatalf("the next page is at %q", at.Next)
			}
		}
	})
}

func FuzzBalances(f *testing.F) {
	f.Add([]byte(file(f, "balances-card.json")))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a struct{ Data struct{ Balance []obBalance } }
		if json.Unmarshal(b, &a) != nil {
			return
		}
		list, err := readBalances(a.Data.Balance, credit)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, b := range list {
			if s := string(b.Kind) + b.Amount.Currency; seen[s] || b.Amount.Currency == "" {
				t.Fatalf("two balances of one kind: %+v", list)
			} else {
				seen[s] = true
			}
		}
	})
}
