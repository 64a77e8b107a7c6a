package mock

import (
	"math/rand/v2"
	"slices"
	"time"
)

// habit is something that a person does again and again.
type habit struct {
	on      func(day time.Time) bool // nil: every day
	chance  int                      // in a hundred, on such a day
	times   int                      // that it is tried on it; 0: once
	hour    int                      // it begins then,
	minutes int                      // or up to so much later
	deed    func(r *rand.Rand) func(time.Time)
}

// follow is what the habits of a person come to on a day.
func (w *world) follow(p *person, day time.Time) (plan []happening) {
	r := rand.New(rand.NewPCG(w.seed, uint64(day.Unix())*64+uint64(p.index)))
	for _, h := range p.habits {
		if h.on != nil && !h.on(day) {
			continue
		}
		for range max(1, h.times) {
			at := day.Add(time.Duration(h.hour)*time.Hour + time.Duration(r.IntN(max(1, h.minutes)*60))*time.Second)
			if r.IntN(100) < h.chance {
				plan = append(plan, happening{at, h.deed(r)})
			}
		}
	}
	if p.sells() {
		plan = append(plan, w.byUnionPay(p, day)...)
	}
	return plan
}

// Days that habits are for.

func eachMonth(days ...int) func(time.Time) bool {
	return func(day time.Time) bool { return slices.Contains(days, day.Day()) }
}

func eachWeek(days ...time.Weekday) func(time.Time) bool {
	return func(day time.Time) bool { return slices.Contains(days, day.Weekday()) }
}

var (
	workdays = eachWeek(time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday)
	weekends = eachWeek(time.Saturday, time.Sunday)
)

// eachYear is a day of some months.
func eachYear(dayOfMonth int, months ...time.Month) func(time.Time) bool {
	return func(day time.Time) bool { return day.Day() == dayOfMonth && slices.Contains(months, day.Month()) }
}

// inWeekOf are the seven days from such a day on.
func inWeekOf(dayOfMonth int, months ...time.Month) func(time.Time) bool {
	return func(day time.Time) bool {
		return day.Day() >= dayOfMonth && day.Day() < dayOfMonth+7 && slices.Contains(months, day.Month())
	}
}

// quarterEnds are the days on which banks pay interest.
func quarterEnds(day time.Time) bool { return day.Day() == 21 && day.Month()%3 == 0 }

// age is how many whole months the books have been kept on a day.
func (w *world) age(day time.Time) int {
	return (day.Year()-w.founded.Year())*12 + int(day.Month()-w.founded.Month())
}

// Habits that are built from the deeds of the town.

// always makes a deed that no chance is in.
func always(deed func(time.Time)) func(*rand.Rand) func(time.Time) {
	return func(*rand.Rand) func(time.Time) { return deed }
}

// buys pays a store by Alipay; card nil: out of the balance. regret is how many
// in a hundred are given back.
func (w *world) buys(p *person, s store, from, below int64, card *account, regret int) func(*rand.Rand) func(time.Time) {
	return func(r *rand.Rand) func(time.Time) {
		fen, days, pick := between(r, from, below), 1+r.IntN(6), r.IntN(100)
		var later time.Duration
		if pick < regret {
			later = time.Duration(days)*24*time.Hour + time.Duration(r.IntN(7200))*time.Second
		}
		return w.payByAlipay(p, s, fen, card, later)
	}
}

// fares are of two to six yuan, paid by Alipay or, where there is one, from a
// wallet of 数字人民币.
func (w *world) fares(p *person, wallet *account) func(*rand.Rand) func(time.Time) {
	return func(r *rand.Rand) func(time.Time) {
		fen := 200 + 100*r.Int64N(5)
		if wallet != nil {
			return w.payByECNY(wallet, nil, metro, fen)
		}
		return w.payByAlipay(p, metro, fen, nil, 0)
	}
}

// swipes pays a store with the card itself.
func (w *world) swipes(card *account, s store, from, below int64) func(*rand.Rand) func(time.Time) {
	return func(r *rand.Rand) func(time.Time) { return w.swipe(card, s, between(r, from, below)) }
}

// paysByECNY pays a store from a wallet of 数字人民币.
func (w *world) paysByECNY(wallet *account, s store, from, below int64) func(*rand.Rand) func(time.Time) {
	return func(r *rand.Rand) func(time.Time) { return w.payByECNY(wallet, nil, s, between(r, from, below)) }
}

// sends gives money from balance to balance, with one of some words.
func (w *world) sends(from, to *person, low, below int64, words ...string) func(*rand.Rand) func(time.Time) {
	return func(r *rand.Rand) func(time.Time) {
		return w.sendByAlipay(from, to, between(r, low, below), words[r.IntN(len(words))])
	}
}

// moves transfers between two accounts.
func (w *world) moves(from, to *account, low, below int64, words, sub, own string) func(*rand.Rand) func(time.Time) {
	return func(r *rand.Rand) func(time.Time) {
		return w.move(from, to, between(r, low, below), words, sub, own)
	}
}

// tops keeps the balance at Alipay from running out: by so much, when less than
// that is left.
func (w *world) tops(p *person, fen int64) func(*rand.Rand) func(time.Time) {
	return always(func(at time.Time) {
		if p.wallet.balance < fen {
			w.topUp(p, fen)(at)
		}
	})
}

// lives is what everybody does who has these: interest comes in, debts are paid
// when they are due, the wallet is filled.
func (w *world) lives(p *person, float int64) []habit {
	all := []habit{
		{chance: 100, hour: 3, minutes: 50, deed: func(r *rand.Rand) func(time.Time) {
			yield := 15 + r.Int64N(6) // in a thousand, a year
			return func(at time.Time) {
				if fen := p.wallet.balance * yield / 365_000; fen > 0 {
					w.fundIncome(p, fen)(at)
				}
			}
		}},
		{on: eachWeek(time.Monday, time.Thursday), chance: 100, hour: 8, minutes: 50, deed: w.tops(p, float)},
	}
	for _, a := range p.accounts() {
		if (a.kind == debitCard || a.kind == savings) && a.currency == "" {
			all = append(all, habit{on: quarterEnds, chance: 100, hour: 1, minutes: 50, deed: always(w.interest(a))})
		}
	}
	return all
}

// repays pays what the last statement asks for, on the day it is due.
func (w *world) repays(from, a *account) habit {
	day := dueDay
	if a.kind == creditCard {
		day = cardDueDay
	}
	return habit{on: eachMonth(day), chance: 100, hour: 9, minutes: 50, deed: always(w.settleDebt(from, a, false))}
}
