package ledger

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/kv"
)

// desk is one account in a ledger.
type desk struct {
	*Ledger
	a Account
}

func newDesk(t testing.TB) desk {
	l, _, _ := openLedger(t)
	return desk{l, Account{Person: "p", Part: "part", ID: "acc"}}
}

// read is a whole look at an account as aggregate does it: what is kept, a
// reading of the parts that it asks for, and the writing down.
func read(t fataler, l desk, span connectors.Span, at time.Time, of func(connectors.Span) ([]connectors.Bill, bool)) *Kept {
	t.Helper()
	k := open(t, l, span)
	parts, anew := k.Ask(span, at)
	r := Reading{At: at, Anew: anew}
	for _, p := range parts {
		bills, whole := of(p)
		r.Bills = append(r.Bills, packed(bills...)...)
		if !whole {
			break
		}
		r.Read = append(r.Read, p)
	}
	if len(r.Read) > 0 || len(r.Bills) > 0 {
		keep(t, l, k, r)
	}
	return k
}

func open(t fataler, l desk, span connectors.Span) *Kept {
	t.Helper()
	w := Wish{Account: l.a}
	if span != (connectors.Span{}) {
		w.From, w.To = span.From.AddDate(0, 0, -15), span.To.AddDate(0, 0, 1)
	}
	all, err := l.Ledger.Kept(context.Background(), []Wish{w})
	if err != nil {
		t.Fatal(err)
	}
	if err := all[0].Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	return all[0]
}

