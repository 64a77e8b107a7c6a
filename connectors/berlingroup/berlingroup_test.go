package berlingroup

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"jali/connectors"
	"jali/internal/dial"
	"jali/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	beijing = time.FixedZone("UTC+8", 8*60*60)
	now     = time.Date(2026, 10, 20, 12, 0, 0, 0, beijing)
	day     = func(d int) time.Time { return time.Date(2026, 10, d, 0, 0, 0, 0, beijing) }
)

// sealing is a QSealC and its key.
var sealing = sync.OnceValue(func() (s struct {
	key         *rsa.PrivateKey
	certificate string
	secret      secret.Value
}) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(0x9FA1), Subject: pkix.Name{CommonName: "D-TRUST CA 2-1 2015", Organization: []string{"D-Trust GmbH"}, Country: []string{"DE"}}}
	cert, err := x509.CreateCertificate(rand.Reader, leaf, leaf, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	s.key, s.certificate = key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	s.secret = secret.New(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return s
})

const api = "/psd2/v1"

// bank answers as the published interface does.
type bank struct {
	base   string
	files  map[string]string // method, path under the API and raw query where that is named → body
	status int               // of every answer; 0: 200, 201 to a POST
	tokens string            // of the token endpoint

	mu   sync.Mutex
	seen []*http.Request
	sent [][]byte
}

