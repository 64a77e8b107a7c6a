package billfile

import (
	"regexp"

	"jali/connectors"
	"jali/connectors/summary"
)

var cgb = bank("cgb", "广发银行", "China Guangfa Bank")

// cgbCredit begins a text with what was done, in brackets; what is positive
// was spent.
var cgbCredit = form{name: "cgb_credit", source: cgb, row: readCGB, claims: claimless,
	needs:   []string{"交易日期", "入账日期", "交易摘要", "交易金额", "交易货币", "入账金额", "入账货币"},
	account: func(string, []string, claims) connectors.Account { return credit("", "") }}

var bracketed = regexp.MustCompile(`^[（(](.*?)[）)]\s*(.*)$`)

func readCGB(e *entry) (b connectors.Bill, err error) {
	if err := e.at(&b, "交易日期", ""); err != nil {
		return b, err
	}
	if err := e.booked("入账日期"); err != nil {
		return b, err
	}
	if err := e.in("入账货币"); err != nil {
		return b, err
	}
	a, err := e.signed("入账金额")
	if err != nil {
		return b, err
	}
	b.Counterparty = e.told("交易摘要")
	if m := bracketed.FindStringSubmatch(b.Counterparty); m != nil {
		b.RawKind, b.Counterparty = m[1], m[2]
	}
	settle(&b, a.Neg(), func(way connectors.Direction) summary.Meaning { return summary.Of(way, b.RawKind) })
	b.Description = e.foreign("交易金额", "", "交易货币")
	return b, nil
}
