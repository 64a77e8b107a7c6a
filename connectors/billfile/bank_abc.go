package billfile

import (
	"strings"

	"jali/connectors"
	"jali/connectors/summary"
)

var abc = bank("abc", "中国农业银行", "Agricultural Bank of China")

// abcDebit writes days and times without separators, no time for what the bank
// books by itself, and leaves the last cells of a row out where they are empty.
// It names no account: the person is taken to have one card with the bank.
var abcDebit = form{name: "abc_debit", source: abc, row: readABC, claims: statementClaims, ragged: true,
	needs:   []string{"交易日期", "交易时间", "交易摘要", "交易金额", "本次余额", "对手信息", "日志号", "交易渠道", "交易附言"},
	account: func(_ string, lines []string, _ claims) connectors.Account { return deposit(numberIn(lines), currency) }}

func readABC(e *entry) (b connectors.Bill, err error) {
	if err := e.at(&b, "交易日期", "交易时间"); err != nil {
		return b, err
	}
	a, err := e.signed("交易金额")
	if err != nil {
		return b, err
	}
	e.standing("本次余额")
	if b.Order, err = e.order("日志号"); err != nil {
		return b, err
	}
	if strings.Trim(b.Order, "0-") == "" { // what the bank books by itself has none
		b.Order = ""
	}
	name, number := withNumber(e.told("对手信息"))
	note := e.told("交易附言")
	b.RawKind, b.Counterparty = e.told("交易摘要"), name
	settle(&b, a, func(way connectors.Direction) summary.Meaning { return summary.Of(way, b.RawKind, note) })
	b.Description = noted(&b, note, farEnd(&b, number))
	return b, nil
}

// abcOnline is 账户明细查询, a workbook of the bank's site for computers.
var abcOnline = form{name: "abc_online", source: abc, row: readABCOnline, claims: statementClaims,
	needs:   []string{"交易日期", "交易时间", "交易金额", "本次余额", "对方户名", "对方账号", "交易行", "交易渠道", "交易类型", "交易用途", "交易摘要"},
	account: func(_ string, lines []string, _ claims) connectors.Account { return deposit(numberIn(lines), currency) }}

func readABCOnline(e *entry) (b connectors.Bill, err error) {
	if err := e.at(&b, "交易日期", "交易时间"); err != nil {
		return b, err
	}
	a, err := e.signed("交易金额")
	if err != nil {
		return b, err
	}
	e.standing("本次余额")
	use := e.told("交易用途")
	b.RawKind, b.Counterparty = e.told("交易摘要"), e.told("对方户名")
	settle(&b, a, func(way connectors.Direction) summary.Meaning { return summary.Of(way, b.RawKind, use) })
	b.Description = noted(&b, use, farEnd(&b, e.told("对方账号")))
	return b, nil
}
