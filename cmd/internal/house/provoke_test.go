package house

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"jali/consent"
	"jali/internal/jose"
	"jali/internal/kv"
)

// ailing is a store that fails with what it is told to, before anything is
// done: what a client is told then is the same as where a disk does.
type ailing struct {
	kv.DB
	with *atomic.Pointer[error]
}

func (a ailing) ail() error {
	if err := a.with.Load(); err != nil {
		return *err
	}
	return nil
}

func (a ailing) View(ctx context.Context, f func(kv.Tx) error) error {
	if err := a.ail(); err != nil {
		return err
	}
	return a.DB.View(ctx, f)
}

func (a ailing) Update(ctx context.Context, f func(kv.Tx) error) error {
	if err := a.ail(); err != nil {
		return err
	}
	return a.DB.Update(ctx, f)
}

// racing are grants that change between two looks.
type racing struct {
	*consent.Service
	live *atomic.Pointer[func(consent.Grant, error) (consent.Grant, error)]
}

func (g racing) Live(ctx context.Context, c consent.ClientID, id consent.GrantID) (consent.Grant, error) {
	grant, err := g.Service.Live(ctx, c, id)
	if change := g.live.Load(); change != nil {
		return (*change)(grant, err)
	}
	return grant, err
}

// breaking panics once in the middle of an answer, where a request says so.
type breaking struct {
	http.ResponseWriter
	done bool
}

func (b *breaking) WriteHeader(status int) {
	if !b.done {
		b.done = true
		panic("the writer broke")
	}
	b.ResponseWriter.WriteHeader(status)
}

// prober is a house that is asked over HTTP for each answer that can go wrong.
// Its clock stands still but for what a test moves; an hour lies between two
// provocations, so that no limit is left over from the one before.
type prober struct {
	*crowd
	t      *testing.T
	site   *httptest.Server
	app    *app // whom requests are of
	who    somebody
	rules  atomic.Pointer[error] // what ails the store of consent and oauth
	views  atomic.Pointer[error] // what ails the aggregate's
	looks  atomic.Pointer[func(consent.Grant, error) (consent.Grant, error)]
	arrive atomic.Pointer[func()] // called for each request that comes
	log    *lines
	nonce  string
	shop   string // the last client that registers itself
}

func newProber(t *testing.T, more ...func(*Config)) *prober {
	t.Helper()
	p := &prober{t: t, log: new(lines)}
	rates, err := ParseRates([]string{"address=1/s burst 60", "grant=1/s burst 40", "par=1/s burst 40", "bc-authorize=1/s burst 40",
		"token=1/s burst 40", "introspect=1/s burst 40", "revoke=1/s burst 40"})
	if err != nil {
		t.Fatal(err)
	}
	p.crowd = newCrowdOf(t, 3, func(c *Config) {
		c.Rates, c.Log = rates, p.log.logger()
		for _, change := range more {
			change(c)
		}
	}, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if arrive := p.arrive.Load(); arrive != nil {
				(*arrive)()
			}
			if r.Header.Get("X-Break") != "" {
				w = &breaking{ResponseWriter: w}
			}
			h.ServeHTTP(w, r)
		})
	})
	p.Consent.DB = ailing{p.Consent.DB, &p.rules}
	p.OAuth.DB = ailing{p.OAuth.DB, &p.rules}
	p.Aggregate.DB = ailing{p.Aggregate.DB, &p.views}
	p.Aggregate.Grants = racing{p.Consent, &p.looks}
	p.app, p.who = p.apps[0], p.people[0]
	p.site = httptest.NewServer(p.Handler)
	t.Cleanup(p.site.Close)
	return p
}

// changing has the aggregate see grants as change makes them, until the returned
// function is called.
func (p *prober) changing(change func(consent.Grant, error) (consent.Grant, error)) func() {
	p.looks.Store(&change)
	return func() { p.looks.Store(nil) }
}

// suspend stops the client until the returned function is called.
func (p *prober) suspend() func() {
	p.t.Helper()
	p.must(nil, p.Consent.SuspendClient(p.t.Context(), p.app.id, true))
	return func() { p.must(nil, p.Consent.SuspendClient(p.t.Context(), p.app.id, false)) }
}

