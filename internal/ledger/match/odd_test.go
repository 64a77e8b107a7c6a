package match

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"jali/connectors"
	"jali/connectors/money"
)

// odd draws items that no source would tell: empty and equal ids, amounts and
// times at the ends of what there is, bytes that are no text.
func odd(t *rapid.T) ([]Item, []Decision) {
	word := rapid.OneOf(rapid.SampledFrom([]string{"", "", "银行", "(1234)", "招商银行信用卡(1234)&红包", "支付宝-", "退款-", "服务费¥9", "\xff\xfe支", "12345678901234567890", "尾号", "&"}), rapid.StringN(0, 8, 40))
	amount := rapid.OneOf(rapid.SampledFrom([]int64{0, 1, 100, 100, -100, math.MaxInt64, math.MinInt64}), rapid.Int64())
	when := rapid.Custom(func(t *rapid.T) time.Time {
		switch rapid.IntRange(0, 5).Draw(t, "time") {
		case 0:
			return time.Time{}
		case 1:
			return time.Unix(rapid.Int64().Draw(t, "seconds"), 0)
		}
		return at("10-01 00:00:00").Add(time.Duration(rapid.IntRange(0, 3*86400).Draw(t, "second")) * time.Second)
	})
	items := make([]Item, rapid.IntRange(0, 12).Draw(t, "n"))
	for i := range items {
		b := &connectors.Bill{ID: word.Draw(t, "own"), At: when.Draw(t, "at"), DateOnly: rapid.Bool().Draw(t, "day"),
			Amount:    money.Amount{Minor: amount.Draw(t, "amount"), Currency: rapid.SampledFrom([]string{"CNY", "CNY", "", "JPY"}).Draw(t, "currency")},
			Direction: connectors.Direction(rapid.SampledFrom([]string{"in", "out", ""}).Draw(t, "way")),
			Flow:      connectors.Flow(rapid.SampledFrom([]string{"in", "out", "internal", "", "up"}).Draw(t, "flow")),
			State:     connectors.BillState(rapid.SampledFrom([]string{"booked", "pending", "reversed", "failed", ""}).Draw(t, "state")),
			Kind: connectors.Kind(rapid.SampledFrom([]string{"payment", "refund", "transfer", "topup", "withdrawal", "repayment", "fee", "interest", "redemption", "", "x"}).
				Draw(t, "kind")),
			RawKind: word.Draw(t, "raw"), Counterparty: word.Draw(t, "party"), Method: word.Draw(t, "method"), Description: word.Draw(t, "description"),
			Order: word.Draw(t, "order"), Merchant: word.Draw(t, "merchant"), Refs: rapid.SliceOfN(word, 0, 2).Draw(t, "refs"), RefundOf: word.Draw(t, "of"), Note: word.Draw(t, "note")}
		items[i] = Item{ID: word.Draw(t, "id"), Account: word.Draw(t, "account"), Source: rapid.OneOf(rapid.SampledFrom([]string{"alipay", "jd", "boc"}), word).Draw(t, "source"),
			Names: rapid.SliceOfN(word, 0, 2).Draw(t, "names"), Tail: rapid.SampledFrom([]string{"", "1234", "12", "abcd"}).Draw(t, "tail"),
			Kind: connectors.AccountKind(rapid.SampledFrom([]string{"deposit", "credit_card", "wallet_balance", "fund", ""}).Draw(t, "account kind")), Bill: b}
	}
	decided := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Decision {
		return Decision{word.Draw(t, "a"), word.Draw(t, "b"), Link(rapid.SampledFrom([]string{"mirror", "refund", ""}).Draw(t, "link")), rapid.Bool().Draw(t, "yes")}
	}), 0, 4).Draw(t, "decided")
	return items, decided
}

// Whatever there is, it is answered, and alike in any order: of bills that are
// equal in everything the answers may change places.
func answersOdd(t *rapid.T) {
	items, decided := odd(t)
	got := Join(items, decided)
	perm := rapid.Permutation(indexes(len(items))).Draw(t, "perm")
	shuffled := make([]Item, len(items))
	for to, from := range perm {
		shuffled[to] = items[from]
	}
	again := Join(shuffled, decided)
	tell := func(items []Item, joined []Joined) (all []string) {
		for i, j := range joined {
			all = append(all, fmt.Sprintf("%q %q %+v %+v", items[i].ID, items[i].Account, *items[i].Bill, j))
		}
		return all
	}
	if diff := cmp.Diff(tell(items, got.Joined), tell(shuffled, again.Joined), cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
		t.Fatalf("-in order +shuffled:\n%s", diff)
	}
	if diff := cmp.Diff(got.Suggestions, again.Suggestions); diff != "" {
		t.Fatalf("suggestions: -in order +shuffled:\n%s", diff)
	}
}

func TestOddBills(t *testing.T) { rapid.Check(t, answersOdd) }
func FuzzOddBills(f *testing.F) { f.Fuzz(rapid.MakeFuzz(answersOdd)) }

func FuzzRead(f *testing.F) {
	for _, s := range []string{"中国银行信用卡(1875)", "云闪付-招商银行(4523)", "余额宝&花呗金", "零钱", "ICBC(1234)", "６２２６******５６６９", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var x text
		known.read(s, &x)
		for _, d := range x.tails {
			if d > 10000 {
				t.Errorf("of %q the number ends in %d", s, d-1)
			}
		}
		if shop := shopOf(s); len(shop) > len(s) {
			t.Errorf("shopOf(%q) = %q", s, shop)
		}
	})
}
