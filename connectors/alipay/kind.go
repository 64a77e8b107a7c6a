package alipay

import (
	"strings"

	"jali/connectors"
)

// exact are types that would mislead if they were read by a word inside them.
var exact = map[string]connectors.Kind{
	"PAYMENT": connectors.Payment, "TRANSFER": connectors.Transfer, "DEPOSIT": connectors.Topup,
	"WITHDRAW": connectors.Withdrawal, "CHARGE": connectors.Fee,
	"充值": connectors.Topup, "余额充值": connectors.Topup, "账户充值": connectors.Topup,
	"话费充值": connectors.Payment, "手机充值": connectors.Payment, "充值缴费": connectors.Payment,
	"预授权": connectors.Other, "PREAUTH": connectors.Other, // held back, not paid
}

// words are tried in order: what is said first of a movement ("退款" of a
// "转账") outweighs what it was before.
var words = []struct {
	word string
	kind connectors.Kind
}{
	{"退款", connectors.Refund},
	{"手续费", connectors.Fee}, {"服务费", connectors.Fee}, {"收费", connectors.Fee},
	{"红包", connectors.RedPacket},
	{"收益", connectors.Interest}, {"利息", connectors.Interest},
	{"还款", connectors.Repayment},
	{"赎回", connectors.Redemption}, {"卖出", connectors.Redemption}, {"余额宝转出", connectors.Redemption},
	{"申购", connectors.Investment}, {"买入", connectors.Investment}, {"余额宝转入", connectors.Investment},
	{"放款", connectors.LoanKind}, {"借款", connectors.LoanKind}, {"贷款", connectors.LoanKind},
	{"提现", connectors.Withdrawal},
	{"调账", connectors.Adjustment}, {"冲正", connectors.Adjustment},
	{"转账", connectors.Transfer},
	{"工资", connectors.Income}, {"收款", connectors.Income},
	{"在线支付", connectors.Payment}, {"支付", connectors.Payment}, {"付款", connectors.Payment},
	{"消费", connectors.Payment}, {"缴费", connectors.Payment}, {"交易", connectors.Payment},
}

// kindOf reads the type, and the description where the type tells too little.
// A memo is free text and is believed for the forms that Alipay itself writes. What none of them tells is Other.
func kindOf(e entry, way connectors.Direction) connectors.Kind {
	kind := word(e.Type, way)
	if kind == connectors.Other || kind == connectors.Payment || kind == connectors.Income {
		_, last, found := strings.Cut(e.BizDesc, "|") // "0020011|交易退款"
		if !found {
			last = e.BizDesc
		}
		if said := word(last, way); said != connectors.Other && (kind == connectors.Other || said == connectors.Refund) {
			return said
		}
	}
	if (kind == connectors.Other || kind == connectors.Payment) && way == connectors.Out && repays(e.Memo) {
		return connectors.Repayment
	}
	if kind == connectors.Other && way == connectors.In && strings.HasPrefix(e.Memo, "余额宝-") && strings.Contains(e.Memo, "收益发放") {
		return connectors.Interest
	}
	return kind
}

// repays reports whether a memo is Alipay's of a repayment to 花呗 or 借呗:
// "花呗主动还款-2026年10月账单".
func repays(memo string) bool {
	return (strings.HasPrefix(memo, "花呗") || strings.HasPrefix(memo, "借呗")) && strings.Contains(memo, "还款")
}

func word(text string, way connectors.Direction) connectors.Kind {
	text = strings.TrimSpace(text)
	kind, ok := exact[text]
	for i := 0; !ok && i < len(words); i++ {
		if strings.Contains(text, words[i].word) {
			kind, ok = words[i].kind, true
		}
	}
	switch {
	case !ok && strings.Contains(text, "余额宝") && way == connectors.Out:
		return connectors.Investment
	case !ok && strings.Contains(text, "余额宝"):
		return connectors.Redemption
	case !ok:
		return connectors.Other
	case kind == connectors.Payment && way == connectors.In:
		return connectors.Income
	}
	return kind
}
