package billfile

import (
	"jali/connectors"
	"jali/connectors/summary"
)

var citic = bank("citic", "中信银行", "China CITIC Bank")

// citicCredit is 本期账单明细, an old Excel file in which what is positive was
// spent.
var citicCredit = form{name: "citic_credit", source: citic, row: readCITIC, claims: claimless,
	needs:   []string{"交易日期", "入账日期", "交易描述", "卡末四位", "交易币种", "结算币种", "交易金额", "结算金额"},
	account: func(string, []string, claims) connectors.Account { return credit("", "") }}

func readCITIC(e *entry) (b connectors.Bill, err error) {
	if err := e.at(&b, "交易日期", ""); err != nil {
		return b, err
	}
	if err := e.booked("入账日期"); err != nil {
		return b, err
	}
	if err := e.in("结算币种"); err != nil {
		return b, err
	}
	a, err := e.signed("结算金额")
	if err != nil {
		return b, err
	}
	b.Counterparty, b.Method = e.told("交易描述"), ofCard(e.told("卡末四位"))
	settle(&b, a.Neg(), func(way connectors.Direction) summary.Meaning { return summary.OfCard(way, b.Counterparty) })
	b.Description = e.foreign("交易金额", "", "交易币种")
	return b, nil
}
