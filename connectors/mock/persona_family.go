package mock

import (
	"math/rand/v2"
	"time"
)

var (
	market     = store{"小镇菜市场", "蔬菜水果", "5411", "线下门店"}
	bakery     = store{"麦香面包房", "面包", "5462", "线下门店"}
	hotpot     = store{"老灶火锅", "火锅", "5812", "线下门店"}
	teahouse   = store{"三月茶饮", "奶茶", "5814", "线下门店"}
	petrol     = store{"小镇加油站", "92号汽油", "5541", "线下门店"}
	parking    = store{"小镇停车", "停车费", "7523", "生活缴费"}
	canteen    = store{"江南大学食堂", "套餐", "5812", "校园"}
	bookshop   = store{"青禾书店", "教材", "5942", "线下门店"}
	tutoring   = store{"琴声教室", "钢琴课", "8299", "线下门店"}
	clinic     = store{"小镇医院", "门诊挂号", "8062", "医疗"}
	broadband  = store{"小镇通信", "宽带费", "4814", "生活缴费"}
	insurer    = store{"安心保险", "家庭保险", "6300", "电子商务"}
	railway    = store{"小镇铁路", "火车票", "4112", "电子商务"}
	clothes    = store{"晴天服饰", "衣服", "5651", "电子商务"}
	gym        = store{"跃动健身", "健身月卡", "7997", "线下门店"}
	videos     = store{"云影视频", "连续包月会员", "5815", "电子商务"}
	rides      = store{"顺路出行", "快车", "4121", "公共交通"}
	delivery   = store{"到家外卖", "外卖", "5812", "电子商务"}
	games      = store{"方块游戏", "游戏充值", "5816", "电子商务"}
	phones     = store{"星河数码", "手机", "5732", "电子商务"}
	university = "江南大学"
)

