package mock

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

type claims = map[string]any

func ps256(t *testing.T, key *rsa.PrivateKey, header, body claims) string {
	t.Helper()
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(header) + "." + part(body)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func (tt *testTown) assertion(t *testing.T, b BankAccess, change func(header, body claims)) url.Values {
	t.Helper()
	header := claims{"alg": "PS256", "kid": b.KeyID, "typ": "JWT"}
	body := claims{"iss": b.ClientID, "sub": b.ClientID, "aud": b.Issuer + "/token", "jti": rand.Text(),
		"iat": tt.now().Unix(), "exp": tt.now().Add(time.Minute).Unix()}
	if change != nil {
		change(header, body)
	}
	return url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion": {ps256(t, b.ClientKey, header, body)}}
}

type bankTokens struct {
	Access_token, Refresh_token, Id_token, Token_type, Error string
	Expires_in                                               int
}

func (tt *testTown) bankToken(t *testing.T, b BankAccess, form url.Values, change func(header, body claims)) (int, bankTokens) {
	t.Helper()
	whole := tt.assertion(t, b, change)
	for k, v := range form {
		whole[k] = v
	}
	res, body := tt.do(t, post(t, b.Issuer+"/token", whole))
	var tokens bankTokens
	if err := json.Unmarshal(body, &tokens); err != nil {
		t.Fatalf("%d %v: %s", res.StatusCode, err, body)
	}
	return res.StatusCode, tokens
}

func (tt *testTown) clientToken(t *testing.T, b BankAccess) string {
	t.Helper()
	status, tokens := tt.bankToken(t, b, url.Values{"grant_type": {"client_credentials"}, "scope": {"accounts"}}, nil)
	if status != 200 {
		t.Fatalf("client credentials: %d %s", status, tokens.Error)
	}
	return tokens.Access_token
}

var allPermissions = []string{"ReadAccountsDetail", "ReadBalances", "ReadTransactionsDetail", "ReadTransactionsCredits", "ReadTransactionsDebits", "ReadPAN"}

func (tt *testTown) bankSend(t *testing.T, method, u, token string, body any) (*http.Response, []byte) {
	t.Helper()
	var b bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&b).Encode(body); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequest(method, u, &b)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("x-fapi-interaction-id", "11111111-2222-4333-8444-555555555555")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, out := tt.do(t, req)
	if got := res.Header.Get("x-fapi-interaction-id"); got != "11111111-2222-4333-8444-555555555555" {
		t.Errorf("the interaction id came back as %q", got)
	}
	return res, out
}

func (tt *testTown) bankGet(t *testing.T, u, token string) (*http.Response, []byte) {
	t.Helper()
	return tt.bankSend(t, http.MethodGet, u, token, nil)
}

func (tt *testTown) consent(t *testing.T, b BankAccess, permissions []string, more claims) string {
	t.Helper()
	data := claims{"Permissions": permissions}
	for k, v := range more {
		data[k] = v
	}
	res, body := tt.bankSend(t, http.MethodPost, b.APIBase+"/account-access-consents", tt.clientToken(t, b), claims{"Data": data, "Risk": claims{}})
	var out struct {
		Data struct{ ConsentId, Status string }
	}
	if err := json.Unmarshal(body, &out); err != nil || res.StatusCode != 201 || out.Data.Status != map[string]string{"v4.0": "AWAU", "v3.1": "AwaitingAuthorisation"}[b.Version] {
		t.Fatalf("%d: %s", res.StatusCode, body)
	}
	return out.Data.ConsentId
}

func (tt *testTown) bankPage(t *testing.T, b BankAccess, consent string, change func(header, body claims)) string {
	t.Helper()
	header := claims{"alg": "PS256", "kid": b.KeyID}
	body := claims{"iss": b.ClientID, "aud": b.Issuer, "client_id": b.ClientID, "response_type": "code", "redirect_uri": callback,
		"scope": "openid accounts", "state": "s-3", "nonce": "n-1", "exp": tt.now().Add(5 * time.Minute).Unix(), "nbf": tt.now().Unix(),
		"claims": claims{"id_token": claims{"openbanking_intent_id": claims{"value": consent, "essential": true}}}}
	if change != nil {
		change(header, body)
	}
	return b.Issuer + "/authorize?" + url.Values{"client_id": {b.ClientID}, "response_type": {"code"}, "scope": {"openid accounts"},
		"request": {ps256(t, b.ClientKey, header, body)}}.Encode()
}

