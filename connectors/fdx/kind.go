package fdx

import "jali/connectors"

// kinds are the transactionTypes of deposits, lines of credit, loans and
// wallets; the same word means the same in each.
var kinds = map[string]connectors.Kind{
	"PURCHASE": connectors.Payment, "POSDEBIT": connectors.Payment, "CHECK": connectors.Payment, "BILLPAYMENT": connectors.Payment,
	"PAYMENT": connectors.Repayment, "LUMP_SUM_PAYMENT": connectors.Repayment, "SKIP_PAYMENT": connectors.Repayment,
	"DOUBLE_UP_PAYMENT": connectors.Repayment, "PAYOFF": connectors.Repayment,
	"FEE": connectors.Fee, "SRVCHG": connectors.Fee, "INTEREST": connectors.Interest, "DIVIDEND": connectors.Interest,
	"ADJUSTMENT": connectors.Adjustment,
	"WITHDRAWAL": connectors.Withdrawal, "ATMWITHDRAWAL": connectors.Withdrawal,
	"ATMDEPOSIT": connectors.Topup, "DEPOSIT": connectors.Income, "DIRECTDEPOSIT": connectors.Income, "POSCREDIT": connectors.Refund,
	"TRANSFER": connectors.Transfer,
}

// kindOf reads the type; where there is none, what the account is for.
func kindOf(t transaction, category string, way connectors.Direction) connectors.Kind {
	debt := category == loc || category == bnpl || category == loan
	kind, ok := kinds[t.Type]
	switch {
	case !ok && category == loan && way == connectors.Out:
		return connectors.LoanKind // principal paid out has no type
	case !ok && debt && category != loan && way == connectors.Out:
		return connectors.Payment // a purchase had none before 6.0
	case !ok && way == connectors.In && t.Reference != "":
		return connectors.Refund // of what is reversed
	case !ok && t.Category != "" && way == connectors.Out:
		return connectors.Payment // a merchant's category code
	case !ok:
		return connectors.Other
	case kind == connectors.Repayment && !debt:
		return connectors.Payment // of somebody else's bill
	case kind == connectors.Payment && way == connectors.In:
		return connectors.Refund
	case kind == connectors.Income && way == connectors.Out:
		return connectors.Adjustment
	}
	return kind
}
