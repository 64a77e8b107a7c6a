package billfile

import (
	"strings"
	"unicode"
)

// maxJoined is how many lines one quoted cell may run over.
const maxJoined = 20

// quoted cuts a line into cells at commas. A cell that begins with a double
// quote runs to the quote that a comma or the end follows, blanks in between
// allowed: WeChat writes a TAB after the closing quote. Any other quote stands
// for itself. open reports that the last quote was never closed. This is
// wider than RFC 4180, which these files are not.
func quoted(line string) (cells []string, open bool) {
	for {
		start := strings.TrimLeft(line, " \t")
		if !strings.HasPrefix(start, `"`) {
			cell, rest, more := strings.Cut(line, ",")
			cells = append(cells, cell)
			if !more {
				return cells, false
			}
			line = rest
			continue
		}
		cell, rest, more, closed := quotedCell(start[1:])
		cells = append(cells, cell)
		if !more {
			return cells, !closed
		}
		line = rest
	}
}

// quotedCell reads up to the closing quote and the comma after it.
func quotedCell(s string) (cell, rest string, more, closed bool) {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			b.WriteString(s)
			return b.String(), "", false, false
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		after := strings.TrimLeft(s, " \t")
		switch {
		case strings.HasPrefix(s, `"`):
			b.WriteByte('"')
			s = s[1:]
		case after == "":
			return b.String(), "", false, true
		case after[0] == ',':
			return b.String(), after[1:], true, true
		default:
			b.WriteByte('"')
		}
	}
}

// plain cuts at every comma and takes quotes off cells that have both.
func plain(line string) []string {
	cells := strings.Split(line, ",")
	for i, c := range cells {
		c = strings.TrimSpace(c)
		if len(c) >= 2 && c[0] == '"' && c[len(c)-1] == '"' {
			cells[i] = c[1 : len(c)-1]
		}
	}
	return cells
}

// record reads the row that begins at lines[0] as cells that fit width, and
// answers over how many lines it runs. Of the ways to read its quotes the
// first that fits is taken; if none does, fits is false.
func record(lines []string, width int) (cells []string, used int, fits bool) {
	cells, open := quoted(lines[0])
	if !open && fit(cells, width) {
		return cells, 1, true
	}
	if open {
		text := lines[0]
		for i := 1; i < len(lines) && i <= maxJoined; i++ {
			text += "\n" + lines[i]
			joined, stillOpen := quoted(text)
			if stillOpen {
				continue
			}
			if fit(joined, width) {
				return joined, i + 1, true
			}
			break
		}
	}
	if p := plain(lines[0]); fit(p, width) {
		return p, 1, true
	}
	return cells, 1, false
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

// clean takes off padding: blanks, TABs, no-break spaces, stray byte order marks.
func clean(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' || r == '\u200b' })
}
