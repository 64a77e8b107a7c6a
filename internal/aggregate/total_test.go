package aggregate

import (
	"iter"
	"math"
	"slices"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/consent"
)

func TestTotal(t *testing.T) {
	yuan := func(n int64) money.Amount { return money.Amount{Minor: n, Currency: "CNY"} }
	pound := func(n int64) money.Amount { return money.Amount{Minor: n, Currency: "GBP"} }
	asset := func(id string) OwnAccount { return OwnAccount{ID: consent.AccountID(id), Side: connectors.Asset} }
	debt := func(id string) OwnAccount { return OwnAccount{ID: consent.AccountID(id), Side: connectors.Debt} }
	bal := func(id string, k connectors.BalanceKind, a money.Amount) OwnBalance {
		return OwnBalance{Account: consent.AccountID(id), Kind: k, Amount: a}
	}
	bill := func(a money.Amount, f connectors.Flow, counted bool) OwnBill {
		return OwnBill{Bill: connectors.Bill{Amount: a, Flow: f}, Counted: counted}
	}
	for _, tt := range []struct {
		why  string
		look Look
		want []Total
	}{
		{"nothing", Look{}, []Total{}},
		{"one account, once, though it tells three balances", Look{Accounts: []OwnAccount{asset("a")}, Balances: []OwnBalance{
			bal("a", connectors.Available, yuan(900)), bal("a", connectors.Current, yuan(1000)), bal("a", connectors.Booked, yuan(1100))}},
			[]Total{{yuan(1000), yuan(0), yuan(1000), yuan(0), yuan(0)}}},
		{"what is frozen in a wallet is the person's too", Look{Accounts: []OwnAccount{asset("a")}, Balances: []OwnBalance{
			bal("a", connectors.Available, yuan(900)), bal("a", connectors.Frozen, yuan(50))}},
			[]Total{{yuan(950), yuan(0), yuan(950), yuan(0), yuan(0)}}},
		{"but a current balance holds it already", Look{Accounts: []OwnAccount{asset("a")}, Balances: []OwnBalance{
			bal("a", connectors.Current, yuan(950)), bal("a", connectors.Frozen, yuan(50))}},
			[]Total{{yuan(950), yuan(0), yuan(950), yuan(0), yuan(0)}}},
		{"a limit is nobody's money", Look{Accounts: []OwnAccount{debt("c")}, Balances: []OwnBalance{
			bal("c", connectors.CreditLimit, yuan(100000)), bal("c", connectors.Outstanding, yuan(300))}},
			[]Total{{yuan(0), yuan(300), yuan(-300), yuan(0), yuan(0)}}},
		{"an overdraft lowers assets", Look{Accounts: []OwnAccount{asset("a"), asset("b")}, Balances: []OwnBalance{
			bal("a", connectors.Current, yuan(-50)), bal("b", connectors.Current, yuan(80))}},
			[]Total{{yuan(30), yuan(0), yuan(30), yuan(0), yuan(0)}}},
		{"currencies are never mixed", Look{Accounts: []OwnAccount{asset("a")}, Balances: []OwnBalance{
			bal("a", connectors.Current, yuan(5)), bal("a", connectors.Available, pound(7))}},
			[]Total{{yuan(5), yuan(0), yuan(5), yuan(0), yuan(0)}, {pound(7), pound(0), pound(7), pound(0), pound(0)}}},
		{"mirrors and what stays with the person are not counted", Look{Bills: []OwnBill{
			bill(yuan(10), connectors.FlowOut, true), bill(yuan(10), connectors.FlowOut, false),
			bill(yuan(500), connectors.FlowInternal, true), bill(yuan(3), connectors.FlowIn, true)}},
			[]Total{{yuan(0), yuan(0), yuan(0), yuan(3), yuan(10)}}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			got, err := total(tt.look, flows(tt.look.Bills))
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("total = %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
	over := Look{Accounts: []OwnAccount{asset("a"), asset("b")}, Balances: []OwnBalance{
		bal("a", connectors.Current, yuan(math.MaxInt64)), bal("b", connectors.Current, yuan(1))}}
	if _, err := total(over, flows(nil)); err == nil {
		t.Error("a sum out of range is told as if it were one")
	}
}

// flows are the counted ones of bills.
func flows(bills []OwnBill) iter.Seq2[connectors.Flow, money.Amount] {
	return func(yield func(connectors.Flow, money.Amount) bool) {
		for _, b := range bills {
			if b.Counted && !yield(b.Flow, b.Amount) {
				return
			}
		}
	}
}

func TestSpans(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 10, d, 0, 0, 0, 0, time.UTC) }
	span := func(a, b int) connectors.Span { return connectors.Span{From: day(a), To: day(b)} }
	if got := connectors.Merge([]connectors.Span{span(5, 8), span(1, 3), span(3, 5), span(10, 12), {}}); !slices.Equal(got, []connectors.Span{span(1, 8), span(10, 12)}) {
		t.Errorf("merge = %v", got)
	}
	// Between two files may be a hole: the hull has none, and is not asked.
	if connectors.Covers([]connectors.Span{span(1, 8), span(10, 12)}, span(7, 11)) {
		t.Error("a hole is covered")
	}
	if got := windows(span(1, 8), 72*time.Hour); !slices.Equal(got, []connectors.Span{span(1, 4), span(4, 7), span(7, 8)}) {
		t.Errorf("windows = %v", got)
	}
	// A day in London reaches into another in Shanghai; it is the day that counts.
	london := connectors.Bill{At: time.Date(2026, 10, 31, 0, 0, 0, 0, time.FixedZone("", 0)), DateOnly: true}
	shanghai := time.FixedZone("", 8*3600)
	october := connectors.Span{From: time.Date(2026, 10, 1, 0, 0, 0, 0, shanghai), To: time.Date(2026, 11, 1, 0, 0, 0, 0, shanghai)}
	if !within(london.At, london.DateOnly, october) {
		t.Error("the last of October is not in October")
	}
	london.At = london.At.AddDate(0, 0, 1)
	if within(london.At, london.DateOnly, october) {
		t.Error("the first of November is in October")
	}
}
