package match

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"jali/connectors"
)

var (
	cmbFile    = Item{Account: "cmb-file", Source: "cmb", Names: cmb.Names, Kind: connectors.CreditCard}
	cmbSecond  = Item{Account: "cmb-second", Source: "cmb", Names: cmb.Names, Tail: "5678", Kind: connectors.CreditCard}
	alipayFile = Item{Account: "alipay-file", Source: "alipay", Names: alipayAccount.Names, Kind: connectors.WalletBalance}
)

// tell writes a bill for each day, of amounts that those of the same first do
// not share with others. Its ids begin with the account and end with first and
// its day.
func tell(of Item, first int, days []int, set ...with) (items []Item) {
	for _, d := range days {
		items = append(items, item(of, fmt.Sprintf("%s/%d-%d", of.Account, first, d), fmt.Sprintf("10-%02d 12:%02d:00", d, first%60), fmt.Sprintf("%d.%02d", first+d, d), set...))
	}
	return items
}

func to(last int) (days []int) {
	for d := 1; d <= last; d++ {
		days = append(days, d)
	}
	return days
}

func TestOneAccountReadTwice(t *testing.T) {
	seconds := func(i *Item) { i.Bill.At = i.Bill.At.Add(40e9) }
	threeHours := func(i *Item) { i.Bill.At = i.Bill.At.Add(3 * 3600e9) }
	eight := to(8)
	oneDay := func(of Item, many int, set ...with) (items []Item) {
		for n := range many {
			items = append(items, tell(of, 20*n+20, []int{12}, set...)...)
		}
		return items
	}
	fees := func(of Item) (items []Item) {
		for m := 1; m <= 12; m++ {
			items = append(items, item(of, fmt.Sprintf("%s/fee%d", of.Account, m), fmt.Sprintf("%02d-05 00:00:00", m), "2.00", day))
		}
		return items
	}
	for _, tt := range []struct {
		why    string
		items  [][]Item
		linked int // links
		asked  bool
	}{
		{"a card by its API, with times and a number, and out of a file that tells the day alone",
			[][]Item{tell(cmb, 20, to(20)), tell(cmbFile, 20, to(20), day)}, 20, false},
		{"the file is of a week, the API of a month", [][]Item{tell(cmb, 20, to(30)), tell(cmbFile, 20, to(7), day)}, 7, false},
		{"the file begins before the API and ends before it", [][]Item{tell(cmb, 20, []int{9, 10, 11, 12, 13, 14, 15, 16, 17, 18}), tell(cmbFile, 20, to(14), day)}, 6, false},
		{"one of twenty is only in one of them", [][]Item{tell(cmb, 20, to(20)), tell(cmbFile, 20, to(19), day), tell(cmbFile, 70, []int{20}, day)}, 19, false},
		{"a wallet by its API and out of a file, seconds apart and without common ids",
			[][]Item{tell(alipayAccount, 20, to(20)), tell(alipayFile, 20, to(20), seconds)}, 20, false},
		{"a wallet tells the moment: hours apart it is another one",
			[][]Item{tell(alipayAccount, 20, to(20)), tell(alipayFile, 20, to(20), threeHours)}, 0, false},
		{"the same ride twice a day: each once", [][]Item{tell(cmb, 20, eight), tell(cmbFile, 20, eight, day),
			fares(cmb, eight), fares(cmbFile, eight, day)}, 24, false},
		{"nothing but the same ride every day tells nothing", [][]Item{fares(cmb, eight), fares(cmbFile, eight, day)}, 0, false},
		{"two cards of one bank with two equal bills", [][]Item{tell(cmb, 20, to(20)), tell(cmbFile, 70, to(18), day), tell(cmbFile, 20, []int{3, 9}, day)}, 0, false},
		{"and even if one of them is hardly used", [][]Item{tell(cmb, 20, to(20)), tell(cmbFile, 70, []int{4, 7}, day), tell(cmbFile, 20, []int{3, 9}, day)}, 0, false},
		{"two cards that are charged the same fee every month", [][]Item{fees(cmb), fees(cmbFile)}, 0, false},
		{"all of one common day: asked at most", [][]Item{tell(cmb, 300, to(11)), oneDay(cmb, 6), oneDay(cmbFile, 6, day)}, 0, true},
		{"one common bill is not worth a question", [][]Item{tell(cmb, 20, to(12)), tell(cmbFile, 20, []int{12}, day)}, 0, false},
		{"four of five: asked", [][]Item{tell(cmb, 20, to(20)), tell(cmbFile, 20, to(16), day), tell(cmbFile, 70, []int{17, 18, 19, 20}, day)}, 0, true},
		{"two numbers are two cards", [][]Item{tell(cmb, 20, to(20)), tell(cmbSecond, 20, to(20), day)}, 0, false},
		{"another kind of account", [][]Item{tell(cmb, 20, to(20)), tell(Item{Account: "d", Source: "cmb", Kind: connectors.Deposit}, 20, to(20), day)}, 0, false},
		{"another currency", [][]Item{tell(cmb, 20, to(20)), tell(cmbFile, 20, to(20), day, func(i *Item) { i.Bill.Amount.Currency = "USD" })}, 0, false},
		{"the other direction", [][]Item{tell(cmb, 20, to(20)), tell(cmbFile, 20, to(20), day, in)}, 0, false},
		{"a file of two cards, each of which is connected: no bill is of both",
			[][]Item{tell(cmb, 20, to(20)), tell(cmbSecond, 70, to(20)), tell(cmbFile, 20, to(20), day), tell(cmbFile, 70, to(20), day),
				tell(cmb, 500, []int{5}), tell(cmbSecond, 500, []int{5}), tell(cmbFile, 500, []int{5}, day)}, 41, false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			items := slices.Concat(tt.items...)
			got := Join(items, nil)
			links := 0
			for i, j := range got.Joined {
				for _, id := range j.Mirrors {
					links++
					if mine, theirs := items[i].ID[len(items[i].Account):], id[slices.Index([]byte(id), '/'):]; mine != theirs {
						t.Errorf("%s is with %s", items[i].ID, id)
					}
				}
				if len(j.Mirrors) > 1 {
					t.Errorf("%s is with %v", items[i].ID, j.Mirrors)
				}
			}
			if links != 2*tt.linked {
				t.Errorf("%d links, want %d", links/2, tt.linked)
			}
			if (len(got.Suggestions) > 0) != tt.asked {
				t.Errorf("suggested: %s, want some: %v", showSuggestions(got.Suggestions), tt.asked)
			}
		})
	}
}

