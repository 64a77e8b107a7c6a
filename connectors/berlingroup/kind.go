package berlingroup

import (
	"strings"

	"jali/connectors"
)

// families are ISO 20022 bank transaction codes by their sub-family, and where
// that says nothing by their family.
var (
	subFamilies = map[string]connectors.Kind{
		"INTR": connectors.Interest, "CHRG": connectors.Fee, "COMM": connectors.Fee, "FEES": connectors.Fee,
		"RIMB": connectors.Refund, "CWDL": connectors.Withdrawal, "CDPT": connectors.Topup,
		"SALA": connectors.Income, "PENS": connectors.Income, "ADJT": connectors.Adjustment,
		"POSD": connectors.Payment, "POSP": connectors.Payment, "POSC": connectors.Payment,
		"DDWN": connectors.LoanKind, "PPAY": connectors.Repayment,
	}
	families = map[string]connectors.Kind{
		"ICDT": connectors.Transfer, "RCDT": connectors.Transfer, "IRCT": connectors.Transfer, "RRCT": connectors.Transfer,
		"CCRD": connectors.Payment, "MCRD": connectors.Payment, "IDDT": connectors.Payment, "RDDT": connectors.Payment,
		"LDAS": connectors.LoanKind, "FTLN": connectors.LoanKind, "CSLN": connectors.LoanKind,
	}
	purposes = map[string]connectors.Kind{ // ExternalPurpose1Code
		"SALA": connectors.Income, "PAYR": connectors.Income, "BONU": connectors.Income, "PENS": connectors.Income,
		"INTE": connectors.Interest, "RIMB": connectors.Refund, "REFU": connectors.Refund, "CCRD": connectors.Repayment,
		"LOAN": connectors.LoanKind, "LOAR": connectors.Repayment, "MTUP": connectors.Topup,
	}
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
	// A structured code is domain, family and sub-family.
	_, rest, _ := strings.Cut(iso, "-")
	family, sub, _ := strings.Cut(rest, "-")
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
	for _, k := range []connectors.Kind{word(true), subFamilies[sub], purposes[purpose], word(false), families[family]} {
		if k != "" {
			kind = k
			break
		}
	}
	if kind == connectors.Payment && way == connectors.In {
		// Money back on a card is a refund; anything else that comes in is not
		// known to be one.
		if family == "CCRD" {
			return connectors.Refund
		}
		return connectors.Income
	}
	return kind
}

func dash(r rune) bool { return r == '-' || r == '－' || r == '—' }
