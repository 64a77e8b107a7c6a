package year

import (
	"fmt"
	"slices"
	"time"

	"jali/connectors"
)

// habits are what a person does alike from day to day.
type habits struct {
	fare         int64 // of the bus to work, and back
	bus, coffee  way
	cafe         shop
	cup          int64
	shortMethods bool // WeChat writes 工商银行(1234), as it did in its older exports
	salary, rent int64
	payday       int
	home         *card // the card that salary comes to
	everyday     *card
	flatmate     string
}

func (w *writer) adoptHabits() {
	w.habits = habits{fare: pick(w, []int64{200, 300, 400}), cafe: pick(w, cafes), shortMethods: w.roll(0.3),
		salary: w.between(60, 240) * 10000, rent: w.between(18, 65) * 10000, payday: int(w.between(5, 15)),
		home: w.debits[0], everyday: pick(w, w.cards()), flatmate: pick(w, friends)}
	w.habits.cup = w.price(w.habits.cafe)
	w.habits.bus, w.habits.coffee = w.anyWay(), w.anyWay()
	w.habits.bus.extra, w.habits.coffee.extra = "", "" // no red packet is given every day
}

func (w *writer) cards() []*card { return slices.Concat(w.credits, w.debits) }

// anyWay is how something in the street is paid.
func (w *writer) anyWay() way {
	by := way{app: -1, wallet: w.wechat}
	if w.roll(0.5) {
		by.wallet = w.alipay
	}
	switch n := w.rng.Float64(); {
	case n < 0.35:
		by.card = w.habits.everyday
	case n < 0.6:
		by.card = pick(w, w.cards())
	case by.wallet == w.alipay:
		by.pot = pick(w, []string{"花呗", "花呗", "余额宝", "余额"})
	default:
		by.pot = pick(w, []string{"零钱", "零钱", "零钱通"})
	}
	if by.wallet == w.alipay {
		switch {
		case by.card != nil && w.roll(0.005):
			by.extra = "&红包"
		case by.pot == "余额宝" && w.roll(0.05):
			by.extra = "&花呗金"
		}
	}
	return by
}

// appWay is how something in an app is paid.
func (w *writer) appWay(app int) way {
	by := way{app: app, wallet: -1}
	switch n := w.rng.Float64(); {
	case n < 0.4:
		by.card = pick(w, w.credits)
	case n < 0.75:
		by.wallet = w.wechat
		by.card, by.pot = w.habits.everyday, ""
		if w.roll(0.3) {
			by.card, by.pot = nil, "零钱"
		}
	case n < 0.88 && app == w.meituan:
		by.wallet, by.card = w.alipay, w.habits.everyday
		if w.roll(0.4) {
			by.card, by.pot = nil, "花呗"
		}
	case app == w.meituan:
		by.pot = pick(w, []string{"美团月付", "美团月付", "美团余额"})
	default:
		by.pot = pick(w, []string{"白条", "白条", "钱包余额"})
	}
	return by
}

// clock is a moment of a day, from an hour until another.
func (w *writer) clock(day time.Time, from, to float64) time.Time {
	return day.Add(w.seconds(int64(from*3600), int64(to*3600)))
}

// day is one of the person's days.
func (w *writer) day(day time.Time) {
	due := w.later
	w.later = nil
	for _, p := range due {
		if p.on.Before(day.AddDate(0, 0, 1)) {
			p.do(p.on)
		} else {
			w.later = append(w.later, p)
		}
	}
	for range w.plan.Busy {
		w.shop(day)
	}
	w.month(day)
	w.tell(w.move(connectors.FlowIn, yuan(w.between(30, 260))), w.alipay, -1, connectors.Bill{At: w.clock(day, 2, 6), Direction: connectors.In,
		Amount: w.Truth.Movements[len(w.Truth.Movements)-1].Amount, Flow: connectors.FlowIn, Kind: connectors.Interest, RawKind: "投资理财", Category: "投资理财", Counterparty: "广发基金管理有限公司",
		Description: "余额宝-" + day.AddDate(0, 0, -1).Format("2006.01.02") + "-收益发放", Method: "余额宝", Order: day.Format("20060102") + w.digits(12)})
}

