package consent

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"jali/internal/fault"
)

var b64 = base64.RawURLEncoding

// publicKeys are fresh on each run.
var publicKeys = sync.OnceValue(func() (k struct{ ec, rsa, weak string }) {
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	point, err := e.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	k.ec = fmt.Sprintf(`"kty":"EC","crv":"P-256","x":"%s","y":"%s"`, b64.EncodeToString(point[1:33]), b64.EncodeToString(point[33:]))
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	k.rsa = fmt.Sprintf(`"kty":"RSA","e":"AQAB","n":"%s"`, b64.EncodeToString(r.N.Bytes()))
	k.weak = fmt.Sprintf(`"kty":"RSA","e":"AQAB","n":"%s"`, b64.EncodeToString(r.N.Bytes()[:128]))
	return k
})

func keySet(keys ...string) json.RawMessage {
	for i, k := range keys {
		keys[i] = "{" + k + "}"
	}
	return json.RawMessage(`{"keys":[` + strings.Join(keys, ",") + `]}`)
}

func testClient(id ClientID) Client {
	return Client{ID: id, Name: Name{"银行" + string(id), string(id)}, RedirectURIs: []string{"https://bank.example/back"},
		JWKS: keySet(publicKeys().ec + `,"kid":"1","alg":"ES256"`)}
}

func TestRegister(t *testing.T) {
	h := build(t)
	h.leavesNoTrace(ErrClientExists, func() error { return h.AddClient(ctx, testClient(bank)) })
	c, err := h.Client(ctx, bank)
	if err != nil || c.AliasShape != "opaque" || !c.AddedAt.Equal(noon) || c.Name.ZH != "银行bank" {
		t.Errorf("Client = %+v, %v", c, err)
	}
	if _, err := h.Client(ctx, "nobody"); !errors.Is(err, ErrNoClient) {
		t.Errorf("Client of nobody: %v", err)
	}
	if list, err := h.Clients(ctx); err != nil || len(list) != 2 {
		t.Errorf("Clients = %v, %v", list, err)
	}
	h.must(h.SuspendClient(ctx, bank, true))
	moved := testClient(bank)
	moved.RedirectURIs = []string{"http://127.0.0.1:5000/back"}
	h.clock.add(1e9)
	h.must(h.PutClient(ctx, moved))
	if c, _ := h.Client(ctx, bank); c.RedirectURIs[0] != moved.RedirectURIs[0] || !c.Suspended || !c.AddedAt.Equal(noon) || c.AliasShape != "opaque" {
		t.Errorf("after PutClient: %+v; want the new address, and still suspended", c)
	}
	h.must(h.PutClient(ctx, testClient("new")))
	h.leavesNoTrace(ErrClient, func() error { return h.SetKeys(ctx, bank, []byte(`{"keys":[]}`)) })
	h.leavesNoTrace(ErrNoClient, func() error { return h.SetKeys(ctx, "nobody", testClient(bank).JWKS) })
	keys := keySet(publicKeys().rsa + `,"kid":"2","alg":"PS256"`)
	h.must(h.SetKeys(ctx, bank, keys))
	if c, _ := h.Client(ctx, bank); string(c.JWKS) != string(keys) {
		t.Errorf("after SetKeys: %s", c.JWKS)
	}
}