func keep(t fataler, l desk, k *Kept, r Reading) (ok bool) {
	t.Helper()
	if !k.Merge(r) {
		return true
	}
	for end := false; !end; {
		var err error
		if end, err = k.Seal(context.Background(), 2*sheetSize); err != nil {
			t.Fatal(err)
		}
		if err := l.DB.Update(context.Background(), func(tx kv.Tx) (err error) {
			ok, err = l.Ledger.Keep(tx, k)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if !ok {
			return false
		}
	}
	return ok
}

func packed(bills ...connectors.Bill) (all []Packed) {
	for _, b := range bills {
		all = append(all, Pack(b))
	}
	return all
}

// tells is what is known of a span: each bill by its seed, id and state.
func tells(k *Kept, s connectors.Span) (all []string) {
	for _, known := range k.Bills {
		if b := known.Bill(); !known.Gone && !b.At.Before(s.From) && b.At.Before(s.To) {
			all = append(all, fmt.Sprintf("%s=%s %s %d", known.Seed(), b.ID, b.State, b.Amount.Minor))
		}
	}
	slices.Sort(all)
	return all
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, shanghai)

func before(at time.Time) connectors.Span {
	return connectors.Span{From: at.AddDate(0, 0, -30), To: at}
}

// moved is a payment of so many days before noon.
func moved(id string, days float64, minor int64, state connectors.BillState, shop string) connectors.Bill {
	return connectors.Bill{ID: id, At: noon.Add(-time.Duration(days * 24 * float64(time.Hour))), Amount: money.Amount{Minor: minor, Currency: "CNY"},
		Direction: connectors.Out, Flow: connectors.FlowOut, State: state, Kind: connectors.Payment, Counterparty: shop}
}

func TestWhatPendingBillsBecome(t *testing.T) {
	p, b := connectors.Pending, connectors.Done
	for _, tt := range []struct {
		name        string
		first, then []connectors.Bill
		want        []string
	}{
		{"the same id", []connectors.Bill{moved("1", 1, 500, p, "瑞幸")}, []connectors.Bill{moved("1", 1, 500, b, "瑞幸")},
			[]string{"1=1 booked 500"}},
		{"another id", []connectors.Bill{moved("p1", 1, 500, p, "瑞幸")}, []connectors.Bill{moved("b1", 0.5, 500, b, "瑞幸")},
			[]string{"p1=b1 booked 500"}},
		{"the shop with its town", []connectors.Bill{moved("p1", 1, 500, p, "LUCKIN")}, []connectors.Bill{moved("b1", 0.5, 500, b, "Luckin Hangzhou")},
			[]string{"p1=b1 booked 500"}},
		{"a tip", []connectors.Bill{moved("p1", 1, 500, p, "瑞幸")}, []connectors.Bill{moved("b1", 0.5, 575, b, "瑞幸")},
			[]string{"p1=b1 booked 575"}},
		{"too much for a tip", []connectors.Bill{moved("p1", 1, 500, p, "瑞幸")}, []connectors.Bill{moved("b1", 0.5, 700, b, "瑞幸")},
			[]string{"b1=b1 booked 700"}},
		{"another amount of nobody", []connectors.Bill{moved("p1", 1, 500, p, "")}, []connectors.Bill{moved("b1", 0.5, 505, b, "")},
			[]string{"b1=b1 booked 505"}},
		{"another shop", []connectors.Bill{moved("p1", 1, 500, p, "瑞幸")}, []connectors.Bill{moved("b1", 0.5, 500, b, "星巴克")},
			[]string{"b1=b1 booked 500"}},
		{"the other way", []connectors.Bill{moved("p1", 1, 500, p, "瑞幸")}, []connectors.Bill{func() connectors.Bill {
			x := moved("b1", 0.5, 500, b, "瑞幸")
			x.Direction = connectors.In
			return x
		}()}, []string{"b1=b1 booked 500"}},
		{"two of one: no guess", []connectors.Bill{moved("p1", 1, 500, p, "地铁"), moved("p2", 1.2, 500, p, "地铁")},
			[]connectors.Bill{moved("b1", 0.5, 500, b, "地铁")}, []string{"b1=b1 booked 500"}},
		{"one of two: no guess", []connectors.Bill{moved("p1", 1, 500, p, "地铁")},
			[]connectors.Bill{moved("b1", 0.5, 500, b, "地铁"), moved("b2", 0.4, 500, b, "地铁")}, []string{"b1=b1 booked 500", "b2=b2 booked 500"}},
		{"twins by their moment", []connectors.Bill{moved("p1", 1, 500, p, "地铁"), moved("p2", 1.2, 500, p, "地铁")},
			[]connectors.Bill{moved("b1", 1, 500, b, "地铁"), moved("b2", 1.2, 500, b, "地铁")}, []string{"p1=b1 booked 500", "p2=b2 booked 500"}},
		{"the source says", []connectors.Bill{moved("p1", 1, 500, p, "地铁"), moved("p2", 1.2, 500, p, "地铁")},
			[]connectors.Bill{func() connectors.Bill { x := moved("b9", 0.5, 900, b, "酒店"); x.Was = "p2"; return x }(), moved("p1", 1, 500, p, "地铁")},
			[]string{"p1=p1 pending 500", "p2=b9 booked 900"}},
		{"both are told, and the source says", []connectors.Bill{moved("p1", 1, 500, p, "地铁")},
			[]connectors.Bill{moved("p1", 1, 500, p, "地铁"), func() connectors.Bill { x := moved("b1", 0.5, 500, b, "地铁"); x.Was = "p1"; return x }()},
			[]string{"p1=b1 booked 500"}},
		{"taken back", []connectors.Bill{moved("p1", 1, 500, p, "地铁"), moved("b2", 2, 600, b, "地铁")}, nil, nil},
		{"given back", []connectors.Bill{moved("b1", 1, 500, b, "地铁")}, []connectors.Bill{moved("b1", 1, 500, connectors.Reversed, "地铁")},
			[]string{"b1=b1 reversed 500"}},
		{"still pending beside a like one", []connectors.Bill{moved("p1", 1, 500, p, "地铁")},
			[]connectors.Bill{moved("p1", 1, 500, p, "地铁"), moved("b1", 0.5, 500, b, "地铁")}, []string{"b1=b1 booked 500", "p1=p1 pending 500"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newDesk(t)
			say := func(bills []connectors.Bill) func(connectors.Span) ([]connectors.Bill, bool) {
				return func(connectors.Span) ([]connectors.Bill, bool) { return bills, true }
			}
			read(t, l, before(noon), noon, say(tt.first))
			for again := range 3 { // it stays as it was found
				at := noon.Add(time.Duration(again+1) * time.Minute)
				if got := tells(read(t, l, before(at), at, say(tt.then)), before(at)); !slices.Equal(got, tt.want) {
					t.Errorf("reading %d tells %q, want %q", again+2, got, tt.want)
				}
			}
		})
	}
}

// What was pending may be gone for a while before it is booked, and what was
// booked may be left out once: their ids stay.
func TestAnIdOutlastsAGap(t *testing.T) {
	l := newDesk(t)
	at := noon
	step := func(want string, bills ...connectors.Bill) {
		t.Helper()
		at = at.Add(time.Hour)
		k := read(t, l, before(at), at, func(connectors.Span) ([]connectors.Bill, bool) { return bills, true })
		if got := strings.Join(tells(k, before(at)), ", "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	step("p1=p1 pending 500", moved("p1", 1, 500, connectors.Pending, "瑞幸"))
	step("")
	step("p1=b1 booked 500", moved("b1", 0.5, 500, connectors.Done, "瑞幸"))
	step("")
	step("p1=b1 booked 500", moved("b1", 0.5, 500, connectors.Done, "瑞幸"))
	step("p1=b1 booked 500", moved("b1", 0.5, 500, connectors.Done, "瑞幸"), moved("p1", 1, 500, connectors.Pending, "瑞幸")) // it is told twice
	step("again:p1=p1 booked 500, p1=b1 booked 500", moved("b1", 0.5, 500, connectors.Done, "瑞幸"), moved("p1", 1, 500, connectors.Done, "瑞幸"))
}

func TestWhatIsAskedAgain(t *testing.T) {
	day := func(d string) time.Time {
		at, err := time.ParseInLocation(time.DateOnly, d, shanghai)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, tt := range []struct {
		name    string
		pending string // the day of a pending bill
		later   time.Duration
		span    connectors.Span // zero: the month before
		want    string
	}{
		{"an hour later: three days", "", time.Hour, connectors.Span{}, "2026-11-18/2026-11-21"},
		{"from what is pending on", "2026-11-02", time.Hour, connectors.Span{}, "2026-11-02/2026-11-21"},
		{"pending before what is asked", "2026-11-02", time.Hour, connectors.Span{From: day("2026-11-10"), To: noon}, "2026-11-18/2026-11-21"},
		{"five days later", "", 5 * 24 * time.Hour, connectors.Span{}, "2026-11-18/2026-11-26"},
		{"a week later: everything", "", 7 * 24 * time.Hour, connectors.Span{}, "2026-10-29/2026-11-28"},
		{"earlier days than before", "", time.Hour, connectors.Span{From: day("2026-10-01"), To: noon}, "2026-10-01/2026-10-22 2026-11-18/2026-11-21"},
		{"all of it settled: its end", "", time.Hour, connectors.Span{From: day("2026-11-01"), To: day("2026-11-10")}, "2026-11-07/2026-11-10"},
		{"a clock that went back", "", -time.Hour, connectors.Span{}, "2026-10-22/2026-11-21"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newDesk(t)
			var bills []connectors.Bill
			if tt.pending != "" {
				b := moved("p", 0, 100, connectors.Pending, "")
				b.At = day(tt.pending).Add(9 * time.Hour)
				bills = []connectors.Bill{b}
			}
			whole := connectors.Span{From: day("2026-10-22"), To: noon}
			read(t, l, whole, noon, func(connectors.Span) ([]connectors.Bill, bool) { return bills, true })
			at := noon.Add(tt.later)
			if tt.span == (connectors.Span{}) {
				tt.span = before(at)
			}
			parts, _ := open(t, l, tt.span).Ask(tt.span, at)
			var got []string
			for _, p := range parts {
				got = append(got, p.From.In(shanghai).Format(time.DateOnly)+"/"+p.To.In(shanghai).Format(time.DateOnly))
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("asks for %s, want %s", s, tt.want)
			}
		})
	}
}

// Two looks at once: who comes second is told so, and merges into what the
// first has kept.
func TestTwoReadingsMeet(t *testing.T) {
	l := newDesk(t)
	span := before(noon)
	read(t, l, span, noon, func(connectors.Span) ([]connectors.Bill, bool) {
		return []connectors.Bill{moved("p1", 1, 500, connectors.Pending, "瑞幸")}, true
	})
	later := Reading{At: noon.Add(time.Minute), Read: []connectors.Span{span}, Bills: packed(moved("b1", 0.5, 500, connectors.Done, "瑞幸"))}
	more := Reading{At: noon.Add(2 * time.Minute), Read: []connectors.Span{span},
		Bills: packed(moved("b1", 0.5, 500, connectors.Done, "瑞幸"), moved("b2", 0.4, 500, connectors.Done, "瑞幸"))}
	one, two := open(t, l, span), open(t, l, span)
	if !keep(t, l, one, later) {
		t.Fatal("the first is not kept")
	}
	if keep(t, l, two, more) {
		t.Fatal("the second is written over the first")
	}
	if two = open(t, l, span); !keep(t, l, two, more) { // alone it would not have known which of the two it was
		t.Fatal("the second is not kept at last")
	}
	if got, want := tells(two, span), []string{"b2=b2 booked 500", "p1=b1 booked 500"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Nobody has read for a month: nothing stays but the names of what had others.
func TestWhatIsKeptFades(t *testing.T) {
	ctx := context.Background()
	l := newDesk(t)
	span := before(noon)
	read(t, l, span, noon, func(connectors.Span) ([]connectors.Bill, bool) {
		return []connectors.Bill{moved("p1", 1, 500, connectors.Pending, "瑞幸"), moved("b0", 20, 123456, connectors.Done, "星巴克")}, true
	})
	read(t, l, span, noon.Add(time.Hour), func(connectors.Span) ([]connectors.Bill, bool) {
		return []connectors.Bill{moved("b1", 0.5, 500, connectors.Done, "瑞幸"), moved("b0", 20, 123456, connectors.Done, "星巴克")}, true
	})
	count := func() (n int) {
		if err := l.DB.View(ctx, func(tx kv.Tx) (err error) {
			n, err = l.Count(tx, l.a.Person, l.a.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{{KeepFor - 24*time.Hour, 2}, {KeepFor, 0}, {2 * KeepFor, 0}} {
		if err := l.Sweep(ctx, noon.Add(tt.after)); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != tt.want {
			t.Errorf("after %v %d bills are kept, want %d", tt.after, n, tt.want)
		}
	}
	k := open(t, l, connectors.Span{})
	if len(k.Bills) != 1 || k.Bills[0].Seed() != "p1" {
		t.Fatalf("what stays is %+v", k.Bills)
	}
	if b := k.Bills[0].Bill(); b.ID != "b1" || !b.Amount.Zero() || b.Counterparty != "" {
		t.Errorf("what stays is %+v", b)
	}
	if k.Told != nil || k.Settled != nil || !k.Whole.IsZero() {
		t.Errorf("it is still thought to be known: %v, %v", k.Told, k.Settled)
	}
	at := noon.Add(2 * KeepFor)
	wide := connectors.Span{From: noon.AddDate(0, -1, 0), To: at}
	again := read(t, l, wide, at, func(s connectors.Span) ([]connectors.Bill, bool) {
		if s != wide {
			t.Errorf("only %v is asked for", s)
		}
		return []connectors.Bill{moved("b1", 0.5, 500, connectors.Done, "瑞幸")}, true
	})
	if got := tells(again, wide); !slices.Equal(got, []string{"p1=b1 booked 500"}) {
		t.Errorf("read again: %q", got)
	}
}

// Forgetting an account, or a person, leaves no row.
func TestKeptIsForgotten(t *testing.T) {
	ctx := context.Background()
	for name, forget := range map[string]func(desk, kv.Tx) error{
		"account": func(l desk, tx kv.Tx) error { return l.Forget(tx, l.a.Person, l.a.ID) },
		"person":  func(l desk, tx kv.Tx) error { return l.PersonLeaves(tx, l.a.Person) },
	} {
		l := newDesk(t)
		read(t, l, before(noon), noon, func(connectors.Span) ([]connectors.Bill, bool) {
			return []connectors.Bill{moved("1", 1, 500, connectors.Done, "")}, true
		})
		rows := func() (n int) {
			if err := l.DB.View(ctx, func(tx kv.Tx) error {
				n = 0
				for _, err := range tx.Scan(kv.Range{}) {
					if err != nil {
						return err
					}
					n++
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := rows(); n != 3 {
			t.Fatalf("%d rows are kept of one bill, want what was told, the sheet and its day", n)
		}
		if err := l.DB.Update(ctx, func(tx kv.Tx) error { return forget(l, tx) }); err != nil {
			t.Fatal(err)
		}
		if n := rows(); n != 0 {
			t.Errorf("%s: %d rows are left", name, n)
		}
	}
}

// movement is what happens at a source.
type movement struct {
	id      int
	at      time.Time     // when it was made
	seen    time.Duration // after which the source tells it
	booked  time.Duration // after which it is booked; less than seen: at once
	renamed bool          // it has another id then
	moves   bool          // and another time
	dropped bool          // it never is: then it vanishes
}

// tell is what the source says of it at a moment.
func (m movement) tell(now time.Time) (connectors.Bill, bool) {
	b := connectors.Bill{ID: fmt.Sprint("p", m.id), At: m.at, Amount: money.Amount{Minor: int64(1000 + 500*m.id), Currency: "CNY"}, // more than a fifth apart, of those that are near
		Direction: connectors.Out, Flow: connectors.FlowOut, State: connectors.Pending, Kind: connectors.Payment, Counterparty: fmt.Sprint("shop ", m.id, ".")}
	age := now.Sub(m.at)
	switch {
	case age < m.seen:
		return b, false
	case age < m.booked:
		return b, true
	case m.dropped:
		return b, false
	}
	b.State = connectors.Done
	if m.renamed {
		b.ID = fmt.Sprint("b", m.id)
	}
	if m.moves && m.renamed {
		b.At = m.at.Add(m.booked)
	}
	return b, true
}

// follow reads a source at moments, and complains of the first at which what is
// known is not what the source tells, or a bill goes by another name.
func follow(t fataler, l *Ledger, all []movement, at []reading) error {
	d := desk{l, Account{Person: "p", Part: "part", ID: rand.Text()}}
	names := map[int]string{}
	for n, r := range at {
		source := map[string]movement{}
		of := func(s connectors.Span) (bills []connectors.Bill, whole bool) {
			for _, m := range all {
				if b, ok := m.tell(r.at); ok && !b.At.Before(s.From) && b.At.Before(s.To) {
					bills = append(bills, b)
					source[b.ID] = m
				}
			}
			if r.fails {
				return bills[:len(bills)/2], false
			}
			return bills, true
		}
		k := read(t, d, r.span, r.at, of)
		if r.fails {
			continue
		}
		want, _ := of(r.span)
		got := map[string]Known{}
		for _, b := range k.Bills {
			if !b.Gone && !b.At.Before(r.span.From) && b.At.Before(r.span.To) {
				got[b.ID()] = b
			}
		}
		if len(got) != len(want) {
			return fmt.Errorf("reading %d at %v knows %d bills, the source tells %d", n, r.at, len(got), len(want))
		}
		for _, w := range want {
			if g, ok := got[w.ID]; !ok || g.Packed != Pack(w) {
				return fmt.Errorf("reading %d knows %+v, the source tells %+v", n, g.Bill(), w)
			}
			m := source[w.ID].id
			if name := names[m]; name == "" {
				names[m] = got[w.ID].Seed()
			} else if name != got[w.ID].Seed() {
				return fmt.Errorf("reading %d knows movement %d as %s, it was %s", n, m, got[w.ID].Seed(), name)
			}
		}
	}
	return nil
}

type reading struct {
	at    time.Time
	span  connectors.Span
	fails bool
}

// However often it is read, over whatever days, and whatever fails on the way:
// what is known is what the source tells, each bill under the name it had first.
func TestAnyReadingsGiveTheSameBills(t *testing.T) {
	l, _, _ := openLedger(t)
	start := time.Date(2026, 10, 1, 0, 0, 0, 0, shanghai)
	hours := func(t *rapid.T, most int, what string) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(t, what)) * time.Hour
	}
	rapid.Check(t, func(t *rapid.T) {
		var all []movement
		for i := range rapid.IntRange(1, 12).Draw(t, "movements") {
			all = append(all, movement{id: i, at: start.Add(hours(t, 40*24, "at")).Add(time.Duration(i) * time.Second), seen: hours(t, 48, "seen"), booked: hours(t, 9*24, "booked"),
				renamed: rapid.Bool().Draw(t, "renamed"), moves: rapid.Bool().Draw(t, "moves"), dropped: rapid.IntRange(0, 5).Draw(t, "dropped") == 0})
		}
		var at []reading
		now := start.AddDate(0, 0, 20)
		for range rapid.IntRange(1, 12).Draw(t, "readings") {
			now = now.Add(time.Hour + hours(t, 72, "later"))
			at = append(at, reading{now, connectors.Span{From: start.AddDate(0, 0, -1), To: now}, rapid.IntRange(0, 4).Draw(t, "fails") == 0})
		}
		if err := follow(t, l, all, at); err != nil {
			t.Fatal(err)
		}
	})
}

// The harness sees what it is there to see: a source that tells of a movement
// long after it.
func TestTheFollowerSeesAFault(t *testing.T) {
	l, _, _ := openLedger(t)
	at := noon
	late := []movement{{id: 1, at: at.AddDate(0, 0, -4), seen: 4*24*time.Hour + time.Hour}}
	span := before(at)
	if err := follow(t, l, late, []reading{{at, span, false}, {at.Add(2 * time.Hour), connectors.Span{From: span.From, To: at.Add(2 * time.Hour)}, false}}); err == nil {
		t.Error("a bill that came late is not missed")
	}
	if err := follow(t, l, late, []reading{{at, span, false}, {at.AddDate(0, 0, 7), connectors.Span{From: span.From, To: at.AddDate(0, 0, 7)}, false}}); err != nil {
		t.Errorf("a week later it is still missed: %v", err)
	}
}

// A reading that is more than one transaction writes: until the last nothing is
// said to be told and no bill is there twice, and who falls over on the way is
// none the worse for it after the next reading.
func TestAReadingOfManyWrites(t *testing.T) {
	ctx := context.Background()
	span := before(noon)
	var before, after []connectors.Bill
	for i := range 4 * sheetSize {
		b := moved(fmt.Sprint("n", i), 10*float64(i)/(4*sheetSize), int64(i+100), connectors.Done, "地铁")
		before = append(before, b)
		if i%7 > 0 { // one in seven is taken back, so that the others move from sheet to sheet
			after = append(after, b)
		}
	}
	// Pending in one week, booked under another name in the next.
	before = append(before, moved("p", 8, 7, connectors.Pending, "酒店"))
	after = append(after, moved("b", 1, 7, connectors.Done, "酒店"))
	reading := func(at time.Time, bills []connectors.Bill) Reading {
		return Reading{At: at, Anew: true, Read: []connectors.Span{span}, Bills: packed(bills...)}
	}
	want := func() []string {
		l := newDesk(t)
		keep(t, l, open(t, l, span), reading(noon, before))
		k := open(t, l, span)
		keep(t, l, k, reading(noon.Add(time.Hour), after))
		return tells(k, span)
	}()
	if !slices.Contains(want, "p=b booked 7") {
		t.Fatal("the example has no bill that is renamed")
	}
	for fall, fell := 1, true; fell; fall++ { // after so many transactions
		l := newDesk(t)
		keep(t, l, open(t, l, span), reading(noon, before))
		k := open(t, l, span)
		k.Merge(reading(noon.Add(time.Hour), after))
		fell = false
		for n := 1; ; n++ {
			end, err := k.Seal(ctx, sheetSize)
			if err == nil {
				err = l.DB.Update(ctx, func(tx kv.Tx) error {
					if ok, err := l.Keep(tx, k); err != nil || !ok {
						return fmt.Errorf("kept %v, %w", ok, err)
					}
					return nil
				})
			}
			if err != nil {
				t.Fatal(err)
			}
			if end {
				break
			}
			half := open(t, l, span)
			seen := map[string]bool{}
			for _, b := range half.Bills {
				if seen[b.ID()] {
					t.Fatalf("after %d transactions %s is there twice", n, b.ID())
				}
				seen[b.ID()] = true
			}
			if _, anew := half.Ask(span, noon.Add(2*time.Hour)); !anew || half.Told != nil {
				t.Fatalf("after %d transactions %v is said to be told", n, half.Told)
			}
			if fell = n == fall; fell {
				break
			}
		}
		last := open(t, l, span)
		keep(t, l, last, reading(noon.Add(2*time.Hour), after))
		if got := tells(open(t, l, span), span); !slices.Equal(got, want) {
			t.Errorf("fallen over after %d transactions: %d bills are told, want %d, p=b: %v", fall, len(got), len(want), slices.Contains(got, "p=b booked 7"))
		}
	}
}

// A reading that breaks off behind what a pending bill has become, and before
// it is clear that the pending one is gone, gives it no second name.
func TestABrokenReadingNamesNothing(t *testing.T) {
	l := newDesk(t)
	span := before(noon)
	p, b, other := moved("p1", 1, 500, connectors.Pending, "瑞幸"), moved("b1", 0.5, 500, connectors.Done, "瑞幸"), moved("b2", 0.4, 900, connectors.Done, "地铁")
	for n, step := range []struct {
		whole bool
		tells []connectors.Bill
		want  []string
	}{
		{true, []connectors.Bill{p}, []string{"p1=p1 pending 500"}},
		{false, []connectors.Bill{b, other}, []string{"b2=b2 booked 900", "p1=p1 pending 500"}},
		{true, []connectors.Bill{b, other}, []string{"b2=b2 booked 900", "p1=b1 booked 500"}},
	} {
		k := read(t, l, span, noon.Add(time.Duration(n)*time.Minute), func(connectors.Span) ([]connectors.Bill, bool) { return step.tells, step.whole })
		if got := tells(k, span); !slices.Equal(got, step.want) {
			t.Errorf("reading %d tells %q, want %q", n+1, got, step.want)
		}
	}
}
