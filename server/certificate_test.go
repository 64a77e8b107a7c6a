package server_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"jali/server"
)

// selfSigned makes a certificate that nobody has signed but its owner.
func selfSigned(t testing.TB, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func field(c tls.Certificate) string {
	return ":" + base64.StdEncoding.EncodeToString(c.Certificate[0]) + ":"
}

func escaped(c tls.Certificate) string {
	return url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})))
}

// seen answers the certificate that handlers are shown of a request from an
// address with header values.
func seen(t *testing.T, from string, own *tls.ConnectionState, values ...string) (names []string, left http.Header) {
	t.Helper()
	s, err := server.New(server.Config{
		Views: &views{}, Log: slog.New(slog.DiscardHandler),
		CertificateHeader: "Client-Cert", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		OAuth: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			left = r.Header
			if r.TLS != nil {
				for _, c := range r.TLS.PeerCertificates {
					names = append(names, c.Subject.CommonName)
				}
			}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/oauth/token", nil)
	r.RemoteAddr, r.TLS = from, own
	r.Header["Client-Cert"] = values
	r.Header.Set("X-Forwarded-For", "10.9.9.9") // and a caller who says to be the proxy is none
	s.ServeHTTP(httptest.NewRecorder(), r)
	return names, left
}

func TestWhoseCertificateIsBelieved(t *testing.T) {
	bank, proxy := selfSigned(t, "bank"), selfSigned(t, "proxy")
	shown := func(c tls.Certificate) *tls.ConnectionState {
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}}
	}
	const aProxy, aStranger = "10.1.2.3:4567", "203.0.113.9:4567"
	pemOf := func(kind string, head map[string]string, c tls.Certificate) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Headers: head, Bytes: c.Certificate[0]}))
	}
	for _, tt := range []struct {
		why, from string
		own       *tls.ConnectionState
		values    []string
		want      string
	}{
		{"a proxy tells it as RFC 9440 does", aProxy, nil, []string{field(bank)}, "bank"},
		{"a proxy tells it as nginx does", aProxy, nil, []string{escaped(bank)}, "bank"},
		{"a proxy as IPv6 writes it", "[::ffff:10.1.2.3]:1", nil, []string{field(bank)}, "bank"},
		{"a proxy's own certificate is not the client's", aProxy, shown(proxy), []string{field(bank)}, "bank"},
		{"nor where the client has none", aProxy, shown(proxy), nil, ""},
		{"a proxy that found none", aProxy, nil, []string{""}, ""},
		{"a stranger tells a certificate", aStranger, nil, []string{field(bank)}, ""},
		{"a stranger on this machine", "127.0.0.1:1", nil, []string{field(bank)}, ""},
		{"a stranger with a certificate of their own", aStranger, shown(proxy), []string{field(bank)}, "proxy"},
		{"two values", aProxy, nil, []string{field(bank), field(bank)}, ""},
		{"a list of two", aProxy, nil, []string{field(bank) + ", " + field(bank)}, ""},
		{"a parameter", aProxy, nil, []string{field(bank) + ";a=1"}, ""},
		{"base64 in other letters", aProxy, nil, []string{strings.ReplaceAll(field(bank), "=", "")[:20] + ":"}, ""},
		{"base64 without its colons", aProxy, nil, []string{strings.Trim(field(bank), ":")}, ""},
		{"base64 over two lines", aProxy, nil, []string{field(bank)[:9] + "\n" + field(bank)[9:]}, ""},
		{"what is no certificate", aProxy, nil, []string{":AAAA:"}, ""},
		{"two certificates in PEM", aProxy, nil, []string{escaped(bank) + escaped(proxy)}, ""},
		{"something before the PEM", aProxy, nil, []string{"x%0A" + escaped(bank)}, ""},
		{"another kind of PEM", aProxy, nil, []string{url.PathEscape(pemOf("PRIVATE KEY", nil, bank))}, ""},
		{"PEM with headers", aProxy, nil, []string{url.PathEscape(pemOf("CERTIFICATE", map[string]string{"a": "b"}, bank))}, ""},
		{"a broken escape", aProxy, nil, []string{escaped(bank) + "%2"}, ""},
		{"more than is read", aProxy, nil, []string{escaped(bank) + strings.Repeat("%20", 16<<10)}, ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			names, left := seen(t, tt.from, tt.own, tt.values...)
			if got := strings.Join(names, ","); got != tt.want {
				t.Errorf("handlers are shown the certificate of %q, want %q", got, tt.want)
			}
			if left.Get("Client-Cert") != "" {
				t.Error("the header is still there for others to believe")
			}
		})
	}
}

