package billfile

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"jali/connectors"
)

// names are what a column is called, in lower case without blanks, the likeliest first; it is
// found by the whole of its name before it is by a part.
var names = map[string][]string{
	"date": {"交易时间", "交易日期", "交易日", "日期", "时间", "记账日期", "入账日期", "transactiondate", "date", "datetime", "postingdate", "bookingdate", "valuedate",
		"交易", "日期", "date"},
	"time":         {"交易时刻", "记账时间", "时间", "time"},
	"in":           {"收入金额", "收入", "存入", "存入金额", "贷方发生额", "贷方金额", "贷方", "转入金额", "入账金额", "credit", "creditamount", "deposit", "deposits", "paidin", "moneyin", "in", "收入", "存入", "贷方", "credit", "deposit"},
	"out":          {"支出金额", "支出", "支取", "借方发生额", "借方金额", "借方", "转出金额", "debit", "debitamount", "withdrawal", "withdrawals", "paidout", "moneyout", "out", "支出", "支取", "借方", "debit", "withdrawal"},
	"amount":       {"交易金额", "金额", "金额(元)", "发生额", "交易额", "amount", "transactionamount", "value", "金额", "发生额", "amount", "betrag", "montant"},
	"balance":      {"余额", "账户余额", "本次余额", "联机余额", "balance", "runningbalance", "余额", "balance", "saldo"},
	"direction":    {"收/支", "收支", "收支类型", "借贷", "借贷标志", "借/贷", "方向", "交易方向", "type", "debit/credit", "dr/cr", "direction"},
	"currency_in":  {"币种", "币别", "货币", "交易币种", "currency", "ccy"},
	"counterparty": {"交易对方", "对方户名", "对方账户名", "对方名称", "对方", "商户名称", "商户", "收款人", "payee", "merchant", "counterparty", "name", "对方户名", "商户", "payee"},
	"description":  {"交易说明", "商品说明", "商品", "摘要", "附言", "备注", "用途", "交易描述", "说明", "description", "details", "narrative", "memo", "particulars", "reference", "摘要", "描述", "description"},
	"order":        {"交易单号", "交易号", "交易流水号", "流水号", "订单号", "交易订单号", "transactionid", "id", "referencenumber", "单号", "流水"},
	"type":         {"交易类型", "交易名称", "业务类型", "业务摘要", "类型", "transactiontype", "category"},
}

var outWords = []string{"支出", "支", "借", "借方", "出", "转出", "付款", "out", "debit", "dr", "d", "withdrawal", "expense"}

// shown is how many rows an Unmapped shows at most.
const shown = 20

// unknownTable answers [ErrUnmapped], if there is a table in these lines, or
// else err.
func unknownTable(head []headLine, err error) error {
	for i, h := range head[:min(len(head), maxPreamble)] {
		for way, cells := range h.cut {
			if u := tableFrom(cells, head[i+1:], way); u != nil {
				return ErrUnmapped.Because(u)
			}
		}
	}
	return err
}

// tableFrom takes cells for a header row if they are names of two columns or
// more and a row that fits below them has a day in one and a number in another.
func tableFrom(cells []string, below []headLine, way int) *Unmapped {
	names := columnNames(cells)
	named := 0
	for i := range names {
		switch name := clean(cells[i]); {
		case name == "":
		case !utf8.ValidString(name), utf8.RuneCountInString(name) > maxWord, isFigure(name), orderOf([]string{name}) != "":
			return nil
		default:
			named++
		}
	}
	if named < 2 || named*2 < len(names) {
		return nil
	}
	u, fits := &Unmapped{Header: names}, false
	for _, h := range below {
		if way >= len(h.cut) || !fit(padded(slices.Clip(h.cut[way]), len(names)), len(names)) || clean(strings.Join(h.cut[way], "")) == "" {
			continue
		}
		r := make([]string, len(names))
		days, figures := 0, 0
		for i := range r {
			if i < len(h.cut[way]) {
				r[i] = clean(strings.ToValidUTF8(h.cut[way][i], "\ufffd"))
			}
			switch {
			case r[i] == "":
			case orderOf(r[i:i+1]) != "":
				days++
			case isFigure(r[i]):
				figures++
			}
		}
		fits = fits || days > 0 && figures > 0 || figures > 1 && days+figures > 2
		if u.Rows = append(u.Rows, r); len(u.Rows) == shown {
			break
		}
	}
	if !fits {
		return nil
	}
	return u
}

