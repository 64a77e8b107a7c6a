package match

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"jali/connectors"
	"jali/connectors/money"
)

var zone = time.FixedZone("", 8*3600)

func at(s string) time.Time {
	t, err := time.ParseInLocation("01-02 15:04:05", s, zone)
	if err != nil {
		panic(err)
	}
	return t.AddDate(2026, 0, 0)
}

// An item is written down as its account and what differs from a plain
// payment out.
type with func(*Item)

var (
	alipayAccount = Item{Account: "alipay", Source: "alipay", Names: []string{"支付宝", "Alipay"}, Kind: connectors.WalletBalance}
	wechatAccount = Item{Account: "wechat", Source: "wechatpay", Names: []string{"微信支付", "WeChat Pay"}, Kind: connectors.WalletBalance}
	jiangnan      = Item{Account: "jiangnan", Source: "jiangnan_bank", Names: []string{"江南银行", "Jiangnan Bank"}, Tail: "1234", Kind: connectors.Deposit}
	jiangnanTwo   = Item{Account: "jiangnan2", Source: "jiangnan_bank", Names: []string{"江南银行", "Jiangnan Bank"}, Tail: "9876", Kind: connectors.CreditCard}
	beishan       = Item{Account: "beishan", Source: "beishan_bank", Names: []string{"中国北山银行", "Beishan Bank"}, Tail: "5678", Kind: connectors.CreditCard}
)

func item(of Item, id, when, yuan string, set ...with) Item {
	a, err := money.Parse(yuan, "CNY")
	if err != nil {
		panic(err)
	}
	of.ID = id
	of.Bill = &connectors.Bill{ID: "b" + id, At: at(when), Amount: a, Direction: connectors.Out, Flow: connectors.FlowOut,
		State: connectors.Done, Kind: connectors.Payment}
	for _, f := range set {
		f(&of)
	}
	return of
}

func method(s string) with { return func(i *Item) { i.Bill.Method = s } }
func from(s string) with   { return func(i *Item) { i.Bill.Counterparty = s } }
func says(s string) with   { return func(i *Item) { i.Bill.Description = s } }
func order(s string) with  { return func(i *Item) { i.Bill.Order = s } }
func sold(s string) with   { return func(i *Item) { i.Bill.Merchant = s } }
func refs(s string) with   { return func(i *Item) { i.Bill.Refs = []string{s} } }
func of(s string) with     { return func(i *Item) { i.Bill.RefundOf = s } }
func in(i *Item)           { i.Bill.Direction, i.Bill.Flow = connectors.In, connectors.FlowIn }
func inner(i *Item)        { i.Bill.Flow = connectors.FlowInternal }
func day(i *Item) {
	y, m, d := i.Bill.At.Date()
	i.Bill.DateOnly, i.Bill.At = true, time.Date(y, m, d, 0, 0, 0, 0, zone)
}
func kind(k connectors.Kind) with       { return func(i *Item) { i.Bill.Kind = k } }
func state(s connectors.BillState) with { return func(i *Item) { i.Bill.State = s } }

const card = "江南银行储蓄卡(1234)"

// show writes what was found as "id=mirrors" for groups, "!" for what is not
// counted, "~" for internal and "<id" for a refund's payment.
func show(items []Item, joined []Joined) string {
	var s []string
	for i, j := range joined {
		w := items[i].ID
		if !j.Counted {
			w += "!"
		}
		if j.Flow == connectors.FlowInternal {
			w += "~"
		}
		if len(j.Mirrors) > 0 {
			w += "=" + strings.Join(j.Mirrors, ",")
		}
		if j.Refunds != "" {
			w += "<" + j.Refunds
		}
		s = append(s, w)
	}
	return strings.Join(s, " ")
}

