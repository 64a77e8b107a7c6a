package billfile

import (
	"strings"
	"unicode"
)

// A row with a quoted cell may run over this many lines and bytes; without a
// bound every open quote would read the rest of the file again.
const (
	maxJoined = 20
	maxRow    = 64 << 10
)

// quoted cuts a line into cells at sep, a comma mostly. A cell that begins with
// a double quote runs to the quote that sep or the end follows, blanks in
// between allowed: WeChat writes a TAB after the closing quote. Any other quote stands
// for itself. open reports that the last quote was never closed. This is
// wider than RFC 4180, which these files are not.
func quoted(line string, sep byte) (cells []string, open bool) {
	blanks := " \t"
	if sep == '\t' {
		blanks = " "
	}
	for {
		start := strings.TrimLeft(line, blanks)
		if !strings.HasPrefix(start, `"`) {
			cell, rest, more := strings.Cut(line, string(sep))
			cells = append(cells, cell)
			if !more {
				return cells, false
			}
			line = rest
			continue
		}
		cell, rest, more, closed := quotedCell(start[1:], sep, blanks)
		cells = append(cells, cell)
		if !more {
			return cells, !closed
		}
		line = rest
	}
}

// quotedCell reads up to the closing quote and the sep after it.
func quotedCell(s string, sep byte, blanks string) (cell, rest string, more, closed bool) {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			b.WriteString(s)
			return b.String(), "", false, false
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		after := strings.TrimLeft(s, blanks)
		switch {
		case strings.HasPrefix(s, `"`):
			b.WriteByte('"')
			s = s[1:]
		case after == "":
			return b.String(), "", false, true
		case after[0] == sep:
			return b.String(), after[1:], true, true
		default:
			b.WriteByte('"')
		}
	}
}

// plain cuts at every sep and takes quotes off cells that have both.
func plain(line string, sep byte) []string {
	cells := strings.Split(line, string(sep))
	for i, c := range cells {
		c = strings.TrimSpace(c)
		if len(c) >= 2 && c[0] == '"' && c[len(c)-1] == '"' {
			cells[i] = c[1 : len(c)-1]
		}
	}
	return cells
}

// record reads the row that begins at the next of the lines as cells that fit
// the layout, and answers over how many lines it runs. Of the ways to read its
// quotes the first that fits is taken; if none does, fits is false.
func (l *layout) record(ahead *lines) (cells []string, used int, fits bool) {
	width := l.width
	line, _ := ahead.at(0)
	cells, open := quoted(line, l.sep)
	if !open && fit(cells, width) {
		return cells, 1, true
	}
	if open {
		text := line
		for i := 1; i <= maxJoined && len(text) < maxRow; i++ {
			next, ok := ahead.at(i)
			if !ok {
				break
			}
			text += "\n" + next
			joined, stillOpen := quoted(text, l.sep)
			if stillOpen {
				continue
			}
			if fit(joined, width) {
				return joined, i + 1, true
			}
			break
		}
	}
	if p := plain(line, l.sep); fit(p, width) {
		return p, 1, true
	}
	if m, ok := l.mended(cells); ok && !open {
		return m, 1, true
	}
	if l.ragged && !open && len(cells) < width {
		return append(cells, make([]string, width-len(cells))...), 1, true
	}
	return cells, 1, false
}

// mended puts a name together again that a comma has cut: WeChat writes
// "SHOP CO.,LIMITED" without quotes. (Alipay turns such commas into full-width
// ones.) It is believed if what follows then stands where it should.
func (l *layout) mended(cells []string) ([]string, bool) {
	name, text := l.column["交易对方"], l.column["商品"]
	extra := len(cells) - l.width
	if l.source.ID != wechat.ID || extra <= 0 || name == 0 || text != name+1 {
		return nil, false
	}
	m := append([]string{}, cells[:name]...)
	m = append(m, strings.Join(cells[name:name+extra+1], ","))
	m = append(m, cells[name+extra+1:]...)
	side := clean(m[l.column["收/支"]])
	if _, known := sideOf[side]; !known && side != "/" {
		return nil, false
	}
	_, err := parseAmount(m[l.column["金额(元)"]], currency, false)
	return m, err == nil
}

// fit reports whether cells fill width columns and nothing stands beyond them.
func fit(cells []string, width int) bool {
	if len(cells) < width {
		return false
	}
	for _, c := range cells[width:] {
		if clean(c) != "" {
			return false
		}
	}
	return true
}

// clean takes off padding.
func clean(s string) string { return strings.TrimFunc(s, padding) }

// padding is blanks, TABs, no-break spaces, stray byte order marks.
func padding(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' || r == '\u200b' }
