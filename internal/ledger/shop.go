package ledger

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"jali/connectors"
)

// What stands around a shop's name: what banks write before it, that it was paid
// through a wallet or a network, or came back; a company's form behind it; the
// country behind the name on a card's bill, which some write without a space.
var (
	through = []string{"支付宝退款", "财付通退款", "支付宝", "财付通", "微信支付", "云闪付APP", "云闪付", "网银在线", "钱袋宝支付", "钱袋宝", "美团支付",
		"抖音支付", "京东支付", "银联在线支付", "退款", "退货", "消费"}
	forms = []string{"股份有限公司", "有限责任公司", "集团有限公司", "有限公司", "股份公司", "股份有限", "有限", "公司", "集团", "平台商户", "个体工商户"}
	lands = []string{"CHN", "HKG", "JPN", "USA"}
)

// Shop is the name that all bills of a counterparty share, whichever source
// wrote it: without the wallet that a bank names before it, a branch in
// brackets, a company's form, a number behind it and masking stars. It is empty
// where nothing is left that tells one from another.
func Shop(b *connectors.Bill) string {
	name := strings.TrimSpace(norm.NFKC.String(b.Counterparty))
	s := unland(strings.ReplaceAll(name, "—", "-"))
	for shorter := unmark(s); shorter != s; shorter = unmark(s) {
		s = shorter
	}
	s = unbracket(s)
	if cut := strings.TrimRight(s, "0123456789"); len(s)-len(cut) >= 6 {
		s = strings.TrimSpace(cut)
	}
	for shorter := unform(s); shorter != s; shorter = unform(s) {
		s = shorter
	}
	masked := strings.Contains(s, "*")
	s = strings.Trim(strings.ReplaceAll(s, "*", ""), " -·.,")
	switch n := len([]rune(s)); {
	case masked && n < 2:
		return "" // a person of whom one letter is told
	case n == 0:
		return name
	}
	return s
}

// Shops remembers names that were made out: a person's bills name few shops, and
// each many times. The map that there is to begin with is empty.
type Shops map[string]string

// Of is [Shop].
func (known Shops) Of(b *connectors.Bill) string {
	name, ok := known[b.Counterparty]
	if !ok {
		name = Shop(b)
		known[b.Counterparty] = name
	}
	return name
}

// unland takes off the country behind a Chinese name. Behind any other it may
// be the name's end.
func unland(s string) string {
	for _, l := range lands {
		if cut, ok := strings.CutSuffix(s, l); ok {
			if r := []rune(cut); len(r) > 0 && (unicode.Is(unicode.Han, r[len(r)-1]) || strings.ContainsRune(") ", r[len(r)-1])) {
				return strings.TrimSpace(cut)
			}
		}
	}
	return s
}

// unmark takes one mark off, with the dash or the space that parts it from the
// name: without one it is the name itself.
func unmark(s string) string {
	for _, m := range through {
		if rest, ok := strings.CutPrefix(s, m); ok {
			if name := strings.TrimLeft(rest, " -:·"); name != "" && name != rest {
				return name
			}
		}
	}
	return s
}

// unbracket takes out what stands in brackets, also in one that is cut off.
func unbracket(s string) string {
	for _, pair := range []string{"()", "[]", "【】"} {
		open, closing := string([]rune(pair)[0]), string([]rune(pair)[1])
		for {
			before, inside, found := strings.Cut(s, open)
			if !found {
				break
			}
			_, after, _ := strings.Cut(inside, closing)
			s = before + after
		}
	}
	return strings.TrimSpace(s)
}

func unform(s string) string {
	if slices.Contains(forms, s) {
		return s
	}
	for _, f := range forms {
		if cut, ok := strings.CutSuffix(s, f); ok {
			return strings.TrimSpace(cut)
		}
	}
	return s
}

// Learns is the name under which a correction of a bill is learnt: its shop,
// and apart from what is bought there, what the shop pays out and what is by
// its kind no purchase. Empty: nothing can be learnt from it.
func Learns(b *connectors.Bill) string {
	shop := strings.ToLower(Shop(b))
	if shop == "" {
		return ""
	}
	if _, ok := byKind[b.Kind]; ok {
		return shop + "\n" + string(b.Kind)
	}
	if b.Direction == connectors.In {
		return shop + "\nin"
	}
	return shop
}
