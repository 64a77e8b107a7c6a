package consent

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jali/internal/audit"
	"jali/internal/fault"
)

var b64 = base64.RawURLEncoding

// publicKeys are fresh on each run.
var publicKeys = sync.OnceValue(func() (k struct{ ec, rsa, weak, cert, rsaCert string }) {
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
	k.cert, k.rsaCert = certificate(e), certificate(r)
	k.weak = fmt.Sprintf(`"kty":"RSA","e":"AQAB","n":"%s"`, b64.EncodeToString(r.N.Bytes()[:128]))
	return k
})

func certificate(key crypto.Signer) string {
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: noon}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// byCertificate makes a client one that has nothing but a certificate.
func byCertificate(n CertName) func(*Client) {
	return func(c *Client) { c.Auth, c.Certificate, c.JWKS = TLSClientAuth, n, nil }
}

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
	_, err = h.ReviseClient(ctx, bank, func(c Client) (Client, error) { c.Management = []byte("its own"); return c, nil })
	h.must(err)
	h.clock.add(1e9)
	h.must(h.PutClient(ctx, moved))
	if c, _ := h.Client(ctx, bank); c.RedirectURIs[0] != moved.RedirectURIs[0] || !c.Suspended || !c.AddedAt.Equal(noon) || c.AliasShape != "opaque" || string(c.Management) != "its own" {
		t.Errorf("after PutClient: %+v; want the new address, and still suspended and its own manager", c)
	}
	h.must(h.PutClient(ctx, testClient("new")))
	h.leavesNoTrace(ErrClient, func() error { return h.SetKeys(ctx, bank, []byte(`{"keys":[]}`)) })
	h.leavesNoTrace(ErrNoClient, func() error { return h.SetKeys(ctx, "nobody", testClient(bank).JWKS) })
	keys := keySet(publicKeys().rsa + `,"kid":"2","alg":"PS256"`)
	h.must(h.SetKeys(ctx, bank, keys))
	if c, _ := h.Client(ctx, bank); string(c.JWKS) != string(keys) {
		t.Errorf("after SetKeys: %s", c.JWKS)
	}
	events, err := audit.Timeline(ctx, h.DB, "", time.Time{}, 10)
	var verbs []string
	for _, e := range events {
		verbs = append(verbs, e.Verb+" "+e.On)
	}
	slices.Sort(verbs) // two have one moment
	want := []string{"client.added bank", "client.added new", "client.added other", "client.changed bank", "client.changed bank", "client.changed bank", "client.suspended bank"}
	if err != nil || !slices.Equal(verbs, want) {
		t.Errorf("the register's deeds are %q, %v; want %q", verbs, err, want)
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

		{"a certificate's subject in Chinese", byCertificate(CertName{SubjectDN: "CN=bank,O=银行"}), true},
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
		{"no alg, which is told by the kind of key", func(c *Client) { c.JWKS = keySet(k.ec + `,"kid":"1"`) }, true},
		{"no alg on a key of no use", func(c *Client) { c.JWKS = keySet(k.weak + `,"kid":"1"`) }, false},
		{"an alg that is nothing", func(c *Client) { c.JWKS = keySet(k.ec + `,"kid":"1","alg":null`) }, false},
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
		{"a key of more than 16 KiB", func(c *Client) {
			c.JWKS = keySet(k.ec + `,"kid":"1","alg":"ES256","x":"` + strings.Repeat("A", 16<<10) + `"`)
		}, false},
		{"a key with its certificate", func(c *Client) { c.JWKS = keySet(k.ec + `,"kid":"1","alg":"ES256","x5c":["` + k.cert + `"]`) }, true},
		{"an RSA key with its certificate", func(c *Client) { c.JWKS = keySet(k.rsa + `,"kid":"1","alg":"PS256","x5c":["` + k.rsaCert + `"]`) }, true},
		{"a key with another one's certificate", func(c *Client) { c.JWKS = keySet(k.rsa + `,"kid":"1","alg":"PS256","x5c":["` + k.cert + `"]`) }, false},
		{"a certificate in base64url", func(c *Client) {
			c.JWKS = keySet(k.ec + `,"kid":"1","alg":"ES256","x5c":["` + strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(k.cert) + `"]`)
		}, false},
		{"a certificate that is none", func(c *Client) { c.JWKS = keySet(k.ec + `,"kid":"1","alg":"ES256","x5c":["AAAA"]`) }, false},
		{"no certificate in x5c", func(c *Client) { c.JWKS = keySet(k.ec + `,"kid":"1","alg":"ES256","x5c":[]`) }, false},
		{"x5c that is no list", func(c *Client) { c.JWKS = keySet(k.ec + `,"kid":"1","alg":"ES256","x5c":"` + k.cert + `"`) }, false},
		{"a chain that fills the key", func(c *Client) {
			c.JWKS = keySet(k.ec + `,"kid":"1","alg":"ES256","x5c":["` + strings.Join([]string{k.cert, k.cert, k.cert, k.cert, k.cert}, `","`) + `"]`)
		}, false},

		{"keys at a URL", func(c *Client) { c.JWKS, c.JWKSURI = nil, "https://bank.example/jwks.json?v=1" }, true},
		{"keys twice", func(c *Client) { c.JWKSURI = "https://bank.example/jwks" }, false},
		{"keys at a URL that anybody reads along", func(c *Client) { c.JWKS, c.JWKSURI = nil, "http://bank.example/jwks" }, false},
		{"keys in a file", func(c *Client) { c.JWKS, c.JWKSURI = nil, "file:///etc/jwks" }, false},

		{"its certificate", byCertificate(CertName{SubjectDN: "CN=bank,O=Bank\\, Ltd.,C=CN"}), true},
		{"its certificate, with keys for request objects", func(c *Client) {
			byCertificate(CertName{DNS: "bank.example"})(c)
			c.SignedRequests, c.JWKS = true, testClient("c").JWKS
		}, true},
		{"its certificate, and nothing to sign requests with", func(c *Client) {
			byCertificate(CertName{DNS: "bank.example"})(c)
			c.SignedRequests = true
		}, false},
		{"several values in a name", byCertificate(CertName{SubjectDN: `OU=a+2.5.4.5=\#7\e4\bd\a0,C=#04024869`}), true},
		{"a certificate without a name", byCertificate(CertName{}), false},
		{"a certificate with two names", byCertificate(CertName{DNS: "bank.example", IP: "192.0.2.1"}), false},
		{"a name that is no attribute", byCertificate(CertName{SubjectDN: "bank"}), false},
		{"a comma that is not escaped", byCertificate(CertName{SubjectDN: "O=Bank, Ltd."}), false},
		{"a space before a comma", byCertificate(CertName{SubjectDN: "O=Bank ,C=CN"}), false},
		{"an attribute without a value", byCertificate(CertName{SubjectDN: "CN=,C=CN"}), false},
		{"a name of two lines", byCertificate(CertName{SubjectDN: "CN=a\nb"}), false},
		{"a wildcard host", byCertificate(CertName{DNS: "*.bank.example"}), false},
		{"a host with a port", byCertificate(CertName{DNS: "bank.example:443"}), false},
		{"a URI", byCertificate(CertName{URI: "spiffe://bank.example/app"}), true},
		{"a name as URI", byCertificate(CertName{URI: "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}), true},
		{"a relative URI", byCertificate(CertName{URI: "/app"}), false},
		{"an IPv6 address", byCertificate(CertName{IP: "2001:db8::1"}), true},
		{"an address with a zone", byCertificate(CertName{IP: "fe80::1%eth0"}), false},
		{"a network", byCertificate(CertName{IP: "192.0.2.0/24"}), false},
		{"an e-mail address", byCertificate(CertName{Email: "app@bank.example"}), true},
		{"an e-mail address with a name", byCertificate(CertName{Email: "App <app@bank.example>"}), false},
		{"a certificate's name without it", func(c *Client) { c.Certificate.DNS = "bank.example" }, false},
		{"a certificate of its own", func(c *Client) {
			c.Auth, c.JWKS = SelfSignedTLS, keySet(k.ec+`,"kid":"1","alg":"ES256","x5c":["`+k.cert+`"]`)
		}, true},
		{"a certificate of its own, at a URL", func(c *Client) { c.Auth, c.JWKS, c.JWKSURI = SelfSignedTLS, nil, "https://bank.example/jwks" }, true},
		{"a certificate of its own, nowhere", func(c *Client) { c.Auth = SelfSignedTLS }, false},
		{"a certificate of its own with a name", func(c *Client) {
			c.Auth, c.JWKS = SelfSignedTLS, keySet(k.ec+`,"kid":"1","alg":"ES256","x5c":["`+k.cert+`"]`)
			c.Certificate.DNS = "bank.example"
		}, false},
		{"a client secret", func(c *Client) { c.Auth = "client_secret_basic" }, false},
		{"tokens bound to the certificate of a client that signs", func(c *Client) { c.CertificateBound = true }, true},

		{"told at a URL", func(c *Client) { c.WebhookURI = "https://bank.example/hooks" }, true},
		{"told in the open", func(c *Client) { c.WebhookURI = "http://bank.example/hooks" }, false},
		{"polling", func(c *Client) { c.Delivery = Poll }, true},
		{"pinged", func(c *Client) { c.Delivery, c.NotificationURI = Ping, "http://127.0.0.1:9/cb" }, true},
		{"pinged nowhere", func(c *Client) { c.Delivery = Ping }, false},
		{"pinged and polling", func(c *Client) { c.Delivery, c.NotificationURI = Poll, "https://bank.example/cb" }, false},
		{"pinged in the open", func(c *Client) { c.Delivery, c.NotificationURI = Ping, "http://bank.example/cb" }, false},
		{"pushed to", func(c *Client) { c.Delivery = "push" }, false},
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
		if usable, err := UsableKeys(b); err == nil && CheckKeys(usable) != nil {
			t.Errorf("%q of %q is not usable", usable, b)
		}
	})
}
