package billfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/xuri/excelize/v2"
)

// maxColumns bounds a row: one cell in the last column of Excel makes excelize
// fill in the 16,383 before it.
const maxColumns = 256

// maxCells bounds a workbook, blank rows counting as a cell: a row may say
// that it is the two thousand millionth, and excelize hands out all that are
// missing before it. What fits into MaxSize has far fewer.
const maxCells = 2 << 20

// openWorkbook finds the sheet that holds the bills. Both unpacking limits are
// the same, or excelize would write what lies between them, unsealed, into the
// temporary folder.
func openWorkbook(data []byte, o Options) (*sheet, error) {
	book, err := excelize.OpenReader(bytes.NewReader(data),
		excelize.Options{UnzipSizeLimit: MaxSize, UnzipXMLSizeLimit: MaxSize, RawCellValue: true})
	if err != nil {
		if strings.Contains(err.Error(), "unzip size exceeds") {
			return nil, ErrTooLarge.Because(err)
		}
		return nil, ErrDamaged.Saying("the workbook is cut short, damaged or has a password; download it again").Because(unquoted(err))
	}
	defer book.Close()
	era := 1900
	if p, err := book.GetWorkbookProps(); err == nil && p.Date1904 != nil && *p.Date1904 {
		era = 1904
	}
	var sheets []*sheet
	left := room{maxCells, 2 * MaxSize}
	for _, name := range book.GetSheetList() {
		s, err := readSheet(book, name, &left)
		if err != nil {
			return nil, err
		}
		if s != nil {
			sheets = append(sheets, s)
		}
	}
	return pick(sheets, era, o)
}

// pick takes the sheet that holds the bills, and counts those of others.
func pick(sheets []*sheet, era int, o Options) (*sheet, error) {
	var best *sheet
	var ignored []*sheet
	var head []headLine // of the first sheet
	for _, s := range sheets {
		first := s.head()
		if s.find(first, o); s.layout == nil {
			if len(head) == 0 {
				head = first
			}
			continue
		}
		s.era = era
		switch {
		case best == nil:
			best = s
		case s.titled() && !best.titled():
			best, ignored = s, append(ignored, best)
		default:
			ignored = append(ignored, s)
		}
	}
	if best == nil {
		return nil, unknownTable(head, unknown("workbook_of_others"))
	}
	for _, s := range ignored {
		n := 0
		for _, err := range s.rows() {
			if err != nil {
				return nil, err
			}
			n++
		}
		best.others = append(best.others, n)
	}
	return best, nil
}

func unreadable(err error) error {
	return ErrDamaged.Saying("a sheet of the workbook cannot be read; download it again").Because(unquoted(err))
}

// unquoted is err of excelize without its words, which quote the file.
func unquoted(err error) error { return fmt.Errorf("excelize: an error of type %T", err) }

// titled reports that the sheet begins as the wallet writes it, not as a copy
// of the table that somebody made beside it.
func (s *sheet) titled() bool {
	first := clean(strings.Join(s.cells[0], ""))
	return strings.HasPrefix(first, "微信支付账单") || strings.HasPrefix(first, "支付宝") || strings.HasPrefix(first, "-----")
}

// room is how much of a workbook may still be read. One text of a megabyte may
// be shown in each of its cells.
type room struct{ cells, text int }

// readSheet answers nil for a chart.
func readSheet(book *excelize.File, name string, left *room) (*sheet, error) {
	rows, err := book.Rows(name)
	if err != nil {
		var none excelize.ErrSheetNotExist
		if errors.As(err, &none) {
			return nil, nil // a chart
		}
		return nil, unreadable(err)
	}
	defer rows.Close()
	s := &sheet{}
	for rows.Next() {
		cells, err := rows.Columns()
		if err != nil {
			return nil, unreadable(err)
		}
		if len(cells) > maxColumns {
			return nil, damaged(len(s.cells)+1, "", "cells")
		}
		left.cells -= max(1, len(cells))
		for _, c := range cells {
			left.text -= len(c)
		}
		if left.cells < 0 || left.text < 0 {
			return nil, ErrTooLarge.Saying("the workbook has more rows or columns than a bill; upload the file as it was exported")
		}
		s.cells = append(s.cells, cells)
	}
	if err := rows.Error(); err != nil {
		return nil, unreadable(err)
	}
	return s, nil
}

func (s *sheet) head() (head []headLine) {
	for _, cells := range s.cells[:min(len(s.cells), maxPreamble+shown)] {
		head = append(head, headLine{strings.Join(cells, " "), [][]string{cells}})
	}
	return head
}
