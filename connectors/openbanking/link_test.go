package openbanking

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"jali/connectors"
	"jali/internal/jose"
)

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
	for name, want := range map[string]string{"iss": "jali", "aud": b.base, "client_id": "jali", "response_type": c.responseType(), "scope": "openid accounts",
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
	b.fail["/account-access-consents/urn:consent:1"], b.body = 403, `{"Errors":[{"ErrorCode":"U009"}]}`
	if err := c.Unlink(ctx, k); err != nil {
		t.Errorf("a consent that was revoked at the bank: %v", err)
	}
	b.fail["/account-access-consents/urn:consent:1"], b.body = 401, ``
	if err := c.Unlink(ctx, k); !errors.Is(err, connectors.ErrRefused) || errors.Is(err, connectors.ErrUnauthorized) {
		t.Errorf("the bank does not take our own token: %v, want ErrRefused: the consent still stands", err)
	}
	b.fail["/account-access-consents"] = 401
	if _, err := c.Begin(ctx, "state-of-128-bits", "https://jali.example/link"); !errors.Is(err, connectors.ErrRefused) || errors.Is(err, connectors.ErrUnauthorized) {
		t.Errorf("no consent can be staged: %v, want ErrRefused: it is not the person's to mend", err)
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
