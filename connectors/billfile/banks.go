package billfile

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	iso4217 "golang.org/x/text/currency"
	"golang.org/x/text/unicode/norm"

	"jali/connectors"
	"jali/connectors/money"
	"jali/connectors/summary"
	"jali/internal/secret"
)

// banks are the tables of banks. No bank publishes what its exports look like
// and each has changed them: a form is here because a real file of it is
// public.
var banks = []form{
	bocDebit, bocOnline, bocCredit, cmbDebit, cmbOnline, cmbCredit, icbcDebit, icbcCredit, bocomDebit, bocomOnline, bocomCredit,
	abcDebit, abcOnline, ccbDebit, ccbStatement, citicCredit, cibDebit, cgbCredit, pinganDebit, spdbCredit, hsbcDebit, hsbcCredit,
}

func bank(id, zh, en string) connectors.Source {
	return connectors.Source{ID: id, Name: connectors.Name{ZH: zh, EN: en}, Kind: connectors.Bank}
}

// claimless are the claims of a table around which nothing stands that could be
// held against its rows.
func claimless([]string) claims { return claims{silent: true} }

// deposit is an account of the person's own money. Its number may be masked or
// the last digits alone, as the file has it.
// part tells it from others behind the same card.
func deposit(number, currency string, part ...string) connectors.Account {
	return bankAccount(connectors.Account{Kind: connectors.Deposit, Side: connectors.Asset, Name: "储蓄卡", Currency: currency}, number, part...)
}

// credit is a credit card account. One account has several cards: where rows
// name theirs it stands in the bill's Method ("信用卡(1234)") and the account
// has no number. Without a number in the file it is the person's one with
// that bank. currency is empty where rows are in several.
func credit(number, currency string) connectors.Account {
	return bankAccount(connectors.Account{Kind: connectors.CreditCard, Side: connectors.Debt, Name: "信用卡", Currency: currency}, number)
}

// bankAccount names an account by its sort, number and, beside the yuan, its
// currency: what files of other months say of it, too.
func bankAccount(a connectors.Account, number string, part ...string) connectors.Account {
	if n := strings.TrimLeft(number, "*xX"); len(n) > 0 && len(n) <= 4 {
		number = "****" + n // told from a whole number, which would have to be hidden
	}
	of := append([]string{string(a.Kind), number}, part...)
	if a.Currency != currency {
		of = append(of, a.Currency)
	}
	a.Ref = connectors.AccountRef{ID: secret.Of(strings.Join(strings.Fields(strings.Join(of, " ")), " "))}
	if number != "" {
		a.Number = secret.Of(number)
	}
	return a
}

// What stands around a bank's table, in the ways that are known.
var (
	statedNumber   = regexp.MustCompile(`(?:卡号/账号|账[\s\x{3000}]*号|卡号|账户[:：])[\s:：,]*\[?\s*(?:一卡通\s*[:：])?\s*([0-9A-Za-z*-]*[0-9A-Za-z*](?: [0-9*]{3,4}\b)*)`)
	statedFrom     = regexp.MustCompile(`(?:起始日期|起止日期|查询时间段)[\s:：,]*\[?\s*([0-9][0-9/: -]*[0-9])`)
	statedTo       = regexp.MustCompile(`(?:(?:终止日期|截止日期|结束日期)[\s:：,]*\[?|查询时间段[\s:：,0-9/-]*至)\s*([0-9][0-9/: -]*[0-9])`)
	statedExported = regexp.MustCompile(`(?:导出时间|下载日期)[\s:：,]*\[?\s*([0-9][0-9/: -]*[0-9])`)
	statedSum      = regexp.MustCompile(`(收入|支出)合计\s*[:：]?\s*([0-9]+)\s*笔\s*[，,]\s*共\s*([0-9,.]+)`)
	statedTotal    = regexp.MustCompile(`总(收入|支出)\s*[:：]\s*([0-9,.]+)\s*元`)
)

// numberIn is the account's number above the table, or empty.
func numberIn(lines []string) string {
	return strings.ReplaceAll(partIn(lines, statedNumber), " ", "")
}

func partIn(lines []string, what *regexp.Regexp) string {
	for _, line := range lines {
		if m := what.FindStringSubmatch(line); m != nil && strings.Trim(m[1], "0") != "" {
			return m[1]
		}
	}
	return ""
}

