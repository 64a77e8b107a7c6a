package billfile

import (
	"strings"

	"jali/connectors"
	"jali/connectors/summary"
)

var (
	pingan = bank("pingan", "平安银行", "Ping An Bank")
	spdb   = bank("spdb", "浦发银行", "SPD Bank")
)

// pinganDebit is 账户流水明细, a workbook that names both parties of a row: the
// person is one of them.
var pinganDebit = form{name: "pingan_debit", source: pingan, row: readPingan, claims: statementClaims,
	needs:   []string{"交易时间", "付款方姓名", "付款方账号", "收款方姓名", "收款方账号", "交易类型", "交易金额", "账户余额", "摘要", "备注", "交易流水号"},
	account: func(_ string, lines []string, _ claims) connectors.Account { return deposit(numberIn(lines), currency) }}

func readPingan(e *entry) (b connectors.Bill, err error) {
	if err := e.stamp(&b, "交易时间"); err != nil {
		return b, err
	}
	a, err := e.signed("交易金额")
	if err != nil {
		return b, err
	}
	name, number := e.told("付款方姓名"), e.told("付款方账号")
	switch e.told("交易类型") {
	case "转入":
	case "转出":
		a, name, number = a.Neg(), e.told("收款方姓名"), e.told("收款方账号")
	default:
		return b, e.damaged("交易类型", "not_a_word")
	}
	if b.Order, err = e.order("交易流水号"); err != nil {
		return b, err
	}
	e.standing("账户余额")
	note := e.told("备注")
	b.RawKind, b.Counterparty = e.told("摘要"), name
	settle(&b, a, func(way connectors.Direction) summary.Meaning { return summary.Of(way, b.RawKind, note) })
	b.Description = noted(&b, note, farEnd(&b, number))
	return b, nil
}

// spdbCredit is 交易明细报表, an old Excel file in which what is positive was
// spent. What was paid in another currency is "271.82(USD)".
var spdbCredit = form{name: "spdb_credit", source: spdb, row: readSPDB, claims: claimless,
	needs:   []string{"交易日期", "记账日期", "交易摘要", "卡号末四位", "卡片类型", "交易币种", "交易金额"},
	account: func(string, []string, claims) connectors.Account { return credit("", "") }}

func readSPDB(e *entry) (b connectors.Bill, err error) {
	if err := e.at(&b, "交易日期", ""); err != nil {
		return b, err
	}
	if err := e.booked("记账日期"); err != nil {
		return b, err
	}
	if err := e.in("交易币种"); err != nil {
		return b, err
	}
	a, err := e.signed("交易金额")
	if err != nil {
		return b, err
	}
	b.Counterparty, b.Method = e.told("交易摘要"), ofCard(e.told("卡号末四位"))
	settle(&b, a.Neg(), func(way connectors.Direction) summary.Meaning { return summary.OfCard(way, b.Counterparty) })
	if paid := e.told("原始交易金额&币种"); !strings.Contains(paid, e.currency) {
		b.Description = paid
	}
	return b, nil
}
