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
