package mock

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

const xihePage = 50

// xiheAsked is what a list of transactions is asked for.
type xiheAsked struct {
	booked, pending bool
	from, to        time.Time // days, both in it
	after           string    // entryReferenceFrom
	delta           bool
	page            int
	asOf            time.Time
}

// question reads the query of a list, or answers the message code of what is
// wrong with it.
func (c xiheCall) question(k xiheConsent, a *account) (q xiheAsked, code string) {
	in := c.r.URL.Query()
	switch in.Get("bookingStatus") {
	case "booked":
		q.booked = true
	case "pending":
		q.pending = true
	case "both":
		q.booked, q.pending = true, true
	case "information", "all":
		return q, "PARAMETER_NOT_SUPPORTED"
	default:
		return q, "FORMAT_ERROR"
	}
	q.page, q.asOf, q.after, q.delta = 1, c.now.Truncate(time.Second), in.Get("entryReferenceFrom"), in.Get("deltaList") == "true"
	if in.Has("pageIndex") || in.Has("asOf") {
		page, err1 := strconv.Atoi(in.Get("pageIndex"))
		seconds, err2 := strconv.ParseInt(in.Get("asOf"), 10, 64)
		if err1 != nil || err2 != nil || page < 1 || seconds > c.now.Unix() {
			return q, "FORMAT_ERROR"
		}
		q.page, q.asOf = page, time.Unix(seconds, 0)
	}
	if (q.after != "" && q.delta) || (a.kind == creditCard && q.after != "") {
		return q, "PARAMETER_NOT_CONSISTENT"
	}
	if q.after != "" || q.delta {
		return q, "" // dateFrom and dateTo are left aside
	}
	var err error
	if q.from, err = time.ParseInLocation(time.DateOnly, in.Get("dateFrom"), beijing); err != nil {
		return q, "FORMAT_ERROR"
	}
	q.to = c.midnight()
	if in.Has("dateTo") {
		if q.to, err = time.ParseInLocation(time.DateOnly, in.Get("dateTo"), beijing); err != nil {
			return q, "FORMAT_ERROR"
		}
	}
	switch oldest := c.midnight().AddDate(0, 0, 1-xiheBack); {
	case q.to.Before(q.from), q.to.After(c.midnight()),
		q.from.Before(oldest) && c.now.Sub(k.Signed) > xiheFresh:
		return q, "PERIOD_INVALID"
	}
	return q, ""
}

// transactions is GET …/{id}/transactions, newest first, what is pending before
// all else. A page after the first stays at the moment of the first.
func (c xiheCall) transactions() {
	k, a, ok := c.find(func(k xiheConsent) []string { return k.Rows })
	if !ok {
		return
	}
	q, code := c.question(k, a)
	if code != "" {
		c.fail(http.StatusBadRequest, code)
		return
	}
	var all []xiheEntry
	c.t.read(c.now, func() { all = a.entries(q.asOf) })
	since := 0 // of the booked ones
	switch {
	case q.after != "":
		at := slices.IndexFunc(all, func(e xiheEntry) bool { return !e.pending && e.reference == q.after })
		if at < 0 {
			c.fail(http.StatusBadRequest, "RESOURCE_UNKNOWN")
			return
		}
		since = at + 1
	case q.delta:
		// What was booked since the last report, by the bank's own memory.
		last := c.lastReport(k.ID+" "+a.id, q)
		since = len(all)
		if at := slices.IndexFunc(all, func(e xiheEntry) bool { return !e.pending && e.moment.After(last) }); at >= 0 {
			since = at
		}
	default:
		c.lastReport(k.ID+" "+a.id, q)
	}
	var found []xiheEntry
	for i := len(all) - 1; i >= 0; i-- {
		e := all[i]
		within := q.from.IsZero() || (!e.day.Before(q.from) && !e.day.After(q.to))
		if (e.pending && q.pending && within) || (!e.pending && q.booked && within && i >= since) {
			found = append(found, e)
		}
	}
	pages := max(1, (len(found)+xihePage-1)/xihePage)
	if q.page > pages {
		c.fail(http.StatusBadRequest, "FORMAT_ERROR")
		return
	}
	here := found[(q.page-1)*xihePage : min(q.page*xihePage, len(found))]
	c.report(a, q, pages, listed(c.x, here))
}

