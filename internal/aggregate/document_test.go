package aggregate_test

import (
	"strings"
	"testing"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/aggregate"
)

const ofxFile = "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nCHARSET:1252\n\n<OFX><SIGNONMSGSRSV1><SONRS><FI><ORG>Lantern Bank</FI></SONRS></SIGNONMSGSRSV1>" +
	"<STMTRS><CURDEF>USD<BANKACCTFROM><BANKID>011000015<ACCTID>1234567890<ACCTTYPE>CHECKING</BANKACCTFROM><BANKTRANLIST><DTSTART>20261101<DTEND>20261115" +
	"<STMTTRN><TRNTYPE>POS<DTPOSTED>20261103<TRNAMT>-12.50<FITID>F1<NAME>Tea</STMTTRN></BANKTRANLIST><LEDGERBAL><BALAMT>924.75<DTASOF>20261115</LEDGERBAL></STMTRS>" +
	"<CCSTMTRS><CURDEF>USD<CCACCTFROM><ACCTID>4000000000000002</CCACCTFROM><BANKTRANLIST><DTSTART>20261101<DTEND>20261115" +
	"<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20261104<TRNAMT>-80.00<FITID>C1<NAME>Books</STMTTRN></BANKTRANLIST><LEDGERBAL><BALAMT>-80.00<DTASOF>20261115</LEDGERBAL></CCSTMTRS></OFX>"

// The statement of a bank that nobody here knows is a source like any other:
// its accounts can be granted, and a client sees them under aliases.
func TestADocumentOfAnUnknownBank(t *testing.T) {
	h := newHouse(t)
	p := h.person("li")
	r := h.importFile(p.Person, ofxFile, aggregate.Taking{})
	if r.Rows != 2 || len(r.Accounts) != 2 || r.Source.Name.EN != "Lantern Bank" || r.Source.Kind != connectors.Bank || len(r.Problems) != 0 {
		t.Fatalf("report = %+v", r)
	}
	if again := h.importFile(p.Person, strings.ReplaceAll(ofxFile, "20261115", "20261116"), aggregate.Taking{}); again.Known != 2 {
		t.Errorf("the next day's file knows %d of its 2 rows", again.Known)
	}
	if ids := h.accountIDs(p); len(ids) != 2 {
		t.Fatalf("%d accounts", len(ids))
	}
	v := h.open("bank", h.grant(p, "bank", h.everything(once)), "key-0000000000000001")
	out := money.Amount{}
	for _, b := range v.Bills.Items {
		out, _ = out.Add(b.Amount)
	}
	if len(v.Accounts) != 2 || len(v.Bills.Items) != 2 || out != (money.Amount{Minor: 9250, Currency: "USD"}) {
		t.Errorf("view = %+v", v)
	}
	for _, a := range v.Accounts {
		if strings.Contains(a.Alias+a.Name, "1234567890") || a.Side == connectors.Debt != (a.Kind == connectors.CreditCard) {
			t.Errorf("account = %+v", a)
		}
	}
}
