package mock

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// asPerson answers the authorised consent that a request's token opens, or has
// refused it. permissions are alternatives.
func (c bankCall) asPerson(permissions ...string) (consent, bool) {
	held, ok := c.bearer()
	if !ok {
		return consent{}, false
	}
	k, known := c.heldConsent(held.Consent)
	switch {
	case held.Consent == "":
		c.fail(http.StatusForbidden, "U006", "this wants a token that a person has authorised", "Authorization")
		return consent{}, false
	case known && k.Status == "EXPD":
		c.expired()
		return consent{}, false
	case known && k.Status == "AUTH" && c.now.Sub(k.Proven) >= c.bank.proof:
		c.fail(http.StatusForbidden, "U028", "the person has to log in at the bank again", "")
		return consent{}, false
	case !known || k.Status != "AUTH":
		c.fail(http.StatusForbidden, "U009", "the consent is not authorised any more", "")
		return consent{}, false
	case !slices.ContainsFunc(permissions, k.allows):
		c.fail(http.StatusForbidden, "U008", "the consent does not hold the permission", "Data.Permissions")
		return consent{}, false
	}
	return k, true
}

// account answers the account of the path, or has refused it: 400 when there is
// none, 403 when the consent is not for it.
func (c bankCall) account(k consent) (*account, bool) {
	id := c.r.PathValue("AccountId")
	for _, a := range c.t.accounts() {
		if a.id != id || a.bank != c.bank.id || a.kind == companyAccount {
			continue
		}
		if slices.Contains(k.Accounts, id) {
			return c.t.instead(c.x, a), true
		}
		c.fail(http.StatusForbidden, "U008", "the consent is not for this account", "AccountId")
		return nil, false
	}
	c.fail(http.StatusBadRequest, "U011", "there is no such account", "AccountId")
	return nil, false
}

func (c bankCall) self() string { return c.t.cfg.BaseURL + c.r.URL.RequestURI() }

func (c bankCall) page(data map[string]any, links map[string]string, meta map[string]any) {
	c.answer(http.StatusOK, map[string]any{"Data": data, "Links": links, "Meta": meta})
}

// accounts is GET /accounts and GET /accounts/{AccountId} (OBReadAccount6).
func (c bankCall) accounts() {
	k, ok := c.asPerson("ReadAccountsBasic", "ReadAccountsDetail")
	if !ok {
		return
	}
	list := []any{}
	if c.r.PathValue("AccountId") != "" {
		a, ok := c.account(k)
		if !ok {
			return
		}
		list = append(list, c.showAccount(k, a))
	} else {
		for _, a := range c.t.accounts() {
			if a.bank == c.bank.id && slices.Contains(k.Accounts, a.id) {
				list = append(list, c.showAccount(k, a))
			}
		}
	}
	c.page(map[string]any{"Account": listed(c.x, list)}, map[string]string{"Self": c.self()}, map[string]any{"TotalPages": 1})
}

func (c bankCall) showAccount(k consent, a *account) map[string]any {
	out := map[string]any{"AccountId": a.id, "Status": "Enabled", "StatusUpdateDateTime": bankTime(c.t.state.Founded), "Currency": a.sum(0)["Currency"], "Description": a.product}
	if c.v3 {
		out["AccountType"], out["AccountSubType"] = "Personal", a.subType()
	} else {
		out["AccountCategory"], out["AccountTypeCode"] = "Personal", a.typeCode()
	}
	if k.allows("ReadAccountsDetail") {
		out["Account"] = []any{c.identify(k, a)}
		out["Servicer"] = map[string]string{"SchemeName": "UK.OBIE.BICFI", "Identification": c.bank.bic}
	}
	return out
}

// typeCode is of v4's OBExternalCashAccountType1Code.
func (a *account) typeCode() string {
	switch a.kind {
	case creditCard:
		return "CARD"
	case savings:
		return "SVGS"
	case ecnyWallet:
		return "WALT"
	}
	return "CACC"
}

// subType is of v3.1's OBExternalAccountSubType1Code.
func (a *account) subType() string {
	switch a.kind {
	case creditCard:
		return "CreditCard"
	case savings:
		return "Savings"
	case ecnyWallet:
		return "EMoney"
	}
	return "CurrentAccount"
}

// identify is the number, under its scheme. A PAN is masked without ReadPAN.
// v3.1 has no scheme for wallets: it is one of the bank's own there.
func (c bankCall) identify(k consent, a *account) map[string]string {
	scheme, number := "UK.OBIE.BBAN", a.number
	switch {
	case a.kind == ecnyWallet && c.v3:
		scheme = "CN.PBC.ECNYWallet"
	case a.kind == ecnyWallet:
		scheme = "UK.OBIE.Wallet"
	case a.kind == creditCard:
		scheme = "UK.OBIE.PAN"
		if !k.allows("ReadPAN") {
			number = number[:6] + "******" + number[len(number)-4:]
		}
	}
	return map[string]string{"SchemeName": scheme, "Identification": number, "Name": a.holder}
}

// sum writes a sum of the account's, without its sign: yen have no hundredths.
func (a *account) sum(minor int64) map[string]string {
	text := yuan(max(minor, -minor))
	if a.currency == jpy {
		text = strconv.FormatInt(max(minor, -minor), 10)
	}
	return map[string]string{"Amount": text, "Currency": cmp.Or(a.currency, "CNY")}
}

func sideOf(fen int64) string {
	if fen < 0 {
		return "Debit"
	}
	return "Credit" // and zero is a credit balance
}

// balances is GET /accounts/{AccountId}/balances (OBReadBalance1): closing
// booked of yesterday, interim booked, interim available.
func (c bankCall) balances() {
	k, ok := c.asPerson("ReadBalances")
	if !ok {
		return
	}
	a, ok := c.account(k)
	if !ok {
		return
	}
	now := c.now.In(beijing)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, beijing)
	closed, booked, current := a.opening, a.opening, a.opening
	c.t.read(now, func() {
		for _, x := range a.bankRows(now) {
			current += x.amount
			if !a.pending(x, now) {
				booked += x.amount
			}
			if x.at.Before(midnight) {
				closed += x.amount
			}
		}
	})
	show := func(kind string, fen int64, at time.Time) map[string]any {
		return map[string]any{"AccountId": a.id, "CreditDebitIndicator": sideOf(fen), "Type": c.word(kind), "DateTime": bankTime(at), "Amount": a.sum(fen)}
	}
	available := show("ITAV", current, now)
	if a.kind == creditCard {
		available = show("ITAV", a.limit+current, now)
		available["CreditLine"] = []any{map[string]any{"Included": true, "Type": "Credit", "Amount": a.sum(a.limit)}}
	}
	list := []any{show("CLBD", closed, midnight), show("ITBD", booked, now), available}
	c.page(map[string]any{"Balance": listed(c.x, list)}, map[string]string{"Self": c.self()}, map[string]any{"TotalPages": 1})
}

func (a *account) bankRows(now time.Time) []bankRow {
	return upTo(a.rows, now, func(r bankRow) time.Time { return r.at })
}

// pending reports whether a row is a card payment that the bank has not booked
// yet, which takes a day.
func (a *account) pending(x bankRow, now time.Time) bool {
	card := x.sub == "POSD" || (a.kind == creditCard && x.sub == "POSP")
	return card && now.Sub(x.at) < 24*time.Hour
}
