package openbanking

import (
	"strings"

	"jali/connectors"
)

// subCodes are ISO 20022 external bank transaction sub-families (v4), and
// those of UK.OBIE (v3.1), that say what a movement was for.
var subCodes = map[string]connectors.Kind{
	"INTR": connectors.Interest, "Interest": connectors.Interest,
	"CHRG": connectors.Fee, "COMM": connectors.Fee, "FEES": connectors.Fee, "CHRG/COMM": connectors.Fee, "Charges": connectors.Fee, "Fees": connectors.Fee,
	"RIMB": connectors.Refund, "Reimbursement": connectors.Refund,
	"CWDL": connectors.Withdrawal, "CashWithdrawal": connectors.Withdrawal,
	"CDPT": connectors.Topup, "CashDeposit": connectors.Topup,
	"SALA": connectors.Income, "PayrollSalaryPayment": connectors.Income,
	"ADJT": connectors.Adjustment, "Adjustments": connectors.Adjustment,
	"POSD": connectors.Payment, "POSP": connectors.Payment, "POSC": connectors.Payment,
	"PointOfSalePaymentDebitCard": connectors.Payment, "PointOfSalePayment": connectors.Payment,
}

// families are tried when the sub-family says nothing.
var families = map[string]connectors.Kind{
	"ICDT": connectors.Transfer, "RCDT": connectors.Transfer, "IRCT": connectors.Transfer, "RRCT": connectors.Transfer,
	"IssuedCreditTransfers": connectors.Transfer, "IssuedCreditTransfer": connectors.Transfer,
	"ReceivedCreditTransfers": connectors.Transfer, "ReceivedCreditTransfer": connectors.Transfer,
	"CCRD": connectors.Payment, "MCRD": connectors.Payment, "CustomerCardTransactions": connectors.Payment,
	"IDDT": connectors.Payment, "RDDT": connectors.Payment, "IssuedDirectDebits": connectors.Payment,
	"LDAS": connectors.LoanKind, "FTLN": connectors.LoanKind, "CSLN": connectors.LoanKind, "LoansAndDeposits": connectors.LoanKind,
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
	if k, ok := subCodes[t.BankTransactionCode.SubCode]; ok {
		kind = k
	}
	for _, text := range candidates {
		if k, ok := words[strings.TrimSpace(text)]; ok && kind == connectors.Other {
			kind = k
		}
	}
	if k, ok := families[t.BankTransactionCode.Code]; ok && kind == connectors.Other {
		kind = k
	}
	if kind == connectors.Payment && way == connectors.In {
		// Money back on a card is a refund; anything else that comes in is not
		// known to be one.
		if t.BankTransactionCode.Code == "CCRD" || t.BankTransactionCode.Code == "CustomerCardTransactions" {
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