func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	b.seen, b.sent = append(b.seen, r), append(b.sent, body)
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/oauth/.well-known/oauth-authorization-server":
		if doc, ok := b.files["metadata"]; ok {
			_, _ = io.WriteString(w, strings.ReplaceAll(doc, "BASE", b.base))
			return
		}
		fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%q}`, b.base+"/oauth", b.base+"/oauth/authorize", b.base+"/oauth/token")
		return
	case "/oauth/token":
		if b.tokens == "" {
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
			return
		}
		_, _ = io.WriteString(w, b.tokens)
		return
	}
	at := r.Method + " " + strings.TrimPrefix(r.URL.EscapedPath(), api)
	out, ok := b.files[at+"?"+r.URL.RawQuery]
	if !ok {
		out, ok = b.files[at]
	}
	switch {
	case b.status != 0:
		w.WriteHeader(b.status)
	case !ok:
		w.WriteHeader(404)
		out = `{"tppMessages":[{"category":"ERROR","code":"RESOURCE_UNKNOWN"}]}`
	case r.Method == "POST":
		w.WriteHeader(201)
	case r.Method == "DELETE":
		w.WriteHeader(204)
		return
	}
	_, _ = io.WriteString(w, strings.ReplaceAll(out, "BASE", b.base))
}

// asked is the last request and its body.
func (b *bank) asked() (*http.Request, []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen[len(b.seen)-1], b.sent[len(b.sent)-1]
}

func connect(t testing.TB, b *bank, change ...func(*Config)) *Connector {
	t.Helper()
	srv := httptest.NewServer(b)
	t.Cleanup(srv.Close)
	b.base = srv.URL
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	k := config(srv.URL, client)
	for _, f := range change {
		f(&k)
	}
	c, err := New(k)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func config(base string, client *http.Client) Config {
	return Config{Source: connectors.Source{ID: "xihe_bank"}, API: base + api, ClientID: "PSDDE-BAFIN-123456", CardAccounts: true,
		HTTP: client, Now: func() time.Time { return now }}
}

var (
	linked = secret.Of(`{"consent":"1234-wertiq-983","until":1900000000}`)
	giro   = refOf(ref{ID: "e80e", identified: identified{IBAN: "DE12500105170648489890", Currency: "EUR"}})
	card   = refOf(ref{ID: "3d9a", Card: true, Debt: true, identified: identified{MaskedPAN: "525412******3241", Currency: "EUR"}})
)

func refOf(k ref) connectors.AccountRef {
	id, err := sealed(k)
	if err != nil {
		panic(err)
	}
	return connectors.AccountRef{ID: id}
}

func file(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestNewSaysWhatIsWrongWithItsConfig(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(other)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		why    string
		change func(*Config)
		ok     bool
	}{
		{"as it is", func(*Config) {}, true},
		{"with a seal", func(c *Config) { c.Certificate, c.Key = sealing().certificate, sealing().secret }, true},
		{"no id", func(c *Config) { c.Source.ID = "" }, false},
		{"http to the world", func(c *Config) { c.API = "http://bank.example" + api }, false},
		{"metadata that is no address", func(c *Config) { c.Metadata = "oauth" }, false},
		{"metadata and no client", func(c *Config) { c.Metadata, c.ClientID = "https://bank.example/oauth", "" }, false},
		{"a certificate without its key", func(c *Config) { c.Certificate = sealing().certificate }, false},
		{"a key without its certificate", func(c *Config) { c.Key = sealing().secret }, false},
		{"a certificate that is none", func(c *Config) { c.Certificate, c.Key = "x", sealing().secret }, false},
		{"a key that is none", func(c *Config) { c.Certificate, c.Key = sealing().certificate, secret.Of("x") }, false},
		{"another's certificate", func(c *Config) {
			c.Certificate, c.Key = sealing().certificate, secret.New(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		}, false},
		{"a delta of its own", func(c *Config) { c.Delta = "since" }, false},
	} {
		c := config("https://bank.example", http.DefaultClient)
		tt.change(&c)
		n, err := New(c)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok %v", tt.why, err, tt.ok)
		}
		if err == nil && (n.Source().Unattended != 4 || n.Source().History != 90*24*time.Hour || n.Source().Kind != connectors.Bank) {
			t.Errorf("%s: the limits of the framework are not told: %+v", tt.why, n.Source())
		}
	}
}

// TestEveryMessageCodeMeansOneThing: the codes of the account information
// service, each with the status that it is published with.
func TestEveryMessageCodeMeansOneThing(t *testing.T) {
	tested := map[string]bool{}
	for _, tt := range []struct {
		status int
		code   string
		want   error
	}{
		{401, "CONSENT_EXPIRED", connectors.ErrUnauthorized}, {401, "CONSENT_INVALID", connectors.ErrUnauthorized},
		{403, "CONSENT_UNKNOWN", connectors.ErrUnauthorized}, {400, "CONSENT_UNKNOWN", connectors.ErrUnauthorized},
		{401, "TOKEN_UNKNOWN", connectors.ErrUnauthorized}, {401, "TOKEN_INVALID", connectors.ErrUnauthorized}, {401, "TOKEN_EXPIRED", connectors.ErrUnauthorized},
		{401, "PSU_CREDENTIALS_INVALID", connectors.ErrUnauthorized},
		{429, "ACCESS_EXCEEDED", connectors.ErrBusy},
		// What is wrong with us no person mends by linking again.
		{401, "CERTIFICATE_INVALID", connectors.ErrRefused}, {401, "CERTIFICATE_EXPIRED", connectors.ErrRefused}, {401, "CERTIFICATE_BLOCKED", connectors.ErrRefused},
		{401, "CERTIFICATE_REVOKED", connectors.ErrRefused}, {401, "CERTIFICATE_MISSING", connectors.ErrRefused}, {401, "ROLE_INVALID", connectors.ErrRefused},
		{401, "SIGNATURE_INVALID", connectors.ErrRefused}, {401, "SIGNATURE_MISSING", connectors.ErrRefused}, {401, "CORPORATE_ID_INVALID", connectors.ErrRefused},
		{400, "TIMESTAMP_INVALID", connectors.ErrRefused}, {400, "FORMAT_ERROR", connectors.ErrRefused},
		{400, "PARAMETER_NOT_CONSISTENT", connectors.ErrRefused}, {400, "PARAMETER_NOT_SUPPORTED", connectors.ErrRefused},
		{400, "PERIOD_INVALID", connectors.ErrRefused}, {400, "SESSIONS_NOT_SUPPORTED", connectors.ErrRefused},
		{403, "SERVICE_BLOCKED", connectors.ErrRefused}, {400, "SERVICE_INVALID", connectors.ErrRefused}, {405, "SERVICE_INVALID", connectors.ErrRefused},
		{404, "RESOURCE_UNKNOWN", connectors.ErrRefused}, {403, "RESOURCE_EXPIRED", connectors.ErrRefused}, {400, "RESOURCE_BLOCKED", connectors.ErrRefused},
		{406, "REQUESTED_FORMATS_INVALID", connectors.ErrRefused}, {409, "STATUS_INVALID", connectors.ErrRefused},
		// A code of a bank's own says no more than its status.
		{401, "OWN_CODE", connectors.ErrUnauthorized}, {403, "OWN_CODE", connectors.ErrRefused}, {429, "OWN_CODE", connectors.ErrBusy},
		// A failure of the bank's is one whatever it says.
		{500, "CONSENT_EXPIRED", connectors.ErrDown}, {503, "SERVICE_BLOCKED", connectors.ErrDown}, {302, "CONSENT_EXPIRED", connectors.ErrMalformed},
	} {
		tested[tt.code] = true
		for _, form := range []string{
			`{"tppMessages":[{"category":"ERROR","code":%q,"text":"DE12500105170648489890"}]}`,
			`{"type":"https://bank.example/p","title":"DE12500105170648489890","code":%q}`,
			`{"tppMessages":[{"category":"WARNING","code":"SOMETHING_ELSE"},{"category":"ERROR","code":%q}]}`,
		} {
			b := &bank{status: tt.status, files: map[string]string{"GET /accounts": fmt.Sprintf(form, tt.code)}}
			_, err := connect(t, b).Accounts(context.Background(), linked)
			if !errors.Is(err, tt.want) || strings.Contains(err.Error(), "DE12") || strings.Contains(err.Error(), "wertiq") {
				t.Errorf("%d %s: %v, want %v", tt.status, tt.code, err, tt.want)
			}
		}
	}
	for code := range meanings {
		if !tested[code] {
			t.Errorf("%s is read and not tested", code)
		}
	}
}

// TestSeal checks a signed request as the bank would.
func TestSeal(t *testing.T) {
	b := &bank{files: map[string]string{"POST /consents": file(t, "consent-redirect.json"), "GET /accounts": file(t, "accounts.json"), "GET /card-accounts": file(t, "card-accounts.json")}}
	c := connect(t, b, func(k *Config) { k.Certificate, k.Key = sealing().certificate, sealing().secret })
	for _, tt := range []struct {
		headers string
		call    func() error
	}{
		{"digest x-request-id tpp-redirect-uri date", func() error {
			_, err := c.Begin(context.Background(), "s", "https://jali.example/link")
			return err
		}},
		{"digest x-request-id date", func() error { _, err := c.Accounts(context.Background(), linked); return err }},
	} {
		if err := tt.call(); err != nil {
			t.Fatal(err)
		}
		r, body := b.asked()
		sum := sha256.Sum256(body)
		if got := r.Header.Get("Digest"); got != "SHA-256="+base64.StdEncoding.EncodeToString(sum[:]) {
			t.Errorf("Digest %s", got)
		}
		der, err := base64.StdEncoding.DecodeString(r.Header.Get("TPP-Signature-Certificate"))
		if block, _ := pem.Decode([]byte(sealing().certificate)); err != nil || !bytes.Equal(der, block.Bytes) {
			t.Error("TPP-Signature-Certificate is not the certificate")
		}
		if got := r.Header.Get("Date"); got != "Tue, 20 Oct 2026 04:00:00 GMT" {
			t.Errorf("Date %s", got)
		}
		head := `keyId="SN=9FA1,CA=CN=D-TRUST%20CA%202-1%202015,O=D-Trust%20GmbH,C=DE",algorithm="rsa-sha256",headers="` + tt.headers + `",signature="`
		text, ok := strings.CutPrefix(r.Header.Get("Signature"), head)
		if !ok {
			t.Fatalf("Signature %s", r.Header.Get("Signature"))
		}
		var lines []string
		for _, name := range strings.Fields(tt.headers) {
			lines = append(lines, name+": "+r.Header.Get(name))
		}
		sum = sha256.Sum256([]byte(strings.Join(lines, "\n")))
		sig, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(text, `"`))
		if err != nil || rsa.VerifyPKCS1v15(&sealing().key.PublicKey, crypto.SHA256, sum[:], sig) != nil {
			t.Errorf("the signature over %q does not verify", tt.headers)
		}
	}
}