func (tt *testTown) bankLink(t *testing.T, b BankAccess, p Person, permissions []string, more claims, form url.Values) (string, bankTokens) {
	t.Helper()
	consent := tt.consent(t, b, permissions, more)
	back := tt.login(t, tt.bankPage(t, b, consent, nil), p, "agree", form)
	if back.Get("state") != "s-3" || back.Get("iss") != b.Issuer {
		t.Fatalf("came back with %v", back)
	}
	status, tokens := tt.bankToken(t, b, url.Values{"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "redirect_uri": {callback}}, nil)
	if status != 200 || tokens.Expires_in != 600 || tokens.Refresh_token == "" {
		t.Fatalf("%d %+v", status, tokens)
	}
	return consent, tokens
}

type bankAccounts struct {
	Data struct {
		Account []struct {
			AccountId, AccountTypeCode, Currency string
			Account                              []struct{ SchemeName, Identification, Name string }
		}
	}
}

type bankTransactions struct {
	Data struct {
		Transaction []struct {
			TransactionId, TransactionReference, CreditDebitIndicator, Status, BookingDateTime, TransactionInformation string
			Amount                                                                                                     struct{ Amount, Currency string }
			MerchantDetails                                                                                            *struct{ MerchantName string }
			Balance                                                                                                    *struct{ Amount struct{ Amount string } }
		}
	}
	Links struct{ Self, First, Prev, Next, Last string }
	Meta  struct{ TotalPages int }
}

func read[T any](t *testing.T, body []byte) T {
	t.Helper()
	var out T
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return out
}

func (tt *testTown) bankAccounts(t *testing.T, b BankAccess, token string) bankAccounts {
	t.Helper()
	res, body := tt.bankGet(t, b.APIBase+"/accounts", token)
	if res.StatusCode != 200 {
		t.Fatalf("%d: %s", res.StatusCode, body)
	}
	return read[bankAccounts](t, body)
}

// walkBank links a person, reads everything once, and answers the token. A
// person without accounts there is left alone.
func walkBank(t *testing.T, tt *testTown, b BankAccess, p Person) string {
	t.Helper()
	if !tt.Serves(b.ID, p.ID) {
		return ""
	}
	_, tokens := tt.bankLink(t, b, p, allPermissions, nil, nil)
	for _, a := range tt.bankAccounts(t, b, tokens.Access_token).Data.Account {
		tt.bankGet(t, b.APIBase+"/accounts/"+a.AccountId+"/balances", tokens.Access_token)
		next := b.APIBase + "/accounts/" + a.AccountId + "/transactions?fromBookingDateTime=2026-09-01T00:00:00"
		for next != "" {
			_, body := tt.bankGet(t, next, tokens.Access_token)
			next = read[bankTransactions](t, body).Links.Next
		}
	}
	return tokens.Access_token
}

func TestABankTellsAccountsBalancesAndTransactions(t *testing.T) {
	tt := startTown(t, 1)
	b, p := tt.Banks()[0], tt.People()[0]
	_, tokens := tt.bankLink(t, b, p, allPermissions, nil, nil)
	accounts := tt.bankAccounts(t, b, tokens.Access_token).Data.Account
	schemes := map[string]string{}
	for _, a := range accounts {
		if len(a.Account) != 1 || a.Currency != "CNY" || a.Account[0].Name != p.Name || (a.AccountTypeCode != "WALT" && !luhnValid(a.Account[0].Identification)) {
			t.Fatalf("%+v", a)
		}
		schemes[a.AccountTypeCode] = a.Account[0].SchemeName
	}
	if schemes["CACC"] != "UK.OBIE.BBAN" || schemes["CARD"] != "UK.OBIE.PAN" || schemes["WALT"] != "UK.OBIE.Wallet" {
		t.Errorf("schemes %v", schemes)
	}
	for _, a := range accounts {
		var all []string
		pages, next := 0, b.APIBase+"/accounts/"+a.AccountId+"/transactions"
		var newest string
		for ; next != ""; pages++ {
			_, body := tt.bankGet(t, next, tokens.Access_token)
			page := read[bankTransactions](t, body)
			for _, x := range page.Data.Transaction {
				all = append(all, x.TransactionId)
				if x.BookingDateTime > "2026-11-18T12:00:00+08:00" || (x.Status != "BOOK" && x.Status != "PDNG") || strings.HasPrefix(x.Amount.Amount, "-") {
					t.Fatalf("%+v", x)
				}
				if newest == "" && x.Status == "BOOK" {
					newest = x.Balance.Amount.Amount
				}
			}
			if next = page.Links.Next; (next == "") != (pages+1 == page.Meta.TotalPages) {
				t.Fatalf("page %d of %d, next %q", pages+1, page.Meta.TotalPages, next)
			}
			tt.pass(time.Second) // later pages stand still though time goes on
		}
		slices.Sort(all)
		if n := len(all); n < 10 || len(slices.Compact(all)) != n {
			t.Errorf("%s: %d transactions over %d pages, some twice", a.AccountTypeCode, n, pages)
		}
		_, body := tt.bankGet(t, b.APIBase+"/accounts/"+a.AccountId+"/balances", tokens.Access_token)
		balances := map[string]string{}
		for _, x := range read[struct {
			Data struct {
				Balance []struct {
					Type, CreditDebitIndicator string
					Amount                     struct{ Amount string }
				}
			}
		}](t, body).Data.Balance {
			balances[x.Type] = x.CreditDebitIndicator + " " + x.Amount.Amount
		}
		if a.AccountTypeCode == "CACC" && !strings.HasPrefix(balances["ITAV"], "Credit ") {
			t.Errorf("balances %v", balances)
		}
		if a.AccountTypeCode == "CARD" && !strings.HasPrefix(balances["ITBD"], "Debit ") {
			t.Errorf("what is owed on a card is a debit balance: %v", balances)
		}
		for _, kind := range []string{"CLBD", "ITBD", "ITAV"} {
			if balances[kind] == "" {
				t.Errorf("no %s in %v", kind, balances)
			}
		}
	}
}

func TestABankKeepsToTheConsent(t *testing.T) {
	tt := startTown(t, 1)
	b, p := tt.Banks()[0], tt.People()[0]
	all := tt.world.people[0].cards
	one := all[1] // the credit card
	_, tokens := tt.bankLink(t, b, p, []string{"ReadAccountsDetail", "ReadTransactionsBasic", "ReadTransactionsDebits"},
		claims{"TransactionFromDateTime": "2026-10-01T00:00:00+08:00"}, url.Values{"chosen": {"1"}, "account": {one.id}})
	accounts := tt.bankAccounts(t, b, tokens.Access_token).Data.Account
	if len(accounts) != 1 || accounts[0].AccountId != one.id {
		t.Fatalf("one account was ticked, %d came", len(accounts))
	}
	if got := accounts[0].Account[0].Identification; got != one.number[:6]+"******"+one.number[12:] {
		t.Errorf("without ReadPAN the card number is %s", got)
	}
	res, body := tt.bankGet(t, b.APIBase+"/accounts/"+one.id+"/transactions", tokens.Access_token)
	page := read[bankTransactions](t, body)
	if res.StatusCode != 200 || len(page.Data.Transaction) == 0 {
		t.Fatalf("%d: %s", res.StatusCode, body)
	}
	for _, x := range page.Data.Transaction {
		if x.CreditDebitIndicator != "Debit" || x.TransactionInformation != "" || x.MerchantDetails != nil || x.Balance != nil || x.BookingDateTime < "2026-10-01" {
			t.Fatalf("more than was agreed: %+v", x)
		}
	}
	for path, want := range map[string]int{
		"/accounts/" + one.id + "/balances":                                           403, // no permission
		"/accounts/" + all[0].id + "/transactions":                                    403, // not ticked
		"/accounts/" + tt.world.people[2].debit().id + "/transactions":                403, // somebody else's
		"/accounts/nothing/transactions":                                              400,
		"/accounts/" + one.id + "/transactions?fromBookingDateTime=tomorrow":          400,
		"/accounts/" + one.id + "/transactions?page=999&asOf=1":                       400,
		"/accounts/" + tt.world.people[0].landlord.id + "/transactions":               400, // opens to nobody
		"/accounts/" + one.id + "/transactions?toBookingDateTime=2026-10-02T00:00:00": 200,
	} {
		res, body := tt.bankGet(t, b.APIBase+path, tokens.Access_token)
		fault := read[struct {
			Errors []struct{ ErrorCode, Message string }
		}](t, body)
		if res.StatusCode != want || (want != 200 && (len(fault.Errors) != 1 || len(fault.Errors[0].ErrorCode) != 4)) {
			t.Errorf("%s: %d %s, want %d", path, res.StatusCode, body, want)
		}
	}
}

func TestABanksConsentMayEnd(t *testing.T) {
	tt := startTown(t, 1)
	b, p := tt.Banks()[0], tt.People()[0]
	id, tokens := tt.bankLink(t, b, p, allPermissions, claims{"ExpirationDateTime": noon.Add(5 * time.Minute).Format(time.RFC3339)}, nil)
	at := b.APIBase + "/account-access-consents/" + id
	_, body := tt.bankGet(t, at, tt.clientToken(t, b))
	if !bytes.Contains(body, []byte(`"Status":"AUTH"`)) {
		t.Errorf("after the yes: %s", body)
	}
	tt.pass(5 * time.Minute)
	if res, body := tt.bankGet(t, b.APIBase+"/accounts", tokens.Access_token); res.StatusCode != 401 || len(body) > 0 {
		t.Errorf("an expired consent: %d", res.StatusCode)
	}
	id, tokens = tt.bankLink(t, b, p, allPermissions, nil, nil)
	at = b.APIBase + "/account-access-consents/" + id
	if res, _ := tt.bankSend(t, http.MethodDelete, at, tokens.Access_token, nil); res.StatusCode != 403 {
		t.Errorf("a person's token deletes a consent: %d", res.StatusCode)
	}
	if res, _ := tt.bankSend(t, http.MethodDelete, at, tt.clientToken(t, b), nil); res.StatusCode != 204 {
		t.Errorf("delete: %d", res.StatusCode)
	}
	if res, _ := tt.bankGet(t, b.APIBase+"/accounts", tokens.Access_token); res.StatusCode != 401 {
		t.Errorf("after the delete: %d", res.StatusCode)
	}
	if status, got := tt.bankToken(t, b, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Refresh_token}}, nil); status != 400 || got.Error != "invalid_grant" {
		t.Errorf("refresh after the delete: %d %s", status, got.Error)
	}
	if res, _ := tt.bankGet(t, at, tt.clientToken(t, b)); res.StatusCode != 400 {
		t.Errorf("a deleted consent: %d", res.StatusCode)
	}
}

