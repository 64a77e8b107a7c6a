package alipay

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/fault"
	"jali/internal/secret"
)

const (
	pageSize = 2000 // the most that the platform gives
	maxPages = 500  // in one window; beyond it an answer is not believed
)

// entry is one AccountLogItemResult.
type entry struct {
	ID       string `json:"account_log_id"`
	At       string `json:"trans_dt"`
	Amount   string `json:"trans_amount"`
	Way      string `json:"direction"`
	Type     string `json:"type"`
	BizDesc  string `json:"biz_desc"`
	Memo     string `json:"trans_memo"`
	Order    string `json:"alipay_order_no"`
	Merchant string `json:"merchant_order_no"`
	Refund   string `json:"merchant_out_refund_no"`
	Other    string `json:"other_account"`
	Store    string `json:"store_name"`
}

type logPage struct {
	Entries []entry     `json:"detail_list"`
	Page    json.Number `json:"page_no"`
	Size    json.Number `json:"page_size"`
	Total   json.Number `json:"total_size"`
}

// cursor is the window and page that come next.
type cursor struct {
	from time.Time
	page int64
}

// Bills asks alipay.data.bill.accountlog.query, whose windows hold both ends
// as whole seconds of Beijing: [from, to). A longer span than 31 days is
// walked window by window.
func (c *Connector) Bills(ctx context.Context, v connectors.Credential, ref connectors.AccountRef, from, to time.Time, next connectors.Cursor) (connectors.Page, error) {
	k, err := read(v)
	if err != nil {
		return connectors.Page{}, err
	}
	if !ref.ID.Equal(secret.Of(k.User)) {
		return connectors.Page{}, connectors.ErrRefused.Because(fault.Cause("not an account of this credential"))
	}
	var page connectors.Page
	start := from
	if oldest := c.now().Add(-c.source.History).Truncate(time.Second); start.Before(oldest) {
		start = oldest
		page.Covers = connectors.Span{From: start, To: to}
	}
	if !start.Before(to) {
		page.Covers = connectors.Span{From: to, To: to}
		return page, nil
	}
	at := cursor{start.Truncate(time.Second), 1}
	if next != "" {
		if at, err = readCursor(next); err != nil || at.from.Before(from.Truncate(time.Second)) || !at.from.Before(to) {
			return connectors.Page{}, connectors.ErrRefused.Because(fault.Cause("not a cursor of this listing"))
		}
	}
	end := to.Add(time.Second - 1).Truncate(time.Second)
	if window := at.from.Add(c.source.MaxWindow); window.Before(end) {
		end = window
	}
	biz, err := json.Marshal(map[string]string{
		"start_time": at.from.In(beijing).Format(clock), "end_time": end.In(beijing).Format(clock),
		"page_no": fmt.Sprint(at.page), "page_size": fmt.Sprint(pageSize),
	})
	if err != nil {
		return connectors.Page{}, fmt.Errorf("alipay: %w", err)
	}
	var a logPage
	err = c.call(ctx, "alipay.data.bill.accountlog.query", k.Access, map[string]string{"biz_content": string(biz)}, &a)
	if err != nil {
		return connectors.Page{}, err
	}
	more, err := a.more(at.page)
	if err != nil {
		return connectors.Page{}, connectors.ErrMalformed.Because(err)
	}
	for _, e := range a.Entries {
		b, err := e.bill()
		if err != nil {
			return connectors.Page{}, connectors.ErrMalformed.Because(err)
		}
		if !b.At.Before(from) && b.At.Before(to) && !b.At.Before(start) {
			page.Bills = append(page.Bills, b)
		}
	}
	slices.SortStableFunc(page.Bills, func(a, b connectors.Bill) int { return a.At.Compare(b.At) })
	switch {
	case more:
		page.Next = cursor{at.from, at.page + 1}.text()
	case end.Before(to):
		page.Next = cursor{end, 1}.text()
	}
	return page, nil
}

func (c cursor) text() connectors.Cursor {
	return connectors.Cursor(fmt.Sprintf("%d.%d", c.from.Unix(), c.page))
}

