package match

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/money"
)

// linkRefunds finds what each refund gives back: by RefundOf, then by a shared
// id, then by the same amount and counterparty in the same account, and in
// that pass once per payment. All of a payment's refunds together give back no
// more than it took.
func (t *table) linkRefunds() {
	if !slices.ContainsFunc(t.rows, func(r row) bool { return r.item.Bill.Kind == connectors.Refund }) {
		return
	}
	left := map[int]int64{} // of payments that have been refunded
	passes := []func(*refundIndex, int) []int{
		func(x *refundIndex, i int) []int { return x.named(i) },
		func(x *refundIndex, i int) []int { return x.sharing(i) },
		func(x *refundIndex, i int) []int { return x.alike(i) },
	}
	x := t.indexPayments()
	for pass, candidates := range passes {
		for i := range t.rows {
			r := &t.rows[i]
			if r.item.Bill.Kind != connectors.Refund || r.refunds != "" || !r.counts() {
				continue
			}
			best := -1
			for _, p := range candidates(x, i) {
				b := t.rows[p].item.Bill
				rest, touched := left[p]
				if !touched {
					rest = b.Amount.Minor
				}
				if rest < r.item.Bill.Amount.Minor || (pass == 2 && touched) || !t.mayRefund(i, p) {
					continue
				}
				if best < 0 || t.closer(i, p, best) {
					best = p
				}
			}
			if best < 0 {
				continue
			}
			if _, touched := left[best]; !touched {
				left[best] = t.rows[best].item.Bill.Amount.Minor
			}
			left[best] -= r.item.Bill.Amount.Minor
			r.refunds = t.rows[best].item.ID
		}
	}
}

// mayRefund: money that comes back went the other way before, in the same
// currency. Sources that tell the day alone, or book late, are given a day.
func (t *table) mayRefund(refund, payment int) bool {
	r, p := t.rows[refund].item.Bill, t.rows[payment].item.Bill
	return r.Amount.Currency == p.Amount.Currency && r.Direction != p.Direction && !p.At.After(r.At.Add(24*time.Hour))
}

// closer prefers the refund's own account, then the nearest payment before it.
func (t *table) closer(refund, a, b int) bool {
	own := t.rows[refund].item.Account
	away := func(p int) int {
		if t.rows[p].item.Account == own {
			return 0
		}
		return 1
	}
	at := t.rows[refund].item.Bill.At
	return cmp.Or(cmp.Compare(away(a), away(b)),
		cmp.Compare(at.Sub(t.rows[a].item.Bill.At).Abs(), at.Sub(t.rows[b].item.Bill.At).Abs()),
		cmp.Compare(a, b)) < 0
}

type refundIndex struct {
	t     *table
	byID  map[string][]int
	alone map[sameShop][]int
}

type sameShop struct {
	account, shop string
	amount        money.Amount
}

// indexPayments files everything that can be given back.
func (t *table) indexPayments() *refundIndex {
	x := &refundIndex{t, map[string][]int{}, map[sameShop][]int{}}
	for i := range t.rows {
		b := t.rows[i].item.Bill
		if givesBack(b) || !t.rows[i].counts() {
			continue
		}
		for _, id := range append(idsOf(b), b.ID) {
			if n := len(x.byID[id]); id != "" && (n == 0 || x.byID[id][n-1] != i) {
				x.byID[id] = append(x.byID[id], i)
			}
		}
		if shop := shopOf(b); shop != "" {
			k := sameShop{t.rows[i].item.Account, shop, b.Amount}
			x.alone[k] = append(x.alone[k], i)
		}
	}
	return x
}

// shopOf leaves out what banks write before the shop's name.
func shopOf(b *connectors.Bill) string {
	s := strings.TrimSpace(b.Counterparty)
	for _, prefix := range []string{"退款-", "支付宝退款-", "财付通退款-", "支付宝-", "财付通-"} {
		s = strings.TrimPrefix(s, prefix)
	}
	return s
}

func (x *refundIndex) named(i int) []int {
	if of := x.t.rows[i].item.Bill.RefundOf; of != "" {
		return tail(x.byID[of])
	}
	return nil
}

func (x *refundIndex) sharing(i int) []int {
	var found []int
	for _, id := range idsOf(x.t.rows[i].item.Bill) {
		found = append(found, tail(x.byID[id])...)
	}
	return found
}

func (x *refundIndex) alike(i int) []int {
	r := x.t.rows[i].item
	shop := shopOf(r.Bill)
	if shop == "" {
		return nil
	}
	rows := x.alone[sameShop{r.Account, shop, r.Bill.Amount}]
	from := r.Bill.At.Add(-maxRefundAge)
	first, _ := slices.BinarySearchFunc(rows, from, func(p int, at time.Time) int { return x.t.rows[p].item.Bill.At.Compare(at) })
	end, _ := slices.BinarySearchFunc(rows, r.Bill.At.Add(24*time.Hour), func(p int, at time.Time) int { return x.t.rows[p].item.Bill.At.Compare(at) })
	return tail(rows[first:end])
}

// tail bounds how many payments are looked at for one refund: the latest.
func tail(rows []int) []int {
	const most = 256
	return rows[max(0, len(rows)-most):]
}
