package billfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"

	"jali/connectors/money"
)

const mt940File = ":20:STARTUMS\r\n:25:51210800/1245126199\r\n:28C:00012/001\r\n:60F:C241230EUR100,00\r\n" +
	":61:2501021231DR12,50NDDTNONREF//B-1\r\nINTERNAL 7\r\n" +
	":86:105?00FOLGELASTSCHRIFT?109248?20EREF+E-1?21MREF+M-1?22SVWZ+Miete\r\n fuer Januar?23 und Strom?30LAMPDEFF?31DE75512108001245126199\r\n?32Haus und?33 Hof GmbH\r\n" +
	":61:250103C30,NTRFRF18//B-2\r\n:86:/TRTP/SEPA OVERBOEKING/IBAN/NL91ABNA0417164300/BIC/ABNANL2A/NAME/OLA NORD/REMI/USTD//Lunch/EREF/E-2\r\n" +
	":61:2501030103RC5,00NTRFE-0\r\n:86:Rueckruf der Gutschrift\r\n vom Vortag\r\n" +
	":61:2501030103RDR2,00NMSC\r\n" +
	":62M:C250103EUR114,50\r\n:64:C250103EUR999,00\r\n:86:of the whole statement\r\n-\r\n" +
	":20:STARTUMS\r\n:25:51210800/1245126199\r\n:28C:00012/002\r\n:60M:C250103EUR114,50\r\n" +
	":61:250103D14,50NCHGNONREF\r\n:86:808?00ENTGELT?20SVWZ+Kontof\xfchrung\r\n:62F:C250103EUR100,00\r\n-\r\n"

func TestMT940(t *testing.T) {
	f, err := Read(strings.NewReader(mt940File), Options{}) // its one umlaut is Windows-1252
	if err != nil {
		t.Fatal(err)
	}
	checkSound(t, f)
	a := f.Accounts[0]
	if f.Format != "mt940" || f.Source.ID != "bank_de_51210800" || a.Number.RevealString() != "51210800/1245126199" || a.Currency != "EUR" || len(f.Accounts) != 1 {
		t.Errorf("file = %+v", f)
	}
	if len(f.Problems) != 0 {
		t.Errorf("problems = %v; 100 − 12.50 + 30 − 5 + 2 is 114.50, and 114.50 − 14.50 is 100", problemsOf(f))
	}
	eur := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }
	want := []Balance{{At: at("2024-12-31 00:00:00"), Amount: eur(10000)}, {At: at("2025-01-04 00:00:00"), Amount: eur(10000)}}
	if diff := cmp.Diff(want, a.Balances); diff != "" {
		t.Errorf("balances: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		"payment out out booked  ", "transfer in in booked  ", "refund out out booked  E-0", "refund in in booked  ", "fee out out booked  ",
	}, meanings(a.Bills)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	told := []string{}
	for _, b := range a.Bills {
		told = append(told, fmt.Sprint(b.At.Format("2006-01-02"), " ", b.Amount, "|", b.Counterparty, "|", b.Description, "|", b.Order, "|", b.Refs, "|", b.RawKind))
	}
	if diff := cmp.Diff([]string{
		"2024-12-31 12.50 EUR|Haus und Hof GmbH|Miete fuer Januar und Strom · INTERNAL 7|E-1|[E-1]|105 FOLGELASTSCHRIFT", // booked the year before it has value
		"2025-01-03 30.00 EUR|OLA NORD|Lunch|E-2|[RF18 E-2]|SEPA OVERBOEKING",
		"2025-01-03 5.00 EUR||Rueckruf der Gutschrift vom Vortag|E-0|[E-0]|NTRF",
		"2025-01-03 2.00 EUR||||[]|NMSC",
		"2025-01-03 14.50 EUR||Kontoführung||[]|808 ENTGELT",
	}, told); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestMT940Heads(t *testing.T) {
	body := "\r\n:28C:1\r\n:60F:D250101EUR1,00\r\n:62F:D250101EUR1,00\r\n-"
	for _, tt := range []struct{ why, head, source, number string }{
		{"an IBAN", ":20:X\r\n:25:NL91ABNA0417164300", "bank_nl_abna", "NL91ABNA0417164300"},
		{"an IBAN and its currency", ":20:X\r\n:25:NL91ABNA0417164300EUR", "bank_nl_abna", "NL91ABNA0417164300"},
		{"a BIC before it", ":20:X\r\n:25:ABNANL2AXXX/NL91ABNA0417164300", "bank_nl_abna", "NL91ABNA0417164300"},
		{"a number and its currency", ":20:X\r\n:25:0417164300EUR", "bank_unnamed", "0417164300"},
		{"a BIC below it", ":20:X\r\n:25P:0417164300\r\nABNANL2A", "bank_abnanl2a", "0417164300"},
		{"SWIFT's own blocks", "{1:F01LAMPDEFFAXXX0000000000}{2:O9401200250101LAMPDEFFAXXX00000000002501011200N}{4:\r\n:20:X\r\n:25:0417164300", "bank_lampdeff", "0417164300"},
		{"a bank's own lines", "LAMPDEFF\r\n940\r\nLAMPDEFF\r\n:20:X\r\n:25:0417164300", "bank_unnamed", "0417164300"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			f, err := Read(strings.NewReader(tt.head+body), Options{})
			if err != nil {
				t.Fatal(err)
			}
			a := f.Accounts[0]
			if number := a.Number.RevealString(); f.Source.ID != tt.source || number != tt.number || a.Balances[0].Amount.Minor != -100 {
				t.Errorf("%s %s %v, want %s %s", f.Source.ID, number, a.Balances, tt.source, tt.number)
			}
		})
	}
}

