package berlingroup

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/internal/secret"
)

const back = "https://jali.example/link"

func TestBeginAsksForAConsent(t *testing.T) {
	none := []any{}
	for _, tt := range []struct {
		why    string
		change func(*Config)
		access map[string]any
		often  float64
	}{
		{"for what the person picks", func(*Config) {}, map[string]any{"accounts": none, "balances": none, "transactions": none}, 4},
		{"for all accounts, twice a day", func(c *Config) { c.AllAccounts, c.Source.Unattended = true, 2 }, map[string]any{"allPsd2": "allAccounts"}, 2},
	} {
		b := &bank{files: map[string]string{"POST /consents": file(t, "consent-redirect.json")}}
		l, err := connect(t, b, tt.change).Begin(context.Background(), "state-1", back)
		if err != nil {
			t.Fatalf("%s: %v", tt.why, err)
		}
		_, body := b.asked()
		want := map[string]any{"access": tt.access, "recurringIndicator": true, "validUntil": "2027-04-18", "frequencyPerDay": tt.often, "combinedServiceIndicator": false}
		if d := cmp.Diff(want, members(t, body)); d != "" {
			t.Errorf("%s: %s", tt.why, d)
		}
		q := query(l, b)
		if l.URL != "https://www.testbank.example/authentication/1234-wertiq-983" || l.RedirectURI != back || q.Get("state") != "state-1" || len(q.Get(wordName)) < 26 {
			t.Errorf("%s: %s, comes back with %v", tt.why, l.URL, q)
		}
		if strings.Contains(l.URL, q.Get(wordName)) {
			t.Errorf("%s: the linking browser sees the word that it is to bring back", tt.why)
		}
	}
}

func TestRedirect(t *testing.T) {
	b := &bank{files: map[string]string{"POST /consents": file(t, "consent-start.json"), "POST /consents/1234-wertiq-983/authorisations": file(t, "authorisation.json"),
		"GET /consents/1234-wertiq-983": file(t, "consent.json")}}
	c := connect(t, b)
	l, err := c.Begin(context.Background(), "state-1", back)
	if err != nil {
		t.Fatal(err)
	}
	q := query(l, b)
	for why, bad := range map[string]url.Values{
		"nothing": {}, "no word": {"state": {"state-1"}}, "another's word": {wordName: {"x"}}, "two words": {wordName: {q.Get(wordName), q.Get(wordName)}},
	} {
		if _, err := c.Finish(context.Background(), l, bad); !errors.Is(err, connectors.ErrLinkRefused) {
			t.Errorf("%s: %v", why, err)
		}
	}
	v, err := c.Finish(context.Background(), l, q)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]any{"consent": "1234-wertiq-983", "until": float64(time.Date(2027, 4, 19, 0, 0, 0, 0, beijing).Unix())}, members(t, v.Reveal())); d != "" {
		t.Error(d)
	}
	if _, err := c.Finish(context.Background(), l, q); !errors.Is(err, connectors.ErrLinkRefused) {
		t.Errorf("finished twice: %v", err)
	}
}

func TestOnlyAValidConsentIsALink(t *testing.T) {
	for state := range states {
		b := &bank{files: map[string]string{"POST /consents": file(t, "consent-redirect.json"),
			"GET /consents/1234-wertiq-983": strings.Replace(file(t, "consent.json"), `"valid"`, fmt.Sprintf("%q", state), 1)}}
		c := connect(t, b)
		l, err := c.Begin(context.Background(), "s", back)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Finish(context.Background(), l, query(l, b))
		if (err == nil) != (state == "valid") || (err != nil && !errors.Is(err, connectors.ErrLinkRefused)) {
			t.Errorf("%s: %v", state, err)
		}
		// And later, as the credential of a bank that gives no tokens.
		_, err = c.Refresh(context.Background(), linked)
		if (err == nil) != (state == "valid") || (err != nil && !errors.Is(err, connectors.ErrUnauthorized)) {
			t.Errorf("%s, refreshed: %v", state, err)
		}
	}
	b := &bank{files: map[string]string{"GET /consents/1234-wertiq-983": strings.Replace(file(t, "consent.json"), "2027-04-18", "2026-10-19", 1)}}
	if _, err := connect(t, b).Refresh(context.Background(), linked); !errors.Is(err, connectors.ErrUnauthorized) {
		t.Errorf("a consent that ended yesterday: %v", err)
	}
}

