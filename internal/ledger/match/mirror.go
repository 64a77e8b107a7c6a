package match

import (
	"cmp"
	"regexp"
	"slices"
	"time"

	"jali/connectors"
	"jali/connectors/money"
)

// maxNear bounds how many bills of one amount are looked at after each, so
// that a million bus rides at one price stay linear.
const maxNear = 128

// link is a possible pair. Its order is the order of choice.
type link struct {
	a, b   int // rows; a < b
	weight int
	apart  time.Duration
}

func byChoice(x, y link) int {
	return cmp.Or(cmp.Compare(y.weight, x.weight), cmp.Compare(x.apart, y.apart), cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b))
}

// linkByID joins bills that share an id. Wallet, card and shop may all tell of
// it, so groups grow here by more than two.
func (t *table) linkByID() {
	type key struct {
		id     string
		amount money.Amount
	}
	shelf := map[key][]int{}
	var keys []key
	for i := range t.rows {
		r := &t.rows[i]
		if !r.counts() {
			continue
		}
		for _, amount := range amounts(r.item.Bill) {
			for _, id := range idsOf(r.item.Bill) {
				k := key{id, amount}
				if _, seen := shelf[k]; !seen {
					keys = append(keys, k)
				}
				shelf[k] = append(shelf[k], i)
			}
		}
	}
	var links []link
	for _, k := range keys {
		links = t.near(links, shelf[k], maxApartByID, func(a, b *row) int {
			x, y := a.item.Bill, b.item.Bill
			switch {
			case x.Direction == y.Direction:
				return 2
			case moves(x) && !givesBack(y) || moves(y) && !givesBack(x),
				x.Kind == connectors.Transfer && y.Kind == connectors.Transfer:
				return 1
			}
			return 0
		})
	}
	slices.SortFunc(links, byChoice)
	accounts := t.accounts()
	for _, l := range links {
		a, b := t.root(l.a), t.root(l.b)
		if a == b || overlap(accounts[a], accounts[b]) {
			continue
		}
		a, b = min(a, b), max(a, b)
		t.parent[b] = a
		accounts[a] = append(accounts[a], accounts[b]...)
	}
}

func givesBack(b *connectors.Bill) bool {
	return b.Kind == connectors.Refund || b.Kind == connectors.Fee
}

