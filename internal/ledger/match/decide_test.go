package match

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"jali/connectors"
)

func yes(a, b string) Decision       { return Decision{A: a, B: b, Link: Mirror, Yes: true} }
func no(a, b string) Decision        { return Decision{A: a, B: b, Link: Mirror} }
func givesBack(a, b string) Decision { return Decision{A: a, B: b, Link: Refund, Yes: true} }
func keeps(a, b string) Decision     { return Decision{A: a, B: b, Link: Refund} }

// showSuggestions writes them as "a=b" and "a<b", with how sure they are.
func showSuggestions(list []Suggestion) string {
	var s []string
	for _, x := range list {
		sign := "="
		if x.Link == Refund {
			sign = "<"
		}
		s = append(s, fmt.Sprint(x.A, sign, x.B, " ", x.Sure))
	}
	return strings.Join(s, ", ")
}

func TestDecisions(t *testing.T) {
	refund := kind(connectors.Refund)
	pair := []Item{
		item(alipayAccount, "w", "10-01 10:00:00", "27.00", method(card)),
		item(jiangnan, "b", "10-01 10:01:00", "27.00", from("支付宝-肯德基"))}
	strangers := []Item{
		item(alipayAccount, "w", "10-01 10:00:00", "27.00"),
		item(jiangnan, "b", "10-09 10:00:00", "26.00")}
	two := []Item{
		item(alipayAccount, "w1", "10-01 10:00:00", "2.00", method(card)),
		item(alipayAccount, "w2", "10-01 10:05:00", "2.00", method(card)),
		item(jiangnan, "b1", "10-01 10:00:10", "2.00"),
		item(jiangnan, "b2", "10-01 10:05:10", "2.00")}
	back := []Item{
		item(wechatAccount, "p1", "10-01 10:00:00", "70.00", from("小店")),
		item(wechatAccount, "p2", "10-03 10:00:00", "70.00", from("小店")),
		item(wechatAccount, "r", "10-05 10:00:00", "70.00", in, refund, from("小店"))}
	for _, tt := range []struct {
		why     string
		items   []Item
		decided []Decision
		want    string
	}{
		{"no parts what all evidence joins", pair, []Decision{no("w", "b")}, "w b"},
		{"in either order", pair, []Decision{no("b", "w")}, "w b"},
		{"yes joins what nothing speaks for", strangers, []Decision{yes("b", "w")}, "w=b b!=w"},
		{"yes and no of the same two: no, which changes least", pair, []Decision{yes("w", "b"), no("b", "w")}, "w b"},
		{"what is decided is out of the others' reach", two, []Decision{yes("w1", "b2")}, "w1=b2 w2=b1 b1!=w2 b2!=w1"},
		{"and what is refused is free for others", two, []Decision{no("w1", "b1")}, "w1=b2 w2=b1 b1!=w2 b2!=w1"},
		{"two bills of one account, if the person says so", two[:2], []Decision{yes("w1", "w2")}, "w1=w2 w2!=w1"},
		{"but evidence adds no second bill of an account", append(slices.Clone(two[:3]), item(beishan, "c", "10-01 10:00:00", "2.00")), []Decision{yes("w1", "c")}, "w1=c w2=b1 b1!=w2 c!=w1"},
		{"a bill that is missing still holds its two mirrors together", strangers, []Decision{yes("w", "gone"), yes("gone", "b")}, "w=b b!=w"},
		{"unless they are said to be apart", strangers, []Decision{yes("w", "gone"), yes("gone", "b"), no("w", "b")}, "w b"},
		{"a decision on bills that have all gone", pair, []Decision{yes("x", "y"), no("w", "z"), givesBack("x", "w"), keeps("y", "b")}, "w=b b!=w"},
		{"a bill with itself", pair, []Decision{yes("w", "w"), no("b", "b"), givesBack("w", "w")}, "w=b b!=w"},
		{"a failed bill that is linked is still not counted", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "27.00", state(connectors.Failed)),
			item(jiangnan, "b", "10-01 10:01:00", "27.00")}, []Decision{yes("w", "b")}, "w!=b b=w"},

		{"another payment than the nearest was given back", back, []Decision{givesBack("r", "p1")}, "p1 p2 r<p1"},
		{"the nearest was not", back, []Decision{keeps("r", "p2")}, "p1 p2 r<p1"},
		{"none was", back, []Decision{keeps("r", "p2"), keeps("r", "p1")}, "p1 p2 r"},
		{"more than was paid, if the person says so", []Item{
			item(wechatAccount, "p", "10-01 10:00:00", "70.00", from("小店")),
			item(wechatAccount, "r", "10-05 10:00:00", "75.00", in, refund, from("小店"))}, []Decision{givesBack("r", "p")}, "p r<p"},
		{"what is decided uses up the payment", []Item{
			item(wechatAccount, "p", "10-01 10:00:00", "70.00", sold("M-123456")),
			item(wechatAccount, "r1", "10-05 10:00:00", "40.00", in, refund),
			item(wechatAccount, "r2", "10-06 10:00:00", "40.00", in, refund, sold("M-123456"))}, []Decision{givesBack("r1", "p")}, "p r1<p r2"},
		{"what the wallet's refund gives back, its mirror does too", []Item{
			item(alipayAccount, "p", "10-01 10:00:00", "83.00", method(card)),
			item(jiangnan, "bp", "10-01 10:00:10", "83.00", from("支付宝-小店")),
			item(alipayAccount, "r", "10-09 10:00:00", "10.00", in, refund, method(card)),
			item(jiangnan, "br", "10-09 10:00:10", "10.00", in, refund, from("支付宝-小店"))}, []Decision{givesBack("r", "p")}, "p=bp bp!=p r=br<p br!=r<bp"},
		{"and what it does not, neither does its mirror", []Item{
			item(alipayAccount, "p", "10-01 10:00:00", "83.00", method(card), from("小店")),
			item(jiangnan, "bp", "10-01 10:00:10", "83.00", from("支付宝-小店")),
			item(alipayAccount, "r", "10-02 10:00:00", "83.00", in, refund, method(card), from("小店")),
			item(jiangnan, "br", "10-02 10:00:10", "83.00", in, refund, from("支付宝-小店"))}, []Decision{keeps("r", "p")}, "p=bp bp!=p r=br br!=r"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			got := Join(tt.items, tt.decided)
			if s := show(tt.items, got.Joined); s != tt.want {
				t.Errorf("Join = %s, want %s", s, tt.want)
			}
			for _, s := range got.Suggestions {
				t.Errorf("%s, though it is decided", showSuggestions([]Suggestion{s}))
			}
		})
	}
}

