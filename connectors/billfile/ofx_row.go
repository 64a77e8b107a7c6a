package billfile

import (
	"cmp"
	"strings"

	"jali/connectors"
	"jali/connectors/money"
)

// row reads a transaction (STMTTRN), or one that is pending (STMTTRNP, which
// has no id yet), of the statement that it stands in.
func (x *ofxFile) row(of, g ofxGroup) error {
	v := g.values
	currency := strings.ToUpper(cmp.Or(v["CURRENCY/CURSYM"], of.values["CURDEF"])) // ORIGCURRENCY is of an amount that was converted
	if _, err := money.Parse("0", currency); err != nil {
		return damaged(g.line, "CURDEF", "not_a_currency")
	}
	a, err := ofxAmount(v["TRNAMT"], currency)
	if err != nil {
		return damaged(g.line, "TRNAMT", "not_an_amount")
	}
	b := connectors.Bill{Amount: a.Abs(), Direction: connectors.In, State: connectors.Done, RawKind: v["TRNTYPE"],
		Counterparty: cmp.Or(v["NAME"], v["PAYEE/NAME"]), Order: reference(v["REFNUM"])}
	if a.Minor <= 0 {
		b.Direction = connectors.Out
	}
	if g.tag == "STMTTRNP" || b.RawKind == "HOLD" {
		b.State = connectors.Pending
	}
	var ok bool
	if b.At, b.DateOnly, ok = ofxTime(cmp.Or(v["DTPOSTED"], v["DTTRAN"])); !ok {
		return damaged(g.line, "DTPOSTED", "not_a_time")
	}
	b.Description = joined(distinct(v["MEMO"], v["EXTDNAME"])...)
	if b.Description == line(b.Counterparty) {
		b.Description = ""
	}
	text := strings.ToLower(b.Counterparty + " " + b.Description)
	b.Kind = ofxKind(b.RawKind, text, b.Direction, of.tag == "CCSTMTRS")
	coded(&b)
	switch v["CORRECTACTION"] {
	case "REPLACE":
		x.void = append(x.void, v["CORRECTFITID"])
	case "DELETE":
		x.void = append(x.void, v["CORRECTFITID"])
		b.State = connectors.Failed
	}
	x.s.take(b, entry{row: row{line: g.line}, created: b.At, currency: currency, id: reference(v["FITID"]), refund: b.Kind == connectors.Refund})
	return nil
}

// ofxKinds are the TRNTYPEs of section 11.4.4.3 (11.4.3.1 before 2.2).
var ofxKinds = map[string]connectors.Kind{
	"INT": connectors.Interest, "DIV": connectors.Interest, "FEE": connectors.Fee, "SRVCHG": connectors.Fee,
	"DEP": connectors.Income, "DIRECTDEP": connectors.Income, "CREDIT": connectors.Income,
	"DEBIT": connectors.Payment, "POS": connectors.Payment, "CHECK": connectors.Payment, "PAYMENT": connectors.Payment,
	"DIRECTDEBIT": connectors.Payment, "REPEATPMT": connectors.Payment, "HOLD": connectors.Payment,
	"ATM": connectors.Withdrawal, "CASH": connectors.Withdrawal, "XFER": connectors.Transfer,
}

// ofxKind reads a type by the way the money went. What comes in on a credit
// card repays it, unless its type is a purchase's; CREDIT is either, and the
// text decides.
func ofxKind(word, text string, way connectors.Direction, card bool) connectors.Kind {
	kind := cmp.Or(ofxKinds[word], connectors.Other)
	in := way == connectors.In
	switch {
	case card && in && (word == "PAYMENT" || word == "XFER" || word == "DEP" || word == "DIRECTDEP" || word == "DIRECTDEBIT" || word == "REPEATPMT"),
		card && in && kind == connectors.Income && has(text, "payment", "thank you", "autopay", "还款"):
		return connectors.Repayment
	case card && in && (kind == connectors.Payment || kind == connectors.Income), in && word == "POS":
		return connectors.Refund
	case in && kind == connectors.Payment:
		return connectors.Income
	case in && kind == connectors.Withdrawal:
		return connectors.Topup
	case !in && kind == connectors.Income:
		return connectors.Adjustment
	}
	return kind
}
