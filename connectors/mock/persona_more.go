package mock

import (
	"math/rand/v2"
	"time"
)

// settleStudent moves in a student who buys on 花呗 what the allowance does not
// reach for: at first all is repaid, then the minimum alone, and from the tenth
// month on nothing when it is due and a little long after.
func settleStudent(m *mover) {
	surname := m.one(surnames)
	p := m.person(surname, m.one(youths), 23_000)
	card := m.card(p, 1, debitCard, 96_000)
	line := m.further(p, Qingshi, creditLine, 500_000)
	lent := m.further(p, Qingshi, loan, 600_000)
	lent.rate = lent.limit / 12
	parents, cafe := m.outside(surname.zh+m.one(men).zh), m.outside("知秋咖啡")

	stage := func(from, to int) func(time.Time) bool {
		return func(day time.Time) bool { return m.age(day) >= from && m.age(day) < to }
	}
	on := func(days, more func(time.Time) bool) func(time.Time) bool {
		return func(day time.Time) bool { return days(day) && more(day) }
	}
	good, poor, bad, spending := stage(0, 4), stage(4, 10), stage(10, 1<<30), stage(3, 1<<30)
	p.does(m.lives(p, 12_000)...)
	p.does(
		habit{on: eachMonth(1), chance: 100, hour: 9, minutes: 60, deed: always(m.move(parents, card, 140_000, "生活费", "DMCT", "转账"))},
		habit{on: eachWeek(time.Sunday), chance: 55, hour: 21, minutes: 60, deed: m.moves(cafe, card, 9000, 26_000, "兼职工资", "SALA", "代发")},
		habit{on: on(eachMonth(dueDay), good), chance: 100, hour: 20, minutes: 90, deed: always(m.settleDebt(card, line, false))},
		habit{on: on(eachMonth(dueDay), poor), chance: 100, hour: 20, minutes: 90, deed: always(m.settleDebt(card, line, true))},
		habit{on: on(eachMonth(26), bad), chance: 80, hour: 23, minutes: 40, deed: always(m.move(card, line, 10_000, line.product+"还款", "DMCT", "还款"))},
		habit{on: on(eachMonth(28), bad), chance: 100, hour: 1, minutes: 60, deed: always(m.late(line))},
		habit{on: func(day time.Time) bool { return day.Day() == 3 && m.age(day) == 7 }, chance: 100, hour: 23, minutes: 30, deed: always(m.borrow(lent, card))},
		habit{on: eachMonth(closingDay), chance: 100, hour: 1, minutes: 30, deed: always(m.charge(lent))},
		habit{on: on(eachMonth(dueDay), stage(0, 11)), chance: 100, hour: 21, minutes: 60, deed: always(m.settleDebt(card, lent, false))},
		habit{chance: 75, hour: 12, minutes: 50, deed: m.buys(p, canteen, 900, 2400, nil, 0)},
		habit{chance: 30, hour: 18, minutes: 90, deed: m.buys(p, canteen, 900, 2600, nil, 0)},
		habit{chance: 45, hour: 15, minutes: 240, deed: m.onCredit(p, line, teahouse, 1200, 2800)},
		habit{chance: 35, hour: 20, minutes: 150, deed: m.onCredit(p, line, delivery, 1900, 5800)},
		habit{on: spending, chance: 18, hour: 22, minutes: 100, deed: m.onCredit(p, line, webshop, 3900, 36_000)},
		habit{on: spending, chance: 10, hour: 23, minutes: 50, deed: m.onCredit(p, line, games, 600, 19_800)},
		habit{on: func(day time.Time) bool { return day.Day() == 11 && m.age(day)%8 == 4 }, chance: 100, hour: 0, minutes: 20, deed: m.onCredit(p, line, phones, 180_000, 320_000)},
		habit{on: eachMonth(7), chance: 100, hour: 10, minutes: 60, deed: m.buys(p, videos, 2500, 2510, nil, 0)},
		habit{on: inWeekOf(3, time.March, time.September), chance: 30, hour: 15, minutes: 120, deed: m.buys(p, bookshop, 4800, 15_800, card, 0)},
		habit{on: eachMonth(2), chance: 100, hour: 12, minutes: 60, deed: always(m.move(card, m.outside(landlordName), 65_000, "合租房租-"+landlordName, "DMCT", "转账"))},
		habit{on: eachMonth(27), chance: 100, hour: 20, minutes: 60, deed: always(m.spendAll(p, clothes, card, 30_000))},
		habit{on: eachYear(27, time.January, time.June), chance: 100, hour: 9, minutes: 60, deed: m.buys(p, railway, 12_800, 26_000, card, 10)},
	)
}

