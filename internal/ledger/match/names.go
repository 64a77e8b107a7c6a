package match

import (
	"slices"
	"strings"
	"unicode/utf8"

	"jali/connectors"
)

// rank is where in a chain of payment a source stands. Money goes from the
// lowest to the highest: a shop's app is paid by a wallet, and that out of a
// bank's card.
type rank uint8

const (
	bank    rank = iota
	network      // 云闪付: a wallet of its own, and a way by which other wallets draw on cards
	wallet
	shop // an app that sells, and tells its orders
)

// party is an institution, or what else of it the texts of bills tell by a
// word of its own.
type party uint8

// A rail is who carried the payment, as banks write it before the shop's name.
const (
	alipay party = iota
	wechat
	unionpay
	jdPay
	meituanPay
	douyinPay
	rails // how many there are

	jdShop party = iota - 1
	meituanShop
	firstBank // all that follow are banks, or sources that only the items name
)

// What is said of a method beside names.
const (
	saysPot    = party(120 + iota) // paid out of what is in the wallet itself, or owed to it
	saysCredit                     // a credit card
	saysDebit                      // a debit card
	saysBank                       // a bank that nobody knows
	saysECNY                       // digital yuan, which have a wallet and number of their own at a bank
	saysNothing
)

// words are how others write a party.
var words = map[party]string{
	alipay:      "支付宝 alipay 蚂蚁",
	wechat:      "财付通 微信 tenpay wechat weixin",
	unionpay:    "云闪付",
	jdPay:       "网银在线 京东支付 京东金融 京东科技",
	meituanPay:  "钱袋宝 美团支付",
	douyinPay:   "抖音支付",
	jdShop:      "京东 jd.com",
	meituanShop: "美团 大众点评 meituan",
	saysPot:     "余额 余额宝 零钱 零钱通 花呗 红包 小荷包 亲情卡 亲属卡 白条 月付 小金库 先享后付 先用后付 钱包",
	saysCredit:  "信用卡",
	saysDebit:   "储蓄卡 借记卡",
	saysECNY:    "数字人民币",
	saysBank:    "银行 信用社 农信 农商行",
	// Words with a bank in them that name none.
	saysNothing: "银行卡 手机银行 网上银行 电子银行 掌上银行 个人银行 银行转账 银行转入 银行转出",
}

// banks are written by their whole name, by a stem before 银行 or a sort of
// card ("中信信用卡"), and by other short names. The first word is the stem.
var banks = []string{
	"工商 工行 icbc", "建设 建行 ccb", "农业 农行", "中国 中行 boc", "交通 交行 bocom", "招商 招行 cmb", "邮储 邮政储蓄 psbc",
	"浦发 浦东发展 spdb", "中信 citic", "兴业", "民生", "光大", "平安", "华夏", "广发", "浙商", "渤海", "恒丰", "北京", "上海",
	"江苏", "南京", "宁波", "杭州", "徽商", "网商", "微众", "汇丰 hsbc", "恒生", "渣打", "花旗", "东亚",
}

// sources are who stands behind an id where an item has no names.
var sources = map[string][]party{
	"alipay": {alipay}, "wechatpay": {wechat}, "unionpay": {unionpay},
	"jd": {jdPay, jdShop}, "meituan": {meituanPay, meituanShop},
}

func rankOf(it *Item) rank {
	switch it.Source {
	case "jd", "meituan":
		return shop
	case "unionpay":
		return network
	}
	switch it.Kind {
	case connectors.WalletBalance, connectors.Settlement:
		return wallet
	case connectors.CreditLine, connectors.Fund, connectors.Loan:
		return bank // a wallet's own pots are drawn on as cards are
	}
	if it.Source == "alipay" || it.Source == "wechatpay" {
		return wallet
	}
	return bank
}

// parties is a set of them.
type parties [2]uint64

func (s *parties) add(p party)          { s[p>>6] |= 1 << (p & 63) }
func (s parties) has(p party) bool      { return s[p>>6]&(1<<(p&63)) != 0 }
func (s parties) and(o parties) parties { return parties{s[0] & o[0], s[1] & o[1]} }
func (s parties) without(o parties) parties {
	return parties{s[0] &^ o[0], s[1] &^ o[1]}
}
func (s parties) or(o parties) parties { return parties{s[0] | o[0], s[1] | o[1]} }
func (s parties) meets(o parties) bool { return s.and(o) != parties{} }

// setOf is the parties from one up to another.
func setOf(from, to party) (s parties) {
	for p := from; p < to; p++ {
		s.add(p)
	}
	return s
}

// lexicon finds words in texts: those above, and the names of the items' own
// sources that are none of them.
type lexicon struct {
	byFirst map[rune][]entry
	next    party // the next that is free
	rails   parties
	banks   parties
}

type entry struct {
	runes []rune // folded
	party party
}

// known is the lexicon without names of items. It is only read.
var known = func() *lexicon {
	l := &lexicon{byFirst: map[rune][]entry{}, rails: setOf(0, rails)}
	for p, list := range words {
		for _, w := range strings.Fields(list) {
			l.add(w, p)
		}
	}
	l.next = firstBank
	for _, list := range banks {
		for i, w := range strings.Fields(list) {
			if i == 0 {
				l.add(w+"银行", l.next)
				if w == "中国" {
					continue // "中国信用卡" is nobody's
				}
				for _, sort := range []string{"信用卡", "储蓄卡", "借记卡"} {
					l.add(w+sort, l.next)
				}
				continue
			}
			l.add(w, l.next)
			l.add(w+"银行", l.next)
		}
		l.banks.add(l.next)
		l.next++
	}
	return l
}()

