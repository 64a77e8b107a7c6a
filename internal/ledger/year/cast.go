package year

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"jali/connectors"
	"jali/connectors/money"
)

// bank is how one writes its bills.
type bank struct {
	source, zh, en string
	short          string // as others write it
	times          bool   // debit bills tell the time
	books          booking
	dash           string // between a mark and a name: 支付宝-, 支付宝－
	tail           string // behind every text
	width          int    // of the text, in characters
	bare           bool   // refunds tell no shop, only through whom
	several        bool   // a bill of credit cards is of all of them, and each row names its own
	paid           string // what it calls a purchase
}

// booking is the day that a bill of the bank is dated.
type booking int

const (
	sameDay booking = iota
	nextDay
	nextWorkday // what is bought from Friday to Sunday stands under Monday
)

// The manners are those of real exports.
var banks = []bank{
	{"boc", "中国银行", "Bank of China", "中国银行", true, sameDay, "-", "CHN", 18, true, true, "网上快捷支付"},
	{"icbc", "中国工商银行", "ICBC", "工商银行", false, nextDay, "-", "", 22, false, false, "消费"},
	{"cmb", "招商银行", "China Merchants Bank", "招商银行", false, nextDay, "-", "", 24, false, false, "快捷支付"},
	{"ccb", "中国建设银行", "China Construction Bank", "建设银行", true, sameDay, "-", "", 30, false, false, "消费"},
	{"citic", "中信银行", "CITIC Bank", "中信银行", true, nextWorkday, "－", "", 20, false, false, "消费"},
	{"bocom", "交通银行", "Bank of Communications", "交通银行", true, nextWorkday, "-", "", 26, false, false, "消费"},
	{"abc", "中国农业银行", "Agricultural Bank of China", "农业银行", true, nextDay, "-", "", 28, false, false, "消费"},
	{"cib", "兴业银行", "Industrial Bank", "兴业银行", false, nextDay, "-", "", 24, false, false, "快捷支付"},
}

// card is an account at a bank.
type card struct {
	*bank
	account int
	credit  bool
	number  string // its last digits
	written string // its last digits as wallets write them: of a replaced or second card, other than its bill's
	refs    bool   // its bill tells the wallet's order number
}

func (c *card) times() bool { return c.bank.times && !c.credit }

// castAccounts decides what the person has.
func (w *writer) castAccounts() {
	wallet := func(id, source, zh, en string) int {
		w.Accounts = append(w.Accounts, Account{ID: id, Source: source, Names: []string{zh, en}, Kind: connectors.WalletBalance,
			Side: connectors.Asset, Currency: "CNY"})
		return len(w.Accounts) - 1
	}
	w.alipay = wallet("alipay", "alipay", "支付宝", "Alipay")
	w.wechat = wallet("wechat", "wechatpay", "微信支付", "WeChat Pay")
	w.jd = wallet("jd", "jd", "京东", "JD.com")
	w.meituan = wallet("meituan", "meituan", "美团", "Meituan")

	mine := slices.Clone(banks)
	w.rng.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
	mine = mine[:2+w.rng.IntN(2)]
	open := func(b *bank, kind connectors.AccountKind, side connectors.Side, currency string, fen int64) int {
		id := fmt.Sprintf("%s%d", kind, len(w.Accounts))
		tail := fmt.Sprintf("%04d", w.rng.IntN(10000))
		for slices.ContainsFunc(w.Accounts, func(a Account) bool { return a.Tail == tail }) {
			tail = fmt.Sprintf("%04d", w.rng.IntN(10000))
		}
		w.Accounts = append(w.Accounts, Account{id, b.source, []string{b.zh, b.en}, tail, kind, side, currency, money.Amount{Minor: fen, Currency: currency}})
		return len(w.Accounts) - 1
	}
	for i := range mine {
		b := &mine[i]
		a := open(b, connectors.Deposit, connectors.Asset, "CNY", w.between(2_000_000, 9_000_000))
		w.debits = append(w.debits, &card{bank: b, account: a, number: w.Accounts[a].Tail, written: w.Accounts[a].Tail, refs: w.roll(0.2)})
	}
	for i := range 2 {
		b := &mine[len(mine)-1-i]
		a := open(b, connectors.CreditCard, connectors.Debt, "CNY", w.between(0, 300_000))
		c := &card{bank: b, account: a, credit: true, number: w.Accounts[a].Tail, written: w.Accounts[a].Tail}
		if w.roll(0.1) {
			c.written = fmt.Sprintf("%04d", w.rng.IntN(10000))
		}
		if b.several {
			w.Accounts[a].Tail = ""
		}
		w.credits = append(w.credits, c)
	}
	w.dollars = open(&mine[0], connectors.Deposit, connectors.Asset, "USD", 0)
	w.owed = map[string]int64{}
	w.adoptHabits()
}

// booked is when a bank's bill of something at a moment is dated.
func (w *writer) booked(c *card, at time.Time) (time.Time, bool) {
	if c.times() {
		if w.roll(0.02) {
			return at.Add(w.seconds(30, 240)), false
		}
		return at.Add(w.seconds(0, 25)), false
	}
	day := at
	switch c.books {
	case nextDay:
		day = at.AddDate(0, 0, 1)
	case nextWorkday:
		day = at.AddDate(0, 0, 1)
		for day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
			day = day.AddDate(0, 0, 1)
		}
	}
	if c.books != sameDay && w.quick(c, at) {
		day = at
	}
	return day, true
}

// quick reports that a bank booked on the day itself, for once: all of that day.
func (w *writer) quick(c *card, at time.Time) bool {
	h := fnv.New32a()
	fmt.Fprint(h, c.source, at.Format(time.DateOnly), w.Seed)
	return h.Sum32()%50 == 0
}

// named is the account that a card's written digits point at.
func (c *card) named(w *writer) int {
	if c.written == c.number {
		return c.account
	}
	return -1
}

// asAlipay and asWeChat write a card as the wallets do.
func (c *card) word() string {
	if c.credit {
		return "信用卡"
	}
	return "储蓄卡"
}

func (c *card) asAlipay() string { return c.zh + c.word() + "(" + c.written + ")" }

func (c *card) asWeChat(short bool) string {
	if short {
		return c.short + "(" + c.written + ")"
	}
	return c.short + c.word() + "(" + c.written + ")"
}
