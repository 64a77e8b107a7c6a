package oauth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"jali/consent"
	"jali/internal/fault"
	"jali/internal/jose"
)

const mtlsBase = "https://mtls.jali.example"

// authority gives certificates; the zero one lets a key vouch for itself.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

var serial int64

func (a authority) give(h *house, name pkix.Name, key crypto.Signer, change func(*x509.Certificate)) tls.Certificate {
	h.t.Helper()
	serial++
	now := h.clock.now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: name, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(90 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	if a.cert == nil {
		a = authority{template, key}
	}
	der := must(x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: must(x509.ParseCertificate(der))}
}

func newKey() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func newAuthority(h *house, name string, by authority) authority {
	key := newKey()
	made := by.give(h, pkix.Name{CommonName: name}, key, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
		c.NotAfter = h.clock.now().Add(10 * 365 * 24 * time.Hour)
	})
	return authority{made.Leaf, key}
}

// mutual is a house that is reached over mutual TLS too.
type mutual struct {
	*house
	https *httptest.Server
	ca    authority
}

func openMutual(t *testing.T) *mutual {
	h := &mutual{house: open(t)}
	h.ca = newAuthority(h.house, "the authority we trust", authority{})
	c := h.server.Config
	c.MTLS, c.ClientCAs = mtlsBase, x509.NewCertPool()
	c.ClientCAs.AddCert(h.ca.cert)
	h.server = must(New(c))
	h.http.Config.Handler = h.site(h.server)
	h.https = httptest.NewUnstartedServer(h.http.Config.Handler)
	h.https.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	h.https.StartTLS()
	t.Cleanup(h.https.Close)
	return h
}

// post sends a form over mutual TLS, with a certificate or none.
func (h *mutual) post(cert *tls.Certificate, path string, form url.Values, header http.Header) answer {
	h.t.Helper()
	config := h.https.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	if cert != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	r := must(http.NewRequest("POST", h.https.URL+path, strings.NewReader(form.Encode())))
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := transport.RoundTrip(r)
	if err != nil {
		h.t.Error(err)
		return answer{}
	}
	defer resp.Body.Close()
	got := answer{status: resp.StatusCode, header: resp.Header, body: string(must(io.ReadAll(resp.Body)))}
	_ = json.NewDecoder(bytes.NewReader([]byte(got.body))).Decode(&got.json)
	return got
}

// registerCertified registers a client that authenticates by certificate.
func (h *mutual) registerCertified(id string, change func(*consent.Client)) {
	h.t.Helper()
	c := consent.Client{ID: consent.ClientID(id), Name: consent.Name{ZH: "x", EN: "x"}, RedirectURIs: []string{callback}, Auth: consent.TLSClientAuth}
	change(&c)
	if err := h.consent.AddClient(context.Background(), c); err != nil {
		h.t.Fatal(err)
	}
}

var bankName = pkix.Name{CommonName: "client.bank.example", Organization: []string{"Bank, Ltd. + 银行"}, Country: []string{"CN"}}

const bankDN = `CN=client.bank.example,O=Bank\, Ltd. \+ 银行,C=CN`