// TestPresence: the bank is told that the person is there when they are; where
// a consent is asked for it is told this machine's address instead.
func TestPresence(t *testing.T) {
	b := &bank{files: map[string]string{"POST /consents": file(t, "consent-redirect.json"), "GET /accounts/e80e/balances": file(t, "balances.json")}}
	c := connect(t, b, func(k *Config) { k.Address = netip.MustParseAddr("198.51.100.1") })
	here := connectors.Present(context.Background(), connectors.Presence{IP: netip.MustParseAddr("::ffff:198.51.100.7"), UserAgent: "phone"})
	odd := connectors.Present(context.Background(), connectors.Presence{UserAgent: "a\r\nX-Evil: 1"})
	for _, tt := range []struct {
		why       string
		ctx       context.Context
		link      bool
		ip, agent string
	}{
		{"nobody is there", context.Background(), false, "", ""},
		{"somebody is", here, false, "198.51.100.7", "phone"},
		{"a header in a header", odd, false, "", ""},
		{"a link, nobody known", context.Background(), true, "198.51.100.1", ""},
		{"a link", here, true, "198.51.100.7", "phone"},
	} {
		var err error
		if tt.link {
			_, err = c.Begin(tt.ctx, "s", "https://jali.example/link")
		} else {
			_, err = c.Balances(tt.ctx, linked, []connectors.AccountRef{giro})
		}
		if err != nil {
			t.Fatal(err)
		}
		h, _ := b.asked()
		if h.Header.Get("PSU-IP-Address") != tt.ip || h.Header.Get("PSU-User-Agent") != tt.agent || len(h.Header.Get("X-Request-ID")) != 36 {
			t.Errorf("%s: %v", tt.why, h.Header)
		}
		if tt.link != (h.Header.Get("TPP-Redirect-Preferred") == "true") || tt.link == (h.Header.Get("Consent-ID") != "") {
			t.Errorf("%s: %v", tt.why, h.Header)
		}
	}
}

func query(l connectors.Linking, b *bank) url.Values {
	r, _ := b.asked()
	back, err := url.Parse(r.Header.Get("TPP-Redirect-URI"))
	if err != nil {
		panic(err)
	}
	return back.Query()
}

func members(t *testing.T, b []byte) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func answerOf(status int, body string) dial.Answer {
	return dial.Answer{Status: status, Header: http.Header{}, Body: []byte(body)}
}

// canned answers without a network.
type canned map[string]string

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	at := r.Method + " " + strings.TrimPrefix(r.URL.EscapedPath(), api)
	body, ok := c[at+"?"+r.URL.RawQuery]
	if !ok {
		body = c[at]
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
}
