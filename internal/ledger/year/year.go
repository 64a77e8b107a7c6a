// Package year makes up a person's year with wallets, cards and merchants'
// apps, from a seed: bills as their sources would tell them, and the truth of
// which belong together. It serves tests and knows nothing of how others find
// that truth.
//
// Its unit is the [Movement]: money that moved once, whoever tells of it. A
// dinner ordered in a shop's app, paid by a wallet out of a card, is one
// movement that three bills tell of, each in its source's own words: the app
// names the wallet, the wallet the card and its last digits, and the bank,
// days later and without the time, what fits of "财付通-" and a company's name.
// How sources write is taken from real exports; all people, shops and numbers
// are invented.
//
// Chance is part of it, in an ordinary person's measure: the same bus fare
// twice a day, coffees at one price, two orders of one price at one shop, a
// friend who sends exactly what dinner cost. Some of it nobody could tell apart
// who has only the bills; that is why a matcher is asked for nearly everything
// and not for everything.
//
// What it leaves out: purchases abroad in other currencies, and balances of the
// pots inside a wallet.
package year

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"jali/connectors"
	"jali/connectors/money"
)

// Plan is how long and how busily somebody lives.
type Plan struct {
	From time.Time // midnight of the first day; zero: 2025-01-01
	Days int       // 0: 365
	Busy int       // how many ordinary people's shopping; 0: 1. Some 4,000 bills a year each
}

// Life is what became of a plan.
type Life struct {
	Seed     uint64
	Accounts []Account
	Bills    []Bill // by account, then time, then ID
	Truth    Truth
}

// Account is one of the person's.
type Account struct {
	ID       string // "alipay", "debit1", …
	Source   string
	Names    []string // the source's, in both languages
	Tail     string   // last four digits of its number, or empty
	Kind     connectors.AccountKind
	Side     connectors.Side
	Currency string
	// Opening is what it held, or owed, before the first day. Only for banks'
	// accounts: of these all that moves them is told.
	Opening money.Amount
}

// Bill is a bill of Accounts[Account].
type Bill struct {
	Account int
	connectors.Bill
}

// Truth is what really happened.
type Truth struct {
	Movements []Movement
	Of        []int // of each bill, its movement
	Named     []int // of each bill, the account that its own text names by number as its other end; -1: none
}

// Movement is money that moved once.
type Movement struct {
	Bills  []int // of Life.Bills; the same money as many tell of it
	Flow   connectors.Flow
	Amount money.Amount // as the person sees it: of a withdrawal with a fee, what left the wallet
	Counts bool         // it happened, and was of more than nothing
	Gives  int          // the movement that this refund gives back, or part of; -1: it is none, or nobody tells of that
	Spends int          // the loan that this investment was made with; -1: none
}

// Total is what came in and went out of the person's hands.
type Total struct{ In, Out int64 }

// Totals sums up by currency what counts, in minor units. A fee inside a
// withdrawal is not in it: no bill tells of it apart.
func (t Truth) Totals() map[string]Total {
	sums := map[string]Total{}
	for _, m := range t.Movements {
		if !m.Counts {
			continue
		}
		s := sums[m.Amount.Currency]
		switch m.Flow {
		case connectors.FlowIn:
			s.In += m.Amount.Minor
		case connectors.FlowOut:
			s.Out += m.Amount.Minor
		}
		sums[m.Amount.Currency] = s
	}
	return sums
}

// Held is what a bank's account holds, or owes, at the end of a day.
func (l *Life) Held(account int, day time.Time) money.Amount {
	sum, end := l.Accounts[account].Opening, day.AddDate(0, 0, 1)
	for _, b := range l.Bills {
		if b.Account == account && b.State == connectors.Done && b.At.Before(end) {
			sum.Minor += Moves(l.Accounts[account].Side, b.Bill)
		}
	}
	return sum
}

// Moves is by how much a bill changes what its account holds or owes.
func Moves(side connectors.Side, b connectors.Bill) int64 {
	if (b.Direction == connectors.In) == (side == connectors.Asset) {
		return b.Amount.Minor
	}
	return -b.Amount.Minor
}

