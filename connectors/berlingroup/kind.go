package berlingroup

import (
	"strings"

	"jali/connectors"
	"jali/connectors/summary"
)

// words are whole parts of a text, as banks write "支付宝-充值": a shop that
// has one of them in its name does not make its bill a top-up.
var words = map[string]connectors.Kind{
	"充值": connectors.Topup, "提现": connectors.Withdrawal, "取现": connectors.Withdrawal, "取款": connectors.Withdrawal,
	"结息": connectors.Interest, "利息": connectors.Interest, "手续费": connectors.Fee, "年费": connectors.Fee,
	"工资": connectors.Income, "代发工资": connectors.Income, "奖金": connectors.Income,
	"还款": connectors.Repayment, "信用卡还款": connectors.Repayment, "自动还款": connectors.Repayment,
	"退款": connectors.Refund, "支付宝退款": connectors.Refund, "财付通退款": connectors.Refund, "快捷退款": connectors.Refund, "退货": connectors.Refund,
	"转账": connectors.Transfer, "汇款": connectors.Transfer, "跨行转账": connectors.Transfer,
	"放款": connectors.LoanKind, "冲正": connectors.Adjustment,
	"消费": connectors.Payment, "POS消费": connectors.Payment, "快捷支付": connectors.Payment,
}

// kindOf believes a text that is the bank's own word for something rarer than a
// payment or a transfer, then the codes, then the commoner words. text is the
// bank's, and empty where it ends in a shop's name.
func kindOf(iso, proprietary, purpose, text string, way connectors.Direction) connectors.Kind {
	code := summary.ReadISOCode(iso)
	said := append([]string{proprietary}, strings.FieldsFunc(text, dash)...)
	word := func(rare bool) connectors.Kind {
		for _, one := range said {
			if k, ok := words[strings.TrimSpace(one)]; ok && rare == (k != connectors.Payment && k != connectors.Transfer) {
				return k
			}
		}
		return ""
	}
	kind := connectors.Other
	for _, k := range []connectors.Kind{word(true), code.Rare(purpose), word(false), code.Common()} {
		if k != "" {
			kind = k
			break
		}
	}
	if way == connectors.In {
		return code.Received(kind)
	}
	return kind
}

func dash(r rune) bool { return r == '-' || r == '－' || r == '—' }