// shop is what is bought on a day, by one ordinary person.
func (w *writer) shop(day time.Time) {
	h := &w.habits
	bus := shop{"公共交通", "上海公共交通卡股份有限公司", "交通出行", 0, 0, 1}
	if wd := day.Weekday(); wd != time.Saturday && wd != time.Sunday {
		if w.roll(0.85) {
			w.buy(w.clock(day, 7.3, 8.8), bus, "", h.fare, h.bus)
			w.buy(w.clock(day, 17.8, 20), bus, "", h.fare, h.bus)
		}
		if w.roll(0.5) {
			w.buy(w.clock(day, 8.8, 9.6), h.cafe, "", h.cup, h.coffee)
		}
		if w.roll(0.8) {
			s := pick(w, canteens)
			w.buy(w.clock(day, 11.6, 13.2), s, "", w.price(s), w.anyWay())
		}
	}
	for _, often := range []struct {
		chance   float64
		from     []shop
		earliest float64
	}{{0.45, canteens, 17.5}, {0.6, markets, 10}, {0.3, streets, 8}, {0.2, sundries, 10}, {0.2, cafes, 13}} {
		if w.roll(often.chance) {
			s := pick(w, often.from)
			o := w.buy(w.clock(day, often.earliest, 21.9), s, "", w.price(s), w.anyWay())
			w.maybeBack(o, 0.02, false)
		}
	}
	if w.roll(0.25) {
		s := pick(w, stalls)
		by := w.anyWay()
		by.wallet = w.alipay
		if by.card == nil {
			by.pot = "花呗"
		}
		o := w.buy(w.clock(day, 9, 23.8), s, w.ware(), w.price(s), by)
		w.maybeBack(o, 0.15, true)
	}
	if w.roll(0.45) {
		w.eatIn(day)
	}
	if w.roll(0.25) {
		w.orderAtJD(day)
	}
	if w.roll(0.15) { // by card, no wallet in it
		s, at := pick(w, markets), w.clock(day, 10, 21)
		c := pick(w, w.cards())
		o := w.buy(at, s, "", w.price(s), way{app: -1, wallet: -1, card: c})
		w.maybeBack(o, 0.03, false)
	}
	w.friendsAndFamily(day)
}

func (w *writer) eatIn(day time.Time) {
	s := w.kitchen()
	at := w.clock(day, 10.5, 22.5)
	o := w.buy(at, s, "", w.price(s), w.appWay(w.meituan))
	w.maybeBack(o, 0.06, false)
	if w.roll(0.03) { // the same again, for somebody else
		w.maybeBack(w.buy(at.Add(w.seconds(40, 900)), s, "", o.fen, o.way), 0.1, false)
	}
}

// orderAtJD buys one or several things, of which some go back.
func (w *writer) orderAtJD(day time.Time) {
	at := w.clock(day, 8, 23.5)
	s := shop{"京东平台商户", "北京京东叁佰陆拾度电子商务有限公司", "网购", 980, 89900, 1}
	o := w.buy(at, s, w.ware(), w.price(s), w.appWay(w.jd))
	w.maybeBack(o, 0.15, true)
	if w.roll(0.04) { // one more of them, ordered apart
		twin := w.buy(at.Add(w.seconds(30, 600)), s, o.title, o.fen, o.way)
		if w.roll(0.3) { // and part of each is given back on one day, alike
			part := o.fen / w.between(3, 6)
			for i, each := range []*order{o, twin} {
				if part > 0 {
					w.plans(at.AddDate(0, 0, 3).Add(time.Duration(i)*w.seconds(20, 600)), func(at time.Time) {
						if each.left >= part {
							w.giveBack(at, each, part)
						}
					})
				}
			}
			return
		}
		w.maybeBack(twin, 0.15, true)
	}
	if w.roll(0.1) { // tried on before it is paid, or kept in a deposit: nothing moves
		m := w.move(connectors.FlowInternal, yuan(0))
		w.tell(m, w.jd, -1, connectors.Bill{At: at.Add(w.seconds(5, 60)), Amount: yuan(0), Direction: connectors.Out, Flow: connectors.FlowInternal,
			Kind: connectors.Adjustment, RawKind: "先享后付", Category: "先享后付", Counterparty: "京东平台商户", Description: o.title, Method: "先享后付", Order: "30" + w.digits(10)})
	}
}