func TestMirrors(t *testing.T) {
	for _, tt := range []struct {
		why   string
		items []Item
		want  string
	}{
		{"the bank tells the wallet's order number", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "27.00", order("2026100122001")),
			item(jiangnan, "b", "10-01 10:00:01", "27.00", refs("2026100122001"))}, "w=b b!=w"},
		{"an id is sure even days apart and without a hint", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "27.00", sold("T200P7")),
			item(jiangnan, "b", "10-09 03:00:00", "27.00", order("T200P7"), day)}, "w=b b!=w"},
		{"but not if the sums differ", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "27.00", order("2026100122001")),
			item(jiangnan, "b", "10-01 10:00:01", "26.00", refs("2026100122001"))}, "w b"},
		{"the wallet names the card", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "27.00", method(card)),
			item(jiangnan, "b", "10-01 10:01:00", "27.00", from("某某商贸"))}, "w=b b!=w"},
		{"the wallet names the bank, by its short name, and no number", []Item{
			item(wechatAccount, "w", "10-01 10:00:00", "27.00", method("北山银行")),
			item(beishan, "b", "10-01 10:01:00", "27.00")}, "w=b b!=w"},
		{"the bank names the wallet", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "27.00"),
			item(jiangnan, "b", "10-01 10:01:00", "27.00", from("支付宝-肯德基"))}, "w=b b!=w"},
		{"a bank that tells the day alone, and books a day later", []Item{
			item(wechatAccount, "w", "10-01 23:50:00", "27.00", method(card)),
			item(jiangnan, "b", "10-02 00:00:00", "27.00", from("财付通-肯德基"), day)}, "w=b b!=w"},
		{"and two days later", []Item{
			item(wechatAccount, "w", "10-01 00:10:00", "27.00", method(card)),
			item(jiangnan, "b", "10-03 00:00:00", "27.00", from("财付通-肯德基"), day)}, "w=b b!=w"},
		{"six days later is too late for a payment", []Item{
			item(wechatAccount, "w", "10-01 00:10:00", "27.00", method(card)),
			item(jiangnan, "b", "10-07 00:00:00", "27.00", from("财付通-肯德基"), day)}, "w b"},
		{"a bank that posts an hour later, where all else speaks for it", []Item{
			item(wechatAccount, "w", "10-01 10:00:00", "27.00", method(card)),
			item(jiangnan, "b", "10-01 11:11:00", "27.00", from("财付通-肯德基"))}, "w=b b!=w"},
		{"but not if only the bank's name does", []Item{
			item(wechatAccount, "w", "10-01 10:00:00", "27.00", method("江南银行")),
			item(jiangnan, "b", "10-01 11:11:00", "27.00", from("肯德基"))}, "w b"},
		{"amount and second alone are not enough", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "27.00"),
			item(jiangnan, "b", "10-01 10:00:00", "27.00", from("肯德基"))}, "w b"},
		{"another card of the same bank", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "27.00", method(card)),
			item(jiangnanTwo, "b", "10-01 10:00:00", "27.00", from("支付宝-肯德基"))}, "w b"},
		{"another bank with the same last digits", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "27.00", method("东海银行储蓄卡(1234)")),
			item(jiangnan, "b", "10-01 10:00:00", "27.00", from("支付宝-肯德基"))}, "w b"},
		{"another wallet", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "27.00", method(card)),
			item(jiangnan, "b", "10-01 10:00:00", "27.00", from("财付通-肯德基"))}, "w b"},
		{"paid from the balance, whatever the bank has at that minute", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "27.00", method("余额宝")),
			item(jiangnan, "b", "10-01 10:00:00", "27.00", from("支付宝-肯德基"))}, "w b"},
		{"the other way is no payment", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "27.00", method(card)),
			item(jiangnan, "b", "10-01 10:00:00", "27.00", in, from("支付宝-肯德基"))}, "w b"},
		{"another currency", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "27.00", method(card)),
			item(jiangnan, "b", "10-01 10:00:00", "27.00", from("支付宝-肯德基"), func(i *Item) { i.Bill.Amount.Currency = "HKD" })}, "w b"},
		{"never two bills of one account", []Item{
			item(jiangnan, "a", "10-01 10:00:00", "27.00", order("77"), from("支付宝-肯德基")),
			item(jiangnan, "b", "10-01 10:00:00", "27.00", order("77"), method(card))}, "a b"},
		{"two equal payments and two bookings: the nearer ones", []Item{
			item(alipayAccount, "w1", "10-01 10:00:00", "2.00", method(card)),
			item(alipayAccount, "w2", "10-01 10:05:00", "2.00", method(card)),
			item(jiangnan, "b1", "10-01 10:00:10", "2.00"),
			item(jiangnan, "b2", "10-01 10:05:10", "2.00")}, "w1=b1 w2=b2 b1!=w1 b2!=w2"},
		{"two equal payments and one booking: the nearer one, the other stays", []Item{
			item(alipayAccount, "w1", "10-01 10:00:00", "2.00", method(card)),
			item(alipayAccount, "w2", "10-01 10:05:00", "2.00", method(card)),
			item(jiangnan, "b2", "10-01 10:04:00", "2.00")}, "w1 w2=b2 b2!=w2"},
		{"the same ride every day, booked a day late: none is left over", []Item{
			item(wechatAccount, "w1", "10-01 08:00:00", "2.00", method(card)),
			item(wechatAccount, "w2", "10-02 08:00:00", "2.00", method(card)),
			item(wechatAccount, "w3", "10-03 08:00:00", "2.00", method(card)),
			item(jiangnan, "b2", "10-02 00:00:00", "2.00", day),
			item(jiangnan, "b3", "10-03 00:00:00", "2.00", day),
			item(jiangnan, "b4", "10-04 00:00:00", "2.00", day)}, "w1=b2 w2=b3 w3=b4 b2!=w1 b3!=w2 b4!=w3"},
		{"a sure link does not give way to an unsure one", []Item{
			item(alipayAccount, "w1", "10-01 10:00:00", "2.00", method(card)),
			item(alipayAccount, "w2", "10-01 10:02:00", "2.00"),
			item(jiangnan, "b1", "10-01 10:00:10", "2.00", from("支付宝-a")),
			item(beishan, "b2", "10-01 10:00:00", "2.00", from("支付宝-b"))}, "w1=b1 w2=b2 b1!=w1 b2!=w2"},
		{"the same wallet out of a file and out of its API, and the card", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "27.00", order("2026100122001"), method(card)),
			item(Item{Account: "alipay-file", Source: "alipay", Kind: connectors.WalletBalance}, "f", "10-01 10:00:00", "27.00", order("2026100122001")),
			item(jiangnan, "b", "10-01 10:01:00", "27.00", from("支付宝-肯德基"))}, "w=b,f f!=b,w b!=f,w"},
		{"failed and empty bills are kept apart and not counted", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "27.00", order("1"), state(connectors.Failed)),
			item(jiangnan, "b", "10-01 10:00:00", "27.00", order("1")),
			item(alipayAccount, "z", "10-01 10:00:00", "0.00", order("2")),
			item(jiangnan, "y", "10-01 10:00:00", "0.00", order("2"))}, "w! b z! y!"},
		{"pending counts, and is a mirror of what the bank has booked", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "27.00", method(card), state(connectors.Pending)),
			item(jiangnan, "b", "10-01 10:00:00", "27.00", from("支付宝-小店"))}, "w=b b!=w"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if got := show(tt.items, Join(tt.items, nil).Joined); got != tt.want {
				t.Errorf("Join = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestTransfers(t *testing.T) {
	for _, tt := range []struct {
		why   string
		items []Item
		want  string
	}{
		{"topped up from a card: the bank's bill is no spending", []Item{
			item(wechatAccount, "w", "10-01 10:00:00", "500.00", in, inner, kind(connectors.Topup), method(card)),
			item(jiangnan, "b", "10-01 10:00:30", "500.00", from("财付通-充值"))}, "w~=b b!~=w"},
		{"taken to the bank, hours later: no income", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "500.00", inner, kind(connectors.Withdrawal), from("江南银行"), says("提现-快速提现")),
			item(jiangnan, "b", "10-01 15:00:30", "500.00", in, kind(connectors.Income), says("支付宝-提现"))}, "w~=b b!~=w"},
		{"WeChat's fee is in the sum, and told in the remark", []Item{
			item(wechatAccount, "w", "10-01 10:00:00", "100.10", inner, kind(connectors.Withdrawal), from(card), says("服务费¥0.10")),
			item(jiangnan, "b", "10-01 10:01:00", "100.00", in, kind(connectors.Income), from("财付通"))}, "w~=b b!~=w"},
		{"without the fee told the sums differ", []Item{
			item(wechatAccount, "w", "10-01 10:00:00", "100.10", inner, kind(connectors.Withdrawal), from(card)),
			item(jiangnan, "b", "10-01 10:01:00", "100.00", in, kind(connectors.Income), from("财付通"))}, "w~ b"},
		{"a fund bought out of a card: the same way, and internal for both", []Item{
			item(wechatAccount, "w", "10-01 10:00:00", "2000.00", inner, kind(connectors.Investment), method("江南银行(1234)")),
			item(jiangnan, "b", "10-01 10:00:30", "2000.00", from("财付通-理财通"))}, "w~=b b!~=w"},
		{"a card repaid by wallet out of another card: three bills, one movement", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "1995.00", inner, kind(connectors.Repayment), from("北山银行"), says("信用卡还款"), method(card)),
			item(jiangnan, "d", "10-01 10:00:10", "1995.00", from("支付宝-信用卡还款")),
			item(beishan, "c", "10-02 00:00:00", "1995.00", in, day, kind(connectors.Repayment), from("支付宝"))}, "w~=c,d d!~=c,w c!~=d,w"},
		{"between two banks, told by one of them", []Item{
			item(jiangnan, "a", "10-01 10:00:00", "1000.00", kind(connectors.Transfer), says("转账至北山银行(5678)")),
			item(beishan, "b", "10-01 10:00:20", "1000.00", in, kind(connectors.Transfer), says("他行转入"))}, "a~=b b!~=a"},
		{"between two banks, under one reference", []Item{
			item(jiangnan, "a", "10-01 10:00:00", "1000.00", kind(connectors.Transfer), refs("IBPS7")),
			item(beishan, "b", "10-01 10:00:20", "1000.00", in, kind(connectors.Transfer), refs("IBPS7"))}, "a~=b b!~=a"},
		{"between two banks, and nobody tells", []Item{
			item(jiangnan, "a", "10-01 10:00:00", "1000.00", kind(connectors.Transfer)),
			item(beishan, "b", "10-01 10:00:20", "1000.00", in, kind(connectors.Transfer))}, "a b"},
		{"a refund under the payment's number is no transfer", []Item{
			item(jiangnan, "b", "10-01 10:00:00", "83.00", refs("77")),
			item(alipayAccount, "r", "10-02 10:00:00", "83.00", in, kind(connectors.Refund), order("77"))}, "b r<b"},
		{"a friend's money is no transfer of one's own", []Item{
			item(alipayAccount, "w", "10-01 10:00:00", "500.00", kind(connectors.Transfer), from("阿明"), method("余额")),
			item(jiangnan, "b", "10-01 10:00:20", "500.00", in, kind(connectors.Income), from("支付宝-阿明"))}, "w b"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if got := show(tt.items, Join(tt.items, nil).Joined); got != tt.want {
				t.Errorf("Join = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestRefunds(t *testing.T) {
	refund := kind(connectors.Refund)
	for _, tt := range []struct {
		why   string
		items []Item
		want  string
	}{
		{"by the number it names", []Item{
			item(alipayAccount, "p", "10-01 10:00:00", "3000.00", order("987654")),
			item(alipayAccount, "r", "10-05 10:00:00", "2725.42", in, refund, order("987654_321"), of("987654"))}, "p r<p"},
		{"under the shop's order, several times, up to what was paid", []Item{
			item(wechatAccount, "p", "10-01 10:00:00", "100.00", order("4200"), sold("M-1")),
			item(wechatAccount, "r1", "10-02 10:00:00", "60.00", in, refund, order("5031"), sold("M-1")),
			item(wechatAccount, "r2", "10-03 10:00:00", "40.00", in, refund, order("5032"), sold("M-1")),
			item(wechatAccount, "r3", "10-04 10:00:00", "0.01", in, refund, order("5033"), sold("M-1"))}, "p r1<p r2<p r3"},
		{"by shop and sum, the nearest payment before it", []Item{
			item(wechatAccount, "p1", "10-01 10:00:00", "70.48", from("小店")),
			item(wechatAccount, "p2", "10-03 10:00:00", "70.48", from("小店")),
			item(wechatAccount, "p3", "10-09 10:00:00", "70.48", from("小店")),
			item(wechatAccount, "r", "10-05 10:00:00", "70.48", in, refund, from("小店"))}, "p1 p2 p3 r<p2"},
		{"a refund that names a payment which is not here gives back no other of that shop", []Item{
			item(alipayAccount, "p", "10-04 10:00:00", "93.56", order("2026100422001"), from("小店")),
			item(alipayAccount, "r", "10-05 10:00:00", "88.00", in, refund, of("2026093022001"), from("小店"))}, "p r"},
		{"a refund whose reference is of another kind than orders is told by the shop", []Item{
			item(alipayAccount, "p", "10-04 10:00:00", "88.00", order("2026100422001"), from("小店")),
			item(alipayAccount, "r", "10-05 10:00:00", "88.00", in, refund, of("R-77"), from("小店"))}, "p r<p"},
		{"two equal refunds on one day give back two payments", []Item{
			item(beishan, "p1", "10-01 00:00:00", "70.48", from("小店"), day),
			item(beishan, "p2", "10-01 00:00:00", "70.48", from("小店"), day),
			item(beishan, "r1", "10-05 00:00:00", "70.48", in, refund, from("小店"), day),
			item(beishan, "r2", "10-05 00:00:00", "70.48", in, refund, from("小店"), day)}, "p1 p2 r1<p1 r2<p2"},
		{"another shop", []Item{
			item(wechatAccount, "p", "10-01 10:00:00", "70.48", from("大店")),
			item(wechatAccount, "r", "10-05 10:00:00", "70.48", in, refund, from("小店"))}, "p r"},
		{"after three months only an id can tell", []Item{
			item(wechatAccount, "p", "01-01 10:00:00", "70.48", from("小店")),
			item(wechatAccount, "r", "10-05 10:00:00", "70.48", in, refund, from("小店"))}, "p r"},
		{"the bank's refund gives back the bank's payment, the wallet's the wallet's", []Item{
			item(alipayAccount, "p", "10-01 10:00:00", "83.00", order("77"), method(card)),
			item(jiangnan, "bp", "10-01 10:00:10", "83.00", refs("77"), from("支付宝-小店")),
			item(alipayAccount, "r", "10-02 10:00:00", "83.00", in, refund, order("77"), method(card)),
			item(jiangnan, "br", "10-02 10:00:10", "83.00", in, refund, refs("77"), from("支付宝退款-小店"))}, "p=bp bp!=p r=br<p br!=r<bp"},
		{"a failed payment was never given back", []Item{
			item(alipayAccount, "p", "10-01 10:00:00", "83.00", order("77"), state(connectors.Failed)),
			item(alipayAccount, "r", "10-02 10:00:00", "83.00", in, refund, of("77"))}, "p! r"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if got := show(tt.items, Join(tt.items, nil).Joined); got != tt.want {
				t.Errorf("Join = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestNothing(t *testing.T) {
	if got := Join(nil, nil).Joined; len(got) != 0 {
		t.Errorf("Join(nil, nil).Joined = %v", got)
	}
}

// drawItems makes the collisions that matter: few amounts, few minutes, few
// ids, with every hint now and then.
func drawItems(t *rapid.T) []Item {
	accounts := []Item{alipayAccount, wechatAccount, jiangnan, jiangnanTwo, beishan}
	texts := []string{"", "", "支付宝-小店", "财付通-小店", "小店", "江南银行", "北山银行(5678)"}
	methods := []string{"", card, "江南银行(9876)", "余额", "北山银行"}
	kinds := []connectors.Kind{connectors.Payment, connectors.Payment, connectors.Refund, connectors.Topup, connectors.Withdrawal,
		connectors.Transfer, connectors.Repayment, connectors.Fee}
	states := []connectors.BillState{connectors.Done, connectors.Done, connectors.Done, connectors.Pending, connectors.Failed}
	n := rapid.IntRange(0, 25).Draw(t, "n")
	items := make([]Item, n)
	for i := range items {
		it := rapid.SampledFrom(accounts).Draw(t, "account")
		it.ID = fmt.Sprintf("i%02d", i)
		minutes := rapid.IntRange(0, 3*24*60).Draw(t, "minutes")
		it.Bill = &connectors.Bill{ID: it.ID, At: at("10-01 00:00:00").Add(time.Duration(minutes) * time.Minute),
			Amount:    money.Amount{Minor: rapid.SampledFrom([]int64{0, 100, 100, 100, 250}).Draw(t, "amount"), Currency: "CNY"},
			Direction: rapid.SampledFrom([]connectors.Direction{connectors.In, connectors.Out}).Draw(t, "direction"),
			State:     rapid.SampledFrom(states).Draw(t, "state"), Kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
			Counterparty: rapid.SampledFrom(texts).Draw(t, "party"), Method: rapid.SampledFrom(methods).Draw(t, "method"),
			Order: rapid.SampledFrom([]string{"", "", "", "o1", "o2"}).Draw(t, "order")}
		it.Bill.Flow = rapid.SampledFrom([]connectors.Flow{connectors.Flow(it.Bill.Direction), connectors.FlowInternal}).Draw(t, "flow")
		if rapid.Bool().Draw(t, "day") {
			day(&it)
		}
		items[i] = it
	}
	return items
}

func TestJoinHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := drawItems(t)
		joined := Join(items, nil).Joined
		byID := map[string]int{}
		for i, it := range items {
			byID[it.ID] = i
		}
		for i, j := range joined {
			group := append([]string{items[i].ID}, j.Mirrors...)
			counted, accounts := 0, map[string]bool{}
			for _, id := range group {
				m := byID[id]
				if accounts[items[m].Account] {
					t.Errorf("%s: two bills of account %s", items[i].ID, items[m].Account)
				}
				accounts[items[m].Account] = true
				if joined[m].Counted {
					counted++
				}
				want := slices.Sorted(slices.Values(group))
				if got := slices.Sorted(slices.Values(append([]string{id}, joined[m].Mirrors...))); !slices.Equal(got, want) {
					t.Errorf("%s is with %v, but %s with %v", items[i].ID, want, id, got)
				}
				if items[m].Bill.Amount != items[i].Bill.Amount {
					t.Errorf("%s and %s are of different sums", items[i].ID, id)
				}
				if len(group) > 1 && joined[m].Flow != j.Flow && (j.Flow == connectors.FlowInternal) != (joined[m].Flow == connectors.FlowInternal) {
					t.Errorf("%s is %s, its mirror %s is %s", items[i].ID, j.Flow, id, joined[m].Flow)
				}
			}
			b := items[i].Bill
			dead := b.State == connectors.Failed || b.Amount.Zero()
			if dead && (j.Counted || len(group) > 1) {
				t.Errorf("%s is failed or of nothing, and counted or linked", items[i].ID)
			}
			if !dead && counted != 1 {
				t.Errorf("of group %v %d are counted", group, counted)
			}
			refund := slices.ContainsFunc(group, func(id string) bool { return items[byID[id]].Bill.Kind == connectors.Refund })
			if j.Refunds != "" && (!refund || items[byID[j.Refunds]].Bill.Direction == b.Direction) {
				t.Errorf("%s gives back %s", items[i].ID, j.Refunds)
			}
		}
	})
}

func TestJoinDoesNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := drawItems(t)
		perm := rapid.Permutation(indexes(len(items))).Draw(t, "perm")
		shuffled := make([]Item, len(items))
		for to, from := range perm {
			shuffled[to] = items[from]
		}
		want, got := Join(items, nil).Joined, Join(shuffled, nil).Joined
		for to, from := range perm {
			if diff := cmp.Diff(want[from], got[to]); diff != "" {
				t.Fatalf("%s: -in order +shuffled:\n%s", items[from].ID, diff)
			}
		}
	})
}

func indexes(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}
