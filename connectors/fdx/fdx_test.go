package fdx

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
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
	ourKey  = sync.OnceValue(func() jose.PrivateKey { return generate(jose.ES256) })
	beijing = time.FixedZone("UTC+8", 8*60*60)
	now     = time.Date(2026, 10, 20, 12, 0, 0, 0, beijing)
	line    = refOf(loc, "CNY", "loc-1")
	lent    = refOf(loan, "CNY", "20001")
	linked  = secret.Of(`{"consent":"9585694d3ae58863","access":"A-canary","refresh":"R-canary","until":` + fmt.Sprint(now.Add(time.Hour).Unix()) + `}`)
)

func generate(alg string) jose.PrivateKey {
	k, err := jose.Generate(alg)
	if err != nil {
		panic(err)
	}
	return k
}

// lender answers as the published API and the consent flow do.
type lender struct {
	t      *testing.T
	base   string
	files  map[string]string // path under the API, and "?cursor=" where it has one → body
	status map[string]int
	echo   string // in place of the caller's interaction id
	token  string // members of every token beside its life
	basic  bool   // the client proves itself by its secret
	dead   bool   // no grant is good

	mu    sync.Mutex
	calls []string
	heads []http.Header
	form  url.Values // of the pushed request
	sent  string     // body of the last PUT
	jtis  map[string]bool
}

func (l *lender) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, r.Method+" "+r.URL.RequestURI())
	l.heads = append(l.heads, r.Header)
	w.Header().Set("Content-Type", "application/json")
	path, inside := strings.CutPrefix(r.URL.Path, "/fdx/v6")
	if !inside {
		l.authorize(w, r)
		return
	}
	echo := r.Header.Get("x-fapi-interaction-id")
	if l.echo != "" {
		echo = l.echo
	}
	w.Header().Set("x-fapi-interaction-id", echo)
	own := strings.HasPrefix(path, "/consents/")
	if want := map[bool]string{true: "Bearer ours", false: "Bearer A-canary"}[own]; r.Header.Get("Authorization") != want {
		w.WriteHeader(401)
		_, _ = io.WriteString(w, `{"code":"603","message":"Authentication failed"}`)
		return
	}
	b, _ := io.ReadAll(r.Body)
	l.sent = string(b)
	for _, cursor := range []string{"offset", "pageKey"} {
		if q := r.URL.Query().Get(cursor); q != "" {
			path += "?" + cursor + "=" + q
		}
	}
	body, ok := l.files[path]
	status := 200
	if s := l.status[path]; s != 0 {
		status, ok = s, true
	}
	if !ok {
		w.WriteHeader(404)
		_, _ = io.WriteString(w, `{"code":1107,"message":"Data not found for request parameters"}`)
		return
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// authorize is the authorization server.
func (l *lender) authorize(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	f := r.PostForm
	if l.basic {
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte("jali:s3%2Bcret"))
		if r.Header.Get("Authorization") != want || f.Has("client_assertion") {
			w.WriteHeader(401)
			_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
			return
		}
	} else {
		tok, err := jose.Verify(f.Get("client_assertion"), jose.KeySet{ourKey().Public()}, jose.Expect{MaxBytes: 4096, Algorithms: []string{jose.ES256}})
		if err != nil {
			l.t.Errorf("the client assertion: %v", err)
			return
		}
		jti, _ := tok.Claims.String("jti")
		for name, want := range map[string]string{"iss": "jali", "sub": "jali", "aud": l.base} {
			if got, _ := tok.Claims.String(name); got != want {
				l.t.Errorf("the client assertion's %s is %q", name, got)
			}
		}
		if jti == "" || l.jtis[jti] {
			l.t.Error("a client assertion is used twice")
		}
		l.jtis[jti] = true
	}
	switch r.URL.Path {
	case "/par":
		l.form = f
		w.WriteHeader(201)
		_, _ = io.WriteString(w, `{"request_uri":"urn:ietf:params:oauth:request_uri:1","expires_in":60}`)
	case "/token":
		switch {
		case f.Get("grant_type") == "client_credentials":
			_, _ = io.WriteString(w, `{"access_token":"ours","token_type":"Bearer","expires_in":900}`)
		case l.dead:
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
		case f.Get("grant_type") == "authorization_code" && f.Get("code") == "C" && len(f.Get("code_verifier")) >= 43 && f.Get("redirect_uri") != "",
			f.Get("grant_type") == "refresh_token" && f.Get("refresh_token") == "R-canary":
			_, _ = io.WriteString(w, `{"access_token":"A-canary","token_type":"bearer","expires_in":900,"refresh_token":"R2"`+l.token+`}`)
		default:
			l.t.Error("tokens are not asked for as published")
		}
	}
}

func config(base string, client *http.Client) Config {
	return Config{Source: connectors.Source{ID: "qingshi", Name: connectors.Name{ZH: "青石", EN: "Qingshi"}}, API: base + "/fdx/v6", Issuer: base,
		PAR: base + "/par", Authorize: base + "/authorize", Token: base + "/token", ClientID: "jali", Key: ourKey(), Zone: beijing,
		HTTP: client, Now: func() time.Time { return now }}
}

