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
		if _, err := lister.Bills(context.Background(), r.credential, ref, r.From, r.To, "no such cursor"); err == nil {
			t.Errorf("account %d: a cursor of nobody's is taken", i)
		}
	}
	// Asked further back than any source keeps, it answers what it has, and
	// says how far that goes if it knows.
	from := r.Now.AddDate(-8, 0, 0)
	page, err := lister.Bills(context.Background(), r.credential, r.refs[0], from, r.To, "")
	switch {
	case err != nil:
		t.Errorf("asked for eight years: %v", err)
	case r.c.Source().History > 0 && !page.Covers.From.After(from):
		t.Errorf("asked for eight years, it does not say how far it goes: %v", page.Covers)
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
	var all []connectors.Bill
	var next connectors.Cursor
	for range most {
		page, err := lister.Bills(context.Background(), r.credential, ref, from, to, next)
		if err != nil {
			t.Fatal(err)
		}
		if c := page.Covers; c.To.Before(c.From) || (c != connectors.Span{} && (c.From.Before(from) || c.To.After(to))) {
			t.Errorf("asked for [%v, %v), it covers %v", from, to, c)
		}
		all = append(all, page.Bills...)
		if next = page.Next; next == "" {
			return all
		}
	}
	t.Fatal("the listing has no end")
	return nil
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
