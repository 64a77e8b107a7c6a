package billfile

import (
	"regexp"
	"strings"

	"jali/connectors"
	"jali/connectors/summary"
)

var cib = bank("cib", "兴业银行", "Industrial Bank")

// cibDebit is 兴业银行交易明细: a file for each account of a card, and each of
// these in one currency, which stands above the table.
var cibDebit = form{name: "cib_debit", source: cib, row: readCIB, claims: statementClaims, titled: (*layout).cibTitle, trailer: regexp.MustCompile(`^说明`),
	needs: []string{"交易时间", "记账日", "支出", "收入", "账户余额", "摘要", "对方户名", "对方银行", "对方账号", "用途", "交易渠道"},
	account: func(_ string, lines []string, _ claims) connectors.Account {
		return deposit(numberIn(lines), cibCurrency(lines), partIn(lines, cibPart))
	}}

var cibPart = regexp.MustCompile(`卡内账户[\s:：,]*([0-9]+)`)

func (l *layout) cibTitle() { l.currency = cibCurrency(l.preamble) }

func cibCurrency(lines []string) string {
	for _, line := range lines {
		if !strings.Contains(line, "卡内账户") {
			continue
		}
		for _, word := range strings.Fields(line) {
			if c := currencies[word]; c != "" {
				return c
			}
		}
	}
	return currency
}

func readCIB(e *entry) (b connectors.Bill, err error) {
	if err := e.stamp(&b, "交易时间"); err != nil {
		return b, err
	}
	e.currency = e.layout.currency
	a, err := e.columns("收入", "支出")
	if err != nil {
		return b, err
	}
	e.standing("账户余额")
	use, note := e.told("用途"), e.told("备注")
	b.RawKind, b.Counterparty = e.told("摘要"), e.told("对方户名")
	settle(&b, a, func(way connectors.Direction) summary.Meaning { return summary.Of(way, b.RawKind, use, note) })
	b.Description = noted(&b, use, note, e.told("对方银行"), farEnd(&b, e.told("对方账号")))
	return b, nil
}