// Zone is the person's.
var Zone = time.FixedZone("Asia/Shanghai", 8*60*60)

// Live lives a plan. The same seed and plan give the same life.
func Live(seed uint64, p Plan) *Life {
	if p.From.IsZero() {
		p.From = time.Date(2025, 1, 1, 0, 0, 0, 0, Zone)
	}
	p.Days, p.Busy = cmp.Or(p.Days, 365), cmp.Or(p.Busy, 1)
	w := &writer{Life: &Life{Seed: seed}, rng: rand.New(rand.NewPCG(seed, 1818)), plan: p}
	w.castAccounts()
	for d := range p.Days {
		w.day(p.From.AddDate(0, 0, d))
	}
	w.settle()
	return w.Life
}

// writer is a life being written.
type writer struct {
	*Life
	rng  *rand.Rand
	plan Plan

	alipay, wechat, jd, meituan int // accounts
	debits, credits             []*card
	dollars                     int
	habits                      habits
	owed                        map[string]int64 // to what lets one pay later, since its last repayment
	later                       []planned
	serial                      int64
}

// planned is something that a day brings about on a later one.
type planned struct {
	on time.Time
	do func(at time.Time)
}

// move begins a movement.
func (w *writer) move(flow connectors.Flow, yuan money.Amount) int {
	w.Truth.Movements = append(w.Truth.Movements, Movement{Flow: flow, Amount: yuan, Counts: !yuan.Zero(), Gives: -1, Spends: -1})
	return len(w.Truth.Movements) - 1
}

// tell adds a bill to a movement. named is the account that its text names by
// number, or -1.
func (w *writer) tell(movement, account, named int, b connectors.Bill) {
	b.ID = fmt.Sprintf("%016x", w.rng.Uint64())
	if b.State == "" {
		b.State = connectors.Done
	}
	if b.DateOnly {
		y, m, d := b.At.Date()
		b.At = time.Date(y, m, d, 0, 0, 0, 0, Zone)
	}
	w.Bills = append(w.Bills, Bill{account, b})
	w.Truth.Of = append(w.Truth.Of, movement)
	w.Truth.Named = append(w.Truth.Named, named)
}

// settle puts all in order. What a bank books after the last day is in no
// file: the others still tell of that movement.
func (w *writer) settle() {
	end := w.plan.From.AddDate(0, 0, w.plan.Days)
	var order []int
	for i, b := range w.Bills {
		if b.At.Before(end) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &w.Bills[i], &w.Bills[j]
		return cmp.Or(cmp.Compare(a.Account, b.Account), a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
	bills, of, named := make([]Bill, len(order)), make([]int, len(order)), make([]int, len(order))
	for i, from := range order {
		bills[i], of[i], named[i] = w.Bills[from], w.Truth.Of[from], w.Truth.Named[from]
		m := &w.Truth.Movements[of[i]]
		m.Bills = append(m.Bills, i)
	}
	w.Bills, w.Truth.Of, w.Truth.Named = bills, of, named
	for i := range w.Truth.Movements {
		m := &w.Truth.Movements[i]
		m.Counts = m.Counts && len(m.Bills) > 0
		if m.Gives >= 0 && len(w.Truth.Movements[m.Gives].Bills) == 0 {
			m.Gives = -1
		}
	}
}

func (w *writer) roll(chance float64) bool { return w.rng.Float64() < chance }

func (w *writer) between(low, high int64) int64 { return low + w.rng.Int64N(high-low+1) }

func pick[T any](w *writer, from []T) T { return from[w.rng.IntN(len(from))] }

func (w *writer) seconds(low, high int64) time.Duration {
	return time.Duration(w.between(low, high)) * time.Second
}

func yuan(fen int64) money.Amount { return money.Amount{Minor: fen, Currency: "CNY"} }

// digits is a number of n digits that nobody else has: no two of its calls
// give the same last ten.
func (w *writer) digits(n int) string {
	w.serial++
	s := fmt.Sprintf("%010d%010d", w.rng.Int64N(1e10), w.serial*7919%1e10)
	for len(s) < n {
		s = fmt.Sprintf("%d", 1+w.rng.IntN(9)) + s
	}
	return s[len(s)-n:]
}
