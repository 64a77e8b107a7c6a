package client_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"jali/openapi/client"
)

var wanted = client.AccountView{Datatypes: []client.Datatype{"balances"}, Purpose: "balance_overview", Uses: client.Uses{Limit: 1}}

const wantedJSON = `[{"actions":["view"],"datatypes":["balances"],"purpose":"balance_overview","type":"account_view","uses":{"limit":1}}]`

func TestAWholeWay(t *testing.T) {
	ctx := t.Context()
	j, c := stand(t, 201, `{"request_uri":"urn:ietf:params:oauth:request_uri:x&y","expires_in":300}`)
	a, err := c.Push(ctx, wanted, client.Replacing("grant_1"), client.Managing())
	if err != nil {
		t.Fatal(err)
	}
	if want := issuer + "/oauth/authorize?client_id=client_1&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Ax%26y"; a.URL != want {
		t.Errorf("Push leads to %s, want %s", a.URL, want)
	}
	j.authenticated()
	j.proven(issuer+"/oauth/par", "")
	sum := sha256.Sum256([]byte(a.Verifier))
	for name, want := range map[string]string{"response_type": "code", "redirect_uri": "https://app.example/cb", "state": a.State,
		"code_challenge_method": "S256", "code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "authorization_details": wantedJSON,
		"grant_management_action": "replace", "grant_id": "grant_1", "scope": "grant_management_query grant_management_revoke"} {
		if j.last().form[name] != want {
			t.Errorf("%s = %q, want %q", name, j.last().form[name], want)
		}
	}
	if len(a.State) < 26 || len(a.Verifier) < 43 { // 128 bits; RFC 7636, section 4.1
		t.Errorf("state and verifier are %d and %d long", len(a.State), len(a.Verifier))
	}

	j.says[""] = says(200, `{"access_token":"A","token_type":"DPoP","expires_in":900,"grant_id":"grant_1","authorization_details":[{"type":"account_view","uses":{"limit":1}}]}`)
	s, err := c.Redeem(ctx, a, url.Values{"state": {a.State}, "iss": {issuer}, "code": {"code"}})
	if err != nil || s.Token().GrantID != "grant_1" || s.Token().Details[0].Uses.Limit != 1 {
		t.Fatalf("Redeem = %+v, %v", s, err)
	}
	j.authenticated()
	if form := j.last().form; form["code_verifier"] != a.Verifier || form["code"] != "code" || form["grant_type"] != "authorization_code" || form["redirect_uri"] != c.Redirect {
		t.Errorf("the code is not traded as it was asked for: %v", form)
	}

	j.says[""] = says(201, `{"id":"view_1","bills":{"items":[],"next":null}}`)
	view, err := s.OpenView(ctx, client.OpenViewParams{IdempotencyKey: "key-of-16-letters", PersonAddress: "198.51.100.7"}, client.Want{Sources: []string{"alipay"}})
	if err != nil || view.ID != "view_1" {
		t.Fatalf("OpenView = %v, %v", view, err)
	}
	j.proven(issuer+"/v1/views", "A")
	if r := j.last(); r.body != `{"sources":["alipay"]}` || r.Header.Get("Authorization") != "DPoP A" || r.Header.Get("Idempotency-Key") != "key-of-16-letters" ||
		r.Header.Get("Content-Type") != "application/json" || r.Header.Get("x-fapi-customer-ip-address") != "198.51.100.7" || r.Header["X-Customer-User-Agent"] != nil {
		t.Errorf("body %q, header %v", r.body, r.Header)
	}
	if _, err := s.ListBills(ctx, "view/1", client.ListBillsParams{Cursor: "x&y"}); err != nil || j.last().URL.String() != issuer+"/v1/views/view%2F1/bills?cursor=x%26y" {
		t.Errorf("bills are asked for at %s, %v", j.last().URL, err)
	}
	j.proven(issuer+"/v1/views/view%2F1/bills", "A")
}

