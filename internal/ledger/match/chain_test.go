package match

import (
	"fmt"
	"testing"

	"jali/connectors"
)

var (
	meituanAccount = Item{Account: "meituan", Source: "meituan", Names: []string{"美团", "Meituan"}, Kind: connectors.WalletBalance}
	boc            = Item{Account: "boc", Source: "boc", Names: []string{"中国银行", "Bank of China"}, Tail: "2875", Kind: connectors.CreditCard}
	cmb            = Item{Account: "cmb", Source: "cmb", Names: []string{"招商银行"}, Tail: "1234", Kind: connectors.CreditCard}
	icbc           = Item{Account: "icbc", Source: "icbc", Names: []string{"中国工商银行", "ICBC"}, Tail: "9876", Kind: connectors.Deposit}
)

func TestChains(t *testing.T) {
	refund := kind(connectors.Refund)
	for _, tt := range []struct {
		why   string
		items []Item
		want  string
	}{
		{"an order, paid by WeChat, out of a card: three bills, and what was bought is counted", []Item{
			item(jdAccount, "s", "10-01 10:00:00", "14.99", from("京东平台商户"), method("微信-招商银行信用卡")),
			item(wechatAccount, "w", "10-01 10:00:04", "14.99", from("京东商城平台商户"), method("招商银行信用卡(1234)")),
			item(cmb, "c", "10-02 00:00:00", "14.99", from("财付通－京东商城平台商户"), day)}, "s=c,w w!=c,s c!=s,w"},
		{"paid by Alipay, which names the order", []Item{
			item(meituanAccount, "s", "10-01 10:00:00", "20.00", method("支付宝"), order("25070211100400001305425863015800")),
			item(alipayAccount, "w", "10-01 10:00:04", "20.00", from("美团"), says("饺子馆-美团外卖App-25070211100400001305425863015800"), method("余额"))}, "s=w w!=s"},
		{"the wallet's file is missing: the card still names both", []Item{
			item(jdAccount, "s", "10-01 10:00:00", "14.99", method("微信支付")),
			item(cmb, "c", "10-01 00:00:00", "14.99", from("财付通-京东商城"), day)}, "s=c c!=s"},
		{"the app's own till, and a card that a shop's name is told of only", []Item{
			item(meituanAccount, "s", "10-01 10:00:00", "2.99", method("交通银行信用卡(0354)")),
			item(Item{Account: "bocom", Source: "bocom", Names: []string{"交通银行"}, Kind: connectors.CreditCard}, "c", "10-01 00:00:00", "2.99", from("美团"), day)}, "s=c c!=s"},
		{"钱袋宝 is Meituan's", []Item{
			item(meituanAccount, "s", "10-01 10:00:00", "0.59", method("中国银行信用卡(1875)")),
			item(boc, "c", "10-01 00:00:00", "0.59", from("钱袋宝支付-大众点评App美团神会员CHN"), day)}, "s=c c!=s"},
		{"another number of the same bank's card: bank, mark and day outweigh it", []Item{
			item(jdAccount, "s", "10-01 10:00:00", "68.19", method("中国银行信用卡(1875)")),
			item(boc, "c", "10-01 00:00:00", "68.19", from("网银在线-京东商城业务CHN"), day)}, "s=c c!=s"},
		{"but not without the mark", []Item{
			item(jdAccount, "s", "10-01 10:00:00", "68.19", method("中国银行信用卡(1875)")),
			item(boc, "c", "10-01 00:00:00", "68.19", from("上海公共交通卡股份有限CHN"), day)}, "s c"},
		{"nor if that number is another card of theirs", []Item{
			item(jdAccount, "s", "10-01 10:00:00", "68.19", method("中国银行信用卡(1875)")),
			item(boc, "c", "10-01 00:00:00", "68.19", from("网银在线-京东商城业务CHN"), day),
			item(Item{Account: "boc2", Source: "boc", Names: boc.Names, Tail: "1875", Kind: connectors.CreditCard}, "d", "09-01 00:00:00", "1.00", day)}, "s c d"},
		{"a debit card is no credit card", []Item{
			item(jdAccount, "s", "10-01 10:00:00", "68.19", method("中国银行储蓄卡(1875)")),
			item(boc, "c", "10-01 00:00:00", "68.19", from("网银在线-京东商城业务CHN"), day)}, "s c"},
		{"the app's own pot", []Item{
			item(jdAccount, "s", "10-01 10:00:00", "68.19", method("钱包余额")),
			item(boc, "c", "10-01 00:00:00", "68.19", from("网银在线-京东商城业务CHN"), day)}, "s c"},
		{"digital yuan are in no card of that bank", []Item{
			item(jdAccount, "s", "10-01 10:00:00", "68.19", method("数字人民币-中国银行钱包(0637)")),
			item(boc, "c", "10-01 00:00:00", "68.19", from("网银在线-京东商城业务CHN"), day)}, "s c"},
		{"what the app lends is repaid out of a card: nothing is spent again", []Item{
			item(meituanAccount, "s", "10-01 20:59:00", "48.12", inner, kind(connectors.Repayment), method("中国银行信用卡(2875)"), says("【美团月付】主动还款")),
			item(boc, "c", "10-01 00:00:00", "48.12", from("钱袋宝支付-美团月付"), day)}, "s~=c c!~=s"},
		{"two equal refunds of one day, and the card has two", []Item{
			item(jdAccount, "s1", "10-01 10:00:00", "70.48", in, refund, method("中国银行信用卡(2875)")),
			item(jdAccount, "s2", "10-01 10:09:00", "70.48", in, refund, method("中国银行信用卡(2875)")),
			item(boc, "c1", "10-01 00:00:00", "70.48", in, kind(connectors.Other), from("网银在线CHN"), day),
			item(boc, "c2", "10-01 00:00:00", "70.48", in, kind(connectors.Other), from("网银在线CHN"), day)}, "s1=c1 s2=c2 c1!=s1 c2!=s2"},
		{"a bank's short name, full width, and a card of several", []Item{
			item(wechatAccount, "w", "10-01 10:00:00", "9.90", method("工行（９８７６）")),
			item(icbc, "c", "10-01 10:00:03", "9.90", from("财付通－美团平台商户"))}, "w=c c!=w"},
		{"云闪付 carries what Alipay asks for", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "23.00", method("云闪付-招商银行(1234)")),
			item(cmb, "c", "10-01 10:00:03", "23.00", from("云闪付APP-电影票"))}, "w=c c!=w"},
		{"抖音支付 is somebody else's till", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "10.14", method("招商银行信用卡(1234)")),
			item(cmb, "c", "10-01 10:00:03", "10.14", from("抖音支付-抖音电商商家"))}, "w c"},
		{"money that leaves the wallet for the bank is nothing that the bank pays", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "1000.00", inner, kind(connectors.Redemption), method("中国工商银行储蓄卡(9876)"), says("余额宝-转出到银行卡")),
			item(icbc, "a", "10-01 10:00:30", "1000.00", inner, kind(connectors.Withdrawal), says("ATM取款")),
			item(icbc, "b", "10-01 10:01:00", "1000.00", in, inner, kind(connectors.Redemption), from("支付宝"))}, "w~=b a~ b!~=w"},
		{"one card out of a file and by its API", []Item{
			item(cmb, "a", "10-01 10:00:00", "23.00", from("支付宝-电影票")),
			item(Item{Account: "cmb-file", Source: "cmb", Names: cmb.Names, Tail: "1234", Kind: connectors.CreditCard}, "f", "10-01 00:00:00", "23.00", day, from("支付宝-电影票")),
			item(alipayAccount, "w", "10-01 10:00:00", "23.00", method("招商银行信用卡(1234)"))}, "a!=f,w f!=a,w w=a,f"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			got := Join(tt.items, nil)
			if s := show(tt.items, got.Joined); s != tt.want {
				t.Errorf("Join = %s, want %s (%s)", s, tt.want, showSuggestions(got.Suggestions))
			}
		})
	}
}

