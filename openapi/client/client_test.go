package client_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"jali/internal/jose"
	"jali/openapi/client"
)

type signer struct{ jose.PrivateKey }

func (s signer) JWK() json.RawMessage { return s.Public().JWK() }

// jali answers what answer says, and keeps what it was sent.
type jali struct {
	key    jose.PrivateKey
	got    *http.Request
	form   map[string]string
	body   string
	status int
	answer string
}

func (j *jali) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	j.got, j.form = r, map[string]string{}
	if strings.HasPrefix(r.URL.Path, "/oauth/") {
		_ = r.ParseForm()
		for k := range r.PostForm {
			j.form[k] = strings.Join(r.PostForm[k], "|")
		}
	} else {
		b, _ := io.ReadAll(r.Body)
		j.body = string(b)
	}
	w.WriteHeader(j.status)
	_, _ = io.WriteString(w, j.answer)
}

func stand(t *testing.T, status int, answer string) (*jali, *client.Client) {
	t.Helper()
	key, err := jose.Generate(jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	j := &jali{key: key, status: status, answer: answer}
	srv := httptest.NewServer(j)
	t.Cleanup(srv.Close)
	return j, &client.Client{Issuer: srv.URL, ID: "client_1", Redirect: "https://app.example/cb", Key: signer{key}, HTTP: srv.Client()}
}

// claims verifies a JWS of the client's and answers a claim as text. A proof
// brings its key along, an assertion does not.
func (j *jali) claims(t *testing.T, compact string, proof bool) func(string) string {
	t.Helper()
	typ := "jwt"
	if proof {
		typ = "dpop+jwt"
	}
	tok, err := jose.Verify(compact, jose.KeySet{j.key.Public()}, jose.Expect{MaxBytes: 8 << 10, Types: []string{typ}, OwnKey: proof})
	if err != nil || tok.Key.Thumbprint() != j.key.Public().Thumbprint() {
		t.Fatalf("not signed by the client's key: %v", err)
	}
	return func(name string) string {
		s, _ := tok.Claims.String(name)
		return s
	}
}

func (j *jali) checkAssertion(t *testing.T, issuer string) {
	t.Helper()
	claim := j.claims(t, j.form["client_assertion"], false)
	if claim("iss") != "client_1" || claim("sub") != "client_1" || claim("aud") != issuer || len(claim("jti")) < 16 {
		t.Error("the assertion is not of RFC 7523 with the issuer as its only audience")
	}
	if j.form["client_id"] != "client_1" || j.form["client_assertion_type"] != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		t.Error("client_id or the assertion's type is missing")
	}
}

func (j *jali) checkProof(t *testing.T, url, token string) {
	t.Helper()
	claim := j.claims(t, j.got.Header.Get("DPoP"), true)
	ath := ""
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		ath = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if claim("htm") != j.got.Method || claim("htu") != url || claim("ath") != ath {
		t.Errorf("the proof is for %s %s with ath %q; want %s %s with %q", claim("htm"), claim("htu"), claim("ath"), j.got.Method, url, ath)
	}
}

