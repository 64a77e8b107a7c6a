// Package money holds sums in whole minor units. Nothing here rounds.
package money

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Amount is a signed sum in the smallest unit of its currency:
// {1050, "CNY"} is ¥10.50, {1050, "JPY"} is ¥1050.
// Negative is less than nothing. The zero Amount has no currency and adds to any.
type Amount struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"` // ISO 4217, upper case
}

var (
	// ErrSyntax is text that is not a plain decimal number with at most as
	// many decimals as its currency has.
	ErrSyntax = errors.New("money: not an amount")
	// ErrRange is a sum beyond what 64 bits of minor units hold.
	ErrRange = errors.New("money: amount out of range")
	// ErrCurrency is a sum of two currencies, or a code that is not three
	// upper-case letters.
	ErrCurrency = errors.New("money: currencies differ or are unknown")
)

// exponents lists the currencies of ISO 4217 whose minor unit is not a hundredth.
var exponents = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0,
	"UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
	"CLF": 4, "UYW": 4,
}

// Exponent is the number of decimals of a currency's minor unit (ISO 4217).
func Exponent(currency string) int {
	if e, ok := exponents[currency]; ok {
		return e
	}
	return 2
}

// Parse reads a decimal string such as "10.5", "-3" or "1050.00". Decimals
// beyond the currency's own are accepted only where they are zeros. Signs
// other than one leading "-" or "+", exponents, separators and spaces are
// ErrSyntax: what a source writes around a number is its dialect's affair.
func Parse(value, currency string) (Amount, error) {
	if !validCurrency(currency) {
		return Amount{}, ErrCurrency
	}
	digits, negative := value, false
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		negative = digits[0] == '-'
		digits = digits[1:]
	}
	whole, fraction, point := strings.Cut(digits, ".")
	if whole == "" || (point && fraction == "") {
		return Amount{}, ErrSyntax
	}
	exponent := Exponent(currency)
	if len(fraction) > exponent {
		if strings.Trim(fraction[exponent:], "0") != "" {
			return Amount{}, ErrSyntax
		}
		fraction = fraction[:exponent]
	}
	fraction += strings.Repeat("0", exponent-len(fraction))
	var minor uint64
	for _, c := range []byte(whole + fraction) {
		if c < '0' || c > '9' {
			return Amount{}, ErrSyntax
		}
		if minor > (math.MaxInt64-uint64(c-'0'))/10 {
			return Amount{}, ErrRange
		}
		minor = minor*10 + uint64(c-'0')
	}
	if negative {
		return Amount{-int64(minor), currency}, nil
	}
	return Amount{int64(minor), currency}, nil
}

func validCurrency(c string) bool {
	return len(c) == 3 && strings.Trim(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// Value is the decimal string with exactly the currency's decimals: "10.50".
func (a Amount) Value() string {
	exponent := Exponent(a.Currency)
	sign, magnitude := "", uint64(a.Minor)
	if a.Minor < 0 {
		sign, magnitude = "-", -uint64(a.Minor)
	}
	digits := fmt.Sprintf("%0*d", exponent+1, magnitude)
	if exponent == 0 {
		return sign + digits
	}
	cut := len(digits) - exponent
	return sign + digits[:cut] + "." + digits[cut:]
}

// String is Value and the currency: "10.50 CNY".
func (a Amount) String() string {
	if a == (Amount{}) {
		return "0"
	}
	return a.Value() + " " + a.Currency
}

// Add sums two amounts of one currency.
func (a Amount) Add(b Amount) (Amount, error) {
	switch {
	case a.Currency == "" && a.Minor == 0:
		return b, nil
	case b.Currency == "" && b.Minor == 0:
		return a, nil
	case a.Currency != b.Currency:
		return Amount{}, ErrCurrency
	}
	sum := a.Minor + b.Minor
	if (a.Minor > 0 && b.Minor > 0 && sum < 0) || (a.Minor < 0 && b.Minor < 0 && sum >= 0) {
		return Amount{}, ErrRange
	}
	return Amount{sum, a.Currency}, nil
}

// Sub is a less b.
func (a Amount) Sub(b Amount) (Amount, error) {
	if b.Minor == math.MinInt64 {
		return Amount{}, ErrRange
	}
	return a.Add(b.Neg())
}

// Neg turns the sign. The lowest Amount has no positive twin and stays as it is.
func (a Amount) Neg() Amount {
	if a.Minor == math.MinInt64 {
		return a
	}
	return Amount{-a.Minor, a.Currency}
}

// Abs is the amount without its sign.
func (a Amount) Abs() Amount {
	if a.Minor < 0 {
		return a.Neg()
	}
	return a
}

// Zero reports whether there is no money in it.
func (a Amount) Zero() bool { return a.Minor == 0 }
