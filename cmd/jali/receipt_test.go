package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"jali/cmd/internal/house"
	"jali/connectors"
	"jali/consent"
	"jali/consent/passkey"
	"jali/consent/passkey/software"
	"jali/internal/aggregate"
	"jali/internal/jose"
	"jali/internal/kv"
)

// archive is a house whose people keep receipts.
type archive struct {
	*house.House
	device *software.Authenticator
	in     passkey.SignedIn
}

const receiptIssuer = "http://localhost:8080"

// receipts makes a house in a folder, in which somebody agrees to a grant,
// agrees to have it changed, revokes it, disconnects what a file has brought and
// leaves; and writes what they get: grant-1.jwt, grant-2.jwt, revocation.jwt,
// disconnection.jwt, deletion.jwt and jwks.json. With them go the lies that
// somebody with a key of their own can tell: forged-*.jwt,
// deletion-*.jwt and forger.json.
func receipts() {
	if err := writeReceipts(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func writeReceipts(ctx context.Context) (err error) {
	h, err := house.Open(ctx, house.Config{Issuer: receiptIssuer, Data: "receipts-data", Sources: &connectors.Registry{}, RotateAfter: 720 * time.Hour, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	a := &archive{House: h, device: software.New()}
	flow, options, err := h.Passkeys.BeginSignUp(ctx, "林小舟")
	if err != nil {
		return err
	}
	response, err := a.device.Create(receiptIssuer, options)
	if err != nil {
		return err
	}
	if a.in, _, err = h.Passkeys.FinishSignUp(ctx, flow, response, "test"); err != nil {
		return err
	}
	key, err := jose.Generate(jose.ES256)
	if err != nil {
		return err
	}
	bank := consent.Client{ID: "client_dawn", Name: consent.Name{ZH: "晨曦银行", EN: "Morning Bank"}, RedirectURIs: []string{"https://bank.example/"},
		JWKS: fmt.Appendf(nil, `{"keys":[%s]}`, key.Public().JWK())}
	if err := h.Consent.AddClient(ctx, bank); err != nil {
		return err
	}
	if err := a.agree(ctx, consent.Request{ID: "gr_one", Client: bank.ID}); err != nil {
		return err
	}
	if err := a.agree(ctx, consent.Request{ID: "gr_two", Client: bank.ID, Action: consent.Replace, Revises: "gr_one"}); err != nil {
		return err
	}
	if _, err := h.Consent.Revoke(ctx, a.in.Session, "gr_one"); err != nil {
		return err
	}
	for file, path := range map[string]string{"grant-1.jwt": "/grants/gr_one/receipts/1", "grant-2.jwt": "/grants/gr_one/receipts/2",
		"revocation.jwt": "/grants/gr_one/receipts/revocation", "jwks.json": "/oauth/jwks"} {
		b, err := a.ask(httptest.NewRequest(http.MethodGet, receiptIssuer+path, nil))
		if err == nil {
			err = os.WriteFile(file, b, 0o600)
		}
		if err != nil {
			return err
		}
	}
	if err := a.disconnect(ctx); err != nil {
		return err
	}
	if err := a.leave(ctx); err != nil {
		return err
	}
	return forge()
}

const oneBill = `支付宝账户：lin***@example.test
起始时间：[2026-11-01 00:00:00]    终止时间：[2026-11-08 00:00:00]
共1笔记录
收入：0笔 0.00元
支出：1笔 18.00元
交易时间,交易分类,交易对方,对方账号,商品说明,收/支,金额,收/付款方式,交易状态,交易订单号,商家订单号,备注,
2026-11-05 12:00:00,餐饮美食,巷口面馆,/,牛肉面,支出,18.00,余额宝,交易成功,2026110522001400000000000001	,M1	,,
`

func (a *archive) disconnect(ctx context.Context) error {
	for range 2 { // the second stays, and goes with its person
		if _, err := a.Aggregate.Import(ctx, a.in.Session.Person, strings.NewReader(oneBill), aggregate.Taking{}); err != nil {
			return err
		}
		all, err := a.Aggregate.Connections(ctx, a.in.Session)
		if err != nil {
			return err
		}
		if _, err := os.Stat("disconnection.jwt"); err == nil {
			return nil
		}
		if err := a.Aggregate.Disconnect(ctx, a.in.Session, all[0].ID); err != nil {
			return err
		}
		if err := a.Vault.Shred(ctx); err != nil {
			return err
		}
		b, err := a.ask(httptest.NewRequest(http.MethodGet, receiptIssuer+"/deletions/"+all[0].ID, nil))
		if err != nil {
			return err
		}
		if err := os.WriteFile("disconnection.jwt", b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// agree pushes a request and says yes to it.
func (a *archive) agree(ctx context.Context, r consent.Request) error {
	now := time.Now()
	r.Lapses = now.Add(time.Minute)
	r.Asked = consent.Terms{Purpose: consent.BillOverview, Datatypes: []consent.Datatype{consent.Balances, consent.Bills}, Fields: consent.Minimal,
		Period: consent.Period{Days: 30}, Uses: consent.Uses{Limit: 4, Per: "day"}, Until: now.AddDate(0, 3, 0).Truncate(time.Second)}
	err := a.Consent.DB.Update(ctx, func(tx kv.Tx) error {
		_, err := a.Consent.Push(tx, now, r)
		return err
	})
	if err == nil {
		_, err = a.Consent.Show(ctx, a.in.Session, r.ID)
	}
	if err != nil {
		return err
	}
	accounts := []consent.AccountID{"ac_1", "ac_2"}
	said, err := a.Consent.Prepare(ctx, a.in.Session, r.ID, consent.Choice{Accounts: accounts}, accounts)
	if err != nil {
		return err
	}
	response, err := a.sign(ctx, said)
	if err != nil {
		return err
	}
	_, _, err = a.Consent.Give(ctx, a.in.Session, r.ID, response)
	return err
}

func (a *archive) sign(ctx context.Context, said consent.Agreement) ([]byte, error) {
	options, err := a.Passkeys.Options(ctx, a.in.Session, said.Challenge)
	if err != nil {
		return nil, err
	}
	return a.device.Get(receiptIssuer, options)
}

// ask is the person's browser.
func (a *archive) ask(r *http.Request) ([]byte, error) {
	r.AddCookie(a.in.Cookie)
	w := httptest.NewRecorder()
	a.Handler.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return nil, fmt.Errorf("%s: %d %s", r.URL, w.Code, w.Body)
	}
	return w.Body.Bytes(), nil
}

// leave is what somebody does in their browser, which keeps the cookies.
func (a *archive) leave(ctx context.Context) error {
	form := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, receiptIssuer+"/settings/leave", nil)
	r.AddCookie(a.in.Cookie)
	a.Handler.ServeHTTP(form, r)
	said, err := a.Consent.PrepareLeave(ctx, a.in.Session)
	if err != nil {
		return err
	}
	response, err := a.sign(ctx, said)
	if err != nil {
		return err
	}
	body := url.Values{"csrf": {a.Passkeys.CSRF(a.in.Session)}, "response": {string(response)}}
	r = httptest.NewRequest(http.MethodPost, receiptIssuer+"/settings/leave", strings.NewReader(body.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", receiptIssuer)
	r.AddCookie(a.in.Cookie)
	for _, c := range form.Result().Cookies() {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	a.Handler.ServeHTTP(w, r)
	if w.Code != http.StatusSeeOther {
		return fmt.Errorf("leaving: %d %s", w.Code, w.Body)
	}
	r = httptest.NewRequest(http.MethodGet, receiptIssuer+"/settings/leave/receipt", nil)
	for _, c := range form.Result().Cookies() {
		r.AddCookie(c)
	}
	b, err := a.ask(r)
	if err != nil {
		return err
	}
	return os.WriteFile("deletion.jwt", b, 0o600)
}

// forge signs lies about a genuine receipt with a key that forger.json publishes,
// so that what is wrong is inside.
func forge() error {
	genuine, err := os.ReadFile("grant-1.jwt")
	if err != nil {
		return err
	}
	other, err := os.ReadFile("grant-2.jwt")
	if err != nil {
		return err
	}
	key, err := jose.Generate(jose.ES256)
	if err != nil {
		return err
	}
	if err := os.WriteFile("forger.json", fmt.Appendf(nil, `{"keys":[%s]}`, key.Public().JWK()), 0o600); err != nil {
		return err
	}
	second := evidenceOf(claimsOf(other))
	flip := func(member string) func(map[string]any) {
		return func(c map[string]any) {
			b, _ := base64.StdEncoding.DecodeString(evidenceOf(c)[member].(string))
			b[len(b)-1] ^= 1
			evidenceOf(c)[member] = b
		}
	}
	lies := map[string]func(map[string]any){
		"nothing":       func(map[string]any) {},
		"grant":         func(c map[string]any) { c["grant"] = "gr_other" },
		"client":        func(c map[string]any) { c["client"] = "client_dusk" },
		"yes":           func(c map[string]any) { c["yes"] = 2 },
		"time":          func(c map[string]any) { c["agreed_at"] = time.Now().Add(time.Hour) },
		"agreement":     func(c map[string]any) { evidenceOf(c)["agreement"] = second["agreement"] },
		"client-data":   func(c map[string]any) { evidenceOf(c)["client_data"] = second["client_data"] },
		"authenticator": flip("authenticator"),
		"key":           flip("public_key"),
		"signature":     func(c map[string]any) { evidenceOf(c)["signature"] = second["signature"] },
		"issuer":        func(c map[string]any) { c["iss"] = "https://jali.example" },
		"no-evidence":   func(c map[string]any) { delete(c, "evidence") },
	}
	for name, lie := range lies {
		claims := claimsOf(genuine)
		lie(claims)
		if err := sign(key, "forged-"+name+".jwt", "jali-grant-receipt+jwt", claims); err != nil {
			return err
		}
	}
	if err := sign(key, "forged-kind.jwt", "jali-deletion-receipt+jwt", claimsOf(genuine)); err != nil {
		return err
	}
	deletion, err := os.ReadFile("deletion.jwt")
	if err != nil {
		return err
	}
	for name, lie := range map[string]func(map[string]any){
		"unscheduled": func(c map[string]any) { delete(c, "backups_unreadable_from") },
		"undestroyed": func(c map[string]any) { delete(c, "keys_destroyed_at") },
		"of-all":      func(c map[string]any) { c["of"] = "everybody" },
		"deleted-never": func(c map[string]any) {
			c["deleted_at"] = time.Now().Add(time.Hour)
			c["keys_destroyed_at"] = c["deleted_at"]
		},
		"grant-as-leave":  func(c map[string]any) { c["evidence"] = claimsOf(genuine)["evidence"] },
		"without-passkey": func(c map[string]any) { delete(c, "evidence") },
	} {
		claims := claimsOf(deletion)
		lie(claims)
		if err := sign(key, "deletion-"+name+".jwt", "jali-deletion-receipt+jwt", claims); err != nil {
			return err
		}
	}
	return sign(key, "token.jwt", "at+jwt", claimsOf(genuine))
}

func sign(key jose.PrivateKey, file, typ string, claims any) error {
	jws, err := key.Sign(map[string]any{"typ": typ}, claims)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(jws), 0o600)
}

func claimsOf(jws []byte) map[string]any {
	var m map[string]any
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(string(jws), ".")[1])
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		panic(err)
	}
	return m
}

func evidenceOf(claims map[string]any) map[string]any { return claims["evidence"].(map[string]any) }

// tampered copies a file with one character of it changed, in the part of a
// JWS that is named by its number.
func tampered() {
	b, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	parts := strings.Split(string(b), ".")
	for i, part := range parts {
		changed := []byte(part)
		at := len(changed) / 2
		if changed[at] == 'A' {
			changed[at] = 'B'
		} else {
			changed[at] = 'A'
		}
		whole := append([]string{}, parts...)
		whole[i] = string(changed)
		if err := os.WriteFile(fmt.Sprintf("tampered-%d.jwt", i), []byte(strings.Join(whole, ".")), 0o600); err != nil {
			os.Exit(1)
		}
	}
}

func TestKeysOfAnIssuer(t *testing.T) {
	key, err := jose.Generate(jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	set := fmt.Sprintf(`{"keys":[%s]}`, key.Public().JWK())
	mux := http.NewServeMux()
	mux.HandleFunc("/oauth/jwks", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, set) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/oauth/jwks", http.StatusFound) })
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, set+strings.Repeat(" ", maxReceipt))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, tt := range []struct {
		why, issuer, jwks, want string // want: in the error; empty: the key
	}{
		{"as the issuer publishes them", server.URL, "", ""},
		{"from a URL", "https://jali.example", server.URL + "/oauth/jwks", ""},
		{"a redirect may lead anywhere", "https://jali.example", server.URL + "/moved", "302"},
		{"nothing there", "https://jali.example", server.URL + "/none", "404"},
		{"endless", "https://jali.example", server.URL + "/large", "larger than 1 MiB"},
		{"an issuer with a path", server.URL + "/x", "", "alone"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			v := receiptVerify{JWKS: tt.jwks}
			got, err := v.keys(tt.issuer)
			if tt.want == "" && (err != nil || len(got) != 1 || got[0].ID() != key.Public().ID()) {
				t.Errorf("keys(%s) with %q = %v, %v", tt.issuer, tt.jwks, got, err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("keys(%s) with %q: %v, want %q", tt.issuer, tt.jwks, err, tt.want)
			}
		})
	}
}

func TestAReceiptCommandsNoTerminal(t *testing.T) {
	if got := clean("Dawn\x1b[2J\u202eBank\n  who: nobody\u0085"); got != "Dawn[2JBank  who: nobody" {
		t.Errorf("clean = %q", got)
	}
}
