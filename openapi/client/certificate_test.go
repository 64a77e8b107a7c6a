package client_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"testing"

	"jali/openapi/client"
)

// A client without any key: its certificate authenticates it, and its tokens
// are good over connections with that alone (RFC 8705).
func TestACertificateForEverything(t *testing.T) {
	c := registeredWith(map[string]any{"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": sandbox().MTLS.Subject,
		"tls_client_certificate_bound_access_tokens": true, "jwks": nil})
	pair, err := tls.X509KeyPair([]byte(sandbox().MTLS.Certificate), []byte(sandbox().MTLS.Key))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(sandbox().MTLS.CA))
	showing := func(certificates ...tls.Certificate) *http.Client {
		return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certificates}}}
	}
	c.Key, c.Certified, c.HTTP = nil, true, showing(pair)
	a, err := c.Push(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Redeem(t.Context(), a, decide(a.URL, "allow"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.OpenView(t.Context(), client.OpenViewParams{IdempotencyKey: rand.Text()}, client.Want{})
	if err != nil || len(v.Accounts) == 0 {
		t.Fatalf("OpenView = %+v, %v", v, err)
	}
	bare := &client.Client{Issuer: c.Issuer, ID: c.ID, Certified: true, HTTP: showing()}
	var p *client.Problem
	if _, err := bare.Session(s.Token()).ReadView(t.Context(), v.ID); !errors.As(err, &p) || p.Code != "invalid_token" {
		t.Errorf("without the certificate: %v", err)
	}
}
