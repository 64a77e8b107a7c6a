package billfile

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"

	"jali/connectors"
	"jali/connectors/money"
)

func camtFile(version, parts string) string {
	root := map[string]string{"052": "BkToCstmrAcctRpt", "053": "BkToCstmrStmt", "054": "BkToCstmrDbtCdtNtfctn"}[version[:3]]
	return `<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.` + version + `"><` + root +
		`><GrpHdr><MsgId>1</MsgId><CreDtTm>2025-02-01T06:00:00+01:00</CreDtTm></GrpHdr>` + parts + `</` + root + `></Document>`
}

func camtBal(code, amount, sign, day string) string {
	return `<Bal><Tp><CdOrPrtry><Cd>` + code + `</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">` + amount + `</Amt><CdtDbtInd>` + sign +
		`</CdtDbtInd><Dt><Dt>` + day + `</Dt></Dt></Bal>`
}

const camtHead = `<Stmt><Id>S1</Id><CreDtTm>2025-02-01T06:00:00+01:00</CreDtTm><Acct><Id><IBAN>DE75 5121 0800 1245 1261 99</IBAN></Id><Ccy>EUR</Ccy>` +
	`<Ownr><Nm>Mei Lindqvist</Nm></Ownr><Svcr><FinInstnId><BICFI>LAMPDEFFXXX</BICFI><Nm>Lampion Bank</Nm></FinInstnId></Svcr></Acct>`

// camtJanuary has a row of each sort: six entries of which four are booked.
var camtJanuary = camtHead + camtBal("PRCD", "100.00", "CRDT", "2024-12-31") + camtBal("CLBD", "8.50", "DBIT", "2025-01-31") + camtBal("CLAV", "991.50", "CRDT", "2025-01-31") +
	`<TxsSummry><TtlNtries><NbOfNtries>6</NbOfNtries></TtlNtries><TtlCdtNtries><NbOfNtries>2</NbOfNtries><Sum>35.00</Sum></TtlCdtNtries>` +
	`<TtlDbtNtries><NbOfNtries>4</NbOfNtries><Sum>153.50</Sum></TtlDbtNtries></TxsSummry>` +
	`<Ntry><Amt Ccy="EUR">12.50</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2025-01-03</Dt></BookgDt><ValDt><Dt>2025-01-02</Dt></ValDt><AcctSvcrRef>B-1</AcctSvcrRef>` +
	`<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>CCRD</Cd><SubFmlyCd>POSD</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>` +
	`<AmtDtls><InstdAmt><Amt Ccy="SEK">140.00</Amt></InstdAmt></AmtDtls><RltdPties><Cdtr><Nm>Teehaus</Nm></Cdtr></RltdPties><RmtInf><Ustrd>Karte 77</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>` +
	`<Ntry><Amt Ccy="EUR">30</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><DtTm>2025-01-10T09:30:00.5+01:00</DtTm></BookgDt><AcctSvcrRef>B-2</AcctSvcrRef>` +
	`<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls><TxDtls><Refs><EndToEndId>E-2</EndToEndId><UETR>u-2</UETR></Refs>` +
	`<RltdPties><Dbtr><Pty><Nm>Ola Nord</Nm></Pty></Dbtr><Cdtr><Pty><Nm>Mei Lindqvist</Nm></Pty></Cdtr></RltdPties><RmtInf><Strd><CdtrRefInf><Ref>RF18539007547034</Ref></CdtrRefInf></Strd></RmtInf></TxDtls></NtryDtls></Ntry>` +
	`<Ntry><Amt Ccy="EUR">131.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2025-01-15+01:00</Dt></BookgDt><AcctSvcrRef>B-3</AcctSvcrRef>` +
	`<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch>` +
	`<TxDtls><Refs><EndToEndId>E-3a</EndToEndId></Refs><RltdPties><Cdtr><Nm>Vermieter</Nm></Cdtr></RltdPties></TxDtls>` +
	`<TxDtls><Refs><EndToEndId>E-3b</EndToEndId></Refs><RltdPties><Cdtr><Nm>Strom</Nm></Cdtr></RltdPties></TxDtls></NtryDtls><AddtlNtryInf>Sammler</AddtlNtryInf></Ntry>` +
	`<Ntry><Amt Ccy="EUR">5.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><RvslInd>true</RvslInd><Sts>BOOK</Sts><BookgDt><Dt>2025-01-20</Dt></BookgDt>` +
	`<BkTxCd><Prtry><Cd>NRTI+901</Cd></Prtry></BkTxCd><NtryDtls><TxDtls><Refs><EndToEndId>E-0</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>` +
	`<Ntry><Amt Ccy="EUR">9.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>PDNG</Sts><AcctSvcrRef>B-5</AcctSvcrRef><BkTxCd><Prtry><Cd>1</Cd></Prtry></BkTxCd></Ntry>` +
	`<Ntry><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>INFO</Sts><BookgDt><Dt>2025-01-22</Dt></BookgDt><BkTxCd><Prtry><Cd>1</Cd></Prtry></BkTxCd>` +
	`<Chrgs><Rcrd><Amt Ccy="EUR">0.50</Amt><ChrgInclInd>true</ChrgInclInd></Rcrd></Chrgs></Ntry></Stmt>`

