package alipay

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"jali/connectors"
	"jali/internal/secret"
)

// restStub answers as the published API of v3 does: it checks our signature on
// its own, and signs what answer gives it.
type restStub struct {
	t      *testing.T
	answer func(r *http.Request, body string) (status int, text string)
	bare   bool // answers are not signed
	mangle func(h http.Header, body string) string
	paths  []string
}

var authorization = regexp.MustCompile(`^ALIPAY-SHA256withRSA (app_id=2021000000000001,(?:app_cert_sn=[0-9a-f]{32},)?nonce=[0-9A-Za-z-]{16,},timestamp=\d{13}),sign=(.+)$`)

func (s *restStub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	m := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if err != nil || m == nil {
		s.t.Errorf("Authorization is not as published: %v", err)
		return
	}
	sum := sha256.Sum256([]byte(m[1] + "\n" + r.Method + "\n" + r.URL.RequestURI() + "\n" + string(body) + "\n"))
	sig, _ := base64.StdEncoding.DecodeString(m[2])
	if err := rsa.VerifyPKCS1v15(&ourKey().PublicKey, crypto.SHA256, sum[:], sig); err != nil {
		s.t.Errorf("our request is not signed as published: %v", err)
	}
	s.paths = append(s.paths, r.Method+" "+r.URL.Path)
	status, text := s.answer(r, string(body))
	h := w.Header()
	if !s.bare {
		h.Set("alipay-timestamp", "1792468800123")
		h.Set("alipay-nonce", "a-nonce")
		h.Set("alipay-signature", signed("1792468800123\na-nonce\n"+text+"\n"))
	}
	if s.mangle != nil {
		text = s.mangle(h, text)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func connectREST(t *testing.T, s *restStub, change ...func(*Config)) *Connector {
	t.Helper()
	return connectWith(t, s, func(c *Config) {
		at, err := url.Parse(c.Gateway)
		if err != nil {
			t.Fatal(err)
		}
		c.API = at.Scheme + "://" + at.Host
		for _, f := range change {
			f(c)
		}
	})
}

func TestREST(t *testing.T) {
	s := &restStub{t: t, answer: func(r *http.Request, body string) (int, string) {
		switch r.URL.Path {
		case "/v3/alipay/system/oauth/token":
			if body != `{"code":"good","grant_type":"authorization_code"}` || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("asked for tokens with %q of %q", body, r.Header.Get("Content-Type"))
			}
			return 200, `{"user_id":"2088000000000001","access_token":"A1","expires_in":3600,"refresh_token":"R1"}`
		case "/v3/alipay/data/bill/balance/query":
			if r.URL.RawQuery != "auth_token=A1" {
				t.Errorf("asked for a balance with %q", r.URL.RawQuery)
			}
			return 200, `{"available_amount":"900.05","freeze_amount":"0.00","total_amount":"900.05"}`
		}
		return 404, `{"code":"invalid-method"}`
	}}
	c := connectREST(t, s)
	ctx := context.Background()
	k, err := c.Finish(ctx, connectors.Linking{}, url.Values{"auth_code": {"good"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Balances(ctx, k, []connectors.AccountRef{own})
	if err != nil || len(got) != 3 || got[0].Amount.Minor != 90005 {
		t.Errorf("balances %v, %v", got, err)
	}
	if len(s.paths) != 2 || s.paths[0] != "POST /v3/alipay/system/oauth/token" || s.paths[1] != "GET /v3/alipay/data/bill/balance/query" {
		t.Errorf("asked %v", s.paths)
	}
}

func TestOnlySignedAnswersOfRESTAreBelieved(t *testing.T) {
	for _, tt := range []struct {
		why    string
		mangle func(http.Header, string) string
		want   error
	}{
		{"untouched", nil, nil},
		{"a changed sum", func(_ http.Header, b string) string { return `{"available_amount":"9.00"}` }, connectors.ErrUnsigned},
		{"a space more", func(_ http.Header, b string) string { return b + " " }, connectors.ErrUnsigned},
		{"another time", func(h http.Header, b string) string { h.Set("alipay-timestamp", "1792468800124"); return b }, connectors.ErrUnsigned},
		{"another nonce", func(h http.Header, b string) string { h.Set("alipay-nonce", "b-nonce"); return b }, connectors.ErrUnsigned},
		{"no signature", func(h http.Header, b string) string { h.Del("alipay-signature"); return b }, connectors.ErrUnsigned},
		{"a signature that is none", func(h http.Header, b string) string { h.Set("alipay-signature", "?"); return b }, connectors.ErrUnsigned},
		{"a certificate in key mode", func(h http.Header, b string) string { h.Set("alipay-sn", "1"); return b }, nil},
		{"signed, and no JSON", func(h http.Header, b string) string {
			h.Set("alipay-signature", signed("1792468800123\na-nonce\n<html>\n"))
			return "<html>"
		}, connectors.ErrMalformed},
	} {
		c := connectREST(t, &restStub{t: t, mangle: tt.mangle, answer: func(*http.Request, string) (int, string) {
			return 200, `{"available_amount":"1.00"}`
		}})
		_, err := c.Balances(context.Background(), linked, []connectors.AccountRef{own})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
}

func TestEncryptedREST(t *testing.T) {
	key := secret.Of("MDEyMzQ1Njc4OWFiY2RlZg==")
	sealing, err := newContent(key)
	if err != nil {
		t.Fatal(err)
	}
	plainText := `{"available_amount":"1.00"}`
	for _, tt := range []struct {
		why, text string
		want      error
	}{
		{"encrypted", sealing.seal(plainText), nil},
		{"not encrypted", plainText, connectors.ErrMalformed},
		{"of another key", "AAAAAAAAAAAAAAAAAAAAAA==", connectors.ErrMalformed},
	} {
		s := &restStub{t: t, answer: func(r *http.Request, body string) (int, string) {
			if r.Header.Get("alipay-encrypt-type") != "AES" {
				t.Error("the platform is not told that answers are to be encrypted")
			}
			return 200, tt.text
		}}
		c := connectREST(t, s, func(c *Config) { c.ContentKey = key })
		_, err := c.Balances(context.Background(), linked, []connectors.AccountRef{own})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
	s := &restStub{t: t, answer: func(r *http.Request, body string) (int, string) {
		text, err := sealing.open(body)
		if err != nil || string(text) != `{"code":"good","grant_type":"authorization_code"}` || r.Header.Get("Content-Type") != "text/plain" {
			t.Errorf("tokens were asked for with %q: %v", body, err)
		}
		return 200, sealing.seal(`{"user_id":"2088000000000001","access_token":"A1","expires_in":3600,"refresh_token":"R1"}`)
	}}
	c := connectREST(t, s, func(c *Config) { c.ContentKey = key })
	if _, err := c.Finish(context.Background(), connectors.Linking{}, url.Values{"auth_code": {"good"}}); err != nil {
		t.Error(err)
	}
}

func FuzzRESTFault(f *testing.F) {
	f.Add(400, []byte(`{"code":"invalid-parameter","message":"参数无效","links":[{"link":"https:\/\/open.alipay.com","desc":"解决方案"}]}`))
	f.Add(401, []byte(`{"code":"invalid-auth-token"}`))
	f.Add(500, []byte(`<html>`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 300 {
			return
		}
		err := restFault(status, restCode(body), 0)
		if err == nil {
			t.Errorf("%d %q is no fault", status, body)
		}
		if errors.Is(err, connectors.ErrUnauthorized) && !errors.Is(meant[bare(restCode(body))], connectors.ErrUnauthorized) {
			t.Errorf("%d %q ends a connection", status, body)
		}
	})
}
