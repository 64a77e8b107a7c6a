package main

import (
	"strings"
	"testing"
)

// However often a large import tells how far it is, its bar is drawn once for
// each percent of each stage.
func TestABarIsDrawnOncePerPercent(t *testing.T) {
	var out strings.Builder
	s := &showing{display: display{out: &out, terminal: true}}
	const of = 164 << 20
	for _, stage := range []string{"sending", "reading"} {
		for done := int64(0); done <= of; done += 32 << 10 {
			s.tell(stage, done, of)
		}
	}
	if n := strings.Count(out.String(), "\r"); n != 2*101 {
		t.Errorf("drawn %d times", n)
	}
	if !strings.Contains(out.String(), "100 %  sending: 164 MiB of 164 MiB") || !strings.Contains(out.String(), "\r[------------------------------]   0 %  reading") {
		t.Error("a stage lacks its beginning or its end")
	}
}