func TestMT942(t *testing.T) {
	f, err := Read(strings.NewReader(":20:X\n:25:NL91ABNA0417164300\n:28C:1\n:34F:EUR0,00\n:13D:2501031200+0100\n:61:250103ED7,00NTRFA\n:61:250103C2,50NINTB\n:90D:1EUR8,00\n:90C:1EUR2,50\n-\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"transfer out out pending  ", "interest in in booked  "}, meanings(f.Accounts[0].Bills)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := problemsOf(f); !cmp.Equal(got, []string{"sum_differs out 8.00 EUR 7.00 EUR"}) {
		t.Errorf("problems = %v", got)
	}
}

func TestMT940Refuses(t *testing.T) {
	file := func(line, closing string) string {
		return ":20:X\n:25:NL91ABNA0417164300\n:28C:1\n:60F:C250101EUR1,00\n" + line + "\n:62F:" + closing + "\n-\n"
	}
	for _, tt := range []struct{ why, file, want string }{
		{"no statement line at all", file(":61:hello", "C250101EUR1,00"), "cells"},
		{"a day that is none", file(":61:250230D1,00NTRF", "C250101EUR1,00"), "not_a_time"},
		{"an entry's day that is none", file(":61:2502010230D1,00NTRF", "C250101EUR1,00"), "not_a_time"},
		{"more decimals than the euro has", file(":61:250101D1,005NTRF", "C250101EUR1,00"), "not_an_amount"},
		{"a balance without a mark", file(":61:250101D1,00NTRF", "250101EUR1,00"), "not_an_amount"},
		{"no currency anywhere", ":20:X\n:25:1\n:61:250101D1,00NTRF\n", "not_a_currency"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			f, err := Read(strings.NewReader(tt.file), Options{})
			if got := placed(err); f != nil || got != tt.want {
				t.Errorf("%v, %s; want %s", f, got, tt.want)
			}
		})
	}
	f, err := Read(strings.NewReader(file(":61:250101D1,00NTRF", "C250101EUR1,00")), Options{})
	if err != nil || !cmp.Equal(problemsOf(f), []string{"sum_differs balance 1.00 EUR 0.00 EUR"}) {
		t.Errorf("%v, %v: a row that the closing balance does not know is said", f, err)
	}
}

func FuzzMT940(f *testing.F) {
	text, err := charmap.Windows1252.NewDecoder().String(mt940File)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(mt940File))
	f.Add([]byte(text))
	f.Add([]byte(":61:250103C30,NTRFRF18//B-2\n:86:/NAME//REMI/STRD/"))
	f.Add([]byte(":86:166?20EREF+?"))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkRead(t, append([]byte(":20:X\n:25:NL91ABNA0417164300EUR\n:60F:C250101EUR1,00\n"), data...))
	})
}
