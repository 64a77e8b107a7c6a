package billfile

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// excel97 writes a workbook of Excel 97 with one sheet. Its strings are in one
// shared table, which goes on in a second record in the middle of one of them;
// numbers are written in each of the ways that there are.
func excel97(rows [][]any) []byte {
	var shared [][]byte
	var cells bytes.Buffer
	for r, row := range rows {
		for c, v := range row {
			place := shorts(r, c, 0)
			switch v := v.(type) {
			case string:
				if v == "" {
					biff(&cells, 0x0201, place)
					continue
				}
				biff(&cells, biffLabelSST, place, long(len(shared)))
				shared = append(shared, wide(v))
			case int: // in 30 bits, in hundredths
				biff(&cells, biffRK, place, long(v<<2|3))
			case float64:
				biff(&cells, biffNumber, place, binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
			}
		}
	}
	return container("Workbook", biffStream(shared, cells.Bytes()))
}

func biffStream(shared [][]byte, cells []byte, before ...[]byte) []byte {
	table := append(long(len(shared)), long(len(shared))...)
	var last, rest []byte
	for i, s := range shared {
		if i == len(shared)-1 { // cut after its first character
			last, rest = s[:5], append([]byte{1}, s[5:]...)
			break
		}
		table = append(table, s...)
	}
	var stream bytes.Buffer
	biff(&stream, biffBOF, shorts(0x0600, 5), make([]byte, 12))
	for _, b := range before {
		stream.Write(b)
	}
	at := stream.Len()
	biff(&stream, biffSheet, long(0), shorts(0), []byte{1, 0, 'a'})
	biff(&stream, biffStrings, table, last)
	biff(&stream, biffContinue, rest)
	biff(&stream, biffEOF)
	begins := stream.Len()
	biff(&stream, biffBOF, shorts(0x0600, 16), make([]byte, 12))
	stream.Write(cells)
	biff(&stream, biffEOF)
	out := stream.Bytes()
	binary.LittleEndian.PutUint32(out[at+4:], uint32(begins))
	return out
}

func biff(w *bytes.Buffer, kind int, data ...[]byte) {
	body := bytes.Join(data, nil)
	w.Write(shorts(kind, len(body)))
	w.Write(body)
}

func shorts(v ...int) (out []byte) {
	for _, w := range v {
		out = binary.LittleEndian.AppendUint16(out, uint16(w))
	}
	return out
}

func long(v int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(v)) }

func wide(s string) []byte {
	units := utf16.Encode([]rune(s))
	out := append(shorts(len(units)), 1)
	for _, u := range units {
		out = append(out, shorts(int(u))...)
	}
	return out
}

// container is a compound file with one stream: header, FAT, directory, stream.
func container(name string, stream []byte) []byte {
	if len(stream) < 4096 { // a smaller one would lie elsewhere
		stream = append(stream, make([]byte, 4096-len(stream))...)
	}
	size := len(stream)
	sectors := (size + 511) / 512
	fats := (sectors + 2 + 128) / 128
	head := make([]byte, 512)
	copy(head, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	copy(head[24:], shorts(0x3e, 3, 0xfffe, 9, 6))
	copy(head[44:], long(fats))
	copy(head[48:], long(fats)) // the directory stands behind the FAT
	copy(head[56:], long(4096))
	copy(head[60:], long(-2))
	copy(head[68:], long(-2))
	for i := range 109 {
		copy(head[76+4*i:], long(-1))
		if i < fats {
			copy(head[76+4*i:], long(i))
		}
	}
	fat := bytes.Repeat(long(-1), 128*fats)
	for i := range fats {
		copy(fat[4*i:], long(-3))
	}
	copy(fat[4*fats:], long(-2))
	for i := range sectors {
		next := long(fats + 2 + i)
		if i == sectors-1 {
			next = long(-2)
		}
		copy(fat[4*(fats+1+i):], next)
	}
	directory := make([]byte, 512)
	entry := func(i int, name string, kind byte, child, start, size int) {
		e := directory[128*i:]
		for j, u := range utf16.Encode([]rune(name)) {
			copy(e[2*j:], shorts(int(u)))
		}
		copy(e[64:], shorts(2*len(name)+2))
		e[66], e[67] = kind, 1
		copy(e[68:], bytes.Join([][]byte{long(-1), long(-1), long(child)}, nil))
		copy(e[116:], append(long(start), long(size)...))
	}
	entry(0, "Root Entry", 5, 1, -2, 0)
	entry(1, name, 2, -1, fats+1, size)
	return bytes.Join([][]byte{head, fat, directory, stream, make([]byte, 512*sectors-size)}, nil)
}

func TestExcel97(t *testing.T) {
	for _, tt := range []struct {
		why  string
		data []byte
		want error
	}{
		{"another Office file", container("WordDocument", nil), ErrUnknown},
		{"a workbook of today with a password", container("EncryptedPackage", nil), ErrUnknown},
		{"an older one", container("Book", nil), ErrUnknown},
		{"one with a password", container("Workbook", biffStream([][]byte{wide("某某")}, nil, []byte{biffFilePass, 0, 2, 0, 0, 0})), ErrUnknown},
		{"nothing in it", container("Workbook", nil), ErrDamaged},
		{"half of it", excel97(ccbRows)[:2048], ErrDamaged},
		{"a string that is not there", container("Workbook", biffStream([][]byte{wide("某某")}, cellOf(biffLabelSST, shorts(0, 0, 0), long(7)))), ErrDamaged},
		{"a number cut short", container("Workbook", biffStream([][]byte{wide("某某")}, cellOf(biffNumber, shorts(0, 0, 0)))), ErrDamaged},
		{"a column beyond all", container("Workbook", biffStream([][]byte{wide("某某")}, cellOf(biffRK, shorts(0, 300, 0), long(3)))), ErrDamaged},
		{"more sheets than a book has", container("Workbook", biffStream([][]byte{wide("某某")}, nil, bytes.Repeat(cellOf(biffSheet, long(0), shorts(0), []byte{1, 0, 'a'}), 65))), ErrTooLarge},
		{"one text in a million cells", container("Workbook", biffStream([][]byte{wide(strings.Repeat("某", 4000))}, everywhere(5000))), ErrTooLarge},
	} {
		t.Run(tt.why, func(t *testing.T) {
			f, err := Read(bytes.NewReader(tt.data), Options{})
			if f != nil || !isFault(err, tt.want) {
				t.Errorf("Read = %v, %v; want %v", f, err, tt.want)
			}
		})
	}
	header := excel97(ccbRows)[:512]
	copy(header[64:], long(1<<30)) // mini FAT sectors that would want four gigabytes
	if _, err := Read(bytes.NewReader(header), Options{}); !isFault(err, ErrDamaged) {
		t.Errorf("a header alone: %v", err)
	}
}

func cellOf(kind int, data ...[]byte) []byte {
	var b bytes.Buffer
	biff(&b, kind, data...)
	return b.Bytes()
}

func everywhere(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		biff(&b, biffLabelSST, shorts(i/200, i%200, 0), long(0))
	}
	return b.Bytes()
}

