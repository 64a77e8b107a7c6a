package billfile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/connectors/money"
)

const ofxHeader = "OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:102\r\nSECURITY:NONE\r\nENCODING:USASCII\r\nCHARSET:1252\r\nCOMPRESSION:NONE\r\nOLDFILEUID:NONE\r\nNEWFILEUID:NONE\r\n\r\n"

// ofxRows are what both versions hold; SGML closes no value, XML each.
var ofxRows = "<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20250201060000[-8:PST]<LANGUAGE>ENG<FI><ORG>Lantern Bank<FID>7</FI></SONRS></SIGNONMSGSRSV1>\r\n" +
	"<BANKMSGSRSV1><STMTTRNRS><TRNUID>0<STMTRS><CURDEF>USD<BANKACCTFROM><BANKID>011000015<ACCTID>1234567890<ACCTTYPE>CHECKING</BANKACCTFROM>\r\n" +
	"<BANKTRANLIST><DTSTART>20250101<DTEND>20250131\r\n" +
	"<STMTTRN><TRNTYPE>POS<DTPOSTED>20250103120000[-8:PST]<TRNAMT>-12.50<FITID>F1<NAME>Tea &amp; Caf\xe9<MEMO>Tea &amp; Caf\xe9</STMTTRN>\r\n" +
	"<STMTTRN><TRNTYPE>DIRECTDEP<DTPOSTED>20250110173005.123[-3.5:NST]<TRNAMT>+1000,00<FITID>F2<NAME>ACME<MEMO>JAN PAY</STMTTRN>\r\n" +
	"<STMTTRN><TRNTYPE>ATM<DTPOSTED>20250111<TRNAMT>-60<FITID>F3<PAYEE><NAME>Corner<CITY>X</PAYEE></STMTTRN>\r\n" +
	"<STMTTRN><TRNTYPE>XFER<DTPOSTED>20250112<TRNAMT>-.75<FITID>F4<REFNUM>R-4<BANKACCTTO><BANKID>1<ACCTID>2</BANKACCTTO></STMTTRN>\r\n" +
	"<STMTTRN><TRNTYPE>FEE<DTPOSTED>20250113<TRNAMT>-3.00<FITID>F5<NAME>Wrong</STMTTRN>\r\n" +
	"<STMTTRN><TRNTYPE>FEE<DTPOSTED>20250114<TRNAMT>-2.00<FITID>F6<CORRECTFITID>F5<CORRECTACTION>REPLACE<NAME>Right</STMTTRN>\r\n" +
	"<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20250115<TRNAMT>-9.00<FITID>F7<CURRENCY><CURRATE>1.2<CURSYM>EUR</CURRENCY></STMTTRN>\r\n" +
	"</BANKTRANLIST><LEDGERBAL><BALAMT>924.75<DTASOF>20250131120000</LEDGERBAL><AVAILBAL><BALAMT>1.00<DTASOF>20250131</AVAILBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1>\r\n" +
	"<CREDITCARDMSGSRSV1><CCSTMTTRNRS><CCSTMTRS><CURDEF>USD<CCACCTFROM><ACCTID>4000000000000002</CCACCTFROM><BANKTRANLIST><DTSTART>20250101<DTEND>20250131\r\n" +
	"<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20250104<TRNAMT>-80.00<FITID>C1<NAME>Books</STMTTRN>\r\n" +
	"<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20250105<TRNAMT>20.00<FITID>C2<NAME>Books</STMTTRN>\r\n" +
	"<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20250120<TRNAMT>50.00<FITID>C3<NAME>AUTOPAY - THANK YOU</STMTTRN>\r\n" +
	"<STMTTRN><TRNTYPE>HOLD<DTPOSTED>20250130<TRNAMT>-1.00<FITID>C4<NAME>Pump</STMTTRN>\r\n" +
	"</BANKTRANLIST><LEDGERBAL><BALAMT>-10.00<DTASOF>20250131</LEDGERBAL></CCSTMTRS></CCSTMTTRNRS></CREDITCARDMSGSRSV1></OFX>\r\n"

