package match

import (
	"cmp"
	"strings"

	"jali/connectors"
)

// alike weighs what two bills call the shop. Banks cut names short, and put
// before them who carried the payment.
func (t *table) alike(x, y int32) int {
	best := 0
	others := t.names(y)
	for _, one := range t.names(x) {
		for _, other := range others {
			best = max(best, alikeNames(one, other))
		}
	}
	return best
}

func alikeNames(a, b string) int {
	if len(a) < 6 || len(b) < 6 { // two Han characters
		return 0
	}
	if strings.Contains(a, b) || strings.Contains(b, a) {
		return sameShop
	}
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	if n >= 12 { // four
		return alikeShop
	}
	return 0
}

// prefixes are what banks write before a shop's name.
var prefixes = []string{"支付宝", "财付通", "微信支付", "微信", "云闪付APP", "云闪付", "网银在线", "抖音支付", "钱袋宝支付", "钱袋宝", "京东支付", "美团支付", "消费", "退货", "退款"}

const prefixed = "支财微云网抖钱京美消退" // how they begin, three bytes each

// shopOf is a shop's name without what stands before it ("支付宝-", "退款－")
// and after it ("CHN").
func shopOf(s string) string {
	s = strings.TrimSpace(s)
	for {
		rest := s
		if len(s) < 3 || !strings.Contains(prefixed, s[:3]) {
			break
		}
		for _, p := range prefixes {
			if r, ok := strings.CutPrefix(s, p); ok {
				rest = r
				break
			}
		}
		if rest == s {
			break
		}
		bare := strings.TrimLeft(rest, "-－—:： ")
		if bare == "" || bare == rest && rest != "" {
			break // "微信红包", "消费者协会": part of the name
		}
		s = bare
	}
	return strings.TrimSpace(strings.TrimSuffix(s, "CHN"))
}

// soldBy is the shop, or where none is told what was bought.
func soldBy(b *connectors.Bill) string { return cmp.Or(shopOf(b.Counterparty), goodsOf(b.Description)) }

// goodsOf is what was bought, as the payment's bill and the refund's both
// call it; short words say too little.
func goodsOf(s string) string {
	s = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(s), "退款"), "-")
	s = strings.TrimSpace(strings.TrimSuffix(s, "等多件"))
	if len(s) < 12 {
		return ""
	}
	return s
}