func TestAuthenticationByCertificate(t *testing.T) {
	h := openMutual(t)
	for id, name := range map[string]consent.CertName{
		"by_dn": {SubjectDN: bankDN}, "by_dns": {DNS: "client.bank.example"}, "by_uri": {URI: "https://bank.example/client"},
		"by_ip": {IP: "192.0.2.7"}, "by_email": {Email: "client@bank.example"}, "suspended": {SubjectDN: bankDN},
	} {
		h.registerCertified(id, func(c *consent.Client) { c.Certificate = name })
	}
	if err := h.consent.SuspendClient(t.Context(), "suspended", true); err != nil {
		t.Fatal(err)
	}
	h.registerCertified("by_number", func(c *consent.Client) {
		c.Certificate = consent.CertName{SubjectDN: `2.5.4.3=client.bank.example,O=Bank\2c Ltd. \2b 银行,c=CN`}
	})
	give := func(change func(*x509.Certificate)) *tls.Certificate {
		made := h.ca.give(h.house, bankName, newKey(), change)
		return &made
	}
	stranger := newAuthority(h.house, "the authority we trust", authority{})
	between := newAuthority(h.house, "between", h.ca)
	good := give(nil)
	from := func(a authority, chain ...authority) *tls.Certificate {
		made := a.give(h.house, bankName, newKey(), nil)
		for _, c := range chain {
			made.Certificate = append(made.Certificate, c.cert.Raw)
		}
		return &made
	}
	alone := authority{}.give(h.house, bankName, newKey(), nil)
	for _, tt := range []struct {
		why  string
		id   string
		cert *tls.Certificate
		ok   bool
	}{
		{"its subject", "by_dn", good, true},
		{"its subject, written otherwise", "by_number", good, true},
		{"by an authority in between that it brings along", "by_dn", from(between, between), true},
		{"DNS name", "by_dns", give(func(c *x509.Certificate) { c.DNSNames = []string{"a.example", "Client.Bank.Example"} }), true},
		{"URI", "by_uri", give(func(c *x509.Certificate) { c.URIs = []*url.URL{must(url.Parse("https://bank.example/client"))} }), true},
		{"address", "by_ip", give(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 7)} }), true},
		{"email", "by_email", give(func(c *x509.Certificate) { c.EmailAddresses = []string{"client@bank.example"} }), true},

		{"no certificate", "by_dn", nil, false},
		{"of an authority of the same name that nobody trusts", "by_dn", from(stranger, stranger), false},
		{"the one in between is missing", "by_dn", from(between), false},
		{"signed by itself", "by_dn", &alone, false},
		{"expired", "by_dn", give(func(c *x509.Certificate) { c.NotAfter = h.clock.now().Add(-time.Second) }), false},
		{"not valid yet", "by_dn", give(func(c *x509.Certificate) { c.NotBefore = h.clock.now().Add(time.Minute) }), false},
		{"for servers only", "by_dn", give(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), false},
		{"another subject", "by_dn", give(func(c *x509.Certificate) { c.Subject.CommonName = "other.bank.example" }), false},
		{"a subject that begins the same", "by_dn", give(func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"x"} }), false},
		{"the parts of the subject in one", "by_dn", give(func(c *x509.Certificate) {
			c.Subject = pkix.Name{CommonName: `client.bank.example,O=Bank, Ltd. + 银行,C=CN`}
		}), false},
		{"the subject as a DNS name", "by_dns", good, false},
		{"a DNS name below it", "by_dns", give(func(c *x509.Certificate) { c.DNSNames = []string{"x.client.bank.example"} }), false},
		{"a wildcard", "by_dns", give(func(c *x509.Certificate) { c.DNSNames = []string{"*.bank.example"} }), false},
		{"another URI", "by_uri", give(func(c *x509.Certificate) { c.URIs = []*url.URL{must(url.Parse("https://bank.example/client/"))} }), false},
		{"another address", "by_ip", give(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 8)} }), false},
		{"another email", "by_email", give(func(c *x509.Certificate) { c.EmailAddresses = []string{"x@bank.example"} }), false},
		{"no client_id", "", good, false},
		{"an unknown client", "nobody", good, false},
		{"a client that is registered for private_key_jwt", h.bank.id, good, false},
		{"a suspended client", "suspended", good, false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			form := url.Values{"token": {"x"}}
			if tt.id != "" {
				form.Set("client_id", tt.id)
			}
			got := h.post(tt.cert, "/oauth/introspect", form, nil)
			if tt.ok && got.status != 200 || !tt.ok && (got.status != 401 || got.text("error") != "invalid_client") {
				t.Errorf("got %v; want ok: %v", got, tt.ok)
			}
		})
	}
	t.Run("a header from nobody", func(t *testing.T) {
		pem := url.QueryEscape("-----BEGIN CERTIFICATE-----\n" + s64(string(good.Certificate[0])) + "\n-----END CERTIFICATE-----\n")
		got := h.post(nil, "/oauth/introspect", url.Values{"client_id": {"by_dn"}, "token": {"x"}},
			http.Header{"Client-Cert": {":" + s64(string(good.Certificate[0])) + ":"}, "X-Client-Cert": {pem}, "X-Ssl-Client-Cert": {pem}})
		h.wantError("a certificate in a header", got, 401, "invalid_client")
	})
	t.Run("an assertion in place of it", func(t *testing.T) {
		// a client with a key set of its own still has to come with its certificate
		key := must(jose.Generate(jose.ES256))
		h.registerCertified("with_keys", func(c *consent.Client) {
			c.Certificate = consent.CertName{SubjectDN: bankDN}
			c.JWKS = fmt.Appendf(nil, `{"keys":[%s]}`, key.Public().JWK())
		})
		form := h.form(app{id: "with_keys", key: key}, "token", "x")
		h.wantError("alone", h.house.post("/oauth/introspect", form), 401, "invalid_client")
		form.Set("client_assertion", h.assertion(app{id: "with_keys", key: key}, nil, nil))
		h.wantError("beside it", h.post(good, "/oauth/introspect", form, nil), 401, "invalid_client")
	})
	t.Run("nobody vouches", func(t *testing.T) {
		h.server.ClientCAs = nil
		h.wantError("no authority", h.post(good, "/oauth/introspect", url.Values{"client_id": {"by_dn"}, "token": {"x"}}, nil), 401, "invalid_client")
	})
}

