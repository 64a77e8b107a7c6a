package billfile

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/summary"
)

var cmb = bank("cmb", "招商银行", "China Merchants Bank")

// cmbDebit is 招商银行交易流水, a PDF turned into a table. It names no account:
// the person is taken to have one card with the bank.
var cmbDebit = form{name: "cmb_debit", source: cmb, row: readCMBDebit, claims: statementClaims,
	needs:   []string{"记账日期", "货币", "交易金额", "联机余额", "交易摘要", "对手信息"},
	account: func(key string, lines []string, _ claims) connectors.Account { return deposit("", key) }}

func readCMBDebit(e *entry) (b connectors.Bill, err error) {
	if err := e.at(&b, "记账日期", ""); err != nil {
		return b, err
	}
	if err := e.in("货币"); err != nil {
		return b, err
	}
	a, err := e.signed("交易金额")
	if err != nil {
		return b, err
	}
	e.account = e.currency
	e.standing("联机余额")
	name, number := withNumber(e.told("对手信息"))
	note := e.told("客户摘要")
	b.RawKind, b.Counterparty = e.told("交易摘要"), name
	settle(&b, a, func(way connectors.Direction) summary.Meaning { return summary.Of(way, b.RawKind, note) })
	b.Description = noted(&b, note, farEnd(&b, number))
	return b, nil
}

// cmbOnline is what the bank's site for computers exports, with the person's
// card, the period and its own sums around the table.
var cmbOnline = form{name: "cmb_online", source: cmb, row: readCMBOnline, claims: statementClaims, titled: (*layout).cmbTitle,
	needs:   []string{"交易日期", "交易时间", "收入", "支出", "余额", "交易类型", "交易备注"},
	trailer: regexp.MustCompile(`^#`),
	account: func(key string, lines []string, _ claims) connectors.Account { return deposit(numberIn(lines), key) }}

func readCMBOnline(e *entry) (b connectors.Bill, err error) {
	if err := e.at(&b, "交易日期", "交易时间"); err != nil {
		return b, err
	}
	e.currency = e.layout.currency
	a, err := e.columns("收入", "支出")
	if err != nil {
		return b, err
	}
	e.account = e.currency
	e.standing("余额")
	note := e.told("交易备注")
	b.RawKind = e.told("交易类型")
	settle(&b, a, func(way connectors.Direction) summary.Meaning { return summary.Of(way, b.RawKind, note) })
	e.side = string(b.Direction)
	b.Counterparty = note
	return b, nil
}

// cmbCredit is 信用卡对账单, a PDF or mail turned into a table: the year and
// month of the statement are in its title, days have no year, and what is
// positive was spent. A repayment has no day of its own, only the one on which
// it was booked.
var cmbCredit = form{name: "cmb_credit", source: cmb, row: readCMBCredit, claims: claimless, titled: (*layout).cmbTitle,
	needs:   []string{"交易日", "记账日", "交易摘要", "人民币金额", "卡号末四位", "交易地金额"},
	account: func(string, []string, claims) connectors.Account { return credit("", currency) }}

func readCMBCredit(e *entry) (b connectors.Bill, err error) {
	if e.layout.month.IsZero() {
		return b, e.damaged("记账日", "no_year")
	}
	if e.created, err = e.within(e.layout.month, "记账日"); err != nil {
		return b, err
	}
	if b.At, b.DateOnly = e.created, true; e.told("交易日") != "" {
		if b.At, err = e.within(e.layout.month, "交易日"); err != nil {
			return b, err
		}
	}
	a, err := e.signed("人民币金额")
	if err != nil {
		return b, err
	}
	b.Counterparty, b.Method = e.told("交易摘要"), ofCard(e.told("卡号末四位"))
	if abroad := e.told("交易地金额"); !home.MatchString(abroad) {
		b.Description = abroad
	}
	settle(&b, a.Neg(), func(way connectors.Direction) summary.Meaning { return summary.OfCard(way, b.Counterparty) })
	return b, nil
}

var (
	titleMonth    = regexp.MustCompile(`(20[0-9]{2})\s*年\s*(1[0-2]|0?[1-9])\s*月`)
	titleCurrency = regexp.MustCompile(`币[\s\x{3000}]*种\s*[:：]\s*\[?\s*(\p{Han}+)`)
	home          = regexp.MustCompile(`^[^(（]*([(（]CN[YHN]?[)）])?$`)
)

// cmbTitle reads a statement's month and an account's currency.
func (l *layout) cmbTitle() {
	for _, line := range l.preamble {
		if m := titleMonth.FindStringSubmatch(line); m != nil && l.month.IsZero() {
			year, _ := strconv.Atoi(m[1])
			month, _ := strconv.Atoi(m[2])
			l.month = time.Date(year, time.Month(month), 1, 0, 0, 0, 0, zone)
		}
		if m := titleCurrency.FindStringSubmatch(line); m != nil && currencies[m[1]] != "" {
			l.currency = currencies[m[1]]
		}
	}
}

// within is the last 12/31 or 01/02 that is no later than the end of the month
// of the statement: January's has rows of December in it.
func (e *entry) within(month time.Time, column string) (time.Time, error) {
	m, d, ok := strings.Cut(e.told(column), "/")
	if ok {
		for _, year := range []int{month.Year(), month.Year() - 1} {
			t, err := time.ParseInLocation("2006/1/2", strconv.Itoa(year)+"/"+m+"/"+d, zone)
			if err == nil && t.Before(month.AddDate(0, 1, 0)) {
				return t, nil
			}
		}
	}
	return time.Time{}, e.damaged(column, "not_a_time")
}