func (w *writer) plans(on time.Time, do func(time.Time)) { w.later = append(w.later, planned{on, do}) }

// maybeBack has an order given back, all of it or part after part. Of parcels,
// parts come back as they are returned, for weeks; of food and rides what was
// missing or too much, once, and nearly always within hours.
func (w *writer) maybeBack(o *order, chance float64, parcel bool) {
	if !w.roll(chance) {
		return
	}
	if w.roll(0.5) {
		w.plans(o.at.Add(w.seconds(60, 12*86400)), func(at time.Time) {
			if o.left == o.fen {
				w.giveBack(at, o, o.left)
			}
		})
		return
	}
	part := func(on time.Time) {
		w.plans(on, func(at time.Time) {
			if part := o.fen * w.between(10, 45) / 100; part > 0 && part < o.left {
				w.giveBack(at, o, part)
			}
		})
	}
	if !parcel {
		within := int64(6 * 3600)
		switch {
		case w.roll(0.03):
			within = 8 * 86400
		case w.roll(0.2):
			within = 2 * 86400
		}
		part(o.at.Add(w.seconds(300, within)))
		return
	}
	on := o.at
	for range w.between(1, 3) {
		on = on.Add(w.seconds(3600, 16*86400))
		part(on)
	}
}

// friendsAndFamily is money between people.
func (w *writer) friendsAndFamily(day time.Time) {
	say := func(at time.Time, d connectors.Direction, k connectors.Kind, word, friend, says, pot string, fen int64) {
		w.tell(w.move(connectors.Flow(d), yuan(fen)), w.wechat, -1, connectors.Bill{At: at, Amount: yuan(fen), Direction: d, Flow: connectors.Flow(d),
			Kind: k, RawKind: word, Counterparty: friend, Description: says, Method: pot, Order: "10000" + w.digits(23)})
	}
	if w.roll(0.06) { // a dinner shared: a friend sends half of it, or all
		s := pick(w, canteens)
		at := w.clock(day, 18, 21)
		o := w.buy(at, s, "", w.price(s)*2, w.anyWay())
		half := o.fen
		if w.roll(0.6) {
			half /= 2
		}
		say(at.Add(w.seconds(120, 5400)), connectors.In, connectors.Transfer, "转账", pick(w, friends), "转账备注:饭钱", "", half)
	}
	if w.roll(0.06) {
		say(w.clock(day, 9, 23), pick(w, []connectors.Direction{connectors.In, connectors.Out}), connectors.RedPacket, "微信红包", pick(w, friends), "",
			"零钱", pick(w, []int64{520, 888, 1000, 6600, 8800, 20000}))
	}
	if w.roll(0.05) { // to a friend out of a card: the bank tells of it, too
		c, fen, at := pick(w, w.debits), w.between(1, 20)*5000, w.clock(day, 9, 23)
		friend := pick(w, friends)
		m := w.move(connectors.FlowOut, yuan(fen))
		w.tell(m, w.wechat, c.named(w), connectors.Bill{At: at, Amount: yuan(fen), Direction: connectors.Out, Flow: connectors.FlowOut, Kind: connectors.Transfer,
			RawKind: "转账", Counterparty: friend, Description: "转账备注:微信转账", Method: c.asWeChat(w.habits.shortMethods), Order: "10000" + w.digits(23)})
		b := w.atBank(c, at, connectors.Out, connectors.Payment, c.paid, "财付通"+c.dash+"微信转账", "").bill
		b.Amount, b.Flow = yuan(fen), connectors.FlowOut
		w.tell(m, c.account, -1, b)
	}
	if w.roll(0.03) { // a relative buys on the person's account
		c := w.habits.everyday
		s := pick(w, markets)
		w.buy(w.clock(day, 9, 21), shop{s.name, s.company, "亲友代付", 0, 0, 1}, "亲情卡", w.price(s), way{app: -1, wallet: w.alipay, card: c})
	}
	if w.roll(0.02) { // and the other way: it is not the person's money
		fen := w.between(1000, 20000)
		w.tell(w.move(connectors.FlowInternal, yuan(fen)), w.alipay, -1, connectors.Bill{At: w.clock(day, 9, 21), Amount: yuan(fen), Direction: connectors.Out,
			Flow: connectors.FlowInternal, Kind: connectors.Payment, RawKind: "日用百货", Category: "日用百货", Counterparty: pick(w, stalls).name,
			Description: w.ware(), Method: "亲情卡(小舟)", Order: day.Format("20060102") + "2200117" + w.digits(13)})
	}
	if w.roll(0.02) { // a deposit is let go
		w.tell(w.move(connectors.FlowInternal, yuan(0)), w.alipay, -1, connectors.Bill{At: w.clock(day, 9, 21), Amount: yuan(0), Direction: connectors.Out,
			Flow: connectors.FlowInternal, Kind: connectors.Adjustment, RawKind: "信用借还", Category: "信用借还", Counterparty: "城际共享能源有限公司",
			Description: "自动解冻-充电预授权转支付", Order: day.Format("20060102") + w.digits(12)})
	}
}