func std64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// ownCert makes a certificate for a key and the client's key set that shows it.
func (h *mutual) ownCert(change func(*x509.Certificate)) (tls.Certificate, json.RawMessage) {
	key := newKey()
	made := authority{}.give(h.house, pkix.Name{CommonName: "self"}, key, change)
	p := key.Public().(*ecdsa.PublicKey)
	point := must(p.ECDH()).Bytes()
	jwks := fmt.Appendf(nil, `{"keys":[{"kty":"EC","crv":"P-256","kid":"1","alg":"ES256","x":%q,"y":%q,"x5c":["%s"]}]}`,
		s64(string(point[1:33])), s64(string(point[33:])), std64(made.Certificate[0]))
	return made, jwks
}

func TestAuthenticationBySelfSignedCertificate(t *testing.T) {
	h := openMutual(t)
	own, jwks := h.ownCert(nil)
	h.registerCertified("self", func(c *consent.Client) { c.Auth, c.JWKS = consent.SelfSignedTLS, jwks })
	again := authority{}.give(h.house, pkix.Name{CommonName: "renewed"}, own.PrivateKey.(crypto.Signer), nil)
	old := authority{}.give(h.house, pkix.Name{CommonName: "self"}, own.PrivateKey.(crypto.Signer), func(c *x509.Certificate) { c.NotAfter = h.clock.now().Add(-time.Second) })
	other, _ := h.ownCert(nil)
	vouched := h.ca.give(h.house, pkix.Name{CommonName: "self"}, newKey(), nil)
	for _, tt := range []struct {
		why  string
		cert *tls.Certificate
		ok   bool
	}{
		{"the one in its key set", &own, true},
		{"a newer one for the same key", &again, true},
		{"an expired one for the same key", &old, false},
		{"the same name and another key", &other, false},
		{"one that an authority vouches for", &vouched, false},
		{"none", nil, false},
	} {
		got := h.post(tt.cert, "/oauth/introspect", url.Values{"client_id": {"self"}, "token": {"x"}}, nil)
		if tt.ok && got.status != 200 || !tt.ok && (got.status != 401 || got.text("error") != "invalid_client") {
			t.Errorf("%s: %v; want ok: %v", tt.why, got, tt.ok)
		}
	}
}

// calls is a request to the data API over a connection with a certificate.
func (h *mutual) calls(cert *tls.Certificate, header http.Header) (Caller, error) {
	r := httptest.NewRequest("POST", "https://inside/v1/views", nil)
	r.Header = header
	r.TLS = &tls.ConnectionState{}
	if cert != nil {
		r.TLS.PeerCertificates = []*x509.Certificate{cert.Leaf}
	}
	return h.server.Authenticate(http.Header{}, r)
}

