package match

import (
	"math"

	"jali/connectors"
)

// What speaks for a link or against it, in hundredths of a bit: +100 doubles
// the odds, -100 halves them. Two bills start as two of one amount that lie
// within days of each other and have nothing else in common: four of five such
// pairs are chance.
const (
	chance = -200

	// An id that both tell is all but proof, unless it is so short that it may
	// be a counter or a customer's number.
	sameID, sameShortID = 800, 400
	shortID             = 8 // characters, fewer are short

	// The upper bill names the lower one's source, the end of its number, or
	// both. The number alone is four digits out of ten thousand, among a
	// handful of cards.
	namesSource, namesNumber, namesBoth = 300, 400, 550
	// It names that bank and another number: that of a second or virtual card
	// of the same account, where the bank's file tells the main one's; or that
	// of an account whose file is not here. Bank and mark together outweigh
	// it, either alone does not.
	otherNumber = -250

	// The lower bill names who carried the payment, or only the shop.
	marksRail, marksShop = 300, 200
	// It names the wallet that the upper bill was paid with, whose own bill is
	// not between them.
	marksBetween = 200

	// What they call the shop is one the other's, or begins alike.
	sameShop, alikeShop = 200, 150
	// No mark, and two names that have nothing in common.
	otherShop = -100

	// No other bill of that rank and amount lies within a week: it is hardly
	// by chance.
	rareAmount = 150

	bothRefunds  = 50
	otherKind    = -200 // a repayment here and a payment there
	severalParts = -100 // "招商银行(1234)&红包": the amount may be of both together

	// Two ends of a transfer are held apart longer: to take an income and a
	// payment for one is worse than to ask.
	chanceTransfer = -300
	bothRepay      = 250 // out as a repayment here, in as a repayment there
	bothTransfer   = 100
	sameHolder     = 300 // both ends name the same person, who can only be this one
	sameBank       = 150

	// One account read twice: the same number at the same source.
	sameAccount = 400

	// Two accounts of a source, of which one at least tells no number. Amounts
	// that both have on one day speak for their being one; each only once and
	// never by much, since two cards of a person may be charged the same fee
	// every month. What one of them lacks of the other's speaks against it.
	chanceAccount = -600
	mostUnusual   = 300
	untoldAgain   = 500
	// Fewer days or amounts than these are asked about, whatever they weigh.
	daysApart, amountsApart = 3, 5
	atMostAsked             = 150
)

// percent is what the weights come to, never quite sure and never quite not.
func percent(weight int) int {
	p := int(math.Round(100 / (1 + math.Exp2(-float64(weight)/100))))
	return min(max(p, 1), 99)
}

// odds is how many times likelier a link is than not.
func odds(weight int) float64 { return math.Exp2(float64(weight) / 100) }

// booked weighs how long after the upper bill the lower one was booked.
// Wallets tell the second of the order; banks that of the posting, or the day,
// which for a card may be the next or the one after. Money given back takes
// longer.
func (t *table) booked(upper, lower *row) (int, bool) {
	if !upper.dateOnly && !lower.dateOnly {
		switch d := abs(lower.at - upper.at); {
		case d <= 2*60:
			return 200, true
		case d <= 10*60:
			return 50, true
		case d <= 6*3600:
			return -200, true
		case d <= 36*3600:
			return -400, true
		case upper.refund && lower.at > upper.at && d <= 7*86400:
			return -400, true
		}
		return 0, false
	}
	kind, weekday, days, ok := lagOf(upper, lower)
	if !ok {
		return 0, false
	}
	if t.usual == nil {
		return expected[kind][weekday][days], true
	}
	return t.usual[lower.plate][kind][weekday][days], true
}