func (l *lexicon) add(word string, p party) {
	var runes []rune
	for _, r := range word {
		runes = append(runes, fold(r))
	}
	e := entry{runes, p}
	list := l.byFirst[runes[0]]
	at, _ := slices.BinarySearchFunc(list, e, func(x, y entry) int { return len(y.runes) - len(x.runes) }) // longest first
	l.byFirst[runes[0]] = slices.Insert(slices.Clone(list), at, e)
}

// with adds the names of a source that no word is known of. Beyond a hundred
// of them the rest stay unknown.
func (l *lexicon) with(names []string, rank rank) parties {
	var s parties
	var fresh []string
	for _, n := range names {
		n = strings.TrimSpace(n)
		if short, ok := strings.CutPrefix(n, "中国"); ok && len([]rune(short)) >= 4 {
			fresh = append(fresh, short)
		}
		if runes := len([]rune(n)); runes >= 2 && runes <= 40 && !slices.Contains([]string{"银行", "bank", "wallet"}, strings.ToLower(n)) {
			fresh = append(fresh, n)
		}
	}
	if len(fresh) == 0 || l.next >= saysPot {
		return s
	}
	for _, n := range fresh {
		l.add(n, l.next)
	}
	s.add(l.next)
	if rank == bank {
		l.banks = l.banks.or(s)
	} else if rank != shop {
		l.rails = l.rails.or(s)
	}
	l.next++
	return s
}

func (l *lexicon) clone() *lexicon {
	c := *l
	c.byFirst = make(map[rune][]entry, len(l.byFirst))
	for r, list := range l.byFirst {
		c.byFirst[r] = list
	}
	return &c
}

// fold makes one of what is written in full width or in capitals.
func fold(r rune) rune {
	if r >= 0xFF01 && r <= 0xFF5E {
		r -= 0xFEE0
	}
	if r >= 'A' && r <= 'Z' {
		r += 'a' - 'A'
	}
	return r
}

// text is what a text says of accounts.
type text struct {
	who   parties
	tails [4]uint16 // last digits of accounts, plus one; 0: none
	split bool      // of several parts: "余额宝&花呗金"
}

func (x text) and(y text) text {
	x.who = x.who.or(y.who)
	for _, d := range y.tails {
		x.tail(d)
	}
	x.split = x.split || y.split
	return x
}

func (x *text) tail(d uint16) {
	for i := range x.tails {
		if x.tails[i] == d {
			return
		}
		if x.tails[i] == 0 {
			x.tails[i] = d
			return
		}
	}
}

// read goes through s once. Of words that overlap the longest counts, so that
// the 银行 of 招商银行 is no unknown bank.
func (l *lexicon) read(s string, x *text) {
	var last rune
	for len(s) > 0 {
		r, n := first(s)
		switch {
		case r == '&':
			x.split = true
		case r >= '0' && r <= '9':
			digits := 0
			var value uint16
			rest := s
			for len(rest) > 0 {
				d, m := first(rest)
				if d < '0' || d > '9' {
					break
				}
				if digits < 4 {
					value = value*10 + uint16(d-'0')
				}
				digits++
				rest = rest[m:]
			}
			if digits == 4 && strings.ContainsRune("(*号位行卡", last) {
				x.tail(value + 1)
			}
			s, last = rest, '0'
			continue
		}
		matched := false
		for _, e := range l.byFirst[r] {
			if rest, ok := cut(s, e.runes); ok && (!latin(e.runes[0]) || !latin(last)) {
				if e.party != saysNothing {
					x.who.add(e.party)
				}
				switch {
				case e.party >= firstBank && e.party < saysPot && ends(e.runes, "信用卡"):
					x.who.add(saysCredit)
				case e.party >= firstBank && e.party < saysPot && ends(e.runes, "储蓄卡", "借记卡"):
					x.who.add(saysDebit)
				}
				last, s, matched = e.runes[len(e.runes)-1], rest, true
				break
			}
		}
		if !matched {
			if r != ' ' {
				last = r
			}
			s = s[n:]
		}
	}
}

// first is the first rune of s, folded, and its length.
func first(s string) (rune, int) {
	if c := s[0]; c < utf8.RuneSelf {
		return fold(rune(c)), 1
	}
	r, n := utf8.DecodeRuneInString(s)
	return fold(r), n
}

// cut answers what of s follows word.
func cut(s string, word []rune) (string, bool) {
	for _, w := range word {
		if len(s) == 0 {
			return "", false
		}
		r, n := first(s)
		if r != w {
			return "", false
		}
		s = s[n:]
	}
	if latin(word[len(word)-1]) && len(s) > 0 {
		if r, _ := first(s); latin(r) {
			return "", false // "boc" in "bocom"
		}
	}
	return s, true
}

func latin(r rune) bool { return r >= 'a' && r <= 'z' }

func ends(runes []rune, suffixes ...string) bool {
	for _, s := range suffixes {
		if strings.HasSuffix(string(runes), s) {
			return true
		}
	}
	return false
}
