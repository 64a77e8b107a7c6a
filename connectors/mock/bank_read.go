package mock

import (
	"fmt"
	"net/http"
	"net/url"
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
	for _, a := range c.t.world.accounts {
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
		for _, a := range c.t.world.accounts {
			if a.bank == c.bank.id && slices.Contains(k.Accounts, a.id) {
				list = append(list, c.showAccount(k, a))
			}
		}
	}
	c.page(map[string]any{"Account": listed(c.x, list)}, map[string]string{"Self": c.self()}, map[string]any{"TotalPages": 1})
}

func (c bankCall) showAccount(k consent, a *account) map[string]any {
	out := map[string]any{"AccountId": a.id, "Status": "Enabled", "StatusUpdateDateTime": bankTime(c.t.state.Founded), "Currency": "CNY",
		"AccountCategory": "Personal", "AccountTypeCode": a.typeCode(), "Description": a.product}
	if k.allows("ReadAccountsDetail") {
		out["Account"] = []any{a.identify(k)}
		out["Servicer"] = map[string]string{"SchemeName": "UK.OBIE.BICFI", "Identification": c.bank.bic}
	}
	return out
}

// typeCode is of ExternalCashAccountType1Code.
func (a *account) typeCode() string {
	switch a.kind {
	case creditCard:
		return "CARD"
	case savings:
		return "SVGS"
	}
	return "CACC"
}

// identify is the number, under its scheme. A PAN is masked without ReadPAN.
func (a *account) identify(k consent) map[string]string {
	if a.kind != creditCard {
		return map[string]string{"SchemeName": "UK.OBIE.BBAN", "Identification": a.number, "Name": a.holder}
	}
	pan := a.number
	if !k.allows("ReadPAN") {
		pan = pan[:6] + "******" + pan[len(pan)-4:]
	}
	return map[string]string{"SchemeName": "UK.OBIE.PAN", "Identification": pan, "Name": a.holder}
}

