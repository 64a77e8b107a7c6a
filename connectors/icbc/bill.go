package icbc

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/connectors/summary"
	"jali/connectors/wire"
	"jali/internal/fault"
)

// maxPages is how many pages of one listing are believed in.
const maxPages = 2000

func is(err, target error) bool { return errors.Is(err, target) }

// currencies is the platform's 币种表. Sums of every currency come in hundredths,
// one yen as 100.
var currencies = map[string]string{
	"1": "CNY", "12": "GBP", "13": "HKD", "14": "USD", "15": "CHF", "18": "SGD", "21": "SEK", "22": "DKK", "23": "NOK",
	"27": "JPY", "28": "CAD", "29": "AUD", "32": "MYR", "38": "EUR", "70": "RUB", "81": "MOP", "84": "THB", "87": "NZD",
	"88": "ZAR", "89": "KZT", "103": "KRW", "104": "KWD",
}

func currencyOf(code string) (string, bool) {
	iso, ok := currencies[strings.TrimLeft(code, "0")] // written as 1 or as 001
	return iso, ok
}

// movements is the business content of an answer of adsaccountdtlqry.
type movements struct {
	Next    text       `json:"nextpage"` // 1: there is another page
	Serial  text       `json:"serialno"` // of the last row of this page
	Account text       `json:"accno"`
	Rows    []movement `json:"dtllist"`
}

type movement struct {
	Serial   text   `json:"serialno"`
	Date     string `json:"busidate"` // 入账日期
	Time     string `json:"busitime"` // 12.30.21
	Way      text   `json:"drcrf"`    // 1 out (借), 2 in (贷)
	Amount   text   `json:"amount"`
	Currency text   `json:"currtype"`
	Balance  text   `json:"balance"`
	Summary  string `json:"summary"`   // 摘要
	Notes    string `json:"notes"`     // 附言
	Purpose  string `json:"purpose"`   // 用途
	Other    string `json:"recipnam"`  // 对方户名
	Ref      string `json:"vagen_ref"` // 业务编号
	OtherRef string `json:"oref"`      // 相关业务编号
}

// cursor is the page that comes next.
type cursor struct {
	Serial string `json:"serial"`
	Page   int    `json:"page"`
}

// Bills reads one page of the account's movements per call, in the bank's order.
// The bank asks for days; what lies outside of the window is dropped here.
func (c *Connector) Bills(ctx context.Context, v connectors.Credential, ref connectors.AccountRef, from, to time.Time, next connectors.Cursor) (connectors.Page, error) {
	k, err := read(v)
	if err != nil {
		return connectors.Page{}, err
	}
	a, err := readRef(ref)
	if err != nil {
		return connectors.Page{}, err
	}
	if !from.Before(to) {
		return connectors.Page{Covers: connectors.Span{From: from, To: from}}, nil
	}
	at := cursor{Page: 1}
	if next != "" && (json.Unmarshal([]byte(next), &at) != nil || at.Page < 2 || !number(at.Serial)) {
		return connectors.Page{}, connectors.ErrRefused.Because(fault.Cause("not a cursor of this listing"))
	}
	answer, err := c.movements(ctx, k, a, from, to, at.Serial)
	if err != nil {
		return connectors.Page{}, err
	}
	page, err := answer.page(a, from, to, at)
	if err != nil {
		return connectors.Page{}, connectors.ErrMalformed.Because(err)
	}
	return page, nil
}

// movements asks for a page of what was booked in the days of [from, to). The
// service says no more than that it failed when the agreement has ended, so a
// failure is looked into.
func (c *Connector) movements(ctx context.Context, k credential, a account, from, to time.Time, serial string) (movements, error) {
	biz := struct {
		FSeqNo    string `json:"fseqno"` // never the same twice
		Account   string `json:"account"`
		Currency  string `json:"currtype"`
		StartDate string `json:"startdate"`
		EndDate   string `json:"enddate"`
		Serial    string `json:"serialno"` // of the last row that is known
		CorpNo    string `json:"corpno"`
		AccCompNo string `json:"acccompno"`
		Agreement string `json:"agreeno"`
	}{c.corpNo + "0" + rand.Text(), a.number, a.currency, day(from), day(to.Add(-time.Nanosecond)), serial, c.corpNo, c.accCompNo, k.Agreement}
	var answer movements
	err := c.call(ctx, "adsaccountdtlqry", biz, &answer)
	if is(err, errFailed) {
		if _, gone := c.agreement(ctx, k); is(gone, connectors.ErrUnauthorized) {
			return movements{}, gone
		}
	}
	if err != nil {
		return movements{}, err
	}
	if answer.Rows == nil {
		return movements{}, connectors.ErrMalformed.Because(fault.Cause("no dtllist"))
	}
	if string(answer.Account) != a.number {
		return movements{}, connectors.ErrMalformed.Because(fault.Cause("movements of another account"))
	}
	return answer, nil
}

