package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/mattn/go-isatty"
)

// progress is one line on the terminal that is written over and over. Where
// standard error is none it says nothing.
type progress struct {
	shows bool
	last  time.Time
}

const shownEvery = 100 * time.Millisecond

func newProgress() *progress { return &progress{shows: isatty.IsTerminal(os.Stderr.Fd())} }

func (p *progress) say(line string) {
	if now := time.Now(); p.shows && now.Sub(p.last) >= shownEvery {
		p.last = now
		fmt.Fprintf(os.Stderr, "\r\x1b[K%s…", line)
	}
}

func (p *progress) end() {
	if p.shows {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}

// grouped is a count with a space between thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + " " + s[at:]
	}
	return s
}

// size is a count of bytes for people.
func size(n int64) string {
	switch {
	case n >= 10<<30:
		return strconv.FormatInt(n>>30, 10) + " GiB"
	case n >= 10<<20:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	default:
		return strconv.FormatInt((n+1023)>>10, 10) + " KiB"
	}
}