// fares are two a day, told apart by where one went.
func fares(of Item, days []int, set ...with) (items []Item) {
	for _, d := range days {
		for n, where := range []string{"徐家汇站", "人民广场站"} {
			items = append(items, item(of, fmt.Sprintf("%s/fare%d-%d", of.Account, n, d), fmt.Sprintf("10-%02d %02d:00:00", d, 8+n*9), "4.00",
				append([]with{from(where)}, set...)...))
		}
	}
	return items
}

// What was paid by a wallet out of an account that is read twice is one
// movement, and the person's no parts what belongs together by all evidence.
func TestAnAccountReadTwiceAmongOthers(t *testing.T) {
	items := slices.Concat(tell(cmb, 20, to(20)), tell(cmbFile, 20, to(20), day, from("财付通-小店")), tell(wechatAccount, 20, to(20), method("招商银行信用卡(1234)")))
	for i, j := range Join(items, nil).Joined {
		if len(j.Mirrors) != 2 || j.Counted != (items[i].Account == "wechat") {
			t.Errorf("%s: %+v", items[i].ID, j)
		}
	}
	j := Join(items[:40], []Decision{{A: "cmb/20-3", B: "cmb-file/20-3", Link: Mirror}}).Joined
	if len(j[2].Mirrors) != 0 || len(j[3].Mirrors) != 1 {
		t.Errorf("after no: %+v, %+v", j[2], j[3])
	}
}

func TestAnAccountReadTwiceInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []Item
		for d := 1; d <= 12; d++ {
			for n := range rapid.IntRange(0, 4).Draw(t, "bills") {
				yuan := fmt.Sprintf("%d.00", rapid.IntRange(1, 60).Draw(t, "yuan"))
				for _, of := range []Item{cmb, cmbFile, cmbSecond, {Account: "cmb-other", Source: "cmb", Kind: connectors.CreditCard}} {
					if rapid.IntRange(0, 9).Draw(t, "told") > 7 {
						continue
					}
					it := item(of, fmt.Sprintf("%s/%d-%d", of.Account, d, n), fmt.Sprintf("10-%02d 12:%02d:00", d, n), yuan)
					if of.Tail == "" {
						day(&it)
					}
					all = append(all, it)
				}
			}
		}
		shuffled := rapid.Permutation(all).Draw(t, "shuffled")
		want := map[string]string{}
		a, b := Join(all, nil), Join(shuffled, nil)
		for i, j := range a.Joined {
			want[all[i].ID] = fmt.Sprint(j)
		}
		for i, j := range b.Joined {
			if got := fmt.Sprint(j); got != want[shuffled[i].ID] {
				t.Fatalf("%s: %s, in another order %s", shuffled[i].ID, got, want[shuffled[i].ID])
			}
		}
		if fmt.Sprint(a.Suggestions) != fmt.Sprint(b.Suggestions) {
			t.Fatalf("suggested %v, in another order %v", a.Suggestions, b.Suggestions)
		}
	})
}
