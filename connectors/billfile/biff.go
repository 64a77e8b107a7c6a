package billfile

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"unicode/utf16"
)

// Records of a BIFF8 stream ([MS-XLS] 2.3), those that are read.
const (
	biffFormula  = 0x0006
	biffEOF      = 0x000a
	biffDate1904 = 0x0022
	biffFilePass = 0x002f
	biffContinue = 0x003c
	biffSheet    = 0x0085
	biffMulRK    = 0x00bd
	biffRString  = 0x00d6
	biffStrings  = 0x00fc
	biffLabelSST = 0x00fd
	biffNumber   = 0x0203
	biffLabel    = 0x0204
	biffString   = 0x0207
	biffRK       = 0x027e
	biffBOF      = 0x0809
)

// maxSheets bounds a workbook: any number of sheets may lie at one place of its
// stream, to be read again for each.
const maxSheets = 64

var errBIFF = errors.New("a record that does not hold what it must")

// book97 is a workbook of Excel 97 as it lies in its stream.
type book97 struct {
	stream   []byte
	date1904 bool
	strings  []string
	sheets   []int // where each begins

	// What may still be read: cells, bytes of text in them (many cells may show
	// one string), bytes of records.
	left, text, work int
}

func (b *book97) era() int {
	if b.date1904 {
		return 1904
	}
	return 1900
}

// record answers the record at a place, and the place after it.
func (b *book97) record(at int) (kind int, data []byte, next int, err error) {
	if at < 0 || at+4 > len(b.stream) {
		return 0, nil, 0, damaged97(errBIFF)
	}
	kind = int(binary.LittleEndian.Uint16(b.stream[at:]))
	next = at + 4 + int(binary.LittleEndian.Uint16(b.stream[at+2:]))
	if next > len(b.stream) {
		return 0, nil, 0, damaged97(errBIFF)
	}
	if b.work -= next - at; b.work < 0 {
		return 0, nil, 0, tooMuch97()
	}
	return kind, b.stream[at+4 : next], next, nil
}

func tooMuch97() error {
	return ErrTooLarge.Saying("the workbook has more in it than a bill; upload the file as it was exported")
}

// globals reads what all sheets share.
func (b *book97) globals() error {
	for at := 0; ; {
		kind, data, next, err := b.record(at)
		if err != nil {
			return err
		}
		switch {
		case at == 0 && (kind != biffBOF || len(data) < 2 || binary.LittleEndian.Uint16(data) != 0x0600):
			return damaged97(errBIFF)
		case kind == biffFilePass:
			return unknown("workbook_password")
		case kind == biffDate1904 && len(data) >= 2:
			b.date1904 = data[0] == 1
		case kind == biffSheet && len(data) >= 6 && data[5] == 0: // a sheet, no chart and no macros
			if b.sheets = append(b.sheets, int(binary.LittleEndian.Uint32(data))); len(b.sheets) > maxSheets {
				return tooMuch97()
			}
		case kind == biffStrings:
			if next, err = b.shared(data, next); err != nil {
				return err
			}
		case kind == biffEOF:
			return nil
		}
		at = next
	}
}

// shared reads the table of strings, which goes on in the records after its
// own.
func (b *book97) shared(data []byte, next int) (int, error) {
	p := pieces{data}
	for {
		kind, more, after, err := b.record(next)
		if err != nil {
			return 0, err
		}
		if kind != biffContinue {
			break
		}
		p, next = append(p, more), after
	}
	head, ok := p.take(8)
	if !ok {
		return 0, damaged97(errBIFF)
	}
	n := binary.LittleEndian.Uint32(head[4:])
	if n > maxStrings {
		return 0, tooMuch97()
	}
	for range n {
		s, ok := p.rich()
		if !ok {
			return 0, damaged97(errBIFF)
		}
		b.strings = append(b.strings, s)
	}
	return next, nil
}

// pieces are the data of a record and of those that continue it.
type pieces [][]byte

// take answers the next n bytes, wherever they lie.
func (p *pieces) take(n int) ([]byte, bool) {
	var taken []byte
	for len(*p) > 0 {
		if piece := (*p)[0]; len(piece) >= n {
			(*p)[0] = piece[n:]
			if taken == nil {
				return piece[:n], true
			}
			return append(taken, piece[:n]...), true
		} else {
			taken, n = append(taken, piece...), n-len(piece)
		}
		*p = (*p)[1:]
	}
	return nil, n == 0
}

// rich reads an XLUnicodeRichExtendedString ([MS-XLS] 2.5.293). Where its
// characters go on in the next record, a byte before them says anew how wide
// they are.
func (p *pieces) rich() (string, bool) {
	head, ok := p.take(3)
	if !ok {
		return "", false
	}
	left, flags := int(binary.LittleEndian.Uint16(head)), head[2]
	trailer := 0
	if flags&0x08 != 0 { // formats of runs of it
		runs, ok := p.take(2)
		if !ok {
			return "", false
		}
		trailer += 4 * int(binary.LittleEndian.Uint16(runs))
	}
	if flags&0x04 != 0 { // how it is pronounced
		size, ok := p.take(4)
		if !ok || binary.LittleEndian.Uint32(size) > MaxSize {
			return "", false
		}
		trailer += int(binary.LittleEndian.Uint32(size))
	}
	var units []uint16
	for left > 0 {
		for len(*p) > 0 && len((*p)[0]) == 0 {
			if *p = (*p)[1:]; len(*p) == 0 || len((*p)[0]) == 0 {
				return "", false
			}
			flags, (*p)[0] = (*p)[0][0], (*p)[0][1:]
		}
		if len(*p) == 0 {
			return "", false
		}
		width := 1 + int(flags&0x01)
		n := min(left, len((*p)[0])/width)
		if n == 0 {
			return "", false
		}
		units = widened(units, (*p)[0][:n*width], width)
		(*p)[0] = (*p)[0][n*width:]
		left -= n
	}
	_, ok = p.take(trailer)
	return string(utf16.Decode(units)), ok
}

