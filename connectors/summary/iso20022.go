package summary

import (
	"cmp"
	"strings"

	"jali/connectors"
)

// Sub-families and families of ISO 20022 bank transaction codes
// (ExternalBankTransactionSubFamily1Code, ExternalBankTransactionFamily1Code),
// and purposes (ExternalPurpose1Code), which a bank copies from the order.
var (
	isoSubFamilies = map[string]connectors.Kind{
		"INTR": connectors.Interest, "CHRG": connectors.Fee, "COMM": connectors.Fee, "FEES": connectors.Fee,
		"RIMB": connectors.Refund, "CWDL": connectors.Withdrawal, "CDPT": connectors.Topup,
		"SALA": connectors.Income, "PENS": connectors.Income, "ADJT": connectors.Adjustment,
		"POSD": connectors.Payment, "POSP": connectors.Payment, "POSC": connectors.Payment,
		"DDWN": connectors.LoanKind, "PPAY": connectors.Repayment,
	}
	isoFamilies = map[string]connectors.Kind{
		"ICDT": connectors.Transfer, "RCDT": connectors.Transfer, "IRCT": connectors.Transfer, "RRCT": connectors.Transfer,
		"CCRD": connectors.Payment, "MCRD": connectors.Payment, "IDDT": connectors.Payment, "RDDT": connectors.Payment,
		"LDAS": connectors.LoanKind, "FTLN": connectors.LoanKind, "CSLN": connectors.LoanKind,
	}
	isoPurposes = map[string]connectors.Kind{
		"SALA": connectors.Income, "PAYR": connectors.Income, "BONU": connectors.Income, "PENS": connectors.Income,
		"INTE": connectors.Interest, "RIMB": connectors.Refund, "REFU": connectors.Refund, "CCRD": connectors.Repayment,
		"LOAN": connectors.LoanKind, "LOAR": connectors.Repayment, "MTUP": connectors.Topup,
	}
)

// ISOCode is a bank transaction code of ISO 20022: domain, family and
// sub-family.
type ISOCode struct{ Domain, Family, Sub string }

// ReadISOCode reads "PMNT-CCRD-POSD".
func ReadISOCode(s string) ISOCode {
	domain, rest, _ := strings.Cut(s, "-")
	family, sub, _ := strings.Cut(rest, "-")
	return ISOCode{domain, family, sub}
}

// Rare is what the code's sub-family says, or the purpose; empty: neither says
// more than that money was paid.
func (c ISOCode) Rare(purpose string) connectors.Kind {
	return cmp.Or(isoSubFamilies[c.Sub], isoPurposes[purpose])
}

// Common is what its family says: a payment, a transfer, a loan.
func (c ISOCode) Common() connectors.Kind { return isoFamilies[c.Family] }

// Received is kind as it is of money that came in: back on a card it is a
// refund; anything else that comes in is not known to be one.
func (c ISOCode) Received(kind connectors.Kind) connectors.Kind {
	switch {
	case kind != connectors.Payment:
		return kind
	case c.Family == "CCRD":
		return connectors.Refund
	}
	return connectors.Income
}
