package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// benchCmd measures this machine's Jali beside what it is built on. Machines
// and their moods differ, so what it holds to are ratios within one run.
type benchCmd struct {
	Sources []int         `help:"Views over how many sources, 4 to 10." default:"4,10"`
	AtOnce  []int         `help:"How many ask with a second between their asks." default:"1,50,200"`
	Rounds  int           `help:"How often each of them asks." default:"3"`
	Full    int           `help:"How many ask without a pause." default:"50"`
	Latency time.Duration `help:"What each call to a source takes." default:"50ms"`
	Days    int           `help:"Days of bills in a view." default:"3"`
	For     time.Duration `help:"How long each of the smaller things is measured." default:"700ms"`
	Soak    time.Duration `help:"In place of measuring, live on for so long, 10m say, and fail if memory or file grow." placeholder:"DURATION"`
	Rate    float64       `help:"How many things are begun in a second of a soak." default:"20"`
	Profile string        `help:"File for a CPU profile of the last views that are opened without a pause." placeholder:"FILE"`
}

// Help is shown by bench --help.
func (*benchCmd) Help() string {
	return `Opens views over the mock town's institutions by the public HTTP API, with real
DPoP clients, and beside them makes the same signed calls to the institutions by
a plain errgroup. Everything runs in this one process, the town and the clients
too: when the machine is full, it is full of them as well.

  over p50, p99   the view's time over the slowest source's, the plain calls'
                  under the same load being the measure of the latter
  x plain         how many views are opened in the time of one plain look
  cut short       views, and plain looks, in which a source did not answer in time

With --soak it lives on instead, with a clock that leaps ahead, while people and
clients ask, agree, refuse, use, refresh, revoke and try what they must not, and
fails where memory, goroutines or the file (but for the records that are kept:
grants, evidence, audit) grow in its second half, or rows stay that have ended.

Examples: sandbox bench --sources 4 --at-once 1,20 --rounds 2
          sandbox bench --soak 10m`
}

func (b *benchCmd) Run(ctx context.Context) error {
	if b.Soak > 0 {
		if err := b.check(); err != nil {
			return err
		}
		return b.soak(ctx, os.Stdout, os.Stderr)
	}
	return b.measure(ctx, os.Stdout, os.Stderr)
}

// measure writes the tables to out and how far it has come to progress.
func (b *benchCmd) measure(ctx context.Context, out, progress io.Writer) (err error) {
	if err := b.check(); err != nil {
		return err
	}
	begun := time.Now()
	tell := func(what string, args ...any) {
		_, _ = fmt.Fprintf(progress, "%6.1fs  %s\n", time.Since(begun).Seconds(), fmt.Sprintf(what, args...))
	}
	tell("the town, its people and jali move in")
	log := slog.New(slog.NewTextHandler(progress, &slog.HandlerOptions{Level: slog.LevelError}))
	s, err := start(ctx, flags{Addr: "localhost:0", TownAddr: "127.0.0.1:0", BankAddr: "127.0.0.1:0", Bare: true}, log)
	if err != nil {
		return err
	}
	defer func() {
		if e := s.stop(); err == nil {
			err = e
		}
	}()
	t, err := b.town(ctx, s)
	if err != nil {
		return err
	}
	var views []viewRow
	for _, n := range b.Sources {
		rows, err := b.views(ctx, t, n, tell)
		if err != nil {
			return err
		}
		views = append(views, rows...)
	}
	small, err := b.small(ctx, t, tell)
	if err != nil {
		return err
	}
	tell("done")
	return b.print(out, views, small)
}

func (b *benchCmd) check() error {
	switch {
	case slices.ContainsFunc(b.Sources, func(n int) bool { return n < 4 || n > mostSources }):
		return fmt.Errorf("--sources: 4 to %d", mostSources)
	case slices.ContainsFunc(b.AtOnce, func(n int) bool { return n < 1 }), b.Full < 1, b.Rounds < 1:
		return fmt.Errorf("--at-once, --full and --rounds: 1 or more")
	case b.Days < 1 || b.Days > 31:
		return fmt.Errorf("--days: 1 to 31")
	case b.Soak < 0 || b.Rate <= 0 || b.Rate > 1000:
		return fmt.Errorf("--soak: a duration; --rate: more than 0 and at most 1000")
	case b.Latency < 0 || b.For <= 0:
		return fmt.Errorf("--latency and --for: a duration such as 50ms")
	}
	return nil
}

// viewRow is one load on views and the same on the plain calls.
type viewRow struct {
	sources, atOnce int
	paused          bool // a second between asks
	view, plain     asked
}

// rateRow is how many of something are done in a second, and how many of base.
type rateRow struct {
	what, base   string
	rate, baseIs float64
	atLeast      float64 // what the design holds the ratio to; 0: nothing
}

func (b *benchCmd) print(out io.Writer, views []viewRow, small []rateRow) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(w, "\nviews over sources of %s a call\n", b.Latency)
	_, _ = fmt.Fprintln(w, "sources\tat once\tpause\tviews\tp50 ms\tp99 ms\tslowest p50\tp99\tover p50\tover p99\tviews/s\tx plain\tcut short\t")
	for _, r := range views {
		pause := "none"
		if r.paused {
			pause = "1 s"
		}
		v50, v99, p50, p99 := r.view.at(0.5), r.view.at(0.99), r.plain.at(0.5), r.plain.at(0.99)
		full := "" // the load slows the institutions themselves
		if first := views[slices.IndexFunc(views, func(f viewRow) bool { return f.sources == r.sources })]; r.paused && p50 > first.plain.at(0.5)*3/2 {
			full = "*"
		}
		_, _ = fmt.Fprintf(w, "%d\t%d\t%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%+.1f\t%+.1f\t%.1f\t%.2f\t%d, %d%s\t\n", r.sources, r.atOnce, pause,
			len(r.view.took), ms(v50), ms(v99), ms(p50), ms(p99), ms(v50-p50), ms(v99-p99), r.view.rate(), r.view.rate()/r.plain.rate(), r.view.short, r.plain.short, full)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "\nwhat\tper second\tx\tof\tper second\tat least\t")
	for _, r := range small {
		least := ""
		if r.atLeast > 0 {
			least = fmt.Sprintf("%.2f", r.atLeast)
		}
		_, _ = fmt.Fprintf(w, "%s\t%.0f\t%.3f\t%s\t%.0f\t%s\t\n", r.what, r.rate, r.rate/r.baseIs, r.base, r.baseIs, least)
	}
	_, _ = fmt.Fprint(w, "\nTo hold, a second between asks: over p50 +3 ms, over p99 +10 ms; without a pause: x plain 0.85.\n"+
		"* under this load the institutions themselves are slow: the machine is full, and over p50 and p99 tell of it, not of jali.\n")
	return w.Flush()
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// asked is what many asks took, in order of size, and how long they took together.
type asked struct {
	took  []time.Duration
	all   time.Duration
	short int // in which a source did not answer in time
}

// join adds what was asked later.
func (a *asked) join(b asked) {
	a.took = slices.Sorted(slices.Values(append(a.took, b.took...)))
	a.all += b.all
	a.short += b.short
}

// at answers a quantile.
func (a asked) at(q float64) time.Duration {
	if len(a.took) == 0 {
		return 0
	}
	return a.took[min(len(a.took)-1, int(q*float64(len(a.took))))]
}

func (a asked) rate() float64 { return float64(len(a.took)) / a.all.Seconds() }