// settleFamily moves in a father, a mother, and, in turns, a grown child or a
// grandmother. The first pays the mortgage and hands on the housekeeping money.
func settleFamily(m *mover) {
	surname := m.one(surnames)
	father := m.person(surname, m.one(men), 80_000)
	mother := m.person(m.one(surnames), m.one(women), 150_000)
	work, lender := m.outside("北山机械有限公司"), m.outside("江南银行个人住房贷款")

	pay := m.card(father, 0, debitCard, 1_860_000)
	credit := m.card(father, 0, creditCard, 3_000_000)
	car := m.further(father, DonglingBank, debitCard, 420_000)
	house := m.card(mother, 1, debitCard, 640_000)
	hers := m.further(mother, XiheBank, debitCard, 380_000)
	saved := m.further(mother, ZhaoluBank, savings, 5_200_000)

	father.does(m.lives(father, 60_000)...)
	father.does(
		habit{on: eachMonth(10), chance: 100, hour: 9, minutes: 40, deed: m.moves(work, pay, 1_480_000, 1_530_000, "代发工资", "SALA", "代发")},
		habit{on: eachMonth(6), chance: 100, hour: 6, minutes: 30, deed: always(m.move(pay, lender, 468_732, "个人住房贷款还款", "DMCT", "贷款还款"))},
		habit{on: eachMonth(11), chance: 100, hour: 12, minutes: 90, deed: always(m.move(pay, house, 360_000, "家用", "DMCT", "转账"))},
		habit{on: eachMonth(12), chance: 100, hour: 10, minutes: 30, deed: always(m.move(pay, car, 120_000, "养车", "DMCT", "转账"))},
		m.repays(pay, credit),
		habit{on: workdays, chance: 55, hour: 12, minutes: 50, deed: m.buys(father, noodles, 1800, 4200, nil, 0)},
		habit{on: workdays, chance: 35, hour: 18, minutes: 60, deed: m.buys(father, parking, 500, 2500, nil, 0)},
		habit{on: eachWeek(time.Sunday), chance: 70, hour: 17, minutes: 90, deed: m.swipes(car, petrol, 18_000, 38_000)},
		habit{on: eachWeek(time.Saturday), chance: 75, hour: 18, minutes: 90, deed: m.buys(father, hotpot, 16_000, 42_000, credit, 0)},
		habit{chance: 9, hour: 21, minutes: 100, deed: m.buys(father, webshop, 5900, 68_000, credit, 15)},
		habit{on: eachYear(16, time.January), chance: 100, hour: 10, minutes: 60, deed: m.buys(father, insurer, 480_000, 480_010, pay, 0)},
		habit{on: eachMonth(19), chance: 100, hour: 20, minutes: 60, deed: m.buys(father, broadband, 12_900, 12_910, pay, 0)},
	)
	mother.does(m.lives(mother, 160_000)...)
	mother.does(
		habit{on: eachMonth(8), chance: 100, hour: 10, minutes: 60, deed: m.moves(m.outside("小镇第一小学"), hers, 720_000, 760_000, "代发工资", "SALA", "代发")},
		habit{on: eachMonth(9), chance: 100, hour: 12, minutes: 60, deed: always(m.move(hers, house, 180_000, "家用", "DMCT", "转账"))},
		habit{on: eachMonth(13), chance: 100, hour: 10, minutes: 60, deed: always(m.move(hers, saved, 480_000, "存钱", "DMCT", "转账"))},
		habit{chance: 85, hour: 7, minutes: 100, deed: m.buys(mother, market, 2200, 9800, nil, 0)},
		habit{on: eachWeek(time.Wednesday, time.Saturday), chance: 80, hour: 17, minutes: 120, deed: m.swipes(house, supermarket, 6800, 32_000)},
		habit{chance: 25, hour: 8, minutes: 30, deed: m.buys(mother, bakery, 1200, 4600, nil, 0)},
		habit{chance: 12, hour: 20, minutes: 150, deed: m.buys(mother, clothes, 8900, 46_000, house, 25)},
		habit{on: eachMonth(15), chance: 100, hour: 10, minutes: 40, deed: m.buys(mother, water, 3800, 8200, house, 0)},
		habit{on: eachMonth(15), chance: 100, hour: 11, minutes: 40, deed: m.buys(mother, power, 12_000, 36_000, house, 0)},
		habit{on: eachMonth(15), chance: 100, hour: 12, minutes: 40, deed: m.buys(mother, gas, 6000, 15_000, house, 0)},
		habit{on: eachMonth(24), chance: 60, hour: 19, minutes: 90, deed: m.sends(father, mother, 20_000, 80_000, "买菜钱", "周末聚餐", "给你")},
	)
	if m.number%2 == 1 {
		m.student(surname, father, mother, pay)
	} else {
		m.grandmother(father, mother)
	}
	third := m.people[2]
	for _, on := range []func(time.Time) bool{eachYear(16, time.February), eachYear(5, time.October)} {
		father.does(habit{on: on, chance: 100, hour: 20, minutes: 30, deed: always(m.hongbao(father, third, 88_800))})
		mother.does(habit{on: on, chance: 100, hour: 20, minutes: 30, deed: always(m.hongbao(mother, third, 66_600))})
	}
}

