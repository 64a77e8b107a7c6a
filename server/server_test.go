package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"jali/connectors"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/discreet"
	"jali/internal/fault"
	"jali/internal/ledger"
	"jali/openapi"
	"jali/openapi/conform"
	"jali/openapi/problems"
	"jali/server"
)

const key = "0123456789abcdef"

// views is what the edge is tested against: it answers what a test sets.
type views struct {
	mu   sync.Mutex
	got  []aggregate.OpenRequest
	view aggregate.View
	page aggregate.BillPage
	err  error
	boom any
	none bool // there are no sources

	cursor string
	limit  int
}

func (v *views) Offers() []aggregate.Offer {
	if v.none {
		return nil
	}
	return []aggregate.Offer{{Source: connectors.Source{ID: "alipay", Name: connectors.Name{ZH: "支付宝", EN: "Alipay"}, Kind: connectors.Wallet, History: 365 * 24 * time.Hour,
		MaxWindow: 31 * 24 * time.Hour, PageSize: 2000, PerSecond: 2.5, PerDay: 100_000, Unattended: 4}, Tells: []string{"balances", "bills"}}}
}

func (v *views) Open(_ context.Context, r aggregate.OpenRequest) (aggregate.View, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.got = append(v.got, r)
	if v.boom != nil {
		panic(v.boom)
	}
	return v.view, v.err
}

func (v *views) Get(context.Context, consent.ClientID, consent.GrantID, string) (aggregate.View, error) {
	return v.view, v.err
}

func (v *views) Page(_ context.Context, _ consent.ClientID, _ consent.GrantID, _, cursor string, limit int) (aggregate.BillPage, error) {
	v.cursor, v.limit = cursor, limit
	return v.page, v.err
}

type challenge struct{ error }

func (challenge) Challenge() string { return `DPoP error="use_dpop_nonce"` }
func (c challenge) Unwrap() error   { return c.error }

var errNoToken = &fault.Error{Kind: fault.Unauthenticated, Code: "invalid_token", Detail: "send an access token"}

type edge struct {
	*httptest.Server
	views *views
	log   *bytes.Buffer
}

const stray = `{"error":"invalid_request","error_description":"oauth","error_uri":"https://jali.example/problems/invalid_request"}`

func stand(t *testing.T, change func(*server.Config)) *edge {
	t.Helper()
	e := &edge{views: &views{view: sample(), page: aggregate.BillPage{}}, log: new(bytes.Buffer)}
	var mu sync.Mutex
	c := server.Config{
		Issuer: "https://jali.example", Views: e.views,
		Log: slog.New(slog.NewJSONHandler(lockedWriter{&mu, e.log}, nil)),
		Authenticate: func(_ http.Header, r *http.Request) (server.Caller, error) {
			if r.Header.Get("Authorization") != "DPoP good" {
				return server.Caller{}, challenge{errNoToken}
			}
			return server.Caller{Client: "bank", Grant: "grt_1"}, nil
		},
		Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			if err != nil {
				http.Error(w, "too large", http.StatusRequestEntityTooLarge)
				return
			}
			_, _ = io.WriteString(w, "page "+r.RemoteAddr)
			_ = n
		}),
		OAuth: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, stray)
		}),
		Extra: map[string]http.Handler{"/sandbox/": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "sandbox") })},
	}
	if change != nil {
		change(&c)
	}
	s, err := server.New(c)
	if err != nil {
		t.Fatal(err)
	}
	e.Server = httptest.NewServer(conform.For(t, s))
	t.Cleanup(e.Close)
	return e
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

type answer struct {
	*http.Response
	body    []byte
	problem openapi.Problem
}

