package mock

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	fdxVerifier = "a-verifier-of-forty-three-characters-or-more-0"
	fdxDetails  = `[{"type":"fdx_v1.0","consentRequest":{"durationType":"TIME_BOUND","durationPeriod":365,"lookbackPeriod":90,
		"resources":[{"resourceType":"ACCOUNT","dataClusters":["ACCOUNT_BASIC","ACCOUNT_DETAILED","BILLS","STATEMENTS","TRANSACTIONS"]}]}}]`
)

func fdxAsk() url.Values {
	sum := sha256.Sum256([]byte(fdxVerifier))
	return url.Values{"response_type": {"code"}, "redirect_uri": {callback}, "state": {"st"},
		"scope":          {"fdx:accountbasic:read fdx:accountdetailed:read fdx:bills:read fdx:statements:read fdx:transactions:read offline_access"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}, "authorization_details": {fdxDetails}}
}

// lender sends a form to the finance company with proof of who sends it.
func (tt *testTown) lender(t *testing.T, address string, form url.Values, change func(body claims)) (int, map[string]any) {
	t.Helper()
	a := tt.Qingshi()
	body := claims{"iss": a.ClientID, "sub": a.ClientID, "aud": a.Issuer, "jti": rand.Text(), "iat": tt.now().Unix(), "exp": tt.now().Add(time.Minute).Unix()}
	if change != nil {
		change(body)
	}
	whole := url.Values{"client_id": {a.ClientID}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion": {ps256(t, a.ClientKey, claims{"alg": "PS256", "kid": a.KeyID}, body)}}
	for k, v := range form {
		whole[k] = v
	}
	res, text := tt.do(t, post(t, address, whole))
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%d %v: %s", res.StatusCode, err, text)
	}
	return res.StatusCode, out
}

func (tt *testTown) lenderCode(t *testing.T, p Person, ask url.Values) url.Values {
	t.Helper()
	a := tt.Qingshi()
	status, pushed := tt.lender(t, a.PAR, ask, nil)
	if status != http.StatusCreated {
		t.Fatalf("pushed: %d %v", status, pushed)
	}
	return tt.login(t, a.Authorize+"?"+url.Values{"client_id": {a.ClientID}, "request_uri": {pushed["request_uri"].(string)}}.Encode(), p, "agree", nil)
}

func (tt *testTown) lenderTokens(t *testing.T, p Person) map[string]any {
	t.Helper()
	q := tt.lenderCode(t, p, fdxAsk())
	status, tokens := tt.lender(t, tt.Qingshi().Token, url.Values{"grant_type": {"authorization_code"}, "code": q["code"], "redirect_uri": {callback},
		"code_verifier": {fdxVerifier}}, nil)
	if status != http.StatusOK || q.Get("state") != "st" || q.Get("iss") != tt.Qingshi().Issuer {
		t.Fatalf("%v, tokens: %d %v", q, status, tokens)
	}
	return tokens
}

// fdx makes one call of the API.
func (tt *testTown) fdx(t *testing.T, method, path string, token any, body string, headers ...string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequest(method, tt.Qingshi().API+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", fmt.Sprint("Bearer ", token))
	req.Header.Set("x-fapi-interaction-id", "c770aef3-6784-41f7-8e0e-ff5f97bddb3a")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, text := tt.do(t, req)
	if echo := res.Header.Get("x-fapi-interaction-id"); echo != req.Header.Get("x-fapi-interaction-id") {
		t.Errorf("%s: the interaction id came back as %q", path, echo)
	}
	var out map[string]any
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&out); err != nil && err != io.EOF {
		t.Fatalf("%s: %d %v: %s", path, res.StatusCode, err, text)
	}
	return res.StatusCode, out
}