func idsOf(b *connectors.Bill) []string {
	ids := make([]string, 0, 2+len(b.Refs))
	for _, id := range append([]string{b.Order, b.Merchant}, b.Refs...) {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

var feeTold = regexp.MustCompile(`服务费\s*[¥￥]?\s*([0-9]+(?:\.[0-9]{1,2})?)`)

// amounts are those under which a bill may stand elsewhere: its own, and what
// reaches the bank where a withdrawal includes its fee.
func amounts(b *connectors.Bill) []money.Amount {
	if b.Kind == connectors.Withdrawal {
		if m := feeTold.FindStringSubmatch(b.Description); m != nil {
			fee, err := money.Parse(m[1], b.Amount.Currency)
			if err == nil && !fee.Zero() && fee.Minor < b.Amount.Minor {
				net, _ := b.Amount.Sub(fee)
				return []money.Amount{b.Amount, net}
			}
		}
	}
	return []money.Amount{b.Amount}
}

// linkFunding joins a wallet's payment with the bank's bill that paid for it.
func (t *table) linkFunding() {
	has := t.census()
	links := t.byAmount(maxApartPaid, func(a, b *row) int {
		if a.wallet == b.wallet || a.item.Bill.Direction != b.item.Bill.Direction {
			return 0
		}
		if b.wallet {
			a, b = b, a
		}
		return funded(a, b)
	})
	t.assign(links, func(g int) bool { return has[g].wallet && has[g].bank })
}

// linkTransfers joins the two ends of a movement between accounts.
func (t *table) linkTransfers() {
	has := t.census()
	links := t.byAmount(maxApartSent, func(a, b *row) int {
		x, y := a.item.Bill, b.item.Bill
		if x.Direction == y.Direction || givesBack(x) || givesBack(y) {
			return 0
		}
		return between(a, b)
	})
	t.assign(links, func(g int) bool { return has[g].in && has[g].out })
}

type sides struct{ wallet, bank, in, out bool }

// census says of each group, by its root, what it holds already.
func (t *table) census() []sides {
	s := make([]sides, len(t.rows))
	for i := range t.rows {
		g := &s[t.root(i)]
		g.wallet = g.wallet || t.rows[i].wallet
		g.bank = g.bank || !t.rows[i].wallet
		g.in = g.in || t.rows[i].item.Bill.Direction == connectors.In
		g.out = g.out || t.rows[i].item.Bill.Direction == connectors.Out
	}
	return s
}

// byAmount weighs all pairs of one amount that are near in time.
func (t *table) byAmount(limit time.Duration, weigh func(a, b *row) int) []link {
	shelf := map[money.Amount][]int{}
	var keys []money.Amount
	for i := range t.rows {
		if !t.rows[i].counts() {
			continue
		}
		for _, a := range amounts(t.rows[i].item.Bill) {
			if _, seen := shelf[a]; !seen {
				keys = append(keys, a)
			}
			shelf[a] = append(shelf[a], i)
		}
	}
	var links []link
	for _, k := range keys {
		links = t.near(links, shelf[k], limit, weigh)
	}
	return links
}

// near weighs the pairs among rows, which are in the table's order.
func (t *table) near(links []link, rows []int, limit time.Duration, weigh func(a, b *row) int) []link {
	reach := max(limit, 24*time.Hour) + 24*time.Hour // a day's midnight is a day away from its end
	for n, i := range rows {
		a := &t.rows[i]
		for m, j := range rows[n+1:] {
			b := &t.rows[j]
			if m == maxNear || b.item.Bill.At.Sub(a.item.Bill.At) > reach {
				break
			}
			if a.item.Account == b.item.Account {
				continue
			}
			d, ok := apart(a.item.Bill, b.item.Bill, limit)
			if !ok {
				continue
			}
			if w := weigh(a, b); w > 0 {
				links = append(links, link{i, j, w, d})
			}
		}
	}
	return links
}

// assign chooses among links so that every group gets at most one, and joins
// what is chosen. Groups that are full take none. Surer links go first; among
// equally sure ones the best are taken, then whatever is left over pushes its
// way in along a chain of links, if at the end of it one more pair is linked
// (Kuhn's algorithm).
func (t *table) assign(links []link, full func(group int) bool) {
	slices.SortFunc(links, byChoice)
	accounts := t.accounts()
	taken := map[int]bool{}
	for len(links) > 0 {
		n := slices.IndexFunc(links, func(l link) bool { return l.weight != links[0].weight })
		if n < 0 {
			n = len(links)
		}
		c := chains{beside: map[int][]int{}, partner: map[int]int{}}
		for _, l := range links[:n] {
			a, b := t.root(l.a), t.root(l.b)
			if a != b && !taken[a] && !taken[b] && !full(a) && !full(b) && !overlap(accounts[a], accounts[b]) {
				c.offer(a, b)
			}
		}
		for a, b := range c.choose() {
			taken[a] = true
			if a < b {
				t.parent[b] = a
			}
		}
		links = links[n:]
	}
}

// chains is one assignment under way, between groups.
type chains struct {
	order   []int         // of the groups, by their first offer
	beside  map[int][]int // what each was offered, in the order of choice
	partner map[int]int
}

func (c *chains) offer(a, b int) {
	for _, x := range [][2]int{{a, b}, {b, a}} {
		if _, seen := c.beside[x[0]]; !seen {
			c.order = append(c.order, x[0])
		}
		c.beside[x[0]] = append(c.beside[x[0]], x[1])
	}
	_, one := c.partner[a]
	_, other := c.partner[b]
	if !one && !other {
		c.partner[a], c.partner[b] = b, a
	}
}

func (c *chains) choose() map[int]int {
	for _, g := range c.order {
		if _, taken := c.partner[g]; !taken {
			c.push(g, map[int]bool{g: true})
		}
	}
	return c.partner
}

// maxPush bounds a chain.
const maxPush = 1000

func (c *chains) push(g int, visited map[int]bool) bool {
	for _, b := range c.beside[g] {
		if visited[b] || len(visited) > maxPush {
			continue
		}
		visited[b] = true
		if old, taken := c.partner[b]; taken {
			if visited[old] {
				continue
			}
			visited[old] = true
			if !c.push(old, visited) {
				continue
			}
		}
		c.partner[g], c.partner[b] = b, g
		return true
	}
	return false
}

// accounts lists the accounts of each group by its root.
func (t *table) accounts() [][]string {
	a := make([][]string, len(t.rows))
	for i := range t.rows {
		g := t.root(i)
		a[g] = append(a[g], t.rows[i].item.Account)
	}
	return a
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