func (e *edge) send(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequest(method, e.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	res, err := e.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{Response: res, body: b}
	if res.Header.Get("Content-Type") == "application/problem+json" && method != http.MethodHead {
		if err := json.Unmarshal(b, &a.problem); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

var good = []string{"Authorization", "DPoP good", "Idempotency-Key", key, "Content-Type", "application/json"}

func sample() aggregate.View {
	at := time.Date(2026, 11, 21, 9, 30, 0, 0, time.FixedZone("", 8*3600))
	yuan := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "CNY"} }
	return aggregate.View{
		ID: "view_0123456789abcdef", Grant: "grt_1", OpenedAt: at, ExpiresAt: at.Add(10 * time.Minute), UsesLeft: 0,
		Sources: []aggregate.Report{
			{Source: "alipay", Status: aggregate.Fresh, AsOf: at, Covers: connectors.Span{From: at.Add(-time.Hour), To: at}},
			{Source: "wechatpay", Status: aggregate.Refused, AsOf: at, Owner: "person", Code: "source_unauthorized", Action: "reconnect"},
			{Source: "xihe_bank", Status: aggregate.Skipped, AsOf: at, Owner: "source", Code: "source_budget", RetryAfter: 14*time.Hour + time.Nanosecond,
				Unattended: &aggregate.Unattended{Limit: 4, ResetsAt: at.Add(14*time.Hour + time.Nanosecond)}},
		},
		Accounts: []aggregate.Account{{Alias: "acct_a", Source: "alipay", Kind: connectors.WalletBalance, Side: connectors.Asset, Name: "余额"}},
		Balances: []aggregate.Balance{{Account: "acct_a", Kind: connectors.Available, Amount: yuan(1050), AsOf: at}},
		Totals: []aggregate.Total{
			{Assets: yuan(1050), Debts: yuan(0), Net: yuan(1050), In: yuan(0), Out: yuan(5)},
			{In: money.Amount{Minor: 7, Currency: "JPY"}, Out: money.Amount{Currency: "JPY"}},
		},
		Statements: []aggregate.Statement{{Account: "acct_a", Period: connectors.Span{From: at.Add(-time.Hour), To: at}, Due: yuan(5), DueDate: "2026-12-01"}},
		Bills: aggregate.BillPage{Next: "AAAA", Items: []aggregate.Bill{
			{ID: "bill_1", Account: "acct_a", Date: "2026-11-20", Amount: yuan(5), Direction: connectors.Out, Flow: connectors.FlowOut,
				State: connectors.Done, Kind: connectors.Payment, Category: "food.drinks", Counted: true},
			{ID: "bill_2", Account: "acct_a", Date: "2026-11-19", Time: at, Amount: yuan(5), Direction: connectors.In, Flow: connectors.FlowIn,
				State: connectors.Pending, Kind: connectors.Refund, Category: "income.refund", Counterparty: "店", Method: "acct_a",
				Description: "d", Order: "ord_1", Mirrors: []string{"bill_1"}, RefundOf: "bill_1"},
		}},
	}
}

func TestOpenView(t *testing.T) {
	e := stand(t, nil)
	a := e.send(t, "POST", "/v1/views", `{"sources":["alipay"],"datatypes":["bills"]}`, good...)
	if a.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	want := aggregate.OpenRequest{Grant: "grt_1", Client: "bank", Key: key,
		Want: aggregate.Want{Sources: []string{"alipay"}, Datatypes: []consent.Datatype{consent.Bills}}}
	if len(e.views.got) != 1 || !equalJSON(e.views.got[0], want) {
		t.Errorf("asked for %+v, want %+v", e.views.got, want)
	}
	var v openapi.View
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatal(err)
	}
	switch {
	case v.Balances[0].Amount.Value != "10.50":
		t.Errorf("a balance is %+v", v.Balances[0].Amount)
	case v.Totals[1].Currency != "JPY" || v.Totals[1].In.Value != "7" || v.Totals[1].Assets.Currency != "":
		t.Errorf("a total without balances is %+v", v.Totals[1])
	case *v.Bills.Next != "AAAA" || v.Bills.Items[1].Final || !v.Bills.Items[0].Final:
		t.Errorf("bills are %+v", v.Bills)
	case a.Header.Get("Cache-Control") != "no-store":
		t.Errorf("Cache-Control is %q", a.Header.Get("Cache-Control"))
	}
}