func TestTheLenderChecksWhoAsks(t *testing.T) {
	tt := startTown(t, 3)
	a, p := tt.Qingshi(), tt.People()[0]
	for why, change := range map[string]func(url.Values){
		"no challenge":            func(f url.Values) { f.Del("code_challenge") },
		"a plain challenge":       func(f url.Values) { f.Set("code_challenge_method", "plain") },
		"a redirect to elsewhere": func(f url.Values) { f.Set("redirect_uri", "https://evil.example/") },
		"another response type":   func(f url.Values) { f.Set("response_type", "token") },
		"no details":              func(f url.Values) { f.Del("authorization_details") },
		"another type of details": func(f url.Values) { f.Set("authorization_details", strings.Replace(fdxDetails, "fdx_v1.0", "x", 1)) },
		"longer than a year":      func(f url.Values) { f.Set("authorization_details", strings.Replace(fdxDetails, ":365", ":366", 1)) },
		"no lookback":             func(f url.Values) { f.Set("authorization_details", strings.Replace(fdxDetails, ":90", ":0", 1)) },
		"fewer scopes than data":  func(f url.Values) { f.Set("scope", "fdx:accountbasic:read") },
		"a scope of nobody's":     func(f url.Values) { f.Set("scope", f.Get("scope")+" fdx:tax:read") },
	} {
		ask := fdxAsk()
		change(ask)
		if status, _ := tt.lender(t, a.PAR, ask, nil); status != http.StatusBadRequest {
			t.Errorf("%s: %d, want 400", why, status)
		}
	}
	for why, change := range map[string]func(claims){
		"another issuer":   func(c claims) { c["iss"] = "x" },
		"another audience": func(c claims) { c["aud"] = "https://evil.example" },
		"no id":            func(c claims) { delete(c, "jti") },
		"run out":          func(c claims) { c["exp"] = tt.now().Add(-time.Second).Unix() },
		"for ever":         func(c claims) { c["exp"] = tt.now().Add(time.Hour).Unix() },
	} {
		if status, _ := tt.lender(t, a.PAR, fdxAsk(), change); status != http.StatusUnauthorized {
			t.Errorf("an assertion, %s: %d, want 401", why, status)
		}
	}
	once := func(c claims) { c["jti"] = "once" }
	if status, _ := tt.lender(t, a.Token, url.Values{"grant_type": {"client_credentials"}}, once); status != http.StatusOK {
		t.Fatalf("our own token: %d", status)
	}
	if status, _ := tt.lender(t, a.Token, url.Values{"grant_type": {"client_credentials"}}, once); status != http.StatusUnauthorized {
		t.Errorf("an assertion a second time: %d", status)
	}

	q := tt.lenderCode(t, p, fdxAsk())
	trade := func(change func(url.Values)) (int, map[string]any) {
		f := url.Values{"grant_type": {"authorization_code"}, "code": q["code"], "redirect_uri": {callback}, "code_verifier": {fdxVerifier}}
		change(f)
		return tt.lender(t, a.Token, f, nil)
	}
	for why, change := range map[string]func(url.Values){
		"another verifier": func(f url.Values) { f.Set("code_verifier", fdxVerifier+"x") },
		"another redirect": func(f url.Values) { f.Set("redirect_uri", callback+"x") },
		"another code":     func(f url.Values) { f.Set("code", "x") },
	} {
		if status, out := trade(change); status != http.StatusBadRequest || out["error"] != "invalid_grant" {
			t.Errorf("a code with %s: %d %v", why, status, out)
		}
	}
	_, tokens := trade(func(url.Values) {})
	if status, _ := tt.fdx(t, "GET", "/accounts", tokens["access_token"], ""); status != http.StatusOK {
		t.Fatalf("with a new token: %d", status)
	}
	if status, _ := trade(func(url.Values) {}); status != http.StatusBadRequest {
		t.Errorf("a code a second time: %d", status)
	}
	if status, out := tt.fdx(t, "GET", "/accounts", tokens["access_token"], ""); status != http.StatusUnauthorized || out["code"] != "603" {
		t.Errorf("the tokens of a code that came twice: %d %v", status, out)
	}
}