func TestABankRefusesConsents(t *testing.T) {
	tt := startTown(t, 1)
	b := tt.Banks()[0]
	for why, body := range map[string]claims{
		"no data":              {"Risk": claims{}},
		"no risk":              {"Data": claims{"Permissions": allPermissions}},
		"no permission":        {"Data": claims{"Permissions": []string{}}, "Risk": claims{}},
		"unknown permission":   {"Data": claims{"Permissions": []string{"ReadAccountsBasic", "ReadMinds"}}, "Risk": claims{}},
		"no accounts":          {"Data": claims{"Permissions": []string{"ReadBalances"}}, "Risk": claims{}},
		"no direction":         {"Data": claims{"Permissions": []string{"ReadAccountsBasic", "ReadTransactionsBasic"}}, "Risk": claims{}},
		"an unknown member":    {"Data": claims{"Permissions": allPermissions}, "Risk": claims{}, "Extra": 1},
		"expired at its start": {"Data": claims{"Permissions": allPermissions, "ExpirationDateTime": noon.Format(time.RFC3339)}, "Risk": claims{}},
	} {
		res, out := tt.bankSend(t, http.MethodPost, b.APIBase+"/account-access-consents", tt.clientToken(t, b), body)
		if res.StatusCode != 400 || !bytes.Contains(out, []byte(`"ErrorCode"`)) {
			t.Errorf("%s: %d %s", why, res.StatusCode, out)
		}
	}
	if res, _ := tt.bankSend(t, http.MethodPost, b.APIBase+"/account-access-consents", "x", claims{}); res.StatusCode != 401 {
		t.Errorf("without a token: %d", res.StatusCode)
	}
	if res, _ := tt.bankGet(t, b.APIBase+"/accounts", tt.clientToken(t, b)); res.StatusCode != 403 {
		t.Errorf("the client reads accounts without a person: %d", res.StatusCode)
	}
	other := tt.Banks()[1]
	if res, _ := tt.bankGet(t, other.APIBase+"/accounts", tt.clientToken(t, b)); res.StatusCode != 401 {
		t.Errorf("another bank's token: %d", res.StatusCode)
	}
}