// student is the grown child: an allowance, and a card that the mother pays.
func (m *mover) student(surname name, father, mother *person, pay *account) {
	child := m.person(surname, m.one(youths), 42_000)
	card := m.card(child, 1, debitCard, 180_000)
	line := m.further(child, Qingshi, creditLine, 300_000)
	coins := m.account(child, bankNames[1], ecnyWallet, 6600)
	child.further = append(child.further, coins)
	father.does(
		habit{on: eachMonth(1), chance: 100, hour: 9, minutes: 60, deed: always(m.move(pay, card, 90_000, "生活费", "DMCT", "转账"))},
		habit{on: eachYear(1, time.September), chance: 100, hour: 14, minutes: 60, deed: always(m.move(pay, m.outside(university), 650_000, "学费", "DMCT", "转账"))},
	)
	child.does(m.lives(child, 20_000)...)
	child.does(m.repays(card, line),
		habit{chance: 70, hour: 12, minutes: 50, deed: m.buys(child, canteen, 1000, 2600, nil, 0)},
		habit{chance: 35, hour: 16, minutes: 180, deed: m.byFamilyCard(child, mother, teahouse, 1200, 2600)},
		habit{chance: 15, hour: 18, minutes: 120, deed: m.byFamilyCard(child, mother, supermarket, 1800, 7800)},
		habit{chance: 10, hour: 21, minutes: 100, deed: m.buys(child, webshop, 2900, 16_800, line, 20)},
		habit{on: inWeekOf(3, time.March, time.September), chance: 45, hour: 15, minutes: 120, deed: m.buys(child, bookshop, 4800, 19_800, card, 0)},
		habit{on: eachMonth(5, 19), chance: 100, hour: 11, minutes: 60, deed: always(m.fillECNY(card, coins, 10_000))},
		habit{on: workdays, chance: 30, hour: 8, minutes: 50, deed: m.fares(child, coins)},
		habit{on: eachWeek(time.Friday), chance: 35, hour: 19, minutes: 90, deed: m.sends(child, mother, 500, 3000, "还你快递费", "水果钱", "帮你买的")},
		habit{on: eachMonth(20), chance: 70, hour: 20, minutes: 90, deed: m.sends(mother, child, 20_000, 50_000, "加点生活费", "买件外套", "吃好点")},
		habit{on: eachYear(28, time.January, time.June, time.September), chance: 100, hour: 9, minutes: 60, deed: m.buys(child, railway, 14_800, 36_000, card, 0)},
	)
}

// grandmother lives on a pension, and shops by the mother's card.
func (m *mover) grandmother(father, mother *person) {
	granny := m.person(m.one(surnames), m.one(oldWomen), 60_000)
	card := m.card(granny, 0, debitCard, 1_240_000)
	saved := m.further(granny, ZhaoluBank, savings, 8_600_000)
	coins := m.account(granny, bankNames[0], ecnyWallet, 12_000)
	granny.further = append(granny.further, coins)
	granny.does(m.lives(granny, 20_000)...)
	granny.does(
		habit{on: eachMonth(15), chance: 100, hour: 9, minutes: 60, deed: always(m.move(m.outside("小镇社保中心"), card, 386_500, "养老金", "SALA", "代发"))},
		habit{on: eachMonth(17), chance: 100, hour: 10, minutes: 60, deed: always(m.move(card, saved, 100_000, "存钱", "DMCT", "转账"))},
		habit{chance: 55, hour: 8, minutes: 90, deed: m.byFamilyCard(granny, mother, market, 1500, 6800)},
		habit{chance: 12, hour: 15, minutes: 120, deed: m.byFamilyCard(granny, mother, pharmacy, 1800, 12_800)},
		habit{chance: 6, hour: 9, minutes: 60, deed: m.buys(granny, clinic, 2500, 18_000, card, 0)},
		habit{on: eachMonth(4, 18), chance: 100, hour: 10, minutes: 60, deed: always(m.fillECNY(card, coins, 10_000))},
		habit{chance: 20, hour: 7, minutes: 60, deed: m.paysByECNY(coins, breakfast, 500, 1500)},
		habit{on: eachMonth(26), chance: 80, hour: 19, minutes: 90, deed: m.sends(father, granny, 30_000, 60_000, "孝敬妈", "买点好吃的", "过节")},
	)
}

func (m *mover) byFamilyCard(buyer, payer *person, s store, from, below int64) func(*rand.Rand) func(time.Time) {
	return func(r *rand.Rand) func(time.Time) { return m.payByFamilyCard(buyer, payer, s, between(r, from, below)) }
}
