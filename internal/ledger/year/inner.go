package year

import (
	"time"

	"jali/connectors"
)

// inner writes a movement between the person's own accounts, at every end that
// tells of it.
type end struct {
	account, named int
	bill           connectors.Bill
}

func (w *writer) inner(fen int64, ends ...end) int {
	m := w.move(connectors.FlowInternal, yuan(fen))
	for _, e := range ends {
		if e.bill.Amount.Zero() {
			e.bill.Amount = yuan(fen)
		}
		if e.bill.Flow == "" {
			e.bill.Flow = connectors.FlowInternal
		}
		w.tell(m, e.account, e.named, e.bill)
	}
	return m
}

// atBank is a bank's bill of a movement that it does not know to be internal.
func (w *writer) atBank(c *card, at time.Time, d connectors.Direction, k connectors.Kind, word, party, says string) end {
	b := connectors.Bill{Direction: d, Kind: k, Flow: connectors.Flow(d), RawKind: word, Counterparty: cut(party, c.width), Description: says}
	if k.Inner() {
		b.Flow = connectors.FlowInternal
	}
	b.At, b.DateOnly = w.booked(c, at)
	return end{c.account, -1, b}
}

// topUp brings money from a card into WeChat.
func (w *writer) topUp(at time.Time, c *card, fen int64) {
	w.inner(fen,
		end{w.wechat, c.named(w), connectors.Bill{At: at, Direction: connectors.In, Kind: connectors.Topup, RawKind: "零钱充值",
			Counterparty: c.short + "(" + c.written + ")", Method: c.short + "(" + c.written + ")", Order: "110" + w.digits(25)}},
		w.atBank(c, at, connectors.Out, connectors.Payment, c.paid, "财付通"+c.dash+"微信零钱充值账户", ""))
}

// withdraw takes money out of a wallet; WeChat asks a thousandth for it, of
// which only a note tells.
func (w *writer) withdraw(at time.Time, c *card, fen int64) {
	arrives := at.Add(w.seconds(5, 1800))
	if w.roll(0.5) {
		w.inner(fen,
			end{w.alipay, -1, connectors.Bill{At: at, Direction: connectors.Out, Kind: connectors.Withdrawal, RawKind: "转账红包", Category: "转账红包",
				Counterparty: c.zh, Description: "提现-快速提现", Method: "余额", Order: at.Format("20060102") + "2000400111" + w.digits(14)}},
			w.atBank(c, arrives, connectors.In, connectors.Transfer, "网上快捷提现", "支付宝"+c.dash+"支付宝余额提现", ""))
		return
	}
	fee := max(fen/1000, 10)
	net := w.atBank(c, arrives, connectors.In, connectors.Transfer, "转账", "财付通"+c.dash+"微信零钱提现", "")
	net.bill.Amount = yuan(fen - fee)
	w.inner(fen,
		end{w.wechat, -1, connectors.Bill{At: at, Direction: connectors.Out, Kind: connectors.Withdrawal, RawKind: "零钱提现", Counterparty: c.short,
			Method: c.short, Description: "服务费¥" + yuan(fee).Value(), Note: "fee_included", Order: "207" + w.digits(25)}},
		net)
}

// save puts money into 余额宝 or takes it out; card nil: from and to the wallet's own balance.
func (w *writer) save(at time.Time, c *card, fen int64, in bool) int {
	b := connectors.Bill{At: at, RawKind: "投资理财", Category: "投资理财", Counterparty: "余额宝", Method: "余额", Order: at.Format("20060102") + "00913010001" + w.digits(13)}
	named, ends := -1, []end{}
	if c != nil {
		b.Method, named = c.asAlipay(), c.named(w)
	}
	switch {
	case in:
		b.Kind, b.Direction, b.Description = connectors.Investment, connectors.Out, "余额宝-单次转入"
		if c != nil {
			ends = append(ends, w.atBank(c, at, connectors.Out, connectors.Payment, c.paid, "支付宝"+c.dash+"余额宝", ""))
		}
	case c != nil:
		b.Kind, b.Direction, b.Description, b.Counterparty = connectors.Redemption, connectors.Out, "余额宝-转出到银行卡", c.zh
		ends = append(ends, w.atBank(c, at.Add(w.seconds(2, 3600)), connectors.In, connectors.Redemption, "蚂蚁基金赎回到银行", "支付宝(中国)网络技术有限公司", ""))
	default:
		b.Kind, b.Direction, b.Description = connectors.Redemption, connectors.In, "余额宝-转出到余额"
	}
	return w.inner(fen, append([]end{{w.alipay, named, b}}, ends...)...)
}