func TestSuggestions(t *testing.T) {
	refund := kind(connectors.Refund)
	for _, tt := range []struct {
		why         string
		items       []Item
		want, asked string
	}{
		{"amount and second, and nothing else: it may be", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "27.31"),
			item(jiangnan, "b", "10-01 10:00:00", "27.31")}, "w b", "b=w 74"},
		{"but not between two shops", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "27.31", from("肯德基")),
			item(jiangnan, "b", "10-01 11:00:00", "27.31", from("星巴克咖啡"))}, "w b", ""},
		{"nor on the same day, of a fare that is paid daily", []Item{
			item(alipayAccount, "w1", "10-01 10:00:00", "2.00"),
			item(alipayAccount, "w2", "10-02 10:00:00", "2.00"),
			item(jiangnan, "b1", "10-01 00:00:00", "2.00", day),
			item(jiangnan, "b2", "10-02 00:00:00", "2.00", day)}, "w1 w2 b1 b2", ""},
		{"two banks, out and in within a minute, and nobody tells", []Item{
			item(jiangnan, "a", "10-01 10:00:00", "1000.00", kind(connectors.Transfer)),
			item(beishan, "b", "10-01 10:00:20", "1000.00", in, kind(connectors.Transfer))}, "a b", "a=b 74"},
		{"part of a payment from two pots: its amount is not told", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "99.92", method(card+"&花呗金")),
			item(jiangnan, "b", "10-01 10:00:10", "60.00", from("支付宝-小店"))}, "w b", "b=w 74"},
		{"but with an id it is linked", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "99.92", method(card+"&花呗金"), order("2026100122001")),
			item(jiangnan, "b", "10-01 10:00:10", "60.00", from("支付宝-小店"), refs("2026100122001"))}, "w=b b!=w", ""},
		{"a bill that two wallets may have paid: the likelier is asked for, and once", []Item{
			item(alipayAccount, "w1", "10-01 10:00:00", "27.00", method(card)),
			item(wechatAccount, "w2", "10-01 10:00:30", "27.00", method(card)),
			item(jiangnan, "b", "10-01 10:00:10", "27.00")}, "w1 w2 b", "b=w1 49"},
		{"one of two orders was given back in part", []Item{
			item(wechatAccount, "p1", "10-01 10:00:00", "70.00", from("小店")),
			item(wechatAccount, "p2", "10-01 12:00:00", "80.00", from("小店")),
			item(wechatAccount, "r", "10-02 10:00:00", "10.00", in, refund, from("小店"))}, "p1 p2 r", "r<p2 49"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			got := Join(tt.items, nil)
			if s := show(tt.items, got.Joined); s != tt.want {
				t.Errorf("Join = %s, want %s", s, tt.want)
			}
			if s := showSuggestions(got.Suggestions); s != tt.asked {
				t.Errorf("suggested: %s, want %s", s, tt.asked)
			}
		})
	}
}

