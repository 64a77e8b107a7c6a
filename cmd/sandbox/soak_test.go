package main

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"jali/cmd/internal/house"
)

func TestASoakDoesWhatItSays(t *testing.T) {
	s := &soak{out: io.Discard, failures: map[string]int{}}
	box, err := start(t.Context(), flags{Addr: "localhost:0", TownAddr: "127.0.0.1:0", BankAddr: "127.0.0.1:0", Now: s.clock.now}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		end(t, box)
	}()
	if s.benchTown, err = (&benchCmd{}).town(t.Context(), box); err != nil {
		t.Fatal(err)
	}
	fresh, err := s.sample(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range deeds {
		if err := d.do(s, t.Context(), s.people[0]); err != nil {
			t.Errorf("%s: %v", d.name, err)
		}
	}
	busy, err := s.sample(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range soakLeaps / 3 { // idempotency keys live 25 hours
		s.leap()
	}
	if _, err := s.sample(t.Context()); err != nil { // which begins the day that a lapsed request is still told of
		t.Fatal(err)
	}
	for range soakLeaps / 3 {
		s.leap()
	}
	over, err := s.sample(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"oauth ends", "oauth grant", "oauth pushed", "consent due", "consent used", "consent waiting", "consent introduction", "aggregate view", "passkey ceremony"} {
		if n := over.rows[name].Count; n > fresh.rows[name].Count {
			t.Errorf("%d rows of %s are left of %d when all has ended; %d were there before", n, name, busy.rows[name].Count, fresh.rows[name].Count)
		}
	}
	if busy.rows["oauth ends"].Count == 0 || busy.rows["consent used"].Count == 0 {
		t.Errorf("nothing was there to end: %v", busy.rows)
	}
}

func TestASoakFindsWhatGrows(t *testing.T) {
	flat := func(int) sample {
		return sample{heap: 20 * mib, rss: 100 * mib, goroutines: 80, jali: 4 * mib, keys: mib, ending: house.Rows{Count: 600},
			rows: map[string]house.Rows{"oauth ends": {Count: 300}, "audit": {Count: 9}}}
	}
	for why, tt := range map[string]struct {
		plant func(s *sample, i int)
		want  string
	}{
		"nothing":             {func(*sample, int) {}, ""},
		"heap":                {func(s *sample, i int) { s.heap += float64(i) * mib }, "the heap grew"},
		"goroutines":          {func(s *sample, i int) { s.goroutines += 5 * i }, "goroutines grew"},
		"resident memory":     {func(s *sample, i int) { s.rss += 8 * mib * float64(i) }, "resident memory grew"},
		"rows that end":       {func(s *sample, i int) { s.rows["oauth ends"] = house.Rows{Count: 300 + 10*i} }, "oauth ends stayed"},
		"the file":            {func(s *sample, i int) { s.jali += int64(i) * mib }, "jali.db grew"},
		"the file by records": {func(s *sample, i int) { s.jali += int64(i) * mib; s.recorded.Bytes = i * mib }, ""},
		"records":             {func(s *sample, i int) { s.rows["audit"] = house.Rows{Count: 100 * i} }, ""},
	} {
		s := &soak{out: io.Discard, before: flat(0)}
		for i := range soakSamples {
			x := flat(i)
			tt.plant(&x, i)
			s.samples, s.over = append(s.samples, x), x
		}
		switch err := s.judge(); {
		case tt.want == "" && err != nil:
			t.Errorf("%s grew: %v", why, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s grew: %v; want %q", why, err, tt.want)
		}
	}
	if err := (&soak{out: io.Discard, failures: map[string]int{"once: no": 1}}).judge(); err == nil {
		t.Error("a deed that failed, and no samples, pass")
	}
}
