package house

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"jali/consent"
	"jali/internal/jose"
	"jali/openapi/conform"
)

const issuer = "http://localhost:8080"

// rander is text that looks random and is the same in every run.
func rander(seed ...int) string {
	h := hmac.New(sha256.New, []byte("house"))
	fmt.Fprint(h, seed)
	return base32.StdEncoding.EncodeToString(h.Sum(nil)[:20])
}

// promising has the test fail for every answer that the document does not promise.
func (h *House) promising(t testing.TB) { h.Handler = conform.For(t, h.Handler) }

// app is a client that keeps all it is told.
type app struct {
	house *House
	id    consent.ClientID
	key   jose.PrivateKey
	terms string
	clock func() time.Time
	path  string // of its own pages

	mu    sync.Mutex
	nonce string
	told
}

func newApp(t testing.TB, h *House, clock func() time.Time, id, shape, terms string) *app {
	t.Helper()
	key, err := jose.Generate(jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	a := &app{house: h, id: consent.ClientID(id), key: key, terms: terms, clock: clock, told: told{client: id}}
	a.path = "https://" + id + ".example/back"
	if err := h.Consent.AddClient(t.Context(), a.registration(shape, "")); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *app) registration(shape, webhook string) consent.Client {
	return consent.Client{ID: a.id, Name: consent.Name{ZH: "应用", EN: "App"}, AliasShape: shape, WebhookURI: webhook, Delivery: consent.Poll,
		JWKS: fmt.Appendf(nil, `{"keys":[%s]}`, a.key.Public().JWK()), RedirectURIs: []string{a.path}}
}

// answer is what came back of a request.
type answer struct {
	status int
	header http.Header
	body   []byte
	json   map[string]any
}

func (a answer) text(name string) string { s, _ := a.json[name].(string); return s }

// send makes a request with a proof of possession, again if the server wants
// its newest nonce in it, and answers what a client would see. Where authenticated
// it adds an assertion to the form.
func (a *app) send(method, path, token string, header http.Header, body func() io.Reader) answer {
	for {
		a.mu.Lock()
		nonce := a.nonce
		a.mu.Unlock()
		claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": issuer + strings.Split(path, "?")[0], "iat": a.clock().Unix()}
		if nonce != "" {
			claims["nonce"] = nonce
		}
		r := httptest.NewRequest(method, issuer+path, body())
		maps.Copy(r.Header, header)
		if token != "" {
			r.Header.Set("Authorization", "DPoP "+token)
			hash := sha256.Sum256([]byte(token))
			claims["ath"] = base64.RawURLEncoding.EncodeToString(hash[:])
		}
		proof, err := a.key.Sign(map[string]any{"typ": "dpop+jwt", "kid": nil, "jwk": a.key.Public().JWK()}, claims)
		if err != nil {
			panic(err)
		}
		r.Header.Set("DPoP", proof)
		w := httptest.NewRecorder()
		a.house.Handler.ServeHTTP(w, r)
		got := answer{status: w.Code, header: w.Header(), body: w.Body.Bytes()}
		_ = json.Unmarshal(got.body, &got.json)
		fresh := w.Header().Get("DPoP-Nonce")
		if fresh == "" || fresh == nonce || !bytes.Contains(got.body, []byte("use_dpop_nonce")) && w.Code != http.StatusUnauthorized {
			return got
		}
		a.mu.Lock()
		a.nonce = fresh
		a.mu.Unlock()
	}
}

func (a *app) form(path string, form url.Values) answer {
	return a.send(http.MethodPost, path, "", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, func() io.Reader {
		now := a.clock().Unix()
		assertion, err := a.key.Sign(map[string]any{"typ": "JWT"}, map[string]any{
			"iss": a.id, "sub": a.id, "aud": issuer, "jti": rand.Text(), "iat": now, "exp": now + 60})
		if err != nil {
			panic(err)
		}
		form.Set("client_id", string(a.id))
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
		return strings.NewReader(form.Encode())
	})
}

func nothing() io.Reader { return http.NoBody }

func (a *app) get(path, token string) answer {
	return a.send(http.MethodGet, path, token, nil, nothing)
}

func (a *app) open(token string) answer {
	return a.send(http.MethodPost, "/v1/views", token, http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {"the-same-for-all-1"}},
		func() io.Reader { return strings.NewReader("{}") })
}

// keep takes an answer apart under a name of its own.
func (a *app) keep(what string, got answer, of, turn int) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := fmt.Sprintf("%s %d", what, got.status)
	a.hearHeader(at, got.header, of, turn)
	if got.json != nil {
		a.hearJSON(at+" ", got.json, of, turn)
	} else if len(got.body) > 0 {
		a.hear(at+" body", string(got.body), of, turn)
	}
	return got
}

// somebody is a person who agrees to everything.
type somebody struct {
	consent.Session
	cookie *http.Cookie
	of     int
}

// ask goes all the way from a pushed request to a token.
func (a *app) ask(t testing.TB, p somebody, turn int) (grant consent.GrantID, token answer) {
	t.Helper()
	ctx := t.Context()
	verifier := rander(p.of, turn) + rander(turn, p.of)
	challenge := sha256.Sum256([]byte(verifier))
	pushed := a.keep("par", a.form("/oauth/par", url.Values{
		"response_type": {"code"}, "redirect_uri": {a.path}, "state": {"s"}, "authorization_details": {a.terms},
		"scope": {"grant_management_query"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}), p.of, turn)
	if pushed.status != http.StatusCreated {
		t.Errorf("par: %d %s", pushed.status, pushed.body)
		return "", answer{}
	}
	begun := a.browse("/oauth/authorize?" + url.Values{"client_id": {string(a.id)}, "request_uri": {pushed.text("request_uri")}}.Encode())
	grant = consent.GrantID(strings.TrimPrefix(begun.header.Get("Location"), "/consent/"))
	ticket, err := a.house.agree(ctx, p.Session, grant)
	if err != nil {
		t.Error(err)
		return "", answer{}
	}
	back := a.browse("/oauth/finish?" + url.Values{"grant": {string(grant)}, "ticket": {string(ticket)}}.Encode())
	at, err := url.Parse(back.header.Get("Location"))
	if err != nil || at.Query().Get("code") == "" {
		t.Errorf("finish: %d to %v", back.status, at)
		return "", answer{}
	}
	a.mu.Lock()
	a.hearURL("redirect 303", at.String(), p.of, turn)
	a.mu.Unlock()
	token = a.keep("token", a.form("/oauth/token", url.Values{"grant_type": {"authorization_code"}, "code": {at.Query().Get("code")},
		"redirect_uri": {a.path}, "code_verifier": {verifier}}), p.of, turn)
	if token.status != http.StatusOK {
		t.Errorf("token: %d %s", token.status, token.body)
	}
	return grant, token
}

// browse is the person's browser.
func (a *app) browse(path string) answer {
	w := httptest.NewRecorder()
	a.house.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, issuer+path, nil))
	return answer{status: w.Code, header: w.Header(), body: w.Body.Bytes()}
}
