package bank

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"jali/openapi/client"
)

// jali is a Jali of one person and one one-shot grant. It holds the app to the
// parameters, the code verifier and the proofs, but checks no signature.
type jali struct {
	*httptest.Server
	*testing.T

	mu        sync.Mutex
	state     string
	challenge string
	redirect  string
	token     string
	used      bool
	revoked   bool
	down      bool
	reads     int
	looks     []string // the address of who looked, each time
	view      map[string]any

	binding string // of the request that is decided elsewhere
	decided string // what its poll is told; empty: the token
	polls   int
}

func newJali(t *testing.T) *jali {
	j := &jali{T: t, view: sample()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", j.metadata)
	mux.HandleFunc("POST /oauth/par", j.push)
	mux.HandleFunc("POST /oauth/bc-authorize", j.elsewhere)
	mux.HandleFunc("POST /oauth/token", j.redeem)
	mux.HandleFunc("POST /v1/views", j.open)
	mux.HandleFunc("GET /v1/views/{id}", j.read)
	mux.HandleFunc("GET /v1/views/{id}/bills", j.bills)
	j.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.down {
			panic(http.ErrAbortHandler)
		}
		if r.Header.Get("DPoP") == "" && !strings.HasPrefix(r.URL.Path, "/.well-known/") {
			t.Errorf("%s %s carries no proof", r.Method, r.URL.Path)
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(j.Close)
	return j
}

func (j *jali) metadata(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"issuer": j.URL, "authorization_endpoint": j.URL + "/oauth/authorize", "token_endpoint": j.URL + "/oauth/token",
		"pushed_authorization_request_endpoint": j.URL + "/oauth/par", "backchannel_authentication_endpoint": j.URL + "/oauth/bc-authorize",
	})
}

func (j *jali) push(w http.ResponseWriter, r *http.Request) {
	var details []map[string]any
	if err := json.Unmarshal([]byte(r.PostFormValue("authorization_details")), &details); err != nil || len(details) != 1 || details[0]["type"] != "account_view" {
		j.Errorf("authorization_details: %v %v", details, err)
	}
	if r.PostFormValue("client_assertion") == "" || r.PostFormValue("code_challenge_method") != "S256" {
		j.Error("the push is not authenticated, or has no S256 challenge")
	}
	j.state, j.challenge, j.redirect = r.PostFormValue("state"), r.PostFormValue("code_challenge"), r.PostFormValue("redirect_uri")
	j.used, j.revoked = false, false
	answer(w, http.StatusCreated, map[string]any{"request_uri": "urn:ietf:params:oauth:request_uri:one", "expires_in": 300})
}

