package mock

import (
	"math/rand/v2"
	"time"
)

// openECNY opens a wallet of 数字人民币 for every second of the cast, half of
// them at the bank where the salary comes in, half at the other.
func (w *world) openECNY(p *person, home, other bankName) {
	bank := home
	switch p.index % 4 {
	case 1, 3:
		return
	case 2:
		bank = other
	}
	p.further = append(p.further, w.open(seeded(w.seed, "ecny "+p.id), bank, ecnyWallet, p.name))
}

// ecny is the person's wallet of 数字人民币, or nil.
func (p *person) ecny() *account {
	for _, a := range p.further {
		if a.kind == ecnyWallet {
			return a
		}
	}
	return nil
}

// byECNY is what a person does on a day with their wallet of 数字人民币: they
// fill it from their card, pay stores, and pay the shops of those who have one.
func (w *world) byECNY(p *person, day time.Time, r *rand.Rand) []happening {
	wallet := p.ecny()
	if wallet == nil {
		return nil
	}
	var plan []happening
	add := func(chance, hour int, deed func(time.Time)) {
		at := day.Add(time.Duration(hour)*time.Hour + time.Duration(r.IntN(3000))*time.Second)
		if r.IntN(100) < chance {
			plan = append(plan, happening{at, deed})
		}
	}
	add(14, 9, w.fillECNY(p.debit(), wallet, 10000+5000*r.Int64N(3)))
	add(16, 12, w.payByECNY(wallet, nil, noodles, between(r, 1400, 3600)))
	add(10, 18, w.payByECNY(wallet, nil, supermarket, between(r, 1200, 6000)))
	owner := w.people[(p.index+2*(1+r.IntN(len(w.people)/2-1)))%len(w.people)]
	goods, fen := owner.shop.offer(r)
	add(9, 15, w.payByECNY(wallet, owner.ecny(), store{name: owner.shop.name, goods: goods, mcc: "5999"}, fen))
	if day.Day() == 27 {
		add(100, 20, w.emptyECNY(wallet, p.debit(), 30000))
	}
	return plan
}

// fillECNY 充值: from a card into the wallet.
func (w *world) fillECNY(card, wallet *account, fen int64) func(time.Time) {
	return func(at time.Time) {
		if !card.affords(fen) {
			return
		}
		ref := w.number("E", at, 22)
		card.post(bankRow{at: at, amount: -fen, info: "数字人民币-充值", ref: ref, family: "ICDT", sub: "DMCT", own: "数币兑换", other: wallet})
		wallet.post(bankRow{at: at, amount: fen, info: "数字人民币-充值", ref: ref, family: "RCDT", sub: "DMCT", own: "数币兑换", other: card})
	}
}

// emptyECNY 提现: what the wallet holds above keep goes back to the card.
func (w *world) emptyECNY(wallet, card *account, keep int64) func(time.Time) {
	return func(at time.Time) {
		fen := (wallet.balance - keep) / 1000 * 1000
		if fen <= 0 {
			return
		}
		ref := w.number("E", at, 22)
		wallet.post(bankRow{at: at, amount: -fen, info: "数字人民币-提现", ref: ref, family: "ICDT", sub: "DMCT", own: "数币兑回", other: card})
		card.post(bankRow{at: at, amount: fen, info: "数字人民币-提现", ref: ref, family: "RCDT", sub: "DMCT", own: "数币兑回", other: wallet})
	}
}

// payByECNY pays a store or, into their own wallet, the owner of a shop: it is
// theirs at once, and costs nobody a fee.
func (w *world) payByECNY(wallet, to *account, s store, fen int64) func(time.Time) {
	return func(at time.Time) {
		if !wallet.affords(fen) {
			return
		}
		ref := w.number("E", at, 22)
		wallet.post(bankRow{at: at, amount: -fen, info: "数字人民币-" + s.name, ref: ref, merchant: s.name, mcc: s.mcc, family: "ICDT", sub: "DMCT", own: "消费"})
		if to != nil {
			to.post(bankRow{at: at, amount: fen, info: "数字人民币-收款", ref: ref, family: "RCDT", sub: "DMCT", own: "收款", other: wallet})
		}
	}
}
