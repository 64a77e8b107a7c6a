package summary

import (
	"testing"

	"jali/connectors"
)

func TestOf(t *testing.T) {
	for _, tt := range []struct {
		way   connectors.Direction
		own   string
		texts []string
		kind  connectors.Kind
		flow  connectors.Flow
	}{
		{"out", "网上快捷支付", []string{"支付宝-某店"}, "payment", "out"},
		{"in", "网上快捷支付", nil, "refund", "in"}, // a payment that comes in was given back
		{"in", "网上快捷退款", nil, "refund", "in"},
		{"in", "网上快捷提现", nil, "withdrawal", "internal"}, // out of a wallet, into the account
		{"out", "快捷支付", []string{"支付宝-充值"}, "topup", "internal"},
		{"out", "快捷支付", []string{"充值吧小店-充值吧"}, "payment", "out"}, // a shop's name is no word of the bank's
		{"out", "人民币自动转帐还款", nil, "repayment", "internal"},
		{"in", "存款利息", nil, "interest", "in"}, // not a deposit
		{"out", "利息税", nil, "fee", "out"},
		{"out", "购汇", nil, "transfer", "internal"}, // between the person's own currencies
		{"out", "跨行转账", nil, "transfer", "out"},
		{"in", "代发工资", nil, "income", "in"},
		{"out", "代发工资", nil, "payment", "out"}, // the person pays somebody
		{"in", "蚂蚁基金赎回到银行", nil, "redemption", "internal"},
		{"in", "蚂蚁财富基金", nil, "redemption", "internal"},
		{"out", "蚂蚁财富基金", nil, "investment", "internal"},
		{"out", "银联ATM取款", nil, "withdrawal", "internal"},
		{"out", "", []string{"", "支付宝退款"}, "refund", "out"},
		{"out", "抖音小店", []string{"张三"}, "other", "out"},
		{"in", "", nil, "other", "in"},
	} {
		m := Of(tt.way, tt.own, tt.texts...)
		if m.Kind != tt.kind || m.Flow(tt.way) != tt.flow {
			t.Errorf("Of(%s, %q, %q) = %s, %s; want %s, %s", tt.way, tt.own, tt.texts, m.Kind, m.Flow(tt.way), tt.kind, tt.flow)
		}
	}
}

func TestOfCard(t *testing.T) {
	for _, tt := range []struct {
		way  connectors.Direction
		text string
		kind connectors.Kind
	}{
		{"out", "支付宝-某店", "payment"},
		{"in", "支付宝-某店", "refund"},
		{"in", "财付通还款", "repayment"},
		{"in", "笔笔返现", "income"},
		{"in", "0.2元现金奖励-笔笔返0.2元", "income"},
		{"out", "年费", "fee"},
		{"out", "年费公寓酒店", "payment"}, // begins with the word, and is a shop
		{"out", "预借现金-取现", "withdrawal"},
		{"in", "存款利息", "interest"},
		{"out", "充值中心", "payment"},
	} {
		if m := OfCard(tt.way, tt.text); m.Kind != tt.kind {
			t.Errorf("OfCard(%s, %q) = %s, want %s", tt.way, tt.text, m.Kind, tt.kind)
		}
	}
}