func bearing(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// codeBy goes to a code by a client that authenticates by certificate.
func (h *mutual) codeBy(id string, cert *tls.Certificate, more ...string) string {
	h.t.Helper()
	form := h.parForm(app{id: id, key: h.bank.key}, daily, "client_assertion", "", "client_assertion_type", "")
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	pushed := h.post(cert, "/oauth/par", form, nil)
	if pushed.status != 201 {
		h.t.Fatalf("PAR: %v", pushed)
	}
	return h.back(h.get(h.decide(h.visit(app{id: id}, pushed.text("request_uri")), true))).Get("code")
}

func redeeming(id, code string) url.Values {
	return url.Values{"client_id": {id}, "grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
}

func TestTokensAreBoundToACertificate(t *testing.T) {
	h := openMutual(t)
	h.registerCertified("bound", func(c *consent.Client) {
		c.Certificate, c.CertificateBound = consent.CertName{SubjectDN: bankDN}, true
	})
	own := h.ca.give(h.house, bankName, newKey(), nil)
	renewed := h.ca.give(h.house, bankName, newKey(), nil)
	code := h.codeBy("bound", &own)

	h.wantError("another certificate of the same name than the one that pushed", h.post(&renewed, "/oauth/token", redeeming("bound", code), nil), 400, "invalid_grant")
	h.wantError("a proof, where tokens are bound to certificates", h.post(&own, "/oauth/token", redeeming("bound", code),
		http.Header{"Dpop": {h.proof(h.bank.dpop, "POST", mtlsBase+"/oauth/token", "", nil)}}), 400, "invalid_request")
	got := h.post(&own, "/oauth/token", redeeming("bound", code), nil)
	if got.status != 200 || got.text("token_type") != "Bearer" || got.text("refresh_token") == "" {
		t.Fatalf("token: %v", got)
	}
	token := got.text("access_token")
	if c, err := h.calls(&own, bearing(token)); err != nil || c.Client != "bound" {
		t.Errorf("with the certificate: %+v, %v", c, err)
	}
	if c, err := h.calls(&own, http.Header{"Authorization": {"bEARER " + token}}); err != nil || c.Client != "bound" {
		t.Errorf("the scheme in another case: %+v, %v", c, err)
	}
	active := h.post(&own, "/oauth/introspect", url.Values{"client_id": {"bound"}, "token": {token}}, nil)
	cnf, _ := active.json["cnf"].(m)
	if active.json["active"] != true || cnf["x5t#S256"] != thumbprintOf(own.Leaf) || cnf["jkt"] != nil || active.text("token_type") != "Bearer" {
		t.Errorf("introspection: %v", active)
	}

	proof := h.proof(h.bank.dpop, "POST", issuer+"/v1/views", token, nil)
	expired := own
	expired.Leaf = must(x509.ParseCertificate(own.Certificate[0]))
	expired.Leaf.NotAfter = h.clock.now().Add(-time.Second)
	for _, tt := range []struct {
		why    string
		cert   *tls.Certificate
		header http.Header
	}{
		{"stolen, without a certificate", nil, bearing(token)},
		{"stolen, with another certificate", &renewed, bearing(token)},
		{"after the certificate's end", &expired, bearing(token)},
		{"as DPoP, with a proof by any key", &own, http.Header{"Authorization": {"DPoP " + token}, "Dpop": {proof}}},
		{"an unknown token", &own, bearing("x")},
		{"a certificate in a header", nil, http.Header{"Authorization": {"Bearer " + token}, "Client-Cert": {":" + std64(own.Certificate[0]) + ":"}}},
	} {
		_, err := h.calls(tt.cert, tt.header)
		var no *Unauthorized
		if !errors.As(err, &no) || fault.Of(err).Code != "invalid_token" {
			t.Errorf("%s: %v; want invalid_token", tt.why, err)
		}
	}
	// Nobody learns by Bearer which tokens there are.
	_, unknown := h.calls(nil, bearing("x"))
	_, known := h.calls(nil, bearing(token))
	if unknown.Error() != known.Error() {
		t.Errorf("unknown: %v; known: %v", unknown, known)
	}
	_, err := h.calls(nil, nil)
	if no := (*Unauthorized)(nil); !errors.As(err, &no) || !strings.Contains(no.Challenge(), "DPoP ") || !strings.Contains(no.Challenge(), ", Bearer ") {
		t.Errorf("no token: %v; want both schemes in the challenge", err)
	}
	bound, _ := h.tokens(h.bank, daily)
	_, err = h.calls(&own, bearing(bound.text("access_token")))
	if no := (*Unauthorized)(nil); !errors.As(err, &no) || no.code != "invalid_token" || !strings.HasPrefix(no.Challenge(), "Bearer error=") || !strings.Contains(no.Challenge(), ", DPoP algs=") {
		t.Errorf("a token that is bound to a key, as Bearer: %v; want a challenge that names DPoP too (RFC 9449, section 7.2)", err)
	}

	refreshing := url.Values{"client_id": {"bound"}, "grant_type": {"refresh_token"}, "refresh_token": {got.text("refresh_token")}}
	fresh := h.post(&renewed, "/oauth/token", refreshing, nil)
	if _, err := h.calls(&renewed, bearing(fresh.text("access_token"))); err != nil {
		t.Errorf("refreshed with the client's renewed certificate: %v, %v", fresh, err)
	}
	stranger := authority{}.give(h.house, bankName, newKey(), nil)
	h.wantError("refreshed by a stranger", h.post(&stranger, "/oauth/token", refreshing, nil), 401, "invalid_client")
	h.clock.pass(accessLife)
	if _, err := h.calls(&own, bearing(token)); fault.Of(err).Code != "invalid_token" {
		t.Errorf("after its end: %v", err)
	}
}

// A client may authenticate by its key and still have its tokens bound to a
// certificate, which nobody need vouch for: it is bound to that one alone.
func TestTokensOfAKeysClientAreBoundToACertificate(t *testing.T) {
	h := openMutual(t)
	own, _ := h.ownCert(nil)
	other, _ := h.ownCert(nil)
	a := app{id: "keys", key: must(jose.Generate(jose.ES256))}
	h.registerCertified(a.id, func(c *consent.Client) {
		c.Auth, c.CertificateBound, c.JWKS = consent.PrivateKeyJWT, true, fmt.Appendf(nil, `{"keys":[%s]}`, a.key.Public().JWK())
	})
	h.wantError("dpop_jkt at PAR", h.post(&own, "/oauth/par", h.parForm(a, daily, "dpop_jkt", h.bank.dpop.Public().Thumbprint()), nil), 400, "invalid_request")
	code := h.back(h.get(h.decide(h.visit(a, h.push(a, daily)), true))).Get("code")
	form := func() url.Values { return h.redeemForm(a, code) }
	h.wantError("without a certificate", h.house.post("/oauth/token", form()), 400, "invalid_request")
	got := h.post(&own, "/oauth/token", form(), nil)
	if got.status != 200 {
		t.Fatal(got)
	}
	if _, err := h.calls(&own, bearing(got.text("access_token"))); err != nil {
		t.Error(err)
	}
	refreshing := func() url.Values {
		return h.form(a, "grant_type", "refresh_token", "refresh_token", got.text("refresh_token"))
	}
	h.wantError("refreshed with another certificate", h.post(&other, "/oauth/token", refreshing(), nil), 400, "invalid_grant")
	if again := h.post(&own, "/oauth/token", refreshing(), nil); again.status != 200 {
		t.Errorf("refreshed with its own: %v", again)
	}
}

// Proofs may name the address that the client called: either of ours.
func TestProofsAtTheMutualAddress(t *testing.T) {
	h := openMutual(t)
	for _, tt := range []struct {
		at string
		ok bool
	}{{issuer, true}, {mtlsBase, true}, {h.https.URL, false}, {"https://evil.example", false}} {
		code, _ := h.code(h.bank, once)
		got := h.post(nil, "/oauth/token", h.redeemForm(h.bank, code), http.Header{"Dpop": {h.proof(h.bank.dpop, "POST", tt.at+"/oauth/token", "", nil)}})
		if tt.ok != (got.status == 200) || !tt.ok && got.text("error") != "invalid_dpop_proof" {
			t.Errorf("htu at %s: %v", tt.at, got)
		}
	}
}

func TestMetadataOfTheMutualAddress(t *testing.T) {
	h := openMutual(t)
	got := h.get("/.well-known/oauth-authorization-server")
	aliases, _ := got.json["mtls_endpoint_aliases"].(m)
	for _, name := range []string{"token_endpoint", "pushed_authorization_request_endpoint", "introspection_endpoint", "revocation_endpoint"} {
		if want := strings.Replace(got.text(name), issuer, mtlsBase, 1); aliases[name] != want || got.text(name) == "" {
			t.Errorf("%s = %v; want %s", name, aliases[name], want)
		}
	}
	if aliases["authorization_endpoint"] != nil {
		t.Error("browsers are sent to where certificates are asked for")
	}
	if methods := fmt.Sprint(got.json["token_endpoint_auth_methods_supported"]); methods != "[private_key_jwt self_signed_tls_client_auth tls_client_auth]" ||
		got.json["tls_client_certificate_bound_access_tokens"] != true {
		t.Errorf("metadata: %v", got)
	}
}

func TestResourceMetadata(t *testing.T) {
	h := open(t)
	_, err := h.server.Authenticate(http.Header{}, httptest.NewRequest("GET", "/v1/views/x", nil))
	var no *Unauthorized
	if !errors.As(err, &no) {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(no.Challenge(), `resource_metadata="`)
	at, _, ok := strings.Cut(rest, `"`)
	path, ours := strings.CutPrefix(at, issuer)
	if !ok || !ours {
		t.Fatalf("Challenge = %s; it names no metadata", no.Challenge())
	}
	got := h.get(path)
	if got.status != 200 || got.text("resource") != h.server.Resource() || fmt.Sprint(got.json["authorization_servers"]) != "["+issuer+"]" ||
		got.json["dpop_bound_access_tokens_required"] != true || got.json["tls_client_certificate_bound_access_tokens"] != false {
		t.Errorf("%s: %v", path, got)
	}
	if short := h.get(strings.TrimSuffix(path, "/v1")); short.body != got.body {
		t.Errorf("without the resource's path: %v", short)
	}
	if mutual := openMutual(t).get(path); mutual.json["dpop_bound_access_tokens_required"] != false {
		t.Errorf("where certificates count too: %v", mutual)
	}
}
