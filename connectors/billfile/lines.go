package billfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/transform"

	"jali/internal/fault"
)

const (
	bom     = "\ufeff"
	maxLine = 1 << 20 // bytes of one line
)

// text is a file as text, however long: it is read anew for every pass.
type text struct {
	r    io.ReaderAt
	size int64
	gb   bool // GB18030, not UTF-8
}

func (t *text) lines() *lines {
	var r io.Reader = io.NewSectionReader(t.r, 0, t.size)
	if t.gb {
		r = transform.NewReader(r, simplifiedchinese.GB18030.NewDecoder())
	}
	l := &lines{scan: bufio.NewScanner(r)}
	l.scan.Buffer(make([]byte, 0, 64<<10), maxLine)
	l.scan.Split(l.split)
	return l
}

// lines goes through a text once and looks ahead as far as a row reaches.
type lines struct {
	scan  *bufio.Scanner
	ahead []string
	taken int  // lines that are behind
	ended bool // the last line that was read has its line break
	begun bool
}

// split knows CRLF, LF and a lone CR.
func (l *lines) split(data []byte, atEOF bool) (advance int, line []byte, err error) {
	i := bytes.IndexByte(data, '\n')
	head := data
	if i >= 0 {
		head = data[:i]
	}
	if r := bytes.IndexByte(head, '\r'); r >= 0 {
		switch {
		case r+1 < len(data) && data[r+1] == '\n':
			l.ended = true
			return r + 2, data[:r], nil
		case r+1 < len(data) || atEOF:
			l.ended = true
			return r + 1, data[:r], nil
		}
		return 0, nil, nil // whether LF follows is not read yet
	}
	switch {
	case i >= 0:
		l.ended = true
		return i + 1, head, nil
	case atEOF && len(data) > 0:
		l.ended = false
		return len(data), data, nil
	}
	return 0, nil, nil
}

// at answers the line that is i ahead; false: there is none, or err.
func (l *lines) at(i int) (string, bool) {
	for len(l.ahead) <= i {
		if !l.scan.Scan() {
			return "", false
		}
		line := l.scan.Text()
		for !l.begun && strings.HasPrefix(line, bom) {
			line = line[len(bom):]
		}
		l.begun = true
		l.ahead = append(l.ahead, line)
	}
	return l.ahead[i], true
}

func (l *lines) skip(n int) {
	for ; n > 0; n-- {
		if _, ok := l.at(0); !ok {
			return
		}
		l.ahead = l.ahead[1:]
		l.taken++
	}
}

// err says why there are no further lines: nil at the end.
func (l *lines) err() error {
	switch err := l.scan.Err(); {
	case err == nil:
		return nil
	case errors.Is(err, bufio.ErrTooLong):
		return damaged(l.taken+len(l.ahead)+1, "", "cells")
	default:
		return ErrInterrupted.Because(err)
	}
}

// Bounds of what stands below a table.
const (
	maxBelow = 400     // lines
	maxNote  = 4 << 10 // bytes of one; a longer one claims nothing
)

func (l *lines) rest() (below []string) {
	for len(below) < maxBelow {
		line, ok := l.at(0)
		if !ok {
			break
		}
		l.skip(1)
		if len(line) <= maxNote {
			below = append(below, character(line))
		}
	}
	return below
}

// whole reads a file that must be had at once.
func whole(r io.ReaderAt, size int64) ([]byte, error) {
	if size > MaxSize {
		return nil, ErrTooLarge
	}
	data := make([]byte, size)
	if n, err := r.ReadAt(data, 0); int64(n) < size {
		if err == nil || errors.Is(err, io.EOF) {
			err = fault.Cause("the file became shorter while it was read")
		}
		return nil, ErrInterrupted.Because(err)
	}
	return data, nil
}
