package wechatpay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"jali/connectors/money"
	"jali/internal/fault"
)

// widest is more than any line of a bill.
const widest = 64 << 10

// table reads a bill file a row at a time: a line of column names, rows whose
// cells each begin with a backtick, a line of names of the summary, and one of
// its cells. Columns are found by name. Errors name the line and the column,
// never a value.
type table struct {
	in      *bufio.Reader
	counted string // the first name of the summary: how many rows there are
	columns map[string]int
	cells   []string
	line    int
	rows    int
	sums    map[string]string // of the summary, once next has answered io.EOF
}

func openTable(r io.Reader, counted string, required ...string) (*table, error) {
	t := &table{in: bufio.NewReaderSize(r, widest), counted: counted, columns: map[string]int{}}
	names, err := t.read()
	if err != nil {
		return nil, wrong(err, fault.Cause("there are no columns"))
	}
	for i, name := range strings.Split(strings.TrimPrefix(names, "\ufeff"), ",") {
		name = strings.TrimPrefix(strings.TrimSpace(name), "`")
		if _, twice := t.columns[name]; twice && name != "" {
			return nil, fault.Cause("a column stands twice")
		}
		t.columns[name] = i
	}
	for _, name := range required {
		if _, ok := t.columns[name]; !ok {
			return nil, fmt.Errorf("there is no column %s", name)
		}
	}
	return t, nil
}

// wrong keeps what is not merely the end of the file.
func wrong(err, end error) error {
	if errors.Is(err, io.EOF) {
		return end
	}
	return err
}

// read answers a line without its end.
func (t *table) read() (string, error) {
	b, err := t.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fault.Cause("a line is too long")
	case err != nil && (!errors.Is(err, io.EOF) || len(b) == 0):
		return "", err
	}
	t.line++
	if !utf8.Valid(b) {
		return "", fault.Cause("the file is not UTF-8")
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// next moves to the next row. It answers io.EOF after the summary, which
// counts as many rows as there were and has nothing behind it.
func (t *table) next() error {
	line, err := t.read()
	for err == nil && line == "" {
		line, err = t.read()
	}
	switch {
	case err != nil:
		return wrong(err, fault.Cause("the summary is missing"))
	case strings.HasPrefix(strings.TrimPrefix(line, "`"), t.counted):
		if err := t.summary(line); err != nil {
			return err
		}
		return io.EOF
	case line[0] != '`':
		return fault.Cause("neither a row nor the summary")
	}
	t.rows++
	if t.cells = split(t.cells[:0], line); len(t.cells) != len(t.columns) {
		return fault.Cause("not as many cells as columns")
	}
	return nil
}

func (t *table) summary(names string) error {
	line, err := t.read()
	if err != nil {
		return wrong(err, fault.Cause("the summary is missing"))
	}
	cells := split(nil, line)
	t.sums = map[string]string{}
	for i, name := range strings.Split(names, ",") {
		if i < len(cells) {
			t.sums[strings.TrimPrefix(strings.TrimSpace(name), "`")] = strings.TrimSpace(cells[i])
		}
	}
	// Counts have been published as "20" and as "20.0".
	if strings.TrimSuffix(t.sums[t.counted], ".0") != fmt.Sprint(t.rows) {
		return fault.Cause("the summary counts other rows than there are")
	}
	for {
		line, err := t.read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case strings.TrimSpace(line) != "":
			return fault.Cause("something follows the summary")
		}
	}
}

// split parts a line at ",`": a shop's name may hold a comma.
func split(cells []string, line string) []string {
	line = strings.TrimPrefix(line, "`")
	for {
		cell, rest, more := strings.Cut(line, ",`")
		cells = append(cells, cell)
		if !more {
			return cells
		}
		line = rest
	}
}

// cell answers a column's cell; WeChat Pay writes 0 for an id that is not there.
func (t *table) cell(name string) string {
	i, ok := t.columns[name]
	if !ok {
		return ""
	}
	text := strings.TrimSpace(t.cells[i])
	if text == "0" && strings.HasSuffix(name, "单号") {
		return ""
	}
	return text
}

func (t *table) amount(name, currency string) (money.Amount, error) {
	a, err := money.Parse(t.cell(name), currency)
	if err != nil {
		return a, fmt.Errorf("column %s is not a sum", name)
	}
	return a, nil
}

// at says where an error was found.
func (t *table) at(err error) error {
	return fmt.Errorf("%w: %w", fault.Cause("line", t.line), err)
}
