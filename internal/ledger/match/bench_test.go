package match

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/money"
)

var jdAccount = Item{Account: "jd", Source: "jd", Names: []string{"京东", "JD"}, Kind: connectors.WalletBalance}

// years makes about n bills of five sources, sixty a day: two wallets and a
// shop's app that pay from two cards, fares of few prices among purchases of
// many, and of one in twenty-five its refund. With ids the wallets' orders
// stand in the cards' bills.
func years(n int, ids bool) []Item {
	r := rand.New(rand.NewPCG(1, 2))
	var items []Item
	add := func(of Item, b connectors.Bill) {
		of.ID = fmt.Sprintf("%08x", len(items))
		b.ID = "b" + of.ID
		of.Bill = &b
		if of.Account == beishan.Account {
			day(&of)
		}
		items = append(items, of)
	}
	when := at("01-01 00:00:00")
	for len(items) < n {
		when = when.Add(time.Duration(r.Int64N(int64(2 * 49 * time.Minute))))
		fen := 100 * (1 + r.Int64N(6))
		if r.IntN(5) > 0 {
			fen = 500 + r.Int64N(40)*r.Int64N(40)*r.Int64N(40)
		}
		number := fmt.Sprintf("%020d", r.Uint64())
		b := connectors.Bill{At: when, Amount: money.Amount{Minor: fen, Currency: "CNY"}, Direction: connectors.Out, Flow: connectors.FlowOut,
			State: connectors.Done, Kind: connectors.Payment, Counterparty: fmt.Sprint("第", r.IntN(300), "小吃店"), Description: "商品", Order: number}
		wallet, mark := alipayAccount, "支付宝-"
		switch r.IntN(5) {
		case 0, 1:
			wallet, mark = wechatAccount, "财付通－"
		case 2:
			wallet, mark, b.Counterparty = jdAccount, "网银在线-", "京东平台商户"
		}
		under, method := jiangnan, card
		if r.IntN(2) == 0 {
			under, method = beishan, "北山银行(5678)"
		}
		booked := b
		b.Method = method
		booked.Order, booked.Counterparty, booked.Description = "", mark+b.Counterparty, ""
		booked.At = when.Add(time.Duration(r.IntN(20)) * time.Second)
		if under.Account == beishan.Account && r.IntN(3) == 0 {
			booked.At = booked.At.AddDate(0, 0, 1)
		}
		if ids {
			booked.Refs = []string{number}
		}
		add(wallet, b)
		add(under, booked)
		if r.IntN(25) > 0 {
			continue
		}
		for _, back := range []struct {
			of Item
			b  connectors.Bill
		}{{wallet, b}, {under, booked}} {
			back.b.At = back.b.At.Add(50 * time.Hour)
			back.b.Kind, back.b.Direction, back.b.Flow = connectors.Refund, connectors.In, connectors.FlowIn
			if back.b.Order != "" {
				back.b.RefundOf, back.b.Order = number, number+"_1"
			}
			if ids {
				back.b.Refs = []string{number + "_1"}
			}
			add(back.of, back.b)
		}
	}
	return items
}

// What 10,000, 100,000 and 1,000,000 bills take. B/bill is all that Join
// allocated, its answer included.
func BenchmarkJoin(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		items := years(n, true)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				Join(items, nil)
			}
			runtime.ReadMemStats(&after)
			each := float64(b.N) * float64(len(items))
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/each, "ns/bill")
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/each, "B/bill")
		})
	}
}

// The same without an id: all is found by amount, time and words.
func BenchmarkJoinWithoutIDs(b *testing.B) {
	items := years(100_000, false)
	for i := range items {
		items[i].Bill.Order, items[i].Bill.RefundOf = "", ""
	}
	for b.Loop() {
		Join(items, nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(items)), "ns/bill")
}

// The worst: every bill of one amount, a hundred thousand in a year.
func BenchmarkJoinAllAlike(b *testing.B) {
	items := years(100_000, false)
	for i := range items {
		bill := items[i].Bill
		bill.Amount.Minor, bill.Order, bill.RefundOf = 200, "", ""
		bill.At = at("01-01 00:00:00").Add(bill.At.Sub(at("01-01 00:00:00")) / 5)
		if bill.DateOnly {
			day(&items[i])
		}
	}
	for b.Loop() {
		Join(items, nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(items)), "ns/bill")
}
