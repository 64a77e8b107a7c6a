package billfile

import (
	"regexp"
	"strings"

	"jali/connectors"
	"jali/connectors/money"
)

func readWechat(e *entry) (connectors.Bill, error) {
	b, err := e.bill("交易时间", "金额(元)", "交易单号", "商户单号")
	if err != nil {
		return b, err
	}
	side, status := e.text("收/支"), e.text("当前状态")
	b.RawKind = e.text("交易类型")
	b.Counterparty = e.text("交易对方")
	b.Method = e.text("支付方式")
	remark := e.text("备注")
	b.Description = joined(e.text("商品"), remark)
	if e.side = sideOf[side]; e.side == "" {
		e.side = "other"
	}
	m := wechatMeaning(b.RawKind, side)
	b.Kind, b.Flow, b.Direction = m.kind, m.flow, m.direction
	e.refund = b.Kind == connectors.Refund
	b.State, b.Note = wechatState(status, b.Kind, b.Amount)
	if b.Kind == connectors.Withdrawal && has(remark, "服务费") {
		b.Note = "fee_included" // the bank receives the amount less the fee
	}
	if strings.Contains(b.Method, "&") {
		b.Note = "split_funding"
	}
	return b, nil
}

// wechatMeaning reads 交易类型. Types with a tail name a bank or a pot after
// "-" ("零钱通转出-到零钱") or the shop before it ("某店-退款").
func wechatMeaning(word, side string) meaning {
	inner := func(k connectors.Kind, d connectors.Direction) meaning {
		return meaning{k, connectors.FlowInternal, d}
	}
	begins := func(prefix ...string) bool {
		for _, p := range prefix {
			if strings.HasPrefix(word, p) {
				return true
			}
		}
		return false
	}
	switch {
	case strings.HasSuffix(word, "退款"):
		return givenBack(side)
	case begins("零钱提现", "经营账户提现"):
		return inner(connectors.Withdrawal, connectors.Out)
	case begins("零钱充值"):
		return inner(connectors.Topup, connectors.In)
	case begins("转入零钱通"), begins("购买理财通"):
		return inner(connectors.Investment, connectors.Out)
	case begins("零钱通转出"), begins("理财通赎回", "理财通转出"):
		if strings.Contains(word, "到") && !strings.Contains(word, "到零钱") {
			return inner(connectors.Redemption, connectors.Out) // straight to a card
		}
		return inner(connectors.Redemption, connectors.In)
	case begins("信用卡还款"):
		return inner(connectors.Repayment, connectors.Out)
	case begins("微信红包"):
		return sided(connectors.RedPacket, connectors.RedPacket, side)
	case begins("转账", "微信转账", "群收款"):
		return sided(connectors.Transfer, connectors.Transfer, side)
	case begins("商户消费", "扫二维码付款", "二维码收款", "亲属卡交易", "赞赏码", "分分捐", "手机充值", "生活缴费", "信用支付"):
		return sided(connectors.Income, connectors.Payment, side)
	default:
		return sided(connectors.Other, connectors.Other, side)
	}
}

var partBack = regexp.MustCompile(`已退款\s*[(（]?\s*[¥￥]?\s*([0-9][0-9,.]*)`)

// wechatState reads 当前状态. "已全额退款" and "已退款(￥12.34)" stand at the
// payment and at the refund's own row alike; the payment keeps its amount.
func wechatState(status string, k connectors.Kind, amount money.Amount) (connectors.BillState, string) {
	switch {
	case k == connectors.Refund:
		if has(status, "失败") {
			return connectors.Failed, ""
		}
		return connectors.Done, ""
	case has(status, "失败", "已关闭", "已取消", "已撤销"):
		return connectors.Failed, ""
	case has(status, "已全额退款", "已退还", "对方已退还", "过期退回"):
		return connectors.Reversed, ""
	case has(status, "已退款"):
		if m := partBack.FindStringSubmatch(status); m != nil {
			if back, err := parseAmount(m[1], currency, false); err == nil && back.Minor >= amount.Minor {
				return connectors.Reversed, ""
			}
		}
		return connectors.Done, "refunded_part"
	case has(status, "等待", "处理中", "待对方", "待收款", "待领取", "待确认", "提现发起"):
		return connectors.Pending, ""
	default:
		return connectors.Done, ""
	}
}
