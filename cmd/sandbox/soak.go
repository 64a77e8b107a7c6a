package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"jali/cmd/internal/house"
)

// A soak lasts a few minutes, and what it looks for lasts a day: an idempotency
// key is remembered for 25 hours. So its clock leaps, all of the house's and
// the town's at once and while nothing is under way.
const (
	soakLeaps   = 60 // in a soak
	soakLeap    = 2 * time.Hour
	soakSamples = 20

	// What may have grown from the third quarter of a soak to the last. The
	// machine's own memory is jumpier than what is counted.
	soakGrows    = 0.10
	soakGrowsRSS = 0.15
	soakSpare    = 100 // rows of one kind that may stay: aliases live as long as somebody's grant
	// soakFile is how much of the file a byte of a row that is kept may take,
	// in pages half full that were split.
	soakFile = 3
)

// records are the rows that are kept for as long as the person stays, or
// longer: what was agreed to and what was done. A soak makes more of them than
// a year would, and cannot be flat in these.
var records = []string{"audit", "ledger", "consent grant", "consent evidence", "consent person", "deletion of"}

// leaper is a clock that goes as the wall's does, and leaps.
type leaper struct{ ahead atomic.Int64 }

func (l *leaper) now() time.Time       { return time.Now().Add(time.Duration(l.ahead.Load())) }
func (l *leaper) leap(d time.Duration) { l.ahead.Add(int64(d)) }

// soak is a sandbox in use, and what was seen of it.
type soak struct {
	*benchTown
	clock leaper
	out   io.Writer
	begun time.Time

	deeds    sync.RWMutex // held to read while one is under way, and to write by a leap
	done     atomic.Int64
	mu       sync.Mutex
	failures map[string]int
	samples  []sample

	before, over sample // all deeds, and when all has ended
}

// sample is what there was at a moment, after a sweep and a collection.
type sample struct {
	at               time.Duration
	done             int64
	heap, rss        float64 // bytes
	goroutines       int
	jali, keys       int64 // bytes of the files
	ending, recorded house.Rows
	rows             map[string]house.Rows
}

// soak runs the sandbox under a mix of all that clients and people do, and
// says whether what it takes stays flat.
func (b *benchCmd) soak(ctx context.Context, out, progress io.Writer) (err error) {
	s := &soak{out: out, begun: time.Now(), failures: map[string]int{}}
	log := slog.New(slog.NewTextHandler(progress, &slog.HandlerOptions{Level: slog.LevelError}))
	box, err := start(ctx, flags{Addr: "localhost:0", TownAddr: "127.0.0.1:0", BankAddr: "127.0.0.1:0", Now: s.clock.now}, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, box.stop(), box.violations.told()) }()
	quick := *b
	quick.Latency = 0
	if s.benchTown, err = quick.town(ctx, box); err != nil {
		return err
	}
	if s.before, err = s.sample(ctx); err != nil {
		return err
	}
	s.begun = time.Now()
	ctx, cancel := context.WithTimeout(ctx, b.Soak)
	defer cancel()
	_, _ = fmt.Fprintf(out, "%d people for %s, %.0f times a second; after every %s the clock leaps %s ahead, %s in all\n\n",
		len(s.people), b.Soak, b.Rate, b.Soak/soakLeaps, soakLeap, soakLeaps*soakLeap)
	var all sync.WaitGroup
	due := make(chan int)
	for _, p := range s.people {
		all.Go(func() { s.live(ctx, p, due) })
	}
	all.Go(func() { s.pace(ctx, b.Rate, due) })
	all.Go(func() { every(ctx, b.Soak/soakLeaps, s.leap) })
	s.watch(ctx, b.Soak/soakSamples)
	all.Wait()
	// How many rows that end there are goes with how busy the last day was, and
	// so with the machine's mood. In the end all must be gone.
	for range 2 { // a request that lapses now is told of for a day
		for range soakLeaps / 3 {
			s.leap()
		}
		if s.over, err = s.sample(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	return s.judge()
}

func every(ctx context.Context, d time.Duration, do func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}

// pace says when the next deed is due, and which.
func (s *soak) pace(ctx context.Context, rate float64, due chan<- int) {
	var n int
	every(ctx, time.Duration(float64(time.Second)/rate), func() {
		select {
		case due <- n:
			n++
		default: // everybody is busy: the machine cannot keep up
		}
	})
}

func (s *soak) leap() {
	s.deeds.Lock()
	defer s.deeds.Unlock()
	s.clock.leap(soakLeap)
}

// live has a person and their bank's app do what is due, until the end. What
// was begun is finished: half a deed is no failure to be told.
func (s *soak) live(ctx context.Context, p *benchPerson, due <-chan int) {
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-due:
			s.deeds.RLock()
			d := deeds[n%len(deeds)]
			if err := d.do(s, context.WithoutCancel(ctx), p); err != nil {
				s.mu.Lock()
				s.failures[d.name+": "+err.Error()]++
				s.mu.Unlock()
			}
			s.deeds.RUnlock()
			s.done.Add(1)
		}
	}
}

