package bank

import (
	"testing"

	"jali/internal/ledger"
	"jali/openapi/client"
)

// The app knows the API alone, and the API's categories are published: each
// has its name here, in both languages, as Jali itself says it.
func TestEveryCategoryHasItsName(t *testing.T) {
	for _, c := range ledger.Categories {
		if got := vocabulary[c.Code]; got != [2]string{c.ZH, c.EN} {
			t.Errorf("%s is called %q, Jali says %q and %q", c.Code, got, c.ZH, c.EN)
		}
	}
	if got := (&page{Lang: "zh"}).Word("food.brunch"); got != "餐饮" {
		t.Errorf("a leaf that is new is called %q, want its branch", got)
	}
}

func TestAmountsAreGrouped(t *testing.T) {
	for a, want := range map[[2]string]string{
		{"0.00", "CNY"}:       "¥0.00",
		{"999.00", "CNY"}:     "¥999.00",
		{"1000.50", "CNY"}:    "¥1,000.50",
		{"-1234567.8", "USD"}: "−$1,234,567.8",
		{"1200", "JPY"}:       "JPY 1,200",
		{"100000", "CNY"}:     "¥100,000",
	} {
		if got := money(client.Amount{Value: a[0], Currency: a[1]}); got != want {
			t.Errorf("%v = %s, want %s", a, got, want)
		}
	}
}
