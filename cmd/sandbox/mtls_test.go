package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// What the ready file says of certificates is all that a client needs to use
// one, and is good after a restart too.
func TestTheReadyFilesCertificates(t *testing.T) {
	data := t.TempDir()
	s, before := begin(t, data)
	end(t, s)
	s, r := begin(t, data)
	defer end(t, s)
	if r.MTLS.CA != before.MTLS.CA {
		t.Error("the authority is another after a restart")
	}
	for when, m := range map[string]ReadyMTLS{"now": r.MTLS, "before the restart": before.MTLS} {
		pair, err := tls.X509KeyPair([]byte(m.Certificate), []byte(m.Key))
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(m.CA))
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
			t.Errorf("the certificate of %s: %v", when, err)
		}
		if pair.Leaf.Subject.String() != m.SubjectDN {
			t.Errorf("its subject is %s, and %s is told", pair.Leaf.Subject, m.SubjectDN)
		}
		if _, err := tls.X509KeyPair([]byte(m.CA), []byte(m.CAKey)); err != nil {
			t.Errorf("the authority's key: %v", err)
		}
		asked := false
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
			RootCAs: roots, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { asked = true; return &pair, nil },
		}}}
		resp, err := c.Get(r.MTLS.URL + "/.well-known/oauth-authorization-server")
		if err != nil {
			t.Fatal(err)
		}
		var metadata struct {
			Issuer  string            `json:"issuer"`
			Aliases map[string]string `json:"mtls_endpoint_aliases"`
			Methods []string          `json:"token_endpoint_auth_methods_supported"`
		}
		err = json.NewDecoder(resp.Body).Decode(&metadata)
		_ = resp.Body.Close()
		c.CloseIdleConnections()
		if err != nil || !asked || metadata.Issuer != r.Issuer || metadata.Aliases["token_endpoint"] != r.MTLS.URL+"/oauth/token" || !slices.Contains(metadata.Methods, "tls_client_auth") {
			t.Errorf("%+v, %v; asked for a certificate: %v", metadata, err, asked)
		}
	}
}

// A developer with nothing but the ready file registers a client, asks, is
// given and reads, by a certificate from beginning to end.
func TestAClientOfOnesOwnByCertificate(t *testing.T) {
	s, r := begin(t, "")
	defer end(t, s)
	pair, err := tls.X509KeyPair([]byte(r.MTLS.Certificate), []byte(r.MTLS.Key))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(r.MTLS.CA))
	shows := func(certificates ...tls.Certificate) *http.Client {
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certificates}}}
		t.Cleanup(c.CloseIdleConnections)
		return c
	}
	with, without := shows(pair), shows()
	send := func(c *http.Client, path, kind, authorization, body string) (int, map[string]any) {
		t.Helper()
		q, err := http.NewRequest("POST", r.MTLS.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Content-Type", kind)
		q.Header.Set("Idempotency-Key", "a-key-of-16-chars")
		if authorization != "" {
			q.Header.Set("Authorization", authorization)
		}
		resp, err := c.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var answer map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			t.Fatalf("%s: %s: %v", path, resp.Status, err)
		}
		return resp.StatusCode, answer
	}
	const form, object = "application/x-www-form-urlencoded", "application/json"

	registration, err := json.Marshal(map[string]any{
		"client_name": "My app", "client_name#zh-CN": "我的应用", "redirect_uris": []string{"http://127.0.0.1/callback"},
		"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": r.MTLS.SubjectDN,
		"tls_client_certificate_bound_access_tokens": true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if status, answer := send(without, "/oauth/register", object, "Bearer guess", string(registration)); status != http.StatusUnauthorized {
		t.Errorf("registration by a guess: %d %v", status, answer)
	}
	status, registered := send(without, "/oauth/register", object, "Bearer "+r.InitialAccessToken, string(registration))
	id, _ := registered["client_id"].(string)
	if status != http.StatusCreated || id == "" {
		t.Fatalf("registration: %d %v", status, registered)
	}

	const verifier = "a-code-verifier-that-is-long-enough-to-be-one-1234"
	challenge := sha256.Sum256([]byte(verifier))
	ask := url.Values{
		"client_id": {id}, "response_type": {"code"}, "redirect_uri": {"http://127.0.0.1/callback"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
		"authorization_details": {`[{"type":"account_view","actions":["view"],"datatypes":["balances"],"purpose":"balance_overview","uses":{"limit":1}}]`},
	}.Encode()
	if status, answer := send(without, "/oauth/par", form, "", ask); status != http.StatusUnauthorized || answer["error"] != "invalid_client" {
		t.Errorf("a request without the certificate: %d %v", status, answer)
	}
	status, pushed := send(with, "/oauth/par", form, "", ask)
	if status != http.StatusCreated {
		t.Fatalf("a request: %d %v", status, pushed)
	}
	status, decided := decideOver(t, r, map[string]any{"client_id": id, "request_uri": pushed["request_uri"], "person": r.People[0].ID, "decision": "allow"})
	to, err := url.Parse(decided["redirect_to"])
	if status != http.StatusOK || err != nil {
		t.Fatalf("consent: %d %v", status, decided)
	}
	status, token := send(with, "/oauth/token", form, "", url.Values{
		"client_id": {id}, "grant_type": {"authorization_code"}, "code": {to.Query().Get("code")},
		"redirect_uri": {"http://127.0.0.1/callback"}, "code_verifier": {verifier},
	}.Encode())
	access, _ := token["access_token"].(string)
	if status != http.StatusOK || token["token_type"] != "Bearer" || access == "" {
		t.Fatalf("token: %d %v", status, token)
	}
	if status, answer := send(without, "/v1/views", object, "Bearer "+access, `{}`); status != http.StatusUnauthorized {
		t.Errorf("the token without the certificate: %d %v", status, answer)
	}
	if status, view := send(with, "/v1/views", object, "Bearer "+access, `{}`); status != http.StatusCreated || view["complete"] != true {
		t.Errorf("a view: %d %v", status, view)
	}
}