func (m *mover) onCredit(p *person, line *account, s store, from, below int64) func(*rand.Rand) func(time.Time) {
	return func(r *rand.Rand) func(time.Time) { return m.spendUp(p, s, line, between(r, from, below)) }
}

// settleRetiree moves in somebody who is paid a pension and saves.
func settleRetiree(m *mover) {
	p := m.person(m.one(surnames), m.one(oldMen), 45_000)
	card := m.card(p, 0, debitCard, 3_260_000)
	coins := m.account(p, bankNames[0], ecnyWallet, 28_000)
	p.further = append(p.further, coins)
	saved := m.further(p, ZhaoluBank, savings, 26_800_000)
	other := m.further(p, XiheBank, debitCard, 1_120_000)
	child := m.outside(string([]rune(p.name)[:1]) + m.one(women).zh)
	p.does(m.lives(p, 15_000)...)
	p.does(
		habit{on: eachMonth(15), chance: 100, hour: 8, minutes: 60, deed: always(m.move(m.outside("小镇社保中心"), card, 628_400, "养老金", "SALA", "代发"))},
		habit{on: eachMonth(18), chance: 100, hour: 10, minutes: 60, deed: always(m.move(card, saved, 300_000, "定期储蓄", "DMCT", "转账"))},
		habit{on: eachMonth(16), chance: 100, hour: 10, minutes: 60, deed: always(m.move(card, other, 60_000, "水电煤", "DMCT", "转账"))},
		habit{on: eachMonth(3, 13, 23), chance: 100, hour: 9, minutes: 60, deed: always(m.fillECNY(card, coins, 26_000))},
		habit{chance: 70, hour: 7, minutes: 90, deed: m.paysByECNY(coins, market, 1200, 4800)},
		habit{chance: 35, hour: 6, minutes: 60, deed: m.paysByECNY(coins, breakfast, 400, 1200)},
		habit{chance: 12, hour: 9, minutes: 120, deed: m.swipes(card, pharmacy, 2600, 21_000)},
		habit{on: eachMonth(9), chance: 85, hour: 8, minutes: 60, deed: m.buys(p, clinic, 2500, 24_000, card, 0)},
		habit{on: eachMonth(20), chance: 100, hour: 10, minutes: 60, deed: m.swipes(other, supermarket, 12_000, 36_000)},
		habit{chance: 15, hour: 15, minutes: 120, deed: m.buys(p, teahouse, 1500, 3600, nil, 0)},
		habit{on: eachYear(1, time.March, time.September), chance: 100, hour: 9, minutes: 60, deed: m.buys(p, store{"老年大学", "书法班", "8299", "线下门店"}, 24_000, 24_010, card, 0)},
		habit{on: eachYear(15, time.February, time.June, time.September), chance: 100, hour: 9, minutes: 60, deed: always(m.move(card, child, 200_000, "给孩子", "DMCT", "转账"))},
		habit{on: eachMonth(18), chance: 100, hour: 13, minutes: 60, deed: m.buys(p, store{"小镇通信", "话费充值-" + p.phone, "4814", "生活缴费"}, 3000, 3010, nil, 0)},
	)
}

