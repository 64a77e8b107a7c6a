package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"jali/openapi/conform"
	"jali/openapi/probe"
)

// prober is a sandbox that is asked anything, by a client that it knows.
type prober struct {
	*sandbox
	Ready
	http *http.Client
	app  key
	id   string // of the client

	token, grant, view, cursor     string
	sub                            string // by which the client names who agrees
	test, delivery                 string // a client of the sandbox's making, and what it was told
	connection                     string // of who is acted for
	own                            string // a token of the client's own, for its grants
	registered, name, registration string // a client that registered itself, and by what it may change that
	nonce                          string
	person, other                  string // who agrees, and who is acted for
}

func openProber(t *testing.T) *prober {
	t.Helper()
	// Each look at the clock is a moment later: limits pass and nothing waits.
	var looks atomic.Int64
	from := time.Now()
	s, err := start(t.Context(), flags{
		Addr: "localhost:0", TownAddr: "127.0.0.1:0", BankAddr: "127.0.0.1:0", Data: t.TempDir(), Ready: filepath.Join(t.TempDir(), "ready.json"), Quiet: true,
		Now: func() time.Time { return from.Add(time.Duration(looks.Add(1)) * 10 * time.Millisecond) },
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, s) })
	p := &prober{sandbox: s, Ready: s.ready, app: s.state.Clients[1].Key, id: s.ready.Clients[1].ClientID, person: s.ready.People[1].ID, other: s.ready.People[2].ID, http: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	return p
}

// begin gets what a valid request needs: a token with a view that is open, and
// one of the client's own.
func (p *prober) begin(t *testing.T) {
	t.Helper()
	// A fresh nonce first: an assertion that is sent with none, or an old one, is used up.
	if _, _, _, _, err := p.once(probe.Request{Method: http.MethodGet, Path: "/v1/views/nothing_of_the_kind"}, "nobody"); err != nil || p.nonce == "" {
		t.Fatal("no nonce", err)
	}
	p.token, p.grant = p.give(t)
	var v struct {
		ID    string
		Bills struct{ Next *string }
	}
	p.call(t, http.MethodPost, "/v1/views", p.token, "application/json", `{}`, http.StatusCreated, &v)
	if p.view = v.ID; v.Bills.Next != nil {
		p.cursor = *v.Bills.Next
	}
	var own struct {
		Token string `json:"access_token"`
	}
	p.form(t, "/oauth/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"grant_management_query grant_management_revoke"}}, &own)
	p.own = own.Token
	var told struct{ Sub string }
	p.form(t, "/oauth/introspect", url.Values{"token": {p.token}}, &told)
	p.sub = told.Sub
}

// prepare is that, and a client that registered itself.
func (p *prober) prepare(t *testing.T) {
	t.Helper()
	p.begin(t)
	var made struct {
		ID    string `json:"client_id"`
		Name  string `json:"client_name"`
		Token string `json:"registration_access_token"`
	}
	p.call(t, http.MethodPost, "/oauth/register", "Bearer "+p.InitialAccessToken, "application/json", fmt.Sprintf(
		`{"client_name": "App %s", "redirect_uris": ["https://app.example/callback"], "jwks": %s}`, rand.Text(), p.app.publicSet()), http.StatusCreated, &made)
	p.registered, p.name, p.registration = made.ID, made.Name, made.Token
}

func (p *prober) preparing(name string) func(*testing.T) {
	if name == "sandbox" {
		return p.prepareSandbox
	}
	return p.prepare
}

// prepareSandbox gets what a valid request of the sandbox needs: a client with
// an inbox that was told something, and a person with a connection.
func (p *prober) prepareSandbox(t *testing.T) {
	t.Helper()
	if _, _, _, _, err := p.send(probe.Request{Method: http.MethodDelete, Path: "/sandbox/troubles"}, ""); err != nil {
		t.Fatal(err)
	}
	for _, whom := range []string{`{}`, fmt.Sprintf(`{"client_id": %q}`, p.id)} { // an event may have been a pause
		p.call(t, http.MethodPost, "/sandbox/people/"+p.person+"/resume", "", "application/json", whom, 0, &struct{}{})
	}
	p.call(t, http.MethodPatch, "/sandbox/clients/"+p.id, "", "application/json", fmt.Sprintf(`{"webhook_uri": "%s/inbox/%s"}`, p.Sandbox, p.id), 0, &struct{}{}) // is told of the grant
	p.begin(t)
	var c struct {
		ID string `json:"client_id"`
	}
	p.call(t, http.MethodPost, "/sandbox/clients", "", "application/json", `{"name": "Test", "redirect_uris": ["http://127.0.0.1/callback"], "inbox": true}`, http.StatusCreated, &c)
	p.test = c.ID
	var list struct{ Deliveries []struct{ ID string } }
	p.call(t, http.MethodGet, "/sandbox/webhooks?client_id="+p.id, "", "", "", 0, &list)
	var who struct{ Connections []struct{ ID string } }
	p.call(t, http.MethodGet, "/sandbox/people/"+p.other, "", "", "", 0, &who)
	if len(list.Deliveries) == 0 || len(who.Connections) == 0 {
		t.Fatalf("%+v, %+v", list, who)
	}
	p.delivery, p.connection = list.Deliveries[0].ID, who.Connections[0].ID
}

// push asks for a grant, and answers where to decide it.
func (p *prober) push() string {
	challenge := sha256.Sum256([]byte(proberVerifier))
	form := url.Values{
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {p.assertion()},
		"response_type": {"code"}, "redirect_uri": {p.Clients[1].RedirectURI}, "code_challenge_method": {"S256"},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"authorization_details": {`[{"type":"account_view","actions":["view"],"datatypes":["balances","bills"],"purpose":"bill_overview","uses":{"limit":4,"per":"day"}}]`},
	}
	_, _, _, b, err := p.send(probe.Request{Method: http.MethodPost, Path: "/oauth/par", Body: []byte(form.Encode()), Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}, "")
	var pushed struct {
		URI string `json:"request_uri"`
	}
	if err != nil || json.Unmarshal(b, &pushed) != nil {
		return ""
	}
	return pushed.URI
}

// give has a person agree to a grant for four looks a day.
func (p *prober) give(t *testing.T) (token, grant string) {
	t.Helper()
	status, answer := control(t, p.Ready, "/consents", map[string]any{"client_id": p.id, "request_uri": p.push(), "person": p.person, "decision": "allow"})
	to, err := url.Parse(answer["redirect_to"])
	if status != http.StatusOK || err != nil {
		t.Fatalf("%d %v %v", status, answer, err)
	}
	var given struct {
		Token string `json:"access_token"`
		Grant string `json:"grant_id"`
	}
	p.form(t, "/oauth/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {p.Clients[1].RedirectURI}, "code_verifier": {proberVerifier},
	}, &given)
	return given.Token, given.Grant
}