func TestOAuth(t *testing.T) {
	b := &bank{tokens: `{"access_token":"A1","token_type":"Bearer","expires_in":600,"refresh_token":"R1"}`,
		files: map[string]string{"POST /consents": file(t, "consent-oauth.json"), "GET /consents/1234-wertiq-983": file(t, "consent.json")}}
	c := connect(t, b)
	l, err := c.Begin(context.Background(), "state-1", back)
	if err != nil {
		t.Fatal(err)
	}
	page, err := url.Parse(l.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := page.Query()
	var k kept
	if err := json.Unmarshal(l.Keep.Reveal(), &k); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(k.Verifier))
	want := url.Values{"response_type": {"code"}, "client_id": {"PSDDE-BAFIN-123456"}, "scope": {"AIS:1234-wertiq-983"}, "state": {"state-1"},
		"redirect_uri": {back}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	if d := cmp.Diff(want, q); d != "" || !strings.HasPrefix(l.URL, b.base+"/oauth/authorize?") || len(k.Verifier) < 43 {
		t.Errorf("%s %s", l.URL, d)
	}
	for why, bad := range map[string]url.Values{
		"nothing": {}, "a no": {"error": {"access_denied"}}, "two codes": {"code": {"a", "b"}}, "another issuer's": {"code": {"good"}, "iss": {"https://evil.example"}},
	} {
		if _, err := c.Finish(context.Background(), l, bad); !errors.Is(err, connectors.ErrLinkRefused) {
			t.Errorf("%s: %v", why, err)
		}
	}
	v, err := c.Finish(context.Background(), l, url.Values{"code": {"good"}, "iss": {b.base + "/oauth"}})
	if err != nil {
		t.Fatal(err)
	}
	form := func() url.Values {
		for i := len(b.seen) - 1; ; i-- {
			if b.seen[i].URL.Path == "/oauth/token" {
				f, err := url.ParseQuery(string(b.sent[i]))
				if err != nil {
					t.Fatal(err)
				}
				return f
			}
		}
	}
	if d := cmp.Diff(url.Values{"grant_type": {"authorization_code"}, "code": {"good"}, "redirect_uri": {back}, "code_verifier": {k.Verifier}, "client_id": {"PSDDE-BAFIN-123456"}}, form()); d != "" {
		t.Error(d)
	}
	if r, _ := b.asked(); r.Header.Get("Authorization") != "Bearer A1" {
		t.Errorf("the consent is asked for with %q", r.Header.Get("Authorization"))
	}
	if c.Stale(v, now.Add(8*time.Minute)) || !c.Stale(v, now.Add(9*time.Minute)) {
		t.Error("a token of ten minutes is not renewed a minute before its end")
	}
	b.tokens = `{"access_token":"A2","token_type":"bearer","expires_in":600}`
	if v, err = c.Refresh(context.Background(), v); err != nil {
		t.Fatal(err)
	}
	if m := members(t, v.Reveal()); m["access"] != "A2" || m["refresh"] != "R1" || m["consent"] != "1234-wertiq-983" {
		t.Errorf("refreshed: %v", m)
	}
	if d := cmp.Diff(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"R1"}, "client_id": {"PSDDE-BAFIN-123456"}}, form()); d != "" {
		t.Error(d)
	}
	b.tokens = ""
	if _, err := c.Refresh(context.Background(), v); !errors.Is(err, connectors.ErrUnauthorized) {
		t.Errorf("a refused refresh: %v", err)
	}
	if _, err := c.Refresh(context.Background(), secret.Of(`{"consent":"1","access":"A","refresh":"R","token":"https://evil.example/token","until":1}`)); !errors.Is(err, connectors.ErrMalformed) {
		t.Errorf("a credential that is renewed elsewhere: %v", err)
	}
	for why, tokens := range map[string]string{"a token of another kind": `{"access_token":"A","token_type":"mac","expires_in":600}`,
		"without a life": `{"access_token":"A","token_type":"Bearer"}`, "none": `{"token_type":"Bearer","expires_in":600}`, "a page": `<html>`} {
		b.tokens = tokens
		if _, err := c.Refresh(context.Background(), v); !errors.Is(err, connectors.ErrMalformed) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

// TestWhatALinkLeadsTo: neither a consent nor a code goes where the bank is not.
func TestWhatALinkLeadsTo(t *testing.T) {
	doc := `{"issuer":"BASE/oauth","authorization_endpoint":"BASE/oauth/authorize","token_endpoint":"BASE/oauth/token"}`
	for _, tt := range []struct {
		why, consent, doc string
		change            func(*Config)
		want              error
	}{
		{"as published", file(t, "consent-oauth.json"), doc, func(*Config) {}, nil},
		{"where the config says", file(t, "consent-oauth.json"), doc, func(c *Config) {
			c.Metadata = strings.TrimSuffix(c.API, api) + "/oauth/.well-known/oauth-authorization-server"
		}, nil},
		{"elsewhere than the config says", file(t, "consent-oauth.json"), doc, func(c *Config) { c.Metadata = "https://auth.bank.example/x" }, connectors.ErrMalformed},
		{"another host's metadata", strings.ReplaceAll(file(t, "consent-oauth.json"), "BASE", "https://evil.example"), doc, func(*Config) {}, connectors.ErrMalformed},
		{"another issuer's", file(t, "consent-oauth.json"), strings.Replace(doc, "BASE/oauth", "https://evil.example", 1), func(*Config) {}, connectors.ErrMalformed},
		{"another host's tokens", file(t, "consent-oauth.json"), strings.Replace(doc, "BASE/oauth/token", "https://evil.example/token", 1), func(*Config) {}, connectors.ErrMalformed},
		{"without an endpoint", file(t, "consent-oauth.json"), strings.Replace(doc, "BASE/oauth/authorize", "", 1), func(*Config) {}, connectors.ErrMalformed},
		{"without our id", file(t, "consent-oauth.json"), doc, func(c *Config) { c.ClientID = "" }, connectors.ErrRefused},
		{"no redirect", file(t, "consent-embedded.json"), doc, func(*Config) {}, connectors.ErrRefused},
		{"a redirect to nowhere", strings.Replace(file(t, "consent-redirect.json"), "https://www.testbank.example", "javascript:", 1), doc, func(*Config) {}, connectors.ErrMalformed},
		{"an authorisation elsewhere", strings.Replace(file(t, "consent-start.json"), "/psd2/v1/consents", "https://evil.example/psd2/v1/consents", 1), doc, func(*Config) {}, connectors.ErrMalformed},
		{"another consent's", strings.Replace(file(t, "consent-start.json"), "consents/1234", "consents/9234", 1), doc, func(*Config) {}, connectors.ErrMalformed},
		{"a consent that is valid already", strings.Replace(file(t, "consent-redirect.json"), "received", "valid", 1), doc, func(*Config) {}, connectors.ErrMalformed},
	} {
		b := &bank{files: map[string]string{"POST /consents": tt.consent, "metadata": tt.doc}}
		if _, err := connect(t, b, tt.change).Begin(context.Background(), "s", back); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
	b := &bank{status: 401, files: map[string]string{"POST /consents": `{"tppMessages":[{"category":"ERROR","code":"TOKEN_INVALID"}]}`}}
	if _, err := connect(t, b).Begin(context.Background(), "s", back); !errors.Is(err, connectors.ErrRefused) || errors.Is(err, connectors.ErrUnauthorized) {
		t.Errorf("what the bank does not accept of us sends the person to link again: %v", err)
	}
}

func TestUnlink(t *testing.T) {
	for _, tt := range []struct {
		why   string
		bank  *bank
		v     string
		calls string
		want  error
	}{
		{"a consent", &bank{files: map[string]string{"DELETE /consents/1234-wertiq-983": ""}}, linked.RevealString(), "DELETE", nil},
		{"one that is gone", &bank{status: 403, files: map[string]string{"DELETE /consents/1234-wertiq-983": `{"tppMessages":[{"code":"CONSENT_UNKNOWN"}]}`}}, linked.RevealString(), "DELETE", nil},
		{"with a token that has ended", &bank{tokens: `{"access_token":"A2","token_type":"Bearer","expires_in":600}`, files: map[string]string{"DELETE /consents/1234-wertiq-983": ""}},
			`{"consent":"1234-wertiq-983","access":"A","refresh":"R","token":"BASE/oauth/token","until":1}`, "POST DELETE", nil},
		{"the bank is down", &bank{status: 503, files: map[string]string{"DELETE /consents/1234-wertiq-983": ""}}, linked.RevealString(), "DELETE", connectors.ErrDown},
		{"refused for what we are", &bank{status: 401, files: map[string]string{"DELETE /consents/1234-wertiq-983": `{"tppMessages":[{"code":"SIGNATURE_INVALID"}]}`}}, linked.RevealString(), "DELETE", connectors.ErrRefused},
	} {
		c := connect(t, tt.bank)
		err := c.Unlink(context.Background(), secret.Of(strings.ReplaceAll(tt.v, "BASE", tt.bank.base)))
		var calls []string
		for _, r := range tt.bank.seen {
			calls = append(calls, r.Method)
		}
		if !errors.Is(err, tt.want) || strings.Join(calls, " ") != tt.calls {
			t.Errorf("%s: %v after %v, want %v", tt.why, err, calls, tt.want)
		}
	}
}