func TestABankRefusesClients(t *testing.T) {
	tt := startTown(t, 1)
	b := tt.Banks()[0]
	grant := url.Values{"grant_type": {"client_credentials"}, "scope": {"accounts"}}
	jti := rand.Text()
	if status, _ := tt.bankToken(t, b, grant, func(_, body claims) { body["jti"] = jti }); status != 200 {
		t.Fatalf("%d", status)
	}
	for why, change := range map[string]func(header, body claims){
		"a replayed jti":          func(_, body claims) { body["jti"] = jti },
		"no jti":                  func(_, body claims) { delete(body, "jti") },
		"another bank's audience": func(_, body claims) { body["aud"] = tt.Banks()[1].Issuer },
		"expired":                 func(_, body claims) { body["exp"] = tt.now().Add(-2 * time.Minute).Unix() },
		"no expiry":               func(_, body claims) { delete(body, "exp") },
		"a year to live":          func(_, body claims) { body["exp"] = tt.now().AddDate(1, 0, 0).Unix() },
		"issued tomorrow":         func(_, body claims) { body["iat"] = tt.now().AddDate(0, 0, 1).Unix() },
		"another client":          func(_, body claims) { body["iss"], body["sub"] = "x", "x" },
		"RS256 in the header":     func(header, _ claims) { header["alg"] = "RS256" },
		"none in the header":      func(header, _ claims) { header["alg"] = "none" },
		"an unknown key":          func(header, _ claims) { header["kid"] = "x" },
		"critical members":        func(header, _ claims) { header["crit"] = []string{"x"} },
	} {
		if status, got := tt.bankToken(t, b, grant, change); status != 401 || got.Error != "invalid_client" {
			t.Errorf("%s: %d %s", why, status, got.Error)
		}
	}
	stranger := b
	stranger.ClientKey = sharedKeys().get(keyMerchant)
	if status, _ := tt.bankToken(t, stranger, grant, nil); status != 401 {
		t.Errorf("another key: %d", status)
	}
	if status, got := tt.bankToken(t, b, url.Values{"grant_type": {"password"}}, nil); status != 400 || got.Error != "unsupported_grant_type" {
		t.Errorf("%d %s", status, got.Error)
	}
	if status, got := tt.bankToken(t, b, url.Values{"grant_type": {"client_credentials"}, "scope": {"payments"}}, nil); status != 400 || got.Error != "invalid_scope" {
		t.Errorf("%d %s", status, got.Error)
	}
}