func (p *prober) form(t *testing.T, path string, form url.Values, answer any) {
	t.Helper()
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", p.assertion())
	p.call(t, http.MethodPost, path, "", "application/x-www-form-urlencoded", form.Encode(), 0, answer)
}

// call asks what has to be answered well.
func (p *prober) call(t *testing.T, method, path, token, media, body string, want int, answer any) {
	t.Helper()
	q := probe.Request{Method: method, Path: path, Body: []byte(body), Header: http.Header{"Content-Type": {media}, "Idempotency-Key": {rand.Text()}}}
	if other, ok := strings.CutPrefix(token, "Bearer "); ok {
		q.Header.Set("Authorization", "Bearer "+other)
		token = ""
	}
	_, status, _, b, err := p.send(q, token)
	if err != nil || want != 0 && status != want || status >= 300 {
		t.Fatalf("%s %s: %d %s %v", method, path, status, b, err)
	}
	if err := json.Unmarshal(b, answer); err != nil {
		t.Fatal(err)
	}
}

func (p *prober) sign(header, claims map[string]any) string {
	s, err := p.app.Sign(header, claims)
	if err != nil {
		panic(err)
	}
	return s
}

func (p *prober) assertion() string {
	now := p.now().Unix()
	return p.sign(map[string]any{"typ": "JWT"}, map[string]any{
		"iss": p.id, "sub": p.id, "aud": p.Issuer, "jti": rand.Text(), "iat": now, "exp": now + 60,
	})
}

// send proves possession and sends; once more where only the nonce was old.
func (p *prober) send(q probe.Request, token string) (*http.Request, int, http.Header, []byte, error) {
	r, status, h, b, err := p.once(q, token)
	if err == nil && bytes.Contains(b, []byte("use_dpop_nonce")) {
		return p.once(q, token)
	}
	return r, status, h, b, err
}