func TestCamt(t *testing.T) {
	f, err := Read(strings.NewReader(camtFile("053.001.08", camtJanuary)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	a := f.Accounts[0]
	if f.Format != "camt053" || f.Source.ID != "bank_de_51210800" || f.Source.Name.EN != "Lampion Bank" || f.Holder.RevealString() != "Mei Lindqvist" ||
		a.Number.RevealString() != "DE75512108001245126199" || a.Currency != "EUR" || a.Kind != connectors.Deposit || len(f.Accounts) != 1 {
		t.Errorf("file = %+v", f)
	}
	if len(f.Problems) != 0 {
		t.Errorf("problems = %v; 100 − 12.50 + 30 − 131 + 5 is 8.50 overdrawn", f.Problems)
	}
	eur := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }
	want := []Balance{{At: at("2025-01-01 00:00:00"), Amount: eur(10000)}, {At: at("2025-02-02 00:00:00"), Amount: eur(-850)}}
	// The pending row has no day but that of the statement.
	if diff := cmp.Diff(want, a.Balances); diff != "" {
		t.Errorf("balances: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		"payment out out booked  ", "transfer in in booked  ", "transfer out out booked batch ", "refund in in booked  E-0", "other out out pending  ", "other out out failed fee_included ",
	}, meanings(a.Bills)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	told := []string{}
	for _, b := range a.Bills {
		told = append(told, fmt.Sprint(b.At.Format("2006-01-02T15:04Z07:00"), b.DateOnly, " ", b.Counterparty, "|", b.Description, "|", b.Order, "|", b.Refs, "|", b.RawKind))
	}
	if diff := cmp.Diff([]string{
		"2025-01-03T00:00+08:00true Teehaus|Karte 77 · 140.00 SEK||[]|PMNT-CCRD-POSD",
		"2025-01-10T09:30+01:00false Ola Nord|RF18539007547034|E-2|[E-2 u-2]|PMNT-RCDT-ESCT",
		"2025-01-15T00:00+08:00true |Sammler||[E-3a E-3b]|PMNT-ICDT-ESCT",
		"2025-01-20T00:00+08:00true ||E-0|[E-0]|NRTI+901",
		"2025-02-01T00:00+08:00true |||[]|1",
		"2025-01-22T00:00+08:00true |||[]|1",
	}, told); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A report of the day, the statement and the notification name an entry alike,
// or it would be there three times.
func TestCamtMessagesAgree(t *testing.T) {
	row := func(status, details string) string {
		return `<Ntry><Amt Ccy="EUR">20.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>` + status + `</Sts><BookgDt><Dt>2025-01-0` + map[string]string{"PDNG": "3", "BOOK": "4"}[status] +
			`</Dt></BookgDt><AcctSvcrRef>B-9</AcctSvcrRef><BkTxCd><Prtry><Cd>1</Cd></Prtry></BkTxCd>` + details + `</Ntry>`
	}
	details := `<NtryDtls><TxDtls><Amt Ccy="EUR">15</Amt></TxDtls><TxDtls><Amt Ccy="EUR">5</Amt></TxDtls></NtryDtls>`
	ids := map[string]bool{}
	for version, part := range map[string]string{
		"052.001.02": strings.ReplaceAll(camtHead, "Stmt>", "Rpt>") + row("PDNG", "") + "</Rpt>",
		"053.001.08": camtHead + row("BOOK", "") + "</Stmt>",
		"054.001.04": strings.ReplaceAll(camtHead, "Stmt>", "Ntfctn>") + row("BOOK", details) + "</Ntfctn>",
	} {
		f, err := Read(strings.NewReader(camtFile(version, part)), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range f.Accounts[0].Bills {
			ids[b.ID+" "+f.Accounts[0].Ref.ID.RevealString()] = true
		}
	}
	if len(ids) != 1 {
		t.Errorf("ids %v, want one", ids)
	}
}

func TestCamtStatements(t *testing.T) {
	row := func(amount, sign, day string) string {
		return `<Ntry><Amt Ccy="EUR">` + amount + `</Amt><CdtDbtInd>` + sign + `</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>` + day + `</Dt></BookgDt><BkTxCd/></Ntry>`
	}
	other := strings.Replace(camtHead, "DE75 5121 0800 1245 1261 99", "GB29NWBK60161331926819", 1)
	f, err := Read(strings.NewReader(camtFile("053.001.02",
		camtHead+camtBal("OPBD", "10", "CRDT", "2025-01-02")+camtBal("CLBD", "7", "CRDT", "2025-01-02")+row("3", "DBIT", "2025-01-02")+"</Stmt>"+
			other+camtBal("OPBD", "1", "CRDT", "2025-01-02")+camtBal("CLBD", "2", "CRDT", "2025-01-02")+"</Stmt>"+ // its one row is missing
			camtHead+camtBal("OPBD", "7", "CRDT", "2025-01-03")+camtBal("CLBD", "9", "CRDT", "2025-01-03")+row("2", "CRDT", "2025-01-03")+"</Stmt>"+
			camtHead+camtBal("OPBD", "8", "CRDT", "2025-01-03")+camtBal("CLBD", "8", "CRDT", "2025-01-03")+"</Stmt>")), Options{}) // it should go on from 9
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"sum_differs balance 2.00 EUR 1.00 EUR", "sum_differs balance 8.00 EUR 9.00 EUR"}, problemsOf(f)); diff != "" {
		t.Errorf("problems: -want +got:\n%s", diff)
	}
	got := []string{}
	for _, a := range f.Accounts {
		s := a.Number.RevealString()[:4] + fmt.Sprint(" ", len(a.Bills))
		for _, b := range a.Balances {
			s += fmt.Sprint(" ", b.At.Format("01-02"), " ", b.Amount.Value())
		}
		got = append(got, s)
	}
	if diff := cmp.Diff([]string{"DE75 2 01-02 10.00 01-03 7.00 01-04 8.00", "GB29 0 01-02 1.00 01-03 2.00"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestCamtRefuses(t *testing.T) {
	entry := func(s string) string {
		return camtFile("053.001.08", camtHead+`<Ntry>`+s+`<Sts>BOOK</Sts><BookgDt><Dt>2025-01-02</Dt></BookgDt></Ntry></Stmt>`)
	}
	deep := strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100)
	for _, tt := range []struct{ why, file, want string }{
		{"decimals that the currency has not", entry(`<Amt Ccy="EUR">1.005</Amt><CdtDbtInd>DBIT</CdtDbtInd>`), "not_an_amount"},
		{"half a yen", entry(`<Amt Ccy="JPY">1.5</Amt><CdtDbtInd>DBIT</CdtDbtInd>`), "not_an_amount"},
		{"a sum below nothing", entry(`<Amt Ccy="EUR">-1</Amt><CdtDbtInd>DBIT</CdtDbtInd>`), "negative"},
		{"no currency", entry(`<Amt>1</Amt><CdtDbtInd>DBIT</CdtDbtInd>`), "not_an_amount"},
		{"no direction", entry(`<Amt Ccy="EUR">1</Amt>`), "not_a_word"},
		{"a day that is none", strings.Replace(entry(`<Amt Ccy="EUR">1</Amt><CdtDbtInd>DBIT</CdtDbtInd>`), "01-02<", "02-30<", 1), "not_a_time"},
		{"cut short", entry(`<Amt Ccy="EUR">1</Amt>`)[:400], "damaged_file"},
		{"depth without end", camtFile("053.001.08", camtHead+deep+"</Stmt>"), "damaged_file"},
		{"entities of its own", strings.Replace(camtFile("053.001.08", camtHead+"</Stmt>"), "<Document", `<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Document`, 1), "damaged_file"},
		{"a script that is not known", strings.Replace(camtFile("053.001.08", camtHead+"</Stmt>"), "UTF-8", "x-none", 1), "damaged_file"},
		{"no statement", camtFile("053.001.08", ""), "unknown_file"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			f, err := Read(strings.NewReader(tt.file), Options{})
			if got := placed(err); f != nil || !strings.Contains(got, tt.want) && !strings.Contains(codeOf(err), tt.want) {
				t.Errorf("%s: %v, %q; want %s", tt.why, f, got, tt.want)
			}
		})
	}
}

// What a bank, or somebody in its name, may pile up in an entry is not read to
// its end.
func TestCamtIsBounded(t *testing.T) {
	var details, statements strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&details, "<TxDtls><Refs><EndToEndId>E-%d</EndToEndId></Refs><RmtInf><Ustrd>text %d</Ustrd></RmtInf></TxDtls>", i, i)
	}
	f, err := Read(strings.NewReader(camtFile("053.001.08", camtHead+`<Ntry><Amt Ccy="EUR">1</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2025-01-02</Dt></BookgDt><AcctSvcrRef>`+
		strings.Repeat("9", 1000)+`</AcctSvcrRef><NtryDtls>`+details.String()+`</NtryDtls></Ntry></Stmt>`)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if b := f.Accounts[0].Bills[0]; len(b.Refs) != maxTexts || len(b.Description) > maxText || len(b.ID) > maxID || b.Note != "batch" {
		t.Errorf("%d refs, %d bytes of text, %d of id, %s", len(b.Refs), len(b.Description), len(b.ID), b.Note)
	}
	for i := range maxAccounts + 1 {
		fmt.Fprintf(&statements, "<Stmt><Acct><Id><Othr><Id>%d</Id></Othr></Id><Ccy>EUR</Ccy></Acct></Stmt>", i)
	}
	if _, err := Read(strings.NewReader(camtFile("053.001.08", statements.String())), Options{}); codeOf(err) != "file_too_large" {
		t.Errorf("%d accounts: %v", maxAccounts+1, err)
	}
}

func TestCamtInLatin(t *testing.T) {
	text := strings.Replace(camtFile("053.001.02", camtJanuary), "Teehaus", "Teehäuschen", 1)
	latin, err := charmap.ISO8859_1.NewEncoder().Bytes([]byte(strings.Replace(text, "UTF-8", "ISO-8859-1", 1)))
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{latin, []byte(bom + text)} {
		f, err := Read(bytes.NewReader(data), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if b := f.Accounts[0].Bills[0]; b.Counterparty != "Teehäuschen" {
			t.Errorf("counterparty %q", b.Counterparty)
		}
	}
}

func TestBankSources(t *testing.T) {
	for _, tt := range []struct {
		bank institution
		want string
	}{
		{institution{iban: "NL91ABNA0417164300", bic: "LAMPDEFF"}, "bank_nl_abna NL ABNA"}, // the account's own number first
		{institution{iban: "NL91ABNA0417164301", bic: "LAMPDEFFXXX", name: "Lampion"}, "bank_lampdeff Lampion"},
		{institution{bic: "LAMPDEFF"}, "bank_lampdeff LAMPDEFF"},
		{institution{bic: "nonsense", name: "Lampion  Bank"}, sourceOf("Lampion  Bank").ID + " Lampion  Bank"},
		{institution{}, "bank_unnamed Bank"},
	} {
		s := tt.bank.source()
		if got := s.ID + " " + s.Name.EN; got != tt.want || s.Kind != connectors.Bank {
			t.Errorf("%+v: %s, want %s", tt.bank, got, tt.want)
		}
	}
}

func FuzzCAMT(f *testing.F) {
	for _, v := range []string{"052.001.02", "053.001.08", "054.001.13"} {
		f.Add([]byte(camtFile(v, camtJanuary)))
	}
	f.Add([]byte(`<Document xmlns="camt.053"><Stmt><Ntry><Amt Ccy="EUR">1</Amt></Ntry>`))
	f.Fuzz(func(t *testing.T, data []byte) { checkRead(t, append([]byte("<bktocstmr/>"), data...)) })
}

// The banks that files name by their BIC are sources that tables are of.
func TestChineseBanksAreSources(t *testing.T) {
	for bic, id := range chineseBanks {
		if s := (institution{bic: bic + "XX", name: "another name"}).source(); s.ID != id || s.Name.ZH == "another name" {
			t.Errorf("%s: source %s, want %s", bic, s.ID, id)
		}
	}
}