// settleOfficeWorker moves in somebody with a salary, who buys funds every
// month, sends much back, and spends in three more currencies.
func settleOfficeWorker(m *mover) {
	p := m.person(m.one(surnames), m.one(women), 120_000)
	card := m.card(p, 0, debitCard, 3_480_000)
	credit := m.card(p, 0, creditCard, 4_000_000)
	hong, dollars, yen := m.abroad(p, hkd, "环球卡港币账户", 320_000), m.abroad(p, usd, "环球卡美元账户", 86_000), m.abroad(p, jpy, "环球卡日元账户", 48_000)
	saved := m.further(p, ZhaoluBank, savings, 6_200_000)
	line := m.further(p, Qingshi, creditLine, 1_000_000)
	work := m.outside("青石科技有限公司")
	rate := map[string]int64{hkd: 9240, usd: 71_850, jpy: 478}
	p.does(m.lives(p, 60_000)...)
	p.does(
		habit{on: eachMonth(10), chance: 100, hour: 9, minutes: 40, deed: m.moves(work, card, 1_920_000, 1_980_000, "代发工资", "SALA", "代发")},
		habit{on: eachYear(20, time.January), chance: 100, hour: 10, minutes: 40, deed: m.moves(work, card, 3_600_000, 4_200_000, "年终奖", "SALA", "代发")},
		habit{on: eachMonth(5), chance: 100, hour: 9, minutes: 40, deed: always(m.move(card, m.outside(landlordName), 420_000, "房租-"+landlordName, "DMCT", "转账"))},
		habit{on: eachMonth(12), chance: 100, hour: 10, minutes: 40, deed: always(m.move(card, saved, 300_000, "存钱", "DMCT", "转账"))},
		m.repays(card, credit), m.repays(card, line),
		habit{on: eachWeek(time.Monday), chance: 100, hour: 14, minutes: 40, deed: always(m.invest(p, card, "云杉稳健债券A", 50_000))},
		habit{on: eachMonth(16), chance: 100, hour: 14, minutes: 40, deed: always(m.invest(p, card, "云杉沪深精选", 100_000))},
		habit{on: eachYear(22, time.March, time.August, time.November), chance: 100, hour: 15, minutes: 40, deed: func(r *rand.Rand) func(time.Time) {
			return m.redeem(p, "云杉稳健债券A", between(r, 120_000, 380_000))
		}},
		habit{on: eachMonth(28), chance: 100, hour: 20, minutes: 60, deed: always(m.withdraw(p, 150_000))},
		habit{on: workdays, chance: 75, times: 2, hour: 8, minutes: 650, deed: m.fares(p, nil)},
		habit{on: workdays, chance: 80, hour: 12, minutes: 50, deed: m.buys(p, delivery, 2200, 5800, line, 2)},
		habit{on: workdays, chance: 55, hour: 9, minutes: 40, deed: m.buys(p, store{"知秋咖啡", "拿铁", "5814", "线下门店"}, 1600, 3200, nil, 0)},
		habit{chance: 20, hour: 20, minutes: 200, deed: m.buys(p, clothes, 12_000, 89_000, credit, 45)},
		habit{chance: 18, hour: 19, minutes: 120, deed: m.buys(p, supermarket, 4800, 22_000, card, 0)},
		habit{on: weekends, chance: 50, hour: 18, minutes: 120, deed: m.swipes(credit, hotpot, 12_000, 36_000)},
		habit{chance: 14, hour: 22, minutes: 80, deed: m.buys(p, rides, 1400, 6800, line, 0)},
		habit{on: eachMonth(1), chance: 100, hour: 7, minutes: 40, deed: m.buys(p, gym, 26_800, 26_810, credit, 0)},
		habit{on: eachMonth(2, 17), chance: 100, hour: 10, minutes: 40, deed: always(m.exchange(card, hong, 200_000, 500_000, rate[hkd]))},
		habit{on: eachMonth(2, 17), chance: 100, hour: 11, minutes: 40, deed: always(m.exchange(card, dollars, 40_000, 60_000, rate[usd]))},
		habit{on: eachMonth(2, 17), chance: 100, hour: 12, minutes: 40, deed: always(m.exchange(card, yen, 60_000, 200_000, rate[jpy]))},
		habit{on: eachMonth(4), chance: 100, hour: 3, minutes: 60, deed: m.swipes(dollars, store{"Nimbus Notes", "订阅", "5734", ""}, 1299, 1300)},
		habit{chance: 5, hour: 22, minutes: 100, deed: m.swipes(dollars, store{"Harbor & Pine", "网购", "5311", ""}, 1800, 9600)},
		habit{on: inWeekOf(2, time.May, time.October, time.December), chance: 85, times: 3, hour: 10, minutes: 700, deed: m.swipes(hong, store{"维港百货", "百货", "5311", ""}, 4800, 68_000)},
		habit{on: inWeekOf(1, time.April, time.November), chance: 90, times: 4, hour: 9, minutes: 700, deed: m.swipes(yen, store{"さくら堂", "药妆", "5912", ""}, 480, 9800)},
	)
}

