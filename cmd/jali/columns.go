package main

import (
	"strings"

	"golang.org/x/text/width"
)

// columns are lines whose cells stand under one another, on a screen where a
// Chinese character is as wide as two letters.
type columns struct {
	indent string
	right  string // for each column: 'r' numbers, else texts
	lines  [][]string
}

func (c *columns) add(cells ...string) { c.lines = append(c.lines, cells) }

func (c *columns) String() string {
	var widths []int
	for _, line := range c.lines {
		for i, cell := range line {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], across(cell))
		}
	}
	var b strings.Builder
	for _, line := range c.lines {
		row := c.indent
		for i, cell := range line {
			pad := strings.Repeat(" ", widths[i]-across(cell))
			if i < len(c.right) && c.right[i] == 'r' {
				row += pad + cell + "  "
			} else {
				row += cell + pad + "  "
			}
		}
		b.WriteString(strings.TrimRight(row, " ") + "\n")
	}
	return b.String()
}

// across is how many letters wide a text stands on a screen.
func across(s string) (n int) {
	for _, r := range s {
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// within cuts a text to some width.
func within(s string, most int) string {
	if across(s) <= most {
		return s
	}
	n := 0
	for i, r := range s {
		if n += across(string(r)); n > most-1 {
			return s[:i] + "…"
		}
	}
	return s
}