// arrived weighs how far the two ends of a transfer are apart.
func arrived(from, to *row) (int, bool) {
	if !from.dateOnly && !to.dateOnly {
		switch d := abs(to.at - from.at); {
		case d <= 10*60:
			return 200, true
		case d <= 2*3600:
			return 100, true
		case d <= 24*3600:
			return 0, true
		case to.at > from.at && d <= 72*3600:
			return -150, true
		}
		return 0, false
	}
	switch d := to.day - from.day; d {
	case 0:
		return 100, true
	case 1:
		return 0, true
	case 2, 3:
		return -150, true
	case -1:
		return -150, true // a card posts what it was sent on the day before
	}
	return 0, false
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// pays weighs that the lower bill paid for the upper one; no: it did not.
func (t *table) pays(x, y int32) (weight int, ok bool) {
	a, b := &t.rows[x], &t.rows[y]
	if a.out != b.out || a.currency != b.currency || a.rank <= b.rank || a.ends || b.ends {
		return 0, false
	}
	weight = chance
	lag, ok := t.booked(a, b)
	if !ok {
		return 0, false
	}
	weight += lag
	method := t.paid(x)
	low := t.plates[b.plate]
	if low.tail == 0 && low.rank == bank {
		low.tail = t.paid(y).tails[0] // a file of several cards, of which each row names its own
	}
	said, ok := t.says(method, &t.plates[a.plate], &low, b.plate)
	if !ok {
		return 0, false
	}
	mark, ok := t.marked(x, y)
	if !ok {
		return 0, false
	}
	weight += said + mark
	switch alike := t.alike(x, y); {
	case alike == 0 && mark == 0 && t.bill(x).Counterparty != "" && t.bill(y).Counterparty != "":
		weight += otherShop
	default:
		weight += alike
	}
	if a.rare && b.rare {
		weight += rareAmount
	}
	if method.split {
		weight += severalParts
	}
	switch {
	case a.refund && b.refund:
		weight += bothRefunds
	case a.interest != b.interest, a.repayment != b.repayment && !a.other && !b.other:
		weight += otherKind
	}
	return weight, true
}

// says weighs what a method says of an account; no: it names another, or what
// the wallet itself holds.
func (t *table) says(x *text, from, p *plate, at int32) (int, bool) {
	named := x.who.meets(p.who)
	if p.rank != bank {
		switch {
		case named:
			return namesSource, true
		case x.who.meets(t.lex.banks.or(t.lex.rails)), x.who.has(saysBank), x.who.has(saysPot), x.who.has(saysECNY):
			return 0, false
		}
		return 0, true
	}
	switch {
	case x.who.has(saysECNY) && p.kind != connectors.ECNY:
		return 0, false
	case named:
	case x.who.meets(t.lex.banks), x.who.has(saysBank):
		return 0, false
	case x.who.has(saysPot) && from.source == p.source:
		return namesSource, true // 花呗, where the credit line tells its own bills
	case x.who.has(saysPot):
		return 0, false
	}
	if credit, debit := x.who.has(saysCredit), x.who.has(saysDebit); credit != debit &&
		(credit && p.kind == connectors.Deposit || debit && p.kind == connectors.CreditCard) {
		return 0, false
	}
	number := otherNumber
	for _, d := range x.tails {
		switch {
		case d == 0:
		case d == p.tail, t.seconds[second{d, at}]:
			if named {
				return namesBoth, true
			}
			return namesNumber, true
		case t.tails[d].meets(p.who):
			return 0, false // it is another account of theirs at that bank
		}
	}
	if x.tails[0] == 0 || p.tail == 0 {
		number = 0
	}
	switch {
	case named:
		return namesSource + number, true
	case number != 0:
		return 0, false
	}
	return 0, true
}

// marked weighs what the lower bill tells of who carried the payment; no:
// somebody else did.
func (t *table) marked(x, y int32) (weight int, ok bool) {
	upper, lower := &t.plates[t.rows[x].plate], &t.plates[t.rows[y].plate]
	told := t.rest(y).who.or(t.paid(y).who).without(lower.who)
	carried := told.and(t.lex.rails)
	own := told.and(upper.who)
	switch {
	case own.meets(t.lex.rails):
		weight = marksRail
	case carried != parties{}:
		if !carried.meets(t.paid(x).who) {
			return 0, false
		}
		weight = marksBetween
	}
	if own.without(t.lex.rails) != (parties{}) {
		weight = max(weight, marksShop) + min(weight, 100)
	}
	return weight, true
}

// sends weighs that the outgoing bill is one end of a movement and the
// incoming one the other.
func (t *table) sends(x, y int32) (weight int, ok bool) {
	a, b := &t.rows[x], &t.rows[y]
	if !a.out || b.out || a.currency != b.currency || a.givesBack() || b.givesBack() {
		return 0, false
	}
	if a.rank != bank && b.rank != bank {
		return 0, false // two wallets share no hints, only ids
	}
	switch {
	case a.rank != bank && !a.inner, b.rank != bank && !b.inner:
		return 0, false
	case !a.inner && !b.inner && !a.transfer && !b.transfer:
		return 0, false
	}
	lag, ok := arrived(a, b)
	if !ok {
		return 0, false
	}
	weight = chanceTransfer + lag
	if a.rank == bank && b.rank == bank {
		weight += max(t.mentions(x, y), t.mentions(y, x))
		if one, other := shopOf(t.bill(x).Counterparty), shopOf(t.bill(y).Counterparty); len(one) >= 6 && one == other {
			weight += sameHolder
		}
		if t.plates[a.plate].source == t.plates[b.plate].source {
			weight += sameBank
		}
	} else {
		upper, lower := x, y
		if a.rank == bank {
			upper, lower = y, x
		}
		said, ok := t.ends(upper, t.rows[lower].plate)
		if !ok {
			return 0, false
		}
		mark, ok := t.marked(upper, lower)
		if !ok {
			return 0, false
		}
		weight += said + mark
	}
	switch {
	case a.repayment && b.repayment:
		weight += bothRepay
	case a.transfer && b.transfer:
		weight += bothTransfer
	}
	if a.rare && b.rare {
		weight += rareAmount
	}
	return weight, true
}

// ends weighs what a wallet's inner bill says of the account at the other end.
// The method of a repayment is the card that pays, not the one that is repaid.
func (t *table) ends(x, p int32) (int, bool) {
	said := t.rest(x)
	if !t.rows[x].repayment {
		said = said.and(*t.paid(x))
	}
	pots := setOf(saysPot, saysPot+1) // 余额 and 零钱 are this end
	said.who = said.who.without(pots)
	return t.says(&said, &t.plates[t.rows[x].plate], &t.plates[p], p)
}

// mentions weighs what a bank's bill says of another account. A bank's text
// names its own bank as often as the other: only what speaks for a link is
// heard. A card's purchase is no end of a transfer between banks.
func (t *table) mentions(x, y int32) int {
	if r := &t.rows[x]; r.payment || r.givesBack() {
		return 0
	}
	said := t.rest(x).and(*t.paid(x))
	p := &t.plates[t.rows[y].plate]
	named := said.who.meets(p.who) && !p.who.meets(t.plates[t.rows[x].plate].who)
	for _, d := range said.tails {
		if d != 0 && d == p.tail {
			if named {
				return namesBoth
			}
			return namesNumber
		}
	}
	if named {
		return namesSource
	}
	return 0
}

func (r *row) givesBack() bool { return r.refund || r.fee }
