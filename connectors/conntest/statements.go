package conntest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"jali/connectors"
)

func (r *run) statements(t *testing.T, lister connectors.StatementLister) {
	total := 0
	for i, a := range r.known {
		all := r.state(t, lister, a.Ref, r.year(), r.To)
		if a.Side == connectors.Asset && len(all) > 0 {
			t.Errorf("account %d: %d statements of what is nobody's debt", i, len(all))
		}
		total += len(all)
		seen := map[string]bool{}
		for _, s := range all {
			switch {
			case !s.Account.ID.Equal(a.Ref.ID):
				t.Errorf("account %d: a statement of another account", i)
			case !s.Period.From.Before(s.Period.To), s.Period.To.Before(r.year()), !s.Period.To.Before(r.To):
				t.Errorf("account %d: a statement that closed at %v, outside of what was asked", i, s.Period)
			case s.Due.Minor < 0, s.Minimum.Minor < 0, s.Paid.Minor < 0, s.Due.Currency == "",
				s.Minimum.Minor > 0 && s.Minimum.Currency != s.Due.Currency, s.Paid.Minor > 0 && s.Paid.Currency != s.Due.Currency:
				t.Errorf("account %d: a statement below zero, or of several currencies", i)
			case s.Paid.Minor > s.Due.Minor:
				t.Errorf("account %d: more is paid of a statement than it asks for", i)
			case s.Minimum.Minor > s.Due.Minor:
				t.Errorf("account %d: a minimum above what is due", i)
			case !s.DueDate.IsZero() && s.DueDate.Before(s.Period.To):
				t.Errorf("account %d: due on %v, before the period of %v has closed", i, s.DueDate, s.Period)
			case !s.DueDate.IsZero() && (s.DueDate.Hour() != 0 || s.DueDate.Minute() != 0):
				t.Errorf("account %d: a due date with a time of day: %v", i, s.DueDate)
			case s.ID != "" && seen[s.ID]:
				t.Errorf("account %d: a statement without an id of its own", i)
			}
			seen[s.ID] = true
		}
		if again := r.state(t, lister, a.Ref, r.year(), r.To); !slices.Equal(lines(all), lines(again)) {
			t.Errorf("account %d: other statements when read again", i)
		}
		for _, s := range all { // half-open: a closing belongs to one of two windows
			halves := slices.Concat(r.state(t, lister, a.Ref, r.year(), s.Period.To), r.state(t, lister, a.Ref, s.Period.To, r.To))
			if !slices.Equal(lines(all), lines(halves)) {
				t.Errorf("account %d: parted at %v, %d statements of %d", i, s.Period.To, len(halves), len(all))
			}
		}
		if got := r.state(t, lister, a.Ref, r.From, r.From); len(got) != 0 {
			t.Errorf("account %d: %d statements in no time at all", i, len(got))
		}
	}
	if total == 0 {
		t.Error("there are no statements in a year: nothing was tested")
	}
}

func (r *run) state(t *testing.T, lister connectors.StatementLister, ref connectors.AccountRef, from, to time.Time) []connectors.Statement {
	t.Helper()
	all, err := lister.Statements(context.Background(), r.credential, ref, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// lines are what statements tell, in order.
func lines(all []connectors.Statement) []string {
	var out []string
	for _, s := range all {
		out = append(out, fmt.Sprint(s.ID, s.Period.From.Unix(), s.Period.To.Unix(), s.Due, s.Minimum, s.DueDate.Unix(), s.Paid, s.Settled))
	}
	slices.Sort(out)
	return out
}