func connect(t *testing.T, l *lender, change ...func(*Config)) *Connector {
	t.Helper()
	srv := httptest.NewServer(l)
	t.Cleanup(srv.Close)
	l.t, l.base, l.jtis = t, srv.URL, map[string]bool{}
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	cfg := config(srv.URL, client)
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func file(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestNewRefuses(t *testing.T) {
	for why, change := range map[string]func(*Config){
		"no id":                   func(c *Config) { c.Source.ID = "" },
		"no client":               func(c *Config) { c.ClientID = "" },
		"neither key nor secret":  func(c *Config) { c.Key = jose.PrivateKey{} },
		"both":                    func(c *Config) { c.Secret = secret.Of("x") },
		"a key for another alg":   func(c *Config) { c.Key = generate(jose.EdDSA) },
		"plain http":              func(c *Config) { c.API = "http://bank.example/fdx" },
		"no token endpoint":       func(c *Config) { c.Token = "" },
		"a user in an address":    func(c *Config) { c.PAR = "https://u:p@bank.example/par" },
		"a currency that is none": func(c *Config) { c.Currency = "yuan" },
	} {
		c := config("https://bank.example", nil)
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: taken", why)
		}
	}
	c, err := New(config("https://bank.example", nil))
	if s := c.Source(); err != nil || s.Kind != connectors.Bank || s.History != 400*24*time.Hour || s.PageSize != 500 {
		t.Errorf("%+v, %v", s, err)
	}
}

// The whole flow: what is pushed, where the browser goes, what is traded, and
// that nothing of it is believed before the consent's own record says so.
func TestLink(t *testing.T) {
	consent := file(t, "consent.json")
	for _, tt := range []struct {
		why, token, consent string
		query               url.Values
		change              func(*Config)
		want                error
	}{
		{why: "as published", token: `,"grant_id":"9585694d3ae58863"`, consent: consent},
		{why: "a client secret", token: `,"grant_id":"9585694d3ae58863"`, consent: consent,
			change: func(c *Config) { c.Key, c.Secret = jose.PrivateKey{}, secret.Of("s3+cret") }},
		{why: "the consent is named in the token alone", consent: consent, token: "jwt"},
		{why: "no consent is named", consent: consent, want: connectors.ErrMalformed},
		{why: "another consent answers", token: `,"grant_id":"other"`, consent: consent, want: connectors.ErrLinkRefused},
		{why: "it is revoked", token: `,"grant_id":"9585694d3ae58863"`, consent: strings.Replace(consent, "ACTIVE", "REVOKED", 1), want: connectors.ErrLinkRefused},
		{why: "it has ended", token: `,"grant_id":"9585694d3ae58863"`, consent: strings.Replace(consent, "2027-", "2025-", 1), want: connectors.ErrLinkRefused},
		{why: "its end is no time", token: `,"grant_id":"9585694d3ae58863"`, consent: strings.Replace(consent, "2027-", "x-", 1), want: connectors.ErrLinkRefused},
		{why: "it opens no account", token: `,"grant_id":"9585694d3ae58863"`, consent: strings.ReplaceAll(consent, `"ACCOUNT"`, `"DOCUMENT"`), want: connectors.ErrLinkRefused},
		{why: "a lookback below zero", token: `,"grant_id":"9585694d3ae58863"`, consent: strings.Replace(consent, `: 60`, `: -1`, 1), want: connectors.ErrLinkRefused},
		{why: "refused", query: url.Values{"error": {"access_denied"}}, want: connectors.ErrLinkRefused},
		{why: "two codes", query: url.Values{"code": {"C", "D"}}, want: connectors.ErrLinkRefused},
		{why: "another issuer", query: url.Values{"code": {"C"}, "iss": {"https://evil.example"}}, want: connectors.ErrLinkRefused},
	} {
		t.Run(tt.why, func(t *testing.T) {
			l := &lender{token: tt.token, files: map[string]string{"/consents/9585694d3ae58863": tt.consent, "/consents/other": tt.consent}}
			c := connect(t, l, func(c *Config) {
				if tt.change != nil {
					tt.change(c)
				}
			})
			l.basic = !c.c.Secret.Empty()
			if tt.token == "jwt" {
				claims := base64.RawURLEncoding.EncodeToString([]byte(`{"fdxConsentId":"9585694d3ae58863"}`))
				l.token = `,"x":1` // the token itself names it: see below
				c.c.HTTP.Transport = rewritten{c.c.HTTP.Transport, "A-canary", "e30." + claims + ".x"}
			}
			link, err := c.Begin(t.Context(), "state", "http://127.0.0.1/back")
			if err != nil {
				t.Fatal(err)
			}
			at, _ := url.Parse(link.URL)
			if q := at.Query(); at.Path != "/authorize" || len(q) != 2 || q.Get("client_id") != "jali" || q.Get("request_uri") == "" {
				t.Errorf("the browser is sent to %s", at)
			}
			pushed(t, l.form)
			if tt.query == nil {
				tt.query = url.Values{"code": {"C"}, "iss": {l.base}}
			}
			k, err := c.Finish(t.Context(), link, tt.query)
			if !is(err, tt.want) {
				t.Fatalf("%v, want %v", err, tt.want)
			}
			if tt.want != nil {
				return
			}
			held, err := read(k)
			if err != nil || held.Consent != "9585694d3ae58863" || held.Refresh != "R2" || held.Lookback != 60 || held.Until != now.Unix()+900 {
				t.Errorf("it keeps %+v, %v", held, err)
			}
		})
	}
}

// rewritten replaces a text in every answer.
type rewritten struct {
	next    http.RoundTripper
	old, by string
}

func (r rewritten) RoundTrip(q *http.Request) (*http.Response, error) {
	resp, err := r.next.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	b = []byte(strings.ReplaceAll(string(b), r.old, r.by))
	resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(string(b))), int64(len(b))
	return resp, err
}

