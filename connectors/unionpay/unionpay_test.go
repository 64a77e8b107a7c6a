package unionpay

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
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
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/fault"
	"jali/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const merchant = "777290058110097"

var (
	now     = time.Date(2026, 10, 20, 12, 0, 0, 0, wire.Beijing)
	theDate = time.Date(2026, 10, 9, 0, 0, 0, 0, wire.Beijing)
	ours    = sync.OnceValue(func() *rsa.PrivateKey { return keyOf("ours") })
	theirs  = sync.OnceValue(func() *rsa.PrivateKey { return keyOf("theirs") })
	root    = sync.OnceValue(newAuthority)
	linked  = secret.Of(`{"openId":"open-canary","merId":"` + merchant + `"}`)
	own     = connectors.AccountRef{ID: secret.Of(merchant)}
)

// keyOf reads a key that is nobody's: a fuzz target would spend its time on
// making one.
func keyOf(name string) *rsa.PrivateKey {
	b, err := os.ReadFile("testdata/" + name + ".pem")
	if err != nil {
		panic(err)
	}
	key, err := wire.PrivateKey(secret.New(b))
	if err != nil {
		panic(err)
	}
	return key
}

type authority struct {
	key *ecdsa.PrivateKey
	crt *x509.Certificate
	pem string
}

func newAuthority() authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CFCA TEST OCA1"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: now.AddDate(-9, 0, 0), NotAfter: now.AddDate(9, 0, 0)}
	a := authority{key: key}
	a.pem = a.sign(c, c, key.Public())
	block, _ := pem.Decode([]byte(a.pem))
	if a.crt, err = x509.ParseCertificate(block.Bytes); err != nil {
		panic(err)
	}
	return a
}

func (a authority) sign(c, by *x509.Certificate, key any) string {
	der, err := x509.CreateCertificate(rand.Reader, c, by, key, a.key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// certificate is of a key, under a name as UnionPay writes them.
func (a authority) certificate(name string, key *rsa.PrivateKey, serial int64, until time.Time) string {
	return a.sign(&x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "041@83100000000083040@" + name + "@00016494"},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: until}, a.crt, key.Public())
}

// platform answers as the published interface does; it checks our signature on
// its own and signs its answers.
type platform struct {
	t      testing.TB
	days   map[string][]byte // ZIP by MMDD
	bend   func(map[string]string)
	change func(map[string]string) // after signing
	status int
	mu     sync.Mutex
	asked  []string
}

func overText(m map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k != "signature" && m[k] != "" {
			parts = append(parts, k+"="+m[k])
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "&")))
	return hex.EncodeToString(sum[:])
}

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.status != 0 {
		w.WriteHeader(p.status)
		return
	}
	_ = r.ParseForm()
	m := map[string]string{}
	for k := range r.PostForm {
		m[k] = r.PostForm.Get(k)
	}
	sum := sha256.Sum256([]byte(overText(m)))
	sig, _ := base64.StdEncoding.DecodeString(m["signature"])
	if err := rsa.VerifyPKCS1v15(&ours().PublicKey, crypto.SHA256, sum[:], sig); err != nil {
		p.t.Errorf("our request is not signed as published: %v", err)
	}
	want := map[string]string{"version": "5.1.0", "encoding": "UTF-8", "signMethod": "01", "certId": "68759663125", "txnType": "76", "txnSubType": "01", "bizType": "000000",
		"accessType": "1", "acqInsCode": "00010000", "merId": merchant, "fileType": "00", "txnTime": "20261020120000", "settleDate": m["settleDate"], "signature": m["signature"]}
	if d := cmp.Diff(want, m); d != "" {
		p.t.Errorf("not a published request:\n%s", d)
	}
	p.mu.Lock()
	p.asked = append(p.asked, m["settleDate"])
	p.mu.Unlock()
	a := map[string]string{"respCode": "98", "respMsg": "文件不存在[6100030]", "signPubKeyCert": root().certificate(Signer, theirs(), 9, now.AddDate(1, 0, 0))}
	for _, k := range []string{"version", "encoding", "signMethod", "txnType", "txnSubType", "bizType", "accessType", "merId", "txnTime", "settleDate", "fileType"} {
		a[k] = m[k]
	}
	if file, ok := p.days[m["settleDate"]]; ok {
		a["respCode"], a["respMsg"], a["fileName"], a["fileContent"] = "00", "成功[0000000]", merchant+"_2026"+m["settleDate"]+".zip", content(file)
	}
	if p.bend != nil {
		p.bend(a)
	}
	a["signature"] = sealOf(a, theirs())
	if p.change != nil {
		p.change(a)
	}
	var parts []string
	for k, v := range a {
		parts = append(parts, k+"="+v)
	}
	_, _ = io.WriteString(w, strings.Join(parts, "&"))
}

