package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"jali/connectors"
)

func takeForm(t fataler, l *Ledger, account, form string, bills ...connectors.Bill) (known, added int) {
	t.Helper()
	ctx := context.Background()
	i, err := l.Begin(ctx, "p", []Account{{Person: "p", ID: account}})
	if err != nil {
		t.Fatal(err)
	}
	i.Form = form
	for _, b := range bills {
		err = errors.Join(err, i.Add(ctx, account, b))
	}
	if err = errors.Join(err, i.Seal(ctx)); err == nil && i.News() {
		err = l.DB.Update(ctx, i.Finish)
	}
	if err = errors.Join(err, i.Close(ctx)); err != nil {
		t.Fatal(err)
	}
	return i.Count(account)
}

// told is a row without a number, as a form that writes its own texts tells it.
func told(form, id, when string, minor int64) connectors.Bill {
	b := bill("~"+form+id, when, connectors.Done)
	b.Amount.Minor, b.Order, b.Merchant, b.Refs = minor, "", "", nil
	b.DateOnly = strings.HasSuffix(when, "00:00")
	if form == "brief" {
		b.Counterparty, b.Method = "", ""
	}
	return b
}

// Two forms of one account tell each movement once, whichever came first, and
// two equal ones of a day stay two.
func TestTwoFormsOfAnAccount(t *testing.T) {
	full := []connectors.Bill{
		told("full", "1", "2026-01-05 09:00", 1000), told("full", "2", "2026-01-05 15:00", 1000),
		told("full", "3", "2026-01-31 10:00", 700), told("full", "4", "2026-02-01 07:00", 300),
	}
	brief := []connectors.Bill{
		told("brief", "a", "2026-01-05 00:00", 1000), told("brief", "b", "2026-01-05 00:00", 1000),
		told("brief", "c", "2026-02-01 00:00", 300), told("brief", "d", "2026-02-02 00:00", 300), told("brief", "e", "2026-01-05 00:00", 900),
	}
	more := append(slices.Clone(full[2:]), told("full", "5", "2026-02-02 08:00", 300), told("full", "6", "2026-02-02 09:00", 300))
	type file struct {
		form         string
		bills        []connectors.Bill
		known, added int
	}
	var want []Known
	for why, files := range map[string][]file{
		"the one that says more first": {{"full", full, 0, 4}, {"brief", brief, 3, 2}, {"full", more, 3, 1}, {"brief", brief, 5, 0}},
		"the one that says less first": {{"brief", brief, 0, 5}, {"full", full, 3, 1}, {"full", more, 3, 1}, {"full", full, 4, 0}},
		"the other in between":         {{"full", more, 0, 4}, {"brief", brief, 2, 3}, {"full", full, 4, 0}},
	} {
		l, _, _ := openLedger(t)
		for n, f := range files {
			if known, added := takeForm(t, l, "acc", f.form, f.bills...); known != f.known || added != f.added {
				t.Errorf("%s: file %d has %d known and %d new, want %d and %d", why, n, known, added, f.known, f.added)
			}
		}
		got, err := l.Bills(t.Context(), Account{Person: "p", ID: "acc"}, time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		for _, b := range got {
			if sum += b.Bill().Amount.Minor; b.DateOnly() && b.Bill().Amount.Minor != 900 {
				t.Errorf("%s: %s of %s is read without its time", why, b.Bill().Amount, b.At)
			}
		}
		if len(got) != 7 || sum != 1000+1000+700+300+300+300+900 {
			t.Errorf("%s: %d bills of %d, want 7", why, len(got), sum)
		}
		if want == nil {
			want = got
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Known{})); diff != "" {
			t.Errorf("%s: %s", why, diff)
		}
		seeds := map[string]bool{}
		for _, b := range got {
			for _, s := range append(b.Also(), b.Seed()) {
				seeds[s] = true
			}
		}
		if len(seeds) != 11 {
			t.Errorf("%s: of eleven ids %d lead to a bill", why, len(seeds))
		}
	}
}

