package billfile

import (
	"strings"

	"jali/connectors"
)

// paper is what the generations of Alipay's exports tell of a row, by one name
// each.
type paper struct {
	word       string // 类型 (web) or 交易分类 (app)
	text       string
	party      string
	side       string // 收/支 as it stands there
	status     string
	paid       bool // money moved, whatever became of it later
	wholeBack  bool // all of it was given back
	movedInner bool // the source itself says 资金转移
}

func readAlipayApp(e *entry) (connectors.Bill, error) {
	b, err := e.bill("交易时间", "金额", "交易订单号", "商家订单号")
	if err != nil {
		return b, err
	}
	b.Category = e.text("交易分类")
	b.Method = e.text("收/付款方式")
	p := paper{word: b.Category, text: e.text("商品说明"), party: e.text("交易对方"), side: e.text("收/支"), status: e.text("交易状态")}
	// An order that was never paid has no method; a sale that was called off
	// brought nothing in.
	p.paid = b.Method != "" && p.side != "收入"
	e.side = sideOf[p.side]
	if e.side == "" {
		e.side = "other"
	}
	b.Description = joined(p.text, e.text("备注"))
	alipayBill(&b, e, p)
	if strings.Contains(b.Method, "&") {
		b.Note = "split_funding"
	}
	return b, nil
}

func readAlipayWeb(e *entry) (connectors.Bill, error) {
	b, err := e.bill("交易创建时间", "金额(元)", "交易号", "商家订单号")
	if err != nil {
		return b, err
	}
	if e.text("付款时间") != "" {
		if b.At, err = e.when("付款时间"); err != nil {
			return b, err
		}
	}
	p := paper{word: e.text("类型"), text: e.text("商品名称"), party: e.text("交易对方"), side: e.text("收/支"), status: e.text("交易状态")}
	fund := e.text("资金状态")
	p.movedInner = fund == "资金转移"
	p.paid = e.text("付款时间") != "" || fund == "已支出" || fund == "已收入" || p.movedInner
	if e.text("成功退款(元)") != "" {
		back, err := e.amount("成功退款(元)")
		if err != nil {
			return b, err
		}
		p.wholeBack = !back.Zero() && back.Minor >= b.Amount.Minor
		if !back.Zero() && !p.wholeBack {
			b.Note = "refunded_part"
		}
	}
	switch {
	case p.side == "收入" && fund == "已收入":
		e.side = "in"
	case p.side == "收入":
		e.side = "in_pending"
	case p.side == "支出" && fund == "已支出":
		e.side = "out"
	case p.side == "支出" && p.paid || fund == "待支出":
		e.side = "out_pending"
	default:
		e.side = "other"
	}
	b.Description = joined(p.text, e.text("备注"))
	alipayBill(&b, e, p)
	return b, nil
}

// alipayBill says what a row means.
func alipayBill(b *connectors.Bill, e *entry, p paper) {
	b.RawKind, b.Counterparty = p.word, p.party
	m := alipayMeaning(p)
	b.Kind, b.Flow, b.Direction = m.kind, m.flow, m.direction
	b.State = stateOf(p, b.Kind)
	e.refund = b.Kind == connectors.Refund
	if e.refund {
		// A refund's own number is the payment's, "_" and a suffix.
		if i := strings.IndexByte(b.Order, '_'); i > 0 {
			b.RefundOf = b.Order[:i]
		}
	}
	if b.State == connectors.Reversed && b.Flow == connectors.FlowInternal && b.Kind == connectors.Payment {
		b.Flow = connectors.FlowOut // paid and given back: the refund's row comes in again
	}
}

type meaning struct {
	kind      connectors.Kind
	flow      connectors.Flow
	direction connectors.Direction
}

