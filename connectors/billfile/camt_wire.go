package billfile

// What is read of camt.052 (BankToCustomerAccountReport), camt.053
// (BankToCustomerStatement) and camt.054 (BankToCustomerDebitCreditNotification)
// of ISO 20022, in versions 001.02 to 001.13. Between these a status became a
// choice of a code (07), a party a choice of a party or an agent (07), a BIC
// changed its name (BIC, BICFI, AnyBIC), and charges became records (04): both
// ways of writing are here.

type camtAccount struct {
	IBAN     string `xml:"Id>IBAN"`
	Other    string `xml:"Id>Othr>Id"`
	Type     string `xml:"Tp>Cd"`
	Currency string `xml:"Ccy"`
	Owner    string `xml:"Ownr>Nm"`
	BIC      string `xml:"Svcr>FinInstnId>BIC"`
	BICFI    string `xml:"Svcr>FinInstnId>BICFI"`
	Bank     string `xml:"Svcr>FinInstnId>Nm"`
}

type camtAmount struct {
	Currency string `xml:"Ccy,attr"`
	Value    string `xml:",chardata"`
}

type camtDate struct {
	Day    string `xml:"Dt"`
	Moment string `xml:"DtTm"`
}

type camtBalance struct {
	Code   string     `xml:"Tp>CdOrPrtry>Cd"`
	Amount camtAmount `xml:"Amt"`
	Sign   string     `xml:"CdtDbtInd"`
	Date   camtDate   `xml:"Dt"`
}

type camtPeriod struct {
	From    string `xml:"FrDtTm"`
	To      string `xml:"ToDtTm"`
	FromDay string `xml:"FrDt"`
	ToDay   string `xml:"ToDt"`
}

type camtTotals struct {
	All     camtTotal `xml:"TtlNtries"`
	Credits camtTotal `xml:"TtlCdtNtries"`
	Debits  camtTotal `xml:"TtlDbtNtries"`
}

type camtTotal struct {
	Count string `xml:"NbOfNtries"`
	Sum   string `xml:"Sum"`
}

type camtEntry struct {
	Amount   camtAmount `xml:"Amt"`
	Sign     string     `xml:"CdtDbtInd"`
	Reversal string     `xml:"RvslInd"`
	Status   struct {
		Word string `xml:",chardata"`
		Code string `xml:"Cd"`
	} `xml:"Sts"`
	Booked  camtDate     `xml:"BookgDt"`
	Value   camtDate     `xml:"ValDt"`
	Ref     string       `xml:"AcctSvcrRef"`
	Code    camtCode     `xml:"BkTxCd"`
	Charges []camtCharge `xml:"Chrgs>Rcrd"`
	Batch   struct {
		Count string `xml:"NbOfTxs"`
	} `xml:"NtryDtls>Btch"`
	Details []camtDetail `xml:"NtryDtls>TxDtls"`
	Info    string       `xml:"AddtlNtryInf"`
}

type camtCode struct {
	Domain string `xml:"Domn>Cd"`
	Family string `xml:"Domn>Fmly>Cd"`
	Sub    string `xml:"Domn>Fmly>SubFmlyCd"`
	Own    string `xml:"Prtry>Cd"`
}

type camtCharge struct {
	Included string `xml:"ChrgInclInd"`
}

type camtParty struct {
	Name  string `xml:"Nm"`
	Party string `xml:"Pty>Nm"`
	Agent string `xml:"Agt>FinInstnId>Nm"`
}

type camtDetail struct {
	EndToEnd   string     `xml:"Refs>EndToEndId"`
	Tx         string     `xml:"Refs>TxId"`
	UETR       string     `xml:"Refs>UETR"`
	Instructed camtAmount `xml:"AmtDtls>InstdAmt>Amt"`
	Code       camtCode   `xml:"BkTxCd"`
	Debtor     camtParty  `xml:"RltdPties>Dbtr"`
	UltDebtor  camtParty  `xml:"RltdPties>UltmtDbtr"`
	Creditor   camtParty  `xml:"RltdPties>Cdtr"`
	UltCredit  camtParty  `xml:"RltdPties>UltmtCdtr"`
	Purpose    string     `xml:"Purp>Cd"`
	Texts      []string   `xml:"RmtInf>Ustrd"`
	Structured []struct {
		Ref  string   `xml:"CdtrRefInf>Ref"`
		Text []string `xml:"AddtlRmtInf"`
	} `xml:"RmtInf>Strd"`
	Returned string `xml:"RtrInf>Rsn>Cd"`
	Info     string `xml:"AddtlTxInf"`
}