// alone writes what only a bank tells of.
func (w *writer) alone(c *card, at time.Time, d connectors.Direction, f connectors.Flow, k connectors.Kind, word, party string, fen int64) {
	e := w.atBank(c, at, d, k, word, party, "")
	e.bill.Amount, e.bill.Flow = yuan(fen), f
	w.tell(w.move(f, yuan(fen)), e.account, -1, e.bill)
}

// month is what comes about on certain days.
func (w *writer) month(day time.Time) {
	h := &w.habits
	dom, out := day.Day(), connectors.Out
	other := w.debits[len(w.debits)-1]
	if dom == h.payday {
		w.alone(h.home, w.clock(day, 9, 17), connectors.In, connectors.FlowIn, connectors.Income, "代发工资", "明澜科技有限公司", h.salary+w.between(0, 99999))
	}
	switch dom {
	case 1:
		w.alone(h.home, w.clock(day, 8, 12), out, connectors.FlowOut, connectors.Transfer, "转账汇款", "房东", h.rent)
		w.buy(w.clock(day, 9, 20), shop{"中国移动", "中国移动通信集团上海有限公司", "充值缴费", 0, 0, 1}, "话费自动充值", pick(w, []int64{5000, 10000}), way{app: -1, wallet: w.alipay, card: w.credits[0]})
	case 3:
		w.topUp(w.clock(day, 9, 22), pick(w, w.debits), pick(w, []int64{20000, 50000, 100000}))
		w.withdraw(w.clock(day, 9, 22), pick(w, w.debits), w.between(100, 3000)*100)
	case 5:
		w.save(w.clock(day, 9, 22), pick(w, w.debits), w.between(5, 60)*10000, true)
		w.save(w.clock(day, 9, 22), nil, w.between(100, 90000), true)
	case 8:
		w.buy(w.clock(day, 6, 8), shop{"国网上海市电力公司", "国网上海市电力公司", "充值缴费", 0, 0, 1}, "电费自动缴费", w.between(4000, 36000), way{app: -1, wallet: w.alipay, card: h.everyday})
		w.buy(w.clock(day, 6, 8), shop{"连连音乐", "连连文化传媒有限公司", "文化休闲", 0, 0, 1}, "连续包月", 1500, w.anyWay())
	case 10:
		from := h.home
		if w.roll(0.5) {
			from = nil
		}
		w.payLater(w.clock(day, 1, 7), "花呗", from)
	case 12:
		w.payLater(w.clock(day, 9, 22), "美团月付", h.home)
		w.payLater(w.clock(day, 9, 22), "白条", other)
	case 15, 24:
		w.ownTransfer(w.clock(day, 9, 22), h.home, other, w.between(5, 80)*10000)
		w.invest(w.clock(day, 9, 14.9), nil, 50000) // every time the same
	case 18:
		w.repay(w.clock(day, 9, 22), h.home, w.credits[0], w.between(90000, 700000))
		w.repay(w.clock(day, 9, 22), other, w.credits[1], w.between(50000, 400000))
	case 20:
		w.save(w.clock(day, 9, 22), pick(w, w.debits), w.between(1, 40)*10000, false)
		w.alone(other, w.clock(day, 9, 22), out, connectors.FlowInternal, connectors.Withdrawal, "ATM取款", "", pick(w, []int64{50000, 100000}))
		w.alone(h.home, w.clock(day, 9, 10), out, connectors.FlowInternal, connectors.Repayment, "贷款还本", "个人住房贷款", 412345)
		w.alone(h.home, w.clock(day, 9, 10), out, connectors.FlowOut, connectors.Interest, "贷款还息", "个人住房贷款", 98765-int64(day.Month())*311)
	case 21:
		if day.Month()%3 == 0 {
			w.alone(h.home, day, connectors.In, connectors.FlowIn, connectors.Interest, "结息", "", w.between(40, 1900))
		}
	case 26:
		w.save(w.clock(day, 9, 22), nil, w.between(100, 60000), false)
		w.buyDollars(w.clock(day, 10, 16), h.home, w.between(50, 500)*100)
	}
	if dom == 14 && day.Month()%3 == 1 {
		w.borrowAndUse(day)
	}
	if dom == 2 && day.Month() == time.June {
		w.alone(w.credits[0], day, out, connectors.FlowOut, connectors.Fee, "年费", "", 20000)
	}
}

