package fdx

import (
	"encoding/json"
	"strconv"
	"strings"

	"jali/connectors/money"
	"jali/internal/fault"
)

// largestPower bounds an exponent: 1e19 is more than 64 bits of cents hold.
const largestPower = 19

// sum reads a JSON number as a sum of a currency, from its text. Libraries
// write 12345678.9 as 1.23456789E7, so an exponent is written out; nothing is
// rounded, and more decimals than the currency has are no sum of it.
func sum(n json.Number, currency string) (money.Amount, error) {
	text, ok := writtenOut(n.String())
	if !ok {
		return money.Amount{}, fault.Cause("a sum of money is out of bounds")
	}
	m, err := money.Parse(text, currency)
	if err != nil {
		return money.Amount{}, fault.Cause("a sum of money is none of its currency")
	}
	return m, nil
}

// writtenOut turns "-1.5E3" into "-1500".
func writtenOut(number string) (string, bool) {
	at := strings.IndexAny(number, "eE")
	if at < 0 {
		return number, true
	}
	power, err := strconv.Atoi(number[at+1:])
	if err != nil || power > largestPower || power < -largestPower {
		return "", false
	}
	digits, sign := number[:at], ""
	if strings.HasPrefix(digits, "-") {
		digits, sign = digits[1:], "-"
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	if whole == "" {
		return "", false
	}
	for ; power > 0; power-- {
		next := "0"
		if fraction != "" {
			next, fraction = fraction[:1], fraction[1:]
		}
		whole += next
	}
	for ; power < 0; power++ {
		last := "0"
		if whole != "" {
			last, whole = whole[len(whole)-1:], whole[:len(whole)-1]
		}
		fraction = last + fraction
	}
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction, true
}
