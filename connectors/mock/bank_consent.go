package mock

import (
	"crypto/rand"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"time"
)

// consent is an account-access-consent.
type consent struct {
	ID          string
	Bank        string
	Status      string // AWAU, AUTH, RJCT, CANC, EXPD; deleted ones are gone
	Created     time.Time
	Updated     time.Time
	Permissions []string
	Expires     *time.Time
	From, To    *time.Time
	Person      string
	Accounts    []string
	Proven      time.Time // when the person last logged in at the bank for it
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

// reasons are those of OBExternalStatusReason1Code for a consent that does not stand.
var reasons = map[string]string{"AWAU": "U036", "RJCT": "U033", "CANC": "CN01", "EXPD": "EDTR"}

// api is where the version stands that was asked in.
func (c bankCall) api() string {
	if c.v3 {
		return bankAPI(bankV3)
	}
	return bankAPI(bankV4)
}

func (c bankCall) showConsent(status int, k consent) {
	data := map[string]any{"ConsentId": k.ID, "CreationDateTime": bankTime(k.Created), "Status": c.word(k.Status),
		"StatusUpdateDateTime": bankTime(k.Updated), "Permissions": k.Permissions}
	for name, at := range map[string]*time.Time{"ExpirationDateTime": k.Expires, "TransactionFromDateTime": k.From, "TransactionToDateTime": k.To} {
		if at != nil {
			data[name] = bankTime(*at)
		}
	}
	if reason := reasons[k.Status]; reason != "" && !c.v3 {
		data["StatusReason"] = []any{map[string]string{"StatusReasonCode": reason, "Path": "Data.Status"}}
	}
	c.answer(status, map[string]any{"Data": data, "Risk": map[string]any{},
		"Links": map[string]string{"Self": c.t.issuer(c.bank) + c.api() + "/account-access-consents/" + k.ID},
		"Meta":  map[string]int{"TotalPages": 1}})
}

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