// watch takes samples and shows them as they come.
func (s *soak) watch(ctx context.Context, d time.Duration) {
	w := tabwriter.NewWriter(s.out, 8, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "minutes\tdeeds\theap MiB\trss MiB\tgoroutines\trows that end\trecords\tjali.db MiB\tkeys.db MiB\t rows that end\t")
	_ = w.Flush()
	tick := time.NewTicker(d)
	defer tick.Stop()
	for range soakSamples {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		x, err := s.sample(context.WithoutCancel(ctx))
		if err != nil {
			_, _ = fmt.Fprintln(s.out, err)
			continue
		}
		s.samples = append(s.samples, x)
		most := slices.MaxFunc(s.samples, func(a, b sample) int { return a.ending.Count - b.ending.Count }).ending.Count
		_, _ = fmt.Fprintf(w, "%.1f\t%d\t%.1f\t%.1f\t%d\t%d\t%d\t%.1f\t%.1f\t %s\t\n", x.at.Minutes(), x.done, x.heap/mib, x.rss/mib, x.goroutines,
			x.ending.Count, x.recorded.Count, float64(x.jali)/mib, float64(x.keys)/mib, bar(x.ending.Count, most))
		_ = w.Flush()
	}
}

const mib = 1 << 20

func bar(n, most int) string {
	const width = 24
	full := int(math.Round(width * float64(n) / float64(max(most, 1))))
	return strings.Repeat("#", full) + strings.Repeat(".", width-full)
}

func (s *soak) sample(ctx context.Context) (sample, error) {
	s.deeds.Lock() // what is under way is not what stays
	defer s.deeds.Unlock()
	s.house.Sweep(ctx)
	s.jali.HTTP.CloseIdleConnections()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	x := sample{at: time.Since(s.begun), done: s.done.Load(), heap: float64(m.HeapAlloc), rss: resident(), goroutines: runtime.NumGoroutine()}
	for name, size := range map[string]*int64{"jali.db": &x.jali, "keys.db": &x.keys} {
		info, err := os.Stat(filepath.Join(s.data, name))
		if err != nil {
			return x, err
		}
		*size = info.Size()
	}
	var err error
	x.rows, err = s.house.Rows(ctx)
	for name, r := range x.rows {
		sum := &x.ending
		if slices.Contains(records, name) {
			sum = &x.recorded
		}
		sum.Count, sum.Bytes = sum.Count+r.Count, sum.Bytes+r.Bytes
	}
	return x, err
}

// resident is the memory of this process as the kernel counts it; zero where
// it does not say so in /proc.
func resident() float64 {
	b, _ := os.ReadFile("/proc/self/statm")
	var size, pages float64
	_, _ = fmt.Sscan(string(b), &size, &pages)
	return pages * float64(os.Getpagesize())
}

// judge holds the last quarter against the one before.
func (s *soak) judge() error {
	var wrong []error
	for what, n := range s.failures {
		wrong = append(wrong, fmt.Errorf("%d times: %s", n, what))
	}
	if len(s.samples) < soakSamples {
		return errors.Join(append(wrong, errors.New("there are too few samples to judge by"))...)
	}
	before, after := s.samples[soakSamples/2:soakSamples*3/4], s.samples[soakSamples*3/4:]
	for _, one := range []struct {
		what  string
		of    func(sample) float64
		grows float64
	}{
		{"the heap", func(x sample) float64 { return x.heap }, soakGrows},
		{"resident memory", func(x sample) float64 { return x.rss }, soakGrowsRSS},
		{"goroutines", func(x sample) float64 { return float64(x.goroutines) }, soakGrows},
		{"keys.db", func(x sample) float64 { return float64(x.keys) }, soakGrows},
	} {
		a, b := mean(before, one.of), mean(after, one.of)
		_, _ = fmt.Fprintf(s.out, "%s: %+.1f %% from the third quarter to the last, at most %+.0f %%\n", one.what, 100*(b/max(a, 1)-1), 100*one.grows)
		if b > a*(1+one.grows) {
			wrong = append(wrong, fmt.Errorf("%s grew from %.0f to %.0f", one.what, a, b))
		}
	}
	half, last := s.samples[soakSamples/2-1], s.samples[soakSamples-1]
	grew, kept := last.jali-half.jali, int64(last.recorded.Bytes-half.recorded.Bytes)
	_, _ = fmt.Fprintf(s.out, "jali.db: %+.1f MiB in the second half, of which records are %.1f\n", float64(grew)/mib, float64(kept)/mib)
	if grew > soakFile*kept+mib {
		wrong = append(wrong, errors.New("jali.db grew by more than the records that are kept"))
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "\nrows of\tbefore\tat the end\twhen all has ended\t")
	for _, name := range slices.Sorted(maps.Keys(last.rows)) {
		old, now, left, kind := s.before.rows[name].Count, last.rows[name].Count, s.over.rows[name].Count, ""
		if slices.Contains(records, name) {
			kind = "records"
		} else if left > old+soakSpare {
			kind = "stayed"
			wrong = append(wrong, fmt.Errorf("%d rows of %s stayed when all had ended; there were %d before", left, name, old))
		}
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\n", name, old, now, left, kind)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return errors.Join(wrong...)
}

func mean(of []sample, f func(sample) float64) (sum float64) {
	for _, x := range of {
		sum += f(x) / float64(len(of))
	}
	return sum
}
