package match

import (
	"hash/maphash"

	"jali/connectors"
)

var seed = maphash.MakeSeed() // ids are compared themselves where their hashes agree

// told is a number that a bill tells.
type told struct {
	hash uint64
	row  int32
	sort uint8
}

// What a number is. Of the bill's own only refunds speak; one in a description
// may be the other's order.
const (
	anID uint8 = iota
	ownID
	inText
)

// note files the numbers of a bill.
func (t *table) note(i int32, b *connectors.Bill) {
	file := func(id string, sort uint8) {
		if id != "" {
			t.ids = append(t.ids, told{maphash.String(seed, id), i, sort})
		}
	}
	file(b.Order, anID)
	file(b.Merchant, anID)
	for _, id := range b.Refs {
		file(id, anID)
	}
	inDescription(b, func(id string) { file(id, inText) })
	if !t.rows[i].givesBack() {
		file(b.ID, ownID)
	}
}

// shared answers the id that two bills share, the longest if several.
func (t *table) shared(x, y int32) (same string) {
	a, b := t.bill(x), t.bill(y)
	numbersOf(a, func(id string) {
		numbersOf(b, func(other string) {
			if id == other && len(id) > len(same) {
				same = id
			}
		})
	})
	return same
}

// ids calls f of a bill's order, its shop's, and what else it refers to.
func ids(b *connectors.Bill, f func(string)) {
	for _, id := range []string{b.Order, b.Merchant} {
		if id != "" {
			f(id)
		}
	}
	for _, id := range b.Refs {
		if id != "" {
			f(id)
		}
	}
}

func shareID(a, b *connectors.Bill) (same bool) {
	numbersOf(a, func(x string) { numbersOf(b, func(y string) { same = same || x == y }) })
	return same
}

func numbersOf(b *connectors.Bill, f func(string)) {
	ids(b, f)
	inDescription(b, f)
}

// inDescription calls f of the long numbers in a bill's description, where
// wallets tell a shop's order ("美团订单-25061611100401670076180018522541").
func inDescription(b *connectors.Bill, f func(string)) {
	const long = 12
	start, digits := -1, 0
	for i := 0; i <= len(b.Description); i++ {
		var c byte
		if i < len(b.Description) {
			c = b.Description[i]
		}
		switch {
		case c >= '0' && c <= '9' || c >= 'A' && c <= 'Z':
			if start < 0 {
				start, digits = i, 0
			}
			if c <= '9' {
				digits++
			}
		case start >= 0:
			if i-start >= long && 2*digits >= i-start {
				f(b.Description[start:i])
			}
			start = -1
		}
	}
}
