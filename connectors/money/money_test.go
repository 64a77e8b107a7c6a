package money_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"jali/connectors/money"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		in, cur string
		want    money.Amount
		err     error
	}{
		{"10.50", "CNY", money.Amount{Minor: 1050, Currency: "CNY"}, nil},
		{"10.5", "CNY", money.Amount{Minor: 1050, Currency: "CNY"}, nil},
		{"1050", "JPY", money.Amount{Minor: 1050, Currency: "JPY"}, nil},
		{"1.234", "KWD", money.Amount{Minor: 1234, Currency: "KWD"}, nil},
		{"-0.01", "EUR", money.Amount{Minor: -1, Currency: "EUR"}, nil},
		{"+7", "EUR", money.Amount{Minor: 700, Currency: "EUR"}, nil},
		{"10.5000", "CNY", money.Amount{Minor: 1050, Currency: "CNY"}, nil}, // a source that pads loses nothing
		{"10.505", "CNY", money.Amount{}, money.ErrSyntax},                  // never round
		{"10.5", "JPY", money.Amount{}, money.ErrSyntax},
		{"92233720368547758.07", "CNY", money.Amount{Minor: math.MaxInt64, Currency: "CNY"}, nil},
		{"92233720368547758.08", "CNY", money.Amount{}, money.ErrRange},
		{"1e2", "CNY", money.Amount{}, money.ErrSyntax},
		{"NaN", "CNY", money.Amount{}, money.ErrSyntax},
		{"1,000.00", "CNY", money.Amount{}, money.ErrSyntax},
		{" 1", "CNY", money.Amount{}, money.ErrSyntax},
		{"--1", "CNY", money.Amount{}, money.ErrSyntax},
		{"1.", "CNY", money.Amount{}, money.ErrSyntax},
		{".5", "CNY", money.Amount{}, money.ErrSyntax},
		{"", "CNY", money.Amount{}, money.ErrSyntax},
		{"-", "CNY", money.Amount{}, money.ErrSyntax},
		{"1", "cny", money.Amount{}, money.ErrCurrency},
		{"1", "", money.Amount{}, money.ErrCurrency},
	} {
		t.Run(tt.in+tt.cur, func(t *testing.T) {
			got, err := money.Parse(tt.in, tt.cur)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("Parse(%q, %q) = %v, %v; want %v, %v", tt.in, tt.cur, got, err, tt.want, tt.err)
			}
		})
	}
}

func TestValueIsReadBackAsItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := money.Amount{
			Minor:    rapid.Int64Range(-math.MaxInt64, math.MaxInt64).Draw(t, "minor"),
			Currency: rapid.SampledFrom([]string{"CNY", "JPY", "KWD", "CLF", "HKD"}).Draw(t, "currency"),
		}
		got, err := money.Parse(a.Value(), a.Currency)
		if err != nil || got != a {
			t.Fatalf("Parse(%q) = %v, %v; want %v", a.Value(), got, err, a)
		}
	})
}

func TestAddRefusesWhatHasNoAnswer(t *testing.T) {
	cny := func(n int64) money.Amount { return money.Amount{Minor: n, Currency: "CNY"} }
	for _, tt := range []struct {
		a, b, want money.Amount
		err        error
	}{
		{cny(1), cny(2), cny(3), nil},
		{money.Amount{}, cny(2), cny(2), nil},
		{cny(2), money.Amount{}, cny(2), nil},
		{cny(1), money.Amount{Minor: 1, Currency: "HKD"}, money.Amount{}, money.ErrCurrency},
		{cny(math.MaxInt64), cny(1), money.Amount{}, money.ErrRange},
		{cny(math.MinInt64), cny(-1), money.Amount{}, money.ErrRange},
	} {
		if got, err := tt.a.Add(tt.b); got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%v + %v = %v, %v; want %v, %v", tt.a, tt.b, got, err, tt.want, tt.err)
		}
	}
	if _, err := cny(0).Sub(cny(math.MinInt64)); !errors.Is(err, money.ErrRange) {
		t.Errorf("0 - MinInt64: %v, want ErrRange", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"10.50", "-1", "1e9", "０", "1.2.3"} {
		f.Add(s, "CNY")
	}
	f.Fuzz(func(t *testing.T, in, currency string) {
		a, err := money.Parse(in, currency)
		if err != nil {
			return
		}
		if back, err := money.Parse(a.Value(), a.Currency); err != nil || back != a {
			t.Errorf("Parse(%q) = %v, written %q, read back %v, %v", in, a, a.Value(), back, err)
		}
	})
}

func ExampleParse() {
	price, _ := money.Parse("10.5", "CNY")
	fmt.Println(price, price.Minor)
	_, err := money.Parse("10.505", "CNY")
	fmt.Println(err)
	// Output:
	// 10.50 CNY 1050
	// money: not an amount
}
