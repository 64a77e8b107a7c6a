package billfile

import (
	"cmp"
	"regexp"

	"jali/connectors"
	"jali/connectors/money"
	"jali/connectors/summary"
)

var icbc = bank("icbc", "中国工商银行", "ICBC")

// Both of ICBC's are called 明细查询文件下载 and end in a line of sums for each
// currency. Cells are padded, in their quotes and outside them. What a card
// holds in another currency has a balance of its own, and is another account.
var (
	icbcDebit = form{name: "icbc_debit", source: icbc, row: readICBC, claims: icbcClaims, trailer: icbcSums,
		needs: []string{"交易日期", "摘要", "交易场所", "钞/汇", "记账金额(收入)", "记账金额(支出)", "记账币种", "余额", "对方户名"},
		account: func(key string, lines []string, _ claims) connectors.Account {
			return deposit(numberIn(lines), key, partIn(lines, icbcPart))
		}}
	icbcCredit = form{name: "icbc_credit", source: icbc, row: readICBC, claims: icbcClaims, trailer: icbcSums,
		needs:   []string{"交易日期", "记账日期", "摘要", "交易场所", "记账金额(收入)", "记账金额(支出)", "记账币种", "余额", "对方户名"},
		account: func(key string, lines []string, _ claims) connectors.Account { return credit(numberIn(lines), key) }}
)

var (
	icbcSums = regexp.MustCompile(`^(\p{Han}*)合计`)
	icbcPart = regexp.MustCompile(`子账户序号\s*[:：]\s*0*([0-9]+)`)
)

func readICBC(e *entry) (b connectors.Bill, err error) {
	if err := e.at(&b, "交易日期", ""); err != nil {
		return b, err
	}
	_, card := e.layout.column["记账日期"] // a debit card's has none
	if card {
		if err := e.booked("记账日期"); err != nil {
			return b, err
		}
	}
	if err := e.in("记账币种"); err != nil {
		return b, err
	}
	a, err := e.columns("记账金额(收入)", "记账金额(支出)")
	if err != nil {
		return b, err
	}
	e.account = e.currency
	e.standing("余额")
	if card && e.balance != nil { // what is owed stands below zero
		owed := e.balance.Neg()
		e.balance = &owed
	}
	place, name, detail := e.told("交易场所"), e.told("对方户名"), e.told("交易详情")
	b.RawKind = e.told("摘要")
	settle(&b, a, func(way connectors.Direction) summary.Meaning {
		if card {
			if m := summary.Of(way, b.RawKind); m.Kind != connectors.Other {
				return m
			}
			return summary.OfCard(way, place)
		}
		return summary.Of(way, b.RawKind, detail, place, name)
	})
	e.side = string(b.Direction)
	// Of a payment the place is the shop and the name who collects for it; of
	// a transfer the name is the other end and the place says how.
	b.Counterparty = cmp.Or(name, place)
	if b.Kind == connectors.Payment || b.Kind == connectors.Refund {
		b.Counterparty = cmp.Or(place, name)
	}
	b.Description = noted(&b, place, name, detail, e.foreign("交易金额(收入)", "交易金额(支出)", "交易币种"), farEnd(&b, e.told("对方账户")))
	return b, nil
}

// icbcClaims reads the lines of sums: the last two amounts of one are what was
// booked, in and out.
func icbcClaims(lines []string) claims {
	c := statementClaims(lines)
	found := false
	for _, line := range lines {
		cells, _ := quoted(line, ',')
		m := icbcSums.FindStringSubmatch(clean(cells[0]))
		if m == nil {
			continue
		}
		found = true
		in := cmp.Or(currencies[m[1]], currency)
		var sums []money.Amount
		for _, cell := range cells[1:] {
			if a, err := parseAmount(clean(cell), in, false); err == nil {
				sums = append(sums, a)
			}
		}
		if len(sums) < 2 {
			c.problems = append(c.problems, Problem{Code: "claim_unreadable", Of: "total"})
			continue
		}
		c.stated[bucket{"in", in}] = claim{sum: true, amount: sums[len(sums)-2]}
		c.stated[bucket{"out", in}] = claim{sum: true, amount: sums[len(sums)-1]}
	}
	if !found {
		c.problems = append(c.problems, Problem{Code: "claim_missing", Of: "total"})
	}
	return c
}
