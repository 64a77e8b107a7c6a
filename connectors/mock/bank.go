package mock

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// BankAccess is what an operator holds who has registered its software with a
// bank.
type BankAccess struct {
	ID        string // "jiangnan_bank"
	ZH, EN    string
	Issuer    string // discovery stands under it, at /.well-known/openid-configuration
	APIBase   string // "…/open-banking/v4.0/aisp"
	ClientID  string
	ClientKey *rsa.PrivateKey // signs client assertions and request objects with PS256; one for all banks
	KeyID     string          // its kid
	BankKey   *rsa.PublicKey  // signs ID tokens; the same as at the jwks_uri
}

const (
	bankClientKeyID = "jali-signing-1"
	bankAPI         = "/open-banking/v4.0/aisp"
	bankKeyID       = "bank-signing-1"

	bankCodeFor    = 10 * time.Minute
	bankAccessFor  = 10 * time.Minute
	bankRefreshFor = 90 * 24 * time.Hour
	bankGrace      = time.Minute // that a replaced refresh token still serves
	bankSkew       = time.Minute
)

// Banks answers the operator's registrations, in the town's order. It waits for
// the keys.
func (t *Town) Banks() []BankAccess {
	var out []BankAccess
	for _, b := range t.world.banks {
		out = append(out, BankAccess{
			ID: b.id, ZH: b.zh, EN: b.en, Issuer: t.issuer(b), APIBase: t.issuer(b) + bankAPI,
			ClientID: t.bankClient(b), ClientKey: t.keys.get(keyBankClient), KeyID: bankClientKeyID,
			BankKey: &t.keys.get(keyBankPrefix + b.id).PublicKey,
		})
	}
	return out
}

func (t *Town) issuer(b bankName) string { return t.cfg.BaseURL + "/bank/" + b.id }

func (t *Town) bankClient(b bankName) string {
	return strings.ToLower(b.code) + "-" + letters(seeded(t.cfg.Seed, "client of "+b.id), 18)
}

// bankCall is one request to one bank.
type bankCall struct {
	t    *Town
	bank bankName
	x    Trouble
	w    http.ResponseWriter
	r    *http.Request
	now  time.Time
}

func (t *Town) serveBank(mux *http.ServeMux, b bankName) {
	at := "/bank/" + b.id
	serve := func(pattern string, f func(bankCall)) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+at+path, func(w http.ResponseWriter, r *http.Request) {
			c := bankCall{t: t, bank: b, w: w, r: r, now: t.cfg.Now()}
			interaction := r.Header.Get("x-fapi-interaction-id")
			if interaction == "" || len(interaction) > 128 {
				interaction = uuid()
			}
			w.Header().Set("x-fapi-interaction-id", interaction)
			if path != "/authorize" {
				var here bool
				if c.x, here = t.ails(w, r, b.id); !here {
					return
				}
				switch {
				case c.x.Down:
					c.fail(http.StatusServiceUnavailable, "U000", "the bank is out of order", "")
					return
				case c.x.Busy:
					if !c.x.NoWait {
						w.Header().Set("Retry-After", "2")
					}
					w.WriteHeader(http.StatusTooManyRequests)
					return
				}
			}
			f(c)
		})
	}
	serve("GET /.well-known/openid-configuration", bankCall.discover)
	serve("GET /jwks", bankCall.jwks)
	serve("GET /authorize", bankCall.authorize)
	serve("POST /authorize", bankCall.authorize)
	serve("POST /token", bankCall.token)
	serve("POST "+bankAPI+"/account-access-consents", bankCall.openConsent)
	serve("GET "+bankAPI+"/account-access-consents/{ConsentId}", bankCall.readConsent)
	serve("DELETE "+bankAPI+"/account-access-consents/{ConsentId}", bankCall.deleteConsent)
	serve("GET "+bankAPI+"/accounts", bankCall.accounts)
	serve("GET "+bankAPI+"/accounts/{AccountId}", bankCall.accounts)
	serve("GET "+bankAPI+"/accounts/{AccountId}/balances", bankCall.balances)
	serve("GET "+bankAPI+"/accounts/{AccountId}/transactions", bankCall.transactions)
}

func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (c bankCall) answer(status int, body any) {
	c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.w.WriteHeader(status)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(body)
	_, _ = c.w.Write(c.x.spoil(b.Bytes()))
}