// What must not be paired: rows of one form, of another direction or that came
// to nothing, and two that have numbers of their own.
func TestRowsThatAreNotOfOneMovement(t *testing.T) {
	one, back, failed := told("full", "1", "2026-01-05 09:00", 1000), told("brief", "1", "2026-01-05 00:00", 1000), told("brief", "2", "2026-01-05 00:00", 1000)
	back.Direction, failed.State = connectors.In, connectors.Failed
	numbered := func(id string) connectors.Bill {
		b := one
		b.ID = id
		return b
	}
	for why, tt := range map[string]struct {
		full, brief connectors.Bill
		want        int
	}{
		"the other way":           {one, back, 2},
		"failed":                  {one, failed, 2},
		"another number":          {numbered("17~a"), numbered("18~a"), 2},
		"the same number":         {numbered("17~a"), numbered("17~a"), 1},
		"a number on one side":    {numbered("17~a"), told("brief", "3", "2026-01-05 00:00", 1000), 1},
		"another day":             {one, told("brief", "3", "2026-01-06 00:00", 1000), 2},
		"the day alone, and time": {one, told("brief", "3", "2026-01-05 00:00", 1000), 1},
	} {
		l, _, _ := openLedger(t)
		takeForm(t, l, "acc", "full", tt.full)
		takeForm(t, l, "acc", "brief", tt.brief)
		takeForm(t, l, "one", "full", one, tt.brief)
		if got := bills(t, l, "p", "acc", time.Time{}, time.Time{}); len(got) != tt.want {
			t.Errorf("%s: %d bills, want %d", why, len(got), tt.want)
		}
		if got := bills(t, l, "p", "one", time.Time{}, time.Time{}); len(got) != 2 {
			t.Errorf("%s: in one form %d bills", why, len(got))
		}
	}
}

// Days are told by two or three forms, in files of any order that overlap: of
// each movement there is one bill, by the same id and with the same text.
func TestFormsInAnyOrder(t *testing.T) {
	l, _, _ := openLedger(t)
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		type file struct {
			form string
			rows []connectors.Bill
		}
		var files []file
		movements, most := map[string]int{}, 0
		forms := rapid.SampledFrom([][]string{{"full", "brief"}, {"full", "brief", "third"}}).Draw(t, "forms")
		days := rapid.IntRange(1, 5).Draw(t, "days")
		first := map[string]map[int][]connectors.Bill{}
		for d := range days {
			for minor := range int64(2) {
				n := rapid.IntRange(0, 3).Draw(t, "rows")
				most += n
				movements[fmt.Sprint(d, minor)] = n
				for i := range n {
					for _, form := range forms {
						when := day("2026-01-29 00:00").AddDate(0, 0, d)
						if form == "full" {
							when = when.Add(time.Duration(rapid.IntRange(1, 23).Draw(t, "hour")) * time.Hour)
						}
						if first[form] == nil {
							first[form] = map[int][]connectors.Bill{}
						}
						first[form][d] = append(first[form][d], told(form, fmt.Sprint(d, minor, i), when.Format("2006-01-02 15:04"), minor+1))
					}
				}
			}
		}
		for _, form := range forms {
			all := file{form: form}
			for d := range days {
				all.rows = append(all.rows, first[form][d]...)
			}
			from := rapid.IntRange(0, days-1).Draw(t, "from")
			part := file{form: form}
			for d := from; d < days; d++ {
				part.rows = append(part.rows, first[form][d]...)
			}
			files = append(files, all, part)
		}
		var want []Known
		for range 2 {
			round++
			account, total := fmt.Sprint("acc", round), 0
			for _, f := range rapid.Permutation(files).Draw(t, "order") {
				known, added := takeForm(t, l, account, f.form, f.rows...)
				if total += added; known+added != len(f.rows) {
					t.Errorf("%d known and %d new of %d rows", known, added, len(f.rows))
				}
			}
			if total != most {
				t.Errorf("%d were new, want %d", total, most)
			}
			got, err := l.Bills(context.Background(), Account{Person: "p", ID: account}, time.Time{}, time.Time{})
			if err != nil || len(got) != most {
				t.Fatalf("%d bills, want %d: %v", len(got), most, err)
			}
			if want == nil {
				want = got
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(Known{})); diff != "" {
				t.Errorf("in another order: %s", diff)
			}
			var windowed []connectors.Bill
			for d := range days + 2 {
				from := day("2026-01-28 00:00").AddDate(0, 0, d)
				windowed = append(windowed, bills(t, l, "p", account, from, from.AddDate(0, 0, 1))...)
			}
			if diff := cmp.Diff(bills(t, l, "p", account, time.Time{}, time.Time{}), windowed); diff != "" {
				t.Errorf("day by day: %s", diff)
			}
		}
	})
}

// What was said of a bill under the id it went by before holds for the one that
// it has: of two words on the same pair the later.
func TestWordsFollow(t *testing.T) {
	w := Words{Decisions: []Decision{{A: "old", B: "x", Link: "mirror", Yes: true}, {A: "x", B: "new", Link: "mirror"}, {A: "y", B: "old", Link: "refund", Yes: true}},
		Filed: map[string]string{"old": "food", "older": "travel", "kept": "travel"}}
	w.Follow(map[string]string{"old": "new", "older": "kept2", "unsaid": "z"})
	want := []Decision{{A: "x", B: "new", Link: "mirror"}, {A: "y", B: "new", Link: "refund", Yes: true}}
	if diff := cmp.Diff(want, w.Decisions); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if w.Filed["new"] != "food" || w.Filed["kept2"] != "travel" || w.Filed["z"] != "" {
		t.Errorf("filed %v", w.Filed)
	}
}