func TestALenderConsentLivesAndEnds(t *testing.T) {
	tt := startTown(t, 3)
	tokens := tt.lenderTokens(t, tt.People()[0])
	grant := "/consents/" + tokens["grant_id"].(string)
	_, own := tt.lender(t, tt.Qingshi().Token, url.Values{"grant_type": {"client_credentials"}}, nil)
	status, g := tt.fdx(t, "GET", grant, own["access_token"], "")
	if status != 200 || g["status"] != "ACTIVE" || fmt.Sprint(g["lookbackPeriod"]) != "90" || fmt.Sprint(g["durationPeriod"]) != "365" || len(g["resources"].([]any)) != 2 {
		t.Fatalf("%d %v", status, g)
	}
	if status, out := tt.fdx(t, "GET", grant, tokens["access_token"], ""); status != http.StatusForbidden || out["code"] != "403" {
		t.Errorf("a person's token reads a consent: %d %v", status, out)
	}
	if status, _ := tt.fdx(t, "GET", "/accounts", own["access_token"], ""); status != http.StatusForbidden {
		t.Errorf("our own token reads accounts: %d", status)
	}

	// A refresh token is replaced by each use; the old one serves for a minute.
	refresh := func(text any) (int, map[string]any) {
		return tt.lender(t, tt.Qingshi().Token, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {fmt.Sprint(text)}}, nil)
	}
	tt.pass(fdxAccessFor)
	if status, _ := tt.fdx(t, "GET", "/accounts", tokens["access_token"], ""); status != http.StatusUnauthorized {
		t.Errorf("an access token after its time: %d", status)
	}
	_, next := refresh(tokens["refresh_token"])
	_, again := refresh(tokens["refresh_token"])
	if next["refresh_token"] == tokens["refresh_token"] || next["refresh_token"] != again["refresh_token"] {
		t.Error("a refresh token is not replaced, or not by one and the same within its grace")
	}
	tt.pass(bankGrace)
	if status, _ := refresh(tokens["refresh_token"]); status != http.StatusBadRequest {
		t.Errorf("a replaced refresh token: %d", status)
	}
	_, tokens = refresh(next["refresh_token"])
	_, own = tt.lender(t, tt.Qingshi().Token, url.Values{"grant_type": {"client_credentials"}}, nil)

	for why, body := range map[string]string{"no reason": `{"initiator":"INDIVIDUAL"}`, "a stranger": `{"reason":"USER_ACTION","initiator":"X"}`, "no JSON": `x`} {
		if status, _ := tt.fdx(t, "PUT", grant+"/revocation", own["access_token"], body); status != http.StatusBadRequest {
			t.Errorf("revoked for %s: %d", why, status)
		}
	}
	why := `{"reason":"USER_ACTION","initiator":"INDIVIDUAL"}`
	if status, _ := tt.fdx(t, "PUT", grant+"/revocation", own["access_token"], why); status != http.StatusNoContent {
		t.Fatalf("revoked: %d", status)
	}
	if status, _ := tt.fdx(t, "PUT", grant+"/revocation", own["access_token"], why); status != http.StatusConflict {
		t.Errorf("revoked twice: %d", status)
	}
	if status, _ := tt.fdx(t, "PUT", "/consents/x/revocation", own["access_token"], why); status != http.StatusNotFound {
		t.Errorf("revoked what is not there: %d", status)
	}
	if _, g := tt.fdx(t, "GET", grant, own["access_token"], ""); g["status"] != "REVOKED" {
		t.Errorf("it says %v", g)
	}
	if _, r := tt.fdx(t, "GET", grant+"/revocation", own["access_token"], ""); len(r["revocations"].([]any)) != 1 {
		t.Errorf("its record says %v", r)
	}
	if status, _ := tt.fdx(t, "GET", "/accounts", tokens["access_token"], ""); status != http.StatusUnauthorized {
		t.Errorf("a token of a revoked consent: %d", status)
	}
	if status, _ := refresh(tokens["refresh_token"]); status != http.StatusBadRequest {
		t.Errorf("a refresh token of a revoked consent: %d", status)
	}
}

