package mock

import (
	"math/rand/v2"
	"time"
)

var trades = []struct {
	name, goods string
	price       [2]int64
	closed      int
	supplier    string
	stock       store
}{
	{"巷口生煎", "生煎 锅贴 小馄饨 豆浆", [2]int64{1200, 5800}, 2, "江南粮油批发有限公司", store{"源头批发网", "包装盒", "5199", "电子商务"}},
	{"半亩花房", "月季 绣球 多肉 花束", [2]int64{1800, 16_800}, 3, "云岭花卉合作社", store{"源头批发网", "花盆 营养土", "5193", "电子商务"}},
	{"老张修车", "补胎 换机油 洗车 刹车片", [2]int64{2500, 38_000}, -1, "北山汽配有限公司", store{"源头批发网", "汽车配件", "5013", "电子商务"}},
	{"小满烘焙", "吐司 蛋挞 生日蛋糕 曲奇", [2]int64{800, 19_800}, 1, "江南粮油批发有限公司", store{"源头批发网", "烘焙原料", "5199", "电子商务"}},
}

// settleShopOwner moves in the owner of a shop, whose business has a card of its
// own: takings go there, suppliers, rent and help are paid from there, and once a
// month the owner takes something out.
func settleShopOwner(m *mover) {
	owner := m.person(m.one(surnames), m.one(women), 90_000)
	t := trades[m.number%len(trades)]
	m.opensShop(owner, t.name, t.goods, t.price, t.closed)
	private := m.card(owner, 1, debitCard, 860_000)
	business := m.card(owner, 0, debitCard, 4_800_000)
	business.product, business.holder = "个体工商户结算卡", t.name
	tax := m.further(owner, DonglingBank, debitCard, 600_000)
	tax.product = "经营备用金"
	saved := m.further(owner, ZhaoluBank, savings, 1_500_000)
	owner.business = business
	supplier, landlord, help, taxes := m.outside(t.supplier), m.outside(landlordName), m.outside("钱小工"), m.outside("小镇税务局")

	open := func(day time.Time) bool { return int(day.Weekday()) != t.closed }
	mean := (t.price[0] + t.price[1]) / 2
	owner.does(m.lives(owner, 30_000)...)
	owner.does(
		habit{on: open, chance: 75, times: 16, hour: 9, minutes: 680, deed: func(r *rand.Rand) func(time.Time) {
			goods, fen := owner.shop.offer(r)
			var regret time.Duration
			if days, pick := 1+r.IntN(3), r.IntN(100); pick < 3 {
				regret = time.Duration(days)*24*time.Hour + time.Duration(r.IntN(3600))*time.Second
			}
			return m.buyByWeChat(nil, m.visitors[r.IntN(len(m.visitors))], owner, goods, fen, false, regret)
		}},
		habit{on: open, chance: 60, times: 4, hour: 9, minutes: 680, deed: func(r *rand.Rand) func(time.Time) {
			goods, fen := owner.shop.offer(r)
			by := "*" + string([]rune(oneOf(r, women).zh)[1:]) + "(1" + digits(r, 2) + "******" + digits(r, 2) + ")"
			return m.collect(owner, by, "收款-"+goods, fen)
		}},
		habit{chance: 100, hour: 22, minutes: 60, deed: always(m.payOut(owner))},
		habit{on: eachWeek(time.Tuesday, time.Friday), chance: 100, hour: 6, minutes: 60, deed: m.moves(business, supplier, mean*9, mean*15, "货款", "DMCT", "转账")},
		habit{on: eachWeek(time.Thursday), chance: 80, hour: 21, minutes: 60, deed: m.buys(owner, t.stock, mean*2, mean*5, business, 6)},
		habit{on: eachMonth(3), chance: 100, hour: 10, minutes: 60, deed: always(m.move(business, landlord, mean*45, "店租-"+landlordName, "DMCT", "转账"))},
		habit{on: eachMonth(5), chance: 100, hour: 10, minutes: 60, deed: always(m.move(business, help, mean*50, "工资", "DMCT", "转账"))},
		habit{on: eachMonth(8), chance: 100, hour: 11, minutes: 60, deed: m.moves(business, private, mean*75, mean*100, "经营收入转入", "DMCT", "转账")},
		habit{on: eachMonth(9), chance: 100, hour: 11, minutes: 60, deed: always(m.move(business, tax, mean*10, "备用金", "DMCT", "转账"))},
		habit{on: eachYear(14, time.January, time.April, time.July, time.October), chance: 100, hour: 15, minutes: 60, deed: m.moves(tax, taxes, mean*18, mean*30, "个体经营税款", "DMCT", "缴税")},
		habit{on: eachMonth(12), chance: 100, hour: 10, minutes: 60, deed: always(m.move(private, saved, 80_000, "存钱", "DMCT", "转账"))},
		habit{on: eachMonth(26), chance: 100, hour: 20, minutes: 60, deed: always(m.withdraw(owner, 100_000))},
		habit{on: eachMonth(15), chance: 100, hour: 10, minutes: 60, deed: m.buys(owner, power, mean*4, mean*7, business, 0)},
		habit{on: eachMonth(15), chance: 100, hour: 12, minutes: 60, deed: m.buys(owner, water, mean, mean*2, business, 0)},
		habit{chance: 60, hour: 6, minutes: 60, deed: m.buys(owner, breakfast, 600, 1500, nil, 0)},
		habit{chance: 25, hour: 20, minutes: 60, deed: m.buys(owner, supermarket, 2800, 16_000, private, 0)},
		habit{chance: 6, hour: 21, minutes: 100, deed: m.buys(owner, webshop, 4900, 39_900, private, 18)},
		habit{on: eachMonth(20), chance: 100, hour: 9, minutes: 60, deed: m.buys(owner, tutoring, 60_000, 60_010, private, 0)},
	)
}
