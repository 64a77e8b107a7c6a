package client_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"jali/internal/jose"
	"jali/openapi/client"
)

const issuer = "https://jali.example"

// jali answers what says says, by path or, where that is missing, by "", and
// keeps what it was sent. It is reached without a network, so that a test's time
// may be its own.
type jali struct {
	*testing.T
	key  *client.Key
	says map[string]func(w http.ResponseWriter, r *http.Request)
	got  []*sent
}

type sent struct {
	*http.Request
	form map[string]string
	body string
}

// says is an answer.
func says(status int, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// inTurn answers one after another, and the last for ever.
func inTurn(answers ...func(http.ResponseWriter, *http.Request)) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		now := answers[0]
		if len(answers) > 1 {
			answers = answers[1:]
		}
		now(w, r)
	}
}

const metadata = `{"issuer":"https://jali.example","authorization_endpoint":"https://jali.example/oauth/authorize",
	"pushed_authorization_request_endpoint":"https://jali.example/oauth/par","token_endpoint":"https://jali.example/oauth/token",
	"revocation_endpoint":"https://jali.example/oauth/revoke","introspection_endpoint":"https://jali.example/oauth/introspect",
	"grant_management_endpoint":"https://jali.example/oauth/grants","backchannel_authentication_endpoint":"https://jali.example/oauth/bc-authorize",
	"mtls_endpoint_aliases":{"token_endpoint":"https://mtls.jali.example/oauth/token","pushed_authorization_request_endpoint":"https://mtls.jali.example/oauth/par"},
	"webhook_keys":[]}`

const wellKnown = "/.well-known/oauth-authorization-server"

// stand makes a jali that answers so, and a client of it.
func stand(t *testing.T, status int, body string) (*jali, *client.Client) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := client.NewKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	j := &jali{T: t, key: key, says: map[string]func(http.ResponseWriter, *http.Request){"": says(status, body), wellKnown: says(200, metadata)}}
	return j, &client.Client{Issuer: issuer, ID: "client_1", Redirect: "https://app.example/cb", Key: key, HTTP: &http.Client{Transport: j}}
}

// RoundTrip is the network.
func (j *jali) RoundTrip(r *http.Request) (*http.Response, error) {
	s := &sent{Request: r, form: map[string]string{}}
	if r.Body != nil {
		b, _ := io.ReadAll(r.Body)
		s.body = string(b)
	}
	if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(strings.NewReader(s.body))
		_ = again.ParseForm()
		for k, v := range again.PostForm {
			s.form[k] = strings.Join(v, "|")
		}
	}
	if r.URL.Path != wellKnown {
		j.got = append(j.got, s)
	}
	answer := j.says[r.URL.Path]
	if answer == nil {
		answer = j.says[""]
	}
	w := httptest.NewRecorder()
	answer(w, r)
	return w.Result(), r.Context().Err()
}

func (j *jali) last() *sent {
	j.Helper()
	if len(j.got) == 0 {
		j.Fatal("nothing was sent")
	}
	return j.got[len(j.got)-1]
}

// claims verifies a JWS of the client's and answers a claim as text. A proof
// brings its key along, an assertion does not.
func (j *jali) claims(compact string, proof bool) func(string) string {
	j.Helper()
	public, err := jose.ParseKeySet([]byte(`{"keys":[` + string(j.key.JWK()) + `]}`))
	if err != nil {
		j.Fatal(err)
	}
	typ := "jwt"
	if proof {
		typ = "dpop+jwt"
	}
	tok, err := jose.Verify(compact, public, jose.Expect{MaxBytes: 8 << 10, Types: []string{typ}, OwnKey: proof})
	if err != nil || tok.Key.Thumbprint() != public[0].Thumbprint() {
		j.Fatalf("not signed by the client's key: %v", err)
	}
	return func(name string) string {
		s, _ := tok.Claims.String(name)
		return s
	}
}

// authenticated holds that the last form is the client's.
func (j *jali) authenticated() {
	j.Helper()
	form := j.last().form
	claim := j.claims(form["client_assertion"], false)
	if claim("iss") != "client_1" || claim("sub") != "client_1" || claim("aud") != issuer || len(claim("jti")) < 16 {
		j.Error("the assertion is not of RFC 7523 with the issuer as its only audience")
	}
	if form["client_id"] != "client_1" || form["client_assertion_type"] != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		j.Error("client_id or the assertion's type is missing")
	}
}

// proven holds that the last request has a proof for this URL and token.
func (j *jali) proven(url, token string) {
	j.Helper()
	claim := j.claims(j.last().Header.Get("DPoP"), true)
	ath := ""
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		ath = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if m := j.last().Method; claim("htm") != m || claim("htu") != url || claim("ath") != ath {
		j.Errorf("the proof is for %s %s with ath %q; want %s %s with %q", claim("htm"), claim("htu"), claim("ath"), m, url, ath)
	}
}

func jsonOf(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}