func TestAWholeWay(t *testing.T) {
	ctx := context.Background()
	j, c := stand(t, 201, `{"request_uri":"urn:ietf:params:oauth:request_uri:x&y","expires_in":300}`)
	const verifier = "0123456789012345678901234567890123456789012"
	to, err := c.Push(ctx, "state", verifier, []map[string]any{{"type": "account_view"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := c.Issuer + "/oauth/authorize?client_id=client_1&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Ax%26y"; to != want {
		t.Errorf("Push = %s, want %s", to, want)
	}
	j.checkAssertion(t, c.Issuer)
	j.checkProof(t, c.Issuer+"/oauth/par", "")
	sum := sha256.Sum256([]byte(verifier))
	for name, want := range map[string]string{"response_type": "code", "redirect_uri": "https://app.example/cb", "state": "state",
		"code_challenge_method": "S256", "code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "authorization_details": `[{"type":"account_view"}]`} {
		if j.form[name] != want {
			t.Errorf("%s = %q, want %q", name, j.form[name], want)
		}
	}

	j.status, j.answer = 200, `{"access_token":"A","token_type":"DPoP","expires_in":900,"grant_id":"grant_1","authorization_details":[]}`
	token, err := c.Redeem(ctx, "code", verifier)
	if err != nil || token.AccessToken != "A" || token.GrantID != "grant_1" || token.ExpiresIn != 900 {
		t.Fatalf("Redeem = %+v, %v", token, err)
	}
	j.checkAssertion(t, c.Issuer)
	if j.form["code_verifier"] != verifier || j.form["code"] != "code" || j.form["grant_type"] != "authorization_code" {
		t.Error("the code is not traded as it was asked for")
	}

	var view struct{ ID string }
	j.status, j.answer = 201, `{"id":"view_1"}`
	if err := c.OpenView(ctx, "A", "key-of-16-letters", struct{}{}, &view); err != nil || view.ID != "view_1" {
		t.Fatalf("OpenView = %v, %v", view, err)
	}
	j.checkProof(t, c.Issuer+"/v1/views", "A")
	if j.body != "{}" || j.got.Header.Get("Authorization") != "DPoP A" || j.got.Header.Get("Idempotency-Key") != "key-of-16-letters" || j.got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("body %q, header %v", j.body, j.got.Header)
	}
	told := func() string {
		return j.got.Header.Get("x-fapi-customer-ip-address") + " " + j.got.Header.Get("x-customer-user-agent")
	}
	if told() != " " {
		t.Errorf("it says that somebody is there: %q", told())
	}
	if err := c.OpenView(client.Present(ctx, "198.51.100.7", "phone"), "A", "key-of-16-letters", struct{}{}, &view); err != nil || told() != "198.51.100.7 phone" {
		t.Errorf("with the person there it says %q, %v", told(), err)
	}
	j.status = 200
	if err := c.Read(ctx, "A", "/v1/views/view_1/bills?cursor=x&limit=5", &view); err != nil {
		t.Fatal(err)
	}
	j.checkProof(t, c.Issuer+"/v1/views/view_1/bills", "A") // without the query (RFC 9449, section 4.2)
}

func TestWhatIsRefusedComesAsAProblem(t *testing.T) {
	for _, tt := range []struct {
		why    string
		status int
		answer string
		want   client.Problem
	}{
		{"the data API's", 429, `{"type":"x","title":"Too Many Requests","status":429,"code":"grant_spent_today","owner":"client","detail":"d","retry_after":60}`,
			client.Problem{Status: 429, Code: "grant_spent_today", Title: "Too Many Requests", Detail: "d", Owner: "client", RetryAfter: 60}},
		{"OAuth's", 400, `{"error":"invalid_grant","error_description":"used"}`, client.Problem{Status: 400, Code: "invalid_grant", Detail: "used"}},
		{"a status in the body that lies", 403, `{"status":200,"code":"grant_spent","owner":"client"}`, client.Problem{Status: 403, Code: "grant_spent", Owner: "client"}},
		{"a redirect is no answer", 303, `{"code":"x"}`, client.Problem{Status: 303, Code: "x"}},
	} {
		_, c := stand(t, tt.status, tt.answer)
		err := c.OpenView(context.Background(), "A", "key-of-16-letters", struct{}{}, nil)
		var p *client.Problem
		if !errors.As(err, &p) || *p != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.why, err, tt.want)
		}
	}
	_, c := stand(t, 502, "<html>secret</html>")
	if err := c.Read(context.Background(), "A", "/v1/views/x", nil); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "502") {
		t.Errorf("a proxy's page: %v; want the status and nothing of the page", err)
	}
}

func TestATokenThatIsNotBoundIsNotTaken(t *testing.T) {
	_, c := stand(t, 200, `{"access_token":"A","token_type":"Bearer","expires_in":900}`)
	if token, err := c.Redeem(context.Background(), "code", "v"); err == nil || token.AccessToken != "" {
		t.Errorf("Redeem = %+v, %v; want an error and no token", token, err)
	}
}