// settleNewcomer moves in somebody who has opened accounts and done nothing.
func settleNewcomer(m *mover) {
	p := m.person(m.one(surnames), m.one(youths), 0)
	m.card(p, 1, debitCard, 0)
	m.further(p, ZhaoluBank, savings, 0)
}

// settleHeavyUser moves in somebody who buys together for a neighbourhood: all
// day long small sums come in and go out, by every way there is.
func settleHeavyUser(m *mover) {
	p := m.person(m.one(surnames), m.one(women), 2_000_000)
	card := m.card(p, 0, debitCard, 9_000_000)
	credit := m.card(p, 0, creditCard, 5_000_000)
	second := m.card(p, 1, debitCard, 2_400_000)
	coins := m.account(p, bankNames[0], ecnyWallet, 60_000)
	p.further = append(p.further, coins)
	xihe := m.further(p, XiheBank, debitCard, 1_800_000)
	dongling := m.further(p, DonglingBank, debitCard, 1_500_000)
	saved := m.further(p, ZhaoluBank, savings, 4_000_000)
	line := m.further(p, Qingshi, creditLine, 2_000_000)
	neighbours := []string{"东苑", "西苑", "南苑", "北苑"}
	p.does(m.lives(p, 300_000)...)
	p.does(
		habit{chance: 95, times: 14, hour: 8, minutes: 800, deed: func(r *rand.Rand) func(time.Time) {
			by := "*" + string([]rune(oneOf(r, women).zh)[1:]) + "(1" + digits(r, 2) + "******" + digits(r, 2) + ")"
			return m.collect(p, by, "团购-"+neighbours[r.IntN(len(neighbours))], between(r, 900, 12_800))
		}},
		habit{chance: 100, hour: 21, minutes: 100, deed: always(m.withdraw(p, 400_000))},
		habit{chance: 90, times: 5, hour: 6, minutes: 900, deed: m.buys(p, store{"源头批发网", "蔬菜水果", "5199", "电子商务"}, 1800, 9800, nil, 3)},
		habit{chance: 90, times: 2, hour: 7, minutes: 900, deed: m.buys(p, delivery, 800, 3800, card, 2)},
		habit{chance: 80, times: 2, hour: 7, minutes: 900, deed: m.buys(p, rides, 1000, 4200, line, 0)},
		habit{chance: 85, times: 3, hour: 7, minutes: 900, deed: m.swipes(card, market, 1200, 8800)},
		habit{chance: 70, times: 2, hour: 8, minutes: 800, deed: m.swipes(credit, supermarket, 1800, 9800)},
		habit{chance: 60, times: 2, hour: 8, minutes: 800, deed: m.swipes(second, petrol, 900, 6800)},
		habit{chance: 60, times: 2, hour: 8, minutes: 800, deed: m.swipes(xihe, parking, 500, 3000)},
		habit{chance: 60, times: 2, hour: 8, minutes: 800, deed: m.swipes(dongling, bakery, 600, 4600)},
		habit{chance: 70, times: 3, hour: 7, minutes: 900, deed: m.paysByECNY(coins, breakfast, 300, 2600)},
		habit{on: eachWeek(time.Monday, time.Friday), chance: 100, hour: 9, minutes: 40, deed: always(m.fillECNY(card, coins, 12_000))},
		habit{on: eachMonth(2, 16), chance: 100, hour: 10, minutes: 40, deed: always(m.move(card, second, 80_000, "跨行转账", "DMCT", "转账"))},
		habit{on: eachMonth(3, 17), chance: 100, hour: 10, minutes: 40, deed: always(m.move(card, xihe, 40_000, "跨行转账", "DMCT", "转账"))},
		habit{on: eachMonth(4, 18), chance: 100, hour: 10, minutes: 40, deed: always(m.move(card, dongling, 50_000, "跨行转账", "DMCT", "转账"))},
		habit{on: eachMonth(25), chance: 100, hour: 10, minutes: 40, deed: always(m.move(card, saved, 100_000, "存钱", "DMCT", "转账"))},
		m.repays(card, credit), m.repays(card, line),
	)
}