// alipayMeaning goes from the sure to the likely. Much that 不计收支 (neither in
// nor out) is said of is told apart by its text alone.
func alipayMeaning(p paper) meaning {
	neutral := p.side != "收入" && p.side != "支出"
	inner := func(k connectors.Kind, d connectors.Direction) meaning {
		return meaning{k, connectors.FlowInternal, d}
	}
	switch text := p.text; {
	case p.word == "退款", strings.HasPrefix(p.status, "退款"), neutral && strings.HasPrefix(text, "退款"):
		return givenBack(p.side)
	case has(text, "收益发放"), neutral && strings.HasPrefix(text, "余额宝") && strings.HasSuffix(text, "收益"):
		return meaning{connectors.Interest, connectors.FlowIn, connectors.In}
	case has(p.status, "解冻"), neutral && has(text, "解冻"):
		return inner(connectors.Adjustment, connectors.In)
	case has(p.status, "冻结", "免押", "信用服务使用"), neutral && has(text, "冻结", "免押"):
		return inner(connectors.Adjustment, connectors.Out)
	case neutral && has(p.status+text, "还款", "备用金归还"), strings.HasPrefix(text, "信用卡还款"),
		has(text, "花呗", "借呗", "备用金") && has(text, "还款", "归还"):
		return inner(connectors.Repayment, connectors.Out)
	case neutral && (has(p.status, "放款") || p.word == "信用借还" && has(text, "取出", "借款")):
		return inner(connectors.LoanKind, connectors.In)
	case neutral && has(text[strings.LastIndexByte(text, '-')+1:], "分红"):
		return meaning{connectors.Interest, connectors.FlowIn, connectors.In}
	case has(text, "余额宝", "余利宝") && has(text, "转出") && has(text, "银行卡"):
		return inner(connectors.Redemption, connectors.Out)
	case neutral && has(text, "小荷包"): // a pot of the person's, alone or with others
		if has(text, "转出") {
			return inner(connectors.Transfer, connectors.In)
		}
		return inner(connectors.Transfer, connectors.Out)
	case neutral && (has(text, "余额宝", "余利宝") && has(text, "转出") || has(text, "卖出", "赎回")):
		return inner(connectors.Redemption, connectors.In)
	case has(text, "转入到余利宝", "转入余利宝", "转入余额宝"), neutral && has(text, "到余额宝", "余额宝-单次转入", "余额宝-自动转入", "买入", "申购", "定投"):
		return inner(connectors.Investment, connectors.Out)
	case neutral && has(text, "提现"), p.word == "提现":
		return inner(connectors.Withdrawal, connectors.Out)
	case p.word == "账户存取" && has(text, "充值", "转入"), p.word == "充值", neutral && strings.HasPrefix(text, "充值-"):
		return inner(connectors.Topup, connectors.In)
	case neutral && p.word == "投资理财":
		return inner(connectors.Investment, connectors.Out)
	case neutral && (p.word == "账户存取" || p.movedInner):
		return inner(connectors.Transfer, connectors.Out)
	case has(text, "服务费", "手续费") && has(p.party, "支付宝"):
		return sided(connectors.Fee, connectors.Fee, p.side)
	case p.word == "转账红包" && has(text+p.party, "红包"):
		return sided(connectors.RedPacket, connectors.RedPacket, p.side)
	case p.word == "转账红包", p.word == "转账":
		return sided(connectors.Transfer, connectors.Transfer, p.side)
	case alipayWords[p.word], p.word == "":
		return sided(connectors.Income, connectors.Payment, p.side)
	default:
		return sided(connectors.Other, connectors.Other, p.side)
	}
}

// sided takes the direction from 收/支. What the source counts as neither stays
// within, and is listed as paid: nothing says that it came in.
func sided(in, out connectors.Kind, side string) meaning {
	switch side {
	case "收入":
		return meaning{in, connectors.FlowIn, connectors.In}
	case "支出":
		return meaning{out, connectors.FlowOut, connectors.Out}
	default:
		return meaning{out, connectors.FlowInternal, connectors.Out}
	}
}

// givenBack is money in, however the source counts it, unless it says that the
// person is the shop that gives it back.
func givenBack(side string) meaning {
	if side == "支出" {
		return meaning{connectors.Refund, connectors.FlowOut, connectors.Out}
	}
	return meaning{connectors.Refund, connectors.FlowIn, connectors.In}
}

// alipayWords are the types and categories that say payment or income and no
// more. A word that is not here or above gives the kind "other".
var alipayWords = words("餐饮美食 服饰装扮 日用百货 家居家装 数码电器 运动户外 美容美发 母婴亲子 宠物 交通出行 爱车养车 " +
	"住房物业 酒店旅游 文化休闲 教育培训 医疗健康 生活服务 公共服务 商业服务 公益捐赠 互助保障 投资理财 保险 信用借还 " +
	"充值缴费 收入 亲友代付 账户存取 其他 " +
	"即时到账交易 支付宝担保交易 担保交易 代扣 委托代扣 当面付 手机充值 生活缴费")

func words(list string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(list) {
		m[w] = true
	}
	return m
}

// stateOf reads a state as Alipay writes it, and JD.
func stateOf(p paper, k connectors.Kind) connectors.BillState {
	switch {
	case strings.HasSuffix(p.status, "失败"):
		return connectors.Failed
	case has(p.status, "关闭", "取消", "撤销"):
		if p.paid && k != connectors.Refund {
			return connectors.Reversed
		}
		return connectors.Failed
	case has(p.status, "等待", "处理中", "进行中", "退款中", "申请中"):
		return connectors.Pending
	case p.wholeBack:
		return connectors.Reversed
	default:
		return connectors.Done
	}
}
