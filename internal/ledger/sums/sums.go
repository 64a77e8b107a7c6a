// Package sums adds up bills that are joined and counted: by month, source,
// category and counterparty, the flow of cash, what a person was worth over
// time, and where an account's balances and bills do not add up. Its functions
// are pure. It adds per currency and converts nothing.
package sums

// Report is what a person's bills of a period come to.
type Report struct{}
