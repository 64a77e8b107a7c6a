package billfile

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"hash/fnv"
	"hash/maphash"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"jali/connectors"
)

// identity names a bill. An order number alone is not enough: refund rows may
// repeat it. What is added must not depend on the rest of the file, or a row
// would get another id in an overlapping file; nor on what the source still
// changes, the state and the time of payment. So an id is the order number,
// "~" and a digest of the day the row was made, its amount, and whether it is
// a refund. Where there is no order number, as at most banks, the digest is of
// all that tells the row from others but its running balance: a bank that books
// a row late writes all later balances anew. Where a bank numbers its rows
// the number stands for the order's; not alone either, since some begin anew
// with every file. A row that is told while it is pending may be booked on
// another day, and is named without its day.
//
// Rows of an account that agree in all of these are of one day, and numbered
// by their time, then by a hash of their text: files hold whole days, so an
// overlapping file numbers them alike. See [twins].
func identity(b connectors.Bill, e entry) string {
	parts := []string{e.created.Format("2006-01-02"), strconv.FormatInt(b.Amount.Minor, 10), strconv.FormatBool(e.refund)}
	name, size := b.Order, 5
	if e.id != "" {
		name = e.id
		if parts[2] = string(b.Direction); e.moves {
			parts = parts[1:]
		}
	} else if b.Order == "" { // the digest is all there is, for a million rows and more
		size = 10
		parts = append(parts, e.created.Format("15:04:05"), string(b.Direction), b.Amount.Currency, b.RawKind, b.Counterparty, b.Description, b.Merchant, b.Method)
	}
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return name + "~" + strings.ToLower(base32.StdEncoding.EncodeToString(h[:size]))
}

func numbered(id string, n uint32) string { return id + "." + strconv.FormatUint(uint64(n), 10) }

// identify names the bills of one account that are held.
func identify(bills []connectors.Bill, entries []entry) {
	t, seed := twins{whole: true}, maphash.MakeSeed()
	var more []again
	for i, e := range entries {
		bills[i].ID = identity(bills[i], e)
		t.add(twin{maphash.String(seed, bills[i].ID), textHash(bills[i]), e.created.UnixNano(), uint32(i)}, 0, &more)
	}
	t.flush(&more)
	for _, a := range more {
		bills[a.row].ID = numbered(bills[a.row].ID, a.n)
	}
}

// twins finds the rows of one account whose ids agree. Only rows of one day
// can, so a day is let go when the next begins: files run from old to new or
// from new to old. Where one does not, all of its rows are held (whole).
type twins struct {
	whole  bool
	day    int
	ascend int // 1, -1; 0: only one day so far
	rows   []twin
}

// twin is a row without its text. Two texts of one hash are as good as equal:
// then their place in the file numbers them.
type twin struct {
	id, text uint64
	created  int64
	row      uint32
}

// again is a row that repeats an id, and for which time.
type again struct{ row, n uint32 }

var errUnsorted = errors.New("the rows are not sorted by day")

// add answers false if the day was let go before.
func (t *twins) add(w twin, day int, more *[]again) bool {
	if !t.whole && len(t.rows) > 0 && day != t.day {
		way := cmp.Compare(day, t.day)
		if t.ascend != 0 && way != t.ascend {
			return false
		}
		t.ascend = way
		t.flush(more)
	}
	t.day = day
	t.rows = append(t.rows, w)
	return true
}

func (t *twins) flush(more *[]again) {
	slices.SortFunc(t.rows, func(a, b twin) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.created, b.created), cmp.Compare(a.text, b.text), cmp.Compare(a.row, b.row))
	})
	n := uint32(1)
	for i, w := range t.rows {
		if n++; i == 0 || w.id != t.rows[i-1].id {
			n = 1
			continue
		}
		*more = append(*more, again{w.row, n})
	}
	t.rows = t.rows[:0]
}

// textHash is the same in every process, since it orders rows for good.
func textHash(b connectors.Bill) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, strings.Join([]string{b.Counterparty, b.Description, b.Method, b.Merchant}, "\x00"))
	return h.Sum64()
}

func dayOf(t time.Time) int {
	y, m, d := t.Date()
	return y*10000 + int(m)*100 + d
}
