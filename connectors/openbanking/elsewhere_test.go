package openbanking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"jali/connectors"
)

// bent is a bank some of whose answers lead elsewhere.
type bent struct {
	*bank
	lead map[string]http.HandlerFunc // by path
}

func (b bent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if lead := b.lead[r.URL.Path]; lead != nil {
		lead(w, r)
		return
	}
	b.bank.ServeHTTP(w, r)
}

// An operator's own client may follow redirects, which keep the body with 307
// and 308; what a stranger's host gets would be an assertion that is good at the
// bank for a minute, and a refresh token.
func TestNothingOfALinkGoesElsewhere(t *testing.T) {
	var heard atomic.Int64
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard.Add(1)
		fmt.Fprint(w, `{"access_token":"A2","token_type":"Bearer","expires_in":600}`)
	}))
	t.Cleanup(stranger.Close)
	moved := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, stranger.URL+r.URL.Path, status)
		}
	}
	const discovery = "/.well-known/openid-configuration"
	document := func(issuer string) http.HandlerFunc { // empty: the bank's
		return func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%[2]q,"jwks_uri":%[2]q}`, cmp.Or(issuer, "http://"+r.Host), stranger.URL)
		}
	}
	for _, tt := range []struct {
		why    string
		path   string
		lead   http.HandlerFunc
		change func(*Config)
		want   error
		heard  bool
	}{
		{"as it is", "", nil, nil, nil, false},
		{"the token endpoint has moved", "/token", moved(http.StatusTemporaryRedirect), nil, connectors.ErrMalformed, false},
		{"and for good", "/token", moved(http.StatusPermanentRedirect), nil, connectors.ErrMalformed, false},
		{"the discovery document has moved", discovery, moved(http.StatusFound), nil, connectors.ErrMalformed, false},
		{"another issuer's document", discovery, document(stranger.URL), nil, connectors.ErrMalformed, false},
		{"the endpoint that is configured stands", discovery, document(""), func(c *Config) { c.Token = c.Issuer + "/token" }, nil, false},
		{"the issuer's own word of another host", discovery, document(""), nil, nil, true},
	} {
		heard.Store(0)
		b := &bank{}
		srv := httptest.NewServer(bent{b, map[string]http.HandlerFunc{tt.path: tt.lead}})
		b.t, b.base, b.jtis = t, srv.URL, map[string]bool{}
		follows := &http.Client{Transport: &http.Transport{}}
		cfg := config(srv.URL, follows)
		if tt.change != nil {
			tt.change(&cfg)
		}
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = c.Refresh(context.Background(), linked); !errors.Is(err, tt.want) || heard.Load() > 0 != tt.heard {
			t.Errorf("%s: %v, want %v; the other host was asked %d times", tt.why, err, tt.want, heard.Load())
		}
		follows.CloseIdleConnections()
		srv.Close()
	}
}
