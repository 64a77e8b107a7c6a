package cmb

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/smx509"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/secret"
)

// What the bank's demo programs publish for their test user.
const (
	demoUID  = "N002432758"
	demoKey  = "NBtl7WnuUtA2v5FaebEkU0/Jj1IodLGT6lQqwkzmd2E="
	demoBank = "BNsIe9U0x8IeSe4h/dxUzVEz9pie0hDSfMRINRXc7s1UIXfkExnYECF4QqJ2SnHxLv3z/99gsfDQrQ6dzN5lZj0="
	demoSM4  = "VuAzSWQhsoNqzn0K"
)

var (
	today  = time.Date(2023, 5, 3, 12, 0, 0, 0, wire.Beijing)
	linked = secret.Of(`{"client":"5000000071"}`)
	card   = connectors.AccountRef{ID: secret.Of("5000000071:755947919810515")}
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// GM/T 0003.5-2012, A.2: the recommended curve, the message "message digest",
// the user ALICE123… replaced by the default id of GM/T 0009.
func TestSM2(t *testing.T) {
	const secretKey = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"
	point := "04" + "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020" + "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
	signature := "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3" + "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
	bank, err := publicKey(point)
	if err != nil {
		t.Fatal(err)
	}
	key, err := privateKey(secret.Of(secretKey))
	if err != nil || !key.PublicKey.Equal(bank) {
		t.Fatalf("the key is not the point's: %v", err)
	}
	s := &suite{key: key, bank: bank, id: []byte("1234567812345678")}
	if !s.signed([]byte("message digest"), base64.StdEncoding.EncodeToString(unhex(t, signature))) {
		t.Error("the standard's signature does not verify")
	}
	own, err := s.sign([]byte("message digest"))
	if err != nil || !s.signed([]byte("message digest"), own) {
		t.Errorf("our own does not: %v", err)
	}
	for why, bad := range map[string]string{"other text": own, "short": own[:84], "of zeros": base64.StdEncoding.EncodeToString(make([]byte, 64)), "ASN.1": "MEUCIQ=="} {
		if s.signed([]byte("message digest!"), bad) {
			t.Errorf("%s verifies", why)
		}
	}
	other := *s
	other.id = []byte(demoUID + "000000")
	if other.signed([]byte("message digest"), own) {
		t.Error("another user's signature verifies")
	}
}

// GB/T 32905-2016 A.1 and GB/T 32907-2016 A.1.
func TestSM3AndSM4(t *testing.T) {
	if sum := sm3.Sum([]byte("abc")); hex.EncodeToString(sum[:]) != "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0" {
		t.Errorf("SM3 %x", sum)
	}
	k := config(nil)
	k.SM4Key = secret.Of("0123456789abcdeffedcba9876543210")
	s, err := newSuite(k)
	if err != nil {
		t.Fatal(err)
	}
	s.id = make([]byte, 16)
	b, err := base64.StdEncoding.DecodeString(s.seal(unhex(t, "0123456789abcdeffedcba9876543210")))
	if err != nil || len(b) != 32 || hex.EncodeToString(b[:16]) != "681edf34d206965e86b3e94f536e4246" {
		t.Errorf("SM4 %x", b)
	}
	for _, text := range []string{"", "a", strings.Repeat("b", 15), strings.Repeat("c", 16), strings.Repeat("d", 17)} {
		if got, err := s.unseal([]byte(s.seal([]byte(text)) + "\n")); err != nil || string(got) != text {
			t.Errorf("%q opens to %q, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "!", "AAAA", base64.StdEncoding.EncodeToString(make([]byte, 32))} {
		if _, err := s.unseal([]byte(bad)); err == nil {
			t.Errorf("%q opens", bad)
		}
	}
}

// The request of the bank's document, and the text it says is signed.
func TestCanonicalText(t *testing.T) {
	in := `{"signature":{"sigtim":"20190823093102","sigdat":"__signature_sigdat__"}, "request":{"head":{"userid":"N002432758","funcode":"DCPAYOPR","reqid":"201901091123456780001fbdev01"},
"body":{"sndeac":"110902773110203","trsamt":"100.99","rcveac":"110902773110402","rcvean":"北京全聚德","refext":"2019012316273819","modnbr":"000002"}}}`
	want := `{"request":{"body":{"modnbr":"000002","rcveac":"110902773110402","rcvean":"北京全聚德","refext":"2019012316273819","sndeac":"110902773110203","trsamt":"100.99"},"head":{"funcode":"DCPAYOPR","reqid":"201901091123456780001fbdev01","userid":"N002432758"}},"signature":{"sigdat":"__signature_sigdat__","sigtim":"20190823093102"}}`
	if got := string(canonical([]byte(in))); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for in, want := range map[string]string{
		`{}`: `{}`, ` [ ] `: `[]`, `{"b":[1.50, {"z":null,"a":[]} ,true],"a":"\"}"}`: `{"a":"\"}","b":[1.50,{"a":[],"z":null},true]}`,
		`{"\u0062":1,"a":2}`: `{"a":2,"\u0062":1}`, `"x"`: `"x"`, `-1e3`: `-1e3`, `{"b":{},"a":{ }}`: `{"a":{},"b":{}}`,
	} {
		if got := string(canonical([]byte(in))); got != want {
			t.Errorf("%s becomes %s", in, got)
		}
	}
}

// bank is the other end of the line: it has keys of its own.
type bank struct {
	t      testing.TB
	key    *sm2.PrivateKey
	user   *ecdsa.PublicKey
	answer func(function string, body map[string]any) (code, content string)
	mangle func(whole string) string // before it is signed
	spoil  func(sealed string) string
	status int
	asked  []map[string]any
	*suite
}

func bankKey() *sm2.PrivateKey {
	k, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func (b *bank) RoundTrip(r *http.Request) (*http.Response, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, err
	}
	plain, err := b.unseal([]byte(form.Get("DATA")))
	if err != nil || form.Get("UID") != demoUID || form.Get("ALG") != "SM" {
		b.t.Fatalf("asked with %v, %v", form, err)
	}
	var in struct {
		Request struct {
			Head head
			Body map[string]any
		}
		Signature stamp
	}
	if err := json.Unmarshal(plain, &in); err != nil {
		b.t.Fatal(err)
	}
	blank := bytes.Replace(plain, []byte(in.Signature.Data), []byte(unsigned), 1)
	mine := suite{bank: b.user, id: b.id}
	if h := in.Request.Head; !mine.signed(blank, in.Signature.Data) || in.Signature.Time != "20230503120000" || h.UserID != demoUID || h.Function != form.Get("FUNCODE") ||
		!strings.HasPrefix(h.RequID, "20230503120000000") || len(h.RequID) > 51 || !bytes.Equal(canonical(plain), plain) {
		b.t.Errorf("asked with %s", plain)
	}
	b.asked = append(b.asked, in.Request.Body)
	code, content := b.answer(in.Request.Head.Function, in.Request.Body)
	whole := fmt.Sprintf(`{"signature":{"sigtim":"20230503120001","sigdat":%q},"response":{"head":{"bizcode":"","funcode":%q,"reqid":%q,"resultcode":%q,"resultmsg":"canary","rspid":"1","userid":%q},"body":%s}}`,
		unsigned, in.Request.Head.Function, in.Request.Head.RequID, code, in.Request.Head.UserID, content)
	if b.mangle != nil {
		whole = b.mangle(whole)
	}
	sealed := b.sealed(whole)
	if b.spoil != nil {
		sealed = b.spoil(sealed)
	}
	status := b.status
	if status == 0 {
		status = 200
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(sealed)), Request: r}, nil
}

func (b *bank) sealed(whole string) string {
	signature, err := (&suite{key: &b.key.PrivateKey, id: b.id}).sign(canonical([]byte(whole)))
	if err != nil {
		b.t.Fatal(err)
	}
	return b.seal([]byte(strings.Replace(whole, unsigned, signature, 1)))
}

func config(wire http.RoundTripper) Config {
	return Config{API: "http://127.0.0.1/cdcserver/api/v2", Authorize: "https://bank.example/authorize?a=1", Token: "https://bank.example/token", UID: demoUID,
		Key: secret.Of(demoKey), SM4Key: secret.Of(demoSM4), BankKey: demoBank, HTTP: &http.Client{Transport: wire}, Now: func() time.Time { return today }}
}

func connect(t testing.TB, b *bank) *Connector {
	t.Helper()
	b.t, b.key = t, bankKey()
	k := config(b)
	der, err := smx509.MarshalPKIXPublicKey(&b.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	k.BankKey = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	c, err := New(k)
	if err != nil {
		t.Fatal(err)
	}
	b.suite, b.user = c.suite, &c.key.PublicKey
	return c
}

func golden(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func says(code, content string) func(string, map[string]any) (string, string) {
	return func(string, map[string]any) (string, string) { return code, content }
}

func TestNew(t *testing.T) {
	good := config(nil)
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	key := bankKey()
	pkcs8, err := smx509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := smx509.MarshalSM2PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, der := range [][]byte{pkcs8, sec1} {
		c := good
		c.Key = secret.New(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		if n, err := New(c); err != nil || !n.key.Equal(&key.PrivateKey) {
			t.Errorf("a key in PEM: %v", err)
		}
	}
	for why, change := range map[string]func(*Config){
		"no user":             func(c *Config) { c.UID = "" },
		"a user of 17":        func(c *Config) { c.UID = strings.Repeat("N", 17) },
		"a user with a quote": func(c *Config) { c.UID = `N"` },
		"no key":              func(c *Config) { c.Key = secret.Value{} },
		"a key of 31 bytes":   func(c *Config) { c.Key = secret.Of(strings.Repeat("0c", 31)) },
		"a key of zero":       func(c *Config) { c.Key = secret.Of(strings.Repeat("00", 32)) },
		"a key beyond n":      func(c *Config) { c.Key = secret.Of(strings.Repeat("ff", 32)) },
		"a key of nonsense":   func(c *Config) { c.Key = secret.Of("canary!") },
		"PEM of nonsense":     func(c *Config) { c.Key = secret.Of("-----BEGIN X-----\nAAAA\n-----END X-----\n") },
		"no SM4 key":          func(c *Config) { c.SM4Key = secret.Value{} },
		"an SM4 key of 15":    func(c *Config) { c.SM4Key = secret.Of("123456789012345") },
		"no bank key":         func(c *Config) { c.BankKey = "" },
		"a point not on it":   func(c *Config) { c.BankKey = "04" + strings.Repeat("01", 64) },
		"a bank key in PEM":   func(c *Config) { c.BankKey = "-----BEGIN X-----\nAAAA\n-----END X-----\n" },
		"plain http":          func(c *Config) { c.API = "http://cdc.example/" },
		"no login":            func(c *Config) { c.Authorize = "" },
		"no token address":    func(c *Config) { c.Token = "" },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func TestOutcomes(t *testing.T) {
	accounts := golden(t, "accounts.json")
	for _, tt := range []struct {
		why, code, content string
		want               error
	}{
		{"no such account", "FAAQ086", `{}`, connectors.ErrRefused},
		{"a condition", "FABZ002", `{}`, connectors.ErrRefused},
		{"an unknown code", "ABC0001", `{}`, connectors.ErrRefused},
		{"no code", "", `{}`, connectors.ErrMalformed},
		{"no body", "SUC0000", `null`, connectors.ErrMalformed},
		{"a body that is a list", "SUC0000", `[]`, connectors.ErrMalformed},
	} {
		c := connect(t, &bank{answer: func(function string, _ map[string]any) (string, string) {
			if function == "TotalAccountDirect" {
				return success, accounts
			}
			return tt.code, tt.content
		}})
		_, err := c.Bills(context.Background(), linked, card, today.AddDate(0, 0, -30), today, "")
		if !errors.Is(err, tt.want) || strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
	for status, want := range map[int]error{401: connectors.ErrRefused, 429: connectors.ErrBusy, 500: connectors.ErrDown, 302: connectors.ErrMalformed} {
		c := connect(t, &bank{status: status, answer: says(success, accounts)})
		if _, err := c.Accounts(context.Background(), linked); !errors.Is(err, want) || errors.Is(err, connectors.ErrUnauthorized) {
			t.Errorf("status %d: %v, want %v", status, err, want)
		}
	}
}

func TestOnlySealedAndSignedAnswersAreBelieved(t *testing.T) {
	accounts := golden(t, "accounts.json")
	replace := func(old, new string) func(string) string {
		return func(s string) string {
			if !strings.Contains(s, old) {
				t.Fatalf("the answer holds no %s", old)
			}
			return strings.Replace(s, old, new, 1)
		}
	}
	for _, tt := range []struct {
		why           string
		mangle, spoil func(string) string
		want          error
	}{
		{"untouched", nil, nil, nil},
		{"with a line's end", nil, func(s string) string { return s + "\n" }, nil},
		{"a gateway's word", nil, func(string) string { return "CDCServer:报文解密失败 canary" }, connectors.ErrRefused},
		{"cut", nil, func(s string) string { return s[:len(s)/2/4*4] }, nil}, // below
		{"one letter changed", nil, func(s string) string { return s[:40] + string('A'+(s[40]-'A'+1)%25) + s[41:] }, connectors.ErrUnsigned},
		{"not base64", nil, func(string) string { return "<html>" }, connectors.ErrMalformed},
		{"nothing", nil, func(string) string { return "" }, connectors.ErrMalformed},
		{"sealed nonsense", func(string) string { return "x" }, nil, connectors.ErrUnsigned},
		{"the answer to another request", func(s string) string { return replace(`"reqid":"2023`, `"reqid":"2022`)(s) }, nil, connectors.ErrMalformed},
		{"to another function", replace(`"funcode":"Total`, `"funcode":"total`), nil, connectors.ErrMalformed},
		{"to another user", replace(demoUID, "N002432759"), nil, connectors.ErrMalformed},
		{"the body twice", replace(`"response":{`, `"response":{"body":{},`), nil, connectors.ErrUnsigned},
	} {
		c := connect(t, &bank{answer: says(success, accounts), mangle: tt.mangle, spoil: tt.spoil})
		_, err := c.Accounts(context.Background(), linked)
		if tt.why == "cut" {
			if !errors.Is(err, connectors.ErrUnsigned) && !errors.Is(err, connectors.ErrMalformed) {
				t.Errorf("cut: %v", err)
			}
			continue
		}
		if !errors.Is(err, tt.want) || strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
	// Anybody who has the SM4 key can seal; only the bank can sign.
	b := &bank{answer: says(success, accounts)}
	c := connect(t, b)
	b.key = bankKey()
	if _, err := c.Accounts(context.Background(), linked); !errors.Is(err, connectors.ErrUnsigned) {
		t.Errorf("sealed and signed by another: %v", err)
	}
}

func TestLinking(t *testing.T) {
	c, err := New(config(nil))
	if err != nil {
		t.Fatal(err)
	}
	l, err := c.Begin(context.Background(), "s-1", "http://127.0.0.1/linked")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(l.URL)
	if err != nil {
		t.Fatal(err)
	}
	if q := u.Query(); u.Host != "bank.example" || q.Get("a") != "1" || q.Get("state") != "s-1" || q.Get("client_id") != demoUID ||
		q.Get("redirect_uri") != "http://127.0.0.1/linked" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 {
		t.Errorf("begins at %s", l.URL)
	}
	code := url.Values{"code": {"c-1"}}
	for _, tt := range []struct {
		why    string
		query  url.Values
		status int
		body   string
		want   error
	}{
		{"good", code, 200, `{"access_token":"x","client_nbr":"5000000071"}`, nil},
		{"spent", code, 400, `{"error":"invalid_grant"}`, connectors.ErrLinkRefused},
		{"our own mistake", code, 400, `{"error":"invalid_request"}`, connectors.ErrRefused},
		{"an unknown client", code, 401, `{"error":"invalid_client"}`, connectors.ErrRefused},
		{"down", code, 503, `<html>`, connectors.ErrDown},
		{"no number", code, 200, `{"access_token":"x"}`, connectors.ErrMalformed},
		{"two numbers", code, 200, `{"client_nbr":"1","client_nbr":"2"}`, connectors.ErrMalformed},
		{"too long a number", code, 200, `{"client_nbr":"50000000711"}`, connectors.ErrMalformed},
		{"a page", code, 200, `<html>`, connectors.ErrMalformed},
		{"refused", url.Values{"error": {"access_denied"}}, 0, "", connectors.ErrLinkRefused},
		{"two codes", url.Values{"code": {"a", "b"}}, 0, "", connectors.ErrLinkRefused},
	} {
		k := config(transport(func(r *http.Request) *http.Response {
			if err := r.ParseForm(); err != nil || r.PostForm.Get("code") != "c-1" || r.PostForm.Get("redirect_uri") != "http://127.0.0.1/linked" || r.PostForm.Get("code_verifier") == "" {
				t.Errorf("%s: asked with %v", tt.why, r.PostForm)
			}
			return &http.Response{StatusCode: tt.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(tt.body)), Request: r}
		}))
		c, err := New(k)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Finish(context.Background(), l, tt.query)
		if !errors.Is(err, tt.want) || (tt.want == nil && !got.Equal(linked)) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
	if _, err := c.Finish(context.Background(), connectors.Linking{}, code); !errors.Is(err, connectors.ErrLinkRefused) {
		t.Errorf("no link: %v", err)
	}
}

type transport func(*http.Request) *http.Response

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

func TestAccounts(t *testing.T) {
	b := &bank{answer: says(success, golden(t, "accounts.json"))}
	got, err := connect(t, b).Accounts(context.Background(), linked)
	if err != nil || len(got) != 3 {
		t.Fatalf("%d accounts, %v", len(got), err)
	}
	if a := got[0]; a.Ref.ID.RevealString() != "5000000071:769900000010370" || a.Number.RevealString() != "769900000010370" || a.Name != "活期账户" || a.Currency != "CNY" ||
		a.Kind != connectors.Deposit || got[1].Number.RevealString() != "OSA769900206010102" || got[1].Currency != "" || got[2].Kind != connectors.OtherAccount {
		t.Errorf("%+v", got)
	}
	if asked := fmt.Sprint(b.asked[0]); !strings.Contains(asked, "clientNbr:5000000071") || !strings.Contains(asked, "queryType:C") {
		t.Errorf("asked %s", asked)
	}
	for content, want := range map[string]error{
		`{"TotalAccountDirectRsp":[]}`: connectors.ErrUnauthorized,
		`{}`:                           connectors.ErrMalformed,
		`{"TotalAccountDirectRsp":[{"cardNbr":"1"},{"cardNbr":"1 "}]}`:              connectors.ErrMalformed,
		`{"TotalAccountDirectRsp":[{"cardNbr":"1:2"}]}`:                             connectors.ErrMalformed,
		`{"TotalAccountDirectRsp":[{"cardNbr":""}]}`:                                connectors.ErrMalformed,
		`{"TotalAccountDirectRsp":[{"cardNbr":"` + strings.Repeat("1", 36) + `"}]}`: connectors.ErrMalformed,
	} {
		if _, err := connect(t, &bank{answer: says(success, content)}).Accounts(context.Background(), linked); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", content, err, want)
		}
	}
}

func refs(cards ...string) (all []connectors.AccountRef) {
	for _, c := range cards {
		all = append(all, connectors.AccountRef{ID: secret.Of("5000000071:" + c)})
	}
	return all
}

func TestBalances(t *testing.T) {
	b := &bank{answer: says(success, golden(t, "balances.json"))}
	c := connect(t, b)
	all := refs("769900000010370", "OSA769900206010102", "769900000010371")
	got, err := c.Balances(context.Background(), linked, all)
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, want := range []string{"booked 999988.05 CNY", "available 999888.05 CNY", "frozen 100.00 CNY"} {
		if g := got[i]; fmt.Sprint(g.Kind, " ", g.Amount.Value(), " ", g.Amount.Currency) != want || !g.Account.ID.Equal(all[0].ID) || !g.AsOf.Equal(today) {
			t.Errorf("balance %d: %+v, want %s", i, g, want)
		}
	}
	if _, err := c.Balances(context.Background(), linked, refs("769900000010370")); !errors.Is(err, connectors.ErrMalformed) {
		t.Errorf("what was not asked for: %v", err)
	}
	if _, err := c.Balances(context.Background(), secret.Of(`{"client":"5000000072"}`), all); !errors.Is(err, connectors.ErrUnauthorized) {
		t.Errorf("another customer's: %v", err)
	}
	if _, err := c.Balances(context.Background(), linked, []connectors.AccountRef{{ID: secret.Of("x")}}); !errors.Is(err, connectors.ErrRefused) {
		t.Errorf("another dialect's: %v", err)
	}
	n := len(b.asked)
	if got, err := c.Balances(context.Background(), linked, nil); err != nil || len(got) != 0 || len(b.asked) != n {
		t.Errorf("of none: %v", err)
	}
	for _, change := range [][2]string{{"999888.05", "NaN"}, {"999988.05", "1e2"}, {"100.00", "0.001"}, {`"errcod":"FAAQ086"`, `"errcod":""`}, {"769900000010371", "769900000010370"}, {"ntqadinfz", "ntqadinfy"}} {
		c := connect(t, &bank{answer: says(success, strings.Replace(golden(t, "balances.json"), change[0], change[1], 1))})
		if _, err := c.Balances(context.Background(), linked, all); !errors.Is(err, connectors.ErrMalformed) {
			t.Errorf("%s: %v", change[1], err)
		}
	}
}

// 31 accounts are two questions; and when the bank knows none of them, the
// customer number says whether the link still stands.
func TestBalancesOfManyAndOfNone(t *testing.T) {
	var cards []string
	for i := range 31 {
		cards = append(cards, fmt.Sprint(7000+i))
	}
	gone := false
	b := &bank{}
	b.answer = func(function string, body map[string]any) (string, string) {
		if function == "TotalAccountDirect" {
			if gone {
				return success, `{"TotalAccountDirectRsp":[]}`
			}
			return success, golden(t, "accounts.json")
		}
		var rows []string
		list, _ := body["ntqadinfx"].([]any)
		for _, one := range list {
			number, _ := one.(map[string]any)["accnbr"].(string)
			rows = append(rows, `{"accnbr":"`+number+`","errcod":"FAAQ086"}`)
		}
		return success, `{"ntqadinfz":[` + strings.Join(rows, ",") + `]}`
	}
	c := connect(t, b)
	if _, err := c.Balances(context.Background(), linked, refs(cards...)); !errors.Is(err, connectors.ErrRefused) || len(b.asked) != 3 {
		t.Errorf("none is known: %v after %d calls", err, len(b.asked))
	}
	gone = true
	if _, err := c.Balances(context.Background(), linked, refs(cards...)); !errors.Is(err, connectors.ErrUnauthorized) {
		t.Errorf("the customer is gone: %v", err)
	}
}

func TestBills(t *testing.T) {
	b := &bank{answer: says(success, golden(t, "movements.json"))}
	c := connect(t, b)
	from := time.Date(2023, 4, 1, 15, 30, 2, 0, wire.Beijing)
	page, err := c.Bills(context.Background(), linked, card, from, today, "")
	if err != nil || len(page.Bills) != 4 || page.Next == "" || page.Covers != (connectors.Span{}) {
		t.Fatalf("%+v, %v", page, err)
	}
	for i, want := range []string{
		"20230401C09468U00012KWZ 2023-04-01T15:30:02+08:00 40.01 CNY out out payment 巷口面馆 Y1 M1  [Y1 M1 R1]",
		"20230405C09468U00012KX1 2023-04-05T09:00:00+08:00 8500.00 CNY in in income 青石出版社 Y2   [Y2]",
		"20230406C09468U00012KX2 2023-04-06T00:00:00+08:00 40.01 CNY in in refund   M1 M1 [M1]",
		"20230407C09468U00012KX3 2023-04-07T23:59:59+08:00 1.00 CNY out out adjustment  R4   [R4]",
	} {
		b := page.Bills[i]
		got := fmt.Sprint(b.ID, " ", b.At.Format(time.RFC3339), " ", b.Amount.Value(), " ", b.Amount.Currency, " ", b.Direction, " ", b.Flow, " ", b.Kind, " ",
			b.Counterparty, " ", b.Order, " ", b.Merchant, " ", b.RefundOf, " ", b.Refs)
		if got != want || b.DateOnly != (i == 2) {
			t.Errorf("bill %d\n got %s\nwant %s", i, got, want)
		}
	}
	x1 := fmt.Sprint(b.asked[0]["TRANSQUERYBYBREAKPOINT_X1"])
	if !strings.Contains(x1, "beginDate:20230401") || !strings.Contains(x1, "endDate:20230503") || !strings.Contains(x1, "cardNbr:755947919810515") || b.asked[0]["TRANSQUERYBYBREAKPOINT_Y1"] != nil {
		t.Errorf("asked %v", b.asked[0])
	}
	if _, err := c.Bills(context.Background(), linked, card, from, today, page.Next); !errors.Is(err, connectors.ErrMalformed) {
		t.Errorf("pages that begin where they began: %v", err)
	}
	if y1 := fmt.Sprint(b.asked[1]); !strings.Contains(y1, "expectNextSequence:5") || !strings.Contains(y1, "queryAcctNbr:755947919810515") {
		t.Errorf("the second page is asked for with %v", y1)
	}
	if later, err := c.Bills(context.Background(), linked, card, from.Add(time.Second), today, ""); err != nil || len(later.Bills) != 3 {
		t.Errorf("what lies before the window is told: %v", err)
	}
	if far, err := c.Bills(context.Background(), linked, card, today.AddDate(-3, 0, 0), today, ""); err != nil || !far.Covers.From.Equal(time.Date(2022, 4, 3, 0, 0, 0, 0, wire.Beijing)) || !far.Covers.To.Equal(today) {
		t.Errorf("covers %v, %v", far.Covers, err)
	}
	n := len(b.asked)
	if far, err := c.Bills(context.Background(), linked, card, today.AddDate(-3, 0, 0), today.AddDate(-2, 0, 0), ""); err != nil || far.Covers.From != far.Covers.To || far.Covers == (connectors.Span{}) || len(b.asked) != n {
		t.Errorf("what lies before all covers %v, %v", far.Covers, err)
	}
	for _, bad := range []connectors.Cursor{"x", `{"page":1,"break":[1,2]}`, `{"page":2}`, `{"page":2,"break":{}}`} {
		if _, err := c.Bills(context.Background(), linked, card, from, today, bad); !errors.Is(err, connectors.ErrRefused) {
			t.Errorf("cursor %s: %v", bad, err)
		}
	}
	none := `{"TRANSQUERYBYBREAKPOINT_Z1":[{"ctnFlag":"N","debitNums":"0","creditNums":"0"}]}`
	if page, err := connect(t, &bank{answer: says(success, none)}).Bills(context.Background(), linked, card, from, today, ""); err != nil || len(page.Bills) != 0 {
		t.Errorf("nothing: %v", err)
	}
}

func TestMovementsThatCannotBe(t *testing.T) {
	good := golden(t, "movements.json")
	for _, change := range [][2]string{
		{`"transCardNbr":"755947919810515"`, `"transCardNbr":"755947919810516"`},
		{`"TRANSQUERYBYBREAKPOINT_Z2"`, `"Z2"`},
		{`"TRANSQUERYBYBREAKPOINT_Z1"`, `"Z1"`},
		{`"ctnFlag":"Y"`, `"ctnFlag":""`},
		{`"TRANSQUERYBYBREAKPOINT_Y1":[{"acctNbr":"755947919810515","transDate":"20230502","expectNextSequence":"5"}]`, `"TRANSQUERYBYBREAKPOINT_Y1":[]`},
		{`[{"acctNbr"`, `[{"x":"` + strings.Repeat("x", maxBreak) + `","acctNbr"`},
		{`C09468U00012KWZ`, ``},
		{`C09468U00012KWZ`, `<script>`},
		{`"transDate":"20230401"`, `"transDate":"20230231"`},
		{`"transTime":"153002"`, `"transTime":"253002"`},
		{`"-40.01"`, `"-40.013"`},
		{`"-40.01"`, `"NaN"`},
		{`"-40.01"`, `""`},
		{`"-40.01"`, `-40.01`},
		{`"loanCode":"D"`, `"loanCode":"E"`},
		{`"currencyNbr":"10"`, `"currencyNbr":"32"`},
	} {
		if !strings.Contains(good, change[0]) {
			t.Fatalf("the answer holds no %s", change[0])
		}
		c := connect(t, &bank{answer: says(success, strings.Replace(good, change[0], change[1], 1))})
		if _, err := c.Bills(context.Background(), linked, card, today.AddDate(0, 0, -40), today, ""); !errors.Is(err, connectors.ErrMalformed) {
			t.Errorf("%s: %v", change[1], err)
		}
	}
}

func TestChanges(t *testing.T) {
	last := strings.Replace(golden(t, "movements.json"), `"ctnFlag":"Y"`, `"ctnFlag":"N"`, 1)
	b := &bank{answer: says(success, last)}
	c := connect(t, b)
	first, err := c.Changes(context.Background(), linked, card, "", "")
	if err != nil || len(first.Bills) != 0 || first.Mark == "" || first.Next != "" {
		t.Fatalf("%+v, %v", first, err)
	}
	then, err := c.Changes(context.Background(), linked, card, first.Mark, "")
	if err != nil || len(then.Bills) != 4 || then.Mark == "" {
		t.Fatalf("%+v, %v", then, err)
	}
	if asked := fmt.Sprint(b.asked[1]); !strings.Contains(asked, "beginDate:20230503") || !strings.Contains(asked, "expectNextSequence:5") {
		t.Errorf("asked %s", asked)
	}
	for _, mark := range []connectors.Mark{"x", `{"begin":"20200101","break":[{}]}`, `{"begin":"","break":[{}]}`, `{"begin":"20230501","break":[]}`} {
		if _, err := c.Changes(context.Background(), linked, card, mark, ""); !errors.Is(err, connectors.ErrMark) {
			t.Errorf("mark %s: %v", mark, err)
		}
	}
	c = connect(t, &bank{answer: func(function string, _ map[string]any) (string, string) {
		if function == "TotalAccountDirect" {
			return success, golden(t, "accounts.json")
		}
		return "FABZ002", `{}`
	}})
	if _, err := c.Changes(context.Background(), linked, card, first.Mark, ""); !errors.Is(err, connectors.ErrMark) {
		t.Errorf("a mark that the bank refuses: %v", err)
	}
}

func FuzzAnswers(f *testing.F) {
	b := &bank{}
	c := connect(f, b)
	for _, name := range []string{"accounts.json", "balances.json", "movements.json"} {
		f.Add([]byte(golden(f, name)))
	}
	f.Add([]byte("CDCServer:x"))
	f.Add([]byte(c.seal([]byte(`{"response":{"head":{},"body":{}},"signature":{"sigdat":""}}`))))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := c.open(text, head{}); err == nil {
			t.Error("opened without a signature")
		}
		if _, err := c.open([]byte(c.seal(text)), head{}); err == nil {
			t.Error("sealed and believed without a signature")
		}
		if got, err := c.unseal([]byte(c.seal(text))); err != nil || !bytes.Equal(got, text) {
			t.Errorf("seals and opens to %q, %v", got, err)
		}
		_ = canonical(text) // whatever it is
		var v any
		if json.Unmarshal(text, &v) == nil {
			out := canonical(text)
			var again any
			if json.Unmarshal(out, &again) != nil || !bytes.Equal(canonical(out), out) {
				t.Errorf("%s becomes %s", text, out)
			}
		}
		var a totalAccounts
		if dial.JSON(text, &a) == nil {
			_, _ = list(credential{"1"}, a.Accounts)
		}
		var d details
		if dial.JSON(text, &d) == nil {
			_, _, _ = d.balances(map[string]connectors.AccountRef{"769900000010370": card})
		}
		var m movements
		if dial.JSON(text, &m) != nil {
			return
		}
		page, _, err := m.page("755947919810515", cursor{Page: 1})
		if err != nil {
			return
		}
		for _, b := range page.Bills {
			if b.ID == "" || b.Amount.Minor < 0 || b.Amount.Currency != "CNY" {
				t.Errorf("%+v", b)
			}
		}
	})
}

// FuzzWhole asks through the whole connector: truly sealed and signed bodies, any
// code, status, cursor and mark, and any answer of the login.
func FuzzWhole(f *testing.F) {
	for _, name := range []string{"accounts.json", "balances.json", "movements.json"} {
		f.Add(golden(f, name), success, 200, "", "")
	}
	f.Add(`{"client_nbr":"5000000071"}`, "FAAQ086", 400, `{"page":2,"going":"","break":[{}]}`, `{"begin":"20230501","break":[{}]}`)
	f.Fuzz(func(t *testing.T, body, code string, status int, next, since string) {
		var v json.RawMessage
		if dial.JSON([]byte(body), &v) != nil || strings.Contains(body, unsigned) || strings.ContainsFunc(code, func(r rune) bool { return r < '0' || r > 'Z' || r == '\\' }) {
			t.Skip() // what the bank can seal is JSON
		}
		status = 200 + (status%400+400)%400
		c := connect(t, &bank{status: status, answer: says(code, body)})
		ctx := context.Background()
		page, err := c.Bills(ctx, linked, card, today.AddDate(-1, 0, 0), today, connectors.Cursor(next))
		known(t, err)
		change, err := c.Changes(ctx, linked, card, connectors.Mark(since), connectors.Cursor(next))
		known(t, err)
		for _, b := range append(page.Bills, change.Bills...) {
			if b.ID == "" || b.Amount.Minor < 0 || b.Amount.Currency != "CNY" {
				t.Errorf("%+v", b)
			}
		}
		accounts, err := c.Accounts(ctx, linked)
		known(t, err)
		for _, a := range accounts {
			if _, err := (credential{"5000000071"}).card(a.Ref); err != nil {
				t.Errorf("an account that cannot be asked for: %v", err)
			}
		}
		_, err = c.Balances(ctx, linked, refs("769900000010370"))
		known(t, err)
		k := config(transport(func(r *http.Request) *http.Response {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
		}))
		login, err := New(k)
		if err != nil {
			t.Fatal(err)
		}
		l, err := login.Begin(ctx, "s", "http://127.0.0.1/linked")
		if err != nil {
			t.Fatal(err)
		}
		got, err := login.Finish(ctx, l, url.Values{"code": {"c"}})
		known(t, err)
		if err == nil {
			if _, err := read(got); err != nil {
				t.Errorf("a credential that is none: %v", err)
			}
		}
	})
}

// known holds that an error is one that connectors may answer.
func known(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, f := range []error{connectors.ErrBusy, connectors.ErrDown, connectors.ErrMalformed, connectors.ErrRefused, connectors.ErrUnauthorized,
		connectors.ErrUnsigned, connectors.ErrLinkRefused, connectors.ErrMark} {
		if errors.Is(err, f) {
			return
		}
	}
	t.Errorf("a fault of no kind: %v", err)
}

// BenchmarkBills reads 10,000 bills, 200 a page. The bank's part, signing and
// sealing each answer, cannot be done before, since it names the request; its
// time is taken out.
func BenchmarkBills(b *testing.B) {
	var pages []string
	for p := range 50 {
		var rows []string
		for i := range 200 {
			rows = append(rows, fmt.Sprintf(`{"transDate":"20230401","transSequenceIdn":"C%014d","transTime":"153002","valueDate":"20230401","loanCode":"D","transAmount":"-40.01","currencyNbr":"10","textCode":"EBPP","remarkTextClt":"快捷支付-巷口面馆","acctOnlineBal":"2000110921419.82","ctpAcctName":"巷口面馆","yurRef":"2023040122001234567890123456"}`, p*200+i))
		}
		more := "Y"
		if p == 49 {
			more = "N"
		}
		pages = append(pages, fmt.Sprintf(`{"TRANSQUERYBYBREAKPOINT_Y1":[{"acctNbr":"1","transDate":"20230401","expectNextSequence":"%d"}],"TRANSQUERYBYBREAKPOINT_Z1":[{"ctnFlag":%q}],"TRANSQUERYBYBREAKPOINT_Z2":[%s]}`, p, more, strings.Join(rows, ",")))
	}
	page := 0
	end := &bank{answer: func(string, map[string]any) (string, string) { page++; return success, pages[page-1] }}
	c := connect(b, end)
	c.http = &http.Client{Transport: paused{b, end}}
	b.ReportAllocs()
	for b.Loop() {
		page = 0
		end.asked = nil
		n := 0
		for next, more := connectors.Cursor(""), true; more; more = next != "" {
			got, err := c.Bills(context.Background(), linked, card, today.AddDate(0, -2, 0), today, next)
			if err != nil {
				b.Fatal(err)
			}
			n, next = n+len(got.Bills), got.Next
		}
		if n != 10000 {
			b.Fatalf("%d bills", n)
		}
	}
}

type paused struct {
	b    *testing.B
	next http.RoundTripper
}

func (p paused) RoundTrip(r *http.Request) (*http.Response, error) {
	p.b.StopTimer()
	defer p.b.StartTimer()
	return p.next.RoundTrip(r)
}
