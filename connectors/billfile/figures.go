package billfile

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"jali/connectors/money"
)

// parseAmount reads an amount as people and spreadsheets write it, of which
// [figure] tells. A number cell of a workbook is the shortest decimal of its
// float: Excel writes ¥0.07 as 7.0000000000000007E-2.
func parseAmount(s, currency string, number bool) (money.Amount, error) {
	for _, sign := range []string{"", "¥", "￥"} { // most are no more than that
		if a, err := money.Parse(strings.TrimPrefix(s, sign), currency); err == nil {
			return a, nil
		}
	}
	s = figure(s, '.')
	if number {
		if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f) < 1e13 {
			s = strconv.FormatFloat(f, 'f', -1, 64)
		}
	}
	return money.Parse(s, currency)
}

var (
	pointed = regexp.MustCompile(`^[0-9]{1,3}(,[0-9]{2,4})*,[0-9]{3}(\.[0-9]*)?$`) // India groups by two, some Japanese sheets by four
	commaed = regexp.MustCompile(`^[0-9]{1,3}([. '][0-9]{3})*(,[0-9]*)?$`)
	spaced  = regexp.MustCompile(`^[0-9]{1,3}([ '’][0-9]{3})+(\.[0-9]*)?$`)
	valued  = regexp.MustCompile(`^(?:[A-Z]{3}|HK\$|US\$|人民币|[¥$€£])?\s*(.*?)\s*(?:[A-Z]{3}|元|€)?$`)
)

// figure writes a number as [money.Parse] reads it: full-width characters, a
// currency around it, thousands, a sign on either side ("-5", "5-", "−5"), and
// brackets, which accountants put around what is below zero. decimal is the
// mark before the cents. What is no number comes out as none.
func figure(s string, decimal byte) string {
	n := clean(strings.ReplaceAll(norm.NFKC.String(s), "−", "-"))
	minus := false
	if strings.HasPrefix(n, "(") && strings.HasSuffix(n, ")") {
		n, minus = clean(n[1:len(n)-1]), true
	}
	for range 2 { // a sign stands before the currency or behind it
		switch {
		case strings.HasPrefix(n, "-"), strings.HasSuffix(n, "-") && len(n) > 1:
			if minus {
				return s
			}
			n, minus = clean(strings.Trim(n, "-")), true
		case strings.HasPrefix(n, "+"), strings.HasSuffix(n, "+"):
			if minus {
				return s
			}
			n = clean(strings.Trim(n, "+"))
		}
		n = valued.FindStringSubmatch(n)[1]
	}
	switch {
	case decimal == ',' && commaed.MatchString(n):
		n = strings.ReplaceAll(strings.NewReplacer(".", "", " ", "", "'", "").Replace(n), ",", ".")
	case decimal == ',' && strings.Contains(n, ","):
		if n = strings.Replace(n, ",", ".", 1); strings.Count(n, ".") != 1 {
			return s
		}
	case decimal == ',' && strings.Contains(n, "."):
		return "" // 1.50 among 1,50: which of them is it?
	case pointed.MatchString(n):
		n = strings.ReplaceAll(n, ",", "")
	case spaced.MatchString(n):
		n = strings.NewReplacer(" ", "", "'", "", "’", "").Replace(n)
	}
	if strings.HasPrefix(n, ".") {
		n = "0" + n
	}
	n = strings.TrimSuffix(n, ".")
	if minus {
		n = "-" + n
	}
	return n
}
