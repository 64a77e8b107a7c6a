package billfile

import (
	"strings"

	"jali/connectors"
	"jali/connectors/money"
)

// readMeituan reads a row of 美团交易账单明细. What moved is 实付金额; 订单金额 is
// what was asked before discounts, and Meituan's own sums are made of 实付金额,
// too. A refund has an order number of its own, and nothing but its title and
// its amount says what it gives back.
func readMeituan(e *entry) (connectors.Bill, error) {
	b, err := e.bill("交易创建时间", "实付金额", "交易单号", "商家单号")
	if err != nil {
		return b, err
	}
	if e.text("交易成功时间") == "" {
		b.State = connectors.Pending
	} else if b.At, err = e.when("交易成功时间"); err != nil {
		return b, err
	} else {
		b.State = connectors.Done
	}
	side := e.text("收/支")
	if e.side = sideOf[side]; e.side == "" {
		e.side = "other"
	}
	b.RawKind = e.text("交易类型")
	b.Method = e.text("支付方式")
	title := e.text("订单标题")
	b.Description = joined(title, e.text("备注"))
	// A takeaway's title is the shop; a voucher's is what was bought.
	if shop, ok := strings.CutSuffix(title, "订单详情"); ok {
		b.Counterparty = clean(shop)
	}
	m := meituanMeaning(b.RawKind, side)
	b.Kind, b.Flow, b.Direction = m.kind, m.flow, m.direction
	e.refund = b.Kind == connectors.Refund
	if b.Kind == connectors.Repayment {
		e.sum = &money.Amount{Currency: currency} // counted among 支出, and not summed there
	}
	return b, nil
}

// meituanMeaning reads 交易类型. Meituan counts the repayment of its credit
// (月付) as spent; here it is internal, since what was bought on credit was
// spent then.
func meituanMeaning(word, side string) meaning {
	switch word {
	case "退款":
		return givenBack(side)
	case "还款":
		return meaning{connectors.Repayment, connectors.FlowInternal, connectors.Out}
	case "充值":
		return meaning{connectors.Topup, connectors.FlowInternal, connectors.In}
	case "提现":
		return meaning{connectors.Withdrawal, connectors.FlowInternal, connectors.Out}
	case "支付":
		return sided(connectors.Income, connectors.Payment, side)
	default:
		return sided(connectors.Other, connectors.Other, side)
	}
}