// Clients show certificates that no authority knows; whose they are is not for
// the handshake to say.
func TestMutualTLSTakesAnyCertificateAndAsksNowhereElse(t *testing.T) {
	own := selfSigned(t, "localhost")
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, c := range r.TLS.PeerCertificates {
			_, _ = io.WriteString(w, c.Subject.CommonName)
		}
	})
	for _, tt := range []struct {
		why   string
		serve *http.Server
		want  string
	}{
		{"where clients show certificates", server.MutualTLS(who, "https://jali.example", nil), "bank"},
		{"where browsers come", server.HTTP(who, nil), ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			tt.serve.TLSConfig.Certificates = []tls.Certificate{own}
			at := serve(t, tt.serve)
			c := bankClient(t, own, selfSigned(t, "bank"))
			for range 2 { // the second by a ticket of the first
				resp, err := c.Get("https://" + at + "/oauth/jwks")
				if err != nil {
					t.Fatal(err)
				}
				b, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				c.CloseIdleConnections()
				if string(b) != tt.want {
					t.Errorf("it sees %q, want %q", b, tt.want)
				}
			}
			c.Transport.(*http.Transport).TLSClientConfig.Certificates = nil
			if resp, err := c.Get("https://" + at + "/oauth/jwks"); err != nil {
				t.Errorf("without a certificate: %v", err)
			} else {
				resp.Body.Close()
			}
			c.CloseIdleConnections()
		})
	}
}

// A person's pages are at the address where nobody is asked for a certificate.
func TestMutualTLSServesNoPages(t *testing.T) {
	h := server.MutualTLS(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a page") }), "https://jali.example", nil).Handler
	for path, want := range map[string]int{
		"/v1/sources": http.StatusOK, "/oauth/token": http.StatusOK, "/.well-known/oauth-authorization-server": http.StatusOK,
		"/": http.StatusNotFound, "/consent/grant_A": http.StatusNotFound, "/v1": http.StatusNotFound, "/sandbox/consents": http.StatusNotFound,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s answers %d, want %d", path, w.Code, want)
		}
		if want == http.StatusNotFound && (w.Header().Get("X-Request-Id") == "" || w.Header().Get("Content-Type") != "application/problem+json") {
			t.Errorf("%s answers with %v", path, w.Header())
		}
	}
}

// BCP 195 names four suites for TLS 1.2; the rest, and all that is older, is refused.
func TestOnlyTheSuitesOfBCP195(t *testing.T) {
	own := selfSigned(t, "localhost")
	s := server.HTTP(http.NotFoundHandler(), nil)
	s.TLSConfig.Certificates = []tls.Certificate{own}
	at := serve(t, s)
	try := func(version, suite uint16) error {
		conn, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version, CipherSuites: []uint16{suite}})
		if err == nil {
			conn.Close()
		}
		return err
	}
	for _, suite := range []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384} {
		if err := try(tls.VersionTLS12, suite); err != nil {
			t.Errorf("%s: %v", tls.CipherSuiteName(suite), err)
		}
	}
	for _, suite := range []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256} {
		if try(tls.VersionTLS12, suite) == nil {
			t.Errorf("%s is spoken", tls.CipherSuiteName(suite))
		}
	}
	if try(tls.VersionTLS11, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA) == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

func serve(t *testing.T, s *http.Server) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, s, l, 10*time.Second) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func bankClient(t *testing.T, site, own tls.Certificate) *http.Client {
	t.Helper()
	leaf, err := x509.ParseCertificate(site.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: roots, ServerName: "localhost", Certificates: []tls.Certificate{own}, ClientSessionCache: tls.NewLRUClientSessionCache(4),
	}}}
}

func FuzzCertificateHeader(f *testing.F) {
	bank := selfSigned(f, "bank")
	f.Add(field(bank))
	f.Add(escaped(bank))
	f.Add(":AAAA:")
	f.Add("%")
	var shown [][]byte
	s, err := server.New(server.Config{
		Views: &views{}, Log: slog.New(slog.DiscardHandler),
		CertificateHeader: "Client-Cert", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		OAuth: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			for _, c := range r.TLS.PeerCertificates {
				shown = append(shown, c.Raw)
			}
		}),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value string) {
		shown = nil
		r := httptest.NewRequest("POST", "/oauth/token", nil)
		r.RemoteAddr = "10.1.2.3:4567"
		r.Header["Client-Cert"] = []string{value}
		s.ServeHTTP(httptest.NewRecorder(), r)
		// What is shown stands in the header, whole.
		if len(shown) > 0 && !strings.Contains(value, base64.StdEncoding.EncodeToString(shown[0])) {
			text, _ := url.PathUnescape(value)
			if block, _ := pem.Decode([]byte(text)); block == nil || !bytes.Equal(block.Bytes, shown[0]) {
				t.Errorf("%q shows a certificate that is not in it", value)
			}
		}
	})
}
