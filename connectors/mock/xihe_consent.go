package mock

import (
	"crypto/rand"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// xiheConsent is an account information consent.
type xiheConsent struct {
	ID        string
	Way       string
	Status    string // of the framework's set
	Redirect  string // TPP-Redirect-URI
	Access    xiheRights
	Recurring bool
	Until     string // the last day
	Frequency int
	Person    string
	Signed    time.Time // when the person agreed
	Acted     time.Time // last
	Accounts  []string  // ids of accounts, by what may be read of them
	Balances  []string
	Rows      []string
}

// xiheRights is accountAccess, as it was asked for.
type xiheRights struct {
	Accounts             *[]xiheName `json:"accounts,omitempty"`
	Balances             *[]xiheName `json:"balances,omitempty"`
	Transactions         *[]xiheName `json:"transactions,omitempty"`
	AvailableAccounts    string      `json:"availableAccounts,omitempty"`
	AvailableWithBalance string      `json:"availableAccountsWithBalance,omitempty"`
	AllPsd2              string      `json:"allPsd2,omitempty"`
}

// xiheName names an account, as the bank's customers know it.
type xiheName struct {
	BBAN      string `json:"bban,omitempty"`
	MaskedPAN string `json:"maskedPan,omitempty"`
	Currency  string `json:"currency,omitempty"`
}

const (
	xiheLongest = 180 // days of a consent
	xiheOften   = 4   // accesses a day without the person, unless more was agreed
)

func (c xiheCall) midnight() time.Time {
	now := c.now.In(beijing)
	return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, beijing)
}