// Each way to write a cell, and what it is read as.
func TestCellsOfExcel97(t *testing.T) {
	for _, tt := range []struct {
		why   string
		cells []byte
		want  string
	}{
		{"a label", cellOf(biffLabel, shorts(0, 0, 0), shorts(2), []byte{0, 'h', 'i'}), "hi"},
		{"a wide label", cellOf(biffLabel, shorts(0, 0, 0), wide("账")), "账"},
		{"a label with runs", cellOf(biffRString, shorts(0, 0, 0), shorts(2), []byte{0, 'h', 'i'}, shorts(1, 0, 0)), "hi"},
		{"a whole number", cellOf(biffRK, shorts(0, 0, 0), long(-8<<2|2)), "-8"},
		{"hundredths", cellOf(biffRK, shorts(0, 0, 0), long(217691<<2|3)), "2176.91"},
		{"half a float", cellOf(biffRK, shorts(0, 0, 0), long(int(math.Float64bits(0.5)>>32))), "0.5"},
		{"a float", cellOf(biffNumber, shorts(0, 0, 0), binary.LittleEndian.AppendUint64(nil, math.Float64bits(18.06))), "18.06"},
		{"a float that has lost digits", cellOf(biffNumber, shorts(0, 0, 0), binary.LittleEndian.AppendUint64(nil, math.Float64bits(2088331316600000000))), "2.0883313166E+18"},
		{"several numbers", cellOf(biffMulRK, shorts(0, 0), shorts(0), long(1<<2|2), shorts(0), long(2<<2|2), shorts(1)), "1|2"},
		{"a formula's number", cellOf(biffFormula, shorts(0, 0, 0), binary.LittleEndian.AppendUint64(nil, math.Float64bits(3)), make([]byte, 6)), "3"},
		{"a formula's text", append(cellOf(biffFormula, shorts(0, 0, 0), []byte{0, 0, 0, 0, 0, 0, 0xff, 0xff}, make([]byte, 6)), cellOf(biffString, wide("文"))...), "文"},
		{"what lies in a chart", bytes.Join([][]byte{cellOf(biffBOF, shorts(0x0600, 32)), cellOf(biffRK, shorts(0, 0, 0), long(3)), cellOf(biffEOF)}, nil), ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			b := book97{stream: biffStream([][]byte{wide("某某")}, tt.cells), left: 100, text: 100, work: 1 << 20}
			if err := b.globals(); err != nil || len(b.strings) != 1 || b.strings[0] != "某某" {
				t.Fatalf("globals = %v, strings %q", err, b.strings)
			}
			s, err := b.sheet(b.sheets[0])
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if len(s.cells) > 0 {
				got = strings.Join(s.cells[0], "|")
			}
			if got != tt.want {
				t.Errorf("cells %q, want %q", got, tt.want)
			}
		})
	}
}

// A number cell that is a date, in either of the two ways to count days.
func TestWorkbookDates(t *testing.T) {
	for era, serial := range map[int]string{1900: "45658", 1904: "44196"} {
		e := entry{layout: &layout{column: map[string]int{"交易日期": 0}}, era: era, row: row{cells: []string{serial}}}
		if got, err := e.day("交易日期"); err != nil || got.Format(time.DateOnly) != "2025-01-01" {
			t.Errorf("the day %s of the era %s = %v, %v", serial, strconv.Itoa(era), got, err)
		}
	}
}

func FuzzExcel97(f *testing.F) {
	f.Add(excel97(ccbRows))
	f.Add(excel97(citicRows))
	f.Add(container("EncryptedPackage", nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkRead(t, append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), data[min(8, len(data)):]...))
	})
}

// FuzzBIFF puts arbitrary cells under a header that is known, where random
// bytes hardly ever come.
func FuzzBIFF(f *testing.F) {
	f.Add(cellOf(biffRK, shorts(7, 3, 0), long(67<<2|2)))
	f.Add(cellOf(biffMulRK, shorts(7, 0), shorts(0), long(6), shorts(0), long(10), shorts(1)))
	f.Fuzz(func(t *testing.T, cells []byte) {
		var shared [][]byte
		var head bytes.Buffer
		for i, name := range ccbRows[5] {
			biff(&head, biffLabelSST, shorts(5, i, 0), long(i))
			shared = append(shared, wide(name.(string)))
		}
		checkRead(t, container("Workbook", biffStream(shared, append(head.Bytes(), cells...))))
	})
}