// undelivered takes decoupled requests from the client until the returned
// function is called.
func (p *prober) undelivered() func() {
	p.t.Helper()
	by := func(d consent.Delivery) {
		p.must(p.Consent.ReviseClient(p.t.Context(), p.app.id, func(c consent.Client) (consent.Client, error) {
			c.Delivery = d
			return c, nil
		}))
	}
	by("")
	return func() { by(consent.Poll) }
}

func (p *prober) must(_ any, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// ail has what a store is asked for next fail with err, until the returned
// function is called.
func ail(at *atomic.Pointer[error], err error) func() {
	at.Store(&err)
	return func() { at.Store(nil) }
}

// call is a request. The zero of each member is how an honest client does it.
type call struct {
	token  string
	proof  string // "none", "bad", "old" or nothing
	noAuth bool   // no client assertion in the form
	form   url.Values
	body   string
	header http.Header
}

// do sends a request once, or again with a nonce that the server wants.
func (p *prober) do(method, path string, c call) answer {
	p.t.Helper()
	for {
		got := p.once(method, path, c)
		fresh := got.header.Get("DPoP-Nonce")
		if code := got.code(); code != "use_dpop_nonce" || c.proof != "" || fresh == p.nonce {
			return got
		}
		p.nonce = fresh
	}
}

func (a answer) code() string {
	if code := a.text("code"); code != "" {
		return code
	}
	return a.text("error")
}

func (p *prober) once(method, path string, c call) answer {
	p.t.Helper()
	header, body := http.Header{}, c.body
	maps.Copy(header, c.header)
	if c.form != nil {
		form := maps.Clone(c.form)
		if !c.noAuth {
			form.Set("client_id", string(p.app.id))
			form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
			form.Set("client_assertion", p.sign(map[string]any{"typ": "JWT"}, map[string]any{"iss": p.app.id, "sub": p.app.id, "aud": issuer,
				"jti": rand.Text(), "iat": p.clock().Unix(), "exp": p.clock().Unix() + 60}))
		}
		body = form.Encode()
		if header.Get("Content-Type") == "" {
			header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
	}
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": issuer + strings.Split(path, "?")[0], "iat": p.clock().Unix()}
	if p.nonce != "" && c.proof != "old" {
		claims["nonce"] = p.nonce
	}
	if c.token != "" && header.Get("Authorization") == "" {
		header.Set("Authorization", "DPoP "+c.token)
		hash := sha256.Sum256([]byte(c.token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(hash[:])
	}
	if c.proof == "bad" {
		claims["htm"] = "BREW"
	}
	if c.proof != "none" && (c.token != "" || strings.HasSuffix(path, "/token") || c.proof != "") {
		header.Set("DPoP", p.sign(map[string]any{"typ": "dpop+jwt", "kid": nil, "jwk": p.app.key.Public().JWK()}, claims))
	}
	return p.send(method, path, header, body)
}

func (p *prober) sign(header, claims map[string]any) string {
	signed, err := p.app.key.Sign(header, claims)
	if err != nil {
		p.t.Fatal(err)
	}
	return signed
}

func (p *prober) send(method, path string, header http.Header, body string) answer {
	p.t.Helper()
	r, err := http.NewRequest(method, p.site.URL+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header = header
	r.Header.Set("X-Request-Id", rand.Text())
	if len(body) > 64<<10 {
		r.Header.Set("Expect", "100-continue")
	}
	res, err := noRedirects.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	got := answer{status: res.StatusCode, header: res.Header, body: b}
	_ = json.Unmarshal(b, &got.json)
	return got
}

// noRedirects stops where it is sent on, and asks before it sends a large body.
var noRedirects = &http.Client{
	Transport:     &http.Transport{ExpectContinueTimeout: time.Minute},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

const daily = `[{"type":"account_view","actions":["view"],"datatypes":["balances","bills"],"purpose":"bookkeeping","bill_fields":"full","uses":{"limit":4,"per":"day"}}]`

const oneLook = `[{"type":"account_view","actions":["view"],"datatypes":["balances"],"purpose":"balance_overview","uses":{"limit":1}}]`

// push is a good pushed request, changed; a nil value takes a parameter away.
func (p *prober) push(details string, changes ...string) url.Values {
	verifier := strings.Repeat("v", 43)
	challenge := sha256.Sum256([]byte(verifier))
	form := url.Values{"response_type": {"code"}, "redirect_uri": {p.app.path}, "state": {"s"}, "authorization_details": {details},
		"scope": {"grant_management_query grant_management_revoke"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"}}
	for i := 0; i+1 < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return form
}

// given is a grant that its person has said yes to, and a code for it.
func (p *prober) given(details string, changes ...string) (grant consent.GrantID, trade url.Values) {
	p.t.Helper()
	pushed := p.do("POST", "/oauth/par", call{form: p.push(details, changes...)})
	if pushed.status != http.StatusCreated {
		p.t.Fatalf("par: %d %s", pushed.status, pushed.body)
	}
	begun := p.send("GET", "/oauth/authorize?"+url.Values{"client_id": {string(p.app.id)}, "request_uri": {pushed.text("request_uri")}}.Encode(), http.Header{}, "")
	grant = consent.GrantID(strings.TrimPrefix(begun.header.Get("Location"), "/consent/"))
	ticket, err := p.agree(p.t.Context(), p.who.Session, grant)
	if err != nil {
		p.t.Fatal(err)
	}
	back := p.send("GET", "/oauth/finish?"+url.Values{"grant": {string(grant)}, "ticket": {string(ticket)}}.Encode(), http.Header{}, "")
	at, err := url.Parse(back.header.Get("Location"))
	if err != nil || at.Query().Get("code") == "" {
		p.t.Fatalf("finish: %d to %v", back.status, at)
	}
	return grant, url.Values{"grant_type": {"authorization_code"}, "code": {at.Query().Get("code")}, "redirect_uri": {p.app.path}, "code_verifier": {strings.Repeat("v", 43)}}
}

// token is given, and the access token of it.
func (p *prober) token(details string, changes ...string) (grant consent.GrantID, token string) {
	p.t.Helper()
	grant, trade := p.given(details, changes...)
	got := p.do("POST", "/oauth/token", call{form: trade})
	if got.status != http.StatusOK {
		p.t.Fatalf("token: %d %s", got.status, got.body)
	}
	if id := got.text("grant_id"); id != "" {
		grant = consent.GrantID(id)
	}
	return grant, got.text("access_token")
}

// open opens a view under a key.
func (p *prober) open(token, key, body string, more ...string) answer {
	p.t.Helper()
	h := http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {key}}
	for i := 0; i+1 < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	return p.do("POST", "/v1/views", call{token: token, header: h, body: body})
}

// opened is a view and the token it was opened by.
func (p *prober) opened() (id, token string, grant consent.GrantID) {
	p.t.Helper()
	grant, token = p.token(daily)
	got := p.open(token, "the-key-of-opened", "{}")
	if got.status != http.StatusCreated {
		p.t.Fatalf("view: %d %s", got.status, got.body)
	}
	return got.text("id"), token, grant
}

// asked is a decoupled request and what is polled with.
func (p *prober) asked() (grant consent.GrantID, poll url.Values) {
	p.t.Helper()
	got := p.do("POST", "/oauth/bc-authorize", call{form: p.decoupled()})
	if got.status != http.StatusOK {
		p.t.Fatalf("bc-authorize: %d %s", got.status, got.body)
	}
	id := got.text("auth_req_id")
	request, _, _ := strings.Cut(id, ".")
	return consent.GrantID(request), url.Values{"grant_type": {"urn:openid:params:grant-type:ciba"}, "auth_req_id": {id}}
}

// decoupled is a good request for somebody who has just read a code out.
func (p *prober) decoupled(changes ...string) url.Values {
	p.t.Helper()
	code, err := p.Consent.Introduce(p.t.Context(), p.who.Session)
	if err != nil {
		p.t.Fatal(err)
	}
	form := url.Values{"login_hint": {code.Code}, "authorization_details": {oneLook}}
	for i := 0; i+1 < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return form
}

// registered is a client that has registered itself.
func (p *prober) registered() (path, token string) {
	p.t.Helper()
	got := p.register(p.invite(), nil)
	if got.status != http.StatusCreated {
		p.t.Fatalf("register: %d %s", got.status, got.body)
	}
	return "/oauth/register/" + got.text("client_id"), got.text("registration_access_token")
}

// invite lets another client register itself, under a name that is free.
func (p *prober) invite() string {
	p.t.Helper()
	p.shop = "Shop " + rand.Text()[:6]
	_, token, err := p.OAuth.Invite(p.t.Context(), 100, 30*24*time.Hour)
	if err != nil {
		p.t.Fatal(err)
	}
	return token.RevealString()
}

func (p *prober) metadata(changes map[string]any) string {
	key, err := jose.Generate(jose.ES256)
	if err != nil {
		p.t.Fatal(err)
	}
	m := map[string]any{"client_name": p.shop, "redirect_uris": []string{"https://shop.example/back"},
		"jwks": json.RawMessage(fmt.Sprintf(`{"keys":[%s]}`, key.Public().JWK()))}
	maps.Copy(m, changes)
	b, err := json.Marshal(m)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

func (p *prober) register(token string, changes map[string]any) answer {
	p.t.Helper()
	return p.send("POST", "/oauth/register", http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + token}}, p.metadata(changes))
}

type provocation = func(*prober) answer

// at fills the parameters of an operation's path in.
func at(operation, id string) (method, path string) {
	method, path, _ = strings.Cut(operation, " ")
	return method, strings.ReplaceAll(path, "{id}", id)
}

// data sends an operation of the data API for a view that is open, once set has
// done to its grant what is to be told; what set answers undoes it.
func (p *prober) data(operation string, set func(view, token string, grant consent.GrantID) func(), c call) answer {
	p.t.Helper()
	view, token, grant := p.opened()
	method, path := at(operation, view)
	if method == "POST" {
		c.header = http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {"a-key-of-this-probe"}}
		c.body = "{}"
	}
	c.token = token
	if set != nil {
		if undo := set(view, token, grant); undo != nil {
			defer undo()
		}
	}
	return p.do(method, path, c)
}

// plain sends an operation as a stranger would who knows the way.
func (p *prober) plain(operation string, header http.Header, body string) answer {
	method, path := at(operation, "view_0123456789abcdef")
	return p.send(method, path, header, body)
}

// ailing sends an operation as an honest client does, to a house whose storage
// fails with err.
func (p *prober) ailing(operation string, err error) answer {
	p.t.Helper()
	var well []func()
	defer func() {
		for _, f := range well {
			f()
		}
	}()
	return p.honest(operation, http.Header{}, func() { well = append(well, ail(&p.rules, err), ail(&p.views, err)) })
}

// honest sends an operation as an honest client does; last is done when all is
// there that it needs.
func (p *prober) honest(operation string, header http.Header, last func()) answer {
	p.t.Helper()
	switch {
	case strings.Contains(operation, "/v1/views"):
		view, token, _ := p.opened()
		method, path := at(operation, view)
		c := call{token: token, header: http.Header{}}
		if method == "POST" {
			c.header, c.body = http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {"a-key-of-this-probe"}}, "{}"
		}
		maps.Copy(c.header, header)
		last()
		return p.do(method, path, c)
	case strings.Contains(operation, "/oauth/grants"):
		grant, token := p.token(daily)
		method, path := at(operation, string(grant))
		last()
		return p.do(method, path, call{token: token, header: header})
	case strings.Contains(operation, "/oauth/register/"):
		path, token := p.registered()
		h := http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
		maps.Copy(h, header)
		method, _ := at(operation, "")
		body := ""
		if method == "PUT" {
			body = p.metadata(map[string]any{"client_id": strings.TrimPrefix(path, "/oauth/register/")})
		} else {
			h.Del("Content-Type")
		}
		last()
		return p.send(method, path, h, body)
	case strings.HasSuffix(operation, "/oauth/register"):
		h := http.Header{"Authorization": {"Bearer " + p.invite()}, "Content-Type": {"application/json"}}
		maps.Copy(h, header)
		last()
		return p.send("POST", "/oauth/register", h, p.metadata(nil))
	case strings.HasPrefix(operation, "POST /oauth/"):
		method, path := at(operation, "")
		form := p.formOf(path)
		last()
		return p.do(method, path, call{form: form, header: header})
	}
	method, path := at(operation, "")
	last()
	return p.send(method, path, header, "")
}

func (p *prober) formOf(path string) url.Values {
	switch path {
	case "/oauth/par":
		return p.push(oneLook)
	case "/oauth/bc-authorize":
		return p.decoupled()
	case "/oauth/token":
		return url.Values{"grant_type": {"client_credentials"}, "scope": {"grant_management_query"}}
	}
	return url.Values{"token": {"one-that-is-none"}}
}
