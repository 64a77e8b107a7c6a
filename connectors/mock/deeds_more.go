package mock

import "time"

// Deeds that the founders of the town do not know of.

// payByFamilyCard 亲情卡: one buys, another pays, out of their balance. It stands
// in both logs under one order and moves the payer's balance alone.
func (w *world) payByFamilyCard(buyer, payer *person, s store, fen int64) func(time.Time) {
	return func(at time.Time) {
		if payer.wallet.balance < fen {
			return
		}
		order, merchant := w.alipayOrder(at, buyer), w.number("M", at, 19)
		row := walletRow{at: at, amount: -fen, kind: "交易付款", memo: s.goods + " " + familyCard, order: order, merchant: merchant,
			other: s.name, source: s.source, desc: "线下交易-消费"}
		buyer.walletRow(row, false)
		row.memo, row.desc = familyCard+"-"+s.goods+" 余额", "线下交易-"+familyCard+"代付"
		payer.walletRow(row, true)
	}
}

const familyCard = "亲情卡"

// collect 收钱码: a stranger pays into the balance.
func (w *world) collect(p *person, by, words string, fen int64) func(time.Time) {
	return func(at time.Time) {
		p.walletRow(walletRow{at: at, amount: fen, kind: "收款", memo: words, order: w.alipayOrder(at, p),
			other: by, source: "收钱码", desc: "收钱码-经营收款"}, true)
	}
}

// invest buys a fund from a card, by Alipay.
func (w *world) invest(p *person, card *account, fund string, fen int64) func(time.Time) {
	return func(at time.Time) {
		if !card.affords(fen) {
			return
		}
		order := w.alipayOrder(at, p)
		card.post(bankRow{at: at, amount: -fen, info: "支付宝-" + fundSeller, ref: order, merchant: fundSeller, mcc: "6211",
			family: "CCRD", sub: "POSP", own: "快捷支付"})
		p.walletRow(walletRow{at: at, amount: -fen, kind: "申购", memo: fund + "-买入 " + card.card(), order: order,
			other: fundSeller, source: "理财", desc: "基金-申购"}, false)
	}
}

// redeem sells of a fund, into the balance.
func (w *world) redeem(p *person, fund string, fen int64) func(time.Time) {
	return func(at time.Time) {
		p.walletRow(walletRow{at: at, amount: fen, kind: "赎回", memo: fund + "-卖出至余额", order: w.alipayOrder(at, p),
			other: fundSeller, source: "理财", desc: "基金-赎回"}, true)
	}
}

const fundSeller = "云杉基金销售"

// hongbao 红包: from balance to balance.
func (w *world) hongbao(from, to *person, fen int64) func(time.Time) {
	return func(at time.Time) {
		if from.wallet.balance < fen {
			return
		}
		order := w.alipayOrder(at, from)
		from.walletRow(walletRow{at: at, amount: -fen, kind: "红包", memo: "恭喜发财", order: order,
			other: to.name + "(" + to.phone + ")", source: "红包", desc: "红包-发出"}, true)
		to.walletRow(walletRow{at: at, amount: fen, kind: "红包", memo: "恭喜发财", order: order,
			other: from.name + "(" + from.phone + ")", source: "红包", desc: "红包-收到"}, true)
	}
}

// late posts what a month costs on what was asked for and not paid: one and a
// half in a hundred, from the day after it was due.
func (w *world) late(a *account) func(time.Time) {
	return func(at time.Time) {
		if s, ok := a.lastStatement(at); ok && s.paid < s.minimum {
			if fen := (s.due - s.paid) * 15 / 1000; fen > 0 {
				a.post(bankRow{at: at, amount: -fen, info: a.product + "-逾期利息", ref: w.number("I", at, 18), family: "LDAS", sub: "INTR", own: "计息"})
			}
		}
	}
}

// spendUp buys on credit, for less where less is left of the limit.
func (w *world) spendUp(p *person, s store, line *account, fen int64) func(time.Time) {
	return func(at time.Time) {
		if left := line.limit + line.balance; left < fen {
			fen = left / 100 * 100
		}
		if fen > 0 {
			w.payByAlipay(p, s, fen, line, 0)(at)
		}
	}
}

// spendAll spends what a card holds above keep, and not on what is owed.
func (w *world) spendAll(p *person, s store, card *account, keep int64) func(time.Time) {
	return func(at time.Time) {
		if fen := (card.balance - keep) / 1000 * 1000; fen > 0 {
			w.payByAlipay(p, s, fen, card, 0)(at)
		}
	}
}

// exchange 购汇 buys so much of a currency when less than low of it is left. A
// rate is in CNY for a hundred of its units, times a hundred.
func (w *world) exchange(from, to *account, low, minor, rate int64) func(time.Time) {
	return func(at time.Time) {
		fen := minor * rate / 10_000
		if to.currency == jpy {
			fen = minor * rate / 100
		}
		if to.balance >= low || !from.affords(fen) {
			return
		}
		ref := w.number("FX", at, 22)
		from.post(bankRow{at: at, amount: -fen, info: "购汇-" + to.currency, ref: ref, family: "ICDT", sub: "DMCT", own: "购汇", other: to})
		to.post(bankRow{at: at, amount: minor, info: "购汇-" + to.currency, ref: ref, family: "RCDT", sub: "DMCT", own: "购汇", other: from})
	}
}

const (
	hkd = "HKD"
	usd = "USD"
	jpy = "JPY"
)