func widened(units []uint16, data []byte, width int) []uint16 {
	for i := 0; i+width <= len(data); i += width {
		if width == 1 {
			units = append(units, uint16(data[i]))
		} else {
			units = append(units, binary.LittleEndian.Uint16(data[i:]))
		}
	}
	return units
}

// sheet reads the cells of the sheet at a place of the stream. What lies within
// it of its own, as a chart does, is passed over.
func (b *book97) sheet(at int) (*sheet, error) {
	s := &sheet{}
	depth := 0
	var formula []byte // row and column of one whose text follows
	for {
		kind, data, next, err := b.record(at)
		if err != nil {
			return nil, err
		}
		switch {
		case kind == biffBOF:
			depth++
		case depth == 0:
			return nil, damaged97(errBIFF)
		case kind == biffEOF:
			if depth--; depth == 0 {
				return s, nil
			}
		case depth == 1 && kind == biffString && formula != nil:
			p := pieces{append([]byte{}, data...)}
			if text, ok := p.rich(); ok {
				err = b.put(s, formula, text)
			}
			formula = nil
		case depth == 1:
			formula, err = b.cell(s, kind, data)
		}
		if err != nil {
			return nil, err
		}
		at = next
	}
}

// cell reads one record of a sheet. It answers the place of a formula whose
// text stands in the next.
func (b *book97) cell(s *sheet, kind int, data []byte) (formula []byte, err error) {
	least := map[int]int{biffLabelSST: 10, biffLabel: 9, biffRString: 9, biffNumber: 14, biffRK: 10, biffMulRK: 6, biffFormula: 14}[kind]
	switch {
	case least == 0:
		return nil, nil
	case len(data) < least:
		return nil, damaged97(errBIFF)
	}
	switch kind {
	case biffLabelSST:
		i := binary.LittleEndian.Uint32(data[6:])
		if int64(i) >= int64(len(b.strings)) {
			return nil, damaged97(errBIFF)
		}
		return nil, b.put(s, data, b.strings[i])
	case biffLabel, biffRString:
		n, width := int(binary.LittleEndian.Uint16(data[6:])), 1+int(data[8]&0x01)
		if len(data) < 9+n*width {
			return nil, damaged97(errBIFF)
		}
		return nil, b.put(s, data, string(utf16.Decode(widened(nil, data[9:9+n*width], width))))
	case biffNumber:
		return nil, b.put(s, data, number(math.Float64frombits(binary.LittleEndian.Uint64(data[6:]))))
	case biffRK:
		return nil, b.put(s, data, number(rk(binary.LittleEndian.Uint32(data[6:]))))
	case biffMulRK:
		for i := 4; i+8 <= len(data); i += 6 {
			place := binary.LittleEndian.AppendUint16(append([]byte{}, data[:2]...), binary.LittleEndian.Uint16(data[2:])+uint16((i-4)/6))
			if err := b.put(s, place, number(rk(binary.LittleEndian.Uint32(data[i+2:])))); err != nil {
				return nil, err
			}
		}
		return nil, nil
	default: // a formula keeps what it came to
		if data[12] != 0xff || data[13] != 0xff {
			return nil, b.put(s, data, number(math.Float64frombits(binary.LittleEndian.Uint64(data[6:]))))
		}
		if data[6] == 0 {
			return data[:4], nil
		}
		return nil, nil
	}
}

// rk is a number in 30 bits ([MS-XLS] 2.5.217).
func rk(v uint32) float64 {
	f := math.Float64frombits(uint64(v&^3) << 32)
	if v&2 != 0 {
		f = float64(int32(v) >> 2)
	}
	if v&1 != 0 {
		f /= 100
	}
	return f
}

// number writes one as XLSX does: shortest, and with an exponent where digits
// of a long number are lost.
func number(f float64) string {
	if math.Abs(f) >= 1e15 {
		return strconv.FormatFloat(f, 'E', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// put sets a cell; place begins with its row and column.
func (b *book97) put(s *sheet, place []byte, text string) error {
	r, c := int(binary.LittleEndian.Uint16(place)), int(binary.LittleEndian.Uint16(place[2:]))
	if c >= maxColumns {
		return damaged(r+1, "", "cells")
	}
	for len(s.cells) <= r {
		s.cells = append(s.cells, nil)
		b.left--
	}
	for len(s.cells[r]) <= c {
		s.cells[r] = append(s.cells[r], "")
		b.left--
	}
	if b.text -= len(text); b.left < 0 || b.text < 0 {
		return tooMuch97()
	}
	s.cells[r][c] = text
	return nil
}