// statementClaims reads the period, the moment of export and the sums where a
// bank states them.
func statementClaims(lines []string) claims {
	c := claims{silent: true, stated: map[bucket]claim{}}
	text := strings.Join(lines, "\n")
	read := func(what *regexp.Regexp) (t time.Time, day bool) {
		if m := what.FindStringSubmatch(text); m != nil {
			if t, day = aDay(m[1]); !day {
				t, _ = parseTime(m[1], 0)
			}
		}
		return t, day
	}
	from, _ := read(statedFrom)
	if to, day := read(statedTo); !from.IsZero() && !to.Before(from) {
		c.from, c.to = from, afterLast(to, day)
	}
	c.exported, _ = read(statedExported)
	for _, m := range statedSum.FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(m[2])
		a, err2 := parseAmount(m[3], currency, false)
		if err != nil || err2 != nil {
			c.problems = append(c.problems, Problem{Code: "claim_unreadable", Of: sideOf[m[1]]})
		}
		c.stated[bucket{sideOf[m[1]], currency}] = claim{err == nil, err2 == nil, n, a}
	}
	for _, m := range statedTotal.FindAllStringSubmatch(text, -1) {
		a, err := parseAmount(m[2], currency, false)
		if err != nil {
			c.problems = append(c.problems, Problem{Code: "claim_unreadable", Of: sideOf[m[1]]})
		}
		c.stated[bucket{sideOf[m[1]], currency}] = claim{sum: err == nil, amount: a}
	}
	return c
}

// told is a cell's text as a bank means it: a line of dashes is nothing, words
// that were padded or broken for print are one blank apart, and the radicals
// that PDFs have in place of characters are the characters.
func (e *entry) told(column string) string {
	s := strings.Join(strings.Fields(character(e.text(column))), " ")
	if strings.Trim(s, "-") == "" {
		return ""
	}
	return s
}

// character writes Kangxi and CJK radicals as the characters they look like.
func character(s string) string {
	if !strings.ContainsFunc(s, radical) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch c, known := supplement[r]; {
		case known:
			return c
		case radical(r):
			return []rune(norm.NFKC.String(string(r)))[0]
		default:
			return r
		}
	}, s)
}

// supplement holds those of the CJK Radicals Supplement that are whole
// characters of today, which NFKC leaves alone (Unicode's
// EquivalentUnifiedIdeograph.txt), and the one Kangxi radical that NFKC writes
// as in Taiwan.
var supplement = map[rune]rune{
	'⼾': '户',
	'⺠': '民', '⻁': '虎', '⻄': '西', '⻅': '见', '⻆': '角', '⻉': '贝', '⻋': '车', '⻑': '長', '⻓': '长', '⻔': '门', '⻘': '青', '⻙': '韦',
	'⻚': '页', '⻛': '风', '⻜': '飞', '⻝': '食', '⻢': '马', '⻣': '骨', '⻤': '鬼', '⻥': '鱼', '⻦': '鸟', '⻧': '卤', '⻨': '麦', '⻩': '黄',
	'⻬': '齐', '⻮': '齿', '⻰': '龙',
}

func radical(r rune) bool { return r >= 0x2e80 && r <= 0x2fdf }

// days are how banks write a day, the year first.
var days = []string{"2006-01-02", "20060102", "2006/01/02", "2006/1/2", "2006.01.02"}

func (e *entry) day(column string) (time.Time, error) {
	if t, ok := aDay(e.told(column)); ok {
		return t, nil
	}
	if t, ok := parseTime(e.told(column), e.era); ok && e.era != 0 {
		return midnight(t), nil // a workbook's own date
	}
	return time.Time{}, e.damaged(column, "not_a_time")
}

func aDay(s string) (time.Time, bool) {
	for _, l := range days {
		if t, err := time.ParseInLocation(l, s, zone); err == nil {
			return t, plausible(t)
		}
	}
	return time.Time{}, false
}

// at sets when a bill was made. Without a clock, or with an empty one, or one
// that says midnight to the second, as of interest, there is the day.
func (e *entry) at(b *connectors.Bill, day, clock string) (err error) {
	if b.At, err = e.day(day); err != nil {
		return err
	}
	s := e.told(clock)
	b.DateOnly = s == ""
	if !b.DateOnly {
		c, ok := clockOf(s)
		if !ok {
			return e.damaged(clock, "not_a_time")
		}
		b.At, b.DateOnly = b.At.Add(c), c == 0
	}
	e.created = b.At
	return nil
}

// stamp sets when a bill was made from day and clock in one cell.
func (e *entry) stamp(b *connectors.Bill, column string) error {
	s := e.told(column)
	t, day := aDay(s)
	if !day {
		var ok bool
		if t, ok = parseTime(s, e.era); !ok {
			return e.damaged(column, "not_a_time")
		}
	}
	b.At, b.DateOnly, e.created = t, t.Equal(midnight(t)), t
	return nil
}

func clockOf(s string) (time.Duration, bool) {
	if len(s) == 5 && !strings.Contains(s, ":") {
		s = "0" + s // 092324 that was taken for a number
	}
	for _, l := range []string{"15:04:05", "150405", "15:04"} {
		if t, err := time.Parse(l, s); err == nil {
			return t.Sub(t.Truncate(24 * time.Hour)), true
		}
	}
	return 0, false
}

