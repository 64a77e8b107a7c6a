package main

import (
	"fmt"
	"os"

	"github.com/mattn/go-isatty"
)

// showing is how far an import is: a bar on a terminal, lines elsewhere, and
// nothing of a file that takes no time.
type showing struct {
	display
	stage string
	drawn int // the percent at which the bar was drawn last
	small bool
}

// worthShowing is how large a file is that takes time.
const worthShowing = 4 << 20

func newShowing(size int64) *showing {
	return &showing{display: display{out: os.Stderr, terminal: isatty.IsTerminal(os.Stderr.Fd())}, small: size < worthShowing}
}

func (s *showing) tell(stage string, done, of int64) {
	if s.small {
		return
	}
	percent := 100
	if of > 0 {
		percent = int(100 * done / of)
	}
	switch {
	case stage != s.stage:
		if s.stage = stage; !s.terminal {
			s.last = 0
		}
	case s.terminal && percent == s.drawn:
		return
	}
	s.drawn = percent
	how := fmt.Sprintf("%s: %s of %s rows", stage, grouped(done), grouped(of))
	if stage == "sending" || stage == "reading" {
		how = fmt.Sprintf("%s: %s of %s", stage, size(done), size(of))
	}
	s.draw(done, of, how)
}