// asXML closes the values of SGML and writes them in UTF-8.
func asXML(sgml string) string {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n<?OFX OFXHEADER=\"200\" VERSION=\"220\" SECURITY=\"NONE\" OLDFILEUID=\"NONE\" NEWFILEUID=\"NONE\"?>\n")
	for _, part := range strings.Split(strings.ReplaceAll(sgml, "\xe9", "é"), "<")[1:] {
		tag, value, _ := strings.Cut(part, ">")
		b.WriteString("<" + part)
		if strings.TrimSpace(value) != "" {
			b.WriteString("</" + tag + ">")
		}
	}
	return b.String()
}

func TestOFX(t *testing.T) {
	files := map[string]string{"sgml": ofxHeader + ofxRows, "xml": asXML(ofxRows), "no header": ofxRows}
	for name, text := range files {
		t.Run(name, func(t *testing.T) {
			f, err := Read(strings.NewReader(text), Options{})
			if err != nil {
				t.Fatal(err)
			}
			checkSound(t, f)
			if f.Format != "ofx" || f.Source.Name.EN != "Lantern Bank" || len(f.Accounts) != 2 || len(f.Problems) != 0 {
				t.Fatalf("file = %+v", f)
			}
			bank, card := f.Accounts[0], f.Accounts[1]
			if bank.Number.RevealString() != "011000015/1234567890" || bank.Currency != "" || bank.Side != connectors.Asset ||
				card.Number.RevealString() != "4000000000000002" || card.Kind != connectors.CreditCard || card.Side != connectors.Debt {
				t.Errorf("accounts %+v, %+v", bank.Account, card.Account)
			}
			usd := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "USD"} }
			end := at("2025-02-01 00:00:00")
			if diff := cmp.Diff([][]Balance{{{At: end, Amount: usd(92475)}}, {{At: end, Amount: usd(1000)}}}, [][]Balance{bank.Balances, card.Balances}); diff != "" {
				t.Errorf("balances: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff([]string{
				"payment out out booked  ", "income in in booked  ", "withdrawal internal out booked  ", "transfer out out booked  ",
				"fee out out failed  ", "fee out out booked  ", "payment out out booked  ",
			}, meanings(bank.Bills)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff([]string{
				"payment out out booked  ", "refund in in booked  ", "repayment internal in booked  ", "payment out out pending  ",
			}, meanings(card.Bills)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			told := []string{}
			for _, b := range bank.Bills {
				id, _, _ := strings.Cut(b.ID, "~")
				told = append(told, fmt.Sprint(id, " ", b.At.Format(time.RFC3339), " ", b.DateOnly, " ", b.Amount, "|", b.Counterparty, "|", b.Description, "|", b.Order))
			}
			if diff := cmp.Diff([]string{
				"F1 2025-01-03T00:00:00+08:00 true 12.50 USD|Tea & Café||", // noon says the day alone
				"F2 2025-01-10T17:30:05-03:30 false 1000.00 USD|ACME|JAN PAY|",
				"F3 2025-01-11T00:00:00+08:00 true 60.00 USD|Corner||",
				"F4 2025-01-12T00:00:00+08:00 true 0.75 USD|||R-4",
				"F5 2025-01-13T00:00:00+08:00 true 3.00 USD|Wrong||",
				"F6 2025-01-14T00:00:00+08:00 true 2.00 USD|Right||",
				"F7 2025-01-15T00:00:00+08:00 true 9.00 EUR|||",
			}, told); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// The balance is of the day that is told with it, whatever rows there are.
func TestOFXBalanceWithinThePeriod(t *testing.T) {
	f, err := Read(strings.NewReader(strings.ReplaceAll(ofxHeader+ofxRows, "<DTASOF>20250131", "<DTASOF>20250112")), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if b := f.Accounts[0].Balances; len(b) != 1 || !b[0].At.Equal(at("2025-01-13 00:00:00")) {
		t.Errorf("balances %v", b)
	}
}

// Banks that number from one in each file have the same subscription under the
// same number in each.
func TestOFXNumbersAgain(t *testing.T) {
	ids := map[string]bool{}
	for _, month := range []string{"202501", "202503"} {
		f, err := Read(strings.NewReader(strings.ReplaceAll(ofxHeader+ofxRows, "202501", month)), Options{})
		if err != nil {
			t.Fatal(err)
		}
		ids[f.Accounts[0].Bills[0].ID] = true
	}
	if len(ids) != 2 {
		t.Errorf("ids %v, want two", ids)
	}
}

func TestOFXTimes(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"20071015", "2007-10-15T00:00:00+08:00 true"},
		{"200710150215", "2007-10-15T02:15:00Z false"}, // without a zone it is Greenwich's
		{"20071015021529.000[-8:PST]", "2007-10-15T02:15:29-08:00 false"},
		{"20071015021529[+5:30]", "2007-10-15T02:15:29+05:30 false"},
		{"20071015021529[5.75:NPT]", "2007-10-15T02:15:29+05:45 false"},
		{"20071015000000[-5:EST]", "2007-10-15T00:00:00+08:00 true"},
		{"20071015021529[-99:X]", "none"},
		{"20070230", "none"}, {"2007", "none"}, {"", "none"},
	} {
		at, day, ok := ofxTime(tt.in)
		got := fmt.Sprint(at.Format(time.RFC3339), " ", day)
		if !ok {
			got = "none"
		}
		if got != tt.want {
			t.Errorf("ofxTime(%q) = %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestOFXRefuses(t *testing.T) {
	row := func(s string) string {
		return ofxHeader + "<OFX><STMTRS><CURDEF>USD<BANKACCTFROM><ACCTID>1</BANKACCTFROM><BANKTRANLIST><STMTTRN>" + s + "</STMTTRN></BANKTRANLIST></STMTRS></OFX>"
	}
	for _, tt := range []struct{ why, file, want string }{
		{"no amount", row("<TRNTYPE>POS<DTPOSTED>20250101<FITID>1"), "not_an_amount"},
		{"a tenth of a cent", row("<TRNTYPE>POS<DTPOSTED>20250101<TRNAMT>1.001<FITID>1"), "not_an_amount"},
		{"no day", row("<TRNTYPE>POS<TRNAMT>1<FITID>1"), "not_a_time"},
		{"no currency", strings.Replace(row("<TRNTYPE>POS<DTPOSTED>20250101<TRNAMT>1<FITID>1"), "USD", "", 1), "not_a_currency"},
		{"cut in a row", row("<TRNTYPE>POS")[:240], "cut_short"},
		{"cut in a tag", ofxHeader + "<OFX><STMT", "cut_short"},
		{"without end", ofxHeader + "<OFX>" + strings.Repeat("<STMTRS>", 100) + "</OFX>", "cells"},
		{"no statement", ofxHeader + "<OFX></OFX>", "unknown_file"},
		{"nothing at all", ofxHeader, "unknown_file"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			f, err := Read(strings.NewReader(tt.file), Options{})
			if got := placed(err); f != nil || got != tt.want && codeOf(err) != tt.want {
				t.Errorf("%v, %s; want %s", f, got, tt.want)
			}
		})
	}
}

func FuzzOFX(f *testing.F) {
	f.Add([]byte(ofxRows))
	f.Add([]byte(asXML(ofxRows)))
	f.Add([]byte("<OFX><STMTRS><CURDEF>USD<STMTTRN><TRNAMT>1<DTPOSTED>20250101</STMTRS></OFX>"))
	f.Fuzz(func(t *testing.T, data []byte) { checkRead(t, append([]byte(ofxHeader), data...)) })
}