func pushed(t *testing.T, f url.Values) {
	t.Helper()
	for name, want := range map[string]string{"response_type": "code", "client_id": "jali", "redirect_uri": "http://127.0.0.1/back", "state": "state",
		"code_challenge_method": "S256"} {
		if f.Get(name) != want {
			t.Errorf("%s is pushed as %q", name, f.Get(name))
		}
	}
	var details []struct {
		Type    string
		Request struct {
			DurationType                   string
			DurationPeriod, LookbackPeriod int
			Resources                      []struct {
				ResourceType string
				DataClusters []string
			}
		} `json:"consentRequest"`
	}
	if err := json.Unmarshal([]byte(f.Get("authorization_details")), &details); err != nil || len(details) != 1 || len(details[0].Request.Resources) != 1 {
		t.Fatalf("authorization_details are %s", f.Get("authorization_details"))
	}
	d := details[0]
	if d.Type != "fdx_v1.0" || d.Request.DurationType != "TIME_BOUND" || d.Request.DurationPeriod != 365 || d.Request.LookbackPeriod != 400 ||
		d.Request.Resources[0].ResourceType != "ACCOUNT" {
		t.Errorf("the consent is asked for as %+v", d)
	}
	if len(f.Get("code_challenge")) != 43 {
		t.Error("no challenge")
	}
	// "The scopes must match the consent request": one for each cluster.
	for _, cluster := range d.Request.Resources[0].DataClusters {
		scope := "fdx:" + strings.ReplaceAll(strings.ToLower(cluster), "_", "") + ":read"
		if !slices.Contains(strings.Fields(f.Get("scope")), scope) {
			t.Errorf("no scope for %s in %s", cluster, f.Get("scope"))
		}
	}
}

func TestRefreshAndUnlink(t *testing.T) {
	l := &lender{files: map[string]string{}, status: map[string]int{"/consents/9585694d3ae58863/revocation": 204}}
	c := connect(t, l)
	k, err := c.Refresh(t.Context(), linked)
	if held, _ := read(k); err != nil || held.Refresh != "R2" || held.Until != now.Unix()+900 || held.Consent != "9585694d3ae58863" {
		t.Errorf("refreshed to %+v, %v", held, err)
	}
	if c.Stale(linked, now) || !c.Stale(linked, now.Add(time.Hour-30*time.Second)) || c.Stale(secret.Of("x"), now) {
		t.Error("it is not a minute before its end that a token is stale")
	}
	l.token = `,"grant_id":"other"`
	if _, err := c.Refresh(t.Context(), linked); !is(err, connectors.ErrMalformed) {
		t.Errorf("tokens of another consent: %v", err)
	}
	l.dead = true
	if _, err := c.Refresh(t.Context(), linked); !is(err, connectors.ErrUnauthorized) {
		t.Errorf("a dead refresh token: %v", err)
	}
	for _, status := range []int{204, 404, 409} {
		l.status["/consents/9585694d3ae58863/revocation"] = status
		if err := c.Unlink(t.Context(), linked); err != nil {
			t.Errorf("revoked with %d: %v", status, err)
		}
	}
	if l.sent != `{"initiator":"INDIVIDUAL","reason":"USER_ACTION"}`+"\n" || l.calls[len(l.calls)-1] != "PUT /fdx/v6/consents/9585694d3ae58863/revocation" {
		t.Errorf("revoked by %s %s", l.calls[len(l.calls)-1], l.sent)
	}
	l.status["/consents/9585694d3ae58863/revocation"] = 403
	if err := c.Unlink(t.Context(), linked); !is(err, connectors.ErrRefused) {
		t.Errorf("revoking is refused: %v", err)
	}
}

func is(err, want error) bool {
	return (want == nil && err == nil) || (want != nil && errors.Is(err, want))
}