func sealOf(m map[string]string, key *rsa.PrivateKey) string {
	sum := sha256.Sum256([]byte(overText(m)))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(sig)
}

func content(file []byte) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = z.Write(file)
	_ = z.Close()
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func zipOf(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(files[name])
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const zm, zme = "INN26100988ZM_" + merchant, "INN26100988ZME_" + merchant

func goldenZip(t testing.TB) []byte {
	return zipOf(t, map[string][]byte{zm: golden(t, zm), zme: golden(t, zme), "RD2003261009.txt": []byte("sums of another sort")})
}

func config(t testing.TB, base string) Config {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(ours())
	if err != nil {
		t.Fatal(err)
	}
	return Config{Files: base + "/files/", Login: base + "/login", Open: base, AppID: "a5949221470c4059", AppSecret: secret.Of("secret-canary"), Acquirer: "00010000",
		Certificate: root().certificate("shop", ours(), 68759663125, now.AddDate(1, 0, 0)),
		Key:         secret.New(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), Roots: root().pem,
		Now: func() time.Time { return now }}
}

func connect(t testing.TB, h http.Handler, change ...func(*Config)) *Connector {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	cfg := config(t, srv.URL)
	cfg.HTTP = dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(cfg.HTTP.CloseIdleConnections)
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNewSaysWhatIsWrongWithItsConfig(t *testing.T) {
	for _, tt := range []struct {
		why    string
		change func(*Config)
		ok     bool
	}{
		{"as it is", func(*Config) {}, true},
		{"the live platforms", func(c *Config) { c.Files, c.Login, c.Open = "", "", "" }, true},
		{"with an intermediate", func(c *Config) { c.Intermediates = root().pem }, true},
		{"no acquirer", func(c *Config) { c.Acquirer = "" }, false},
		{"an acquirer that would end its member", func(c *Config) { c.Acquirer = "1&merId=2" }, false},
		{"no root", func(c *Config) { c.Roots = "" }, false},
		{"a root that is none", func(c *Config) { c.Roots = "x" }, false},
		{"a certificate of another key", func(c *Config) { c.Certificate = root().certificate("shop", theirs(), 1, now.AddDate(1, 0, 0)) }, false},
		{"no key", func(c *Config) { c.Key = secret.Value{} }, false},
		{"no app", func(c *Config) { c.AppID = "" }, false},
		{"http to the world", func(c *Config) { c.Files = "http://filedownload.95516.com" }, false},
	} {
		c := config(t, "http://127.0.0.1:1")
		tt.change(&c)
		if _, err := New(c); (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok %v", tt.why, err, tt.ok)
		}
	}
}

func TestItSaysWhatItCannotDo(t *testing.T) {
	c := connect(t, http.NotFoundHandler())
	if got := connectors.Tells(c); !slices.Equal(got, []string{"bills"}) {
		t.Errorf("it tells %v", got)
	}
	if b, err := c.Balances(context.Background(), linked, []connectors.AccountRef{own}); err != nil || len(b) != 0 {
		t.Errorf("balances: %v, %v", b, err)
	}
	s := c.Source()
	if !s.NoBalances || s.History != history || s.MaxWindow != maxWindow {
		t.Errorf("%+v", s)
	}
	if s := describe(connectors.Source{History: 9000 * day}); s.History != longHistory {
		t.Errorf("a date without a year is asked for %v back", s.History)
	}
}

func TestBillsGolden(t *testing.T) {
	c := connect(t, &platform{t: t, days: map[string][]byte{"1009": goldenZip(t)}})
	page, err := c.Bills(context.Background(), linked, own, begins(theDate), begins(theDate.AddDate(0, 0, 1)), "")
	if err != nil || page.Next != "" || page.Covers != (connectors.Span{}) {
		t.Fatalf("%v, next %q, covers %v", err, page.Next, page.Covers)
	}
	type short struct{ ID, At, Kind, Way, Sum, Order, Merchant, RefundOf, Raw string }
	var got []short
	for _, b := range page.Bills {
		got = append(got, short{b.ID, b.At.Format("0102 150405"), string(b.Kind), string(b.Direction), b.Amount.String(), b.Order, b.Merchant, b.RefundOf, b.RawKind})
		if text := fmt.Sprintf("%+v", b); strings.Contains(text, "622155") {
			t.Error("a card's number came along")
		}
	}
	want := []short{
		{"792610082315304012378", "1008 231530", "income", "in", "98.00 CNY", "792610082315304012378", "ORDER-1", "", "S22/01"},
		{"792610082315304012378/fee", "1008 231530", "fee", "out", "0.59 CNY", "792610082315304012378", "", "", "商户手续费"},
		{"ZME202610097000011009093000", "1009 093000", "adjustment", "out", "97.41 CNY", "", "", "", "差错/E74"},
		{"792610091210015122398", "1009 121001", "income", "in", "3.50 CNY", "792610091210015122398", "ORDER-2", "", "S22/01"},
		{"792610091800006000018", "1009 180000", "refund", "out", "40.00 CNY", "792610091800006000018", "BACK-1", "792610082315304012378", "S30/04"},
		{"792610091800006000018/fee", "1009 180000", "fee", "in", "0.24 CNY", "792610091800006000018", "", "", "商户手续费"},
		{"792610091815006000028", "1009 181500", "refund", "out", "5.00 CNY", "792610091815006000028", "VOID-2", "792610091210015122398", "S36/31"},
		{"792610092000006000038", "1009 200000", "other", "in", "1.23 CNY", "792610092000006000038", "ORDER-9", "", "S99/77"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestOnlySignedAnswersAreBelieved(t *testing.T) {
	other := newAuthority()
	for _, tt := range []struct {
		why    string
		bend   func(map[string]string)
		change func(map[string]string)
		status int
		want   error
	}{
		{"untouched", nil, nil, 0, nil},
		{"no file", func(a map[string]string) { a["respCode"] = "98" }, nil, 0, nil},
		{"a file that does not exist, says somebody", func(a map[string]string) { a["respCode"] = "98" }, func(a map[string]string) { delete(a, "signature") }, 0, connectors.ErrUnsigned},
		{"unsigned", nil, func(a map[string]string) { delete(a, "signature") }, 0, connectors.ErrUnsigned},
		{"a member changed", nil, func(a map[string]string) { a["respMsg"] += "!" }, 0, connectors.ErrUnsigned},
		{"a member more", nil, func(a map[string]string) { a["extra"] = "1" }, 0, connectors.ErrUnsigned},
		{"signed with another key", nil, func(a map[string]string) { a["signature"] = sealOf(a, ours()) }, 0, connectors.ErrUnsigned},
		{"another root's certificate", func(a map[string]string) {
			a["signPubKeyCert"] = other.certificate(Signer, theirs(), 9, now.AddDate(1, 0, 0))
		}, nil, 0, connectors.ErrUnsigned},
		{"somebody else's certificate of our root", func(a map[string]string) {
			a["signPubKeyCert"] = root().certificate("某某商户", theirs(), 9, now.AddDate(1, 0, 0))
		}, nil, 0, connectors.ErrUnsigned},
		{"a certificate that is past", func(a map[string]string) {
			a["signPubKeyCert"] = root().certificate(Signer, theirs(), 9, now.AddDate(0, 0, -1))
		}, nil, 0, connectors.ErrUnsigned},
		{"no certificate", func(a map[string]string) { a["signPubKeyCert"] = "x" }, nil, 0, connectors.ErrUnsigned},
		{"another method", func(a map[string]string) { a["signMethod"] = "11" }, nil, 0, connectors.ErrUnsigned},
		{"an older version", func(a map[string]string) { a["version"] = "5.0.0" }, nil, 0, connectors.ErrUnsigned},
		{"another merchant's answer", func(a map[string]string) { a["merId"] = "777290058110098" }, nil, 0, connectors.ErrMalformed},
		{"another date's", func(a map[string]string) { a["settleDate"] = "1008" }, nil, 0, connectors.ErrMalformed},
		{"that there is no file, of another merchant", func(a map[string]string) { a["respCode"], a["merId"] = "98", "777290058110098" }, nil, 0, connectors.ErrMalformed},
		{"an answer of yesterday", func(a map[string]string) { a["txnTime"] = "20261019120000" }, nil, 0, connectors.ErrMalformed},
		{"the merchant has gone", func(a map[string]string) { a["respCode"] = "31" }, nil, 0, connectors.ErrUnauthorized},
		{"the merchant has gone, says somebody", func(a map[string]string) { a["respCode"] = "31" }, func(a map[string]string) { delete(a, "signature") }, 0, connectors.ErrUnsigned},
		{"no right to it", func(a map[string]string) { a["respCode"] = "32" }, nil, 0, connectors.ErrRefused},
		{"our own signature", func(a map[string]string) { a["respCode"] = "11" }, func(a map[string]string) { delete(a, "signature") }, 0, connectors.ErrRefused},
		{"closed", func(a map[string]string) { a["respCode"] = "02" }, nil, 0, connectors.ErrDown},
		{"busy", func(a map[string]string) { a["respCode"] = "06" }, nil, 0, connectors.ErrBusy},
		{"no code", func(a map[string]string) { delete(a, "respCode") }, nil, 0, connectors.ErrMalformed},
		{"a gateway's page", nil, nil, 502, connectors.ErrDown},
		{"a gateway's 401", nil, nil, 401, connectors.ErrRefused},
	} {
		c := connect(t, &platform{t: t, days: map[string][]byte{"1009": goldenZip(t)}, bend: tt.bend, change: tt.change, status: tt.status})
		_, err := c.Bills(context.Background(), linked, own, theDate, theDate.Add(time.Hour), "")
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), merchant) {
			t.Errorf("%s: the error quotes the answer: %v", tt.why, err)
		}
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	good := string(golden(t, zm))
	bent := func(old, new string) map[string][]byte {
		if !strings.Contains(good, old) {
			t.Fatalf("no %q in the file", old)
		}
		return map[string][]byte{zm: []byte(strings.Replace(good, old, new, 1))}
	}
	for _, tt := range []struct {
		why   string
		files map[string][]byte
		ok    bool
	}{
		{"as it is", map[string][]byte{zm: []byte(good)}, true},
		{"Unix lines, in a folder", map[string][]byte{"777290058110097_20261009/" + zm: []byte(strings.ReplaceAll(good, "\r", ""))}, true},
		{"the older width of what is reserved", map[string][]byte{zm: []byte(strings.ReplaceAll(good, strings.Repeat(" ", 98)+"\r", "\r"))}, true},
		{"no payment that day", map[string][]byte{zm: nil}, true},
		{"another merchant's file", map[string][]byte{"INN26100988ZM_777290058110098": []byte(good)}, false},
		{"another date's file", map[string][]byte{"INN26100888ZM_" + merchant: []byte(good)}, false},
		{"neither", map[string][]byte{"README": []byte(good)}, false},
		{"another merchant's record", bent(merchant, "777290058110098"), false},
		{"a field that is wider", bent("S22 ", "S222 "), false},
		{"a sum of words", bent("000000009800", "         NaN"), false},
		{"an exponent", bent("000000009800", "       1e400"), false},
		{"a sum below zero", bent("000000009800", "-00000009800"), false},
		{"a fee that goes nowhere", bent("D000000000059", "X000000000059"), false},
		{"a time that is none", bent("1008231530", "1008251530"), false},
		{"no number", bent("792610082315304012378", strings.Repeat(" ", 21)), false},
		{"cut short", map[string][]byte{zm: []byte(good[:200])}, false},
		{"a line without an end", map[string][]byte{zm: bytes.Repeat([]byte("x"), widest+1)}, false},
	} {
		_, err := open(zipOf(t, tt.files), merchant, theDate)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok %v", tt.why, err, tt.ok)
		}
		if err != nil && strings.Contains(err.Error(), merchant) {
			t.Errorf("%s: the error quotes the file: %v", tt.why, err)
		}
	}
	for why, text := range map[string]string{"not base64": "!", "not zlib": "AAAA", "a bomb": content(make([]byte, maxZip+1)), "cut short": content([]byte(good))[:40]} {
		if _, err := inflate(text); err == nil {
			t.Errorf("%s is inflated", why)
		}
	}
	if _, err := open([]byte("PK"), merchant, theDate); err == nil {
		t.Error("no ZIP is opened")
	}
}

// A record's time has no year, and a settlement date begins at 23:00.
func TestSettlementDatesAndYears(t *testing.T) {
	at := func(y, m, d, h, min int) time.Time { return time.Date(y, time.Month(m), d, h, min, 0, 0, wire.Beijing) }
	for _, tt := range []struct {
		t    time.Time
		want string
	}{
		{at(2026, 10, 9, 22, 59), "20261009"}, {at(2026, 10, 9, 23, 0), "20261010"}, {at(2026, 12, 31, 23, 30), "20270101"},
		{at(2026, 10, 9, 14, 0).UTC(), "20261009"},
	} {
		if got := settling(tt.t).Format("20060102"); got != tt.want {
			t.Errorf("%v settles on %s, want %s", tt.t, got, tt.want)
		}
	}
	for _, tt := range []struct {
		text    string
		settled time.Time
		want    string
	}{
		{"1231233000", at(2027, 1, 1, 0, 0), "2026-12-31 23:30:00"}, {"0101120000", at(2027, 1, 1, 0, 0), "2027-01-01 12:00:00"},
		{"1230120000", at(2026, 12, 31, 0, 0), "2026-12-30 12:00:00"}, {"0229120000", at(2028, 2, 29, 0, 0), "2028-02-29 12:00:00"},
		{"0229120000", at(2027, 3, 1, 0, 0), ""},
	} {
		got, err := record{[]byte(tt.text)}.at(1, tt.settled)
		if said := got.Format(time.DateTime); (err == nil) != (tt.want != "") || (err == nil && said != tt.want) {
			t.Errorf("%s, settled on %v, is %s, %v; want %q", tt.text, tt.settled, said, err, tt.want)
		}
	}
}

func TestWindowsAndDates(t *testing.T) {
	p := &platform{t: t, days: map[string][]byte{"1009": goldenZip(t)}}
	c := connect(t, p)
	at := func(m time.Month, d, h int) time.Time { return time.Date(2026, m, d, h, 0, 0, 0, wire.Beijing) }
	oldest := begins(settling(now.Add(-history)))
	for _, tt := range []struct {
		why      string
		from, to time.Time
		bills    int
		asked    []string
		covers   connectors.Span
	}{
		{"an evening of a date", at(10, 9, 17), at(10, 9, 19), 3, []string{"1009"}, connectors.Span{}},
		{"the hour before midnight is the next date's", at(10, 8, 22), at(10, 9, 0), 2, []string{"1008", "1009"}, connectors.Span{}},
		{"today has no file, nor has the hour before it", at(10, 19, 0), now, 0, []string{"1019"}, connectors.Span{From: at(10, 19, 0), To: at(10, 19, 23)}},
		{"only today", at(10, 20, 1), now, 0, nil, connectors.Span{From: at(10, 20, 1), To: at(10, 20, 1)}},
		{"older than is asked for", at(8, 1, 0), at(8, 3, 0), 0, nil, connectors.Span{From: at(8, 1, 0), To: at(8, 1, 0)}},
		{"reaching past it", at(8, 1, 0), oldest.Add(day), 0, []string{"0920"}, connectors.Span{From: oldest, To: oldest.Add(day)}},
		{"nothing asked", now, now, 0, nil, connectors.Span{}},
	} {
		p.asked = nil
		page, err := c.Bills(context.Background(), linked, own, tt.from, tt.to, "")
		slices.Sort(p.asked)
		if err != nil || len(page.Bills) != tt.bills || !slices.Equal(p.asked, tt.asked) || page.Next != "" {
			t.Errorf("%s: %d bills of %v, %v, next %q; want %d of %v", tt.why, len(page.Bills), p.asked, err, page.Next, tt.bills, tt.asked)
		}
		if !page.Covers.From.Equal(tt.covers.From) || !page.Covers.To.Equal(tt.covers.To) {
			t.Errorf("%s: covers %v, want %v", tt.why, page.Covers, tt.covers)
		}
	}
	narrow := connect(t, p, func(cfg *Config) { cfg.Source.MaxWindow = 7 * day })
	ids, pages := map[string]bool{}, 0
	for next := connectors.Cursor(""); pages == 0 || next != ""; pages++ {
		page, err := narrow.Bills(context.Background(), linked, own, at(10, 1, 0), at(10, 19, 0), next)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range page.Bills {
			ids[b.ID] = true
		}
		next = page.Next
	}
	if len(ids) != 8 || pages != 3 {
		t.Errorf("%d bills in %d pages, want 8 in 3", len(ids), pages)
	}
	if _, err := c.Bills(context.Background(), linked, own, at(10, 1, 0), now, "2020-01-01"); !errors.Is(err, connectors.ErrRefused) {
		t.Errorf("a foreign cursor: %v, want ErrRefused", err)
	}
}

func TestForeignAccountsAndCredentials(t *testing.T) {
	c := connect(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("somebody was asked") }))
	ctx := context.Background()
	if _, err := c.Bills(ctx, linked, connectors.AccountRef{ID: secret.Of("x")}, theDate, now, ""); !errors.Is(err, connectors.ErrRefused) {
		t.Errorf("bills of a foreign account: %v, want ErrRefused", err)
	}
	for _, v := range []string{"", "{}", `{"openId":"o","merId":"1&respCode=00"}`} {
		if _, err := c.Accounts(ctx, secret.Of(v)); !errors.Is(err, connectors.ErrUnauthorized) {
			t.Errorf("credential %q: %v, want ErrUnauthorized", v, err)
		}
	}
}

func TestLink(t *testing.T) {
	answers := map[string]string{
		"good":   `{"resp":"00","msg":"","params":{"accessToken":"A","expiresIn":3600,"refreshToken":"R","openId":"o1","scope":"upapi_base","merId":"777290058110097"}}`,
		"person": `{"resp":"00","msg":"","params":{"accessToken":"A","expiresIn":3600,"openId":"o1","scope":"upapi_base"}}`,
		"path":   `{"resp":"00","msg":"","params":{"openId":"o1","merId":"1&2"}}`,
		"nobody": `{"resp":"00","msg":"","params":{"merId":"777290058110097"}}`,
		"spent":  `{"resp":"a10","msg":"code secret-canary","params":{}}`,
		"empty":  `{"msg":"ok"}`,
		"twice":  `{"resp":"00","resp":"01","params":{}}`,
		"page":   `<html>`,
	}
	backends := 0
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m map[string]string
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		switch r.URL.Path {
		case "/open/access/1.0/backendToken":
			backends++
			sum := sha256.Sum256([]byte("appId=a5949221470c4059&nonceStr=" + m["nonceStr"] + "&secret=secret-canary&timestamp=" + m["timestamp"]))
			if m["signature"] != hex.EncodeToString(sum[:]) || len(m["nonceStr"]) != 16 || m["secret"] != "" {
				t.Errorf("not a published backendToken request: %v", m)
			}
			_, _ = io.WriteString(w, `{"resp":"00","msg":"","params":{"backendToken":"B","expiresIn":7200}}`)
		case "/open/access/1.0/token":
			if m["appId"] != "a5949221470c4059" || m["backendToken"] != "B" || m["grantType"] != "authorization_code" {
				t.Errorf("not a published token request: %v", m)
			}
			_, _ = io.WriteString(w, answers[m["code"]])
		default:
			t.Errorf("%s is asked", r.URL.Path)
		}
	}))
	ctx := context.Background()
	l, err := c.Begin(ctx, "astateof128randombits", "https://jali.example/link")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(l.URL)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{"appId": {"a5949221470c4059"}, "redirectUri": {"https://jali.example/link"}, "responseType": {"code"}, "scope": {"upapi_base"}, "state": {"astateof128randombits"}}
	if d := cmp.Diff(want, u.Query()); d != "" {
		t.Error(d)
	}
	for code, want := range map[string]error{
		"": connectors.ErrLinkRefused, "person": connectors.ErrLinkRefused, "spent": connectors.ErrLinkRefused, "path": connectors.ErrMalformed,
		"nobody": connectors.ErrMalformed, "empty": connectors.ErrMalformed, "twice": connectors.ErrMalformed, "page": connectors.ErrMalformed,
	} {
		_, err := c.Finish(ctx, l, url.Values{"code": {code}})
		if !errors.Is(err, want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("code %q: %v, want %v", code, err, want)
		}
	}
	if _, err := c.Finish(ctx, l, url.Values{"errorcode": {"1"}, "errmsg": {"refused"}}); !errors.Is(err, connectors.ErrLinkRefused) {
		t.Errorf("refused: %v", err)
	}
	before := backends
	for range 3 {
		k, err := c.Finish(ctx, l, url.Values{"code": {"good"}})
		if err != nil || !strings.Contains(k.RevealString(), merchant) {
			t.Fatal(err)
		}
	}
	if backends > before+1 {
		t.Errorf("a backendToken is asked for %d times within its life", backends-before)
	}
}

type breaks struct{}

func (breaks) RoundTrip(*http.Request) (*http.Response, error) { panic("account " + merchant) }

func TestAPanicBesideIsAnError(t *testing.T) {
	c := connect(t, http.NotFoundHandler(), func(cfg *Config) { cfg.HTTP = &http.Client{Transport: breaks{}} })
	_, err := c.Bills(t.Context(), linked, own, theDate, theDate.AddDate(0, 0, 4), "")
	var p *fault.Panic
	if !errors.As(err, &p) || strings.Contains(err.Error(), merchant) {
		t.Errorf("it answers %v, want a panic without its value", err)
	}
}