func TestABankRefusesCodes(t *testing.T) {
	tt := startTown(t, 1)
	b, p := tt.Banks()[0], tt.People()[0]
	verifier := strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	code := func() string {
		page := tt.bankPage(t, b, tt.consent(t, b, allPermissions, nil), func(_, body claims) {
			body["code_challenge"], body["code_challenge_method"] = base64.RawURLEncoding.EncodeToString(sum[:]), "S256"
		})
		return tt.login(t, page, p, "agree", nil).Get("code")
	}
	redeem := func(code, back, verifier string) (int, bankTokens) {
		return tt.bankToken(t, b, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {back}, "code_verifier": {verifier}}, nil)
	}
	if status, _ := redeem(code(), "http://localhost:8080/other", verifier); status != 400 {
		t.Errorf("another redirect URI: %d", status)
	}
	if status, _ := redeem(code(), callback, "wrong"); status != 400 {
		t.Errorf("a wrong verifier: %d", status)
	}
	once := code()
	status, tokens := redeem(once, callback, verifier)
	if status != 200 {
		t.Fatalf("%d", status)
	}
	if status, got := redeem(once, callback, verifier); status != 400 || got.Error != "invalid_grant" {
		t.Errorf("a code twice: %d %s", status, got.Error)
	}
	if res, _ := tt.bankGet(t, b.APIBase+"/accounts", tokens.Access_token); res.StatusCode != 401 {
		t.Errorf("a token whose code came twice still opens: %d", res.StatusCode)
	}
	old := code()
	tt.pass(10 * time.Minute)
	if status, _ := redeem(old, callback, verifier); status != 400 {
		t.Errorf("an old code: %d", status)
	}
	if status, _ := redeem("x", callback, verifier); status != 400 {
		t.Errorf("an unknown code: %d", status)
	}
}

