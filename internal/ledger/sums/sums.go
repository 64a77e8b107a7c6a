// Package sums adds up bills that are joined and counted: by month, source,
// category and counterparty, the flow of cash, what a person was worth over
// time, and where an account's balances and bills do not add up. Its functions
// are pure. It adds per currency and converts nothing.
package sums

import (
	"time"

	"jali/connectors/money"
)

// Report is what a person's bills of a period come to, the currency of most
// bills first.
type Report struct{ Currencies []Currency }

// Currency is a report's part in one currency. Lines are sorted by what went
// out, the most first.
type Currency struct {
	Currency   string
	Months     []Month // every one of the period, oldest first
	Sources    []Line
	Categories []Line
	Shops      []Line  // the largest; the last may stand for all others and has no name
	Worth      []Worth // oldest first; only moments of which some balance is known
}

// Month is what came in and went out in one month of Shanghai's calendar.
type Month struct {
	Month        string // "2026-05"
	In, Out, Net money.Amount
	Bills        int
	Partly       bool // of some of its days a source has told nothing
}

// Line is a sum under a name: a source's id, a category's code or a
// counterparty as the bills write it.
type Line struct {
	Name    string
	In, Out money.Amount
	Bills   int
}

// Worth is what a person held and owed at a moment. Unknown counts accounts
// that are not in it, for no balance of theirs was known by then.
type Worth struct {
	At                 time.Time
	Assets, Debts, Net money.Amount
	Unknown            int
}