// booked sets the day on which the bank booked the row. Statements are cut by
// it: of two equal payments of one day, one may stand in the next.
func (e *entry) booked(column string) (err error) {
	e.created, err = e.day(column)
	return err
}

// columns reads the amount out of one column for money in and one for money
// out: one of them is empty or 0. The answer is below zero for out.
func (e *entry) columns(in, out string) (money.Amount, error) {
	var a [2]money.Amount
	for i, column := range []string{in, out} {
		if e.told(column) == "" {
			continue
		}
		var err error
		if a[i], err = e.signed(column); err != nil {
			return money.Amount{}, err
		}
	}
	switch {
	case !a[0].Zero() && !a[1].Zero():
		return money.Amount{}, e.damaged(out, "two_amounts")
	case !a[0].Zero():
		return a[0], nil
	case a[1].Currency == "" && a[0].Currency == "":
		return money.Amount{}, e.damaged(out, "not_an_amount")
	default:
		return money.Amount{Minor: -a[1].Minor, Currency: e.currency}, nil
	}
}

// standing notes the balance after the row. One that cannot be read damages
// nothing: the amounts can.
func (e *entry) standing(column string) {
	if e.told(column) == "" {
		return
	}
	a, err := parseAmount(e.told(column), e.currency, e.era != 0)
	if e.blurred = err != nil; !e.blurred {
		e.balance = &a
	}
}

// settle makes a bill one of a, which is below zero for money that went out of
// what the person has.
func settle(b *connectors.Bill, a money.Amount, means func(connectors.Direction) summary.Meaning) {
	b.Direction = connectors.In
	if a.Minor < 0 {
		b.Direction = connectors.Out
	}
	m := means(b.Direction)
	b.Amount, b.State = a.Abs(), connectors.Done
	b.Kind, b.Flow = m.Kind, m.Flow(b.Direction)
}

var ending = regexp.MustCompile(`^(.*?)\s*([0-9][0-9*]{6,}[0-9])$`)

// withNumber parts a name from the account number behind it.
func withNumber(s string) (name, number string) {
	if m := ending.FindStringSubmatch(s); m != nil {
		return m[1], m[2]
	}
	return s, ""
}

var lastFour = regexp.MustCompile(`^[0-9][0-9*]{3,}([0-9]{4})$`)

// farEnd is how the account at the other end ends, of a movement that may be
// between the person's own: what would tell that it is.
func farEnd(b *connectors.Bill, number string) string {
	m := lastFour.FindStringSubmatch(number)
	if m == nil || b.Kind != connectors.Transfer && b.Kind != connectors.Repayment && b.Kind != connectors.Other {
		return ""
	}
	return "尾号" + m[1]
}

// foreign is what was paid or given back, where that was in another currency
// than is booked.
func (e *entry) foreign(in, out, of string) string {
	word := e.told(of)
	if word == "" || word == e.currency || currencies[word] == e.currency {
		return ""
	}
	amount := e.told(in)
	if amount == "" {
		amount = e.told(out)
	}
	return strings.TrimSpace(amount + " " + word)
}

// noted is a bill's description: texts that say more than what is known.
func noted(b *connectors.Bill, texts ...string) string {
	var more []string
	for _, t := range texts {
		if t != "" && t != b.Counterparty && t != b.RawKind {
			more = append(more, t)
		}
	}
	return joined(more...)
}

// currencies are the words that Chinese banks have for them.
var currencies = map[string]string{
	"人民币": "CNY", "人民币元": "CNY", "RMB": "CNY", "美元": "USD", "港币": "HKD", "港元": "HKD", "日元": "JPY", "欧元": "EUR", "英镑": "GBP",
	"澳大利亚元": "AUD", "澳元": "AUD", "加拿大元": "CAD", "加元": "CAD", "瑞士法郎": "CHF", "新加坡元": "SGD", "澳门元": "MOP", "新西兰元": "NZD",
	"韩元": "KRW", "泰国铢": "THB", "泰铢": "THB", "卢布": "RUB", "俄罗斯卢布": "RUB", "瑞典克朗": "SEK", "丹麦克朗": "DKK", "挪威克朗": "NOK", "新台币": "TWD",
	"CNH": "CNH", // the yuan abroad, which ISO does not list
}

// in sets the currency of a row from a column; an empty cell leaves the yuan.
func (e *entry) in(column string) error {
	word := e.told(column)
	if word == "" {
		return nil
	}
	c, ok := currencyOf(word)
	if !ok {
		return e.damaged(column, "not_a_currency")
	}
	e.currency = c
	return nil
}

// currencyOf knows the words above and the codes of ISO 4217. Any three letters
// would do for money, and each be a balance of its own to follow.
func currencyOf(word string) (string, bool) {
	if c := currencies[word]; c != "" {
		return c, true
	}
	unit, err := iso4217.ParseISO(word)
	return word, err == nil && unit.String() == word
}
