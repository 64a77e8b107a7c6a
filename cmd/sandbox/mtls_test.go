package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"slices"
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
