// Package sums adds up bills that are joined and counted: by month, source,
// category and counterparty, the flow of cash, what a person was worth over
// time, and where an account's balances and bills do not add up. It adds per
// currency and converts nothing; what does not fit 64 bits is an error, never
// another number.
//
// Its unit is the [Book]: accounts, and the bills of a period entered one by
// one in any order. Of a bill it keeps what it adds up and no text, so that a
// million fit.
//
// Two sorts of sums come out of it, and differ in what they add. Totals by
// month and name are the person's: of counted bills, and neither of what is
// internal to them. Worth and gaps are an account's: of everything booked on
// it, counted or not. What is pending or failed is not booked. What was
// reversed has moved out and in: its refund is a bill of its own, and where
// there is none, no gap is told because of it.
//
// Not every bill of a wallet moves what the wallet holds: most are paid out of
// a card, and stand in the card's account again ([Book.Add] says which do).
// Where that cannot be told, what the wallet held is unknown from there on, and
// unknown is said, never guessed.
package sums

import (
	"math"
	"slices"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/money"
)

// Bill is a bill as it was joined.
type Bill struct {
	ID               string
	Account          string
	Category         string
	Shop             string // the counterparty, by the name that all its bills share
	Counted          bool
	Flow             connectors.Flow
	Beside           []string // accounts of its mirrors; only asked of kinds that [Traced] names
	*connectors.Bill          // only read
}

// Account is one that a book is about.
type Account struct {
	ID       string
	Source   string
	Kind     connectors.AccountKind
	Side     connectors.Side
	Currency string            // empty: several
	Covers   []connectors.Span // the days of which all its bills are told, apart and in order
	Points   []Point
}

// Point is what an account held, or owed, at a moment.
type Point struct {
	At     time.Time
	Amount money.Amount
	// Told says that the source told it as it stood when it was asked: what
	// happened within minutes, and what is pending, may be in it or not. Else
	// it follows from a file, and what is before it is in it.
	Told bool
}

// Zone is that of the months.
var Zone = time.FixedZone("Asia/Shanghai", 8*60*60)

// Book adds up. It is made by [Open].
type Book struct {
	accounts []Account
	place    map[string]int
	pots     map[potOf]*pot
	tallies  map[string]*tally // by currency
	months   months
	traced   []trace
}

type potOf struct {
	account  int
	currency string
}

// Open begins a book about accounts.
func Open(accounts []Account) *Book {
	b := &Book{accounts: accounts, place: make(map[string]int, len(accounts)), pots: map[potOf]*pot{}, tallies: map[string]*tally{}}
	for i, a := range accounts {
		b.place[a.ID] = i
		if a.Currency != "" {
			b.pot(i, a.Currency)
		}
		for _, p := range a.Points {
			to := b.pot(i, p.Amount.Currency)
			to.points = append(to.points, p)
		}
	}
	for _, p := range b.pots {
		slices.SortStableFunc(p.points, func(a, b Point) int { return a.At.Compare(b.At) })
	}
	return b
}

func (b *Book) pot(account int, currency string) *pot {
	k := potOf{account, currency}
	if b.pots[k] == nil {
		b.pots[k] = &pot{}
	}
	return b.pots[k]
}

// Add enters a bill. An account that the book is not about is none of its
// business.
//
// A bill moves what its account holds, except where the account is a wallet's:
// then it does if it says that it was paid from the balance, or is a top-up or
// a withdrawal, does not if it names something else, and may if it names
// nothing, or several.
func (b *Book) Add(bill Bill) error {
	i, ok := b.place[bill.Account]
	if !ok {
		return nil
	}
	if bill.Amount.Minor < 0 {
		return money.ErrRange
	}
	if e, moves := entryOf(b.accounts[i].Kind, bill.Bill); moves {
		p := b.pot(i, bill.Amount.Currency)
		p.entries = append(p.entries, e)
	}
	b.trace(i, bill)
	if !bill.Counted {
		return nil
	}
	t := b.tallies[bill.Amount.Currency]
	if t == nil {
		t = &tally{months: map[month]*sum{}, sources: map[string]*sum{}, categories: map[string]*sum{}, shops: map[string]*sum{}}
		b.tallies[bill.Amount.Currency] = t
	}
	return t.add(b.accounts[i].Source, b.months.of(bill.At), bill)
}