// invest buys a fund, out of 余额宝 or a card.
func (w *writer) invest(at time.Time, c *card, fen int64) int {
	b := connectors.Bill{At: at, Direction: connectors.Out, Kind: connectors.Investment, RawKind: "投资理财", Category: "投资理财", Method: "余额宝",
		Counterparty: "蚂蚁财富-蚂蚁(杭州)基金销售有限公司", Description: "蚂蚁财富-稳进债券A-买入", Order: at.Format("20060102") + "0010800122" + w.digits(14)}
	if c == nil {
		return w.inner(fen, end{w.alipay, -1, b})
	}
	b.Method = c.asAlipay()
	return w.inner(fen, end{w.alipay, c.named(w), b},
		w.atBank(c, at, connectors.Out, connectors.Payment, c.paid, "支付宝"+c.dash+"蚂蚁(杭州)基金销售有限公司", ""))
}

// repay pays a credit card off: out of a debit card through a wallet, which
// three accounts tell, out of a wallet's own money, or from bank to bank.
func (w *writer) repay(at time.Time, from, to *card, fen int64) {
	arrives := at.Add(w.seconds(5, 7200))
	switch w.rng.IntN(4) {
	case 0: // through Alipay
		w.inner(fen,
			end{w.alipay, -1, connectors.Bill{At: at, Direction: connectors.Out, Kind: connectors.Repayment, RawKind: "信用借还", Category: "信用借还",
				Counterparty: to.zh, Description: "信用卡还款", Method: from.asAlipay(), Order: at.Format("20060102") + "00003001560" + w.digits(13)}},
			w.atBank(from, at, connectors.Out, connectors.Payment, from.paid, "支付宝"+from.dash+"信用卡还款", ""),
			w.atBank(to, arrives, connectors.In, connectors.Repayment, "信用卡还款", "支付宝还款", ""))
	case 1: // out of 余额宝
		w.inner(fen,
			end{w.alipay, -1, connectors.Bill{At: at, Direction: connectors.Out, Kind: connectors.Repayment, RawKind: "信用借还", Category: "信用借还",
				Counterparty: to.zh, Description: "信用卡还款", Method: "余额宝", Order: at.Format("20060102") + "00003001560" + w.digits(13)}},
			w.atBank(to, arrives, connectors.In, connectors.Repayment, "信用卡还款", "支付宝还款", ""))
	case 2: // out of 零钱
		w.inner(fen,
			end{w.wechat, -1, connectors.Bill{At: at, Direction: connectors.Out, Kind: connectors.Repayment, RawKind: "信用卡还款",
				Counterparty: to.short + "信用卡还款", Method: "零钱", Order: "42000" + w.digits(23)}},
			w.atBank(to, arrives, connectors.In, connectors.Repayment, "信用卡还款", "财付通还款", ""))
	default: // by the bank itself
		out := w.atBank(from, at, connectors.Out, connectors.Repayment, "信用卡自动还款", to.zh+"信用卡中心", "信用卡还款("+to.number+")")
		w.inner(fen, out, w.atBank(to, at, connectors.In, connectors.Repayment, "自动转账还款", "自动转账还款", ""))
	}
}