func readCursor(text connectors.Cursor) (cursor, error) {
	var seconds, page int64
	if _, err := fmt.Sscanf(string(text), "%d.%d", &seconds, &page); err != nil || page < 1 || page > maxPages {
		return cursor{}, fault.Cause("unreadable")
	}
	return cursor{time.Unix(seconds, 0), page}, nil
}

// more reports whether pages follow this one, and refuses a page that is not
// the one asked for or cannot be part of what it claims.
func (a logPage) more(page int64) (bool, error) {
	total, err := a.Total.Int64()
	if err != nil || total < 0 {
		return false, fault.Cause("no total_size")
	}
	size := int64(pageSize)
	if a.Size != "" {
		if size, err = a.Size.Int64(); err != nil || size < 1 || size > pageSize {
			return false, fault.Cause("page_size is out of bounds")
		}
	}
	if a.Page != "" {
		if got, err := a.Page.Int64(); err != nil || got != page {
			return false, fault.Cause("another page than was asked for")
		}
	}
	if total > maxPages*size || int64(len(a.Entries)) > size {
		return false, fault.Cause("more entries than a listing can have")
	}
	if want := min(size, max(0, total-(page-1)*size)); int64(len(a.Entries)) < want {
		return false, fault.Cause("fewer entries than the page claims")
	}
	return page*size < total, nil
}

// bill translates one entry. Its errors name the member, never the value.
func (e entry) bill() (connectors.Bill, error) {
	if e.ID == "" {
		return connectors.Bill{}, fault.Cause("an entry has no account_log_id")
	}
	at, err := time.ParseInLocation(clock, e.At, beijing)
	if err != nil {
		return connectors.Bill{}, fault.Cause("trans_dt is not a time")
	}
	amount, err := money.Parse(e.Amount, cny)
	if err != nil {
		return connectors.Bill{}, fault.Cause("trans_amount is not a sum of yuan")
	}
	b := connectors.Bill{
		ID: e.ID, At: at, Amount: amount.Abs(), State: connectors.Done, RawKind: e.Type,
		Counterparty: e.Other, Order: e.Order, Merchant: e.Merchant,
	}
	b.Description, b.Method = funding(e.Memo)
	// The platform signs the sums of 支出 with a minus; a merchant's older
	// answers do not. An income below zero contradicts itself.
	switch {
	case e.Way == "收入" && amount.Minor >= 0:
		b.Direction, b.Flow = connectors.In, connectors.FlowIn
	case e.Way == "支出":
		b.Direction, b.Flow = connectors.Out, connectors.FlowOut
	default:
		return connectors.Bill{}, fault.Cause("direction is neither 收入 nor 支出, or not that of trans_amount")
	}
	if b.RawKind == "" {
		b.RawKind = e.BizDesc
	}
	b.Kind = kindOf(e, b.Direction)
	switch b.Kind {
	case connectors.Topup, connectors.Withdrawal, connectors.Investment, connectors.Redemption, connectors.Repayment:
		b.Flow = connectors.FlowInternal
	case connectors.Refund:
		// The log books a refund under the order of its payment.
		if b.RefundOf = e.Order; b.RefundOf == "" {
			b.RefundOf = e.Merchant
		}
	}
	for _, ref := range []string{e.Order, e.Merchant, e.Refund} {
		if ref != "" && !slices.Contains(b.Refs, ref) {
			b.Refs = append(b.Refs, ref)
		}
	}
	if b.Counterparty == "" {
		b.Counterparty = e.Store
	}
	return b, nil
}

// card finds "江南银行储蓄卡(1234)" at the end of a memo, with either kind of
// brackets.
var card = regexp.MustCompile(`\p{Han}{2,20}(?:银行|信用社|储蓄卡|信用卡|借记卡|贷记卡)\p{Han}{0,10}[(（]\d{4}[)）]$`)

var pots = []string{"余额宝", "余额", "花呗", "数字人民币"}

// funding parts a memo into what the movement was about and, where it ends in
// that, what the money came from or went to.
func funding(memo string) (about, method string) {
	memo = strings.TrimSpace(memo)
	last := memo[strings.LastIndexByte(memo, ' ')+1:]
	if method = card.FindString(memo); method == "" && slices.Contains(pots, last) {
		method = last
	}
	return strings.TrimSpace(strings.TrimSuffix(memo, method)), method
}
