package openbanking

import (
	"strings"
	"unicode"

	"jali/connectors"
)

// subCodes are sub-families of ISO 20022's
// bank transaction codes that say what a movement was for: by four letters as in
// v4, and by their names as in v3.1, of which only the letters count, in
// small: banks write "PointOfSalePayment" and "PointofSale(POS)Payment".
var subCodes = map[string]connectors.Kind{
	"INTR": connectors.Interest, "interest": connectors.Interest, "interests": connectors.Interest,
	"CHRG": connectors.Fee, "COMM": connectors.Fee, "FEES": connectors.Fee,
	"charges": connectors.Fee, "commission": connectors.Fee, "commissions": connectors.Fee, "fees": connectors.Fee,
	"RIMB": connectors.Refund, "reimbursement": connectors.Refund, "reimbursements": connectors.Refund,
	"CWDL": connectors.Withdrawal, "cashwithdrawal": connectors.Withdrawal,
	"CDPT": connectors.Topup, "cashdeposit": connectors.Topup,
	"SALA": connectors.Income, "payrollsalarypayment": connectors.Income,
	"ADJT": connectors.Adjustment, "adjustment": connectors.Adjustment, "adjustments": connectors.Adjustment,
	"POSD": connectors.Payment, "POSP": connectors.Payment, "POSC": connectors.Payment, "creditcardpayment": connectors.Payment,
	"pointofsalepayment": connectors.Payment, "pointofsalepospayment": connectors.Payment,
	"pointofsalepaymentdebitcard": connectors.Payment, "pointofsalepospaymentdebitcard": connectors.Payment,
}

// families are tried when the sub-family says nothing.
var families = map[string]connectors.Kind{
	"ICDT": connectors.Transfer, "RCDT": connectors.Transfer, "IRCT": connectors.Transfer, "RRCT": connectors.Transfer,
	"issuedcredittransfers": connectors.Transfer, "issuedcredittransfer": connectors.Transfer,
	"receivedcredittransfers": connectors.Transfer, "receivedcredittransfer": connectors.Transfer,
	"CCRD": connectors.Payment, "MCRD": connectors.Payment, "customercardtransactions": connectors.Payment, "merchantcardtransactions": connectors.Payment,
	"IDDT": connectors.Payment, "RDDT": connectors.Payment, "issueddirectdebits": connectors.Payment, "receiveddirectdebits": connectors.Payment,
	"LDAS": connectors.LoanKind, "FTLN": connectors.LoanKind, "CSLN": connectors.LoanKind, "loansanddeposits": connectors.LoanKind, "consumerloans": connectors.LoanKind,
}

// coded looks a code up as v4 writes it, and as v3.1 does.
func coded(table map[string]connectors.Kind, code string) (connectors.Kind, bool) {
	if k, ok := table[code]; ok {
		return k, true
	}
	k, ok := table[strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, code)]
	return k, ok
}

// words are whole parts of a text, as banks write "支付宝-充值": a shop that
// has one of them in its name does not make its bill a top-up.
var words = map[string]connectors.Kind{
	"充值": connectors.Topup, "提现": connectors.Withdrawal, "商户提现": connectors.Withdrawal,
	"取现": connectors.Withdrawal, "取款": connectors.Withdrawal, "ATM取款": connectors.Withdrawal,
	"结息": connectors.Interest, "利息": connectors.Interest,
	"手续费": connectors.Fee, "年费": connectors.Fee, "工本费": connectors.Fee, "短信费": connectors.Fee,
	"工资": connectors.Income, "代发工资": connectors.Income, "奖金": connectors.Income,
	"还款": connectors.Repayment, "信用卡还款": connectors.Repayment, "自动还款": connectors.Repayment,
	"退款": connectors.Refund, "支付宝退款": connectors.Refund, "财付通退款": connectors.Refund, "快捷退款": connectors.Refund, "退货": connectors.Refund,
	"转账": connectors.Transfer, "汇款": connectors.Transfer, "跨行转账": connectors.Transfer, "行内转账": connectors.Transfer,
	"收款": connectors.Income, "二维码收款": connectors.Income,
	"理财申购": connectors.Investment, "基金申购": connectors.Investment, "理财赎回": connectors.Redemption, "基金赎回": connectors.Redemption,
	"贷款放款": connectors.LoanKind, "放款": connectors.LoanKind, "冲正": connectors.Adjustment,
	"消费": connectors.Payment, "POS消费": connectors.Payment, "快捷支付": connectors.Payment, "网上支付": connectors.Payment,
}

// kindOf asks the text first where it is one of the bank's own words, since
// card networks book a top-up like any payment; then the codes. What nothing
// tells is Other.
func kindOf(t obTransaction, way connectors.Direction) connectors.Kind {
	kind := connectors.Other
	candidates := []string{t.ProprietaryBankTransactionCode.Code}
	if t.MerchantDetails.MerchantName == "" {
		// Without a shop the text is the bank's; with one it ends in its name.
		candidates = append(strings.FieldsFunc(t.TransactionInformation, dash), candidates...)
	}
	for _, text := range candidates {
		if k, ok := words[strings.TrimSpace(text)]; ok && specific(k) {
			return k
		}
	}
	if k, ok := coded(subCodes, t.BankTransactionCode.SubCode); ok {
		kind = k
	}
	for _, text := range candidates {
		if k, ok := words[strings.TrimSpace(text)]; ok && kind == connectors.Other {
			kind = k
		}
	}
	if k, ok := coded(families, t.BankTransactionCode.Code); ok && kind == connectors.Other {
		kind = k
	}
	if kind == connectors.Payment && way == connectors.In {
		// Money back on a card is a refund; anything else that comes in is not
		// known to be one.
		if k, _ := coded(families, t.BankTransactionCode.Code); k == connectors.Payment {
			return connectors.Refund
		}
		return connectors.Income
	}
	return kind
}

// specific are kinds that a text is believed for over a code.
func specific(k connectors.Kind) bool {
	return k != connectors.Payment && k != connectors.Transfer
}

func dash(r rune) bool { return r == '-' || r == '－' || r == '—' }
