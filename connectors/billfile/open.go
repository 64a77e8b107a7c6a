package billfile

import (
	"bytes"
	"io"
	"unicode/utf8"
)

// document is a format that is no table.
type document struct {
	is   func(head []byte) bool // by its first bytes, up to 512, in lower case, without white space and byte order mark before them
	read func(data []byte) (*File, error)
}

// documents are tried in this order, before tables.
var documents = []document{camt, mt940, ofx}

// maxHead is how many bytes of a text its header row must stand in.
const maxHead = 256 << 10

// open tells from the first bytes what a file is, and reads it through.
func open(r io.ReaderAt, size int64, o Options) (*Reader, error) {
	if o.Mapping != nil {
		if err := o.Mapping.check(); err != nil {
			return nil, err
		}
	}
	if size > maxTable {
		return nil, ErrTooLarge
	}
	head, err := whole(r, min(size, maxHead))
	if err != nil {
		return nil, err
	}
	first := bytes.ToLower(bytes.TrimSpace(bytes.TrimPrefix(head[:min(len(head), 512)], []byte(bom))))
	for _, d := range documents {
		if !d.is(first) {
			continue
		}
		data, err := whole(r, size)
		if err != nil {
			return nil, err
		}
		f, err := d.read(data)
		if err != nil {
			return nil, err
		}
		return readerOf(f), nil
	}
	return openTable(r, size, head, o)
}

// readerOf is a file that is held, its bills too.
func readerOf(f *File) *Reader {
	rd := &Reader{file: f}
	for i := range f.Accounts {
		a := &f.Accounts[i]
		rd.bills = append(rd.bills, a.Bills)
		a.Rows, a.Bills = len(a.Bills), nil
	}
	return rd
}

func openTable(r io.ReaderAt, size int64, head []byte, o Options) (*Reader, error) {
	trimmed := bytes.ToLower(bytes.TrimSpace(bytes.TrimPrefix(head[:min(len(head), 512)], []byte(bom))))
	has := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case len(trimmed) == 0:
		return nil, unknown("empty")
	case has("PK\x03\x04"), has("PK\x05\x06"):
		data, err := whole(r, size)
		if err != nil {
			return nil, err
		}
		return openZip(data, o)
	case has("\xd0\xcf\x11\xe0"):
		data, err := whole(r, size)
		if err != nil {
			return nil, err
		}
		s, err := openExcel97(data, o)
		if err != nil {
			return nil, err
		}
		return s.survey()
	case has("%PDF"):
		return nil, unknown("pdf")
	case has("\x89PNG"), has("\xff\xd8\xff"), has("GIF8"), has("RIFF"), has("BM") && bytes.IndexByte(head[:min(len(head), 512)], 0) >= 0:
		return nil, unknown("picture")
	case has("Rar!"), has("7z\xbc\xaf"), has("\x1f\x8b"):
		return nil, unknown("archive")
	case bytes.HasPrefix(trimmed, []byte("<")):
		return nil, unknown("web_page")
	case has("\xff\xfe"), has("\xfe\xff"):
		return nil, unknown("utf16")
	case bytes.IndexByte(head, 0) >= 0:
		return nil, ErrUnknown
	}
	return openText(r, size, head, o)
}

// openText takes text in UTF-8 or GB18030, whichever gives a header row. The
// header decides, not validity: one spoilt byte must not turn the whole file
// into another script. A header all in ASCII leaves it to the lines that are
// not.
func openText(r io.ReaderAt, size int64, head []byte, o Options) (*Reader, error) {
	gb := mostlyGB(head)
	for _, t := range []*text{{r: r, size: size}, {r: r, size: size, gb: true}} {
		s := &sheet{text: t}
		s.find(t.head(), o)
		if s.layout != nil && (t.gb == gb || !s.layout.ascii()) {
			return s.survey()
		}
	}
	return nil, unknownTable((&text{r: r, size: size, gb: gb}).head(), ErrUnknown)
}

// headLine is one of the first lines of a table, cut at each of the separators;
// a workbook's row is cut already.
type headLine struct {
	line string
	cut  [][]string
}

// head is the lines among which the header row must be, and some more.
func (t *text) head() (head []headLine) {
	l, read := t.lines(), 0
	for len(head) < maxPreamble+shown && read < maxHead {
		line, ok := l.at(0)
		if !ok {
			break
		}
		h := headLine{line: line}
		if len(line) <= maxRow {
			for _, sep := range separators {
				cells, _ := quoted(line, sep)
				h.cut = append(h.cut, cells)
			}
		}
		head, read = append(head, h), read+len(line)
		l.skip(1)
	}
	return head
}

var separators = []byte(",\t;")

// find looks for the header row.
func (s *sheet) find(head []headLine, o Options) {
	for i, h := range head[:min(len(head), maxPreamble)] {
		for way, cells := range h.cut {
			l := layoutOf(cells)
			if l == nil {
				l = o.Mapping.layout(cells)
			}
			if l == nil {
				continue
			}
			l.line, l.sep = i+1, separators[way]
			for _, above := range head[:i] {
				l.preamble = append(l.preamble, character(above.line))
			}
			if l.currency = currency; l.titled != nil {
				l.titled(l)
			}
			s.layout = l
			return
		}
	}
}

// mostlyGB reports that most of the lines beyond ASCII are no UTF-8.
func mostlyGB(head []byte) bool {
	n := 0
	for line := range bytes.Lines(head) {
		switch {
		case bytes.IndexFunc(line, func(r rune) bool { return r >= utf8.RuneSelf }) < 0:
		case utf8.Valid(line):
			n--
		default:
			n++
		}
	}
	return n > 0
}
