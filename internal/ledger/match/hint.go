package match

import (
	"regexp"
	"slices"
	"strings"

	"jali/connectors"
)

// marks are how banks write the wallets that money went through.
var marks = map[string][]string{
	"alipay":    {"支付宝", "alipay"},
	"wechatpay": {"财付通", "微信", "tenpay", "wechat", "weixin"},
	"unionpay":  {"云闪付"},
}

var wallets = []string{"alipay", "unionpay", "wechatpay"}

// pots are what a wallet pays from that is no card.
var pots = []string{"余额", "零钱", "花呗", "红包", "小荷包", "亲情卡", "亲属卡", "数字人民币"}

var (
	tails     = regexp.MustCompile(`[(（*＊尾号]\s*([0-9]{4})(?:[^0-9]|$)`)
	bankNames = regexp.MustCompile(`\p{Han}{2,12}?(?:银行|信用社|农信|农商行)`)
)

// words is what a bill's texts say of other accounts.
type words struct {
	paidWith text   // what it was paid from
	between  text   // the other end, of a movement between accounts
	all      string // everything, in lower case
	marked   []string
}

type text struct {
	raw   string
	tails []string
	banks []string
	pot   bool
}

// reader keeps what it has read: methods repeat by the thousand.
type reader map[string]text

func (r *row) words() *words {
	if r.read != nil {
		return r.read
	}
	b := r.item.Bill
	w := &words{paidWith: r.reader.text(b.Method)}
	r.read = w
	w.all = strings.ToLower(b.RawKind + "\n" + b.Counterparty + "\n" + b.Description + "\n" + b.Method)
	switch {
	case !r.wallet && (b.Kind == connectors.Payment || b.Kind == connectors.Refund || b.Kind == connectors.Fee):
		// A card's purchase is no end of a transfer between banks.
	case !r.wallet:
		w.between = readText(b.Counterparty + "\n" + b.Description + "\n" + b.Method)
	case b.Kind == connectors.Repayment:
		w.between = readText(b.Counterparty + "\n" + b.Description) // its method is the card that pays
	case b.Flow == connectors.FlowInternal:
		w.between = readText(b.RawKind + "\n" + b.Counterparty + "\n" + b.Description + "\n" + b.Method)
	}
	for _, s := range wallets {
		if containsAny(w.all, marks[s]) {
			w.marked = append(w.marked, s)
		}
	}
	return w
}

func (seen reader) text(s string) text {
	t, ok := seen[s]
	if !ok {
		t = readText(s)
		seen[s] = t
	}
	return t
}

func readText(s string) text {
	t := text{raw: s, banks: bankNames.FindAllString(s, -1), pot: containsAny(s, pots)}
	for _, m := range tails.FindAllStringSubmatch(s, -1) {
		t.tails = append(t.tails, m[1])
	}
	return t
}

// names weighs what a text says of an account: 2 its bank and its number's
// end, 1 either, 0 nothing, and no if it names another.
func (t text) names(it *Item) (weight int, no bool) {
	name := containsAny(t.raw, it.Names)
	for _, bank := range t.banks {
		name = name || shortened(bank, it.Names)
	}
	if len(t.banks) > 0 && len(it.Names) > 0 && !name {
		return 0, true
	}
	tail := it.Tail != "" && slices.Contains(t.tails, it.Tail)
	if len(t.tails) > 0 && it.Tail != "" && !tail {
		return 0, true
	}
	if name {
		weight++
	}
	if tail {
		weight++
	}
	return weight, false
}

// shortened reports that a bank's name as found in a text is the short form of
// one of names: "工商银行" for "中国工商银行", whatever stands before it there.
func shortened(found string, names []string) bool {
	runes := []rune(found)
	for len(runes) >= 4 {
		short := string(runes)
		if !slices.Contains(sorts, short) && containsAny(strings.Join(names, "\n"), []string{short}) {
			return true
		}
		runes = runes[1:]
	}
	return false
}

// sorts of bank are no bank's name.
var sorts = []string{"商业银行", "村镇银行", "合作银行", "储蓄银行", "农村商业银行", "城市商业银行"}

// marksOf weighs what a bank's bill says of a wallet.
func (w *words) marksOf(wallet *row) (weight int, no bool) {
	if slices.Contains(w.marked, wallet.item.Source) || containsAny(w.all, wallet.names) {
		return 1, false
	}
	return 0, len(w.marked) > 0
}

// funded weighs that the bank's bill paid for the wallet's: 0 is no link.
func funded(wallet, bank *row) int {
	says, no := wallet.words().paidWith.names(bank.item)
	if no || (wallet.words().paidWith.pot && says == 0) {
		return 0
	}
	marked, no := bank.words().marksOf(wallet)
	if no {
		return 0
	}
	return says + marked
}

// between weighs that two bills are the ends of one transfer.
func between(a, b *row) int {
	if a.wallet == b.wallet && a.wallet {
		return 0 // two wallets share no hints, only ids
	}
	if !a.wallet && !b.wallet {
		// A bank's text names its own bank as often as the other: only what
		// speaks for a link is heard.
		if a.item.Bill.Kind != connectors.Transfer && !moves(a.item.Bill) && b.item.Bill.Kind != connectors.Transfer && !moves(b.item.Bill) {
			return 0
		}
		x, _ := a.words().between.names(b.item)
		y, _ := b.words().between.names(a.item)
		return x + y
	}
	if b.wallet {
		a, b = b, a
	}
	if !moves(a.item.Bill) {
		return 0
	}
	says, no := a.words().between.names(b.item)
	if no {
		return 0
	}
	marked, no := b.words().marksOf(a)
	if no {
		return 0
	}
	return says + marked
}

// moves reports that a bill is by its kind a movement between accounts of one
// person.
func moves(b *connectors.Bill) bool {
	return b.Kind.Inner() || b.Kind == connectors.Transfer && b.Flow == connectors.FlowInternal
}

func containsAny(s string, words []string) bool {
	for _, w := range words {
		if w != "" && strings.Contains(s, w) {
			return true
		}
	}
	return false
}

func lower(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strings.ToLower(w)
	}
	return out
}
