package match

import (
	"cmp"
	"math"
	"slices"
)

// pair is two plates, the lesser first.
type pair [2]int32

func pairOf(p, q int32) pair { return pair{min(p, q), max(p, q)} }

// evidence is what speaks for two plates being one account: how many of their
// bills coincide in day, direction and amount, on how many days, and how much
// the amounts that do so weigh, each of them once.
type evidence struct {
	times, amounts, weight int
	days                   int
	lately                 [daysApart]int32 // which days
	block                  int              // of the amount that was weighed last, plus one
}

// findTwins learns which accounts are one that is read twice, connected and out
// of a file, though one side or both tell no number. On the days between which
// both tell, nearly all bills of one of them are told by the other as well,
// with amounts that are hardly on one day by chance.
func (t *table) findTwins() {
	found := map[pair]*evidence{}
	may := make([]bool, len(t.plates))
	for i, p := range t.plates {
		for j, q := range t.plates[:i] {
			if p.account != q.account && p.source == q.source && p.kind == q.kind && (p.tail == 0 || q.tail == 0) {
				found[pairOf(int32(i), int32(j))] = &evidence{}
				may[i], may[j] = true, true
			}
		}
	}
	if len(found) == 0 {
		return
	}
	days := make([][]int32, len(t.plates))
	for i := range t.rows {
		if r := &t.rows[i]; r.counts && may[r.plate] {
			t.again = append(t.again, int32(i))
			days[r.plate] = append(days[r.plate], r.day)
		}
	}
	for _, d := range days {
		slices.Sort(d)
	}
	slices.SortFunc(t.again, func(i, j int32) int {
		a, b := &t.rows[i], &t.rows[j]
		return cmp.Or(cmp.Compare(a.minor, b.minor), cmp.Compare(a.currency, b.currency), cmp.Compare(way(a.out), way(b.out)),
			cmp.Compare(a.day, b.day), cmp.Compare(a.plate, b.plate), cmp.Compare(i, j))
	})
	t.coinciding(func(amount int, a, b []int32) {
		p, q := t.rows[a[0]].plate, t.rows[b[0]].plate
		e := found[pairOf(p, q)]
		if e == nil {
			return
		}
		day, before := t.rows[a[0]].day, e.times
		t.byTime(a, b, func(int32, int32) { e.times++ })
		if e.times == before {
			return
		}
		if !slices.Contains(e.lately[:min(e.days, daysApart)], day) && e.days < daysApart {
			e.lately[e.days] = day
			e.days++
		}
		if e.block != amount+1 {
			e.block = amount + 1
			if w := min(t.unusual(t.again[amount:], p, days[p]), t.unusual(t.again[amount:], q, days[q])); w > 0 {
				e.amounts++
				e.weight += w
			}
		}
	})
	t.same = map[pair]int{}
	for of, e := range found {
		if w := e.weigh(days[of[0]], days[of[1]]); w >= askingWeight {
			t.same[of] = w
		}
	}
}

// weigh is how much speaks for two plates that tell on these days.
func (e *evidence) weigh(a, b []int32) int {
	if e.times == 0 {
		return -1000
	}
	from, to := max(a[0], b[0]), min(a[len(a)-1], b[len(b)-1])
	less := min(between(a, from, to), between(b, from, to))
	w := chanceAccount + e.weight - (less-e.times)*untoldAgain
	if e.days < daysApart || e.amounts < amountsApart || 10*e.times < 9*less {
		w = min(w, atMostAsked)
	}
	return w
}

func between(days []int32, from, to int32) int {
	lo, _ := slices.BinarySearch(days, from)
	hi, _ := slices.BinarySearch(days, to+1)
	return hi - lo
}

// unusual weighs that a plate has the amount at the beginning of rows on a
// given day, out of how many of its days it has it.
func (t *table) unusual(rows []int32, plate int32, days []int32) int {
	const month = 30 // who tells less is taken to tell that long
	first := &t.rows[rows[0]]
	var on, last int32
	for _, i := range rows {
		r := &t.rows[i]
		if !r.likeAmount(first) {
			break
		}
		if r.plate == plate && (on == 0 || r.day != last) {
			on, last = on+1, r.day
		}
	}
	often := float64(on) / float64(max(days[len(days)-1]-days[0]+1, month))
	return min(int(-100*math.Log2(often)), mostUnusual)
}

func (r *row) likeAmount(o *row) bool {
	return r.minor == o.minor && r.currency == o.currency && r.out == o.out
}

