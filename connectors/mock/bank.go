package mock

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// BankAccess is what an operator holds who has registered its software with a
// bank.
type BankAccess struct {
	ID        string // "jiangnan_bank"
	ZH, EN    string
	Issuer    string // discovery stands under it, at /.well-known/openid-configuration
	Version   string // of the API that the bank names first: "v4.0" or "v3.1"
	APIBase   string // "…/open-banking/v4.0/aisp"; every bank answers in the other version beside it
	ClientID  string
	ClientKey *rsa.PrivateKey // signs client assertions and request objects with PS256; one for all banks
	KeyID     string          // its kid
	BankKey   *rsa.PublicKey  // signs ID tokens; the same as at the jwks_uri
}

const (
	bankClientKeyID = "jali-signing-1"
	bankV4          = "v4.0"
	bankV3          = "v3.1"
	bankKeyID       = "bank-signing-1"

	bankCodeFor    = 10 * time.Minute
	bankAccessFor  = 10 * time.Minute
	bankRefreshFor = 400 * 24 * time.Hour
	bankGrace      = time.Minute // that a replaced refresh token still serves
	bankSkew       = time.Minute
)

// Banks answers the operator's registrations, in the town's order. It waits for
// the keys.
func (t *Town) Banks() []BankAccess {
	var out []BankAccess
	for _, b := range t.world.banks {
		out = append(out, BankAccess{
			ID: b.id, ZH: b.zh, EN: b.en, Issuer: t.issuer(b), Version: b.version, APIBase: t.issuer(b) + bankAPI(b.version),
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

func bankAPI(version string) string { return "/open-banking/" + version + "/aisp" }

// bankCall is one request to one bank.
type bankCall struct {
	t    *Town
	bank bankName
	v3   bool // asked in v3.1, and answered in its words
	x    Trouble
	w    http.ResponseWriter
	r    *http.Request
	now  time.Time
}

func (t *Town) serveBank(mux *http.ServeMux, b bankName) {
	at := "/bank/" + b.id
	serve := func(pattern string, v3 bool, f func(bankCall)) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+at+path, func(w http.ResponseWriter, r *http.Request) {
			c := bankCall{t: t, bank: b, v3: v3, w: w, r: r, now: t.cfg.Now()}
			if c.receives(path != "/authorize") {
				f(c)
			}
		})
	}
	serve("GET /.well-known/openid-configuration", false, bankCall.discover)
	serve("GET /jwks", false, bankCall.jwks)
	serve("GET /authorize", false, bankCall.authorize)
	serve("POST /authorize", false, bankCall.authorize)
	serve("POST /token", false, bankCall.token)
	for _, version := range []string{bankV4, bankV3} {
		api, v3 := bankAPI(version), version == bankV3
		serve("POST "+api+"/account-access-consents", v3, bankCall.openConsent)
		serve("GET "+api+"/account-access-consents/{ConsentId}", v3, bankCall.readConsent)
		serve("DELETE "+api+"/account-access-consents/{ConsentId}", v3, bankCall.deleteConsent)
		serve("GET "+api+"/accounts", v3, bankCall.accounts)
		serve("GET "+api+"/accounts/{AccountId}", v3, bankCall.accounts)
		serve("GET "+api+"/accounts/{AccountId}/balances", v3, bankCall.balances)
		serve("GET "+api+"/accounts/{AccountId}/transactions", v3, bankCall.transactions)
		serve("GET "+api+"/accounts/{AccountId}/statements", v3, bankCall.statements)
	}
}

// receives plays the interaction id back and reports whether the bank is in a
// state to answer; else it has said so. The login page always is.
func (c *bankCall) receives(api bool) bool {
	interaction := c.r.Header.Get("x-fapi-interaction-id")
	if interaction == "" || len(interaction) > 128 {
		interaction = uuid()
	}
	c.w.Header().Set("x-fapi-interaction-id", interaction)
	if !api {
		return true
	}
	var here bool
	if c.x, here = c.t.ails(c.w, c.r, c.bank.id); !here {
		return false
	}
	switch {
	case c.x.Down:
		c.fail(http.StatusServiceUnavailable, "U000", "the bank is out of order", "")
		return false
	case c.x.Busy:
		if !c.x.NoWait {
			c.w.Header().Set("Retry-After", "2")
		}
		c.w.WriteHeader(http.StatusTooManyRequests)
		return false
	}
	if at := c.r.Header.Get("x-fapi-auth-date"); at != "" {
		if _, err := http.ParseTime(at); err != nil {
			c.fail(http.StatusBadRequest, "U006", "not an HTTP date", "x-fapi-auth-date")
			return false
		}
	}
	if ip := c.r.Header.Get("x-fapi-customer-ip-address"); ip != "" && net.ParseIP(ip) == nil {
		c.fail(http.StatusBadRequest, "U006", "not an address", "x-fapi-customer-ip-address")
		return false
	}
	return true
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

// fail is an OBErrorResponse1 with one error. code is of v4's set
// OBExternalStatusReason1Code; v3.1 has names for the same.
func (c bankCall) fail(status int, code, message, path string) {
	c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.answer(status, map[string]any{
		"Id": uuid(), "Code": fmt.Sprintf("%d %s", status, strings.ReplaceAll(http.StatusText(status), " ", "")), "Message": message,
		"Errors": []map[string]string{{"ErrorCode": c.word(code), "Message": message, "Path": path}},
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
		"response_types_supported":                                 []string{"code", "code id_token"},
		"response_modes_supported":                                 []string{"query", "fragment"},
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

func bankTime(at time.Time) string { return at.In(beijing).Format(time.RFC3339) }