// lastReport answers when a list was last begun, and notes that it is now.
func (c xiheCall) lastReport(of string, q xiheAsked) time.Time {
	c.t.mu.Lock()
	defer c.t.mu.Unlock()
	if q.page > 1 { // of the walk that this page belongs to
		return c.t.reports[of].before
	}
	last := c.t.reports[of].at
	c.t.reports[of] = reported{at: q.asOf, before: last}
	return last
}

// reported is when a list was last begun, and when the time before.
type reported struct{ at, before time.Time }

func (c xiheCall) report(a *account, q xiheAsked, pages int, here []xiheEntry) {
	part := map[string][]map[string]any{}
	if q.booked {
		part["booked"] = []map[string]any{}
	}
	if q.pending {
		part["pending"] = []map[string]any{}
	}
	for _, e := range here {
		name, row := "booked", c.row(a, e)
		if e.pending {
			name = "pending"
		}
		part[name] = append(part[name], row)
	}
	to := func(page int) map[string]string {
		next := c.r.URL.Query()
		next.Set("pageIndex", strconv.Itoa(page))
		next.Set("asOf", strconv.FormatInt(q.asOf.Unix(), 10))
		return xiheLink((&url.URL{Path: c.r.URL.Path, RawQuery: next.Encode()}).String())
	}
	own, list, at := "account", "transactions", c.base+"/accounts/"+a.id
	if a.kind == creditCard {
		own, list, at = "cardAccount", "cardTransactions", c.base+"/card-accounts/"+a.id
	}
	links := map[string]any{own: xiheLink(at), "first": to(1), "last": to(pages)}
	if q.page > 1 {
		links["previous"] = to(q.page - 1)
	}
	if q.page < pages {
		links["next"] = to(q.page + 1)
	}
	rows := map[string]any{"_links": links}
	for name, list := range part {
		rows[name] = list
	}
	body := map[string]any{own: a.xiheName(), list: rows}
	if a.kind == creditCard {
		body["debitAccounting"] = true
	}
	c.answer(http.StatusOK, body)
}

// row is one entry. A pending one has no transactionId; its entryReference is
// the one that it will keep, unless the bank is in that trouble.
func (c xiheCall) row(a *account, e xiheEntry) map[string]any {
	day := e.day.Format(time.DateOnly)
	out := map[string]any{"proprietaryBankTransactionCode": e.own}
	if !e.pending {
		out["bookingDate"], out["valueDate"] = day, day
	}
	if a.kind == creditCard {
		out["transactionDate"], out["transactionAmount"] = e.at.In(beijing).Format(time.DateOnly), xiheSum(-e.amount)
		out["transactionDetails"] = e.info
		if e.merchant != "" {
			out["cardAcceptorId"], out["merchantCategoryCode"] = e.merchant, e.mcc
		}
		if !e.pending {
			out["cardTransactionId"] = e.id
			out["invoiced"] = e.day.Before(time.Date(c.now.In(beijing).Year(), c.now.In(beijing).Month(), closingDay, 0, 0, 0, 0, beijing))
		}
		return out
	}
	domain := "PMNT"
	if e.family == "LDAS" {
		domain = "LDAS"
	}
	out["transactionAmount"], out["endToEndId"], out["remittanceInformationUnstructured"] = xiheSum(e.amount), e.ref, e.info
	out["bankTransactionCode"] = domain + "-" + e.family + "-" + e.sub
	switch {
	case !e.pending:
		out["transactionId"], out["entryReference"] = e.id, e.reference
		out["balanceAfterTransaction"] = map[string]any{"balanceType": "interimBooked", "balanceAmount": xiheSum(e.balance)}
	case c.x.Rebooked:
		out["entryReference"] = "XP" + e.reference[2:]
	default:
		out["entryReference"] = e.reference
	}
	side := "debtor"
	if e.amount < 0 {
		side = "creditor"
	}
	if e.merchant != "" {
		out[side+"Name"] = e.merchant
	}
	if e.other != nil {
		out[side+"Name"], out[side+"Account"] = e.other.holder, map[string]string{"bban": e.other.number}
	}
	return out
}
