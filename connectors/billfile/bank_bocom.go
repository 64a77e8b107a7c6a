package billfile

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"jali/connectors"
	"jali/connectors/money"
	"jali/connectors/summary"
)

var bocom = bank("bocom", "交通银行", "Bank of Communications")

// bocomCredit has currency and amount in one cell, never below zero: the first
// word of the text says which way the money went. Spending abroad is booked in
// yuan.
var bocomCredit = form{name: "bocom_credit", source: bocom, row: readBocomCredit, claims: claimless,
	needs:   []string{"交易日期", "记账日期", "交易说明", "交易币种/金额", "入账币种/金额"},
	account: func(string, []string, claims) connectors.Account { return credit("", "") }}

func readBocomCredit(e *entry) (b connectors.Bill, err error) {
	if err := e.at(&b, "交易日期", ""); err != nil {
		return b, err
	}
	if err := e.booked("记账日期"); err != nil {
		return b, err
	}
	a, err := e.withCurrency("入账币种/金额")
	if err != nil {
		return b, err
	}
	word, rest, _ := strings.Cut(e.told("交易说明"), " ")
	if !has(word, "退货", "退款", "还款", "返", "奖励", "存入", "转入", "冲") {
		a = a.Neg()
	}
	b.RawKind, b.Counterparty = word, rest
	if paid := e.told("交易币种/金额"); !strings.HasPrefix(paid, a.Currency) {
		b.Description = paid
	}
	settle(&b, a, func(way connectors.Direction) summary.Meaning { return summary.Of(way, word) })
	return b, nil
}

var bothInOne = regexp.MustCompile(`^([A-Z]{3})\s*([-+]?[0-9][0-9,.]*)$`)

// withCurrency reads "CNY 123.18".
func (e *entry) withCurrency(column string) (money.Amount, error) {
	m := bothInOne.FindStringSubmatch(e.told(column))
	if m == nil {
		return money.Amount{}, e.damaged(column, "not_an_amount")
	}
	if _, ok := currencyOf(m[1]); !ok {
		return money.Amount{}, e.damaged(column, "not_a_currency")
	}
	a, err := parseAmount(m[2], m[1], false)
	if err != nil {
		return a, e.damaged(column, "not_an_amount")
	}
	e.currency = m[1]
	return a, nil
}

// bocomDebit writes 借 (Dr) for money out and 贷 (Cr) for money in.
var bocomDebit = form{name: "bocom_debit", source: bocom, row: readBocomDebit, claims: statementClaims,
	needs:   []string{"交易日期", "交易时间", "交易类型", "借贷", "交易金额", "余额", "对方账号", "对方户名", "交易地点", "摘要"},
	account: func(_ string, lines []string, _ claims) connectors.Account { return deposit(numberIn(lines), currency) }}

func readBocomDebit(e *entry) (b connectors.Bill, err error) {
	if err := e.at(&b, "交易日期", "交易时间"); err != nil {
		return b, err
	}
	a, err := e.signed("交易金额")
	if err != nil {
		return b, err
	}
	switch side := e.told("借贷"); {
	case strings.HasPrefix(side, "借"):
		a = a.Neg()
	case !strings.HasPrefix(side, "贷"):
		return b, e.damaged("借贷", "not_a_word")
	}
	e.standing("余额")
	place, note := e.told("交易地点"), e.told("摘要")
	b.RawKind, b.Counterparty = e.told("交易类型"), e.told("对方户名")
	settle(&b, a, func(way connectors.Direction) summary.Meaning { return summary.Of(way, b.RawKind, note) })
	b.Description = noted(&b, place, note, farEnd(&b, e.told("对方账号")))
	return b, nil
}

// bocomOnline is 银行卡交易明细查询表, an old Excel file, with the sums of the
// period above the table. What the wallet or the shop calls the payment stands
// within its 摘要: "|交易类型:快捷支付|交易商户:某店|订单编号:…|".
var bocomOnline = form{name: "bocom_online", source: bocom, row: readBocomOnline, claims: statementClaims,
	needs:   []string{"记账日期", "交易时间", "交易地点", "交易方式", "支出金额", "收入金额", "余额", "对方户名", "对方账户", "摘要"},
	account: func(_ string, lines []string, _ claims) connectors.Account { return deposit(numberIn(lines), currency) }}

var (
	bocomRefs  = regexp.MustCompile(`(?:订单编号|流水号)\s*[:：]?\s*([0-9A-Za-z]{8,})`)
	bocomWords = regexp.MustCompile(`交易说明\s*[:：]([^|]*)`)
)

func readBocomOnline(e *entry) (b connectors.Bill, err error) {
	if err := e.stamp(&b, "交易时间"); err != nil {
		return b, err
	}
	a, err := e.columns("收入金额", "支出金额")
	if err != nil {
		return b, err
	}
	e.standing("余额")
	place, name, note := e.told("交易地点"), e.told("对方户名"), e.told("摘要")
	for _, m := range bocomRefs.FindAllStringSubmatch(note, -1) {
		if !slices.Contains(b.Refs, m[1]) {
			b.Refs = append(b.Refs, m[1])
		}
	}
	if m := bocomWords.FindStringSubmatch(note); m != nil {
		note = m[1]
	}
	b.RawKind = e.told("交易方式")
	settle(&b, a, func(way connectors.Direction) summary.Meaning { return summary.Of(way, b.RawKind, note) })
	e.side = string(b.Direction)
	if b.Counterparty = name; b.Kind == connectors.Payment || b.Kind == connectors.Refund {
		b.Counterparty = cmp.Or(place, name)
	}
	b.Description = noted(&b, place, name, note, farEnd(&b, e.told("对方账户")))
	return b, nil
}