func day(t time.Time) string { return t.In(wire.Beijing).Format(time.DateOnly) }

func (m movements) page(a account, from, to time.Time, at cursor) (connectors.Page, error) {
	page := connectors.Page{Bills: make([]connectors.Bill, 0, len(m.Rows))}
	for _, row := range m.Rows {
		b, err := row.bill(a)
		if err != nil {
			return connectors.Page{}, err
		}
		if !b.At.Before(from) && b.At.Before(to) {
			page.Bills = append(page.Bills, b)
		}
	}
	if more, err := m.more(at); err != nil || !more {
		return page, err
	}
	b, err := json.Marshal(cursor{string(m.Serial), at.Page + 1})
	page.Next = connectors.Cursor(b)
	return page, err
}

// more reports whether another page follows, which must begin elsewhere.
func (m movements) more(at cursor) (bool, error) {
	switch m.Next {
	case "0":
		return false, nil
	case "1":
	default:
		return false, fault.Cause("nextpage is neither 0 nor 1")
	}
	if !number(string(m.Serial)) || string(m.Serial) == at.Serial || at.Page >= maxPages {
		return false, fault.Cause("pages without an end")
	}
	return true, nil
}

// bill translates one row of the account. Errors name the member, never the value.
func (m movement) bill(a account) (connectors.Bill, error) {
	currency, ok := currencyOf(string(m.Currency))
	if !ok || strings.TrimLeft(string(m.Currency), "0") != strings.TrimLeft(a.currency, "0") {
		return connectors.Bill{}, fault.Cause("a movement in another currency than the account's")
	}
	at, dateOnly, err := m.at()
	if err != nil {
		return connectors.Bill{}, err
	}
	amount, err := hundredths(m.Amount, currency)
	if err != nil {
		return connectors.Bill{}, err
	}
	switch m.Way {
	case "1":
		amount = amount.Neg()
	case "2":
	default:
		return connectors.Bill{}, fault.Cause("drcrf is neither 1 nor 2")
	}
	if !number(string(m.Serial)) {
		return connectors.Bill{}, fault.Cause("a movement without a serialno")
	}
	b := connectors.Bill{ID: string(m.Serial), At: at, DateOnly: dateOnly, Amount: amount.Abs(), Direction: connectors.In,
		State: connectors.Done, RawKind: strings.TrimSpace(m.Summary), Counterparty: strings.TrimSpace(m.Other),
		Description: strings.TrimSpace(cmp.Or(m.Notes, m.Purpose, m.Summary)), Order: strings.TrimSpace(m.Ref)}
	if amount.Minor < 0 { // a payment, or what came in and is taken back
		b.Direction = connectors.Out
	}
	for _, ref := range []string{b.Order, strings.TrimSpace(m.OtherRef)} {
		if ref != "" {
			b.Refs = append(b.Refs, ref)
		}
	}
	means := summary.Of(b.Direction, m.Summary, m.Notes, m.Purpose)
	b.Kind, b.Flow = means.Kind, means.Flow(b.Direction)
	if b.Kind == connectors.Refund {
		b.RefundOf = cmp.Or(strings.TrimSpace(m.OtherRef), b.Order)
	}
	return b, nil
}

// at reads 2026-10-03 and 12.30.21, as the service writes them; other
// interfaces of the platform write 12:30:21. Without a time there is the day.
func (m movement) at() (at time.Time, dateOnly bool, err error) {
	clock := strings.ReplaceAll(strings.TrimSpace(m.Time), ".", ":")
	if clock == "" {
		at, err = time.ParseInLocation(time.DateOnly, m.Date, wire.Beijing)
		dateOnly = true
	} else {
		at, err = time.ParseInLocation(time.DateTime, m.Date+" "+clock, wire.Beijing)
	}
	if err != nil {
		return at, false, fault.Cause("busidate or busitime is not a time")
	}
	return at, dateOnly, nil
}

// hundredths reads a sum in 分.
func hundredths(t text, currency string) (money.Amount, error) {
	n, err := strconv.ParseInt(string(t), 10, 64)
	if err != nil || strings.HasPrefix(string(t), "+") {
		return money.Amount{}, fault.Cause("a sum is not a whole number of hundredths")
	}
	// A hundredth is the minor unit of most currencies; of the others it is a
	// part of it or more.
	a, err := money.Parse(money.Amount{Minor: n, Currency: "CNY"}.Value(), currency)
	if err != nil {
		return money.Amount{}, fault.Cause("a sum that its currency does not have")
	}
	return a, nil
}
