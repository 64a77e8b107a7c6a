package alipay

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jali/connectors"
)

var (
	nextKey = sync.OnceValue(newKey)
	caKey   = sync.OnceValue(newKey)
)

// authority is a chain as Alipay has it.
type authority struct{ root, app, platform, renewed, strangers, other, expired string }

func name(cn string) pkix.Name {
	return pkix.Name{Country: []string{"CN"}, Organization: []string{"蚂蚁, 等"}, OrganizationalUnit: []string{"Alipay"}, CommonName: cn}
}

func issue(number int64, issuer, subject pkix.Name, public *rsa.PublicKey, with *rsa.PrivateKey, until time.Time, ca bool) string {
	c := &x509.Certificate{SerialNumber: big.NewInt(number), Subject: subject, NotBefore: now.AddDate(-2, 0, 0), NotAfter: until,
		IsCA: ca, BasicConstraintsValid: ca, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, c, &x509.Certificate{Subject: issuer}, public, with)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

var chain = sync.OnceValue(func() authority {
	years := now.AddDate(5, 0, 0)
	root, branch, alipay := name("R1"), name("Class 2 R1"), name("支付宝(中国)网络技术有限公司-2088000000000000")
	ca, mid := &caKey().PublicKey, issue(2, name("R1"), branch, &caKey().PublicKey, caKey(), years, true)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	e1 := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: name("E1"), NotBefore: now.AddDate(-2, 0, 0), NotAfter: years, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, e1, e1, &ec.PublicKey, ec)
	if err != nil {
		panic(err)
	}
	return authority{
		root: issue(1, root, root, ca, caKey(), years, true) + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) +
			"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", // of a kind that is not read here
		app:       issue(10, branch, name("2088-app"), &ourKey().PublicKey, caKey(), years, false),
		platform:  issue(20, branch, alipay, &alipayKey().PublicKey, caKey(), years, false) + mid,
		renewed:   issue(21, branch, alipay, &nextKey().PublicKey, caKey(), years, false) + mid,
		strangers: issue(22, branch, name("2088-another-app"), &nextKey().PublicKey, caKey(), years, false) + mid,
		other:     issue(23, root, alipay, &nextKey().PublicKey, nextKey(), years, false),
		expired:   issue(24, branch, alipay, &nextKey().PublicKey, caKey(), now.AddDate(0, 0, -1), false) + mid,
	}
})

func serialOf(t *testing.T, text string) string {
	t.Helper()
	all, err := certificates(text)
	if err != nil {
		t.Fatal(err)
	}
	return serial(all[0])
}

func withCerts(c *Config) {
	a := chain()
	c.AlipayKey, c.AppCert, c.AlipayCert, c.RootCert = "", a.app, a.platform, a.root
}

// certStub answers in certificate mode, signed with key, and naming a serial.
type certStub struct {
	t          *testing.T
	key        *rsa.PrivateKey
	serial     string
	download   string // what the platform gives for it
	downloads  atomic.Int64
	rest       bool
	rootSerial string
}

func (s *certStub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.t.Error(err)
	}
	app, roots := r.Form.Get("app_cert_sn"), r.Form.Get("alipay_root_cert_sn")
	if strings.HasPrefix(r.URL.Path, "/v3/") {
		roots = r.Header.Get("alipay-root-cert-sn")
		_, app, _ = strings.Cut(r.Header.Get("Authorization"), "app_cert_sn=")
		app, _, _ = strings.Cut(app, ",")
	}
	if app != serialOf(s.t, chain().app) || roots != s.rootSerial || strings.Contains(roots, "_") {
		s.t.Errorf("sent the serials %q and %q", app, roots)
	}
	sign := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		sig, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
		if err != nil {
			s.t.Error(err)
		}
		return base64.StdEncoding.EncodeToString(sig)
	}
	if r.Form.Get("method") == "alipay.open.app.alipaycert.download" {
		s.downloads.Add(1)
		if s.download == "" {
			fmt.Fprint(w, `{"alipay_open_app_alipaycert_download_response":{"code":"40004","sub_code":"isv.alipay-cert-not-exist"}}`)
			return
		}
		fmt.Fprintf(w, `{"alipay_open_app_alipaycert_download_response":{"code":"10000","alipay_cert_content":"%s"}}`, base64.StdEncoding.EncodeToString([]byte(s.download)))
		return
	}
	response := `{"code":"10000","available_amount":"1.00"}`
	if s.rest {
		h := w.Header()
		h.Set("alipay-timestamp", "1792468800123")
		h.Set("alipay-nonce", "n")
		h.Set("alipay-sn", s.serial)
		h.Set("alipay-signature", sign("1792468800123\nn\n"+response+"\n"))
		fmt.Fprint(w, response)
		return
	}
	serial := ""
	if s.serial != "" {
		serial = `,"alipay_cert_sn":"` + s.serial + `"`
	}
	fmt.Fprintf(w, `{"alipay_data_bill_balance_query_response":%s%s,"sign":"%s"}`, response, serial, sign(response))
}

