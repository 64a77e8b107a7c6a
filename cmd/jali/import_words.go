package main

import (
	"fmt"

	"jali/connectors/billfile"
)

// accountName names an account on one line.
func accountName(name, tail, currency string) string {
	if tail != "" {
		name += " (" + tail + ")"
	}
	if currency != "" && currency != "CNY" {
		name += " " + currency
	}
	return clean(name)
}

// disagreement says a problem with the members that its code has.
func disagreement(p billfile.Problem) string {
	of := parts[p.Of]
	if of == "" {
		of = clean(p.Of)
	}
	switch p.Code {
	case "count_differs":
		return fmt.Sprintf("it claims %d bills %s, and has %d", p.ClaimedCount, of, p.RowCount)
	case "sum_differs":
		return fmt.Sprintf("it claims %s %s, and its rows make %s", p.Claimed, of, p.Rows)
	case "claim_unreadable":
		if p.Of == "balance" && p.RowCount > 0 {
			return fmt.Sprintf("the balance cannot be read in %d rows, the first of them line %d", p.RowCount, p.Line)
		}
		return fmt.Sprintf("what it claims %s cannot be read", of)
	case "claim_missing":
		return fmt.Sprintf("it claims nothing %s; its rows make %d bills, %s", of, p.RowCount, p.Rows)
	case "outside_period":
		return fmt.Sprintf("%d of its bills are outside the period that it claims", p.RowCount)
	case "sheet_ignored":
		return fmt.Sprintf("it holds a further sheet of %d bills, which is left alone", p.RowCount)
	case "balance_breaks":
		return fmt.Sprintf("its running balance does not follow from %d rows, the first of them line %d", p.RowCount, p.Line)
	default:
		return p.Code + " " + of
	}
}

var parts = map[string]string{
	"total": "in all", "in": "coming in", "out": "going out", "other": "that are neither",
	"in_pending": "coming in and pending", "out_pending": "going out and pending", "period": "as its period",
	"balance": "as its balance",
}
