package client_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"jali/openapi/client"
)

func TestMetadataThatAreNotBelieved(t *testing.T) {
	for _, tt := range []struct {
		why, old, new string
		ok            bool
	}{
		{"as they are", "", "", true},
		{"another issuer's", `"issuer":"https://jali.example"`, `"issuer":"https://evil.example"`, false},
		{"with a slash more", `"issuer":"https://jali.example"`, `"issuer":"https://jali.example/"`, false},
		{"no issuer", `"issuer":"https://jali.example",`, ``, false},
		{"an endpoint in the clear", "https://jali.example/oauth/token", "http://jali.example/oauth/token", false},
		{"an endpoint of another scheme", "https://jali.example/oauth/revoke", "file:///etc/passwd", false},
		{"an endpoint with somebody's password", "https://jali.example/oauth/par", "https://a:b@jali.example/oauth/par", false},
		{"an endpoint that is none", "https://jali.example/oauth/par", "://", false},
		{"no endpoint for tokens", `"token_endpoint":"https://jali.example/oauth/token",`, ``, false},
		{"not JSON", `{"issuer"`, `<html>`, false},
	} {
		j, c := stand(t, 200, "")
		j.says[wellKnown] = says(200, strings.Replace(metadata, tt.old, tt.new, 1))
		if m, err := c.Metadata(t.Context()); (err == nil) != tt.ok {
			t.Errorf("%s: %+v, %v", tt.why, m, err)
		}
	}
}

func TestWhereMetadataAre(t *testing.T) {
	for of, want := range map[string]string{
		"https://jali.example":        "https://jali.example/.well-known/oauth-authorization-server",
		"https://jali.example/tenant": "https://jali.example/.well-known/oauth-authorization-server/tenant", // RFC 8414, section 3.1
		"not a URL":                   "",
		"https://jali.example?a=b":    "",
	} {
		asked := ""
		c := &client.Client{Issuer: of, HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			asked = r.URL.String()
			return nil, http.ErrServerClosed
		})}}
		if _, err := c.Metadata(t.Context()); err == nil || asked != want {
			t.Errorf("of %s they are looked for at %q, want %q", of, asked, want)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestMetadataAreKeptForAWhile(t *testing.T) {
	j, c := stand(t, 200, "")
	at, read := time.Unix(1800000000, 0), 0
	c.Now = func() time.Time { return at }
	whole := j.says[wellKnown]
	j.says[wellKnown] = func(w http.ResponseWriter, r *http.Request) { read++; whole(w, r) }
	look := func(why string, want int) {
		t.Helper()
		if _, err := c.Metadata(t.Context()); err != nil || read != want {
			t.Errorf("%s: read %d times, want %d; %v", why, read, want, err)
		}
	}
	look("at first", 1)
	at = at.Add(5*time.Minute - time.Second)
	look("within five minutes", 1)
	at = at.Add(time.Second)
	look("after that", 2)
	whole = says(500, "")
	at = at.Add(time.Hour)
	look("where newer cannot be had, the old serve", 3)
	at = at.Add(29 * time.Second)
	look("and each call does not try anew", 3)
	at = at.Add(time.Second)
	look("but half a minute later", 4)
}

func FuzzMetadata(f *testing.F) {
	f.Add(metadata, false)
	f.Add(metadata, true)
	f.Add(`{"issuer":"https://jali.example","token_endpoint":"http://x"}`, true)
	f.Fuzz(func(t *testing.T, body string, certified bool) {
		j, c := stand(t, 200, "")
		c.Certified = certified
		j.says[wellKnown] = says(200, body)
		m, err := c.Metadata(t.Context())
		if err != nil {
			return
		}
		var said struct{ Issuer string }
		if json.Unmarshal([]byte(body), &said) != nil || m.Issuer != issuer {
			t.Errorf("believed: %q", body)
		}
		for _, at := range []string{m.Authorization, m.Push, m.Token, m.Revocation, m.Introspection, m.Grants, m.Backchannel} {
			if at != "" && !strings.HasPrefix(strings.ToLower(at), "https://") {
				t.Errorf("%q is called without TLS", at)
			}
		}
	})
}