func cny(fen int64) map[string]string {
	return map[string]string{"Amount": yuan(max(fen, -fen)), "Currency": "CNY"}
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
	c.t.world.read(now, func() {
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
		return map[string]any{"AccountId": a.id, "CreditDebitIndicator": sideOf(fen), "Type": kind, "DateTime": bankTime(at), "Amount": cny(fen)}
	}
	available := show("ITAV", current, now)
	if a.kind == creditCard {
		available = show("ITAV", a.limit+current, now)
		available["CreditLine"] = []any{map[string]any{"Included": true, "Type": "Credit", "Amount": cny(a.limit)}}
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

const bankPage = 50

// transactions is GET /accounts/{AccountId}/transactions (OBReadTransaction6),
// newest first. A page after the first stays at the moment of the first.
func (c bankCall) transactions() {
	k, ok := c.asPerson("ReadTransactionsBasic", "ReadTransactionsDetail")
	if !ok {
		return
	}
	a, ok := c.account(k)
	if !ok {
		return
	}
	q := c.r.URL.Query()
	from, ok1 := bookingBound(q.Get("fromBookingDateTime"))
	to, ok2 := bookingBound(q.Get("toBookingDateTime"))
	switch {
	case !ok1:
		c.fail(http.StatusBadRequest, "U003", "not a date-time", "fromBookingDateTime")
		return
	case !ok2:
		c.fail(http.StatusBadRequest, "U003", "not a date-time", "toBookingDateTime")
		return
	}
	number, now := 1, c.now.Truncate(time.Second)
	if q.Has("page") || q.Has("asOf") {
		var err1, err2 error
		var seconds int64
		number, err1 = strconv.Atoi(q.Get("page"))
		seconds, err2 = strconv.ParseInt(q.Get("asOf"), 10, 64)
		if err1 != nil || err2 != nil || number < 1 || seconds > c.now.Unix() {
			c.fail(http.StatusBadRequest, "U002", "not a page of this listing", "page")
			return
		}
		now = time.Unix(seconds, 0)
	}
	from, to = later(from, k.From), earlier(to, k.To)
	var rows []bankRow
	var found []int
	var first, last time.Time
	c.t.world.read(c.now, func() {
		rows = a.bankRows(now)
		if len(rows) > 0 {
			first, last = rows[0].at, rows[len(rows)-1].at
		}
		for i := len(rows) - 1; i >= 0; i-- {
			x := rows[i]
			switch {
			case !from.IsZero() && x.at.Before(from), !to.IsZero() && x.at.After(to):
			case x.amount >= 0 && !k.allows("ReadTransactionsCredits"), x.amount < 0 && !k.allows("ReadTransactionsDebits"):
			default:
				found = append(found, i)
			}
		}
	})
	pages := max(1, (len(found)+bankPage-1)/bankPage)
	if number > pages {
		c.fail(http.StatusBadRequest, "U002", "there is no such page", "page")
		return
	}
	link := func(n int) string {
		u := *c.r.URL
		next := url.Values{"page": {strconv.Itoa(n)}, "asOf": {strconv.FormatInt(now.Unix(), 10)}}
		for _, name := range []string{"fromBookingDateTime", "toBookingDateTime"} {
			if q.Has(name) {
				next[name] = q[name]
			}
		}
		u.RawQuery = next.Encode()
		return c.t.cfg.BaseURL + u.RequestURI()
	}
	links := map[string]string{"Self": c.self(), "First": link(1), "Last": link(pages)}
	if number > 1 {
		links["Prev"] = link(number - 1)
	}
	if number < pages {
		links["Next"] = link(number + 1)
	}
	meta := map[string]any{"TotalPages": pages}
	if !first.IsZero() {
		meta["FirstAvailableDateTime"], meta["LastAvailableDateTime"] = bankTime(first), bankTime(last)
	}
	here := []map[string]any{}
	for _, i := range found[(number-1)*bankPage : min(number*bankPage, len(found))] {
		here = append(here, c.showTransaction(k, a, i, rows[i], now))
	}
	c.page(map[string]any{"Transaction": listed(c.x, here)}, links, meta)
}

func later(at time.Time, bound *time.Time) time.Time {
	if bound != nil && (at.IsZero() || bound.After(at)) {
		return *bound
	}
	return at
}

func earlier(at time.Time, bound *time.Time) time.Time {
	if bound != nil && (at.IsZero() || bound.Before(at)) {
		return *bound
	}
	return at
}

// bookingBound reads an ISO 8601 date-time or date; without a zone it is the
// bank's own. Nothing sent is the zero time.
func bookingBound(text string) (time.Time, bool) {
	if text == "" {
		return time.Time{}, true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, beijing); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

func (c bankCall) showTransaction(k consent, a *account, i int, x bankRow, now time.Time) map[string]any {
	status, mutable := "BOOK", "Immutable"
	if a.pending(x, now) {
		status, mutable = "PDNG", "Mutable"
	}
	out := map[string]any{
		"AccountId": a.id, "TransactionId": fmt.Sprintf("%s%s%06d", c.bank.code, x.at.Format("20060102"), i),
		"TransactionReference": x.ref, "CreditDebitIndicator": sideOf(x.amount), "Status": status, "TransactionMutability": mutable,
		"BookingDateTime": bankTime(x.at), "Amount": cny(x.amount),
		"BankTransactionCode":            map[string]string{"Code": x.family, "SubCode": x.sub},
		"ProprietaryBankTransactionCode": map[string]string{"Code": x.own, "Issuer": c.bank.en},
	}
	if status == "BOOK" {
		out["ValueDateTime"] = bankTime(x.at)
	}
	if !k.allows("ReadTransactionsDetail") {
		return out
	}
	out["TransactionInformation"] = x.info
	if status == "BOOK" {
		out["Balance"] = map[string]any{"CreditDebitIndicator": sideOf(x.balance), "Type": "ITBD", "Amount": cny(x.balance)}
	}
	if x.merchant != "" {
		out["MerchantDetails"] = map[string]string{"MerchantName": x.merchant, "MerchantCategoryCode": x.mcc}
	}
	if x.other != nil {
		side := "DebtorAccount"
		if x.amount < 0 {
			side = "CreditorAccount"
		}
		out[side] = x.other.identify(k)
	}
	return out
}
