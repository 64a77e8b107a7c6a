package year

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"jali/connectors"
)

// way is how something is paid: through an app and a wallet, or either alone,
// out of a card or out of a pot that nobody else tells of.
type way struct {
	app, wallet int   // accounts; -1: not through one
	card        *card // nil: out of pot
	pot         string
	extra       string // what paid beside it: "&花呗金", "&红包"
}

// order is something bought.
type order struct {
	movement int
	way
	shop          shop
	title         string
	at            time.Time
	fen, left     int64  // asked for; not yet given back
	wallets, apps string // their order numbers
	merchants     string // the merchant's, to the wallet
	voucher       bool   // Meituan's: eaten later
	rows          []int  // of Life.Bills, as they are written
}

// buy writes a purchase wherever it is told of.
func (w *writer) buy(at time.Time, s shop, title string, fen int64, by way) *order {
	o := &order{movement: w.move(connectors.FlowOut, yuan(fen)), way: by, shop: s, title: title, at: at, fen: fen, left: fen, voucher: by.app == w.meituan && w.roll(0.3)}
	b := connectors.Bill{At: at, Amount: yuan(fen), Direction: connectors.Out, Flow: connectors.FlowOut, Kind: connectors.Payment}
	if o.app >= 0 {
		o.apps = w.appOrder(o, at)
	}
	if o.wallet >= 0 {
		o.wallets = w.walletOrder(o.wallet, at)
		o.merchants = w.merchantOrder(o)
	}
	if o.app >= 0 {
		w.write(o, o.app, w.inApp(o, b))
	}
	if o.wallet >= 0 {
		w.write(o, o.wallet, w.inWallet(o, b))
	}
	if o.card != nil {
		paid := b
		if o.extra == "&红包" && w.roll(0.3) {
			paid.Amount.Minor -= w.between(1, min(200, fen/2)) // the red packet paid the rest
		}
		w.write(o, o.card.account, w.inBank(o.card, w.mark(o), o.shop, o.wallets, paid))
	}
	if o.card == nil && (o.pot == "花呗" || o.pot == "美团月付" || o.pot == "白条") {
		w.owed[o.pot] += fen
	}
	return o
}

func (w *writer) write(o *order, account int, b connectors.Bill) {
	named := -1
	if account != o.app && o.card != nil && account == o.wallet {
		named = o.card.named(w)
	}
	if account == o.app && o.wallet < 0 && o.card != nil {
		named = o.card.named(w)
	}
	o.rows = append(o.rows, len(w.Bills))
	w.tell(o.movement, account, named, b)
}

// mark is what a bank writes before the shop: whom it was asked by.
func (w *writer) mark(o *order) string {
	switch {
	case o.wallet == w.alipay:
		return "支付宝"
	case o.wallet == w.wechat:
		return "财付通"
	case o.app == w.meituan:
		return "钱袋宝支付"
	case o.app == w.jd:
		return "网银在线"
	}
	return ""
}

func (w *writer) walletOrder(wallet int, at time.Time) string {
	if wallet == w.alipay {
		return at.Format("20060102") + "2200149" + w.digits(13)
	}
	return "42000" + w.digits(5) + at.Format("20060102") + w.digits(10)
}

func (w *writer) appOrder(o *order, at time.Time) string {
	if o.app == w.meituan {
		return at.Format("060102") + "111004016700" + w.digits(14)
	}
	return "30" + w.digits(10)
}

// merchantOrder is what the shop calls it: an app gives the wallet a number
// that it shows the person, too, or another.
func (w *writer) merchantOrder(o *order) string {
	switch {
	case o.app >= 0 && w.roll(0.75):
		return o.apps
	case o.app >= 0:
		return o.at.Format("20060102150405") + "U" + w.digits(14)
	case w.roll(0.5):
		return "T200P" + w.digits(19)
	}
	return w.digits(20)
}

// inApp is what JD and Meituan write.
func (w *writer) inApp(o *order, b connectors.Bill) connectors.Bill {
	b.Order = o.apps
	b.Method = o.pot
	switch {
	case o.wallet >= 0 && o.app == w.jd && o.card != nil:
		b.Method = "微信-" + o.card.short + o.card.word()
	case o.wallet == w.wechat:
		b.Method = "微信支付"
	case o.wallet == w.alipay:
		b.Method = "支付宝"
	case o.card != nil:
		b.Method = o.card.asAlipay()
	}
	if o.app == w.jd {
		b.Counterparty, b.Description, b.Category = "京东平台商户", o.title, "网购"
		b.RawKind, b.Merchant = "网购", "1000"+w.digits(12)
		if b.Kind == connectors.Refund {
			b.Description, b.RefundOf = "退款-"+o.title, o.apps
		}
		return b
	}
	b.At = b.At.Add(w.seconds(-10, 3))
	b.RawKind, b.Counterparty, b.Description = "支付", o.shop.name, o.shop.name+" 订单详情"
	b.Merchant = "0_" + w.digits(16)
	if o.voucher { // it tells what was bought, not of whom
		b.Counterparty, b.Description = "", "【超值】"+o.shop.name+"代金券"
	}
	if b.Kind == connectors.Refund {
		b.RawKind, b.Order = "退款", b.At.Format("060102")+w.digits(13)
	}
	return b
}