// fail is an OBErrorResponse1 with one error. code is of the published set
// OBExternalStatusReason1Code.
func (c bankCall) fail(status int, code, message, path string) {
	c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.answer(status, map[string]any{
		"Id": uuid(), "Code": fmt.Sprintf("%d %s", status, strings.ReplaceAll(http.StatusText(status), " ", "")), "Message": message,
		"Errors": []map[string]string{{"ErrorCode": code, "Message": message, "Path": path}},
	})
}

func (c bankCall) discover() {
	issuer := c.t.issuer(c.bank)
	c.answer(http.StatusOK, map[string]any{
		"issuer":                                                   issuer,
		"authorization_endpoint":                                   issuer + "/authorize",
		"token_endpoint":                                           issuer + "/token",
		"jwks_uri":                                                 issuer + "/jwks",
		"scopes_supported":                                         []string{"openid", "accounts"},
		"response_types_supported":                                 []string{"code"},
		"response_modes_supported":                                 []string{"query"},
		"grant_types_supported":                                    []string{"authorization_code", "client_credentials", "refresh_token"},
		"subject_types_supported":                                  []string{"pairwise"},
		"claims_supported":                                         []string{"openbanking_intent_id", "acr"},
		"claims_parameter_supported":                               true,
		"request_parameter_supported":                              true,
		"request_uri_parameter_supported":                          false,
		"require_signed_request_object":                            true,
		"code_challenge_methods_supported":                         []string{"S256"},
		"id_token_signing_alg_values_supported":                    []string{"PS256"},
		"request_object_signing_alg_values_supported":              []string{"PS256"},
		"token_endpoint_auth_methods_supported":                    []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported":         []string{"PS256"},
		"authorization_response_iss_parameter_supported":           true,
		"tls_client_certificate_bound_access_tokens":               false,
		"introspection_endpoint_auth_methods_supported":            []string{},
		"introspection_endpoint_auth_signing_alg_values_supported": []string{},
	})
}

func (c bankCall) jwks() {
	key := &c.t.keys.get(keyBankPrefix + c.bank.id).PublicKey
	c.answer(http.StatusOK, map[string]any{"keys": []any{jwkOf(key, bankKeyID)}})
}

// consent is an account-access-consent.
type consent struct {
	ID          string
	Bank        string
	Status      string // AWAU, AUTH, RJCT; deleted ones are gone
	Created     time.Time
	Updated     time.Time
	Permissions []string
	Expires     *time.Time
	From, To    *time.Time
	Person      string
	Accounts    []string
	Used        bool // a code was issued for it
}

func (k *consent) allows(permission string) bool { return slices.Contains(k.Permissions, permission) }

// permissions is OBInternalPermissions1Code as far as the town answers for it.
var permissions = []string{
	"ReadAccountsBasic", "ReadAccountsDetail", "ReadBalances",
	"ReadTransactionsBasic", "ReadTransactionsDetail", "ReadTransactionsCredits", "ReadTransactionsDebits",
	"ReadPAN", "ReadParty", "ReadPartyPSU", "ReadProducts", "ReadOffers", "ReadBeneficiariesBasic", "ReadBeneficiariesDetail",
	"ReadDirectDebits", "ReadScheduledPaymentsBasic", "ReadScheduledPaymentsDetail", "ReadStandingOrdersBasic",
	"ReadStandingOrdersDetail", "ReadStatementsBasic", "ReadStatementsDetail",
}

