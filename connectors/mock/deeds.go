package mock

import (
	"math/rand/v2"
	"time"
)

// What people do with money. Each deed writes every book that it touches, or
// none.

// store is where money goes that nobody in the town owns.
type store struct {
	name, goods, mcc, source string
}

// payByAlipay pays a store out of the balance, or out of a card when the
// balance is short or the person likes the card. It may be given back later.
func (w *world) payByAlipay(p *person, s store, fen int64, card *account, regret time.Duration) func(time.Time) {
	return func(at time.Time) {
		if card == nil && p.wallet.balance < fen {
			card = p.debit()
		}
		if card != nil && !card.affords(fen) {
			return
		}
		order, merchant := w.alipayOrder(at, p), w.number("M", at, 19)
		row := walletRow{at: at, amount: -fen, kind: "交易付款", memo: s.goods + " 余额", order: order, merchant: merchant,
			other: s.name, source: s.source, desc: "线下交易-消费"}
		if card != nil {
			row.memo = s.goods + " " + card.card()
			card.post(bankRow{at: at, amount: -fen, info: "支付宝-" + s.name, ref: order, merchant: s.name, mcc: s.mcc,
				family: "CCRD", sub: "POSP", own: "快捷支付"})
		}
		p.walletRow(row, card == nil)
		if regret > 0 {
			w.putOff(at.Add(regret), func(at time.Time) { w.giveBack(p, s, fen, card, order, merchant, at) })
		}
	}
}

func (w *world) giveBack(p *person, s store, fen int64, card *account, order, merchant string, at time.Time) {
	row := walletRow{at: at, amount: fen, kind: "交易退款", memo: "退款-" + s.goods + " 余额", order: order, merchant: merchant,
		refund: "R" + merchant[1:], other: s.name, source: s.source, desc: "线上交易-退款"}
	if card != nil {
		row.memo = "退款-" + s.goods + " " + card.card()
		card.post(bankRow{at: at, amount: fen, info: "支付宝退款-" + s.name, ref: order, merchant: s.name, mcc: s.mcc,
			family: "CCRD", sub: "RIMB", own: "快捷退款"})
	}
	p.walletRow(row, card == nil)
}

// sendByAlipay gives a friend money from balance to balance.
func (w *world) sendByAlipay(from, to *person, fen int64, words string) func(time.Time) {
	return func(at time.Time) {
		if from.wallet.balance < fen {
			return
		}
		order := w.alipayOrder(at, from)
		from.walletRow(walletRow{at: at, amount: -fen, kind: "转账", memo: words, order: order,
			other: to.name + "(" + to.phone + ")", source: "转账", desc: "转账-付款"}, true)
		to.walletRow(walletRow{at: at, amount: fen, kind: "转账", memo: words, order: order,
			other: from.name + "(" + from.phone + ")", source: "转账", desc: "转账-收款"}, true)
	}
}

func (w *world) topUp(p *person, fen int64) func(time.Time) {
	return func(at time.Time) {
		card := p.debit()
		if !card.affords(fen) {
			return
		}
		order := w.alipayOrder(at, p)
		card.post(bankRow{at: at, amount: -fen, info: "支付宝-充值", ref: order, family: "ICDT", sub: "DMCT", own: "快捷支付"})
		p.walletRow(walletRow{at: at, amount: fen, kind: "充值", memo: "充值 " + card.card(), order: order,
			other: card.card(), source: "充值", desc: "充值-快捷"}, true)
	}
}

// withdraw takes what is above keep to the bank, at a fee of one in a thousand.
func (w *world) withdraw(p *person, keep int64) func(time.Time) {
	return func(at time.Time) {
		fen := (p.wallet.balance - keep) / 10000 * 10000
		if fen <= 0 {
			return
		}
		card, order := p.debit(), w.alipayOrder(at, p)
		p.walletRow(walletRow{at: at, amount: -fen, kind: "提现", memo: "提现 " + card.card(), order: order,
			other: card.card(), source: "提现", desc: "提现-实时"}, true)
		p.walletRow(walletRow{at: at, amount: -fen / 1000, kind: "收费", memo: "提现服务费", order: order,
			other: "支付宝", source: "提现", desc: "提现-服务费"}, true)
		card.post(bankRow{at: at, amount: fen, info: "支付宝-提现", ref: order, family: "RCDT", sub: "DMCT", own: "代付"})
	}
}

func (w *world) fundIncome(p *person, fen int64) func(time.Time) {
	return func(at time.Time) {
		p.walletRow(walletRow{at: at, amount: fen, kind: "其它", memo: "余额宝-" + at.AddDate(0, 0, -1).Format("2006.01.02") + "-收益发放",
			order: w.alipayOrder(at, p), other: "余额宝", source: "余额宝", desc: "理财-收益发放"}, true)
	}
}

