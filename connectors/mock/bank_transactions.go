package mock

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

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
	c.t.read(c.now, func() {
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

// bookingBound reads an ISO 8601 date-time or date as the bank's own clock shows
// it: a zone is ignored, as the profile wants. Nothing sent is the zero time.
func bookingBound(text string) (time.Time, bool) {
	if text == "" {
		return time.Time{}, true
	}
	for _, layout := range []string{"2006-01-02T15:04:05", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, beijing); err == nil {
			return at, true
		}
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		at = time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), beijing)
		return at, true
	}
	return time.Time{}, false
}

func (c bankCall) showTransaction(k consent, a *account, i int, x bankRow, now time.Time) map[string]any {
	status, mutable := "BOOK", "Immutable"
	if a.pending(x, now) {
		status, mutable = "PDNG", "Mutable"
	}
	id := fmt.Sprintf("%s%s%06d", c.bank.code, x.at.Format("20060102"), i)
	if status == "PDNG" && c.x.Rebooked {
		id = "P" + id
	}
	out := map[string]any{
		"AccountId": a.id, "TransactionId": id,
		"TransactionReference": x.ref, "CreditDebitIndicator": sideOf(x.amount), "Status": c.word(status), "TransactionMutability": mutable,
		"BookingDateTime": bankTime(x.at), "Amount": a.sum(x.amount),
		"BankTransactionCode":            map[string]string{"Code": c.word(x.family), "SubCode": c.word(x.sub)},
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
		out["Balance"] = map[string]any{"CreditDebitIndicator": sideOf(x.balance), "Type": c.word("ITBD"), "Amount": a.sum(x.balance)}
	}
	if x.merchant != "" {
		out["MerchantDetails"] = map[string]string{"MerchantName": x.merchant, "MerchantCategoryCode": x.mcc}
	}
	if x.other != nil {
		side := "DebtorAccount"
		if x.amount < 0 {
			side = "CreditorAccount"
		}
		out[side] = c.identify(k, x.other)
	}
	return out
}
