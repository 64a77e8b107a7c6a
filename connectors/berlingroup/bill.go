package berlingroup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"jali/connectors"
	"jali/internal/fault"
)

const (
	maxPages = 500 // of one listing that are believed in
	margin   = 3   // days that a pending row's own day may be from the one that a bank files it under
)

// row is one transactions or one cardTransaction.
type row struct {
	ID        string   `json:"transactionId"`
	Reference string   `json:"entryReference"`
	EndToEnd  string   `json:"endToEndId"`
	Booked    string   `json:"bookingDate"`
	Value     string   `json:"valueDate"`
	Amount    sum      `json:"transactionAmount"`
	Creditor  string   `json:"creditorName"`
	Debtor    string   `json:"debtorName"`
	Text      string   `json:"remittanceInformationUnstructured"`
	Texts     []string `json:"remittanceInformationUnstructuredArray"`
	More      string   `json:"additionalInformation"`
	Purpose   string   `json:"purposeCode"`
	ISO       string   `json:"bankTransactionCode"`
	Own       string   `json:"proprietaryBankTransactionCode"`

	CardID   string `json:"cardTransactionId"`
	Day      string `json:"transactionDate"`
	Shop     string `json:"cardAcceptorId"`
	Details  string `json:"transactionDetails"`
	Category string `json:"merchantCategoryCode"`
}

// links are those of a report.
type links struct {
	Account  href `json:"account"`
	Card     href `json:"cardAccount"`
	Next     href `json:"next"`
	Download href `json:"download"`
}

// report is an accountReport or a cardAccountReport.
type report struct {
	Booked  []row `json:"booked"`
	Pending []row `json:"pending"`
	Links   links `json:"_links"`
}

// listing is the answer of both.
type listing struct {
	Account  identified `json:"account"`
	Card     identified `json:"cardAccount"`
	Positive bool       `json:"debitAccounting"`
	Rows     *report    `json:"transactions"`
	CardRows *report    `json:"cardTransactions"`
	Links    links      `json:"_links"`
}

// cursor is the page that comes next, and what is needed to go on naming rows
// to which the bank gave no id.
type cursor struct {
	Next string         `json:"next"`
	Page int            `json:"page"`
	Same map[string]int `json:"same,omitempty"` // how many rows were like one of the day on which the page ended
}

// Bills reads one page of transactions per call, in the bank's order.
func (c *Connector) Bills(ctx context.Context, v connectors.Credential, r connectors.AccountRef, from, to time.Time, next connectors.Cursor) (connectors.Page, error) {
	k, err := read(v)
	if err != nil {
		return connectors.Page{}, err
	}
	of, err := readRef(r)
	if err != nil {
		return connectors.Page{}, err
	}
	if !from.Before(to) {
		return connectors.Page{Covers: connectors.Span{From: from, To: from}}, nil
	}
	at, u := cursor{Page: 1}, (*url.URL)(nil)
	if next != "" {
		if at, u, err = c.resume(of, next); err != nil {
			return connectors.Page{}, err
		}
	}
	var covers connectors.Span
	if oldest := c.oldest(); oldest.After(from) {
		covers = connectors.Span{From: connectors.Earlier(oldest, to), To: to}
		from = covers.From
		if !from.Before(to) {
			return connectors.Page{Covers: covers}, nil
		}
	}
	if u == nil {
		u = c.at(of, "transactions")
		u.RawQuery = c.window(from, to).Encode()
	}
	page, err := c.page(ctx, k, of, u, &at, func(b connectors.Bill) bool { return !b.At.Before(from) && b.At.Before(to) })
	page.Covers = covers
	return page, err
}

// window asks for the days of [from, to), and for some around them.
func (c *Connector) window(from, to time.Time) url.Values {
	first, last := c.day(from).AddDate(0, 0, -margin), c.day(to.Add(-1)).AddDate(0, 0, margin)
	if oldest := c.oldest(); first.Before(oldest) {
		first = oldest
	}
	return url.Values{"bookingStatus": {c.bookings()}, "dateFrom": {first.Format(time.DateOnly)},
		"dateTo": {connectors.Earlier(last, c.day(c.now())).Format(time.DateOnly)}}
}

func (c *Connector) bookings() string {
	if c.bookedOnly {
		return "booked"
	}
	return "both"
}

// day is the bank's midnight before at.
func (c *Connector) day(at time.Time) time.Time {
	at = at.In(c.zone)
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, c.zone)
}

// oldest is the first day of the source's history, today being its last.
func (c *Connector) oldest() time.Time {
	return c.day(c.now()).AddDate(0, 0, 1-int(c.source.History/(24*time.Hour)))
}

// resume reads a cursor, which leads to the account that it is used for.
func (c *Connector) resume(of ref, next connectors.Cursor) (at cursor, u *url.URL, err error) {
	if json.Unmarshal([]byte(next), &at) != nil || at.Page < 2 {
		return at, nil, connectors.ErrRefused.Because(fault.Cause("not a cursor of this listing"))
	}
	if u, err = c.within(at.Next, of.path()...); err != nil {
		return at, nil, connectors.ErrRefused.Because(err)
	}
	return at, u, nil
}

// page reads the page at u and moves at on.
func (c *Connector) page(ctx context.Context, k credential, of ref, u *url.URL, at *cursor, wanted func(connectors.Bill) bool) (connectors.Page, error) {
	var a listing
	if err := c.call(ctx, request{method: http.MethodGet, url: u, as: k}, &a); err != nil {
		return connectors.Page{}, err
	}
	page, err := c.take(a, of, u, at, wanted)
	if err != nil {
		return connectors.Page{}, connectors.ErrMalformed.Because(err)
	}
	return page, nil
}