// sum is what came in and went out under one name.
type sum struct {
	in, out int64
	bills   int
}

// add adds what is not negative.
func (s *sum) add(f connectors.Flow, minor int64) error {
	s.bills++
	to := &s.in
	switch f {
	case connectors.FlowOut:
		to = &s.out
	case connectors.FlowInternal:
		return nil
	}
	if *to > math.MaxInt64-minor {
		return money.ErrRange
	}
	*to += minor
	return nil
}

// tally is what is counted in one currency.
type tally struct {
	months                     map[month]*sum
	sources, categories, shops map[string]*sum
	bills                      int
}

func (t *tally) add(source string, m month, b Bill) error {
	t.bills++
	all := []*sum{under(t.months, m)}
	if b.Flow != connectors.FlowInternal { // of which the other end is the person
		all = append(all, under(t.sources, source), under(t.categories, b.Category), under(t.shops, b.Shop))
	}
	for _, s := range all {
		if err := s.add(b.Flow, b.Amount.Minor); err != nil {
			return err
		}
	}
	return nil
}

func under[K comparable](m map[K]*sum, name K) *sum {
	s := m[name]
	if s == nil {
		s = &sum{}
		m[name] = s
	}
	return s
}

// month counts months since the year 0.
type month int

// months finds the month of a moment; bills come in runs of one.
type months struct {
	from, to int64
	last     month
}

func (m *months) of(at time.Time) month {
	if u := at.Unix(); u < m.from || u >= m.to {
		y, mm, _ := at.In(Zone).Date()
		first := time.Date(y, mm, 1, 0, 0, 0, 0, Zone)
		m.from, m.to, m.last = first.Unix(), first.AddDate(0, 1, 0).Unix(), month(y*12+int(mm)-1)
	}
	return m.last
}

func (m month) start() time.Time {
	return time.Date(int(m)/12, time.Month(int(m)%12+1), 1, 0, 0, 0, 0, Zone)
}

// entry is what a bill does to what its account holds.
type entry struct {
	at    int64 // Unix seconds; of a day alone, its midnight
	minor int64 // more, or less
	day   bool  // of which only the day is known
	how   certainty
}

type certainty uint8

const (
	booked   certainty = iota
	reversed           // booked, and perhaps given back without a bill
	pending            // in a balance that its source told, perhaps
	unknown            // nobody can tell whether it moved anything here
)

// entryOf answers what a bill does in an account of a kind, if it may do anything.
func entryOf(k connectors.AccountKind, b *connectors.Bill) (entry, bool) {
	if b.State == connectors.Failed || b.Amount.Zero() {
		return entry{}, false
	}
	e := entry{at: b.At.Unix(), minor: b.Amount.Minor, day: b.DateOnly}
	if b.Direction == connectors.Out {
		e.minor = -e.minor
	}
	switch b.State {
	case connectors.Reversed:
		e.how = reversed
	case connectors.Pending:
		e.how = pending
	}
	if k == connectors.WalletBalance {
		switch paidFrom(b) {
		case elsewhere:
			return entry{}, false
		case nobodySays:
			e.how = unknown
		}
	}
	return e, true
}

type place int

const (
	here place = iota
	elsewhere
	nobodySays
)

// balances are how wallets call what they hold.
var balances = []string{"余额", "账户余额", "零钱", "钱包余额", "美团余额"}

func paidFrom(b *connectors.Bill) place {
	switch {
	case b.Kind == connectors.Topup, b.Kind == connectors.Withdrawal:
		return here
	case slices.Contains(balances, b.Method):
		return here
	case b.Method == "", strings.Contains(b.Method, "&"), b.Kind == connectors.Redemption && b.Direction == connectors.In:
		return nobodySays
	}
	return elsewhere
}
