package billfile

import (
	"regexp"
	"strings"

	"jali/connectors"
	"jali/connectors/summary"
)

var boc = bank("boc", "中国银行", "Bank of China")

// bocDebit is 交易流水明细单, a PDF turned into a table by those who read it:
// columns are of a fixed width there, and a long remark may begin in the one
// before its own.
var bocDebit = form{name: "boc_debit", source: boc, row: readBOCDebit, claims: claimless,
	needs: []string{"记账日期", "记账时间", "币别", "金额", "余额", "交易名称", "渠道", "附言", "对方账户名", "借记卡号"},
	account: func(key string, _ []string, _ claims) connectors.Account {
		number, currency, _ := strings.Cut(key, " ")
		return deposit(number, currency)
	}}

func readBOCDebit(e *entry) (b connectors.Bill, err error) {
	if err := e.at(&b, "记账日期", "记账时间"); err != nil {
		return b, err
	}
	if err := e.in("币别"); err != nil {
		return b, err
	}
	a, err := e.signed("金额")
	if err != nil {
		return b, err
	}
	e.standing("余额")
	e.account = e.told("借记卡号") + " " + e.currency
	remark := strings.TrimSpace(strings.TrimLeft(e.told("网点名称"), "- "))
	if remark == e.told("网点名称") { // a branch, and no remark that began too early
		remark = ""
	}
	remark += e.told("附言")
	b.RawKind, b.Counterparty = e.told("交易名称"), e.told("对方账户名")
	settle(&b, a, func(way connectors.Direction) summary.Meaning { return summary.Of(way, b.RawKind, remark) })
	b.Description = noted(&b, remark, farEnd(&b, e.told("对方卡号/账号")))
	return b, nil
}

// bocOnline is what the bank's site for computers exports of one account.
var bocOnline = form{name: "boc_online", source: boc, row: readBOCOnline, claims: statementClaims,
	needs:   []string{"交易时间", "业务摘要", "对方账户名称", "对方账户账号", "币种", "收入金额", "支出金额", "余额", "交易渠道/场所", "附言"},
	account: func(key string, lines []string, _ claims) connectors.Account { return deposit(numberIn(lines), key) }}

func readBOCOnline(e *entry) (b connectors.Bill, err error) {
	if err := e.stamp(&b, "交易时间"); err != nil {
		return b, err
	}
	if err := e.in("币种"); err != nil {
		return b, err
	}
	a, err := e.columns("收入金额", "支出金额")
	if err != nil {
		return b, err
	}
	e.account = e.currency
	e.standing("余额")
	remark := strings.TrimLeft(e.told("附言"), "-")
	b.RawKind, b.Counterparty = e.told("业务摘要"), e.told("对方账户名称")
	settle(&b, a, func(way connectors.Direction) summary.Meaning { return summary.Of(way, b.RawKind, remark) })
	b.Description = noted(&b, remark, farEnd(&b, e.told("对方账户账号")))
	return b, nil
}

// bocCredit is a statement of a credit card account in yuan and, by rows,
// other currencies. What came over a card network ends in the country's
// letters; what does not is the bank's own booking.
var bocCredit = form{name: "boc_credit", source: boc, row: readBOCCredit, claims: claimless,
	needs:   []string{"交易日", "银行记账日", "卡号后四位", "交易描述", "存入", "支出", "币种"},
	account: func(string, []string, claims) connectors.Account { return credit("", "") }}

var country = regexp.MustCompile(`^(.*?)\s*([A-Z]{3})$`)

func readBOCCredit(e *entry) (b connectors.Bill, err error) {
	if err := e.at(&b, "交易日", ""); err != nil {
		return b, err
	}
	if err := e.booked("银行记账日"); err != nil {
		return b, err
	}
	if err := e.in("币种"); err != nil {
		return b, err
	}
	a, err := e.columns("存入", "支出")
	if err != nil {
		return b, err
	}
	b.Method = ofCard(e.told("卡号后四位"))
	text := e.told("交易描述")
	network := country.FindStringSubmatch(text)
	if network != nil {
		b.Counterparty = network[1]
		if network[2] != "CHN" {
			b.Description = network[2]
		}
	} else {
		b.Counterparty = text
	}
	settle(&b, a, func(way connectors.Direction) summary.Meaning {
		m := summary.OfCard(way, b.Counterparty)
		if m.Kind == connectors.Refund && network == nil {
			return summary.Meaning{Kind: connectors.Repayment, Own: true} // sent to the card by name
		}
		return m
	})
	return b, nil
}

// ofCard is the Method of a row of a credit card account: which of its cards. A
// number cell of a workbook has lost the noughts before the tail.
func ofCard(tail string) string {
	if tail == "" {
		return ""
	}
	return "信用卡(" + strings.Repeat("0", max(0, 4-len(tail))) + tail + ")"
}
