package mock

import (
	"math/rand/v2"
	"time"
)

var (
	breakfast   = store{"桥头早点", "豆浆/油条", "5814", "线下门店"}
	metro       = store{"小镇地铁", "地铁乘车", "4111", "公共交通"}
	noodles     = store{"老街面馆", "牛肉面", "5812", "线下门店"}
	supermarket = store{"小镇超市", "日用百货", "5411", "线下门店"}
	webshop     = store{"蓝鲸网购", "网上购物", "5311", "电子商务"}
	cinema      = store{"云顶影院", "电影票", "7832", "电子商务"}
	pharmacy    = store{"百草药房", "药品", "5912", "线下门店"}
	water       = store{"小镇水务", "水费", "4900", "生活缴费"}
	power       = store{"小镇电力", "电费", "4900", "生活缴费"}
	gas         = store{"小镇燃气", "燃气费", "4900", "生活缴费"}
)

// daily is what a person does on a day. Every draw is made whether it is
// needed or not, so that one change of mind does not change the whole day.
func (w *world) daily(p *person, day time.Time, r *rand.Rand) []happening {
	var plan []happening
	add := func(chance, hour, spread int, deed func(time.Time)) {
		at := day.Add(time.Duration(hour)*time.Hour + time.Duration(r.IntN(spread*60))*time.Second)
		if r.IntN(100) < chance {
			plan = append(plan, happening{at, deed})
		}
	}
	card := func(chance int) *account { // what the person pays with: nil is the wallet's balance
		credit, pick := p.credit(), r.IntN(100)
		switch {
		case pick >= chance:
			return nil
		case credit != nil && pick%2 == 0:
			return credit
		}
		return p.debit()
	}
	regret := func(chance int) time.Duration {
		days, pick := 2+r.IntN(4), r.IntN(100)
		if pick < chance {
			return time.Duration(days)*24*time.Hour + time.Duration(r.IntN(7200))*time.Second
		}
		return 0
	}
	workday := 100
	if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
		workday = 15
	}
	add(80, 3, 50, w.fundIncome(p, 20+r.Int64N(160)))
	add(60*workday/100, 7, 55, w.payByAlipay(p, breakfast, between(r, 600, 1800), card(30), 0))
	add(70*workday/100, 8, 40, w.payByAlipay(p, metro, 200+100*r.Int64N(4), card(20), 0))
	add(45, 12, 50, w.payByAlipay(p, noodles, between(r, 1400, 3800), card(50), 0))
	add(65*workday/100, 18, 40, w.payByAlipay(p, metro, 200+100*r.Int64N(4), card(20), 0))
	add(28, 19, 90, w.payByAlipay(p, supermarket, between(r, 2500, 18000), card(80), 0))
	add(8, 17, 90, w.swipe(p.debit(), supermarket, between(r, 5000, 26000)))
	add(9, 21, 110, w.payByAlipay(p, webshop, between(r, 3900, 59900), card(85), regret(14)))
	add(4, 20, 40, w.payByAlipay(p, cinema, between(r, 3500, 8000), card(40), 0))
	add(3, 16, 60, w.payByAlipay(p, pharmacy, between(r, 1500, 12000), card(40), 0))

	friend := w.people[(p.index+1+r.IntN(len(w.people)-1))%len(w.people)]
	words := []string{"饭钱AA", "谢谢帮忙", "车费", "生日快乐", "还上次的钱"}[r.IntN(5)]
	add(5, 20, 110, w.sendByAlipay(p, friend, between(r, 1000, 20000), words))

	owner := w.people[(p.index+1+r.IntN(len(w.people)-1))%len(w.people)]
	goods, price := owner.shop.offer(r)
	chance := 30
	if int(day.Weekday()) == owner.shop.closed {
		chance = 0
	}
	add(chance, 14, 180, w.buyByWeChat(p, p.openid, owner, goods, price, r.IntN(100) < 70, regret(4)))
	for range 3 {
		goods, price = p.shop.offer(r)
		chance = 55
		if int(day.Weekday()) == p.shop.closed {
			chance = 0
		}
		add(chance, 10, 560, w.buyByWeChat(nil, w.visitors[r.IntN(len(w.visitors))], p, goods, price, false, regret(3)))
	}
	return plan
}

func (s *shop) offer(r *rand.Rand) (string, int64) {
	return s.goods[r.IntN(len(s.goods))], between(r, s.price[0], s.price[1])
}

// monthly is what has its day in the week, month or quarter.
func (w *world) monthly(p *person, day time.Time, r *rand.Rand) []happening {
	var plan []happening
	add := func(hour int, deed func(time.Time)) {
		at := day.Add(time.Duration(hour)*time.Hour + time.Duration(r.IntN(3000))*time.Second)
		plan = append(plan, happening{at, deed})
	}
	if day.Weekday() == time.Monday {
		add(11, w.payOut(p))
	}
	home := p.debit()
	switch day.Day() {
	case 5:
		add(9, w.move(home, p.landlord, p.rent, "房租-"+landlordName, "DMCT", "转账"))
	case 10:
		add(9, w.move(p.employer, home, p.salary+r.Int64N(50000), "代发工资", "SALA", "代发"))
	case 12:
		if last := p.cards[len(p.cards)-1]; last.kind == savings {
			add(10, w.move(home, last, 50000, "跨行转账-"+p.name, "DMCT", "转账"))
		}
	case 15:
		add(10, w.payByAlipay(p, water, between(r, 2000, 6000), home, 0))
		add(10, w.payByAlipay(p, power, between(r, 6000, 22000), home, 0))
		add(10, w.payByAlipay(p, gas, between(r, 3000, 9000), home, 0))
	case 18:
		add(13, w.payByAlipay(p, store{"小镇通信", "话费充值-" + p.phone, "4814", "生活缴费"}, 5000, home, 0))
	case 20:
		if credit := p.credit(); credit != nil {
			add(15, w.repay(home, credit))
		}
	case 22:
		// A friend's bank account, with its number and name on the row.
		friend := w.people[(p.index+3)%len(w.people)]
		add(16, w.move(home, friend.debit(), between(r, 5000, 30000), "转账-"+friend.name, "DMCT", "转账"))
	case 25, 2:
		add(8, w.topUp(p, 30000+10000*r.Int64N(4)))
	case 28:
		add(20, w.withdraw(p, 40000))
	}
	if day.Day() == 21 && day.Month()%3 == 0 {
		for _, a := range p.cards {
			if a.kind != creditCard {
				add(1, w.interest(a))
			}
		}
	}
	return plan
}
