package berlingroup

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"jali/connectors"
	"jali/internal/secret"
)

// FuzzConsent: whatever a bank answers to a consent, and its authorization
// server says of itself, the browser is sent to a web address and a code to the
// configured server.
func FuzzConsent(f *testing.F) {
	const doc = `{"issuer":"https://bank.example/oauth","authorization_endpoint":"https://bank.example/oauth/authorize","token_endpoint":"https://bank.example/oauth/token"}`
	for _, name := range []string{"consent-redirect.json", "consent-start.json", "consent-embedded.json"} {
		f.Add(file(f, name), file(f, "authorisation.json"), doc)
	}
	f.Add(strings.ReplaceAll(file(f, "consent-oauth.json"), "BASE", "https://bank.example"), "", doc)
	f.Fuzz(func(t *testing.T, consent, started, doc string) {
		c, err := New(config("https://bank.example", &http.Client{Transport: canned{"POST /consents": consent,
			"POST /consents/1234-wertiq-983/authorisations": started, "GET /oauth/.well-known/oauth-authorization-server": doc}}))
		if err != nil {
			t.Fatal(err)
		}
		l, err := c.Begin(context.Background(), "s", "https://jali.example/link")
		if err != nil {
			return
		}
		u, err := url.Parse(l.URL)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
			t.Fatalf("the browser is sent to %q", l.URL)
		}
		if strings.Contains(l.Keep.RevealString(), `"token"`) && !strings.Contains(l.Keep.RevealString(), `"token":"https://bank.example`) {
			t.Fatalf("a code would go elsewhere: %s", l.Keep.RevealString())
		}
	})
}

// FuzzTokens: what a token endpoint or a consent answers makes a credential that
// opens something until a time, or none.
func FuzzTokens(f *testing.F) {
	f.Add(`{"access_token":"A","token_type":"Bearer","expires_in":600,"refresh_token":"R"}`, file(f, "consent.json"))
	f.Add(`{"error":"invalid_grant"}`, `{"consentStatus":"expired","validUntil":"9999-12-31"}`)
	f.Fuzz(func(t *testing.T, tokens, consent string) {
		c, err := New(config("https://bank.example", &http.Client{Transport: canned{"POST /oauth/token": tokens, "GET /consents/1": consent}}))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []connectors.Credential{secret.Of(`{"consent":"1","access":"A","refresh":"R","token":"https://bank.example/oauth/token","until":1}`), secret.Of(`{"consent":"1","until":1}`)} {
			fresh, err := c.Refresh(context.Background(), v)
			if err != nil {
				continue
			}
			if k, err := read(fresh); err != nil || k.Consent != "1" || c.Stale(fresh, now.Add(-early)) {
				t.Fatalf("refreshed to %s", fresh.Reveal())
			}
		}
	})
}

// FuzzCursors: no cursor and no mark of anybody's leads out of the account.
func FuzzCursors(f *testing.F) {
	f.Add(`{"next":"/psd2/v1/accounts/e80e/transactions?page=2","page":2}`, `{"day":"2026-10-18"}`)
	f.Add(`{"mark":{"day":"2026-10-20"},"overlap":true,"from":{"next":"https://bank.example/psd2/v1/accounts/e80e/x","page":2}}`, `{"entry":"E","day":"2026-10-18"}`)
	f.Fuzz(func(t *testing.T, next, since string) {
		c, err := New(config("https://bank.example", &http.Client{Transport: inside{t}}))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Bills(context.Background(), linked, giro, day(1), now, connectors.Cursor(next))
		_, _ = c.Changes(context.Background(), linked, giro, connectors.Mark(since), connectors.Cursor(next))
	})
}

// inside fails a call about anything else than one account.
type inside struct{ t *testing.T }

func (i inside) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "bank.example" || !strings.HasPrefix(r.URL.Path, api+"/accounts/e80e/") || strings.Contains(r.URL.Path, "..") {
		i.t.Errorf("%s is asked for", r.URL)
	}
	return canned{}.RoundTrip(r)
}