func TestCertificatesAreFetchedAndHeldAgainstTheRoots(t *testing.T) {
	a := chain()
	known := serialOf(t, a.platform)
	for _, tt := range []struct {
		why      string
		key      *rsa.PrivateKey
		serial   string
		download string
		fetches  int64
		want     error
	}{
		{"the one that is held", alipayKey(), known, "", 0, nil},
		{"signed with another key than it names", nextKey(), known, "", 0, connectors.ErrUnsigned},
		{"none named", alipayKey(), "", "", 0, connectors.ErrUnsigned},
		{"a new one", nextKey(), serialOf(t, a.renewed), a.renewed, 1, nil},
		{"a new one, signed with the old key", alipayKey(), serialOf(t, a.renewed), a.renewed, 1, connectors.ErrUnsigned},
		{"a new one that is another's of the same roots", nextKey(), serialOf(t, a.strangers), a.strangers, 1, connectors.ErrUnsigned},
		{"one of other roots", nextKey(), serialOf(t, a.other), a.other, 1, connectors.ErrUnsigned},
		{"one that has expired", nextKey(), serialOf(t, a.expired), a.expired, 1, connectors.ErrUnsigned},
		{"another than was asked for", nextKey(), serialOf(t, a.renewed), a.platform, 1, connectors.ErrUnsigned},
		{"one that there is not", nextKey(), "00", "", 1, connectors.ErrRefused},
		{"no certificate", nextKey(), serialOf(t, a.renewed), "text", 1, connectors.ErrMalformed},
	} {
		for _, rest := range []bool{false, true} {
			s := &certStub{t: t, key: tt.key, serial: tt.serial, download: tt.download, rest: rest, rootSerial: serialOf(t, a.root)}
			c := connectWith(t, s, func(c *Config) {
				withCerts(c)
				if at, err := url.Parse(c.Gateway); err == nil && rest {
					c.API = at.Scheme + "://" + at.Host
				}
			})
			var err error
			for range 2 { // what was fetched is kept
				_, err = c.Balances(context.Background(), linked, []connectors.AccountRef{own})
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("%s, v3 %v: %v, want %v", tt.why, rest, err, tt.want)
			}
			want := tt.fetches
			if want == 1 && tt.want != nil && !(tt.serial == serialOf(t, a.renewed) && tt.download == a.renewed) {
				want = 2 // what was not believed is not kept
			}
			if tt.want == connectors.ErrRefused {
				want = s.downloads.Load() // the closing balance is tried, too
			}
			if got := s.downloads.Load(); got != want {
				t.Errorf("%s, v3 %v: fetched %d times, want %d", tt.why, rest, got, want)
			}
		}
	}
}

func TestManyWaitForOneFetch(t *testing.T) {
	a := chain()
	s := &certStub{t: t, key: nextKey(), serial: serialOf(t, a.renewed), download: a.renewed, rootSerial: serialOf(t, a.root)}
	c := connectWith(t, s, withCerts)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := c.Balances(context.Background(), linked, []connectors.AccountRef{own}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := s.downloads.Load(); got != 1 {
		t.Errorf("fetched %d times for sixteen who waited", got)
	}
	c.trust.fetching <- struct{}{}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.keyOf(ctx, "unknown"); !errors.Is(err, connectors.ErrDown) {
		t.Errorf("who will not wait: %v, want ErrDown", err)
	}
}

func TestNewSaysWhatIsWrongWithCertificates(t *testing.T) {
	a := chain()
	for _, tt := range []struct {
		why    string
		change func(*Config)
		ok     bool
	}{
		{"as it is", func(*Config) {}, true},
		{"both modes", func(c *Config) { c.AlipayKey = config(t, "http://127.0.0.1:1", nil).AlipayKey }, false},
		{"no certificate of ours", func(c *Config) { c.AppCert = "" }, false},
		{"another key's certificate", func(c *Config) { c.AppCert = a.platform }, false},
		{"no certificate of Alipay's", func(c *Config) { c.AlipayCert = "" }, false},
		{"one that has expired", func(c *Config) { c.AlipayCert = a.expired }, false},
		{"one of other roots", func(c *Config) { c.AlipayCert = a.other }, false},
		{"no roots", func(c *Config) { c.RootCert = "" }, false},
		{"roots of another kind", func(c *Config) { c.RootCert = a.app }, false},
	} {
		c := config(t, "http://127.0.0.1:1", http.DefaultClient)
		withCerts(&c)
		tt.change(&c)
		if _, err := New(c); (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok %v", tt.why, err, tt.ok)
		}
	}
}

func FuzzCertificates(f *testing.F) {
	f.Add(chain().root)
	f.Add(chain().platform)
	f.Add("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := certificates(text)
		if (err == nil) != (len(all) > 0) {
			t.Errorf("%d certificates, %v", len(all), err)
		}
		for _, one := range all {
			if s := serial(one); s != "" && len(s) != 32 {
				t.Errorf("the serial %q", s)
			}
		}
	})
}
