package billfile

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/money"
)

const currency = "CNY"

// entry is one row read by column names, and what of it the file's own sums
// are made of.
type entry struct {
	row
	layout *layout
	era    int

	account  string        // what tells its account from the others of the file; empty: there is one
	currency string        // of its amounts
	balance  *money.Amount // of the account after it; nil: not told
	blurred  bool          // its balance is told and cannot be read

	id      string        // the source's own for the row, where it has one beside the order's number
	moves   bool          // the row has an id, and its day may still change
	created time.Time     // when the source made the row: it never changes, as the time of payment may
	side    string        // the bucket of the file's own sums: "in", "out", "other", …
	sum     *money.Amount // what these count of it; nil: its amount
	refund  bool
}

// text is a cell without padding. "/", "-", "--" are how these files write
// nothing. Radicals, which PDFs have in place of characters, are made the
// characters; what else Unicode holds to be compatible is left as it is
// written: brackets and letters of full width are part of a shop's name.
func (e *entry) text(column string) string {
	i, ok := e.layout.column[column]
	if !ok {
		return ""
	}
	s := clean(e.cells[i])
	if s == "" || (s[0] == '-' || s[0] == '/' || s[0] > '~') && strings.Trim(s, "-/—") == "" {
		return ""
	}
	return character(s)
}

func (e *entry) damaged(column, why string) error { return damaged(e.line, column, why) }

// order is an order number; one that a spreadsheet program has turned into a
// float has lost its last digits and with them its identity.
func (e *entry) order(column string) (string, error) {
	s := e.text(column)
	if strings.Contains(s, "+") && rounded.MatchString(s) {
		return "", e.damaged(column, "id_rounded")
	}
	return s, nil
}

var rounded = regexp.MustCompile(`^[0-9](\.[0-9]+)?[eE]\+[0-9]+$`)

func (e *entry) amount(column string) (money.Amount, error) {
	a, err := parseAmount(withoutBack(e.text(column)), e.currency, e.era != 0)
	switch {
	case err != nil:
		return a, e.damaged(column, "not_an_amount")
	case a.Minor < 0:
		return a, e.damaged(column, "negative")
	}
	return a, nil
}

// signed is an amount that may be below zero.
func (e *entry) signed(column string) (money.Amount, error) {
	a, err := parseAmount(e.text(column), e.currency, e.era != 0)
	if err != nil {
		return a, e.damaged(column, "not_an_amount")
	}
	return a, nil
}

func (e *entry) when(column string) (time.Time, error) {
	t, ok := parseTime(e.text(column), e.era)
	if !ok {
		return t, e.damaged(column, "not_a_time")
	}
	return t, nil
}

var timeLayouts = []string{"2006-01-02 15:04:05", "2006/1/2 15:04:05", "2006-1-2 15:04:05", "2006/1/2 15:04", "2006-1-2 15:04", "2006-01-02T15:04:05"}

// parseTime reads a time of day in China, or in a workbook (era is not 0) an
// Excel serial: days since the last day of 1899, or since 1904-01-01.
func parseTime(s string, era int) (time.Time, bool) {
	for _, l := range timeLayouts {
		if t, err := time.ParseInLocation(l, s, zone); err == nil {
			return t, plausible(t)
		}
	}
	if era == 0 {
		return time.Time{}, false
	}
	days, err := strconv.ParseFloat(s, 64)
	if err != nil || !(days >= 0 && days < 2958466) { // the end of the year 9999
		return time.Time{}, false
	}
	first := time.Date(1899, 12, 30, 0, 0, 0, 0, zone)
	if era == 1904 {
		first = time.Date(1904, 1, 1, 0, 0, 0, 0, zone)
	}
	whole, part := math.Modf(days)
	t := first.AddDate(0, 0, int(whole)).Add(time.Duration(math.Round(part*86400)) * time.Second)
	return t, plausible(t)
}

// plausible: Alipay was founded in 2004, and a year beyond four digits has no
// RFC 3339 form.
func plausible(t time.Time) bool { return t.Year() >= 2000 && t.Year() <= 9998 }

// bill is what every generation's bill begins as.
func (e *entry) bill(created, amount, order, merchant string) (b connectors.Bill, err error) {
	if e.created, err = e.when(created); err != nil {
		return b, err
	}
	b.At = e.created
	if b.Amount, err = e.amount(amount); err != nil {
		return b, err
	}
	if b.Order, err = e.order(order); err != nil {
		return b, err
	}
	b.Merchant, err = e.order(merchant)
	return b, err
}

func has(s string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

func joined(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, " · ")
}
