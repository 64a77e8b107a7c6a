package billfile

import (
	"hash/maphash"
	"iter"
	"slices"
	"strings"
	"time"

	"jali/connectors"
)

// filled is one row as its form reads it.
type filled struct {
	entry
	bill    connectors.Bill
	account int // in the order in which accounts first appear
}

// filled reads the rows one by one. What stands below the table is in
// s.below afterwards.
func (s *sheet) filled() iter.Seq2[filled, error] {
	return func(yield func(filled, error) bool) {
		var keys []string
		for r, err := range s.rows() {
			if err != nil {
				yield(filled{}, err)
				return
			}
			f, err := s.fill(r)
			if err != nil {
				yield(filled{}, err)
				return
			}
			if f.account = slices.Index(keys, f.entry.account); f.account < 0 {
				f.account = len(keys)
				if keys = append(keys, f.entry.account); len(keys) > maxAccounts {
					yield(filled{}, ErrTooLarge.Saying("the file tells of more accounts than a person has; upload the file as it was exported"))
					return
				}
			}
			if !yield(f, nil) {
				return
			}
		}
	}
}

// maxAccounts of one file.
const maxAccounts = 200

// fill is apart from the loop over it, so that a panic in it is the file's
// fault and one of who reads the bills is not.
func (s *sheet) fill(r row) (f filled, err error) {
	defer caught(&err)
	f.entry = entry{row: r, layout: s.layout, era: s.era, currency: currency}
	if f.bill, err = s.layout.row(&f.entry); err != nil {
		return f, err
	}
	f.bill.ID = identity(f.bill, f.entry)
	return f, nil
}

// book is what is kept of the rows of one account.
type book struct {
	key         string
	rows        int
	first, last time.Time       // when rows were made
	spanned     connectors.Span // that, and when their bills happened; both ends in it
	twins       twins
	chains      []*chain // by currency
	blurred     breaks   // rows whose balance cannot be read
}

func (k *book) reach(f filled) {
	k.rows++
	for _, at := range []time.Time{f.created, f.bill.At} {
		if k.spanned.From.IsZero() || at.Before(k.spanned.From) {
			k.spanned.From = at
		}
		if at.After(k.spanned.To) {
			k.spanned.To = at
		}
	}
	if k.first.IsZero() || f.created.Before(k.first) {
		k.first = f.created
	}
	if f.created.After(k.last) {
		k.last = f.created
	}
	if f.blurred {
		k.blurred.add(1, f.line)
	}
}

// survey reads all rows once and makes the Reader.
func (s *sheet) survey() (*Reader, error) {
	r, err := s.surveyed(false)
	if err == errUnsorted {
		r, err = s.surveyed(true)
	}
	return r, err
}

func (s *sheet) surveyed(unsorted bool) (*Reader, error) {
	l := s.layout
	read := readClaims
	if l.claims != nil {
		read = l.claims
	}
	rd := &Reader{sheet: s, seal: seal{hash: maphash.MakeSeed()}}
	t := tally{}
	var books []*book
	above := read(l.preamble)
	for f, err := range s.filled() {
		if err != nil {
			return nil, err
		}
		if f.account == len(books) {
			books = append(books, &book{key: f.entry.account, twins: twins{whole: unsorted}})
		}
		k := books[f.account]
		if err := t.add(f.entry, f.bill); err != nil {
			return nil, damaged(f.line, "", "out_of_range")
		}
		k.reach(f)
		h := rd.seal.add(f.bill.ID)
		if !k.twins.add(twin{h, textHash(f.bill), f.created.UnixNano(), rd.seal.rows - 1}, dayOf(f.created), &rd.again) {
			return nil, errUnsorted
		}
		k.link(f, func() connectors.Side { return s.account(k.key, l.preamble, above).Side })
	}
	if len(books) == 0 {
		books = []*book{{}}
	}
	around := append(slices.Clone(l.preamble), s.below...)
	c := read(around)
	f := &File{Format: l.name, Source: l.source, Holder: c.holder, Exported: c.exported, Mapping: l.mapping}
	if s.era != 0 {
		f.Format = s.workbookFormat()
	}
	f.Problems = c.check(t)
	n, err := s.outside(c, books)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		f.Problems = append(f.Problems, Problem{Code: "outside_period", Of: "period", RowCount: n})
	}
	f.Problems = append(f.Problems, c.problems...)
	for _, k := range books {
		k.twins.flush(&rd.again)
		a := Account{Account: s.account(k.key, around, c), Rows: k.rows, Covers: c.covers(k.spanned.From, k.spanned.To)}
		if k.blurred.n > 0 {
			f.Problems = append(f.Problems, Problem{Code: "claim_unreadable", Of: "balance", RowCount: k.blurred.n, Line: k.blurred.line})
		}
		for _, ch := range k.chains {
			told, broken := ch.balances(a.Covers)
			a.Balances = append(a.Balances, told...)
			f.Problems = append(f.Problems, broken...)
		}
		slices.SortStableFunc(a.Balances, func(x, y Balance) int { return x.At.Compare(y.At) })
		f.Accounts = append(f.Accounts, a)
	}
	slices.SortFunc(rd.again, func(a, b again) int { return int(a.row) - int(b.row) })
	for _, n := range s.others {
		f.Problems = append(f.Problems, Problem{Code: "sheet_ignored", Of: "total", RowCount: n})
	}
	rd.file = f
	return rd, nil
}

func (s *sheet) account(key string, lines []string, c claims) connectors.Account {
	if s.layout.account != nil {
		return s.layout.account(key, lines, c)
	}
	return accountOf(s.layout.source, c)
}

// outside counts the rows outside the claimed period, which may stand below
// them all: only where there are any are they read once more.
func (s *sheet) outside(c claims, books []*book) (n int, err error) {
	out := func(t time.Time) bool { return t.Before(c.from) || !t.Before(c.to) }
	if c.to.IsZero() || !slices.ContainsFunc(books, func(k *book) bool { return k.rows > 0 && (out(k.first) || out(k.last)) }) {
		return 0, nil
	}
	for f, err := range s.filled() {
		if err != nil {
			return 0, err
		}
		if out(f.created) {
			n++
		}
	}
	return n, nil
}

// workbookFormat tells the two generations of WeChat's workbook apart by how
// they write amounts.
func (s *sheet) workbookFormat() string {
	l := s.layout
	if l.source.ID != wechat.ID {
		return l.name
	}
	for r, err := range s.rows() {
		if err == nil && !strings.ContainsAny(r.cells[l.column["金额(元)"]], "¥￥") {
			return "wechat_xlsx_number"
		}
	}
	return "wechat_xlsx_text"
}
