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
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"jali/connectors"
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
	state string            // of the consent, when it is read
	few   bool              // it grants no statements
	api   string            // empty: api
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
	if b.api == "" {
		b.api = api
	}
	switch path := strings.TrimPrefix(r.URL.Path, b.api); {
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
		if json.NewDecoder(r.Body).Decode(&sent) != nil || len(sent.Data.Permissions) < 5 || sent.Risk == nil || r.Header.Get("Authorization") != "Bearer ours" {
			b.t.Error("the consent is not asked for as published")
		}
		if b.few && len(sent.Data.Permissions) > 5 {
			w.WriteHeader(400)
			return
		}
		w.WriteHeader(201)
		if b.body != "" {
			_, _ = io.WriteString(w, b.body)
			return
		}
		_, _ = io.WriteString(w, `{"Data":{"ConsentId":"urn:consent:1","Status":"AWAU"},"Risk":{}}`)
	case r.Method == "GET" && path == "/account-access-consents/urn:consent:1" && r.Header.Get("Authorization") == "Bearer ours":
		fmt.Fprintf(w, `{"Data":{"ConsentId":"urn:consent:1","Status":%q},"Risk":{}}`, b.state)
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
		_, _ = io.WriteString(w, strings.ReplaceAll(body, "BASE", b.base+b.api))
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
		signed := sign(b.t, claims)
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

func sign(t *testing.T, claims map[string]any) string {
	signed, err := bankKey().Sign(nil, claims)
	if err != nil {
		t.Error(err)
	}
	return signed
}

func connect(t *testing.T, b *bank) *Connector {
	t.Helper()
	return connectAs(t, b, func(*Config) {})
}

func connectAs(t *testing.T, b *bank, change func(*Config)) *Connector {
	t.Helper()
	srv := httptest.NewServer(b)
	t.Cleanup(srv.Close)
	b.t, b.base, b.jtis = t, srv.URL, map[string]bool{}
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	cfg := config(srv.URL, client)
	if b.api != "" {
		cfg.API = srv.URL + b.api
	}
	change(&cfg)
	c, err := New(cfg)
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
	debit  = refOf("22289", connectors.Deposit, connectors.Asset)
	credit = refOf("31820", connectors.CreditCard, connectors.Debt)
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
		{"v3.1 by its path", func(c *Config) { c.API = "https://bank.example/open-banking/v3.1/aisp" }, true},
		{"a later v3.1", func(c *Config) { c.API = "https://bank.example/open-banking/v3.1.10/aisp" }, true},
		{"a path without a version", func(c *Config) { c.API = "https://bank.example/aisp" }, false},
		{"its version said", func(c *Config) { c.API, c.Version = "https://bank.example/aisp", "v3.1" }, true},
		{"a version that is not spoken", func(c *Config) { c.Version = "v2.0" }, false},
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

func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		want   error
	}{
		{401, ``, connectors.ErrUnauthorized},
		{403, `{"Errors":[{"ErrorCode":"U009","Message":"22289"}]}`, connectors.ErrUnauthorized},
		{403, `{"Errors":[{"ErrorCode":"UK.OBIE.Resource.InvalidConsentStatus"}]}`, connectors.ErrUnauthorized},
		{400, `{"Errors":[{"ErrorCode":"U009"}]}`, connectors.ErrUnauthorized}, // as the code set has it
		{403, `{"Errors":[{"ErrorCode":"U028"}]}`, connectors.ErrUnauthorized},
		{403, `{"Errors":[{"ErrorCode":"UK.OBIE.Reauthenticate"}]}`, connectors.ErrUnauthorized},
		{500, `{"Errors":[{"ErrorCode":"U028"}]}`, connectors.ErrDown},
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
