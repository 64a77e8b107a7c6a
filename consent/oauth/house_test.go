package oauth

import (
	"bytes"
	"context"
	"crypto/hmac"
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
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"jali/consent"
	"jali/internal/jose"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
	"jali/openapi/conform"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

type m = map[string]any

const (
	issuer   = "https://jali.example"
	callback = "https://bank.example/callback?from=jali"
	verifier = "a-verifier-of-at-least-forty-three-characters"
)

func s256(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// anyPasskey says yes to whatever is signed.
type anyPasskey struct{}

func (anyPasskey) Check(kv.Tx, consent.PersonID, []byte, []byte) (consent.Evidence, error) {
	return consent.Evidence{Credential: []byte("passkey")}, nil
}

// house is a server with storage, a register of two clients and one person.
type house struct {
	t       testing.TB
	clock   *clock
	db      *boltkv.DB
	consent *consent.Service
	server  *Server
	http    *httptest.Server
	bank    app
	other   app
	person  consent.Session
	signing bool // clients sign what they ask, and are answered by signed responses
}

// app is a client as its developer sees it.
type app struct {
	id        string
	key, dpop jose.PrivateKey
}

func open(t testing.TB) *house {
	h := &house{t: t, clock: &clock{at: time.Date(2026, 11, 21, 8, 0, 0, 250e6, time.UTC)}, person: consent.Session{ID: "s", Person: "person_1"}}
	var err error
	if h.db, err = boltkv.Open(filepath.Join(t.TempDir(), "jali.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.db.Close() })
	h.consent = &consent.Service{DB: h.db, StepUp: anyPasskey{}, Now: h.clock.now}
	h.server = h.newServer()
	h.consent.Ended = append(h.consent.Ended, h.server.GrantEnded)
	h.consent.Changed = append(h.consent.Changed, h.server.GrantChanged)
	h.consent.Removed = append(h.consent.Removed, h.server.ClientRemoved)
	h.http = httptest.NewServer(h.site(h.server))
	t.Cleanup(h.http.Close)
	h.bank, h.other = h.register("bank"), h.register("other")
	return h
}

// site serves as the house's edge does, and fails the test for every answer
// that the document does not promise.
func (h *house) site(s *Server) http.Handler {
	return conform.For(h.t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "request_1") // the same: other answers are compared with it
		s.ServeHTTP(w, r)
	}))
}

func (h *house) newServer() *Server {
	s, err := New(Config{
		DB: h.db, Consent: h.consent, Issuer: issuer, Now: h.clock.now,
		MAC: func(use string, parts ...string) []byte {
			mac := hmac.New(sha256.New, []byte("a key of the vault"))
			fmt.Fprintf(mac, "%q%q", use, parts)
			return mac.Sum(nil)
		},
		Subject:    func(person, client string) string { return "sub_" + s256(person + "|" + client)[:16] },
		IssuerKey:  issuerKey,
		ConsentURL: func(g consent.GrantID) string { return "/consent/" + string(g) },
		Publish:    map[string]any{"webhook_keys": json.RawMessage(webhookKeys)},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// webhookKeys are another room's, and published here.
const webhookKeys = `[{"whpk": "whpk_rUtTaTbuCEmtRmZxw1iLKar3cuf7P240pWZp0yYyjtQ=",
	"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "rUtTaTbuCEmtRmZxw1iLKar3cuf7P240pWZp0yYyjtQ"}}]`

var issuerKey = must(jose.ParsePrivateKey(must(must(jose.Generate(jose.ES256)).Export())))

func (h *house) register(name string) app {
	a := app{id: "client_" + name, key: must(jose.Generate(jose.ES256)), dpop: must(jose.Generate(jose.ES256))}
	err := h.consent.AddClient(context.Background(), consent.Client{
		ID: consent.ClientID(a.id), Name: consent.Name{ZH: name, EN: name}, AliasShape: "opaque",
		JWKS: fmt.Appendf(nil, `{"keys":[%s]}`, a.key.Public().JWK()), RedirectURIs: []string{callback},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// assertion is a good one with changes; nil removes.
func (h *house) assertion(a app, header, changes m) string {
	now := h.clock.now()
	c := m{"iss": a.id, "sub": a.id, "aud": issuer, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return must(a.key.Sign(header, c))
}

func (h *house) proof(k jose.PrivateKey, method, url, token string, changes m) string {
	c := m{"jti": rand.Text(), "htm": method, "htu": url, "iat": h.clock.now().Unix(), "nonce": h.server.nonces.At(h.clock.now())}
	if token != "" {
		c["ath"] = s256(token)
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return must(k.Sign(m{"typ": "dpop+jwt", "kid": nil, "jwk": k.Public().JWK()}, c))
}

// form adds a client's authentication to parameters.
func (h *house) form(a app, params ...string) url.Values {
	f := url.Values{"client_id": {a.id}, "client_assertion_type": {assertionType}, "client_assertion": {h.assertion(a, nil, nil)}}
	for i := 0; i < len(params); i += 2 {
		f.Set(params[i], params[i+1])
	}
	return f
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	json   m
}

func (a *answer) read(w *httptest.ResponseRecorder) {
	a.status, a.header, a.body = w.Code, w.Header(), w.Body.String()
	_ = json.Unmarshal(w.Body.Bytes(), &a.json)
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }
func (a answer) text(name string) string {
	s, _ := a.json[name].(string)
	return s
}

func (h *house) send(method, path string, header http.Header, body io.Reader) answer {
	h.t.Helper()
	r := must(http.NewRequest(method, h.http.URL+path, body))
	for name, values := range header {
		r.Header[name] = values
	}
	transport := http.DefaultTransport
	resp, err := transport.RoundTrip(r) // follows no redirect
	if err != nil {
		h.t.Error(err)
		return answer{}
	}
	defer resp.Body.Close()
	got := answer{status: resp.StatusCode, header: resp.Header, body: string(must(io.ReadAll(resp.Body)))}
	_ = json.NewDecoder(bytes.NewReader([]byte(got.body))).Decode(&got.json)
	return got
}

func (h *house) post(path string, form url.Values, proofs ...string) answer {
	h.t.Helper()
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	if len(proofs) > 0 {
		header["Dpop"] = proofs
	}
	return h.send("POST", path, header, strings.NewReader(form.Encode()))
}

func (h *house) get(path string) answer { h.t.Helper(); return h.send("GET", path, nil, nil) }

const (
	once  = `[{"type":"account_view","actions":["view"],"datatypes":["balances","bills"],"purpose":"bill_overview","uses":{"limit":1}}]`
	daily = `[{"type":"account_view","actions":["view"],"datatypes":["balances"],"purpose":"balance_overview","uses":{"limit":4,"per":"day"}}]`
)

// parForm asks in the way of this house.
func (h *house) parForm(a app, details string, params ...string) url.Values {
	f := h.plainForm(a, details, params...)
	if !h.signing {
		return f
	}
	return h.form(a, "request", h.requestOf(a, f))
}

func (h *house) plainForm(a app, details string, params ...string) url.Values {
	f := h.form(a, "response_type", "code", "redirect_uri", callback, "state", "the state",
		"code_challenge", s256(verifier), "code_challenge_method", "S256", "authorization_details", details)
	for i := 0; i < len(params); i += 2 {
		if f.Set(params[i], params[i+1]); params[i+1] == "" {
			f.Del(params[i])
		}
	}
	return f
}

// push asks and answers the request_uri.
func (h *house) push(a app, details string) string {
	h.t.Helper()
	got := h.post("/oauth/par", h.parForm(a, details))
	if got.status != http.StatusCreated {
		h.t.Fatalf("PAR: %v", got)
	}
	return got.text("request_uri")
}

// visit opens a request_uri and answers the grant.
func (h *house) visit(a app, requestURI string) consent.GrantID {
	h.t.Helper()
	got := h.get("/oauth/authorize?" + url.Values{"client_id": {a.id}, "request_uri": {requestURI}}.Encode())
	id, ok := strings.CutPrefix(got.header.Get("Location"), "/consent/")
	if got.status != http.StatusSeeOther || !ok {
		h.t.Fatalf("authorize: %v, to %q", got, got.header.Get("Location"))
	}
	return consent.GrantID(id)
}

// decide does what the person does on the consent page and answers where the
// browser is sent from there.
func (h *house) decide(id consent.GrantID, yes bool) string {
	h.t.Helper()
	ctx := context.Background()
	if _, err := h.consent.Show(ctx, h.person, id); err != nil {
		h.t.Fatal(err)
	}
	var ticket consent.Ticket
	var err error
	if yes {
		offered := []consent.AccountID{"account_1", "account_2"}
		if _, err := h.consent.Prepare(ctx, h.person, id, consent.Choice{Accounts: offered[:1]}, offered); err != nil {
			h.t.Fatal(err)
		}
		_, ticket, err = h.consent.Give(ctx, h.person, id, []byte("yes"))
	} else {
		_, ticket, err = h.consent.Refuse(ctx, h.person, id)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return "/oauth/finish?" + url.Values{"grant": {string(id)}, "ticket": {string(ticket)}}.Encode()
}

// back reads what the client finds in its redirect.
func (h *house) back(got answer) url.Values {
	h.t.Helper()
	u, err := url.Parse(got.header.Get("Location"))
	if got.status != http.StatusSeeOther || err != nil || !strings.HasPrefix(u.String(), callback+"&") {
		h.t.Fatalf("finish: %v, to %q", got, got.header.Get("Location"))
	}
	if !h.signing {
		return u.Query()
	}
	said := url.Values{}
	for name := range h.opened(got) {
		text, _ := h.opened(got).String(name)
		said.Set(name, text)
	}
	return said
}

// code goes all the way to a code.
func (h *house) code(a app, details string) (string, consent.GrantID) {
	h.t.Helper()
	id := h.visit(a, h.push(a, details))
	return h.back(h.get(h.decide(id, true))).Get("code"), id
}

func (h *house) redeemForm(a app, code string, params ...string) url.Values {
	f := h.form(a, "grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", verifier)
	for i := 0; i < len(params); i += 2 {
		if f.Set(params[i], params[i+1]); params[i+1] == "" {
			f.Del(params[i])
		}
	}
	return f
}

func (h *house) redeem(a app, code string) answer {
	h.t.Helper()
	return h.post("/oauth/token", h.redeemForm(a, code), h.proof(a.dpop, "POST", issuer+"/oauth/token", "", nil))
}

// tokens goes all the way to tokens.
func (h *house) tokens(a app, details string) (answer, consent.GrantID) {
	h.t.Helper()
	code, id := h.code(a, details)
	got := h.redeem(a, code)
	if got.status != http.StatusOK {
		h.t.Fatalf("token: %v", got)
	}
	return got, id
}

// call is a request to the data API as its edge sees it.
func (h *house) call(k jose.PrivateKey, token string) (Caller, error) {
	r := httptest.NewRequest("POST", "http://inside:1234/v1/views?x=y", nil)
	r.Header.Set("Authorization", "DPoP "+token)
	r.Header.Set("DPoP", h.proof(k, "POST", issuer+"/v1/views", token, nil))
	return h.server.Authenticate(http.Header{}, r)
}

func (h *house) introspect(a app, token string) answer {
	h.t.Helper()
	return h.post("/oauth/introspect", h.form(a, "token", token))
}
