package billfile

import (
	"regexp"
	"strings"

	"jali/connectors"
	"jali/connectors/money"
)

// readJD reads a row of JD's 交易流水. Its amount is what was paid, with what of
// it has come back behind it: "131.77(已退款89.84)", "468.32(已全额退款)". JD's own
// sums count what is left of such a payment, and nothing of what is promised
// and not paid yet (先享后付); each deduction and each refund is a row again.
func readJD(e *entry) (connectors.Bill, error) {
	b, err := e.bill("交易时间", "金额", "交易订单号", "商家订单号")
	if err != nil {
		return b, err
	}
	back, err := e.givenBack("金额", b.Amount)
	if err != nil {
		return b, err
	}
	side := e.text("收/支")
	if e.side = sideOf[side]; e.side == "" {
		e.side = "other"
	}
	text := e.text("交易说明")
	b.Category = e.text("交易分类")
	b.RawKind = b.Category
	b.Counterparty = e.text("商户名称")
	b.Method = e.text("收/付款方式")
	b.Description = joined(text, e.text("备注"))

	p := paper{word: b.Category, text: text, side: side, status: e.text("交易状态"), wholeBack: !back.Zero() && back == b.Amount}
	promised := has(b.Method+b.Category, "先享后付", "先用后付")
	m := jdMeaning(p, promised)
	b.Kind, b.Flow, b.Direction = m.kind, m.flow, m.direction
	b.State = stateOf(p, b.Kind)
	e.refund = b.Kind == connectors.Refund || promised && b.Direction == connectors.In
	if b.Kind == connectors.Refund {
		b.RefundOf = b.Order // both rows have the order's number
	}
	switch {
	case promised:
		e.sum = &money.Amount{Currency: currency}
	case !back.Zero():
		left, err := b.Amount.Sub(back)
		if err != nil {
			return b, e.damaged("金额", "out_of_range")
		}
		e.sum = &left
		if !p.wholeBack {
			b.Note = "refunded_part"
		}
	}
	return b, nil
}

// jdMeaning goes by 收/支 and, of what is neither, by 交易说明.
func jdMeaning(p paper, promised bool) meaning {
	neutral := p.side != "收入" && p.side != "支出"
	refund := strings.HasPrefix(p.text, "退款") || strings.HasPrefix(p.status, "退款") || neutral && has(p.text, "退款")
	inner := func(k connectors.Kind, d connectors.Direction) meaning {
		return meaning{k, connectors.FlowInternal, d}
	}
	switch {
	case promised && refund:
		return inner(connectors.Adjustment, connectors.In)
	case promised:
		return inner(connectors.Adjustment, connectors.Out)
	case refund:
		return givenBack(p.side)
	case neutral && p.wholeBack:
		return sided(connectors.Payment, connectors.Payment, "支出")
	case neutral && has(p.text, "还款"):
		return inner(connectors.Repayment, connectors.Out)
	case has(p.text, "小金库") && has(p.text, "收益"):
		return meaning{connectors.Interest, connectors.FlowIn, connectors.In}
	case neutral && has(p.text, "小金库") && has(p.text, "转出", "取出"):
		return inner(connectors.Redemption, connectors.In)
	case neutral && has(p.text, "小金库") && has(p.text, "转入"):
		return inner(connectors.Investment, connectors.Out)
	case neutral && has(p.text, "充值"):
		return inner(connectors.Topup, connectors.In)
	case neutral && has(p.text, "提现"):
		return inner(connectors.Withdrawal, connectors.Out)
	case neutral:
		return sided(connectors.Other, connectors.Other, p.side)
	default:
		return sided(connectors.Income, connectors.Payment, p.side)
	}
}

var backInBrackets = regexp.MustCompile(`^(.*?)\s*[(（]\s*已(?:全额退款|退款\s*(.*?))\s*[)）]$`)

// withoutBack takes off an amount what is said of refunds.
func withoutBack(text string) string {
	if !strings.Contains(text, "退") {
		return text
	}
	if m := backInBrackets.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return text
}

// givenBack answers what has come back of amount.
func (e *entry) givenBack(column string, amount money.Amount) (money.Amount, error) {
	m := backInBrackets.FindStringSubmatch(e.text(column))
	switch {
	case m == nil:
		return money.Amount{Currency: amount.Currency}, nil
	case m[2] == "":
		return amount, nil
	}
	back, err := parseAmount(m[2], amount.Currency, false)
	switch {
	case err != nil:
		return back, e.damaged(column, "not_an_amount")
	case back.Minor < 0 || back.Minor > amount.Minor:
		return back, e.damaged(column, "out_of_range")
	}
	return back, nil
}

func jdAccount(_ string, _ []string, c claims) connectors.Account {
	a := accountOf(jd, c)
	a.Name = "钱包余额"
	return a
}

// jdCut: every whole row has a comma after its last cell, the header has none.
func jdCut(l *layout, cells []string) bool { return len(cells) <= l.width }