func TestABanksTokensAge(t *testing.T) {
	tt := startTown(t, 1)
	for i, b := range tt.Banks() {
		p := tt.People()[i]
		_, tokens := tt.bankLink(t, b, p, allPermissions, nil, nil)
		tt.pass(10 * time.Minute)
		if res, _ := tt.bankGet(t, b.APIBase+"/accounts", tokens.Access_token); res.StatusCode != 401 || !strings.Contains(res.Header.Get("WWW-Authenticate"), "invalid_token") {
			t.Errorf("%s: a token of ten minutes: %d", b.ID, res.StatusCode)
		}
		refresh := func(token string) (int, bankTokens) {
			return tt.bankToken(t, b, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, nil)
		}
		_, first := refresh(tokens.Refresh_token)
		tt.bankAccounts(t, b, first.Access_token)
		if replaced := first.Refresh_token != tokens.Refresh_token; replaced != bankByID(b.ID).rotates {
			t.Errorf("%s: the refresh token was replaced: %v", b.ID, replaced)
		}
		if _, again := refresh(tokens.Refresh_token); again.Refresh_token != first.Refresh_token {
			t.Errorf("%s: an answer that got lost cannot be had again", b.ID)
		}
		tt.pass(2 * time.Minute)
		if status, _ := refresh(tokens.Refresh_token); (status == 200) == bankByID(b.ID).rotates {
			t.Errorf("%s: the first refresh token answers %d", b.ID, status)
		}
		if status, _ := refresh(first.Refresh_token); status != 200 {
			t.Errorf("%s: the newest refresh token answers %d", b.ID, status)
		}
	}
}

func TestABanksLogin(t *testing.T) {
	tt := startTown(t, 1)
	b, p := tt.Banks()[0], tt.People()[0]
	consent := tt.consent(t, b, allPermissions, nil)
	page := tt.bankPage(t, b, consent, nil)
	_, body := tt.do(t, get(t, page))
	if !strings.Contains(string(body), `name="login"`) || !strings.Contains(string(body), "mock town") || strings.Contains(string(body), `name="account"`) {
		t.Error("the first page asks who it is, and shows no accounts yet")
	}
	res, body := tt.do(t, post(t, page, url.Values{"login": {p.Login}, "password": {p.Password}}))
	if res.StatusCode != 200 || strings.Count(string(body), `name="account"`) != 3 || !strings.Contains(string(body), `name="chosen"`) {
		t.Errorf("after signing in: %d %s", res.StatusCode, body)
	}
	if res, _ := tt.do(t, post(t, page, url.Values{"login": {p.Login}, "password": {"x"}, "decision": {"agree"}})); res.StatusCode != 401 {
		t.Errorf("a wrong password: %d", res.StatusCode)
	}
	if res, _ := tt.do(t, post(t, page, url.Values{"login": {p.Login}, "password": {p.Password}, "decision": {"agree"}, "chosen": {"1"}})); res.StatusCode != 200 {
		t.Errorf("agreeing to no account: %d", res.StatusCode)
	}
	foreign := tt.world.people[2].debit().id
	if res, _ := tt.do(t, post(t, page, url.Values{"login": {p.Login}, "password": {p.Password}, "decision": {"agree"}, "account": {foreign}})); res.StatusCode != 400 {
		t.Errorf("agreeing to somebody else's account: %d", res.StatusCode)
	}
	if back := tt.login(t, page, Person{}, "refuse", nil); back.Get("error") != "access_denied" || back.Get("state") != "s-3" {
		t.Errorf("who refuses comes back with %v", back)
	}
	_, body = tt.bankGet(t, b.APIBase+"/account-access-consents/"+consent, tt.clientToken(t, b))
	if !bytes.Contains(body, []byte(`"Status":"RJCT"`)) {
		t.Errorf("after the no: %s", body)
	}
	for why, c := range map[string]struct {
		change func(header, body claims)
		want   string
	}{
		"another audience":    {func(_, body claims) { body["aud"] = "x" }, "invalid_request_object"},
		"expired":             {func(_, body claims) { body["exp"] = 1 }, "invalid_request_object"},
		"no scope":            {func(_, body claims) { body["scope"] = "openid" }, "invalid_scope"},
		"no nonce":            {func(_, body claims) { delete(body, "nonce") }, "invalid_request"},
		"plain PKCE":          {func(_, body claims) { body["code_challenge"], body["code_challenge_method"] = "x", "plain" }, "invalid_request"},
		"an unknown consent":  {func(_, body claims) { delete(body, "claims") }, "invalid_request"},
		"a consent refused":   {nil, "invalid_request"},
		"a token of implicit": {func(_, body claims) { body["response_type"] = "token" }, "unsupported_response_type"},
	} {
		res, _ := tt.do(t, get(t, tt.bankPage(t, b, consent, c.change)))
		u, err := url.Parse(res.Header.Get("Location"))
		if err != nil || u.Query().Get("error") != c.want {
			t.Errorf("%s: %d to %s, want %s", why, res.StatusCode, u, c.want)
		}
	}
	for why, change := range map[string]func(header, body claims){
		"unsigned":           func(header, _ claims) { header["alg"] = "none" },
		"a foreign redirect": func(_, body claims) { body["redirect_uri"] = "https://evil.example/" },
	} {
		if res, _ := tt.do(t, get(t, tt.bankPage(t, b, consent, change))); res.StatusCode != 400 || res.Header.Get("Location") != "" {
			t.Errorf("%s: %d", why, res.StatusCode)
		}
	}
}