func (j *jali) redeem(w http.ResponseWriter, r *http.Request) {
	if r.PostFormValue("grant_type") == "urn:openid:params:grant-type:ciba" {
		j.polled(w, r)
		return
	}
	hash := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if r.PostFormValue("code") != "code" || base64.RawURLEncoding.EncodeToString(hash[:]) != j.challenge {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	j.token = "token-of-" + j.state
	answer(w, http.StatusOK, map[string]any{"access_token": j.token, "token_type": "DPoP", "expires_in": 900})
}

// lets tells whether the request's token reads anything.
func (j *jali) lets(w http.ResponseWriter, r *http.Request) bool {
	if j.revoked || r.Header.Get("Authorization") != "DPoP "+j.token {
		answer(w, http.StatusUnauthorized, map[string]any{"status": 401, "code": "grant_revoked", "title": "The grant was revoked"})
		return false
	}
	return true
}

func (j *jali) open(w http.ResponseWriter, r *http.Request) {
	if !j.lets(w, r) {
		return
	}
	if len(r.Header.Get("Idempotency-Key")) < 16 {
		j.Error("the idempotency key is missing or short")
	}
	j.looks = append(j.looks, r.Header.Get("x-fapi-customer-ip-address"))
	if j.used {
		answer(w, http.StatusForbidden, map[string]any{"status": 403, "code": "grant_spent", "title": "Spent"})
		return
	}
	j.used = true
	answer(w, http.StatusCreated, j.view)
}

func (j *jali) read(w http.ResponseWriter, r *http.Request) {
	if j.reads++; j.lets(w, r) {
		answer(w, http.StatusOK, j.view)
	}
}

func (j *jali) bills(w http.ResponseWriter, r *http.Request) {
	if !j.lets(w, r) {
		return
	}
	if r.URL.Query().Get("cursor") != "more" {
		j.Errorf("cursor %q", r.URL.Query().Get("cursor"))
	}
	answer(w, http.StatusOK, map[string]any{"items": []any{
		client.Bill{ID: "b6", Account: "acct_two", Date: "2026-10-02", Amount: cny("1234.50"), Direction: "out", Flow: "out", State: "booked", Kind: "payment", Category: "housing.rent", Counterparty: "房东", Counted: true},
	}, "next": nil})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func cny(value string) client.Amount { return client.Amount{Value: value, Currency: "CNY"} }

func sample() map[string]any {
	more, noon := "more", time.Date(2026, 10, 3, 12, 30, 0, 0, shanghai)
	pay := func(id, category, value string, flow client.BillFlow, counted bool) client.Bill {
		return client.Bill{ID: id, Account: "acct_one", Date: "2026-10-03", Time: noon, Amount: cny(value), Direction: "out",
			Flow: flow, State: "booked", Kind: "payment", Category: category, Counterparty: "小镇<面馆>", Counted: counted}
	}
	holds := func(account string, kind client.BalanceKind, value string) client.Balance {
		return client.Balance{Account: account, Kind: kind, Amount: cny(value)}
	}
	return map[string]any{
		"id": "view_1", "opened_at": "2026-10-04T02:00:00Z", "expires_at": "2026-10-04T02:10:00Z", "complete": false,
		"sources": []client.SourceReport{{Source: "alipay", Status: "fresh"}, {Source: "beishan_bank", Status: "failed"}},
		"accounts": []client.Account{
			{Account: "acct_one", Source: "alipay", Kind: "wallet_balance", Side: "asset", Name: "余额"},
			{Account: "acct_two", Source: "jiangnan_bank", Kind: "credit_card", Side: "debt", Name: "信用卡"},
		},
		"balances": []client.Balance{
			holds("acct_one", "current", "1000671.63"), holds("acct_one", "available", "1000671.63"), holds("acct_one", "frozen", "0.00"),
			holds("acct_two", "credit_limit", "29000.00"), holds("acct_two", "outstanding", "310.20"),
		},
		"statements": []map[string]any{
			{"account": "acct_two", "due": cny("310.20"), "minimum": cny("31.02"), "paid": cny("12.00"), "due_date": "2026-10-20", "settled": false},
			{"account": "acct_two", "due": cny("99.00"), "settled": true},
		},
		"totals": []map[string]any{{"currency": "CNY", "net": cny("1000361.43"), "assets": cny("1000671.63"), "debts": cny("310.20"), "in": cny("0.00"), "out": cny("1300.20")}},
		"bills": client.BillPage{Next: &more, Items: []client.Bill{
			pay("b1", "food.restaurant", "35.20", "out", true),
			pay("b2", "food.drinks", "20.50", "out", true),
			pay("b3", "food.restaurant", "35.20", "out", false),         // the same movement, seen from the card
			pay("b4", "finance.repayment", "500.00", "internal", false), // stays with the person
			pay("b5", "groceries", "10.00", "out", true),
			pay("b7", "income.refund", "3.00", "out", true), // a shop's refund to its customer
		}},
	}
}

type unsigned struct{}

func (unsigned) JWK() json.RawMessage { return json.RawMessage(`{}`) }

func (unsigned) Sign(map[string]any, any) (string, error) { return "a.b.c", nil }

// person is a browser at the app.
type person struct {
	*testing.T
	http.Client
	app  string
	bank *App
}

func newPerson(t *testing.T, j *jali) *person {
	var app *App
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { app.ServeHTTP(w, r) }))
	t.Cleanup(s.Close)
	var err error
	app, err = New(Config{Issuer: j.URL, Self: s.URL, ClientID: "client_bank", Key: unsigned{}, HTTP: j.Client(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{T: t, app: s.URL, bank: app}
	p.Jar = jar
	p.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(r.URL.String(), s.URL) {
			return http.ErrUseLastResponse // to Jali, where this test answers itself
		}
		return nil
	}
	return p
}

func (p *person) do(method, path string, fields ...url.Values) (int, string, http.Header) {
	p.Helper()
	var body io.Reader
	for _, f := range fields {
		body = strings.NewReader(f.Encode())
	}
	r, err := http.NewRequestWithContext(p.Context(), method, p.app+path, body)
	if err != nil {
		p.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept-Language", "zh-CN")
	resp, err := p.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.Fatal(err)
	}
	if _, err := html.Parse(strings.NewReader(string(b))); err != nil {
		p.Error(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

// ask presses the button and answers with the path back that Jali would send to.
func (p *person) ask(j *jali, more url.Values) string {
	p.Helper()
	status, _, h := p.do("POST", "/ask")
	if want := j.URL + "/oauth/authorize?client_id=client_bank&request_uri="; status != http.StatusSeeOther || !strings.HasPrefix(h.Get("Location"), want) {
		p.Fatalf("POST /ask = %d to %q, want 303 to %s…", status, h.Get("Location"), want)
	}
	q := url.Values{"state": {j.state}, "iss": {j.URL}}
	for k, v := range more {
		q[k] = v
	}
	return strings.TrimPrefix(j.redirect, p.app) + "?" + q.Encode()
}

func (p *person) sees(page string, want ...string) {
	p.Helper()
	for _, w := range want {
		if !strings.Contains(page, w) {
			p.Errorf("the page lacks %q", w)
		}
	}
}

func (p *person) seesNot(page string, not ...string) {
	p.Helper()
	for _, n := range not {
		if strings.Contains(page, n) {
			p.Errorf("the page shows %q", n)
		}
	}
}

// One look: asked, agreed, shown; a second is refused and the first stays
// readable; revoked, nothing is shown at all.
func TestOneLook(t *testing.T) {
	j := newJali(t)
	p := newPerson(t, j)
	_, page, _ := p.do("GET", "/")
	p.sees(page, `id="ask"`, "所有的钱，一页看清")
	p.seesNot(page, `id="refresh"`)

	back := p.ask(j, url.Values{"code": {"code"}})
	status, page, h := p.do("GET", back)
	if status != http.StatusOK || h.Get("Cache-Control") != "no-store" {
		t.Errorf("GET %s = %d, Cache-Control %q", back, status, h.Get("Cache-Control"))
	}
	p.sees(page, "¥1,000,361.43", "支付宝 · 余额", "江南银行 · 信用卡", "acct_one", "待还", "额度 ¥29,000.00",
		"小镇&lt;面馆&gt;", "12:30", "房租", "餐馆", "有机构没有答复", "2026-10-04 10:10")
	p.sees(page, `id="statements"`, `data-settled="false"`, "2026-10-20", "最低 ¥31.02", "已还 ¥12.00", "已还清")
	p.seesNot(page, "food.restaurant", "冻结", "<面馆>")
	if n := strings.Count(page, "<tr"); n != 1+7 {
		t.Errorf("the table has %d rows, want its head and the bills of both pages", n)
	}
	bars := []string{`data-category="housing"`, "¥1,234.50", "95%", `data-category="food"`, "¥55.70", "4%", `data-category="groceries"`, "¥10.00", "1%", `data-category="income.refund"`, "退款", "¥3.00", "&lt;1%"}
	at := 0
	for _, w := range bars { // largest first, by branch, what counts and left the person's hands
		i := strings.Index(page[at:], w)
		if i < 0 {
			t.Fatalf("the plot lacks %q in its place", w)
		}
		at += i
	}
	p.seesNot(page, `data-category="finance"`)

	_, page, _ = p.do("POST", "/refresh")
	if len(j.looks) != 2 || j.looks[0] != "127.0.0.1" || j.looks[1] != "127.0.0.1" {
		t.Errorf("Jali is told that the person looks from %q", j.looks)
	}
	p.sees(page, `data-code="grant_spent"`, "¥1,000,361.43")
	reads := j.reads
	_, page, _ = p.do("GET", "/")
	if p.sees(page, "¥1,000,361.43"); j.reads != reads+1 {
		t.Errorf("showing the page read the view %d times, want once: nothing is kept", j.reads-reads)
	}

	j.revoked = true
	_, page, _ = p.do("GET", "/")
	p.sees(page, `data-code="grant_revoked"`, `id="refresh"`, `id="ask"`)
	p.seesNot(page, "1,000,361.43", "acct_one", `id="bills"`)
	_, page, _ = p.do("POST", "/refresh")
	p.sees(page, `data-code="grant_revoked"`)
	p.seesNot(page, `id="bills"`)
}

func TestRefusedAnswers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer url.Values // beside the right state and issuer
		status int
		code   string
	}{
		{"the person refused", url.Values{"error": {"access_denied"}}, http.StatusOK, "access_denied"},
		{"another request's state", url.Values{"state": {"x"}, "code": {"code"}}, http.StatusBadRequest, "state_mismatch"},
		{"no state", url.Values{"state": {""}, "code": {"code"}}, http.StatusBadRequest, "state_mismatch"},
		{"another server's answer", url.Values{"iss": {"https://evil.example"}, "code": {"code"}}, http.StatusBadRequest, "issuer_mismatch"},
		{"no issuer", url.Values{"iss": {""}, "code": {"code"}}, http.StatusBadRequest, "issuer_mismatch"},
		{"a code that buys nothing", url.Values{"code": {"stale"}}, http.StatusOK, "invalid_grant"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := newJali(t)
			p := newPerson(t, j)
			status, page, _ := p.do("GET", p.ask(j, tt.answer))
			if status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
			p.sees(page, `data-code="`+tt.code+`"`, `id="ask"`)
			p.seesNot(page, `id="bills"`)
			if j.token != "" || j.used {
				t.Error("a token was bought or a view opened")
			}
		})
	}
}

func TestAnAnswerIsTakenOnce(t *testing.T) {
	j := newJali(t)
	p := newPerson(t, j)
	back := p.ask(j, url.Values{"code": {"code"}})
	p.do("GET", back)
	if status, page, _ := p.do("GET", back); status != http.StatusBadRequest || !strings.Contains(page, "state_mismatch") {
		t.Errorf("the same answer again = %d", status)
	}
	stranger := newPerson(t, j)
	if status, _, _ := stranger.do("GET", p.ask(j, url.Values{"code": {"code"}})); status != http.StatusBadRequest {
		t.Errorf("another browser's answer = %d", status)
	}
}

func TestUnreachable(t *testing.T) {
	j := newJali(t)
	p := newPerson(t, j)
	p.do("GET", p.ask(j, url.Values{"code": {"code"}}))
	j.down = true
	_, page, _ := p.do("GET", "/")
	p.sees(page, `data-code="unreachable"`)
	if status, page, _ := p.do("POST", "/ask"); status != http.StatusBadGateway {
		t.Errorf("POST /ask without Jali = %d: %s", status, page)
	}
}

func TestLanguageStays(t *testing.T) {
	p := newPerson(t, newJali(t))
	_, page, _ := p.do("GET", "/?lang=en")
	p.sees(page, `<html lang="en">`, "All your money")
	_, page, _ = p.do("GET", "/")
	p.sees(page, `<html lang="en">`, `href="/?lang=zh"`)
	p.do("GET", "/?lang=zh")
	_, page, _ = p.do("GET", "/")
	p.sees(page, `<html lang="zh-CN">`)
}

func TestOtherSitesFormsAreRefused(t *testing.T) {
	p := newPerson(t, newJali(t))
	for _, path := range []string{"/ask", "/refresh", "/counter"} {
		r, _ := http.NewRequestWithContext(t.Context(), "POST", p.app+path, nil)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		resp, err := p.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode != http.StatusForbidden {
			t.Errorf("POST %s from another site = %d", path, resp.StatusCode)
		}
	}
}
