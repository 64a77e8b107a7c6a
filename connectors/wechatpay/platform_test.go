package wechatpay

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"jali/connectors"
	"jali/internal/secret"
)

const apiV3 = "an-api-v3-key-of-thirty-two-byte"

// issuer is a platform in platform-certificate mode.
type issuer struct {
	mu     sync.Mutex
	listed []issued
	signer int // of listed
	asked  int
	status int // in place of the list
	apiV3  string
	now    time.Time
}

type issued struct {
	serial string
	key    *rsa.PrivateKey
	pem    []byte
}

var secondKey = sync.OnceValue(newKey)

func issue(t testing.TB, serial int64, key *rsa.PrivateKey, until time.Time) issued {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: now.AddDate(-1, 0, 0), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return issued{fmt.Sprintf("%X", serial), key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func (i *issuer) list() string {
	block, err := aes.NewCipher([]byte(i.apiV3))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	var rows []string
	for _, c := range i.listed {
		nonce := rand.Text()[:12]
		rows = append(rows, fmt.Sprintf(`{"serial_no":%q,"effective_time":"2018-06-08T10:34:56+08:00","expire_time":"2030-06-08T10:34:56+08:00","encrypt_certificate":{"algorithm":"AEAD_AES_256_GCM","nonce":%q,"associated_data":"certificate","ciphertext":%q}}`,
			c.serial, nonce, base64.StdEncoding.EncodeToString(aead.Seal(nil, []byte(nonce), c.pem, []byte("certificate")))))
	}
	return `{"data":[` + strings.Join(rows, ",") + `]}`
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	status, body := 200, `{"sub_mchid":"1230000109","available_amount":1}`
	if r.URL.Path == "/v3/certificates" {
		i.asked++
		if status, body = 200, i.list(); i.status != 0 {
			status, body = i.status, `{"code":"RESOURCE_NOT_EXISTS"}`
		}
	}
	by := i.listed[i.signer]
	signAs(w.Header(), body, i.now, by.serial, by.key)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func certified(t *testing.T, i *issuer) (*Connector, func(time.Duration)) {
	t.Helper()
	c := connect(t, i, func(cfg *Config) { cfg.PlatformKeys, cfg.APIv3Key = nil, secret.Of(apiV3) })
	i.apiV3, i.now = apiV3, now
	c.now = func() time.Time { i.mu.Lock(); defer i.mu.Unlock(); return i.now }
	return c, func(d time.Duration) { i.mu.Lock(); defer i.mu.Unlock(); i.now = i.now.Add(d) }
}

func TestACertificateIsReplacedWhileAnswersComeUnderBoth(t *testing.T) {
	old, next := issue(t, 0x5157F09E, platformKey(), now.AddDate(1, 0, 0)), issue(t, 0x50062CE5, secondKey(), now.AddDate(1, 0, 0))
	i := &issuer{listed: []issued{old}}
	c, pass := certified(t, i)
	read := func(why string, want error, asked int) {
		t.Helper()
		_, err := c.Balances(context.Background(), linked, []connectors.AccountRef{own})
		if !errors.Is(err, want) || i.asked != asked {
			t.Errorf("%s: %v, list asked for %d times; want %v, %d", why, err, i.asked, want, asked)
		}
	}
	read("the first answer", nil, 1)
	read("the second", nil, 1)
	i.listed, i.signer = []issued{old, next}, 1
	read("a new serial, within the minute", connectors.ErrUnsigned, 1)
	read("and again", connectors.ErrUnsigned, 1)
	pass(pause)
	read("a new serial, after it", nil, 2)
	i.signer = 0
	read("the old one still signs", nil, 2)
	pass(anew)
	read("after half a day the list is asked for again", nil, 3)
	i.listed, i.signer = []issued{next, issue(t, 7, platformKey(), now.AddDate(1, 0, 0))}, 0
	pass(anew)
	read("the old one is dropped", nil, 4)
	i.listed, i.signer = []issued{next, old}, 1
	read("and not believed any more, for a minute", connectors.ErrUnsigned, 4)
}

func TestListsOfCertificatesThatAreNotBelieved(t *testing.T) {
	good := issue(t, 5, platformKey(), now.AddDate(1, 0, 0))
	for _, tt := range []struct {
		why  string
		bend func(*issuer)
		want error
	}{
		{"as it is", func(*issuer) {}, nil},
		{"another APIv3 key", func(i *issuer) { i.apiV3 = strings.ToUpper(apiV3) }, connectors.ErrUnsigned},
		{"signed with another key than it lists", func(i *issuer) {
			i.listed = append(i.listed, issued{good.serial, secondKey(), good.pem})
			i.signer = 1
		}, connectors.ErrUnsigned},
		{"a certificate under another serial", func(i *issuer) { i.listed[0].serial = "6" }, connectors.ErrUnsigned},
		{"a certificate that is past", func(i *issuer) { i.listed[0] = issue(t, 5, platformKey(), now.AddDate(0, 0, -1)) }, connectors.ErrUnsigned},
		{"a clock five minutes off", func(i *issuer) { i.now = i.now.Add(-skew) }, connectors.ErrUnsigned},
		{"a merchant in public-key mode", func(i *issuer) { i.status = 404 }, connectors.ErrRefused},
		{"a platform that is down", func(i *issuer) { i.status = 503 }, connectors.ErrDown},
	} {
		i := &issuer{listed: []issued{good}}
		c, _ := certified(t, i)
		clock := i.now
		c.now = func() time.Time { return clock }
		tt.bend(i)
		for range 2 { // the second is told what became of the first, and asks nobody
			if _, err := c.Balances(context.Background(), linked, []connectors.AccountRef{own}); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
			}
		}
		if i.asked != 1 {
			t.Errorf("%s: the list was asked for %d times", tt.why, i.asked)
		}
	}
}

func TestManyWaitersAskForTheListOnce(t *testing.T) {
	i := &issuer{listed: []issued{issue(t, 5, platformKey(), now.AddDate(1, 0, 0))}}
	c, _ := certified(t, i)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if _, err := c.Balances(context.Background(), linked, []connectors.AccountRef{own}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if i.asked != 1 {
		t.Errorf("the list was asked for %d times", i.asked)
	}
}

// In public-key mode nobody asks for certificates, and the answer's key is named.
func TestPublicKeyModeAsksForNoCertificates(t *testing.T) {
	c := connect(t, &platform{t: t, answer: func(_ http.ResponseWriter, r *http.Request) (int, string) {
		if r.URL.Path == "/v3/certificates" || r.Header.Get("Wechatpay-Serial") != platformID {
			t.Errorf("%s, for answers under %q", r.URL.Path, r.Header.Get("Wechatpay-Serial"))
		}
		return 200, `{"sub_mchid":"1230000109","available_amount":1}`
	}, header: func(h http.Header) { h.Set("Wechatpay-Serial", "5157F09E") }})
	if _, err := c.Balances(context.Background(), linked, []connectors.AccountRef{own}); !errors.Is(err, connectors.ErrUnsigned) {
		t.Errorf("an answer under a certificate: %v, want ErrUnsigned", err)
	}
}

func FuzzOpenCertificates(f *testing.F) {
	i := &issuer{listed: []issued{issue(f, 5, platformKey(), now.AddDate(1, 0, 0))}, apiV3: apiV3}
	f.Add([]byte(i.list()))
	published, err := os.ReadFile("testdata/certificates.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(published)
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := openCertificates(b, secret.Of(apiV3))
		for serial, c := range all {
			if err != nil || c == nil || fmt.Sprintf("%X", c.SerialNumber) != serial {
				t.Fatalf("serial %q, %v", serial, err)
			}
		}
	})
}

// The published example has the form, and ciphertexts that nobody can open.
func TestTheFormOfThePublishedList(t *testing.T) {
	b, err := os.ReadFile("testdata/certificates.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openCertificates(b, secret.Of(apiV3)); err == nil || !strings.Contains(err.Error(), "does not open") {
		t.Errorf("%v: it was not read as far as the ciphertext", err)
	}
}
