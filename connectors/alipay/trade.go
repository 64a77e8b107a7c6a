package alipay

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"jali/connectors"
)

const (
	// before is how much earlier an order may have been made than it was paid.
	before = 24 * time.Hour
	// tradePages bounds what is asked for one page of the log.
	tradePages = 3
)

// trade is one TradeItemResult: an order that was bought or sold.
type trade struct {
	Order string `json:"alipay_order_no"`
	Goods string `json:"goods_title"`
	Memo  string `json:"goods_memo"`
	Other string `json:"other_account"`
	Store string `json:"store_name"`
}

// moved is one TransferDetailResult: a top-up, a withdrawal or a transfer.
type moved struct {
	Order   string `json:"order_no"`
	Account string `json:"account"`
	Memo    string `json:"memo"`
}

// complete fills in what the log leaves out of its page: what a payment or a
// sale was for and with whom, and by which card money came or went. It asks only
// for what is missing, and does without what the application is not admitted to.
func (c *Connector) complete(ctx context.Context, k credential, bills []connectors.Bill) error {
	for _, f := range []func() error{
		func() error {
			return fill(ctx, c, k, "alipay.data.bill.buy.query", bills, lacksTrade(connectors.Payment), trade.order, trade.into)
		},
		func() error {
			return fill(ctx, c, k, "alipay.data.bill.sell.query", bills, lacksTrade(connectors.Income), trade.order, trade.into)
		},
		func() error {
			return fill(ctx, c, k, "alipay.data.bill.transfer.query", bills, lacksAccount, moved.order, moved.into)
		},
	} {
		if err := f(); err != nil && !errors.Is(err, connectors.ErrRefused) {
			return err
		}
	}
	return nil
}

func lacksTrade(kind connectors.Kind) func(connectors.Bill) bool {
	return func(b connectors.Bill) bool {
		return b.Kind == kind && b.Order != "" && (b.Description == "" || b.Counterparty == "")
	}
}

func lacksAccount(b connectors.Bill) bool {
	switch b.Kind {
	case connectors.Topup, connectors.Withdrawal:
		return b.Order != "" && b.Method == ""
	case connectors.Transfer:
		return b.Order != "" && b.Counterparty == ""
	}
	return false
}

// fill asks method for the time of the bills that lack something, and puts what
// it answers into those of the same order.
func fill[Row any](ctx context.Context, c *Connector, k credential, method string, bills []connectors.Bill,
	lacks func(connectors.Bill) bool, order func(Row) string, into func(Row, *connectors.Bill)) error {
	wanting := map[string][]*connectors.Bill{}
	var from, to time.Time
	for i := range bills {
		b := &bills[i]
		if !lacks(*b) {
			continue
		}
		wanting[b.Order] = append(wanting[b.Order], b)
		if from.IsZero() || b.At.Before(from) {
			from = b.At
		}
		if b.At.After(to) {
			to = b.At
		}
	}
	if len(wanting) == 0 {
		return nil
	}
	to = to.Add(time.Second)
	if from = from.Add(-before); to.Sub(from) > maxWindow {
		from = to.Add(-maxWindow)
	}
	for page := int64(1); page <= tradePages; page++ {
		rows, more, err := list[Row](ctx, c, method, k, from, to, page)
		if err != nil {
			return err
		}
		for _, row := range rows {
			for _, b := range wanting[order(row)] {
				into(row, b)
			}
		}
		if !more {
			return nil
		}
	}
	return nil
}

func (t trade) order() string { return t.Order }
func (m moved) order() string { return m.Order }

func (t trade) into(b *connectors.Bill) {
	b.Description = firstOf(b.Description, t.Goods, t.Memo)
	b.Counterparty = firstOf(b.Counterparty, t.Other, t.Store)
}

// bankCard finds what "*三（招商银行2456）" says of a bank account.
var bankCard = regexp.MustCompile(`[(（](\p{Han}{2,20})(\d{4})[)）]$`)

func (m moved) into(b *connectors.Bill) {
	found := bankCard.FindStringSubmatch(m.Account)
	switch {
	case b.Kind == connectors.Transfer:
		b.Counterparty = firstOf(b.Counterparty, m.Account)
	case found != nil:
		b.Method = firstOf(b.Method, found[1]+"("+found[2]+")")
	}
	b.Description = firstOf(b.Description, m.Memo)
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text = strings.TrimSpace(text); text != "" {
			return text
		}
	}
	return ""
}
