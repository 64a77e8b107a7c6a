package billfile

import (
	"regexp"
	"strings"

	"jali/connectors"
	"jali/connectors/summary"
)

var ccb = bank("ccb", "中国建设银行", "China Construction Bank")

// ccbDebit is what the bank's site exports, as an old Excel file or as text;
// ccbStatement is 个人活期账户全部交易明细, whose amounts are signed and whose
// other party is "number/name".
var (
	ccbDebit = form{name: "ccb_debit", source: ccb, row: readCCB, claims: statementClaims, trailer: regexp.MustCompile(`^以上数据`),
		needs:   []string{"记账日", "交易日期", "交易时间", "支出", "收入", "账户余额", "币种", "摘要", "对方账号", "对方户名", "交易地点"},
		account: func(key string, lines []string, _ claims) connectors.Account { return deposit(numberIn(lines), key) }}
	ccbStatement = form{name: "ccb_statement", source: ccb, row: readCCBStatement, claims: statementClaims, trailer: regexp.MustCompile(`^以上数据`),
		needs:   []string{"序号", "摘要", "币别", "钞汇", "交易日期", "交易金额", "账户余额", "交易地点/附言", "对方账号与户名"},
		account: func(key string, lines []string, _ claims) connectors.Account { return deposit(numberIn(lines), key) }}
)

func readCCB(e *entry) (b connectors.Bill, err error) {
	if err := e.at(&b, "交易日期", "交易时间"); err != nil {
		return b, err
	}
	if err := e.in("币种"); err != nil {
		return b, err
	}
	a, err := e.columns("收入", "支出")
	if err != nil {
		return b, err
	}
	e.account = e.currency
	e.standing("账户余额")
	place, name := e.told("交易地点"), e.told("对方户名")
	b.RawKind = e.told("摘要")
	settle(&b, a, func(way connectors.Direction) summary.Meaning { return summary.Of(way, b.RawKind, place) })
	// Of a payment the place names the wallet and the shop, and the party is
	// whoever collects, half of it stars.
	if b.Counterparty = name; (b.Kind == connectors.Payment || b.Kind == connectors.Refund) && place != "" {
		b.Counterparty = place
	}
	b.Description = noted(&b, place, name, farEnd(&b, e.told("对方账号")))
	return b, nil
}

func readCCBStatement(e *entry) (b connectors.Bill, err error) {
	if err := e.at(&b, "交易日期", ""); err != nil {
		return b, err
	}
	if err := e.in("币别"); err != nil {
		return b, err
	}
	a, err := e.signed("交易金额")
	if err != nil {
		return b, err
	}
	e.account = e.currency
	e.standing("账户余额")
	number, name, both := strings.Cut(e.told("对方账号与户名"), "/")
	if !both {
		number, name = "", number
	}
	note := e.told("交易地点/附言")
	b.RawKind, b.Counterparty = e.told("摘要"), name
	settle(&b, a, func(way connectors.Direction) summary.Meaning { return summary.Of(way, b.RawKind, note) })
	b.Description = noted(&b, note, farEnd(&b, number))
	return b, nil
}