func TestWhatIsNoClient(t *testing.T) {
	k := publicKeys()
	tooMany := make([]string, 17)
	for i := range tooMany {
		tooMany[i] = fmt.Sprintf(`%s,"alg":"ES256","kid":"%d"`, k.ec, i)
	}
	for _, tt := range []struct {
		why    string
		change func(*Client)
		ok     bool
	}{
		{"as it should be", func(*Client) {}, true},
		{"no id", func(c *Client) { c.ID = "" }, false},
		{"an id that is a path", func(c *Client) { c.ID = "a/b" }, false},
		{"no Chinese name", func(c *Client) { c.Name.ZH = "" }, false},
		{"no English name", func(c *Client) { c.Name.EN = "" }, false},
		{"a name that turns the writing round", func(c *Client) { c.Name.EN = "knab\u202e" }, false},
		{"a name with a line break", func(c *Client) { c.Name.ZH = "银\n行" }, false},
		{"a name that fills the page", func(c *Client) { c.Name.EN = strings.Repeat("a", 61) }, false},
		{"an alias shape that is none", func(c *Client) { c.AliasShape = "passport" }, false},
		{"the shape of a card", func(c *Client) { c.AliasShape = "card" }, true},

		{"keys by URL", func(c *Client) { c.JWKS, c.JWKSURI = nil, "https://bank.example/jwks" }, true},
		{"keys by URL and by value", func(c *Client) { c.JWKSURI = "https://bank.example/jwks" }, false},
		{"keys by URL on a network without TLS", func(c *Client) { c.JWKS, c.JWKSURI = nil, "http://bank.example/jwks" }, false},
		{"keys in a file", func(c *Client) { c.JWKS, c.JWKSURI = nil, "file:///etc/passwd" }, false},
		{"no keys", func(c *Client) { c.JWKS = nil }, false},
		{"a certificate of an authority, and no keys", func(c *Client) { c.Auth, c.Certificate.DNS, c.JWKS = TLSClientAuth, "app.bank.example", nil }, true},
		{"the same, but its requests are to be signed", func(c *Client) {
			c.Auth, c.Certificate.DNS, c.JWKS, c.SignedRequests = TLSClientAuth, "app.bank.example", nil, true
		}, false},
		{"a certificate without a name", func(c *Client) { c.Auth = TLSClientAuth }, false},
		{"a certificate with two", func(c *Client) {
			c.Auth, c.Certificate = TLSClientAuth, CertName{DNS: "app.bank.example", IP: "192.0.2.1"}
		}, false},
		{"a wildcard's certificate", func(c *Client) { c.Auth, c.Certificate.DNS = TLSClientAuth, "*.bank.example" }, false},
		{"a certificate of no IP address", func(c *Client) { c.Auth, c.Certificate.IP = TLSClientAuth, "bank" }, false},
		{"a certificate of a subject that is a name", func(c *Client) { c.Auth, c.Certificate.SubjectDN = TLSClientAuth, "Bank" }, false},
		{"a certificate's subject", func(c *Client) { c.Auth, c.Certificate.SubjectDN = TLSClientAuth, "CN=bank,O=银行" }, true},
		{"a certificate's e-mail address", func(c *Client) { c.Auth, c.Certificate.Email = TLSClientAuth, "it@bank.example" }, true},
		{"a certificate's relative URI", func(c *Client) { c.Auth, c.Certificate.URI = TLSClientAuth, "bank" }, false},
		{"a name for a certificate of its own", func(c *Client) { c.Auth, c.Certificate.DNS = SelfSignedTLS, "bank.example" }, false},
		{"a certificate of its own", func(c *Client) { c.Auth, c.CertificateBound = SelfSignedTLS, true }, true},
		{"a secret", func(c *Client) { c.Auth = "client_secret_basic" }, false},
		{"a webhook", func(c *Client) { c.WebhookURI = "https://bank.example/hook" }, true},
		{"a webhook without TLS", func(c *Client) { c.WebhookURI = "http://bank.example/hook" }, false},
		{"decoupled by poll", func(c *Client) { c.Delivery = Poll }, true},
		{"by push, which hands out tokens", func(c *Client) { c.Delivery = "push" }, false},
		{"by ping to nowhere", func(c *Client) { c.Delivery = Ping }, false},
		{"by ping", func(c *Client) { c.Delivery, c.NotificationURI = Ping, "https://bank.example/ping" }, true},
		{"an address for pings that nobody sends", func(c *Client) { c.NotificationURI = "https://bank.example/ping" }, false},

		{"nowhere to go back to", func(c *Client) { c.RedirectURIs = nil }, false},
		{"http on a network", func(c *Client) { c.RedirectURIs[0] = "http://bank.example/" }, false},
		{"http on 127.0.0.1", func(c *Client) { c.RedirectURIs[0] = "http://127.0.0.1:8090/cb" }, true},
		{"http on ::1", func(c *Client) { c.RedirectURIs[0] = "http://[::1]:8090/cb" }, true},
		{"http on localhost", func(c *Client) { c.RedirectURIs[0] = "http://localhost:8090/cb" }, true},
		{"http on a host that begins like it", func(c *Client) { c.RedirectURIs[0] = "http://127.0.0.1.evil.example/" }, false},
		{"a fragment", func(c *Client) { c.RedirectURIs[0] += "#x" }, false},
		{"an empty fragment", func(c *Client) { c.RedirectURIs[0] += "#" }, false},
		{"a user", func(c *Client) { c.RedirectURIs[0] = "https://bank.example@evil.example/" }, false},
		{"a backslash", func(c *Client) { c.RedirectURIs[0] = `https://evil.example\@bank.example/` }, false},
		{"a relative one", func(c *Client) { c.RedirectURIs[0] = "/back" }, false},
		{"a script", func(c *Client) { c.RedirectURIs[0] = "javascript:alert(1)" }, false},
		{"an app's own scheme", func(c *Client) { c.RedirectURIs[0] = "bank://back" }, false},
		{"a wildcard", func(c *Client) { c.RedirectURIs[0] = "https://*.bank.example/" }, false},

		{"no keys at all", func(c *Client) { c.JWKS = nil }, false},
		{"an empty set", func(c *Client) { c.JWKS = keySet() }, false},
		{"seventeen", func(c *Client) { c.JWKS = keySet(tooMany...) }, false},
		{"an RSA key for PS256", func(c *Client) { c.JWKS = keySet(k.rsa + `,"kid":"1","alg":"PS256"`) }, true},
		{"an Ed25519 key", func(c *Client) {
			c.JWKS = keySet(`"kty":"OKP","crv":"Ed25519","kid":"1","alg":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`)
		}, true},
		{"RSA as PKCS #1", func(c *Client) { c.JWKS = keySet(k.rsa + `,"kid":"1","alg":"RS256"`) }, false},
		{"RSA of 1024 bits", func(c *Client) { c.JWKS = keySet(k.weak + `,"kid":"1","alg":"PS256"`) }, false},
		{"a point off the curve", func(c *Client) {
			c.JWKS = keySet(`"kty":"EC","crv":"P-256","kid":"1","alg":"ES256","x":"` + b64.EncodeToString(make([]byte, 32)) + `","y":"` + b64.EncodeToString(make([]byte, 32)) + `"`)
		}, false},
		{"an alg of another kind of key", func(c *Client) { c.JWKS = keySet(k.ec + `,"kid":"1","alg":"PS256"`) }, false},
		{"alg none", func(c *Client) { c.JWKS = keySet(k.ec + `,"kid":"1","alg":"none"`) }, false},
		{"no alg", func(c *Client) { c.JWKS = keySet(k.ec + `,"kid":"1"`) }, false},
		{"no kid", func(c *Client) { c.JWKS = keySet(k.ec + `,"alg":"ES256"`) }, false},
		{"one kid twice", func(c *Client) { c.JWKS = keySet(k.ec+`,"kid":"1","alg":"ES256"`, k.rsa+`,"kid":"1","alg":"PS256"`) }, false},
		{"a private key", func(c *Client) { c.JWKS = keySet(k.ec + `,"kid":"1","alg":"ES256","d":"AAAA"`) }, false},
		{"a symmetric key", func(c *Client) { c.JWKS = keySet(`"kty":"oct","kid":"1","alg":"HS256","k":"AAAA"`) }, false},
		{"a key to encrypt with", func(c *Client) { c.JWKS = keySet(k.ec + `,"kid":"1","alg":"ES256","use":"enc"`) }, false},
		{"a key for the other half of signing", func(c *Client) { c.JWKS = keySet(k.ec + `,"kid":"1","alg":"ES256","key_ops":["sign"]`) }, false},
		{"a key to check with", func(c *Client) { c.JWKS = keySet(k.ec + `,"kid":"1","alg":"ES256","key_ops":["verify"]`) }, true},
		{"a member twice", func(c *Client) { c.JWKS = keySet(k.ec + `,"kid":"1","alg":"PS256","alg":"ES256"`) }, false},
		{"keys in other case, which readers of ours pass over", func(c *Client) { c.JWKS = append([]byte(`{"Keys"`), c.JWKS[len(`{"keys"`):]...) }, false},
		{"the key is null", func(c *Client) { c.JWKS = json.RawMessage(`{"keys":[null]}`) }, false},
		{"a key with its certificates", func(c *Client) {
			c.JWKS = keySet(k.ec + `,"kid":"1","alg":"ES256","x5c":["` + strings.Repeat("A", 8<<10) + `"]`)
		}, false},
		{"RSA of more bits than are checked", func(c *Client) {
			c.JWKS = keySet(`"kty":"RSA","e":"AQAB","kid":"1","alg":"PS256","n":"` + b64.EncodeToString(bytes.Repeat([]byte{0xff}, 513)) + `"`)
		}, false},
		{"something after the set", func(c *Client) { c.JWKS = append(c.JWKS, []byte("{}")...) }, false},
		{"a set that is none", func(c *Client) { c.JWKS = json.RawMessage(`"keys"`) }, false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			c := testClient("c").whole()
			c.RedirectURIs = append([]string(nil), c.RedirectURIs...)
			tt.change(&c)
			err := c.check()
			if tt.ok != (err == nil) || !tt.ok && !errors.Is(err, ErrClient) && !errors.Is(err, ErrRedirect) {
				t.Errorf("check() = %v", err)
			}
			var f *fault.Error
			if errors.As(err, &f) && (strings.Contains(f.Detail, "evil") || strings.Contains(f.Detail, "AAAA")) {
				t.Errorf("the detail repeats what was sent: %s", f.Detail)
			}
		})
	}
}

func FuzzCheckKeys(f *testing.F) {
	f.Add([]byte(testClient("c").JWKS))
	f.Add([]byte(`{"keys":[{"kty":"oct"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := CheckKeys(b); err == nil && !json.Valid(b) {
			t.Errorf("took %q", b)
		}
	})
}
