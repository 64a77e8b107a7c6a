package mock

import (
	"math/rand/v2"
	"time"
)

// furtherNames are the institutions with accounts that do not speak UK Open
// Banking.
var furtherNames = []bankName{
	{id: XiheBank, zh: "西河银行", en: "Xihe Bank", debitBIN: "623093", creditBIN: "625907", code: "XHB", bic: "XHBKCNSH"},
	{id: Qingshi, zh: "青石消费金融", en: "Qingshi Consumer Finance", creditBIN: "625906", code: "QSF", bic: "QSFICNSH"},
	{id: DonglingBank, zh: "东岭银行", en: "Dongling Bank", debitBIN: "623094", code: "DLB", bic: "DLBKCNBJ"},
	{id: ZhaoluBank, zh: "招鹿银行", en: "Zhaolu Bank", debitBIN: "623095", code: "ZLB", bic: "ZLBKCNBS"},
}

// openFurther opens what a person has beside wallet, shop and [person.cards].
// The first of the cast has something everywhere.
func (w *world) openFurther(p *person) {
	r := seeded(w.seed, "further "+p.id)
	open := func(id string, kind accountKind, having bool) {
		if having || p.index == 0 {
			p.further = append(p.further, w.open(r, bankByID(id), kind, p.name))
		}
	}
	open(XiheBank, debitCard, p.index%3 == 1)
	open(DonglingBank, debitCard, p.index%3 == 2)
	open(ZhaoluBank, savings, p.index%4 == 1)
	open(Qingshi, creditLine, p.credit() == nil || p.index%4 == 1)
	open(Qingshi, loan, p.index%4 == 3)
	if p.index%6 == 4 { // not for the first of the cast: Xihe Bank tells no statements, and no view with it would be complete
		p.further = append(p.further, w.open(r, bankByID(XiheBank), creditCard, p.name))
	}
	for _, a := range p.further {
		if a.kind == loan {
			a.rate = a.limit / 20
		}
	}
}

// at answers the person's account of a kind at an institution, or nil.
func (p *person) at(institution string, kind accountKind) *account {
	for _, a := range p.further {
		if a.bank == institution && a.kind == kind {
			return a
		}
	}
	return nil
}

// elsewhere is what a person does on a day with the accounts of openFurther.
func (w *world) elsewhere(p *person, day time.Time, r *rand.Rand) []happening {
	var plan []happening
	add := func(chance, hour int, deed func(time.Time)) {
		at := day.Add(time.Duration(hour)*time.Hour + time.Duration(r.IntN(3000))*time.Second)
		if r.IntN(100) < chance {
			plan = append(plan, happening{at, deed})
		}
	}
	home := p.debit()
	for _, a := range p.further {
		switch a.kind {
		case debitCard:
			add(12, 13, w.swipe(a, noodles, between(r, 1500, 4200)))
			add(6, 18, w.swipe(a, supermarket, between(r, 3000, 24000)))
			if day.Day() == 11 {
				add(100, 10, w.move(home, a, 60000, "跨行转账-"+p.name, "DMCT", "转账"))
			}
		case creditCard:
			add(14, 19, w.swipe(a, cinema, between(r, 3500, 9000)))
			add(9, 15, w.swipe(a, supermarket, between(r, 2000, 18000)))
			if day.Day() == cardDueDay {
				add(100, 9, w.settleDebt(home, a, false))
			}
		case savings:
			if day.Day() == 13 {
				add(100, 10, w.move(home, a, 30000, "跨行转账-"+p.name, "DMCT", "转账"))
			}
		case creditLine:
			add(30, 20, w.payByAlipay(p, webshop, between(r, 1900, 29900), a, regretted(r)))
			add(25, 12, w.payByAlipay(p, noodles, between(r, 1400, 3800), a, 0))
			if day.Day() == dueDay {
				add(100, 9, w.settleDebt(home, a, p.index%4 == 3))
			}
		case loan:
			if len(a.rows) == 0 && day.Day() == 3 {
				add(100, 11, w.borrow(a, home))
			}
			if day.Day() == closingDay {
				add(100, 1, w.charge(a))
			}
			if day.Day() == dueDay {
				add(100, 9, w.settleDebt(home, a, false))
			}
		}
		if a.kind == debitCard || a.kind == savings {
			if day.Day() == 21 && day.Month()%3 == 0 {
				add(100, 1, w.interest(a))
			}
		}
	}
	return plan
}

func regretted(r *rand.Rand) time.Duration {
	if days, pick := 2+r.IntN(4), r.IntN(100); pick < 12 {
		return time.Duration(days) * 24 * time.Hour
	}
	return 0
}

// borrow pays a loan out to the person's card, whole.
func (w *world) borrow(a, to *account) func(time.Time) {
	return func(at time.Time) {
		ref := w.number("L", at, 22)
		a.post(bankRow{at: at, amount: -a.limit, info: "借呗-放款", ref: ref, family: "LDAS", sub: "DDWN", own: "放款", other: to})
		to.post(bankRow{at: at, amount: a.limit, info: "借呗-放款", ref: ref, family: "RCDT", sub: "DMCT", own: "放款", other: a})
	}
}

// charge posts a month's interest of a loan: one in a hundred of what is owed.
func (w *world) charge(a *account) func(time.Time) {
	return func(at time.Time) {
		if fen := -a.balance / 100; fen > 0 {
			a.post(bankRow{at: at, amount: -fen, info: "借呗-利息", ref: w.number("I", at, 18), family: "LDAS", sub: "INTR", own: "计息"})
		}
	}
}

// settleDebt repays what the last statement asks for: all that is due, or the
// minimum alone; never more than is owed.
func (w *world) settleDebt(from, a *account, minimum bool) func(time.Time) {
	return func(at time.Time) {
		s, ok := a.lastStatement(at)
		if !ok {
			return
		}
		fen := s.due
		if minimum {
			fen = s.minimum
		}
		w.move(from, a, min(fen-s.paid, -a.balance), a.product+"还款", "DMCT", "还款")(at)
	}
}
