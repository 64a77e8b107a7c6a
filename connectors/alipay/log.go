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
	"jali/connectors/wire"
	"jali/internal/fault"
)

// entry is one AccountLogItemResult, or one row of a file.
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
	goods    string // files alone
}

// pages is what every listing says of its pages.
type pages struct {
	Page  json.Number `json:"page_no"`
	Size  json.Number `json:"page_size"`
	Total json.Number `json:"total_size"`
}

// listing is one page of a listing.
type listing[Row any] struct {
	problem
	pages
	Rows []Row `json:"detail_list"`
}

// list asks for one page of the half-open time [from, to) of whole seconds.
func list[Row any](ctx context.Context, c *Connector, method string, k credential, from, to time.Time, page int64) (rows []Row, more bool, err error) {
	var a listing[Row]
	err = c.ask(ctx, method, k.Access, map[string]string{
		"start_time": from.In(wire.Beijing).Format(clock), "end_time": to.In(wire.Beijing).Format(clock),
		"page_no": fmt.Sprint(page), "page_size": fmt.Sprint(pageSize),
	}, &a)
	if err != nil {
		return nil, false, err
	}
	if more, err = a.more(page, len(a.Rows)); err != nil {
		return nil, false, connectors.ErrMalformed.Because(err)
	}
	return a.Rows, more, nil
}

// logged asks alipay.data.bill.accountlog.query for one page, and for what it
// does not tell.
func (c *Connector) logged(ctx context.Context, k credential, at cursor, to time.Time) (connectors.Page, error) {
	end := to.Add(time.Second - 1).Truncate(time.Second)
	if window := at.from.Add(c.source.MaxWindow); window.Before(end) {
		end = window
	}
	entries, more, err := list[entry](ctx, c, "alipay.data.bill.accountlog.query", k, at.from, end, at.place)
	if err != nil {
		return connectors.Page{}, err
	}
	page := connectors.Page{Bills: make([]connectors.Bill, 0, len(entries))}
	for _, e := range entries {
		b, err := e.bill()
		if err != nil {
			return connectors.Page{}, connectors.ErrMalformed.Because(err)
		}
		page.Bills = append(page.Bills, b)
	}
	switch {
	case more:
		page.Next = cursor{from: at.from, place: at.place + 1}.text()
	case end.Before(to):
		page.Next = cursor{from: end, place: 1}.text()
	}
	return page, c.complete(ctx, k, page.Bills)
}

// more reports whether pages follow this one of got rows, and refuses a page
// that is not the one asked for or cannot be part of what it claims.
func (p pages) more(page int64, got int) (bool, error) {
	total, err := p.Total.Int64()
	if err != nil || total < 0 {
		return false, fault.Cause("no total_size")
	}
	size := int64(pageSize)
	if p.Size != "" {
		if size, err = p.Size.Int64(); err != nil || size < 1 || size > pageSize {
			return false, fault.Cause("page_size is out of bounds")
		}
	}
	if p.Page != "" {
		if told, err := p.Page.Int64(); err != nil || told != page {
			return false, fault.Cause("another page than was asked for")
		}
	}
	if total > maxPages*size || int64(got) > size {
		return false, fault.Cause("more entries than a listing can have")
	}
	if want := min(size, max(0, total-(page-1)*size)); int64(got) < want {
		return false, fault.Cause("fewer entries than the page claims")
	}
	return page*size < total, nil
}

// bill translates one entry. Its errors name the member, never the value.
func (e entry) bill() (connectors.Bill, error) {
	if e.ID == "" {
		return connectors.Bill{}, fault.Cause("an entry has no account_log_id")
	}
	at, err := time.ParseInLocation(clock, e.At, wire.Beijing)
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
	switch {
	case b.Kind.Inner():
		b.Flow = connectors.FlowInternal
	case b.Kind == connectors.Refund:
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
	if b.Description == "" {
		b.Description = e.goods
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
	if strings.HasSuffix(memo, ")") || strings.HasSuffix(memo, "）") {
		method = card.FindString(last)
	}
	if method == "" && slices.Contains(pots, last) {
		method = last
	}
	return strings.TrimSpace(strings.TrimSuffix(memo, method)), method
}
