package conntest

import (
	"context"
	"slices"
	"testing"
	"time"

	"jali/connectors"
)

// most is how many pages a window may have before the listing is taken for
// one without an end.
const most = 2000

var (
	states = []connectors.BillState{connectors.Pending, connectors.Done, connectors.Reversed, connectors.Failed}
	flows  = []connectors.Flow{connectors.FlowIn, connectors.FlowOut, connectors.FlowInternal}
	kinds  = []connectors.Kind{connectors.Payment, connectors.Income, connectors.Refund, connectors.Transfer, connectors.Topup,
		connectors.Withdrawal, connectors.Repayment, connectors.LoanKind, connectors.Investment, connectors.Redemption,
		connectors.Interest, connectors.Fee, connectors.RedPacket, connectors.Adjustment, connectors.Other}
)

func (r *run) bills(t *testing.T, lister connectors.BillLister) {
	total := 0
	for i, ref := range r.refs {
		all := r.walk(t, lister, ref, r.From, r.To)
		total += len(all)
		ids := map[string]bool{}
		for _, b := range all {
			switch {
			case b.ID == "" || ids[b.ID]:
				t.Errorf("account %d: a bill without an id of its own", i)
			case b.At.Before(r.From) || !b.At.Before(r.To):
				t.Errorf("account %d: a bill of %v, outside of what was asked", i, b.At)
			case b.Amount.Minor < 0 || b.Amount.Currency == "":
				t.Errorf("account %d: a bill below zero, or without a currency", i)
			case b.Direction != connectors.In && b.Direction != connectors.Out,
				!slices.Contains(flows, b.Flow), !slices.Contains(states, b.State), !slices.Contains(kinds, b.Kind):
				t.Errorf("account %d: a bill with words that are not Jali's: %s %s %s %s", i, b.Direction, b.Flow, b.State, b.Kind)
			case b.RawKind == "":
				t.Errorf("account %d: the source's own word for a bill is lost", i)
			}
			ids[b.ID] = true
		}
		same(t, "read again", all, r.walk(t, lister, ref, r.From, r.To))

		// Parted anywhere, a window holds what the whole holds: bounds are
		// half-open, and no page is lost. Cut on a bill's own second too.
		cuts := []time.Time{r.From.Add(r.To.Sub(r.From) / 2), r.From.Add(r.To.Sub(r.From)/3 + time.Millisecond)}
		if len(all) > 0 {
			cuts = append(cuts, all[len(all)/2].At)
		}
		for _, cut := range cuts {
			same(t, "parted at "+cut.String(), all,
				slices.Concat(r.walk(t, lister, ref, r.From, cut), r.walk(t, lister, ref, cut, r.To)))
		}
		if got := r.walk(t, lister, ref, r.From, r.From); len(got) != 0 {
			t.Errorf("account %d: %d bills in no time at all", i, len(got))
		}
		w := r.windows(r.From, r.To)[0]
		if _, err := lister.Bills(context.Background(), r.credential, ref, w.From, w.To, "no such cursor"); err == nil {
			t.Errorf("account %d: a cursor of nobody's is taken", i)
		}
	}
	// Asked further back than any source keeps, it answers what it has, and
	// says how far that goes if it knows.
	from := r.Now.AddDate(-8, 0, 0)
	ancient := r.windows(from, r.To)[0]
	page, err := lister.Bills(context.Background(), r.credential, r.refs[0], ancient.From, ancient.To, "")
	switch {
	case err != nil:
		t.Errorf("asked for eight years ago: %v", err)
	case r.c.Source().History > 0 && (page.Covers == connectors.Span{} || (!page.Covers.From.After(ancient.From) && page.Covers.From.Before(page.Covers.To))):
		t.Errorf("asked for eight years ago, it does not say how far it goes: %v", page.Covers)
	}
	if got := len(r.walk(t, lister, r.refs[0], from, r.To)); got < len(r.walk(t, lister, r.refs[0], r.From, r.To)) {
		t.Errorf("eight years hold %d bills, fewer than a part of them", got)
	}
	if total == 0 {
		t.Error("there are no bills in the window: nothing was tested")
	}
}

func (r *run) walk(t *testing.T, lister connectors.BillLister, ref connectors.AccountRef, from, to time.Time) []connectors.Bill {
	t.Helper()
	all, err := r.list(t, lister, r.credential, ref, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// list reads [from, to) window by window and page by page, up to the first error.
func (r *run) list(t *testing.T, lister connectors.BillLister, k connectors.Credential, ref connectors.AccountRef, from, to time.Time) ([]connectors.Bill, error) {
	t.Helper()
	var all []connectors.Bill
	for _, w := range r.windows(from, to) {
		var next connectors.Cursor
		for pages := 0; pages == 0 || next != ""; pages++ {
			page, err := lister.Bills(context.Background(), k, ref, w.From, w.To, next)
			if err != nil {
				return all, err
			}
			if c := page.Covers; c.To.Before(c.From) || (c != connectors.Span{} && (c.From.Before(w.From) || c.To.After(w.To))) {
				t.Errorf("asked for [%v, %v), it covers %v", w.From, w.To, c)
			}
			if most := r.c.Source().PageSize; most > 0 && len(page.Bills) > most {
				t.Errorf("a page of %d bills, where the source says at most %d", len(page.Bills), most)
			}
			if pages == most {
				t.Fatal("the listing has no end")
			}
			all, next = append(all, page.Bills...), page.Next
		}
	}
	return all, nil
}

// same compares what two readings tell, whatever their order.
func same(t *testing.T, how string, a, b []connectors.Bill) {
	t.Helper()
	byID := map[string]connectors.Bill{}
	for _, one := range a {
		byID[one.ID] = one
	}
	for _, one := range b {
		was, ok := byID[one.ID]
		if !ok {
			t.Errorf("%s: a bill that was not there", how)
			continue
		}
		if !was.At.Equal(one.At) || was.Amount != one.Amount || was.Direction != one.Direction || was.Kind != one.Kind || was.State != one.State {
			t.Errorf("%s: a bill tells something else", how)
		}
		delete(byID, one.ID)
	}
	if len(byID) > 0 {
		t.Errorf("%s: %d bills of %d are not there", how, len(byID), len(a))
	}
}