// openConsent is POST /consents.
func (c xiheCall) openConsent() {
	var in struct {
		Access     *xiheRights `json:"access"`
		Recurring  *bool       `json:"recurringIndicator"`
		ValidUntil string      `json:"validUntil"`
		Frequency  int         `json:"frequencyPerDay"`
		Combined   bool        `json:"combinedServiceIndicator"`
	}
	d := json.NewDecoder(c.r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(&in)
	last, day := time.ParseInLocation(time.DateOnly, in.ValidUntil, beijing)
	h := c.r.Header
	switch {
	case err != nil, in.Access == nil, in.Recurring == nil, day != nil, last.Before(c.midnight()),
		in.Frequency < 1, in.Frequency > c.t.xiheBears(), !*in.Recurring && in.Frequency != 1,
		net.ParseIP(h.Get("PSU-IP-Address")) == nil:
		c.fail(http.StatusBadRequest, "FORMAT_ERROR")
		return
	case in.Combined:
		c.fail(http.StatusBadRequest, "SESSIONS_NOT_SUPPORTED")
		return
	case h.Get("TPP-Redirect-Preferred") == "false": // the embedded approach is not offered
		c.fail(http.StatusBadRequest, "PARAMETER_NOT_SUPPORTED")
		return
	case !c.t.mayRedirect(h.Get("TPP-Redirect-URI")):
		c.fail(http.StatusBadRequest, "FORMAT_ERROR")
		return
	}
	if code := in.Access.wrong(); code != "" {
		c.fail(http.StatusBadRequest, code)
		return
	}
	if longest := c.midnight().AddDate(0, 0, xiheLongest); last.After(longest) {
		last = longest
	}
	k := &xiheConsent{ID: "xhc-" + rand.Text(), Way: c.way, Status: "received", Redirect: h.Get("TPP-Redirect-URI"), Access: *in.Access,
		Recurring: *in.Recurring, Until: last.Format(time.DateOnly), Frequency: in.Frequency, Acted: c.now}
	if c.t.state.change(func() error { c.t.state.Xihe[k.ID] = k; return nil }) != nil {
		c.w.WriteHeader(http.StatusInternalServerError)
		return
	}
	self := c.base + "/consents/" + k.ID
	links := map[string]any{"self": xiheLink(self), "status": xiheLink(self + "/status")}
	if c.way == wayOAuth {
		links["scaOAuth"] = xiheLink(c.t.Xihe().Metadata)
	} else {
		links["scaRedirect"] = xiheLink(c.t.cfg.BaseURL + xiheAt + "/sca/" + k.ID)
	}
	c.w.Header().Set("ASPSP-SCA-Approach", "REDIRECT")
	c.w.Header().Set("Location", self)
	c.answer(http.StatusCreated, map[string]any{"consentStatus": k.Status, "consentId": k.ID, "_links": links})
}

func xiheLink(to string) map[string]string { return map[string]string{"href": to} }

// wrong answers the message code of what does not go together in an access.
func (a xiheRights) wrong() string {
	lists, empty, named := 0, 0, 0
	for _, list := range []*[]xiheName{a.Accounts, a.Balances, a.Transactions} {
		switch {
		case list == nil:
		case len(*list) == 0:
			lists, empty = lists+1, empty+1
		default:
			lists++
			named += len(*list)
		}
	}
	global := 0
	for _, word := range []string{a.AvailableAccounts, a.AvailableWithBalance, a.AllPsd2} {
		switch word {
		case "":
		case "allAccounts":
			global++
		case "allAccountsWithOwnerName":
			return "PARAMETER_NOT_SUPPORTED"
		default:
			return "FORMAT_ERROR"
		}
	}
	if global+lists == 0 || global > 1 || (global == 1 && lists > 0) || (empty > 0 && named > 0) {
		return "PARAMETER_NOT_CONSISTENT"
	}
	return ""
}

// held answers a copy of a consent, whose time may have run out.
func (c xiheCall) held(id string) (xiheConsent, bool) {
	c.t.state.mu.Lock()
	defer c.t.state.mu.Unlock()
	k, ok := c.t.state.Xihe[id]
	if !ok {
		return xiheConsent{}, false
	}
	if k.Status == "valid" && k.Until < c.now.In(beijing).Format(time.DateOnly) {
		k.Status = "expired"
	}
	return *k, true
}

// readConsent is GET /consents/{consentId}, and the status alone.
func (c xiheCall) readConsent() {
	k, ok := c.held(c.r.PathValue("consentId"))
	switch {
	case !ok || k.Way != c.way:
		c.fail(http.StatusForbidden, "CONSENT_UNKNOWN")
	case !c.bearer(k.ID, false):
	case strings.HasSuffix(c.r.URL.Path, "/status"):
		c.answer(http.StatusOK, map[string]any{"consentStatus": k.Status})
	default:
		access := k.Access
		if k.Person != "" && access.AvailableAccounts+access.AvailableWithBalance == "" {
			access = xiheRights{Accounts: c.names(k.Accounts), Balances: c.names(k.Balances), Transactions: c.names(k.Rows)}
		}
		c.answer(http.StatusOK, map[string]any{"access": access, "recurringIndicator": k.Recurring, "validUntil": k.Until,
			"frequencyPerDay": k.Frequency, "lastActionDate": k.Acted.In(beijing).Format(time.DateOnly), "consentStatus": k.Status,
			"_links": map[string]any{"account": xiheLink(c.base + "/accounts")}})
	}
}

func (c xiheCall) names(ids []string) *[]xiheName {
	all := []xiheName{}
	for _, a := range c.t.accounts() {
		if slices.Contains(ids, a.id) {
			all = append(all, a.xiheName())
		}
	}
	return &all
}

func (a *account) xiheName() xiheName {
	if a.kind == creditCard {
		return xiheName{MaskedPAN: a.number[:6] + "******" + a.number[len(a.number)-4:], Currency: "CNY"}
	}
	return xiheName{BBAN: a.number, Currency: "CNY"}
}

// deleteConsent ends the consent and every token that hangs on it.
func (c xiheCall) deleteConsent() {
	k, ok := c.held(c.r.PathValue("consentId"))
	if !ok || k.Way != c.way || k.Status == "terminatedByTpp" {
		c.fail(http.StatusForbidden, "CONSENT_UNKNOWN")
		return
	}
	if !c.bearer(k.ID, false) {
		return
	}
	err := c.t.state.change(func() error {
		c.t.state.Xihe[k.ID].Status = "terminatedByTpp"
		c.t.state.endXihe(k.ID)
		return nil
	})
	if err != nil {
		c.w.WriteHeader(http.StatusInternalServerError)
		return
	}
	c.w.WriteHeader(http.StatusNoContent)
}

// endXihe spends all that was issued for a consent. The caller is inside change.
func (s *state) endXihe(id string) {
	for _, p := range s.Passes {
		if p.Institution == XiheBank && p.Consent == id {
			p.Spent = true
		}
	}
}

// XiheAgrees has Xihe Bank bear more accesses a day without the person than the
// framework's four, in consents that ask for it.
func (t *Town) XiheAgrees(perDay int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.visits.agreed = perDay
}

func (t *Town) xiheBears() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(xiheOften, t.visits.agreed)
}