// borrowAndUse takes a loan, for a fund or for something that no lender minds,
// and gives it back two months later.
func (w *writer) borrowAndUse(day time.Time) {
	c := w.habits.home
	fen := w.between(5, 50) * 100000
	loan := w.borrow(w.clock(day, 9, 20), c, fen)
	switch w.rng.IntN(4) {
	case 0, 1:
		w.plans(w.clock(day.AddDate(0, 0, int(w.between(0, 3))), 20.5, 22), func(at time.Time) {
			w.Truth.Movements[w.invest(at, c, fen-w.between(0, 3)*10000)].Spends = loan
		})
	case 2: // a tenth of it is put aside: as every month
		w.plans(w.clock(day.AddDate(0, 0, 2), 10, 12), func(at time.Time) { w.invest(at, c, fen/10) })
	default:
		w.plans(w.clock(day.AddDate(0, 0, 1), 10, 18), func(at time.Time) {
			w.buy(at, shop{"宜安装饰", "宜安建筑装饰工程有限公司", "家居家装", 0, 0, 1}, "装修款", fen, way{app: -1, wallet: w.alipay, card: c})
		})
	}
	w.plans(w.clock(day.AddDate(0, 2, 0), 9, 20), func(at time.Time) {
		w.inner(fen+fen*3/200, end{w.alipay, c.named(w), connectors.Bill{At: at, Direction: connectors.Out, Kind: connectors.Repayment, RawKind: "信用借还",
			Category: "信用借还", Counterparty: "蚂蚁借呗", Description: "蚂蚁借呗还款", Method: c.asAlipay(), Order: fmt.Sprint(at.Format("20060102"), "1019301853", w.digits(14))}},
			w.atBank(c, at, connectors.Out, connectors.Payment, c.paid, "支付宝"+c.dash+"蚂蚁借呗还款", ""))
	})
}