func TestProblemsSayWhatWentWrong(t *testing.T) {
	for _, tt := range []struct {
		why, body string
		header    http.Header
		want      client.Problem
	}{
		{"the data API's", `{"type":"t","title":"T","status":403,"code":"grant_spent","owner":"person","action":"ask_again","detail":"used","request_id":"r1","new":1}`, nil,
			client.Problem{Type: "t", Title: "T", Status: 403, Code: "grant_spent", Owner: "person", Action: "ask_again", Detail: "used", RequestID: "r1"}},
		{"OAuth's", `{"error":"invalid_grant","error_description":"wrong"}`, http.Header{"X-Request-Id": {"r2"}},
			client.Problem{Status: 403, Code: "invalid_grant", Detail: "wrong", RequestID: "r2"}},
		{"with a header alone", `{"error":"temporarily_unavailable"}`, http.Header{"Retry-After": {"7"}},
			client.Problem{Status: 403, Code: "temporarily_unavailable", RetryAfter: 7}},
	} {
		j, c := stand(t, 0, "")
		j.says[""] = func(w http.ResponseWriter, r *http.Request) {
			for k, v := range tt.header {
				w.Header()[k] = v
			}
			says(403, tt.body)(w, r)
		}
		_, err := c.ListSources(t.Context())
		var p *client.Problem
		if !errors.As(err, &p) || *p != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.why, p, tt.want)
		}
	}
	for _, body := range []string{"<html>secret</html>", `{"secret":"x"}`, ""} {
		_, c := stand(t, 502, body)
		if _, err := c.ListSources(t.Context()); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "502") {
			t.Errorf("a proxy's page: %v; want the status and nothing of the page", err)
		}
	}
}

func FuzzProblem(f *testing.F) {
	f.Add(403, `{"type":"t","title":"T","status":403,"code":"grant_spent","owner":"person","retry_after":9}`)
	f.Add(503, `{"error":"temporarily_unavailable","error_description":"x"}`)
	f.Add(429, `{"code":"x","retry_after":9223372036854775807}`)
	f.Add(502, `<html>`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 300 || status > 599 {
			return
		}
		_, c := stand(t, status, body)
		ctx, stop := context.WithTimeout(t.Context(), 900*time.Millisecond) // under the shortest wait that can be told
		defer stop()
		_, err := c.ListSources(ctx)
		if p := (*client.Problem)(nil); err == nil || errors.As(err, &p) && (p.Code == "" || p.Status != status) {
			t.Errorf("%d %q is %+v", status, body, err)
		}
	})
}

func TestATokenThatIsNotBoundIsNotTaken(t *testing.T) {
	for _, body := range []string{`{"access_token":"A","token_type":"Bearer","expires_in":900}`, `{"token_type":"DPoP"}`, `{}`} {
		_, c := stand(t, 200, body)
		if s, err := c.Own(t.Context()); err == nil {
			t.Errorf("%s makes the session %+v", body, s)
		}
	}
}

// nonces answers use_dpop_nonce until a proof has the nonce that it asks for.
func nonces(j *jali, nonce *string, then func(http.ResponseWriter, *http.Request)) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("DPoP-Nonce", *nonce)
		switch {
		case j.claims(r.Header.Get("DPoP"), true)("nonce") == *nonce:
			then(w, r)
		case strings.HasPrefix(r.URL.Path, "/oauth/"):
			says(400, `{"error":"use_dpop_nonce"}`)(w, r)
		default:
			says(401, `{"status":401,"code":"use_dpop_nonce","owner":"client"}`)(w, r)
		}
	}
}

func TestANonceIsTakenAndKept(t *testing.T) {
	j, c := stand(t, 0, "")
	nonce := "n-1"
	j.says[""] = nonces(j, &nonce, says(200, `{"access_token":"A","token_type":"DPoP","expires_in":900,"id":"view_1"}`))
	tries := func(what string, want int, err error) {
		t.Helper()
		if err != nil || len(j.got) != want {
			t.Errorf("%s: %v after %d tries; want %d", what, err, len(j.got), want)
		}
		j.got = nil
	}
	s, err := c.Own(t.Context())
	if len(j.got) == 2 && j.got[0].form["client_assertion"] == j.got[1].form["client_assertion"] {
		t.Error("two tries had one assertion, which is good for one request")
	}
	tries("the first request knows none", 2, err)
	_, err = c.Own(t.Context())
	tries("the next has it", 1, err)
	_, err = s.ReadView(t.Context(), "view_1")
	tries("at the data API too", 1, err)
	nonce = "n-2"
	_, err = s.OpenView(t.Context(), client.OpenViewParams{IdempotencyKey: "key-of-16-letters"}, client.Want{})
	if j.last().body != "{}" {
		t.Errorf("the second try came with the body %q", j.last().body)
	}
	tries("a new nonce", 2, err)
	j.says[""] = says(401, `{"status":401,"code":"use_dpop_nonce"}`)
	var p *client.Problem
	if _, err := s.ReadView(t.Context(), "view_1"); !errors.As(err, &p) || p.Code != "use_dpop_nonce" || len(j.got) != 2 {
		t.Errorf("a server that is never content: %v after %d tries; want its answer after 2", err, len(j.got))
	}
}