// buyByWeChat pays at a townsperson's shop. A buyer that is nil is a visitor.
func (w *world) buyByWeChat(buyer *person, openid string, owner *person, goods string, fen int64, fromCard bool, regret time.Duration) func(time.Time) {
	return func(at time.Time) {
		bank := "CFT"
		var card *account
		if buyer != nil && fromCard {
			card = buyer.debit()
			if !card.affords(fen) {
				return
			}
			bank = bankByID(card.bank).code + "_DEBIT"
		}
		order, merchant := w.wechatOrder(at), w.number("S", at, 20)
		sale := trade{at: at, order: order, merchant: merchant, openid: openid, kind: "JSAPI", bank: bank,
			amount: fen, fee: (fen*6 + 500) / 1000, goods: goods}
		owner.shop.take(sale)
		if card != nil {
			card.post(bankRow{at: at, amount: -fen, info: "财付通-" + owner.shop.name, ref: order, merchant: owner.shop.name, mcc: "5999",
				family: "CCRD", sub: "POSP", own: "快捷支付"})
		}
		if regret == 0 {
			return
		}
		w.putOff(at.Add(regret), func(at time.Time) {
			back := sale
			back.at, back.refund, back.refundNo = at, w.number("50300", at, 29), "R"+merchant[1:]
			if owner.shop.balance < back.amount {
				return
			}
			owner.shop.take(back)
			if card != nil {
				card.post(bankRow{at: at, amount: fen, info: "财付通退款-" + owner.shop.name, ref: order, merchant: owner.shop.name, mcc: "5999",
					family: "CCRD", sub: "RIMB", own: "快捷退款"})
			}
		})
	}
}

func (s *shop) take(x trade) {
	if x.refund == "" {
		s.balance += x.amount - x.fee
	} else {
		s.balance -= x.amount - x.fee
	}
	s.trades = append(s.trades, x)
}

// standing is what the shop holds at a moment: what can be paid out, and what
// was taken since midnight and is not settled yet.
func (s *shop) standing(at time.Time) (available, pending int64) {
	midnight := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, beijing)
	for _, x := range s.trades {
		fen := x.amount - x.fee
		if x.refund != "" {
			fen = -fen
		}
		switch {
		case x.at.After(at):
		case x.at.Before(midnight) || fen < 0: // a refund is paid from what is settled
			available += fen
		default:
			pending += fen
		}
	}
	for _, x := range s.paid {
		if !x.at.After(at) {
			available -= x.fen
		}
	}
	return available, pending
}

// payOut brings a shop's takings to its owner's bank.
func (w *world) payOut(p *person) func(time.Time) {
	return func(at time.Time) {
		available, _ := p.shop.standing(at)
		fen := available / 100 * 100
		if fen <= 0 {
			return
		}
		ref := w.number("7100", at, 24)
		p.shop.balance -= fen
		p.shop.paid = append(p.shop.paid, payout{at, fen, ref})
		p.takings().post(bankRow{at: at, amount: fen, info: "财付通-商户提现-" + p.shop.name, ref: ref,
			family: "RCDT", sub: "DMCT", own: "代付"})
	}
}

// swipe pays with the card itself.
func (w *world) swipe(card *account, s store, fen int64) func(time.Time) {
	return func(at time.Time) {
		if !card.affords(fen) {
			return
		}
		card.post(bankRow{at: at, amount: -fen, info: "消费-" + s.name, ref: w.number("POS", at, 20), merchant: s.name, mcc: s.mcc,
			family: "CCRD", sub: "POSD", own: "POS消费"})
	}
}

// move transfers between two bank accounts, under one reference.
func (w *world) move(from, to *account, fen int64, words, sub, own string) func(time.Time) {
	return func(at time.Time) {
		if fen <= 0 || !from.affords(fen) {
			return
		}
		ref := w.number("T", at, 22)
		from.post(bankRow{at: at, amount: -fen, info: words, ref: ref, family: "ICDT", sub: sub, own: own, other: to})
		to.post(bankRow{at: at, amount: fen, info: words, ref: ref, family: "RCDT", sub: sub, own: own, other: from})
	}
}

func (w *world) repay(from, card *account) func(time.Time) {
	return func(at time.Time) { w.move(from, card, -card.balance, "信用卡还款", "DMCT", "还款")(at) }
}

func (w *world) interest(a *account) func(time.Time) {
	return func(at time.Time) {
		if fen := a.balance / 4000; fen > 0 {
			a.post(bankRow{at: at, amount: fen, info: "利息", ref: w.number("I", at, 18), family: "RCDT", sub: "INTR", own: "结息"})
		}
	}
}

// between draws an amount of fen from [from, below), mostly in whole tenths.
func between(r *rand.Rand, from, below int64) int64 {
	fen := from + r.Int64N(below-from)
	if r.IntN(3) > 0 {
		return max(fen/10*10, from)
	}
	return fen
}
