package mock

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// world is what has happened in the town so far. It is lived a day at a time,
// when somebody asks; rows are only ever appended, so that a slice that was
// handed out stays true.
type world struct {
	seed     uint64
	people   []*person
	accounts []*account
	visitors []string
	banks    []bankName

	founded time.Time
	home    bool   // a household that was settled: people follow their habits
	mark    string // in the numbers of WeChat Pay's orders

	mu     sync.Mutex
	today  time.Time // the next midnight that has not been lived
	later  map[time.Time][]happening
	serial int // of the day
}

// happening is something at a moment. Its deed sees the books as they stand
// then, and may find that it cannot happen.
type happening struct {
	at   time.Time
	deed func(at time.Time)
}

// founding is the first day of the month 14 months before now.
func founding(now time.Time) time.Time {
	n := now.In(beijing)
	return time.Date(n.Year(), n.Month()-14, 1, 0, 0, 0, 0, beijing)
}

func newWorld(seed uint64, founded time.Time) *world {
	w := emptyWorld(seed, founded, "0023")
	w.settle()
	return w
}

func emptyWorld(seed uint64, founded time.Time, mark string) *world {
	founded = founded.In(beijing)
	return &world{seed: seed, banks: bankNames, mark: mark, founded: founded, today: founded, later: map[time.Time][]happening{}}
}

// until lives every day up to and with the one of now. Rows of that day may lie
// after now: readers look no further than now.
func (w *world) until(now time.Time) {
	for !w.today.After(now) {
		w.live(w.today)
		w.today = w.today.AddDate(0, 0, 1)
	}
}

func (w *world) live(day time.Time) {
	w.serial = 0
	plan := w.later[day]
	delete(w.later, day)
	for _, p := range w.people {
		if w.home {
			plan = append(plan, w.follow(p, day)...)
			continue
		}
		r := rand.New(rand.NewPCG(w.seed, uint64(day.Unix())*64+uint64(p.index)))
		plan = append(plan, w.daily(p, day, r)...)
		plan = append(plan, w.monthly(p, day, r)...)
		r = rand.New(rand.NewPCG(w.seed, uint64(day.Unix())*64+uint64(32+p.index)))
		plan = append(plan, w.elsewhere(p, day, r)...)
		plan = append(plan, w.byUnionPay(p, day)...)
		r = rand.New(rand.NewPCG(w.seed, uint64(day.Unix())*64+uint64(48+p.index)))
		plan = append(plan, w.byECNY(p, day, r)...)
	}
	slices.SortStableFunc(plan, func(a, b happening) int { return a.at.Compare(b.at) })
	for _, h := range plan {
		h.deed(h.at)
	}
}

// put off keeps something for a later day.
func (w *world) putOff(at time.Time, deed func(time.Time)) {
	day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, beijing)
	w.later[day] = append(w.later[day], happening{at, deed})
}

// read runs f on the books as they stand at now.
func (w *world) read(now time.Time, f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.until(now)
	f()
}

// number is a running number that no two happenings of the town share.
func (w *world) number(prefix string, at time.Time, length int) string {
	w.serial++
	head := prefix + at.Format("20060102")
	return head + fmt.Sprintf("%0*d", length-len(head), w.serial*7919+at.Second()*13+at.Minute())
}

// alipayOrder is a 支付宝交易号: 28 digits that begin with the day.
func (w *world) alipayOrder(at time.Time, p *person) string {
	w.serial++
	return at.Format("20060102") + "2200" + p.wallet.userID[12:] + fmt.Sprintf("%012d", w.serial*104729+at.Second()*17)
}

// wechatOrder is a 微信支付订单号: 28 digits.
func (w *world) wechatOrder(at time.Time) string {
	return w.number("4200"+w.mark+at.Format("05")+"20", at, 28)
}

type walletRow struct {
	at       time.Time
	amount   int64 // in is positive
	balance  int64
	kind     string // 账务类型
	memo     string
	order    string
	merchant string // 商户订单号
	refund   string // merchant_out_refund_no
	other    string
	source   string
	desc     string
}

func (p *person) walletRow(r walletRow, moves bool) {
	if moves {
		p.wallet.balance += r.amount
	}
	r.balance = p.wallet.balance
	p.wallet.rows = append(p.wallet.rows, r)
}

type bankRow struct {
	at       time.Time
	amount   int64
	balance  int64
	info     string
	ref      string
	merchant string
	mcc      string
	family   string // ISO 20022 BankTransactionFamily
	sub      string // ISO 20022 BankTransactionSubFamily
	own      string // the bank's own code
	other    *account
}

func (a *account) post(r bankRow) {
	a.balance += r.amount
	r.balance = a.balance
	a.rows = append(a.rows, r)
}

// affords reports whether fen can be paid from the account.
func (a *account) affords(fen int64) bool {
	switch a.kind {
	case creditCard, creditLine:
		return a.balance-fen >= -a.limit
	case companyAccount:
		return true
	}
	return a.balance >= fen
}

// trade is a payment at a shop by WeChat Pay, or the refund of one.
type trade struct {
	at       time.Time
	order    string
	merchant string // 商户订单号
	openid   string
	kind     string // 交易类型
	bank     string // 付款银行
	amount   int64  // what was paid, or is given back
	fee      int64
	goods    string
	refund   string // 微信退款单号; empty: a payment
	refundNo string // 商户退款单号
}
