package mock

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	xiheBack  = 90 // days of bookings that are told without the person's authentication anew
	xiheFresh = time.Hour
)

// reads answers the consent that opens a request, or has refused it. Every
// account and every list is told as often a day as the consent says while the
// person is away; later pages of a list are not counted.
func (c xiheCall) reads() (xiheConsent, bool) {
	id := c.r.Header.Get("Consent-ID")
	k, ok := c.held(id)
	switch {
	case id == "":
		c.fail(http.StatusBadRequest, "FORMAT_ERROR")
		return k, false
	case !ok || k.Way != c.way:
		c.fail(http.StatusBadRequest, "CONSENT_UNKNOWN")
		return k, false
	case !c.bearer(id, k.Way == wayOAuth):
		return k, false
	case k.Status == "expired":
		c.fail(http.StatusUnauthorized, "CONSENT_EXPIRED")
		return k, false
	case k.Status != "valid":
		c.fail(http.StatusUnauthorized, "CONSENT_INVALID")
		return k, false
	}
	if c.r.Header.Get("PSU-IP-Address") != "" || c.r.URL.Query().Has("pageIndex") {
		return k, true
	}
	day, visit := c.midnight(), id+" "+strings.TrimPrefix(c.r.URL.Path, c.base)
	c.t.mu.Lock()
	if !c.t.visits.day.Equal(day) {
		c.t.visits.day, c.t.visits.times = day, map[string]int{}
	}
	c.t.visits.times[visit]++
	often := c.t.visits.times[visit]
	c.t.mu.Unlock()
	if often > k.Frequency {
		c.fail(http.StatusTooManyRequests, "ACCESS_EXCEEDED")
		return k, false
	}
	return k, true
}

// visits count what was read on a day while the person was away.
type visits struct {
	day   time.Time
	times map[string]int

	agreed int // with the operator, a day
}

func (c xiheCall) cards() bool { return strings.HasPrefix(c.r.URL.Path, c.base+"/card-accounts") }

// find answers the account of the path, if the consent opens that of it which
// right lists; or has refused it.
func (c xiheCall) find(right func(xiheConsent) []string) (xiheConsent, *account, bool) {
	k, ok := c.reads()
	if !ok {
		return k, nil, false
	}
	id := c.r.PathValue("id")
	for _, a := range c.t.accounts() {
		if a.id != id || a.bank != XiheBank || (a.kind == creditCard) != c.cards() || !slices.Contains(k.Accounts, id) {
			continue
		}
		if !slices.Contains(right(k), id) {
			c.fail(http.StatusUnauthorized, "CONSENT_INVALID")
			return k, nil, false
		}
		return k, c.t.instead(c.x, a), true
	}
	c.fail(http.StatusNotFound, "RESOURCE_UNKNOWN")
	return k, nil, false
}

// accounts is GET /accounts and GET /card-accounts.
func (c xiheCall) accounts() {
	k, ok := c.reads()
	if !ok {
		return
	}
	list := []map[string]any{}
	for _, a := range c.t.accounts() {
		if slices.Contains(k.Accounts, a.id) && (a.kind == creditCard) == c.cards() {
			list = append(list, c.show(k, a, c.r.URL.Query().Get("withBalance") == "true"))
		}
	}
	name := "accounts"
	if c.cards() {
		name = "cardAccounts"
	}
	c.answer(http.StatusOK, map[string]any{name: listed(c.x, list)})
}

// account is GET /accounts/{id} and GET /card-accounts/{id}.
func (c xiheCall) account() {
	k, a, ok := c.find(func(k xiheConsent) []string { return k.Accounts })
	if !ok {
		return
	}
	if c.cards() {
		c.answer(http.StatusOK, map[string]any{"cardAccount": c.show(k, a, true)})
		return
	}
	c.answer(http.StatusOK, map[string]any{"account": c.show(k, a, c.r.URL.Query().Get("withBalance") == "true")})
}