// inWallet is what Alipay and WeChat write.
func (w *writer) inWallet(o *order, b connectors.Bill) connectors.Bill {
	b.Order, b.Merchant = o.wallets, o.merchants
	refund := b.Kind == connectors.Refund
	switch {
	case o.wallet == w.alipay && o.card != nil:
		b.Method = o.card.asAlipay() + o.extra
	case o.wallet == w.wechat && o.card != nil:
		b.Method = o.card.asWeChat(w.habits.shortMethods)
	default:
		b.Method = o.pot + o.extra
	}
	if o.extra != "" {
		b.Note = "split_funding"
	}
	if o.wallet == w.alipay {
		b.RawKind, b.Category, b.Counterparty, b.Description = o.shop.category, o.shop.category, o.shop.name, o.shop.name+"消费"
		if o.title != "" {
			b.Description = o.title
		}
		if o.app == w.meituan {
			b.RawKind, b.Category, b.Counterparty = "生活服务", "生活服务", "美团"
			b.Description = o.shop.name + "-美团外卖App-" + o.apps
		}
		if refund {
			b.RawKind, b.Category, b.Description = "退款", "退款", "退款-"+b.Description
			b.RefundOf, b.Order = o.wallets, o.wallets+"_"+w.digits(6)
		}
		return b
	}
	b.RawKind, b.Counterparty = "商户消费", o.shop.name
	switch {
	case o.app == w.jd:
		b.Counterparty, b.Description = "京东商城平台商户", "京东-订单编号"+o.apps
	case o.app == w.meituan:
		b.Counterparty, b.Description = "美团平台商户", "美团订单-"+o.apps
	case strings.HasPrefix(o.shop.name, "*"):
		b.RawKind, b.Description = "扫二维码付款", "收款方备注:二维码收款"
	default:
		b.Description = o.shop.name + "-消费"
	}
	if refund {
		b.RawKind = b.Counterparty + "-退款"
		b.Order = "50300" + w.digits(5) + b.At.Format("20060102") + w.digits(10)
		if w.roll(0.4) {
			b.Merchant = w.digits(20)
		}
	}
	return b
}

// inBank is what a bank writes of a purchase or a refund that it was asked for
// through mark; empty: by the shop itself.
func (w *writer) inBank(c *card, mark string, s shop, ref string, b connectors.Bill) connectors.Bill {
	b.At, b.DateOnly = w.booked(c, b.At)
	name := s.company
	if w.signs(c, mark, s) {
		name = s.name
	}
	switch mark {
	case "钱袋宝支付":
		name = "大众点评App美团神会员"
	case "网银在线":
		name = "京东商城业务"
	}
	if mark != "" {
		name = mark + c.dash + name
	}
	refund := b.Kind == connectors.Refund
	if refund && c.bare && mark != "" {
		name = mark
	}
	b.RawKind = c.paid
	if refund {
		b.RawKind = "退款"
	}
	b.Counterparty = cut(name, c.width) + c.tail
	if c.several && c.credit {
		b.RawKind, b.Method = "", "信用卡("+c.number+")"
	}
	if c.refs && ref != "" {
		b.Refs = []string{ref}
	}
	return b
}

// signs reports whether a bank knows a shop by what stands over its door and not
// by its licence: each bank each shop always by the same.
func (w *writer) signs(c *card, mark string, s shop) bool {
	h := fnv.New32a()
	fmt.Fprint(h, c.source, mark, s.name, w.Seed)
	return h.Sum32()%10 < 3
}

func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}

// giveBack writes a refund of part of an order, or of what is left of it.
func (w *writer) giveBack(at time.Time, o *order, fen int64) {
	o.left -= fen
	m := w.move(connectors.FlowIn, yuan(fen))
	w.Truth.Movements[m].Gives = o.movement
	r := *o
	r.movement, r.at, r.rows, r.extra = m, at, nil, ""
	b := connectors.Bill{At: at, Amount: yuan(fen), Direction: connectors.In, Flow: connectors.FlowIn, Kind: connectors.Refund}
	if r.app >= 0 {
		w.write(&r, r.app, w.inApp(&r, b))
	}
	if r.wallet >= 0 {
		w.write(&r, r.wallet, w.inWallet(&r, b))
	}
	if r.card != nil {
		// A bank takes its time with what comes back.
		late := b
		if w.roll(0.45) {
			late.At = at.AddDate(0, 0, int(w.between(1, 3))).Add(w.seconds(-3600, 3600))
		}
		w.write(&r, r.card.account, w.inBank(r.card, w.mark(&r), r.shop, "", late))
	} else if _, ok := w.owed[r.pot]; ok {
		w.owed[r.pot] -= fen
	}
	for _, i := range o.rows {
		w.marked(o, i)
	}
}

// marked is how wallets and JD write at a payment that some of it came back.
func (w *writer) marked(o *order, row int) {
	b := &w.Bills[row]
	switch {
	case !slices.Contains([]int{w.alipay, w.wechat, w.jd}, b.Account):
	case o.left == 0:
		b.State = connectors.Reversed
	case b.Account != w.alipay:
		b.Note = "refunded_part"
	}
}
