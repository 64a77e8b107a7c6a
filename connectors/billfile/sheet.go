package billfile

import (
	"cmp"
	"io"
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"jali/connectors"
)

// maxPreamble is how far down the header row may stand.
const maxPreamble = 200

// sheet is a file as rows, which can be gone through again and again: a text
// is read anew each time, a workbook's cells are held.
type sheet struct {
	layout *layout
	text   *text
	cells  [][]string // of a workbook
	era    int        // of a workbook: the year that serial dates count from, 1900 or 1904; 0: a text
	others []int      // of a workbook: row counts of other sheets that hold bills
	below  []string   // the lines after the table, once its rows have gone by
}

// row is one bill as the file has it.
type row struct {
	line  int
	cells []string
}

// rows answers the rows of the table.
func (s *sheet) rows() iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		each := s.cellsRow
		if s.text != nil {
			each = s.textRow
		}
		next := each()
		for {
			r, err := next()
			if err == io.EOF || !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// textRow answers row after row, then io.EOF.
func (s *sheet) textRow() func() (row, error) {
	s.below = nil
	l := s.text.lines()
	l.skip(s.layout.line)
	return func() (row, error) {
		for {
			line, more := l.at(0)
			n := l.taken + 1
			switch {
			case !more:
				return row{}, cmp.Or(l.err(), io.EOF)
			case blank(line, s.layout.sep):
				l.skip(1)
				continue
			case ruled(line):
				l.skip(1)
				s.below = l.rest()
				return row{}, io.EOF
			case s.layout.over(line):
				s.below = l.rest()
				return row{}, io.EOF
			case !utf8.ValidString(line):
				return row{}, damaged(n, "", "encoding")
			}
			cells, used, fits := s.layout.record(l)
			if _, more = l.at(used); !more && l.err() == nil && (!fits || !l.ended && s.layout.broken(cells)) {
				return row{}, damaged(n, "", "cut_short")
			}
			if !fits {
				return row{}, damaged(n, "", "cells")
			}
			l.skip(used)
			return row{n, cells}, nil
		}
	}
}

// blank reports a line without anything but separators and quotes.
func blank(line string, sep byte) bool {
	return strings.IndexFunc(line, func(r rune) bool { return r != rune(sep) && r != '"' && !padding(r) }) < 0
}

// cellsRow is textRow for a workbook.
func (s *sheet) cellsRow() func() (row, error) {
	s.below = nil
	next := s.layout.line
	return func() (row, error) {
		for ; next < len(s.cells); next++ {
			cells := s.cells[next]
			text := clean(strings.Join(cells, ""))
			if text == "" {
				continue
			}
			if ruled(text) || s.layout.over(text) {
				if ruled(text) {
					next++
				}
				for _, after := range s.cells[next:] {
					s.below = append(s.below, strings.Join(after, " "))
				}
				next = len(s.cells)
				break
			}
			if cells = padded(cells, s.layout.width); !fit(cells, s.layout.width) {
				return row{}, damaged(next+1, "", "cells")
			}
			next++
			return row{next, cells}, nil
		}
		return row{}, io.EOF
	}
}

func padded(cells []string, width int) []string {
	for len(cells) < width {
		cells = append(cells, "")
	}
	return cells
}

// ruled reports a line of dashes: it closes the table.
func ruled(line string) bool { return strings.HasPrefix(clean(line), "----------") }

// layout is where one generation of one source's export keeps what.
type layout struct {
	form
	line     int       // of the header row, from 1
	preamble []string  // the lines above it
	month    time.Time // of a statement whose days have no year; zero: not told
	currency string    // of rows that name none
	sep      byte      // of a text
	column   map[string]int
	width    int // columns that have a name
	comma    bool
	mapping  *Mapping // that made it a form
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
	titled  func(l *layout)                                               // reads what the preamble says of every row; nil: nothing
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
		name := fullWidth.Replace(character(clean(c)))
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

// ascii reports that the header row is the same in every encoding.
func (l *layout) ascii() bool {
	for name := range l.column {
		if strings.IndexFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
			return false
		}
	}
	return true
}