func (c xiheCall) show(k xiheConsent, a *account, balances bool) map[string]any {
	out := map[string]any{"currency": "CNY", "product": a.product, "status": "enabled", "usage": "PRIV"}
	at, name := c.base+"/accounts/"+a.id, a.xiheName()
	if a.kind == creditCard {
		at = c.base + "/card-accounts/" + a.id
		out["maskedPan"], out["debitAccounting"] = name.MaskedPAN, true
		out["creditLimit"] = xiheSum(a.limit)
	} else {
		out["bban"], out["cashAccountType"], out["bic"] = name.BBAN, "CACC", bankByID(XiheBank).bic
	}
	if k.Access.AvailableAccounts+k.Access.AvailableWithBalance == "" {
		out["resourceId"] = a.id
		links := map[string]any{}
		if slices.Contains(k.Balances, a.id) {
			links["balances"] = xiheLink(at + "/balances")
		}
		if slices.Contains(k.Rows, a.id) {
			links["transactions"] = xiheLink(at + "/transactions")
		}
		out["_links"] = links
	}
	if balances && (slices.Contains(k.Balances, a.id) || c.x.Strangers) {
		out["balances"] = c.stand(a)
	}
	return out
}

func xiheSum(fen int64) map[string]string {
	return map[string]string{"currency": "CNY", "amount": yuan(fen)}
}

// balances is GET …/{id}/balances.
func (c xiheCall) balances() {
	_, a, ok := c.find(func(k xiheConsent) []string { return k.Balances })
	if !ok {
		return
	}
	if c.cards() {
		c.answer(http.StatusOK, map[string]any{"cardAccount": a.xiheName(), "debitAccounting": true, "balances": c.stand(a)})
		return
	}
	c.answer(http.StatusOK, map[string]any{"account": a.xiheName(), "balances": c.stand(a)})
}

// stand are the balances of an account. On cards debits are quoted positive, and
// so is what is owed.
func (c xiheCall) stand(a *account) []map[string]any {
	midnight := c.midnight()
	closed, booked, current, invoiced := a.opening, a.opening, a.opening, a.opening
	closing := time.Date(midnight.Year(), midnight.Month(), closingDay, 0, 0, 0, 0, beijing)
	last := ""
	c.t.read(c.now, func() {
		for _, e := range a.entries(c.now) {
			current += e.amount
			if e.pending {
				continue
			}
			booked += e.amount
			last = e.reference
			if e.day.Before(midnight) {
				closed += e.amount
			}
			if e.day.Before(closing) || e.amount > 0 {
				invoiced += e.amount
			}
		}
	})
	if a.kind == creditCard {
		return []map[string]any{
			{"balanceType": "interimBooked", "balanceAmount": xiheSum(-booked)},
			{"balanceType": "nonInvoiced", "balanceAmount": xiheSum(invoiced - booked)},
			{"balanceType": "expected", "balanceAmount": xiheSum(-current)},
			{"balanceType": "interimAvailable", "balanceAmount": xiheSum(a.limit + current), "creditLimitIncluded": true},
		}
	}
	interim := map[string]any{"balanceType": "interimBooked", "balanceAmount": xiheSum(booked)}
	if last != "" {
		interim["lastCommittedTransaction"] = last
	}
	return []map[string]any{
		{"balanceType": "closingBooked", "balanceAmount": xiheSum(closed), "referenceDate": midnight.AddDate(0, 0, -1).Format(time.DateOnly)},
		interim,
		{"balanceType": "expected", "balanceAmount": xiheSum(current)},
		{"balanceType": "interimAvailable", "balanceAmount": xiheSum(current)},
	}
}

// xiheEntry is a row as the bank has filed it.
type xiheEntry struct {
	bankRow
	day       time.Time // midnight: of the booking, or while it is pending of the row
	moment    time.Time
	pending   bool
	id        string
	reference string
}

// entries are an account's rows in the order of their booking, and then the
// pending ones. What is paid with a card is booked a day later.
func (a *account) entries(now time.Time) []xiheEntry {
	var booked, pending []xiheEntry
	for i, x := range a.bankRows(now) {
		e := xiheEntry{bankRow: x, moment: x.at, pending: a.pending(x, now)}
		file := x.at.In(beijing).Format("20060102")
		e.id, e.reference = "XHB"+file+xiheSerial(i), "XE"+file+xiheSerial(i)
		if !e.pending && a.pending(x, x.at) {
			e.moment = x.at.Add(24 * time.Hour)
		}
		at := e.moment.In(beijing)
		e.day = time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, beijing)
		if e.pending {
			pending = append(pending, e)
		} else {
			booked = append(booked, e)
		}
	}
	slices.SortStableFunc(booked, func(a, b xiheEntry) int { return a.moment.Compare(b.moment) })
	return append(booked, pending...)
}

func xiheSerial(i int) string { return fmt.Sprintf("%06d", i) }