func TestNoncesAreAnOriginsOwn(t *testing.T) {
	j, c := stand(t, 0, "")
	j.says[""] = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("DPoP-Nonce", r.URL.Host)
		says(200, `{"access_token":"A","token_type":"DPoP","expires_in":900}`)(w, r)
	}
	s, err := c.Own(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://elsewhere.example/", nil)
	if _, err := s.Do(r); err != nil || j.claims(j.last().Header.Get("DPoP"), true)("nonce") != "" {
		t.Errorf("another server is told jali's nonce, %v", err)
	}
}

func TestNoTwoProofsAreAlike(t *testing.T) {
	j, c := stand(t, 200, `{}`)
	seen := map[string]bool{}
	for range 3 {
		if _, err := c.Session(client.Token{AccessToken: "A"}).ReadView(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		seen[j.claims(j.last().Header.Get("DPoP"), true)("jti")] = true
	}
	if len(seen) != 3 {
		t.Errorf("3 requests had %d different jti", len(seen))
	}
}

// What a redirect leads to gets neither token nor proof.
func TestRedirectsAreNotFollowed(t *testing.T) {
	j, c := stand(t, 0, "")
	j.says[""] = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://jali.example/elsewhere", http.StatusTemporaryRedirect)
	}
	if _, err := c.Session(client.Token{AccessToken: "A"}).ReadView(t.Context(), "x"); err == nil || len(j.got) != 1 {
		t.Errorf("%v after %d requests", err, len(j.got))
	}
}

func TestAnEndlessAnswerIsCut(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for block := strings.Repeat(" ", 1<<20); r.Context().Err() == nil; {
			if _, err := fmt.Fprint(w, block); err != nil {
				return
			}
		}
	}))
	defer srv.Close()
	c := &client.Client{Issuer: srv.URL}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := c.ListSources(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("ListSources = %v, %v; want an error before the time is up", err, ctx.Err())
	}
}

func TestTokensAreAskedAboutAndGivenBack(t *testing.T) {
	j, c := stand(t, 200, `{"active":true,"sub":"S","grant_id":"grant_1","exp":1800000000}`)
	i, err := c.Introspect(t.Context(), "B")
	if err != nil || !i.Active || i.Subject != "S" || i.GrantID != "grant_1" || j.last().form["token"] != "B" {
		t.Errorf("Introspect = %+v, %v, with %v", i, err, j.last().form)
	}
	j.says[""] = says(200, `{"active":false}`)
	if i, err := c.Introspect(t.Context(), "B"); err != nil || i.Active {
		t.Errorf("Introspect = %+v, %v", i, err)
	}
	j.says[""] = says(200, "")
	if err := c.Revoke(t.Context(), "R"); err != nil || j.last().URL.Path != "/oauth/revoke" || j.last().form["token"] != "R" {
		t.Errorf("Revoke = %v, with %v", err, j.last().form)
	}
	j.authenticated()
}

// A newcomer's program grows by the standard library alone.
func TestItNeedsNothingElse(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if got := strings.TrimSpace(string(out)); err != nil || got != "jali/openapi/client" {
		t.Errorf("it needs %q, %v", got, err)
	}
}

// A newcomer reads one screen from the request to the last bill.
func TestTheExampleIsShort(t *testing.T) {
	b, err := os.ReadFile("example_test.go")
	if lines := strings.Count(string(b), "\n"); err != nil || lines >= 80 || !strings.Contains(string(b), "func Example()") {
		t.Errorf("the example is %d lines long, %v; want fewer than 80", lines, err)
	}
}
