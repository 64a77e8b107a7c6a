// Package summary knows the words that Chinese banks write as a row's 摘要
// (summary), in their interfaces and in their exported files alike, and what
// each says the movement was for.
//
// A bank's own summary is read by the words in it ("网上快捷支付", "人民币自动转帐
// 还款"); other texts of a row only by whole parts of them ("支付宝-充值"), since
// a shop that has such a word in its name does not make its bill a top-up. The
// words were collected from banks' published interfaces and exported files;
// there is no list that all banks keep to.
//
// Beside them stand ISO 20022's codes, which banks elsewhere write in their
// interfaces and documents: see [ISOCode].
package summary

import (
	"strings"

	"jali/connectors"
)

// Meaning is what the words of a row say of it.
type Meaning struct {
	Kind connectors.Kind
	Own  bool // both ends are the person's
}

// Flow is the way of a movement that means m, seen from the person.
func (m Meaning) Flow(way connectors.Direction) connectors.Flow {
	if m.Own {
		return connectors.FlowInternal
	}
	return connectors.Flow(way)
}

// word is one that a summary may have in it; of several the first in the list
// is believed.
type word struct {
	says    string // words with blanks between
	in, out connectors.Kind
}

var list = []word{
	{"利息税", connectors.Fee, connectors.Fee},
	{"冲正 抹账 冲账", connectors.Adjustment, connectors.Adjustment},
	{"退款 退货 退费 退票 退回", connectors.Refund, connectors.Refund},
	{"还款 还贷", connectors.Repayment, connectors.Repayment},
	{"返现 返还 奖励", connectors.Income, connectors.Payment},
	{"手续费 年费 工本费 短信费 信使费 管理费 服务费 违约金 滞纳金", connectors.Fee, connectors.Fee},
	{"结息 利息 付息", connectors.Interest, connectors.Interest},
	{"赎回", connectors.Redemption, connectors.Redemption},
	{"申购 认购 定投 理财 基金", connectors.Redemption, connectors.Investment},
	{exchange, connectors.Transfer, connectors.Transfer},
	{"提现 取款 取现", connectors.Withdrawal, connectors.Withdrawal},
	{"充值 存现 存款", connectors.Topup, connectors.Topup},
	{"工资 奖金 劳务费 公积金 养老金 补贴 报销 代发", connectors.Income, connectors.Payment},
	{"红包", connectors.RedPacket, connectors.RedPacket},
	{"放款", connectors.LoanKind, connectors.LoanKind},
	{"转账 转帐 汇款 汇入 汇出 转入 转出 网转 转存 汇兑 入账", connectors.Transfer, connectors.Transfer},
	{"支取", connectors.Withdrawal, connectors.Withdrawal},
	{"现金存入", connectors.Topup, connectors.Topup},
	// A payment that came in is one that went out and was given back.
	{"消费 支付 缴费 代扣 扣款 快捷 无卡 ETC", connectors.Refund, connectors.Payment},
	// A wallet's name says that money went out through it; what comes back
	// the same way may be a refund or what the person took out of it.
	{"财付通 支付宝 云闪付", connectors.Other, connectors.Payment},
}

// exchange is between two pots of one person, each in its currency.
const exchange = "购汇 结汇 换汇"

// before are what may stand before a word of the list in a part of a text.
var before = []string{"支付宝", "财付通", "微信", "零钱", "余额", "掌上生活", "快捷", "网上", "跨行", "行内", "商户", "POS", "ATM", "代发", "信用卡", "贷款", "理财", "基金"}

// Of answers what a bank's own summary and, where that says no more than that
// money was paid or sent, the other texts of the row mean.
func Of(way connectors.Direction, own string, texts ...string) Meaning {
	said := find(way, strings.TrimSpace(own), strings.Contains)
	for _, text := range texts {
		for _, part := range strings.FieldsFunc(text, parts) {
			if said.tells() {
				return said
			}
			m := find(way, bare(strings.TrimSpace(part)), func(part, w string) bool { return part == w })
			if m.tells() || said.Kind == "" {
				said = m
			}
		}
	}
	if said.Kind == "" {
		said.Kind = connectors.Other
	}
	return said
}

// tells reports that m says more than that money was paid or sent.
func (m Meaning) tells() bool {
	return m.Own || m.Kind != "" && m.Kind != connectors.Payment && m.Kind != connectors.Transfer
}

// OfCard answers what the one text of a credit card's row means: what names no
// word of the bank's is a shop's, that was paid or gave back.
func OfCard(way connectors.Direction, text string) Meaning {
	for _, part := range append(strings.FieldsFunc(text, dash), text) {
		m := find(way, strings.TrimSpace(part), strings.HasSuffix)
		switch m.Kind {
		case connectors.Repayment, connectors.Fee, connectors.Interest, connectors.Adjustment, connectors.Withdrawal, connectors.Refund:
			return m
		case connectors.Income:
			if way == connectors.In {
				return m
			}
		}
	}
	if way == connectors.In {
		return Meaning{Kind: connectors.Refund}
	}
	return Meaning{Kind: connectors.Payment}
}

func find(way connectors.Direction, text string, is func(text, word string) bool) Meaning {
	for _, l := range list {
		for _, w := range strings.Fields(l.says) {
			if !is(text, w) {
				continue
			}
			k := l.in
			if way == connectors.Out {
				k = l.out
			}
			return Meaning{Kind: k, Own: k.Inner() || l.says == exchange}
		}
	}
	return Meaning{}
}

// bare takes off what may stand before a word, unless nothing is left.
func bare(part string) string {
	for _, b := range before {
		if rest, ok := strings.CutPrefix(part, b); ok && rest != "" {
			return bare(rest)
		}
	}
	return part
}

func dash(r rune) bool { return r == '-' || r == '－' || r == '—' }

func parts(r rune) bool { return dash(r) || strings.ContainsRune(" ()（）,，", r) }