// payLater pays off what was bought with 花呗, 美团月付 or 白条.
func (w *writer) payLater(at time.Time, pot string, from *card) {
	fen := w.owed[pot]
	if fen <= 0 {
		return
	}
	w.owed[pot] = 0
	month := at.Format("2006年01月账单")
	switch pot {
	case "花呗":
		b := connectors.Bill{At: at, Direction: connectors.Out, Kind: connectors.Repayment, RawKind: "信用借还", Category: "信用借还", Counterparty: "花呗",
			Description: "自动还款-花呗" + month, Method: "余额宝", Order: at.Format("20060102") + "2902084856" + w.digits(14)}
		if from == nil {
			w.inner(fen, end{w.alipay, -1, b})
			return
		}
		if w.roll(0.1) { // the card is empty, for once; the next day it is not
			failed := b
			failed.State, failed.Method = connectors.Failed, ""
			m := w.move(connectors.FlowInternal, yuan(fen))
			w.Truth.Movements[m].Counts = false
			failed.Amount, failed.Flow = yuan(fen), connectors.FlowInternal
			w.tell(m, w.alipay, -1, failed)
			b.At = at.AddDate(0, 0, 1)
		}
		b.Method = from.asAlipay()
		w.inner(fen, end{w.alipay, from.named(w), b}, w.atBank(from, b.At, connectors.Out, connectors.Payment, from.paid, "支付宝"+from.dash+"花呗还款", ""))
	case "美团月付":
		w.inner(fen,
			end{w.meituan, from.named(w), connectors.Bill{At: at, Direction: connectors.Out, Kind: connectors.Repayment, RawKind: "还款", Counterparty: "美团",
				Description: "【美团月付】主动还款" + month, Method: from.asAlipay(), Order: at.Format("060102") + w.digits(26)}},
			w.atBank(from, at, connectors.Out, connectors.Payment, from.paid, "钱袋宝支付"+from.dash+"美团月付还款", ""))
	case "白条":
		w.inner(fen,
			end{w.jd, from.named(w), connectors.Bill{At: at, Direction: connectors.Out, Kind: connectors.Repayment, RawKind: "白条", Counterparty: "京东金融",
				Description: "白条还款", Method: from.asAlipay(), Order: "30" + w.digits(10)}},
			w.atBank(from, at, connectors.Out, connectors.Payment, from.paid, "网银在线"+from.dash+"白条还款", ""))
	}
}

// between own banks; sometimes it arrives the next day.
func (w *writer) ownTransfer(at time.Time, from, to *card, fen int64) {
	arrives := at.Add(w.seconds(1, 90))
	if w.roll(0.1) {
		arrives = at.Add(14 * time.Hour)
	}
	w.inner(fen,
		w.atBank(from, at, connectors.Out, connectors.Transfer, "跨行转账", "本人", to.zh+"("+to.number+")"),
		w.atBank(to, arrives, connectors.In, connectors.Transfer, "他行汇入", "本人", from.zh))
}

// buyDollars moves money between two currencies: two movements, for neither
// tells what the other came to.
func (w *writer) buyDollars(at time.Time, c *card, cents int64) {
	fen := cents * w.between(700, 730) / 100
	w.inner(fen, end{c.account, -1, connectors.Bill{At: at, Direction: connectors.Out, Kind: connectors.Transfer, RawKind: "购汇", Counterparty: "本人", DateOnly: !c.times()}})
	dollars := yuan(cents)
	dollars.Currency = "USD"
	m := w.move(connectors.FlowInternal, dollars)
	w.tell(m, w.dollars, -1, connectors.Bill{At: at, Amount: dollars, Direction: connectors.In, Flow: connectors.FlowInternal, Kind: connectors.Transfer,
		RawKind: "购汇", Counterparty: "本人", DateOnly: !c.times()})
}

// borrow takes 借呗 onto a card.
func (w *writer) borrow(at time.Time, c *card, fen int64) int {
	return w.inner(fen,
		end{w.alipay, c.named(w), connectors.Bill{At: at, Direction: connectors.In, Kind: connectors.LoanKind, RawKind: "信用借还", Category: "信用借还",
			Counterparty: "蚂蚁借呗", Description: "蚂蚁借呗放款至银行卡", Method: c.asAlipay(), Order: at.Format("20060102") + "1019301815" + w.digits(14)}},
		w.atBank(c, at.Add(w.seconds(5, 300)), connectors.In, connectors.Transfer, "转账", "支付宝"+c.dash+"蚂蚁借呗放款", ""))
}