// What an account's bills tell of its bank is held against its other bills.
func TestHabitsAreLearnt(t *testing.T) {
	// October 2026 begins on a Thursday. This bank books two days later, and
	// what was paid from Friday on with Monday's; the fare is paid daily.
	books := func(d int) int {
		switch d % 7 {
		case 2:
			return d + 3
		case 3:
			return d + 2
		}
		return d + 2
	}
	var items []Item
	want := map[string]string{}
	for d := 1; d <= 21; d++ {
		for _, b := range []struct{ id, yuan string }{{"rare", fmt.Sprintf("%d.37", 50+d)}, {"fare", "2.00"}} {
			w, c := fmt.Sprintf("w%s%02d", b.id, d), fmt.Sprintf("c%s%02d", b.id, d)
			items = append(items,
				item(wechatAccount, w, fmt.Sprintf("10-%02d 08:00:00", d), b.yuan, method("招商银行信用卡(1234)")),
				item(cmb, c, fmt.Sprintf("10-%02d 00:00:00", books(d)), b.yuan, from("财付通-小店"), day))
			want[w] = c
		}
	}
	items = append(items, item(cmb, "early", "10-01 00:00:00", "2.00", from("财付通-小店"), day)) // paid before the wallet's file begins
	for i, j := range Join(items, nil).Joined {
		if c, ok := want[items[i].ID]; ok && (len(j.Mirrors) != 1 || items[i].ID[1:5] == "rare" && j.Mirrors[0] != c) {
			t.Errorf("%s is with %v, want %s", items[i].ID, j.Mirrors, c)
		}
		if items[i].ID == "early" && len(j.Mirrors) > 0 {
			t.Errorf("a booking of before is with %v", j.Mirrors)
		}
	}

	// A number that no account has, four times with one and its marks: the fifth
	// needs no mark.
	items = nil
	for d := 1; d <= 4; d++ {
		items = append(items,
			item(jdAccount, fmt.Sprint("s", d), fmt.Sprintf("10-%02d 08:00:00", d), fmt.Sprintf("%d.37", 50+d), method("中国银行信用卡(1875)")),
			item(boc, fmt.Sprint("c", d), fmt.Sprintf("10-%02d 00:00:00", d), fmt.Sprintf("%d.37", 50+d), from("网银在线CHN"), day))
	}
	items = append(items,
		item(jdAccount, "s5", "10-09 08:00:00", "99.99", method("中国银行信用卡(1875)")),
		item(boc, "c5", "10-09 00:00:00", "99.99", day))
	if j := Join(items, nil).Joined[8]; len(j.Mirrors) != 1 {
		t.Errorf("what was paid with the second number is with %v", j.Mirrors)
	}
	if j := Join(items[6:], nil).Joined[2]; len(j.Mirrors) != 0 {
		t.Errorf("before the number is learnt it is with %v", j.Mirrors)
	}
}