func TestABanksIDTokenIsItsOwn(t *testing.T) {
	tt := startTown(t, 1)
	b, p := tt.Banks()[0], tt.People()[0]
	_, body := tt.do(t, get(t, b.Issuer+"/.well-known/openid-configuration"))
	found := read[struct{ Issuer, Token_endpoint, Authorization_endpoint, Jwks_uri string }](t, body)
	if found.Issuer != b.Issuer || found.Token_endpoint != b.Issuer+"/token" || found.Authorization_endpoint != b.Issuer+"/authorize" {
		t.Errorf("%+v", found)
	}
	_, body = tt.do(t, get(t, found.Jwks_uri))
	jwks := read[struct {
		Keys []struct{ Kty, N, E, Kid string }
	}](t, body)
	n, err := base64.RawURLEncoding.DecodeString(jwks.Keys[0].N)
	if err != nil || !bytes.Equal(n, b.BankKey.N.Bytes()) || jwks.Keys[0].E != "AQAB" {
		t.Errorf("jwks %s", body)
	}
	check := func(compact string) bool {
		parts := strings.Split(compact, ".")
		sig, err := base64.RawURLEncoding.DecodeString(parts[2])
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		return rsa.VerifyPSS(b.BankKey, crypto.SHA256, sum[:], sig, nil) == nil
	}
	id, tokens := tt.bankLink(t, b, p, allPermissions, nil, nil)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(tokens.Id_token, ".")[1])
	if err != nil || !check(tokens.Id_token) {
		t.Fatal("the ID token does not verify")
	}
	said := read[struct{ Iss, Aud, Nonce, Openbanking_intent_id string }](t, payload)
	if said.Iss != b.Issuer || said.Aud != b.ClientID || said.Nonce != "n-1" || said.Openbanking_intent_id != id {
		t.Errorf("ID token %s", payload)
	}
	tt.BadSignature(b.ID, true)
	if _, tokens := tt.bankLink(t, b, p, allPermissions, nil, nil); check(tokens.Id_token) {
		t.Error("the bank signed well when it should not")
	}
}

func FuzzOpenJWS(f *testing.F) {
	key := sharedKeys().get(keyBankClient)
	f.Add(signJWS(key, "k", map[string]any{"iss": "a", "aud": []string{"b"}, "exp": 1.5}, false))
	f.Add("a.b.c")
	f.Add("..")
	f.Fuzz(func(t *testing.T, compact string) {
		if _, err := openJWS(compact, "other", &key.PublicKey); err == nil {
			t.Error("opened with a key it was not made for")
		}
	})
}
