package match

import (
	"cmp"
	"slices"
	"strings"

	"jali/connectors"
	"jali/connectors/money"
)

// maxNear bounds how many bills of one amount are looked at on either side of
// each, and maxOffers how many of them are kept, so that a million bus rides at
// one price stay linear.
const (
	maxNear   = 96
	maxOffers = 16
)

const week = 7 * 86400

// shelf holds the rows that may be linked by amount, then by time.
type shelf struct {
	t     *table
	slots []slot
}

type slot struct {
	minor    int64
	row      int32
	currency int16
}

func newShelf(t *table) *shelf {
	s := &shelf{t: t, slots: make([]slot, 0, len(t.rows))}
	for i := range t.rows {
		r := &t.rows[i]
		if !r.counts {
			continue
		}
		s.slots = append(s.slots, slot{r.minor, int32(i), r.currency})
		if net := t.nets[int32(i)]; net != 0 {
			s.slots = append(s.slots, slot{net, int32(i), r.currency})
		}
	}
	slices.SortFunc(s.slots, func(x, y slot) int {
		switch {
		case x.minor != y.minor:
			return cmp.Compare(x.minor, y.minor)
		case x.currency != y.currency:
			return cmp.Compare(x.currency, y.currency)
		}
		return cmp.Compare(x.row, y.row)
	})
	s.findRare()
	return s
}

// around calls f of the slots of the same amount within reach of slot k, the
// later ones first, each side from near to far.
func (s *shelf) around(k int, before, after int64, f func(int32)) {
	x := s.slots[k]
	at := s.t.rows[x.row].at
	for n, j := 0, k+1; n < maxNear && j < len(s.slots); n, j = n+1, j+1 {
		y := s.slots[j]
		if y.minor != x.minor || y.currency != x.currency || s.t.rows[y.row].at-at > after {
			break
		}
		f(y.row)
	}
	for n, j := 0, k-1; n < maxNear && j >= 0; n, j = n+1, j-1 {
		y := s.slots[j]
		if y.minor != x.minor || y.currency != x.currency || at-s.t.rows[y.row].at > before {
			break
		}
		f(y.row)
	}
}

// findRare marks the rows that no other of their rank and direction is like
// within a week. One account read twice does not make its bills common.
func (s *shelf) findRare() {
	const looked = 12
	for k, x := range s.slots {
		r := &s.t.rows[x.row]
		r.rare = true
		for _, step := range []int{1, -1} {
			for n, j := 1, k+step; j >= 0 && j < len(s.slots); n, j = n+1, j+step {
				y := s.slots[j]
				o := &s.t.rows[y.row]
				if y.minor != x.minor || y.currency != x.currency || abs(o.at-r.at) > week {
					break
				}
				if n == looked || o.rank == r.rank && o.out == r.out && (o.account == r.account || !s.t.twins(x.row, y.row)) {
					r.rare = false
					break
				}
			}
		}
	}
}

// twins reports that two rows may be the same bill of one account that is read
// twice.
func (t *table) twins(x, y int32) bool {
	a, b := &t.rows[x], &t.rows[y]
	p, q := &t.plates[a.plate], &t.plates[b.plate]
	if a.account == b.account || a.day != b.day || p.source != q.source || p.kind != q.kind {
		return false
	}
	return p.tail == q.tail && (p.tail != 0 || p.rank != bank) || len(t.same) > 0 && t.same[pairOf(a.plate, b.plate)] > 0
}

// lessFee is what of a withdrawal reaches the bank where its amount includes a
// fee that its remark tells ("服务费¥0.10"), or 0.
func lessFee(b *connectors.Bill) int64 {
	if b.Kind != connectors.Withdrawal {
		return 0
	}
	_, s, ok := strings.Cut(b.Description, "服务费")
	if !ok {
		return 0
	}
	s = strings.TrimLeft(s, " ¥￥:：")
	end := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end >= 0 {
		s = s[:end]
	}
	fee, err := money.Parse(s, b.Amount.Currency)
	if err != nil || fee.Minor <= 0 || fee.Minor >= b.Amount.Minor {
		return 0
	}
	return b.Amount.Minor - fee.Minor
}

// offer is a link that may be made between two rows.
type offer struct {
	a, b   int32 // of a payment the upper and the lower, of a transfer from and to
	weight int32
}

func bySurest(x, y offer) int {
	switch {
	case x.weight != y.weight:
		return cmp.Compare(y.weight, x.weight)
	case x.a != y.a:
		return cmp.Compare(x.a, y.a)
	}
	return cmp.Compare(x.b, y.b)
}