func equalJSON(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

func TestReadAndPage(t *testing.T) {
	e := stand(t, nil)
	if a := e.send(t, "GET", "/v1/views/view_0123456789abcdef", "", "Authorization", "DPoP good"); a.StatusCode != 200 {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if a := e.send(t, "GET", "/v1/views/view_0123456789abcdef/bills", "", "Authorization", "DPoP good"); a.StatusCode != 200 || e.views.limit != 100 {
		t.Errorf("%d with a limit of %d, want the default of 100", a.StatusCode, e.views.limit)
	}
	if a := e.send(t, "GET", "/v1/views/view_0123456789abcdef/bills?cursor=abc&limit=500", "", "Authorization", "DPoP good"); a.StatusCode != 200 || e.views.limit != 500 || e.views.cursor != "abc" {
		t.Errorf("%d, cursor %q, limit %d", a.StatusCode, e.views.cursor, e.views.limit)
	}
}

// What is refused here never reaches the aggregate, and no answer repeats
// what was sent.
func TestRefused(t *testing.T) {
	const canary = "c4n4ry"
	e := stand(t, nil)
	big := `{"sources":["` + strings.Repeat("a", 1<<20) + `"]}`
	for _, tt := range []struct {
		why, method, path, body string
		headers                 []string
		status                  int
		code                    string
	}{
		{"a stranger is told nothing else, whatever they send", "POST", "/v1/views", `{"` + canary + `":1}`, nil, 401, "invalid_token"},
		{"a stranger's size is not looked at either", "POST", "/v1/views", big, nil, 401, "invalid_token"},
		{"no key", "POST", "/v1/views", `{}`, []string{"Authorization", "DPoP good", "Content-Type", "application/json"}, 400, "request_invalid"},
		{"a short key", "POST", "/v1/views", `{}`, []string{"Authorization", "DPoP good", "Content-Type", "application/json", "Idempotency-Key", canary}, 400, "request_invalid"},
		{"a key with a space", "POST", "/v1/views", `{}`, []string{"Authorization", "DPoP good", "Content-Type", "application/json", "Idempotency-Key", canary + " 0123456789"}, 400, "request_invalid"},
		{"two keys", "POST", "/v1/views", `{}`, append([]string{"Idempotency-Key", canary + "0123456789"}, good...), 400, "request_invalid"},
		{"no body", "POST", "/v1/views", ``, good, 400, "request_invalid"},
		{"half a body", "POST", "/v1/views", `{"sources":["` + canary, good, 400, "request_invalid"},
		{"two bodies", "POST", "/v1/views", `{} {}`, good, 400, "request_invalid"},
		{"not UTF-8", "POST", "/v1/views", "{\"sources\":[\"\xff\"]}", good, 400, "request_invalid"},
		{"an array", "POST", "/v1/views", `[]`, good, 400, "request_invalid"},
		{"null", "POST", "/v1/views", `null`, good, 400, "request_invalid"},
		{"an unknown member", "POST", "/v1/views", `{"` + canary + `":1}`, good, 400, "request_invalid"},
		{"a member in other case", "POST", "/v1/views", `{"Datatypes":["balances"]}`, good, 400, "request_invalid"},
		{"a member twice", "POST", "/v1/views", `{"datatypes":["balances"],"datatypes":["bills"]}`, good, 400, "request_invalid"},
		{"a member twice, once escaped and in other case", "POST", "/v1/views", `{"datatypes":["balances"],"\u0044atatypes":["bills"]}`, good, 400, "request_invalid"},
		{"a wrong type", "POST", "/v1/views", `{"sources":"` + canary + `"}`, good, 400, "request_invalid"},
		{"an unknown datatype", "POST", "/v1/views", `{"datatypes":["` + canary + `"]}`, good, 400, "request_invalid"},
		{"an empty list", "POST", "/v1/views", `{"sources":[]}`, good, 400, "request_invalid"},
		{"nested too deep", "POST", "/v1/views", `{"sources":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, good, 400, "request_invalid"},
		{"a number that no double holds", "POST", "/v1/views", `{"sources":` + strings.Repeat("8", 400) + `}`, good, 400, "request_invalid"},
		{"too large", "POST", "/v1/views", big, good, 413, "body_too_large"},
		{"not JSON", "POST", "/v1/views", `a=` + canary, []string{"Authorization", "DPoP good", "Idempotency-Key", key, "Content-Type", "application/x-www-form-urlencoded"}, 415, "media_type_unsupported"},
		{"no media type", "POST", "/v1/views", `{}`, []string{"Authorization", "DPoP good", "Idempotency-Key", key}, 415, "media_type_unsupported"},
		{"two media types", "POST", "/v1/views", `{}`, append([]string{"Content-Type", "text/plain"}, good...), 415, "media_type_unsupported"},
		{"another charset", "POST", "/v1/views", `{}`, []string{"Authorization", "DPoP good", "Idempotency-Key", key, "Content-Type", "application/json; charset=gb18030"}, 415, "media_type_unsupported"},
		{"compressed", "POST", "/v1/views", `{}`, append([]string{"Content-Encoding", "gzip"}, good...), 415, "media_type_unsupported"},
		{"a limit of none", "GET", "/v1/views/view_0123456789abcdef/bills?limit=0", "", good[:2], 400, "request_invalid"},
		{"too high a limit", "GET", "/v1/views/view_0123456789abcdef/bills?limit=501", "", good[:2], 400, "request_invalid"},
		{"a limit that is no number", "GET", "/v1/views/view_0123456789abcdef/bills?limit=" + canary, "", good[:2], 400, "request_invalid"},
		{"two limits", "GET", "/v1/views/view_0123456789abcdef/bills?limit=1&limit=2", "", good[:2], 400, "request_invalid"},
		{"an unknown parameter", "GET", "/v1/views/view_0123456789abcdef/bills?" + canary + "=1", "", good[:2], 400, "request_invalid"},
		{"a query that cannot be read", "GET", "/v1/views/view_0123456789abcdef/bills?cursor=%zz", "", good[:2], 400, "request_invalid"},
		{"a cursor of other characters", "GET", "/v1/views/view_0123456789abcdef/bills?cursor=%00", "", good[:2], 400, "request_invalid"},
		{"an id that is none", "GET", "/v1/views/" + canary, "", good[:2], 400, "request_invalid"},
		{"a body on a GET", "GET", "/v1/views/view_0123456789abcdef", `{}`, good[:2], 400, "request_invalid"},
		{"no such route", "GET", "/v1/" + canary, "", good[:2], 404, "route_unknown"},
		{"no route at all", "GET", "/v1", "", good[:2], 404, "route_unknown"},
		{"a method that is not there", "DELETE", "/v1/views", "", good[:2], 405, "method_not_allowed"},
		{"a method that is not there, of a view", "PATCH", "/v1/views/" + canary, "", good[:2], 405, "method_not_allowed"},
		{"a method that is not there, of the document", "POST", "/openapi.yaml", "", nil, 405, "method_not_allowed"},
		{"a method that nobody knows, of the document", "BREW", "/openapi.yaml", "", nil, 405, "method_not_allowed"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			a := e.send(t, tt.method, tt.path, tt.body, tt.headers...)
			if a.StatusCode != tt.status || a.problem.Code != tt.code || a.problem.Status != tt.status {
				t.Errorf("%d %s, want %d %s", a.StatusCode, a.body, tt.status, tt.code)
			}
			if bytes.Contains(a.body, []byte(canary)) {
				t.Errorf("the answer repeats what was sent: %s", a.body)
			}
			if tt.status == 401 && a.Header.Get("WWW-Authenticate") != `DPoP error="use_dpop_nonce"` {
				t.Errorf("WWW-Authenticate is %q", a.Header.Get("WWW-Authenticate"))
			}
			if tt.status == 405 && a.Header.Get("Allow") == "" {
				t.Error("no Allow header")
			}
		})
	}
	if len(e.views.got) != 0 {
		t.Errorf("%d of them were asked of the aggregate", len(e.views.got))
	}
	if strings.Contains(e.log.String(), canary) {
		t.Error("the log repeats what was sent")
	}
}

func TestFaultsOnTheWire(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		want   openapi.Problem
	}{
		{&fault.Error{Kind: fault.Denied, Code: "grant_spent", Detail: "d", Action: "ask_again"}, 403, openapi.Problem{Code: "grant_spent", Owner: "client", Detail: "d", Action: "ask_again"}},
		{&fault.Error{Kind: fault.Unauthenticated, Code: "grant_revoked", Owner: fault.Person}, 401, openapi.Problem{Code: "grant_revoked", Owner: "person"}},
		{&fault.Error{Kind: fault.Mismatch, Code: "idempotency_mismatch"}, 422, openapi.Problem{Code: "idempotency_mismatch", Owner: "client"}},
		{&fault.Error{Kind: fault.Gone, Code: "view_expired"}, 410, openapi.Problem{Code: "view_expired", Owner: "client"}},
		{&fault.Error{Kind: fault.Limited, Code: "grant_spent_today", RetryAfter: 1500 * time.Millisecond}, 429, openapi.Problem{Code: "grant_spent_today", Owner: "client", RetryAfter: 2}},
		{&fault.Error{Kind: fault.Limited, Code: "grant_spent_today"}, 429, openapi.Problem{Code: "grant_spent_today", Owner: "client", RetryAfter: 1}},
		{&fault.Error{Kind: fault.Unavailable, Code: "storage_stopped"}, 503, openapi.Problem{Code: "storage_stopped", Owner: "us"}},
		// An error that nobody gave a kind says nothing.
		{errors.New("secret table is on fire"), 500, openapi.Problem{Code: "internal", Owner: "us"}},
		{&fault.Error{Kind: fault.Internal, Code: "audit_event", Detail: "secret"}, 500, openapi.Problem{Code: "internal", Owner: "us"}},
		// Nor does one whose code no document names.
		{&fault.Error{Kind: fault.Gone, Code: "person_shredded", Detail: "secret"}, 500, openapi.Problem{Code: "internal", Owner: "us"}},
		{&fault.Error{Kind: fault.Unavailable, Code: "term_spent", Detail: "secret", RetryAfter: time.Second}, 503, openapi.Problem{Code: "unavailable", Owner: "us", Detail: "this took too long or was broken off; try again", RetryAfter: 1}},
		{(&fault.Error{Kind: fault.Denied, Code: "not_granted"}).Because(errors.New("secret")), 403, openapi.Problem{Code: "not_granted", Owner: "client"}},
	} {
		t.Run(tt.want.Code, func(t *testing.T) {
			e := stand(t, nil)
			e.views.err = tt.err
			a := e.send(t, "POST", "/v1/views", `{}`, good...)
			got := a.problem
			entry, _ := problems.Find(tt.want.Code)
			if a.StatusCode != tt.status || got.Status != tt.status || got.Title != entry.Title.EN || got.Type != "https://jali.example/problems/"+tt.want.Code ||
				got.RequestID != a.Header.Get("X-Request-Id") {
				t.Errorf("%d %+v", a.StatusCode, got)
			}
			got.Status, got.Title, got.Type, got.RequestID = 0, "", "", ""
			if got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
			if bytes.Contains(a.body, []byte("secret")) {
				t.Errorf("it tells too much: %s", a.body)
			}
			if (a.Header.Get("Retry-After") != "") != (tt.want.RetryAfter > 0) {
				t.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
			}
		})
	}
}

func TestPanicIsAFaultThatSaysNothing(t *testing.T) {
	e := stand(t, nil)
	e.views.boom = "c4n4ry"
	a := e.send(t, "POST", "/v1/views", `{}`, good...)
	if a.StatusCode != 500 || a.problem.Code != "internal" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if strings.Contains(e.log.String(), "c4n4ry") {
		t.Error("the log holds what was panicked with")
	}
	if !strings.Contains(e.log.String(), "server_test.go") {
		t.Error("the log does not say where it was")
	}
}

func TestPanicWithinAnAnswerBreaksItOff(t *testing.T) {
	e := stand(t, func(c *server.Config) {
		c.Pages = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "the first half")
			_ = http.NewResponseController(w).Flush()
			panic("secret")
		})
	})
	res, err := e.Client().Get(e.URL + "/export")
	if err == nil {
		defer res.Body.Close()
		_, err = io.ReadAll(res.Body)
	}
	if err == nil {
		t.Error("half an answer was taken for a whole one")
	}
	e.Close() // waits for the handler, whose answer has no end to wait for
	if log := e.log.String(); !strings.Contains(log, `"panic"`) || strings.Contains(log, "secret") {
		t.Errorf("the log says %s", log)
	}
}

func TestRequestID(t *testing.T) {
	e := stand(t, nil)
	for in, keep := range map[string]bool{
		"my-own_id-42":          true,
		"short":                 false,
		"with spaces in it":     false,
		strings.Repeat("a", 65): false,
		"":                      false,
	} {
		a := e.send(t, "GET", "/v1/sources", "", "X-Request-Id", in)
		if got := a.Header.Get("X-Request-Id"); (got == in) != keep || len(got) < 8 {
			t.Errorf("X-Request-Id %q came back as %q", in, got)
		}
	}
}

// Whoever answers, the answer has the request's id, and so has each line that is
// logged meanwhile.
func TestEveryAnswerAndLineHasTheID(t *testing.T) {
	e := stand(t, func(c *server.Config) {
		log := slog.New(c.Log.Handler())
		c.Log = log
		c.OAuth = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			discreet.Logger(log).WarnContext(r.Context(), "further in")
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, stray)
		})
	})
	for i, path := range []string{"/v1/sources", "/v1/views/view_0123456789abcdef", "/v1/nowhere", "/openapi.yaml", "/oauth/nowhere", "/.well-known/nowhere", "/home", "/sandbox/consents"} {
		e.log.Reset()
		id := fmt.Sprintf("request-%d", i)
		r, w := httptest.NewRequest(http.MethodGet, path, nil), httptest.NewRecorder()
		r.Header.Set("X-Request-Id", id)
		e.Config.Handler.ServeHTTP(w, r) // over a network an answer can be there before its line
		if got := w.Header().Get("X-Request-Id"); got != id {
			t.Errorf("%s: X-Request-Id is %q", path, got)
		}
		lines := 0
		for line := range strings.Lines(e.log.String()) {
			lines++
			if !strings.Contains(line, `"request_id":"`+id+`"`) {
				t.Errorf("%s: a line without its id: %s", path, line)
			}
		}
		if lines == 0 {
			t.Errorf("%s: nothing was logged", path)
		}
	}
}

func TestLogHoldsNoPathQueryOrToken(t *testing.T) {
	e := stand(t, nil)
	e.send(t, "GET", "/v1/views/view_c4n4ry0123456789/bills?cursor=c4n4ry", "", "Authorization", "DPoP good")
	e.send(t, "GET", "/connections/c4n4ry?state=c4n4ry", "")
	line := e.log.String()
	if strings.Contains(line, "c4n4ry") || strings.Contains(line, "good") {
		t.Errorf("the log says too much: %s", line)
	}
	for _, want := range []string{`"route":"/v1/views/:id/bills"`, `"status":200`, `"method":"GET"`, `"request_id"`, `"ms"`} {
		if !strings.Contains(line, want) {
			t.Errorf("the log lacks %s: %s", want, line)
		}
	}
}

func TestMounts(t *testing.T) {
	e := stand(t, nil)
	for path, want := range map[string]string{
		"/":                    "page ",
		"/grants/1":            "page ",
		"/oauth":               stray,
		"/oauth/nowhere":       stray,
		"/.well-known/nowhere": stray,
		"/sandbox":             "sandbox",
		"/sandbox/consents":    "sandbox",
		"/openapi.yaml":        "openapi: 3.1.0",
	} {
		if a := e.send(t, "GET", path, ""); !strings.HasPrefix(string(a.body), want) {
			t.Errorf("%s: %d %.40s, want %s…", path, a.StatusCode, a.body, want)
		} else if a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s may be sniffed", path)
		}
	}
	if a := e.send(t, "BREW", "/oauth/nowhere", ""); string(a.body) != stray {
		t.Errorf("a method that nobody knows is not refused in OAuth's format: %d %s", a.StatusCode, a.body)
	}
}

func TestBodySizesOfPages(t *testing.T) {
	e := stand(t, nil)
	two := strings.Repeat("x", 2<<20)
	if a := e.send(t, "POST", "/upload", two); a.StatusCode != 200 {
		t.Errorf("an upload of 2 MiB: %d", a.StatusCode)
	}
	if a := e.send(t, "POST", "/sign-in", two); a.StatusCode != 413 || a.problem.Code != "body_too_large" {
		t.Errorf("a form of 2 MiB: %d", a.StatusCode)
	}
	if a := e.send(t, "POST", "/upload", strings.Repeat("x", 21<<20)); a.StatusCode != 413 {
		t.Errorf("an upload of 21 MiB: %d", a.StatusCode)
	}
	if a := e.send(t, "POST", "/oauth/nowhere", two); string(a.body) != stray {
		t.Errorf("a form of 2 MiB is not refused in OAuth's format: %d %.80s", a.StatusCode, a.body)
	}
	if a := e.send(t, "GET", "/oauth/jwks", two); a.StatusCode != 413 || a.problem.Code != "body_too_large" {
		t.Errorf("a body of 2 MiB where none is read: %d", a.StatusCode)
	}
}

// A stranger is answered before their body is there: they do not decide how
// long a connection is held, and who waits for 100 is spared the sending.
func TestStrangersBodiesAreNotWaitedFor(t *testing.T) {
	e := stand(t, nil)
	for why, head := range map[string]string{
		"a large body":       "Content-Length: 600000\r\n\r\n{",
		"a body on approval": "Content-Length: 600\r\nExpect: 100-continue\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", e.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second)) // a wait without end is what is looked for
		_, err = io.WriteString(conn, "POST /v1/views HTTP/1.1\r\nHost: jali\r\nContent-Type: application/json\r\n"+head)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: %v", why, err)
			continue
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s; want 401", why, res.Status)
		}
	}
}

func TestBrowsersAreToldToKeepToHTTPS(t *testing.T) {
	for https, want := range map[bool]string{true: "max-age=31536000", false: ""} {
		e := stand(t, func(c *server.Config) { c.HTTPS = https })
		for _, path := range []string{"/", "/v1/sources", "/v1/nowhere", "/oauth/nowhere"} {
			if got := e.send(t, "GET", path, "").Header.Get("Strict-Transport-Security"); got != want {
				t.Errorf("%s with HTTPS %v: %q, want %q", path, https, got, want)
			}
		}
	}
}

// X-Forwarded-For is a claim like any other: only a proxy named in the config
// is believed.
func TestForwardedFor(t *testing.T) {
	e := stand(t, nil)
	if a := e.send(t, "GET", "/", "", "X-Forwarded-For", "203.0.113.9"); strings.Contains(string(a.body), "203.0.113.9") {
		t.Errorf("believed: %s", a.body)
	}
	e = stand(t, func(c *server.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	if a := e.send(t, "GET", "/", "", "X-Forwarded-For", "198.51.100.1, 203.0.113.9"); !strings.Contains(string(a.body), "203.0.113.9:") {
		t.Errorf("the proxy's word was not taken, or more than its own: %s", a.body)
	}
	e = stand(t, func(c *server.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	if a := e.send(t, "GET", "/", "", "X-Forwarded-For", "203.0.113.9"); strings.Contains(string(a.body), "203.0.113.9") {
		t.Errorf("another than the proxy was believed: %s", a.body)
	}
}

func TestMetricsCountByRoute(t *testing.T) {
	registry := prometheus.NewRegistry()
	e := stand(t, func(c *server.Config) { c.Metrics = registry })
	e.send(t, "GET", "/v1/sources", "")
	e.send(t, "BREW", "/v1/sources/c4n4ry", "")
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	text := families[0].String()
	if !strings.Contains(text, `"/v1/sources"`) || strings.Contains(text, "c4n4ry") || strings.Contains(text, "BREW") {
		t.Error(text)
	}
}

// The published tree of categories and the document's list are the same.
func TestDocumentListsEveryCategory(t *testing.T) {
	doc, err := openapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	text := doc.Components.Schemas["Bill"].Value.Properties["category"].Value.Description
	for _, c := range ledger.Categories {
		if !strings.Contains(text, "`"+c.Code+"`") {
			t.Errorf("the document does not list %s", c.Code)
		}
	}
}

// Everybody may read what the sources bear; what is not known is not there.
func TestSourcesTellTheirLimits(t *testing.T) {
	e := stand(t, nil)
	a := e.send(t, "GET", "/v1/sources", "")
	want := `{"sources":[{"datatypes":["balances","bills"],"history_days":365,"id":"alipay","kind":"wallet",` +
		`"limits":{"calls_per_day":100000,"calls_per_second":2.5,"page_size":2000,"unattended_per_day":4,"window_days":31},"name":{"en":"Alipay","zh":"支付宝"}}]}`
	if got := strings.TrimSpace(string(a.body)); a.StatusCode != 200 || got != want {
		t.Errorf("%d %s\nwant %s", a.StatusCode, got, want)
	}
}
