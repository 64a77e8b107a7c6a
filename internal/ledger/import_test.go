package ledger

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
)

// failing is a store of which one Update fails, before or after it is done.
type failing struct {
	kv.DB
	at      int // which; 0: none
	updates int
	between func() // after each
}

var errDisk = errors.New("the disk is full")

func (f *failing) Update(ctx context.Context, do func(kv.Tx) error) error {
	f.updates++
	if f.updates == f.at {
		return errDisk
	}
	err := f.DB.Update(ctx, do)
	if f.between != nil {
		f.between()
	}
	return err
}

// rows are all of the ledger's.
func rows(t testing.TB, l *Ledger) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := l.DB.View(context.Background(), func(tx kv.Tx) error {
		clear(all)
		for e, err := range tx.Scan(kv.Range{}) {
			if err != nil {
				return err
			}
			all[string(e.Key)] = string(e.Value)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// long are bills that fill a batch by some hundred.
func long(from, n int) (all []connectors.Bill) {
	for i := from; i < from+n; i++ {
		b := bill(fmt.Sprint(i), "2020-01-01 08:00", connectors.Done)
		b.At = b.At.Add(time.Duration(i) * 7 * time.Hour)
		b.Description = strings.Repeat("面", 1000)
		all = append(all, b)
	}
	return all
}

// Whichever transaction of an import fails, nothing of it is to be seen then
// or later, and the sweep leaves the rows that were there before.
func TestAnImportThatFailsIsNotThere(t *testing.T) {
	l, _, _ := openLedger(t)
	put(t, l, "p", "acc", long(0, 10)...)
	db := l.DB
	before, failed := rows(t, l), 0
	for at := 1; ; at++ {
		f, seen := &failing{DB: db, at: at}, 10
		f.between = func() { seen = max(seen, len(bills(t, l, "p", "acc", time.Time{}, time.Time{}))) }
		l.DB = f
		_, err := take(t.Context(), l, Account{Person: "p", ID: "acc"}, long(5, 1500))
		l.DB = db
		if err == nil {
			break
		}
		failed++
		if !errors.Is(err, errDisk) {
			t.Fatal(err)
		}
		if seen != 10 {
			t.Errorf("of an import that is not finished, %d bills were to be seen", seen-10)
		}
		if got := bills(t, l, "p", "acc", time.Time{}, time.Time{}); len(got) != 10 {
			t.Errorf("transaction %d failed, and %d bills are to be seen, want 10", at, len(got))
		}
		if diff := cmp.Diff(before, rows(t, l)); diff != "" {
			t.Errorf("transaction %d failed, and was not cleared up after: %d rows, were %d", at, len(rows(t, l)), len(before))
		}
	}
	if failed < 4 {
		t.Errorf("an import of %d transactions: this test cannot fail", failed)
	}
	if got := bills(t, l, "p", "acc", time.Time{}, time.Time{}); len(got) != 1505 {
		t.Errorf("%d bills in the end, want 1505", len(got))
	}
}

const importEnv = "JALI_TEST_IMPORT_IN"

// TestImporting is the process that TestAnImportDiesWithItsProcess kills.
func TestImporting(t *testing.T) {
	dir := os.Getenv(importEnv)
	if dir == "" { // not as that process
		return
	}
	db, err := boltkv.Open(filepath.Join(dir, "jali.db"))
	if err != nil {
		t.Fatal(err)
	}
	l := &Ledger{Vault: newBox()}
	f := &failing{DB: db}
	in := bufio.NewReader(os.Stdin)
	f.between = func() {
		fmt.Println("written", f.updates)
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	l.DB = f
	if _, err := take(t.Context(), l, Account{Person: "p", ID: "acc"}, long(5, 1500)); err != nil {
		t.Fatal(err)
	}
}

// A process dies by SIGKILL after each of an import's transactions but the
// last. The next process sees nothing of it, and its sweep leaves nothing.
func TestAnImportDiesWithItsProcess(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	open := func() (*Ledger, func()) {
		db, err := boltkv.Open(filepath.Join(dir, "jali.db"))
		if err != nil {
			t.Fatal(err)
		}
		return &Ledger{DB: db, Vault: newBox()}, func() { _ = db.Close() }
	}
	l, done := open()
	put(t, l, "p", "acc", long(0, 10)...)
	before := rows(t, l)
	done()
	finished := false
	for after := 1; !finished; after++ {
		cmd := exec.Command(self, "-test.run=^TestImporting$", "-test.v")
		cmd.Env = append(os.Environ(), importEnv+"="+dir)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		written := 0
		for lines := bufio.NewScanner(out); written < after && lines.Scan(); {
			if _, err := fmt.Sscanf(lines.Text(), "written %d", &written); err == nil && written < after {
				if _, err := in.Write([]byte("\n")); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Process.Kill()
		if err := cmd.Wait(); err == nil {
			t.Fatal("it was not killed")
		}

		l, done := open()
		switch n := len(bills(t, l, "p", "acc", time.Time{}, time.Time{})); {
		case n == 1505:
			if finished = true; after < 4 {
				t.Errorf("an import of %d transactions: this test cannot fail", after)
			}
		case n != 10:
			t.Errorf("killed after %d transactions: %d bills, want 10", after, n)
		default:
			if len(rows(t, l)) <= len(before)+1 {
				t.Errorf("killed after %d transactions, there are no rows to clear away", after)
			}
			if err := l.Sweep(t.Context(), day("2026-11-22 10:00")); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, rows(t, l)); diff != "" {
				t.Errorf("killed after %d transactions, the sweep leaves %d rows, were %d", after, len(rows(t, l)), len(before))
			}
		}
		done()
	}
}

// A sweep leaves alone what is under way.
func TestASweepMeetsAnImport(t *testing.T) {
	l, _, _ := openLedger(t)
	f := &failing{DB: l.DB}
	f.between = func() {
		f.between = nil
		if err := l.Sweep(t.Context(), day("2026-11-22 10:00")); err != nil {
			t.Error(err)
		}
	}
	l.DB = f
	if n := put(t, l, "p", "acc", long(0, 1500)...); n != 1500 {
		t.Errorf("%d were new", n)
	}
	if got := bills(t, l, "p", "acc", time.Time{}, time.Time{}); len(got) != 1500 {
		t.Errorf("%d bills", len(got))
	}
}

// What is here already writes nothing at all, in whatever parts it comes.
func TestImportingAgainWritesNothing(t *testing.T) {
	l, _, _ := openLedger(t)
	a := Account{Person: "p", ID: "acc"}
	points := []Point{{At: day("2020-01-01 00:00"), Amount: money.Amount{Minor: 7, Currency: "CNY"}}, {At: day("2020-02-01 00:00"), Amount: money.Amount{Minor: 9, Currency: "CNY"}}}
	if _, err := take(t.Context(), l, a, long(0, 700), points...); err != nil {
		t.Fatal(err)
	}
	before := rows(t, l)
	f := &failing{DB: l.DB}
	l.DB = f
	for _, again := range [][]connectors.Bill{long(0, 700), long(300, 50), nil} {
		if n, err := take(t.Context(), l, a, again, points...); n != 0 || err != nil {
			t.Errorf("%d are new, %v", n, err)
		}
	}
	if f.updates != 0 {
		t.Errorf("%d transactions that write", f.updates)
	}
	if diff := cmp.Diff(before, rows(t, l)); diff != "" {
		t.Error("the rows have changed")
	}
}

// Of two imports of the same file at once one is overtaken, and is nothing.
func TestTwoImportsAtOnce(t *testing.T) {
	l, _, _ := openLedger(t)
	f := &failing{DB: l.DB}
	f.between = func() {
		f.between = nil
		put(t, l, "p", "acc", long(0, 1500)...)
	}
	l.DB = f
	if _, err := take(t.Context(), l, Account{Person: "p", ID: "acc"}, long(0, 1500)); !errors.Is(err, ErrRaced) {
		t.Errorf("the one that was overtaken: %v, want ErrRaced", err)
	}
	l.DB = f.DB
	for k := range rows(t, l) {
		if strings.Contains(k, "ledger open") {
			t.Error("it has left a row")
		}
	}
	if err := l.DB.View(t.Context(), func(tx kv.Tx) error {
		if n, err := l.Count(tx, "p", "acc"); n != 1500 || err != nil {
			t.Errorf("Count = %d, %v", n, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// An account is forgotten, or its person leaves, while a file of theirs is on
// its way in: nothing of it comes back, of the file's other accounts neither.
func TestForgottenWhileAnImportIsUnderWay(t *testing.T) {
	for why, end := range map[string]func(l *Ledger, tx kv.Tx) error{
		"forgotten": func(l *Ledger, tx kv.Tx) error { return l.Forget(tx, "p", "acc") },
		"left":      func(l *Ledger, tx kv.Tx) error { return l.PersonLeaves(tx, "p") },
	} {
		t.Run(why, func(t *testing.T) {
			l, _, _ := openLedger(t)
			db := l.DB
			f := &failing{DB: db}
			f.between = func() {
				if f.between = nil; len(rows(t, l)) < 2 {
					t.Error("nothing was written yet: this test cannot fail")
				}
				l.must(t, func(_ context.Context, tx kv.Tx) error { return end(l, tx) })
			}
			l.DB = f
			i, err := l.Begin(t.Context(), "p", []Account{{Person: "p", ID: "acc"}, {Person: "p", ID: "acc2"}})
			if err != nil {
				t.Fatal(err)
			}
			for n, b := range long(0, 3000) {
				if err = i.Add(t.Context(), []string{"acc2", "acc"}[n%2], b); err != nil {
					break
				}
			}
			if err == nil {
				err = i.Seal(t.Context())
			}
			if err == nil {
				err = db.Update(t.Context(), i.Finish)
			}
			if !errors.Is(err, ErrRaced) {
				t.Errorf("it went on: %v", err)
			}
			if err := i.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if left := rows(t, l); len(left) != 0 {
				t.Errorf("%d rows are left", len(left))
			}
		})
	}
}

// Files of several accounts become visible at once; each keeps its own.
func TestAFileOfTwoAccounts(t *testing.T) {
	l, _, _ := openLedger(t)
	i, err := l.Begin(t.Context(), "p", []Account{{Person: "p", ID: "a"}, {Person: "p", ID: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close(t.Context())
	for n, b := range long(0, 30) {
		if err := i.Add(t.Context(), []string{"a", "b", "b"}[n%3], b); err != nil {
			t.Fatal(err)
		}
	}
	if err := i.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.DB.Update(t.Context(), i.Finish); err != nil {
		t.Fatal(err)
	}
	for account, want := range map[string]int{"a": 10, "b": 20} {
		if got := len(bills(t, l, "p", account, time.Time{}, time.Time{})); got != want {
			t.Errorf("%s has %d bills, want %d", account, got, want)
		}
		if _, added := i.Count(account); added != want {
			t.Errorf("%s has %d new, want %d", account, added, want)
		}
	}
}

// Balances of files are there whatever order they came in; of a day the last.
func TestPoints(t *testing.T) {
	yuan := func(when string, minor int64) Point {
		return Point{At: day(when), Amount: money.Amount{Minor: minor, Currency: "CNY"}}
	}
	usd := Point{At: day("2026-01-01 00:00"), Amount: money.Amount{Minor: 5, Currency: "USD"}}
	first := []Point{yuan("2026-01-01 00:00", 1), usd, yuan("2026-01-01 09:00", 2), yuan("2026-01-05 09:00", 3), yuan("2026-01-05 10:00", 4)}
	second := []Point{yuan("2026-01-05 10:00", 4), yuan("2026-02-01 00:00", 5)}
	want := []Point{yuan("2026-01-01 00:00", 1), usd, yuan("2026-01-01 09:00", 2), yuan("2026-01-05 10:00", 4), yuan("2026-02-01 00:00", 5)}
	for _, order := range [][][]Point{{first, second}, {second, first}, {second, first, second}} {
		l, _, _ := openLedger(t)
		a := Account{Person: "p", ID: "acc"}
		for _, points := range order {
			if _, err := take(t.Context(), l, a, nil, points...); err != nil {
				t.Fatal(err)
			}
		}
		got, err := l.Points(t.Context(), a, time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		some, err := l.Points(t.Context(), a, day("2026-01-05 10:00"), day("2026-02-01 00:00"))
		if diff := cmp.Diff(want[3:], some); diff != "" || err != nil {
			t.Errorf("%v: -want +got:\n%s", err, diff)
		}
	}
}

// Nothing of a balance stands in the file.
func TestNoPointPlainInTheFile(t *testing.T) {
	l, _, path := openLedger(t)
	if _, err := take(t.Context(), l, Account{Person: "p", ID: "acc"}, nil, Point{At: day("2026-01-05 10:00"), Amount: money.Amount{Minor: 123456789012, Currency: "XTS"}}); err != nil {
		t.Fatal(err)
	}
	if err := l.DB.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(file, []byte("sealed")) {
		t.Fatal("the search cannot find", err)
	}
	if regexp.MustCompile(`\bXTS\b|cXTS`).Match(file) || bytes.Contains(file, []byte("123456789012")) {
		t.Error("the file holds the balance")
	}
}

// A connected account's balances are kept with its bills: the first of a day.
func TestHold(t *testing.T) {
	l, _, _ := openLedger(t)
	yuan := func(when string, kind connectors.BalanceKind, minor int64) Point {
		return Point{At: day(when), Kind: kind, Amount: money.Amount{Minor: minor, Currency: "CNY"}}
	}
	open := func() *Kept {
		all, err := l.Kept(t.Context(), []Wish{{Account: Account{Person: "p", ID: "acc"}}})
		if err == nil {
			err = all[0].Open(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		return all[0]
	}
	if open().Hold([]Point{yuan("2026-11-20 10:00", connectors.Current, 1)}) {
		t.Error("held where nothing is kept")
	}
	for _, step := range []struct {
		told  Point
		worth bool
	}{
		{yuan("2026-11-20 10:00", connectors.Current, 1), true},
		{yuan("2026-11-20 23:00", connectors.Current, 2), false},
		{yuan("2026-11-20 23:00", connectors.Booked, 3), true},
		{yuan("2026-11-21 00:10", connectors.Current, 4), true},
	} {
		k := open()
		k.Merge(Reading{At: noon, Read: []connectors.Span{before(noon)}})
		if worth := k.Hold([]Point{step.told}); worth != step.worth {
			t.Errorf("%+v is worth writing down: %v", step.told, worth)
		}
		if _, err := k.Seal(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
		l.must(t, func(_ context.Context, tx kv.Tx) error { _, err := l.Keep(tx, k); return err })
	}
	want := []Point{yuan("2026-11-20 10:00", connectors.Current, 1), yuan("2026-11-20 23:00", connectors.Booked, 3), yuan("2026-11-21 00:10", connectors.Current, 4)}
	if diff := cmp.Diff(want, open().Points); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if err := l.Sweep(t.Context(), noon.Add(KeepFor+48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if left := open().Points; len(left) != 0 {
		t.Errorf("nobody has read for a month, and %d balances are left", len(left))
	}
}
