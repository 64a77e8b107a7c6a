package billfile

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"jali/connectors"
)

// maxPreamble is how far down the header row may stand.
const maxPreamble = 200

// sheet is a file as rows: CSV keeps its lines, since how a line falls into
// cells depends on the header; a workbook keeps its cells.
type sheet struct {
	layout *layout
	lines  []string   // CSV
	ended  bool       // CSV: the last line has its line break
	cells  [][]string // XLSX
	era    int        // XLSX: the year that serial dates count from, 1900 or 1904; 0: CSV
	others []int      // XLSX: row counts of other sheets that hold bills
}

// row is one bill as the file has it.
type row struct {
	line  int
	cells []string
}

// read makes the File out of the rows, the preamble and the footer.
func (s *sheet) read() (*File, error) {
	rows, around, err := s.split()
	if err != nil {
		return nil, err
	}
	l := s.layout
	f := &File{Format: l.name, Source: l.source}
	if s.era != 0 {
		f.Format = l.workbookFormat(rows)
	}
	t := tally{}
	var books []*book
	for _, r := range rows {
		e := entry{row: r, layout: l, era: s.era, currency: currency}
		b, err := l.row(&e)
		if err != nil {
			return nil, err
		}
		if err := t.add(e, b); err != nil {
			return nil, damaged(r.line, "", "out_of_range")
		}
		i := slices.IndexFunc(books, func(k *book) bool { return k.key == e.account })
		if i < 0 {
			i = len(books)
			books = append(books, &book{key: e.account})
		}
		books[i].bills, books[i].entries = append(books[i].bills, b), append(books[i].entries, e)
	}
	if len(books) == 0 {
		books = []*book{{}}
	}
	read := readClaims
	if l.claims != nil {
		read = l.claims
	}
	c := read(around)
	f.Holder, f.Exported = c.holder, c.exported
	f.Problems = append(c.check(t), c.problems...)
	for _, k := range books {
		a := Account{Account: accountOf(l.source, c), Bills: k.bills, Covers: c.covers(k.span())}
		if l.account != nil {
			a.Account = l.account(k.key, around, c)
		}
		identify(k.bills, k.entries)
		var broken []Problem
		a.Balances, broken = k.balances(a)
		f.Problems = append(f.Problems, broken...)
		f.Accounts = append(f.Accounts, a)
	}
	for _, n := range s.others {
		f.Problems = append(f.Problems, Problem{Code: "sheet_ignored", Of: "total", RowCount: n})
	}
	return f, nil
}

// book is the rows of one account.
type book struct {
	key     string
	bills   []connectors.Bill
	entries []entry
}

// span is of its rows' times.
func (k *book) span() (first, last time.Time) {
	for i, e := range k.entries {
		for _, at := range []time.Time{e.created, k.bills[i].At} {
			if first.IsZero() || at.Before(first) {
				first = at
			}
			if at.After(last) {
				last = at
			}
		}
	}
	return first, last
}

// split answers the rows of the table and the lines around it.
func (s *sheet) split() (rows []row, around []string, err error) {
	if s.era != 0 {
		return s.splitCells()
	}
	around = append(around, s.lines[:s.layout.line-1]...)
	s.layout.preamble = around
	for i := s.layout.line; i < len(s.lines); {
		line := s.lines[i]
		switch {
		case clean(strings.Trim(clean(line), `",`)) == "":
			i++
			continue
		case ruled(line):
			return rows, append(around, s.lines[i+1:]...), nil
		case s.layout.over(line):
			return rows, append(around, s.lines[i:]...), nil
		case !utf8.ValidString(line):
			return nil, nil, damaged(i+1, "", "encoding")
		}
		cells, used, fits := s.layout.record(s.lines[i:])
		last := i+used == len(s.lines)
		if last && (!fits || !s.ended && s.layout.broken(cells)) {
			return nil, nil, damaged(i+1, "", "cut_short")
		}
		if !fits {
			return nil, nil, damaged(i+1, "", "cells")
		}
		rows = append(rows, row{i + 1, cells})
		i += used
	}
	return rows, around, nil
}

func (s *sheet) splitCells() (rows []row, around []string, err error) {
	for _, cells := range s.cells[:s.layout.line-1] {
		around = append(around, strings.Join(cells, " "))
	}
	s.layout.preamble = around
	for i := s.layout.line; i < len(s.cells); i++ {
		cells := s.cells[i]
		text := clean(strings.Join(cells, ""))
		switch {
		case text == "":
			continue
		case ruled(text):
			for _, after := range s.cells[i+1:] {
				around = append(around, strings.Join(after, " "))
			}
			return rows, around, nil
		case s.layout.over(text):
			for _, after := range s.cells[i:] {
				around = append(around, strings.Join(after, " "))
			}
			return rows, around, nil
		}
		for len(cells) < s.layout.width {
			cells = append(cells, "")
		}
		if !fit(cells, s.layout.width) {
			return nil, nil, damaged(i+1, "", "cells")
		}
		rows = append(rows, row{i + 1, cells})
	}
	return rows, around, nil
}

// ruled reports a line of dashes: it closes the table.
func ruled(line string) bool { return strings.HasPrefix(clean(line), "----------") }

// layout is where one generation of one source's export keeps what.
type layout struct {
	form
	line   int // of the header row, from 1
	column map[string]int
	width  int // columns that have a name
	comma  bool

	preamble []string // the lines above the header row
}

// form is one generation of one source's table.
type form struct {
	name   string
	source connectors.Source
	needs  []string // the columns by which it is known, in [fullWidth]'s writing
	// row reads a row. It sets of the entry what the file's own sums, its
	// account and its running balance are.
	row     func(*entry) (connectors.Bill, error)
	account func(key string, lines []string, c claims) connectors.Account // that rows with entry.account key belong to; nil: the wallet itself
	claims  func(lines []string) claims                                   // of the lines around the table; nil: as wallets write them
	trailer *regexp.Regexp                                                // how the line begins that closes the table; nil: a line of dashes alone does
	ragged  bool                                                          // rows may lack their last cells
	cut     func(l *layout, cells []string) bool                          // whether the last row, without its line break, was broken off; nil: nothing tells
}

// forms are tried in this order.
var forms = slices.Concat(wallets, apps, banks)

var fullWidth = strings.NewReplacer("（", "(", "）", ")", "／", "/", " ", "", "\t", "")

// layoutOf reads cells as a header row; nil if they are none.
func layoutOf(cells []string) *layout {
	l := layout{column: map[string]int{}}
	for i, c := range cells {
		name := fullWidth.Replace(clean(c))
		if _, twice := l.column[name]; name == "" || twice {
			continue
		}
		l.column[name] = i
		l.width = i + 1
	}
	l.comma = len(cells) > l.width
next:
	for _, f := range forms {
		for _, name := range f.needs {
			if _, ok := l.column[name]; !ok {
				continue next
			}
		}
		l.form = f
		return &l
	}
	return nil
}

// over reports that a line closes the table.
func (l *layout) over(line string) bool {
	return l.trailer != nil && l.trailer.MatchString(strings.Trim(clean(line), `"`))
}

func (l *layout) broken(cells []string) bool { return l.cut != nil && l.cut(l, cells) }

// workbookFormat tells the two generations of WeChat's workbook apart by how
// they write amounts.
func (l *layout) workbookFormat(rows []row) string {
	if l.source.ID != wechat.ID {
		return l.name
	}
	for _, r := range rows {
		if !strings.ContainsAny(r.cells[l.column["金额(元)"]], "¥￥") {
			return "wechat_xlsx_number"
		}
	}
	return "wechat_xlsx_text"
}