// asking answers use_dpop_nonce until a proof has the nonce it asks for.
type asking struct {
	t      *testing.T
	j      *jali
	nonce  string
	stuck  bool // asks whatever comes
	tries  int
	tokens map[string]bool // jti of assertions
}

func (a *asking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.tries++
	a.j.ServeHTTP(httptest.NewRecorder(), r)
	w.Header().Set("DPoP-Nonce", a.nonce)
	if form := a.j.form["client_assertion"]; form != "" {
		a.tokens[a.j.claims(a.t, form, false)("jti")] = true
	}
	if a.stuck || a.j.claims(a.t, r.Header.Get("DPoP"), true)("nonce") != a.nonce {
		if strings.HasPrefix(r.URL.Path, "/oauth/") {
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"error":"use_dpop_nonce"}`)
		} else {
			w.WriteHeader(401)
			_, _ = io.WriteString(w, `{"status":401,"code":"use_dpop_nonce","owner":"client"}`)
		}
		return
	}
	_, _ = io.WriteString(w, `{"token_type":"DPoP","id":"`+a.j.body+`"}`)
}

func TestANonceIsTakenAndKept(t *testing.T) {
	ctx := context.Background()
	j, c := stand(t, 200, "{}")
	a := &asking{t: t, j: j, nonce: "n-1", tokens: map[string]bool{}}
	srv := httptest.NewServer(a)
	t.Cleanup(srv.Close)
	c.Issuer = srv.URL
	tries := func(what string, want int, err error) {
		t.Helper()
		if err != nil || a.tries != want {
			t.Errorf("%s: %v after %d tries; want %d", what, err, a.tries, want)
		}
		a.tries = 0
	}
	_, err := c.Redeem(ctx, "code", "verifier")
	tries("the first request knows none", 2, err)
	if len(a.tokens) != 2 {
		t.Errorf("two tries had %d assertions; one is good for one request", len(a.tokens))
	}
	_, err = c.Redeem(ctx, "code", "verifier")
	tries("the next has it", 1, err)
	tries("at the data API too", 1, c.Read(ctx, "A", "/v1/views/x", nil))
	a.nonce = "n-2"
	var view struct{ ID string }
	tries("a new nonce", 2, c.OpenView(ctx, "A", "key-of-16-letters", struct{}{}, &view))
	if view.ID != "{}" {
		t.Errorf("the second try came with the body %q", view.ID)
	}
	a.stuck = true
	var p *client.Problem
	if err := c.Read(ctx, "A", "/v1/views/x", nil); !errors.As(err, &p) || p.Code != "use_dpop_nonce" || a.tries != 2 {
		t.Errorf("a server that is never content: %v after %d tries; want its answer after 2", err, a.tries)
	}
}

func TestNoTwoProofsAreAlike(t *testing.T) {
	j, c := stand(t, 200, `{}`)
	seen := map[string]bool{}
	for range 3 {
		if err := c.Read(context.Background(), "A", "/v1/views/x", nil); err != nil {
			t.Fatal(err)
		}
		seen[j.claims(t, j.got.Header.Get("DPoP"), true)("jti")] = true
	}
	if len(seen) != 3 {
		t.Errorf("3 requests had %d different jti", len(seen))
	}
}

func TestAnEndlessAnswerIsCut(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for block := strings.Repeat(" ", 1<<20); r.Context().Err() == nil; {
			if _, err := fmt.Fprint(w, block); err != nil {
				return
			}
		}
	}))
	defer srv.Close()
	_, c := stand(t, 200, "")
	c.Issuer = srv.URL
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.Read(ctx, "A", "/v1/views/x", nil); err == nil || ctx.Err() != nil {
		t.Errorf("Read = %v, %v; want an error before the time is up", err, ctx.Err())
	}
}