// openConsent is POST /account-access-consents.
func (c bankCall) openConsent() {
	if !c.asClient() {
		return
	}
	if kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type")); kind != "application/json" {
		c.w.WriteHeader(http.StatusUnsupportedMediaType)
		return
	}
	var in struct {
		Data *struct {
			Permissions             []string   `json:"Permissions"`
			ExpirationDateTime      *time.Time `json:"ExpirationDateTime"`
			TransactionFromDateTime *time.Time `json:"TransactionFromDateTime"`
			TransactionToDateTime   *time.Time `json:"TransactionToDateTime"`
		} `json:"Data"`
		Risk map[string]any `json:"Risk"`
	}
	d := json.NewDecoder(c.r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		c.fail(http.StatusBadRequest, "U010", "the body is not an OBReadConsent1", "")
		return
	}
	switch {
	case in.Data == nil:
		c.fail(http.StatusBadRequest, "U004", "a required field is missing", "Data")
		return
	case in.Risk == nil:
		c.fail(http.StatusBadRequest, "U004", "a required field is missing", "Risk")
		return
	case len(in.Data.Permissions) == 0:
		c.fail(http.StatusBadRequest, "U004", "a required field is missing", "Data.Permissions")
		return
	case in.Data.ExpirationDateTime != nil && !in.Data.ExpirationDateTime.After(c.now):
		c.fail(http.StatusBadRequest, "U003", "the expiration is in the past", "Data.ExpirationDateTime")
		return
	}
	k := &consent{ID: "aac-" + rand.Text(), Bank: c.bank.id, Status: "AWAU", Created: c.now, Updated: c.now, Permissions: in.Data.Permissions,
		Expires: in.Data.ExpirationDateTime, From: in.Data.TransactionFromDateTime, To: in.Data.TransactionToDateTime}
	if !agreeing(k) {
		c.fail(http.StatusBadRequest, "U002", "the permissions are unknown or do not go together", "Data.Permissions")
		return
	}
	err := c.t.state.change(func() error { c.t.state.Consents[k.ID] = k; return nil })
	if err != nil {
		c.fail(http.StatusInternalServerError, "U000", "the bank could not store the consent", "")
		return
	}
	c.showConsent(http.StatusCreated, *k)
}

// agreeing holds the rules of the profile's table of permissions: accounts must
// be readable, and details of transactions want a direction and the other way
// round.
func agreeing(k *consent) bool {
	for _, p := range k.Permissions {
		if !slices.Contains(permissions, p) {
			return false
		}
	}
	depth := k.allows("ReadTransactionsBasic") || k.allows("ReadTransactionsDetail")
	direction := k.allows("ReadTransactionsCredits") || k.allows("ReadTransactionsDebits")
	return (k.allows("ReadAccountsBasic") || k.allows("ReadAccountsDetail")) && depth == direction
}

func (c bankCall) showConsent(status int, k consent) {
	data := map[string]any{"ConsentId": k.ID, "CreationDateTime": bankTime(k.Created), "Status": k.Status,
		"StatusUpdateDateTime": bankTime(k.Updated), "Permissions": k.Permissions}
	for name, at := range map[string]*time.Time{"ExpirationDateTime": k.Expires, "TransactionFromDateTime": k.From, "TransactionToDateTime": k.To} {
		if at != nil {
			data[name] = bankTime(*at)
		}
	}
	c.answer(status, map[string]any{"Data": data, "Risk": map[string]any{},
		"Links": map[string]string{"Self": c.t.issuer(c.bank) + bankAPI + "/account-access-consents/" + k.ID},
		"Meta":  map[string]int{"TotalPages": 1}})
}

func bankTime(at time.Time) string { return at.In(beijing).Format(time.RFC3339) }

// heldConsent answers a copy of this bank's consent.
func (c bankCall) heldConsent(id string) (consent, bool) {
	c.t.state.mu.Lock()
	defer c.t.state.mu.Unlock()
	k, ok := c.t.state.Consents[id]
	if !ok || k.Bank != c.bank.id {
		return consent{}, false
	}
	if k.Expires != nil && !c.now.Before(*k.Expires) {
		k.Status = "EXPD"
	}
	return *k, true
}

func (c bankCall) readConsent() {
	if !c.asClient() {
		return
	}
	k, ok := c.heldConsent(c.r.PathValue("ConsentId"))
	if !ok {
		c.fail(http.StatusBadRequest, "U011", "there is no such consent", "ConsentId")
		return
	}
	c.showConsent(http.StatusOK, k)
}

// deleteConsent ends the consent and every token that hangs on it.
func (c bankCall) deleteConsent() {
	if !c.asClient() {
		return
	}
	id := c.r.PathValue("ConsentId")
	if _, ok := c.heldConsent(id); !ok {
		c.fail(http.StatusBadRequest, "U011", "there is no such consent", "ConsentId")
		return
	}
	err := c.t.state.change(func() error {
		delete(c.t.state.Consents, id)
		for _, p := range c.t.state.Passes {
			if p.Consent == id {
				p.Spent = true
			}
		}
		return nil
	})
	if err != nil {
		c.fail(http.StatusInternalServerError, "U000", "the bank could not delete the consent", "")
		return
	}
	c.w.WriteHeader(http.StatusNoContent)
}