func (p *prober) once(q probe.Request, token string) (*http.Request, int, http.Header, []byte, error) {
	r, err := http.NewRequest(q.Method, p.Issuer+q.Path, bytes.NewReader(q.Body))
	if err != nil {
		return nil, 0, nil, nil, err
	}
	if r.Header = q.Header.Clone(); r.Header == nil {
		r.Header = http.Header{}
	}
	at, _, _ := strings.Cut(p.Issuer+q.Path, "?")
	claims := map[string]any{"jti": rand.Text(), "htm": q.Method, "htu": at, "iat": p.now().Unix(), "nonce": p.nonce}
	if token != "" {
		r.Header.Set("Authorization", "DPoP "+token)
		hash := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(hash[:])
	}
	if r.Header.Get("DPoP") == "" {
		r.Header.Set("DPoP", p.sign(map[string]any{"typ": "dpop+jwt", "jwk": p.app.JWK()}, claims))
	}
	resp, err := p.http.Do(r)
	if err != nil {
		return r, 0, nil, nil, err
	}
	defer resp.Body.Close()
	if n := resp.Header.Get("DPoP-Nonce"); n != "" {
		p.nonce = n
	}
	b, err := io.ReadAll(resp.Body)
	return r, resp.StatusCode, resp.Header, b, err
}

// dressed is a request with the credentials that its operation takes.
func (p *prober) dressed(o probe.Operation, q probe.Request) (_ probe.Request, token string) {
	switch {
	case strings.HasPrefix(o.Path, "/v1/"):
		token = p.token
	case strings.HasPrefix(o.Path, "/oauth/grants/"):
		token = p.own
	case o.Path == "/oauth/register":
		q.Header.Set("Authorization", "Bearer "+p.InitialAccessToken)
	case strings.HasPrefix(o.Path, "/oauth/register/"):
		q.Header.Set("Authorization", "Bearer "+p.registration)
	}
	return q, token
}

// try sends a request, with credentials or without, and answers what is wrong
// with the answer.
func (p *prober) try(t *testing.T, promised *conform.Document, o probe.Operation, q probe.Request, known bool) string {
	token := ""
	if known {
		q, token = p.dressed(o, q)
	}
	before := p.writes(t)
	r, status, h, b, err := p.send(q, token)
	if err != nil {
		return "no answer: " + err.Error()
	}
	var complaints []string
	for _, v := range promised.Check(r, status, h, b) {
		complaints = append(complaints, v.String())
	}
	var said struct{ Code string }
	_ = json.Unmarshal(b, &said)
	data := known && strings.HasPrefix(o.Path, "/v1/")
	judged := data || known && strings.HasPrefix(o.Path, "/sandbox/")
	switch {
	case status >= 500:
		complaints = append(complaints, "a fault of ours")
	case data && q.Broken == "" && said.Code == "request_invalid":
		complaints = append(complaints, "what the document allows is called invalid")
	case judged && status < 400 && slices.ContainsFunc(plain, func(what string) bool { return strings.HasSuffix(q.Broken, what) }):
		complaints = append(complaints, "what the document forbids is taken")
	}
	// The sandbox visits pages for whom it acts, and a visit is kept: there
	// only what never came so far stores nothing.
	refused := status >= 400 && (!strings.HasPrefix(o.Path, "/sandbox/") || slices.Contains([]string{"request_invalid", "body_too_large", "media_type_unsupported"}, said.Code))
	if after := p.writes(t); refused && after != before {
		complaints = append(complaints, fmt.Sprintf("%d commits for what was refused", after-before))
	}
	if len(complaints) == 0 {
		return ""
	}
	return fmt.Sprintf("%s\nanswered: %d %.1000s", strings.Join(complaints, "\n"), status, b)
}

// plain are breakages that a schema forbids wherever they stand.
var plain = []string{"of another type", "not of the enum", "too long", "too short", "an unknown member", "a member in other case", "below its bound", "above its bound",
	"no whole number", "truncated", "a required member less", "over a mebibyte", "two values", "a byte order mark", "a member twice", "nested without an end",
	"bytes that are no UTF-8", "of another media type", "said to be compressed", "sent twice", "an unknown one beside it", "a huge number"}

// writes counts the commits of both stores, by the newest of each file's two
// meta pages (bbolt writes them in turn).
func (p *prober) writes(t *testing.T) (sum uint64) {
	t.Helper()
	for _, name := range []string{"jali.db", "keys.db"} {
		f, err := os.Open(filepath.Join(p.data, name))
		if err != nil {
			t.Fatal(err)
		}
		var newest uint64
		for page := range int64(2) {
			b := make([]byte, 8)
			// A page's header has 16 bytes; of the meta behind it, the id of its
			// transaction stands after magic, version, page size, flags, root,
			// sequence, freelist and high water mark.
			if _, err := f.ReadAt(b, page*int64(os.Getpagesize())+16+48); err != nil {
				t.Fatal(err)
			}
			newest = max(newest, binary.NativeEndian.Uint64(b))
		}
		_ = f.Close()
		sum += newest
	}
	return sum
}

const proberVerifier = "a-code-verifier-that-is-long-enough-to-be-one-1234"

func headers(h http.Header) string {
	var b strings.Builder
	_ = h.Write(&b)
	return b.String()
}