// Guess draws a Mapping from the names of the columns and what stands under
// them: the person confirms it, and says whose table it is. What it does not
// find is empty.
func (u *Unmapped) Guess() Mapping {
	m := Mapping{Header: u.Header, Kind: connectors.Deposit, Side: connectors.Asset, Currency: currency, DateOrder: "ymd"}
	taken := map[string]bool{}
	pick := func(into *string, of string, fits func([]string) bool) {
		if *into = u.pick(names[of], taken, fits); *into != "" {
			taken[*into] = true
		}
	}
	pick(&m.Date, "date", func(cells []string) bool { return orderOf(cells) != "" })
	if m.Date == "" {
		m.Date = u.pick([]string{""}, taken, func(cells []string) bool { return orderOf(cells) != "" })
		taken[m.Date] = true
	}
	if order := orderOf(u.under(m.Date)); order != "" {
		m.DateOrder = order
	}
	pick(&m.Time, "time", clocks)
	pick(&m.Balance, "balance", figures)
	pick(&m.Out, "out", figures)
	pick(&m.In, "in", figures)
	if m.In == "" || m.Out == "" {
		delete(taken, m.In)
		delete(taken, m.Out)
		m.In, m.Out = "", ""
		pick(&m.Amount, "amount", figures)
		if m.Amount == "" {
			m.Amount = u.pick([]string{""}, taken, figures)
			taken[m.Amount] = true
		}
		pick(&m.Direction, "direction", func(cells []string) bool { return outWord(cells) != "" })
		if m.OutWord = outWord(u.under(m.Direction)); m.OutWord == "" {
			m.Minus = "out"
		}
	} else if slices.ContainsFunc(u.under(m.Out), func(s string) bool { return strings.HasPrefix(figure(s, '.'), "-") }) {
		m.Minus = "out"
	}
	if slices.ContainsFunc(slices.Concat(u.under(m.Amount), u.under(m.In), u.under(m.Out), u.under(m.Balance)), decimalComma) {
		m.Decimal = ","
	}
	pick(&m.CurrencyIn, "currency_in", func(cells []string) bool {
		return !slices.ContainsFunc(cells, func(s string) bool { _, ok := currencyOf(s); return !ok })
	})
	anything := func([]string) bool { return true }
	pick(&m.Type, "type", anything)
	pick(&m.Counterparty, "counterparty", anything)
	pick(&m.Description, "description", anything)
	pick(&m.Order, "order", anything)
	return m
}

// pick answers the first column that is called so and holds what fits.
func (u *Unmapped) pick(called []string, taken map[string]bool, fits func([]string) bool) string {
	for _, whole := range []bool{true, false} {
		for _, name := range called {
			for _, column := range u.Header {
				c := strings.ToLower(fullWidth.Replace(column))
				if taken[column] || whole && c != name || !whole && (len(name) < 4 && name != "" || !strings.Contains(c, name)) {
					continue
				}
				if cells := u.under(column); len(cells) == 0 || fits(cells) {
					return column
				}
			}
		}
	}
	return ""
}

// under is what stands in a column and is not empty.
func (u *Unmapped) under(column string) (cells []string) {
	i := slices.Index(u.Header, column)
	for _, r := range u.Rows {
		if i >= 0 && i < len(r) && strings.Trim(clean(r[i]), "-/") != "" {
			cells = append(cells, clean(r[i]))
		}
	}
	return cells
}

// orderOf is the order that all of the days can be read in: the year first, or
// the day, or the month, if they leave the choice.
func orderOf(cells []string) string {
	for _, order := range []string{"ymd", "dmy", "mdy"} {
		if len(cells) > 0 && !slices.ContainsFunc(cells, func(s string) bool { _, _, ok := parseDate(s, order); return !ok }) {
			return order
		}
	}
	return ""
}

func clocks(cells []string) bool {
	return !slices.ContainsFunc(cells, func(s string) bool { _, _, ok := withClock(time.Time{}, s); return !ok })
}

func figures(cells []string) bool {
	return !slices.ContainsFunc(cells, func(s string) bool { return !isFigure(s) })
}

func isFigure(s string) bool {
	if _, err := parseAmount(s, currency, true); err == nil {
		return true
	}
	return decimalComma(s)
}

// decimalComma reports a number that only a comma before the cents makes one.
func decimalComma(s string) bool {
	if _, err := parseAmount(s, currency, true); err == nil {
		return false
	}
	_, err := parseAmount(figure(s, ','), currency, false)
	return err == nil
}

func outWord(cells []string) string {
	for _, w := range outWords {
		for _, c := range cells {
			if strings.EqualFold(c, w) {
				return c
			}
		}
	}
	return ""
}