func TestNobodyIsAskedTooMuch(t *testing.T) {
	var items []Item
	for n := range 200 {
		minute := fmt.Sprintf("10-%02d %02d:00:00", 1+n/10, n%10)
		yuan := fmt.Sprintf("%d.13", 100+n)
		items = append(items, item(alipayAccount, fmt.Sprint("w", n), minute, yuan), item(jiangnan, fmt.Sprint("b", n), minute, yuan))
	}
	got := Join(items, nil).Suggestions
	if len(got) != maxSuggestions {
		t.Errorf("%d suggestions, want %d", len(got), maxSuggestions)
	}
	if !slices.IsSortedFunc(got, func(a, b Suggestion) int { return b.Sure - a.Sure }) {
		t.Error("the surest does not come first")
	}
	asked := map[string]bool{}
	for _, s := range got {
		if asked[s.A] || asked[s.B] {
			t.Errorf("%s or %s is asked for twice", s.A, s.B)
		}
		asked[s.A], asked[s.B] = true, true
	}
}

func drawDecisions(t *rapid.T, n int) []Decision {
	id := rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("i%02d", rapid.IntRange(0, n).Draw(t, "bill")) })
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Decision {
		return Decision{A: id.Draw(t, "a"), B: id.Draw(t, "b"), Link: rapid.SampledFrom([]Link{Mirror, Mirror, Refund}).Draw(t, "link"), Yes: rapid.Bool().Draw(t, "yes")}
	}), 0, 8).Draw(t, "decided")
}

// A decision holds whatever the bills say, and nothing else changes with the
// order in which bills and decisions come.
func TestDecisionsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := drawItems(t)
		decided := drawDecisions(t, len(items))
		got := Join(items, decided)
		at := map[string]int{}
		for i, it := range items {
			at[it.ID] = i
		}
		refused := map[[2]string]bool{}
		for _, d := range decided {
			if !d.Yes {
				refused[[2]string{d.A, d.B}] = true
				if d.Link == Mirror {
					refused[[2]string{d.B, d.A}] = true
				}
			}
		}
		for _, d := range decided {
			a, ok := at[d.A]
			b, also := at[d.B]
			if !ok || !also || d.A == d.B {
				continue
			}
			together := slices.Contains(got.Joined[a].Mirrors, d.B)
			switch {
			case d.Link == Mirror && !d.Yes && together:
				t.Errorf("%s and %s are joined against the person's word", d.A, d.B)
			case d.Link == Mirror && d.Yes && !together && len(refused) == 0:
				t.Errorf("%s and %s are apart against the person's word", d.A, d.B)
			case d.Link == Refund && !d.Yes && got.Joined[a].Refunds == d.B && !slices.ContainsFunc(decided, func(o Decision) bool { return o.Link == Refund && o.Yes }):
				t.Errorf("%s gives back %s against the person's word", d.A, items[b].ID)
			}
		}
		for _, s := range got.Suggestions {
			if slices.ContainsFunc(decided, func(d Decision) bool {
				return d.Link == s.Link && (d.A == s.A && d.B == s.B || d.Link == Mirror && d.A == s.B && d.B == s.A)
			}) {
				t.Errorf("%s is suggested, though it is decided", showSuggestions([]Suggestion{s}))
			}
		}
		shuffled, words := slices.Clone(items), slices.Clone(decided)
		for to, from := range rapid.Permutation(indexes(len(items))).Draw(t, "bills") {
			shuffled[to] = items[from]
		}
		for to, from := range rapid.Permutation(indexes(len(decided))).Draw(t, "words") {
			words[to] = decided[from]
		}
		again := Join(shuffled, words)
		for i, it := range shuffled {
			if diff := cmp.Diff(got.Joined[at[it.ID]], again.Joined[i]); diff != "" {
				t.Fatalf("%s: -in order +shuffled:\n%s", it.ID, diff)
			}
		}
		if diff := cmp.Diff(got.Suggestions, again.Suggestions); diff != "" {
			t.Fatalf("suggestions: -in order +shuffled:\n%s", diff)
		}
	})
}