// coinciding calls f of every two plates' bills of one amount, direction and
// day, by time, with where in t.again the amount begins.
func (t *table) coinciding(f func(amount int, a, b []int32)) {
	amount := 0
	var runs [][]int32
	for start := 0; start < len(t.again); {
		first := &t.rows[t.again[start]]
		if !first.likeAmount(&t.rows[t.again[amount]]) {
			amount = start
		}
		runs = runs[:0]
		end := start
		for begin := start; end < len(t.again); {
			r := &t.rows[t.again[end]]
			if !r.likeAmount(first) || r.day != first.day {
				break
			}
			end++
			if end == len(t.again) || t.rows[t.again[end]].plate != r.plate || !t.rows[t.again[end]].likeAmount(first) || t.rows[t.again[end]].day != first.day {
				runs = append(runs, t.again[begin:end])
				begin = end
			}
		}
		for i, a := range runs {
			for _, b := range runs[:i] {
				f(amount, b, a)
			}
		}
		start = end
	}
}

// byTime calls f of the bills of two plates on one day that may be the same
// one, one to one, by time.
func (t *table) byTime(a, b []int32, f func(x, y int32)) {
	for len(a) > 0 && len(b) > 0 {
		switch x, y := &t.rows[a[0]], &t.rows[b[0]]; {
		case atOnce(x, y):
			f(a[0], b[0])
			a, b = a[1:], b[1:]
		case x.at < y.at:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
}

// atOnce reports that two bills of one day may tell of one moment.
func atOnce(x, y *row) bool { return x.dateOnly || y.dateOnly || abs(x.at-y.at) <= 10*60 }

// linkAgain joins the bills of accounts that are read twice, one to one: of
// several of one amount and day those that are called alike, then the nearest.
func (t *table) linkAgain() {
	var offers []offer
	var a, b []int32
	t.coinciding(func(_ int, all, others []int32) {
		p, q := &t.rows[all[0]], &t.rows[others[0]]
		weight, ok := t.same[pairOf(p.plate, q.plate)]
		if !ok {
			return
		}
		a, b = t.notWith(a[:0], all, q.account), t.notWith(b[:0], others, p.account)
		t.nearest(a, b, func(x, y int32) { offers = append(offers, offer{min(x, y), max(x, y), int32(weight)}) })
	})
	t.again = nil
	slices.SortFunc(offers, bySurest)
	for _, o := range offers {
		switch sure := percent(int(o.weight)); {
		case sure < Enough:
			t.maybe = append(t.maybe, maybe{o.a, o.b, Mirror, sure})
		case t.may(o.a, o.b) && t.mayBeOne(o.a, o.b):
			t.join(o.a, o.b, sure)
		}
	}
}

// notWith appends those rows that no bill of an account is linked with.
func (t *table) notWith(to, rows []int32, account int32) []int32 {
	for _, i := range rows {
		if !t.holds(i, func(r *row) bool { return r.account == account }) {
			to = append(to, i)
		}
	}
	return to
}

func (t *table) nearest(a, b []int32, f func(x, y int32)) {
	const many = maxNear * maxNear / 4
	if n := len(a) * len(b); n <= 1 || n > many {
		t.byTime(a, b, f)
		return
	}
	type choice struct {
		x, y  int32
		alike int
		apart int64
	}
	var choices []choice
	for _, x := range a {
		for _, y := range b {
			if r, o := &t.rows[x], &t.rows[y]; atOnce(r, o) {
				choices = append(choices, choice{x, y, t.alike(x, y), abs(r.at - o.at)})
			}
		}
	}
	slices.SortFunc(choices, func(c, d choice) int {
		return cmp.Or(cmp.Compare(d.alike, c.alike), cmp.Compare(c.apart, d.apart),
			cmp.Compare(min(c.x, c.y), min(d.x, d.y)), cmp.Compare(max(c.x, c.y), max(d.x, d.y)))
	})
	taken := map[int32]bool{}
	for _, c := range choices {
		if !taken[c.x] && !taken[c.y] {
			taken[c.x], taken[c.y] = true, true
			f(c.x, c.y)
		}
	}
}

// mayBeOne reports that no two accounts of one source and kind would stand in
// one group with two numbers.
func (t *table) mayBeOne(a, b int32) bool {
	return t.each(a, func(i int32) bool {
		p := &t.plates[t.rows[i].plate]
		return !t.holds(b, func(r *row) bool {
			q := &t.plates[r.plate]
			return p.source == q.source && p.kind == q.kind && p.tail != 0 && q.tail != 0 && p.tail != q.tail
		})
	})
}
