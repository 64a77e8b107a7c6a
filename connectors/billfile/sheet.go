package billfile

import (
	"strings"
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
	f := &File{Format: l.format, Source: l.source}
	if s.era != 0 {
		f.Format = l.workbookFormat(rows)
	}
	t := tally{}
	entries := make([]entry, len(rows))
	for i, r := range rows {
		e := &entries[i]
		*e = entry{row: r, layout: l, era: s.era}
		b, err := l.meaning(e)
		if err != nil {
			return nil, err
		}
		if err := t.add(*e, b); err != nil {
			return nil, damaged(r.line, "", "out_of_range")
		}
		f.Bills = append(f.Bills, b)
	}
	identify(f.Bills, entries)
	c := readClaims(around)
	c.web = l.format == "alipay_web"
	f.Holder, f.Exported = c.holder, c.exported
	f.Covers = c.covers(t)
	f.Account = accountOf(l.source, c)
	f.Problems = append(c.check(t), c.problems...)
	for _, n := range s.others {
		f.Problems = append(f.Problems, Problem{Code: "sheet_ignored", Of: "total", RowCount: n})
	}
	return f, nil
}

// split answers the rows of the table and the lines around it.
func (s *sheet) split() (rows []row, around []string, err error) {
	if s.era != 0 {
		return s.splitCells()
	}
	around = append(around, s.lines[:s.layout.line-1]...)
	for i := s.layout.line; i < len(s.lines); {
		line := s.lines[i]
		switch {
		case clean(strings.Trim(clean(line), ",")) == "":
			i++
			continue
		case ruled(line):
			return rows, append(around, s.lines[i+1:]...), nil
		case !utf8.ValidString(line):
			return nil, nil, damaged(i+1, "", "encoding")
		}
		cells, used, fits := s.layout.record(s.lines[i:])
		last := i+used == len(s.lines)
		if last && (!fits || !s.ended && s.layout.cut(cells)) {
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
	generation
	line   int // of the header row, from 1
	column map[string]int
	width  int // columns that have a name
	comma  bool
}

type generation struct {
	format  string
	source  connectors.Source
	needs   []string
	meaning func(*entry) (connectors.Bill, error)
}

var generations = []generation{
	{"wechat_csv", wechat, []string{"交易时间", "交易类型", "收/支", "金额(元)", "当前状态", "交易单号"}, readWechat},
	{"alipay_web", alipay, []string{"交易号", "交易创建时间", "付款时间", "类型", "金额(元)", "收/支", "交易状态", "资金状态"}, readAlipayWeb},
	{"alipay_app_2023", alipay, []string{"交易时间", "交易分类", "交易对方", "商品说明", "收/支", "金额", "交易状态", "交易订单号", "备注"}, readAlipayApp},
	{"alipay_app_2021", alipay, []string{"交易时间", "交易分类", "交易对方", "商品说明", "收/支", "金额", "交易状态", "交易订单号"}, readAlipayApp},
}

var (
	alipay    = connectors.Source{ID: "alipay", Name: connectors.Name{ZH: "支付宝", EN: "Alipay"}, Kind: connectors.Wallet}
	wechat    = connectors.Source{ID: "wechatpay", Name: connectors.Name{ZH: "微信支付", EN: "WeChat Pay"}, Kind: connectors.Wallet}
	fullWidth = strings.NewReplacer("（", "(", "）", ")", "／", "/", " ", "", "\t", "")
)

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
	for _, g := range generations {
		for _, name := range g.needs {
			if _, ok := l.column[name]; !ok {
				continue next
			}
		}
		l.generation = g
		return &l
	}
	return nil
}

// cut reports whether a last row without a line break was broken off: where
// the header has a comma after its last column so has every whole row, and
// WeChat fills an empty remark with "/".
func (l *layout) cut(cells []string) bool {
	if l.comma {
		return len(cells) <= l.width
	}
	remark := clean(cells[l.width-1])
	return remark == "" || remark[0] == '"' || strings.HasSuffix(remark, "\ufffd")
}

// workbookFormat tells the two generations of WeChat's workbook apart by how
// they write amounts.
func (l *layout) workbookFormat(rows []row) string {
	if l.source.ID != wechat.ID {
		return l.format
	}
	for _, r := range rows {
		if !strings.ContainsAny(r.cells[l.column["金额(元)"]], "¥￥") {
			return "wechat_xlsx_number"
		}
	}
	return "wechat_xlsx_text"
}
