package main

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What is measured is the machine's; that everything is measured is ours.
func TestBenchMeasuresEverything(t *testing.T) {
	var out, progress bytes.Buffer
	b := benchCmd{Sources: []int{4, 5}, AtOnce: []int{1, 2}, Rounds: 1, Full: 2, Latency: time.Millisecond, Days: 2, For: 5 * time.Millisecond, Rate: 1}
	if err := b.measure(t.Context(), &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	views := regexp.MustCompile(`(?m)^ +([45]) +([12]) +(1 s|none) +(\d+) +([\d.]+) .* ([\d.]+) +0, 0\*? *$`).FindAllStringSubmatch(out.String(), -1)
	if len(views) != 6 {
		t.Fatalf("%d rows of views, want one paused for each load, and one without a pause, for each number of sources:\n%s", len(views), out.String())
	}
	for _, row := range views {
		want := row[2] // one round
		if row[3] == "none" {
			want = "4" // two at once, one round, in two turns
		}
		if row[4] != want {
			t.Errorf("%s views are counted, want %s: %s", row[4], want, row[0])
		}
		for _, cell := range []string{row[5], row[6]} {
			if n, err := strconv.ParseFloat(cell, 64); err != nil || n <= 0 {
				t.Errorf("nothing was measured: %s", row[0])
			}
		}
	}
	for _, what := range []string{"token with DPoP", "kv Update, 1 writer", "kv Update, 16 writers", "kv Update, 64 writers", "alias issue", "alias lookup"} {
		row := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(what) + `.*$`).FindString(out.String())
		if cells := strings.Fields(row); len(cells) < 5 || strings.Contains(row, "Inf") || strings.Contains(row, "NaN") {
			t.Errorf("the row of %s is %q", what, row)
		}
	}
	if !strings.Contains(progress.String(), "4 sources") {
		t.Error("one waits without being told what for")
	}
}

func TestBenchRefusesWhatItCannotMeasure(t *testing.T) {
	good := benchCmd{Sources: []int{4}, AtOnce: []int{1}, Rounds: 1, Full: 1, Days: 1, For: time.Millisecond, Rate: 1}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for why, change := range map[string]func(*benchCmd){
		"more sources than there are": func(b *benchCmd) { b.Sources = []int{4, mostSources + 1} },
		"nobody who asks":             func(b *benchCmd) { b.AtOnce = []int{0} },
		"no rounds":                   func(b *benchCmd) { b.Rounds = 0 },
		"more days than one page":     func(b *benchCmd) { b.Days = 32 },
		"no time":                     func(b *benchCmd) { b.For = 0 },
	} {
		b := good
		if change(&b); b.check() == nil {
			t.Errorf("%s: no error", why)
		}
	}
}