func TestTheLenderTellsWhatIsOwed(t *testing.T) {
	tt := startTown(t, 3)
	p := tt.world.people[0]
	token := tt.lenderTokens(t, tt.People()[0])["access_token"]
	_, light := tt.fdx(t, "GET", "/accounts", token, "")
	_, whole := tt.fdx(t, "GET", "/accounts?resultType=details", token, "")
	if list := light["accounts"].([]any); len(list) != 2 || list[0].(map[string]any)["currentBalance"] != nil || list[0].(map[string]any)["bills"] != nil {
		t.Errorf("descriptors tell %v", list)
	}
	fen := func(v any) int64 {
		var f int64
		text := strings.Replace(fmt.Sprint(v), ".", "", 1)
		if _, err := fmt.Sscan(text, &f); err != nil {
			t.Fatalf("%v is no sum", v)
		}
		return f
	}
	owes := func(a *account) (owed int64, s statement) { // the day has more rows to come
		tt.world.read(tt.now(), func() {
			for _, x := range a.bankRows(tt.now()) {
				owed -= x.amount
			}
			s, _ = a.lastStatement(tt.now())
		})
		return owed, s
	}
	for _, one := range whole["accounts"].([]any) {
		a := one.(map[string]any)
		if a["accountCategory"] == "LOAN_ACCOUNT" {
			if owed, _ := owes(p.at(Qingshi, loan)); fen(a["payOffAmount"]) != owed || fen(a["principalBalance"]) > owed || a["nextPaymentDate"] == nil {
				t.Errorf("of a loan of %d fen it tells %v", owed, a)
			}
			continue
		}
		owed, s := owes(p.at(Qingshi, creditLine))
		if fen(a["creditLine"])-fen(a["availableCredit"]) != owed || fen(a["currentBalance"]) > owed {
			t.Errorf("of a line with %d fen it tells %v", owed, a)
		}
		b := a["bills"].([]any)[0].(map[string]any)
		if fen(b["totalPaymentDue"]) != s.due || fen(b["minimumPaymentDue"]) != s.minimum || b["dueDate"] != "2026-11-10" || b["statementDate"] != "2026-11-01" ||
			fen(b["statementBalance"]) != -s.owed || s.due == 0 {
			t.Errorf("of a statement of %+v it tells %v", s, b)
		}
	}
	var neighbour *account
	for _, other := range tt.world.people[1:] {
		if neighbour == nil {
			neighbour = other.at(Qingshi, creditLine)
		}
	}
	for _, q := range []struct {
		path, code string
		status     int
		why        string
	}{
		{"/accounts/nobodys", "701", 404, "an account of nobody's"},
		{"/accounts/" + neighbour.id, "701", 404, "a neighbour's: not even that it is there"},
		{"/accounts?resultType=all", "401", 400, "a result type that is none"},
		{"/accounts?limit=0", "401", 400, "pages of nothing"},
		{"/accounts?offset=x", "401", 400, "an offset of nobody's"},
		{"/accounts?accountIds=x", "701", 404, "ids of nobody's"},
	} {
		if status, out := tt.fdx(t, "GET", q.path, token, ""); status != q.status || out["code"] != q.code {
			t.Errorf("%s: %d %v, want %d %s", q.why, status, out["code"], q.status, q.code)
		}
	}
	if status, out := tt.fdx(t, "GET", "/accounts", token, "", "x-fapi-interaction-id", ""); status != 400 || out["code"] != "401" {
		t.Errorf("without an interaction id: %d %v", status, out)
	}
	if status, _ := tt.fdx(t, "GET", "/accounts", token, "", "FDX-API-Actor-Type", "ROBOT"); status != 400 {
		t.Errorf("of an actor that is none: %d", status)
	}
}

