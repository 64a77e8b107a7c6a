package main

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"jali/openapi/conform"
)

func TestWhichSettingsOfCertificatesGoTogether(t *testing.T) {
	const issuer, at = "https://jali.example", "https://mtls.jali.example"
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, tt := range []struct {
		why     string
		m       certificates
		tls     bool
		proxies []netip.Prefix
		ok      bool
	}{
		{"none at all", certificates{}, false, nil, true},
		{"a listener of our own", certificates{MTLSListen: ":9443", MTLSURL: at}, true, nil, true},
		{"a proxy's header", certificates{MTLSURL: at, ClientCertHeader: "Client-Cert"}, false, proxies, true},
		{"an authority for nobody", certificates{ClientCA: "ca.pem"}, true, nil, false},
		{"a listener without a URL", certificates{MTLSListen: ":9443"}, true, nil, false},
		{"a URL where nobody asks", certificates{MTLSURL: at}, true, nil, false},
		{"a listener without TLS", certificates{MTLSListen: ":9443", MTLSURL: at}, false, proxies, false},
		{"a header that anybody could send", certificates{MTLSURL: at, ClientCertHeader: "Client-Cert"}, true, nil, false},
		{"a header that is none", certificates{MTLSURL: at, ClientCertHeader: "Client Cert"}, false, proxies, false},
		{"the issuer's own URL, where browsers come", certificates{MTLSListen: ":9443", MTLSURL: issuer}, true, nil, false},
		{"a URL with a path", certificates{MTLSListen: ":9443", MTLSURL: at + "/"}, true, nil, false},
		{"a plain URL", certificates{MTLSListen: ":9443", MTLSURL: "http://mtls.jali.example"}, true, nil, false},
		{"an address without a port", certificates{MTLSListen: "localhost", MTLSURL: at}, true, nil, false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if err := tt.m.check(issuer, tt.tls, tt.proxies); (err == nil) != tt.ok {
				t.Errorf("check = %v, want ok %v", err, tt.ok)
			}
		})
	}
}

func TestClientCAsThatAreNone(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, []byte("nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, empty + ".missing"} {
		if pool, err := (&certificates{ClientCA: file}).authorities(); err == nil {
			t.Errorf("%s: %v", file, pool)
		}
	}
}

// Clients are asked for a certificate at their own address, and browsers at
// theirs are not.
func TestMutualTLS(t *testing.T) {
	cert, key, pool := certificate(t)
	const at = "https://mtls.jali.example"
	s := serve(t, "--tls-cert", cert, "--tls-key", key, "--issuer", "https://localhost",
		"--mtls-listen", "localhost:0", "--mtls-url", at, "--client-ca", cert)
	asked := func(address string) (asked bool) {
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: pool, ServerName: "localhost",
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				asked = true
				return &tls.Certificate{}, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		return asked
	}
	if !asked(s.mtls) || asked(s.address) {
		t.Errorf("clients are asked: %v, browsers: %v", asked(s.mtls), asked(s.address))
	}
	trusting := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost"}}
	resp, err := (&http.Client{Transport: conform.Transport(t, trusting)}).Get("https://" + s.mtls + "/.well-known/oauth-authorization-server")
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
	trusting.CloseIdleConnections()
	if err != nil || metadata.Issuer != "https://localhost" || metadata.Aliases["token_endpoint"] != at+"/oauth/token" || len(metadata.Methods) != 3 {
		t.Errorf("the metadata: %+v, %v", metadata, err)
	}
	s.end(t)
}