func (c *Connector) take(a listing, of ref, self *url.URL, at *cursor, wanted func(connectors.Bill) bool) (connectors.Page, error) {
	rows := a.Rows
	if of.Card {
		rows = a.CardRows
	}
	switch {
	case rows == nil && a.Links.Download.Href == "":
		return connectors.Page{}, fault.Cause("no transactions")
	case rows == nil:
		rows = &report{Booked: []row{}, Links: links{Next: a.Links.Download}} // too much for one answer: it is where the link says
	case rows.Booked == nil: // it stands there also where it is empty
		return connectors.Page{}, fault.Cause("no booked transactions")
	case !a.Account.is(of.identified), !a.Card.is(of.identified), !c.about(rows.Links.Account, of), !c.about(rows.Links.Card, of):
		return connectors.Page{}, fault.Cause("transactions of another account")
	}
	page := connectors.Page{Bills: make([]connectors.Bill, 0, len(rows.Booked)+len(rows.Pending))}
	same, day := at.Same, ""
	if same == nil {
		same = map[string]int{}
	}
	for _, pending := range []bool{false, true} {
		list := rows.Booked
		if pending {
			list = rows.Pending
		} else if len(list) > 0 {
			day = list[len(list)-1].Booked
		}
		for i := range list {
			b, err := c.bill(&list[i], pending, a.Positive)
			if err != nil {
				return connectors.Page{}, err
			}
			if b.ID == "" {
				name := list[i].content()
				same[name]++
				b.ID = fmt.Sprintf("derived-%s-%d", name, same[name])
			}
			if wanted(b) {
				page.Bills = append(page.Bills, b)
			}
		}
	}
	if rows.Links.Next.Href == "" {
		return page, nil
	}
	u, err := c.within(rows.Links.Next.Href, of.path()...)
	switch {
	case err != nil:
		return connectors.Page{}, err
	case u.String() == self.String(), at.Page >= maxPages:
		return connectors.Page{}, fault.Cause("pages without an end")
	}
	*at = cursor{Next: u.String(), Page: at.Page + 1, Same: map[string]int{}}
	for name, n := range same { // equal rows are of one day, or pending, and a bank lists days together
		if strings.HasPrefix(name, day+"-") || strings.HasPrefix(name, "-") {
			at.Same[name] = n
		}
	}
	b, err := json.Marshal(at)
	page.Next = connectors.Cursor(b)
	return page, err
}

// about reports whether a link to an account can be one to this.
func (c *Connector) about(link href, of ref) bool {
	if link.Href == "" {
		return true
	}
	u, err := c.api.Parse(link.Href)
	return err == nil && strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), "/"+of.ID)
}

// content is a name for a row without one: its day, and a digest of what it says.
func (t *row) content() string {
	b, _ := json.Marshal(t) // plain members
	sum := sha256.Sum256(b)
	return t.Booked + "-" + hex.EncodeToString(sum[:12])
}

// bill translates one row; its ID may be empty. Errors name the member, never
// the value. positive says that debits are quoted without a sign.
func (c *Connector) bill(t *row, pending, positive bool) (connectors.Bill, error) {
	amount, err := t.Amount.parse()
	if err != nil {
		return connectors.Bill{}, err
	}
	if positive {
		amount = amount.Neg()
	}
	b := connectors.Bill{ID: first(t.ID, t.CardID), DateOnly: true, Amount: amount.Abs(), State: connectors.Done,
		Direction: connectors.In, Flow: connectors.FlowIn, Counterparty: first(t.Shop, t.Debtor, t.Creditor),
		Description: first(t.Text, strings.Join(t.Texts, " "), t.Details, t.More), RawKind: first(t.Own, t.ISO, t.Purpose)}
	if amount.Minor < 0 {
		b.Direction, b.Flow, b.Counterparty = connectors.Out, connectors.FlowOut, first(t.Shop, t.Creditor, t.Debtor)
	}
	if t.Reference != "" {
		entry := "entry-" + t.Reference
		if b.ID == "" {
			b.ID = entry
		} else if !pending {
			b.Was = entry
		}
	}
	day := first(t.Booked, t.Value, t.Day)
	if pending {
		b.State = connectors.Pending
		day = first(t.Booked, t.Day, t.Value)
	}
	today := c.day(c.now())
	switch b.At, err = time.ParseInLocation(time.DateOnly, day, c.zone); {
	case pending && (day == "" || (err == nil && b.At.After(today))):
		b.At = today // what is pending has begun, whatever day it is for
	case err != nil:
		return connectors.Bill{}, fault.Cause("a row's bookingDate is not a date")
	}
	if t.EndToEnd != "" && t.EndToEnd != "NOTPROVIDED" {
		b.Order, b.Refs = t.EndToEnd, []string{t.EndToEnd}
	}
	if t.Category != "" {
		b.Category = "mcc:" + t.Category
	}
	text := b.Description
	if t.Shop != "" || (strings.Contains(t.ISO, "-CCRD-") && b.Counterparty != "") {
		text = "" // it ends in the shop's name
	}
	b.Kind = kindOf(t.ISO, t.Own, t.Purpose, text, b.Direction)
	switch {
	case b.Kind.Inner():
		b.Flow = connectors.FlowInternal
	case b.Kind == connectors.Refund:
		b.RefundOf = b.Order // a refund is booked under the reference of its payment
	}
	return b, nil
}
