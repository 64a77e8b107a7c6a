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

// many is a number of things that have a plural with an s.
func many(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprint(n) + " " + what
}

// disagreement says a problem with the members that its code has.
func disagreement(p billfile.Problem) string {
	of := parts[p.Of]
	if of == "" {
		of = clean(p.Of)
	}
	switch p.Code {
	case "count_differs":
		return fmt.Sprintf("it claims %s %s, and has %d", many(p.ClaimedCount, "bill"), of, p.RowCount)
	case "sum_differs":
		return fmt.Sprintf("it claims %s %s, and its rows make %s", p.Claimed, of, p.Rows)
	case "claim_unreadable":
		if p.Of == "balance" && p.RowCount > 0 {
			return fmt.Sprintf("the balance cannot be read in %s, the first of them line %d", many(p.RowCount, "row"), p.Line)
		}
		return fmt.Sprintf("what it claims %s cannot be read", of)
	case "claim_missing":
		return fmt.Sprintf("it claims nothing %s; its rows make %s, %s", of, many(p.RowCount, "bill"), p.Rows)
	case "outside_period":
		return fmt.Sprintf("%s outside the period that it claims", many(p.RowCount, "bill"))
	case "sheet_ignored":
		return fmt.Sprintf("it holds a further sheet of %s, which is left alone", many(p.RowCount, "bill"))
	case "balance_breaks":
		return fmt.Sprintf("its running balance does not follow from %s, the first of them line %d", many(p.RowCount, "row"), p.Line)
	default:
		return p.Code + " " + of
	}
}

var parts = map[string]string{
	"total": "in all", "in": "coming in", "out": "going out", "other": "that are neither",
	"in_pending": "coming in and pending", "out_pending": "going out and pending", "period": "as its period",
	"balance": "as its balance",
}