func TestTheLenderListsBySpans(t *testing.T) {
	tt := startTown(t, 3)
	line := tt.world.people[0].at(Qingshi, creditLine)
	token := tt.lenderTokens(t, tt.People()[0])["access_token"]
	at := "/accounts/" + line.id + "/transactions"
	for _, q := range []struct {
		query, code string
		status      int
		why         string
	}{
		{"?startTime=2026-11-01", "703", 400, "one date alone"},
		{"?startTime=2026-11-02&endTime=2026-11-01", "703", 400, "the wrong way round"},
		{"?startTime=2026-08-19&endTime=2026-11-18", "703", 400, "a day further back than the consent looks"},
		{"?startTime=01.11.2026&endTime=2026-11-18", "702", 400, "a date that is none"},
		{"?startTime=2026-11-01T00:00:00Z&endTime=2026-11-18", "702", 400, "a time, where a date is wanted"},
	} {
		if status, out := tt.fdx(t, "GET", at+q.query, token, ""); status != q.status || out["code"] != q.code {
			t.Errorf("%s: %d %v, want %d %s", q.why, status, out["code"], q.status, q.code)
		}
	}
	// Every row once, whatever the size of a page; a purchase is pending for a
	// day, and another transaction when it is posted.
	rows := func(limit string) (ids []string, states map[string]int) {
		states = map[string]int{}
		for offset, more := "", true; more; {
			path := at + "?startTime=" + tt.now().AddDate(0, 0, -80).Format(time.DateOnly) + "&endTime=" + tt.now().Format(time.DateOnly) + "&limit=" + limit
			if offset != "" {
				path += "&offset=" + offset
			}
			status, page := tt.fdx(t, "GET", path, token, "")
			if status != 200 {
				t.Fatalf("%d %v", status, page)
			}
			for _, one := range page["transactions"].([]any) {
				x := one.(map[string]any)
				ids = append(ids, x["transactionId"].(string))
				states[x["status"].(string)+fmt.Sprint(x["transactionType"])]++
				if x["amount"].(json.Number)[0] == '-' {
					t.Errorf("a row below zero: %v", x)
				}
				if x["status"] == "PENDING" && (x["postedTimestamp"] != nil || x["referenceTransactionId"] != nil || x["transactionType"] != "PURCHASE") {
					t.Errorf("what is pending was posted: %v", x)
				}
			}
			offset, more = page["page"].(map[string]any)["nextOffset"].(string)
		}
		return ids, states
	}
	all, states := rows("200")
	some, _ := rows("7")
	if fmt.Sprint(all) != fmt.Sprint(some) || len(all) < 30 {
		t.Errorf("%d rows on large pages, %d on small ones", len(all), len(some))
	}
	for range 20 {
		tt.pass(9 * time.Hour) // at some hour there is one under way
		token = tt.lenderTokens(t, tt.People()[0])["access_token"]
		if _, states = rows("200"); states["PENDINGPURCHASE"] > 0 {
			break
		}
	}
	if states["PENDINGPURCHASE"] == 0 || states["POSTEDPURCHASE"] == 0 || states["POSTEDPAYMENT"] == 0 {
		t.Errorf("of three months it tells %v", states)
	}
	now := tt.now().In(beijing)
	c := fdxCall{t: tt.Town, now: now}
	tt.world.read(now, func() {
		list := line.bankRows(now)
		for i, x := range list {
			if _, booked := c.booked(line, x); !booked {
				pending := c.transaction(line, list, i)
				later := fdxCall{t: tt.Town, now: now.Add(24 * time.Hour)}.transaction(line, list, i)
				if pending["transactionId"] == later["transactionId"] || later["referenceTransactionId"] != pending["transactionId"] || later["status"] != "POSTED" {
					t.Errorf("pending %v is posted as %v", pending, later)
				}
				return
			}
		}
		t.Error("nothing is pending")
	})
}

// A debt stands in every book that it touches: what is bought by 花呗 in
// Alipay's, what is repaid or paid out at the bank, to the fen.
func TestDebtsStandInEveryBook(t *testing.T) {
	w := newWorld(4, founding(noon))
	w.until(noon)
	bought, repaid, lent := 0, 0, 0
	for _, p := range w.people {
		inWallet, atHome := map[string]bool{}, map[string]bool{}
		for _, x := range p.wallet.rows {
			inWallet[fmt.Sprint(x.order, x.amount, x.at)+x.memo[strings.LastIndex(x.memo, " ")+1:]] = true
		}
		for _, x := range p.debit().rows {
			atHome[fmt.Sprint(x.ref, -x.amount, x.at)] = true
		}
		for _, a := range p.further {
			sum := a.opening
			for _, x := range a.rows {
				if sum += x.amount; x.balance != sum {
					t.Fatalf("%s: %s does not add up", p.id, a.product)
				}
				key := fmt.Sprint(x.ref, x.amount, x.at)
				switch {
				case a.bank != Qingshi:
				case x.sub == "POSP" || x.sub == "RIMB":
					if bought++; !inWallet[key+"花呗"] {
						t.Fatalf("%s: %s of %d by 花呗 is not in Alipay's book", p.id, x.info, x.amount)
					}
				case x.own == "还款":
					if repaid++; !atHome[key] {
						t.Fatalf("%s: %s of %d is not at the bank", p.id, x.info, x.amount)
					}
				case x.own == "放款":
					if lent++; !atHome[key] {
						t.Fatalf("%s: %s of %d is not at the bank", p.id, x.info, x.amount)
					}
				}
			}
		}
	}
	if bought < 200 || repaid < 40 || lent < 2 {
		t.Errorf("only %d purchases, %d repayments and %d loans were checked", bought, repaid, lent)
	}
}
