package ledger

import (
	"slices"
	"strings"
	"time"

	"jali/connectors"
)

const (
	// Overlap is how far before a reading what it was told may still change:
	// sources book late, over a weekend as well. It is asked again the next time.
	Overlap = 3 * 24 * time.Hour
	// anewAfter is when everything is asked again: what came later still, or
	// changed after it was booked, is missed until then and no longer.
	anewAfter = 7 * 24 * time.Hour
	// pendingFor is how long a pending bill is waited for.
	pendingFor = 30 * 24 * time.Hour
	// bookedWithin is how long after a pending bill what it became may come.
	bookedWithin = 15 * 24 * time.Hour
	bookedBefore = 24 * time.Hour // by sources that book on an earlier day
)

// Shanghai is where days of sources turn.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// Ask answers which parts of a span are to be asked at a moment: all of it
// where that has not been for a week; else what is not settled, from the
// earliest pending bill on, and the last days of it in any case, so that a
// source that has taken its word back is heard.
func (k *Kept) Ask(span connectors.Span, now time.Time) (parts []connectors.Span, anew bool) {
	if k.Whole.IsZero() || now.Sub(k.Whole) >= anewAfter || k.Whole.After(now) {
		return []connectors.Span{span}, true
	}
	from := span.To
	for _, b := range k.Bills {
		if !b.Gone && !b.At.Before(span.From) && now.Sub(b.At) < pendingFor && b.state() == connectors.Pending {
			from = connectors.Earlier(from, midnight(b.At))
			break // they stand by moment
		}
	}
	parts = without(span, cut(k.Settled, from))
	last := connectors.Span{From: connectors.Later(span.From, midnight(span.To.Add(-Overlap))), To: span.To}
	if len(parts) == 0 {
		parts = []connectors.Span{last}
	}
	return parts, false
}

// Missing answers which parts of a span nothing has been told of, for who hears
// of changes otherwise.
func (k *Kept) Missing(span connectors.Span) []connectors.Span {
	return without(span, k.Told)
}

// Covered answers what is known of a span: the latest unbroken part.
func (k *Kept) Covered(span connectors.Span) connectors.Span {
	for _, s := range slices.Backward(k.Told) {
		if o := s.Overlap(span); !o.Empty() {
			return o
		}
	}
	return connectors.Span{}
}

// Reading is what a source has told in one go.
type Reading struct {
	At    time.Time
	Read  []connectors.Span // told whole: a bill of these that is not among Bills is none of the source's any more
	Bills []Packed
	Anew  bool // a whole reading, by Ask

	// Of a source that tells its changes: where it goes on, and what it took
	// back. Since says that all changes since the last reading are told.
	Mark  connectors.Mark
	Gone  []string
	Since bool
}

// Merge takes a reading in, and reports whether that is worth writing down. A
// bill is known by its id. Of those that are pending and not told any more, and
// those that are told for the first time, it finds which became which ([pair]).
func (k *Kept) Merge(r Reading) (worth bool) {
	at := make(map[string]int, len(k.Bills)+len(r.Bills)) // of Bills
	claimed := map[string]bool{}                          // ids that others go by
	for i := range k.Bills {
		b := &k.Bills[i]
		at[b.ID()] = i
		if b.First != "" && !b.Gone {
			claimed[b.First] = true
		}
	}
	gone := make(map[string]bool, len(r.Gone))
	for _, id := range r.Gone {
		gone[id] = true
	}
	k.Bills = slices.Grow(k.Bills, len(r.Bills))
	var fresh []int // told for the first time
	lost := false   // something was told of weeks that are not here
	had := len(k.Bills)
	for _, b := range r.Bills {
		id, state, moment, _ := b.head()
		i, ok := at[id]
		if ok && k.Bills[i].told {
			continue
		}
		if !k.holds(moment) {
			if lost = true; ok { // it went there
				k.take(i)
			}
			continue
		}
		now := Known{Packed: b, At: moment, told: true}
		if !ok {
			if state == connectors.Pending && claimed[id] {
				continue // what it became is here
			}
			at[id] = len(k.Bills)
			fresh = append(fresh, len(k.Bills))
			k.Bills = append(k.Bills, now)
			k.soil(moment)
			continue
		}
		now.First = k.Bills[i].First
		if !same(k.Bills[i], now) {
			k.soil(k.Bills[i].At)
			k.soil(moment)
		}
		k.Bills[i] = now
	}

	var waiting []int // pending, and not told any more
	var doubt []int   // pending, and perhaps told in what this reading did not come to
	for i := range k.Bills[:had] {
		b := &k.Bills[i]
		if b.told || b.Packed == "" {
			continue
		}
		id, state, _, _ := b.head()
		if gone[id] || !b.Gone && r.At.Sub(b.At) >= 0 && withinAny(r.Read, *b, r.At) {
			if !b.Gone {
				b.Gone = true
				k.soil(b.At)
			}
		}
		switch {
		case state != connectors.Pending:
		case b.Gone:
			waiting = append(waiting, i)
		case !r.Since:
			doubt = append(doubt, i)
		}
	}
	fresh = k.postpone(r, fresh, doubt, at)
	for _, id := range r.Gone {
		if _, ok := at[id]; !ok {
			lost = true
		}
	}
	k.follow(fresh, waiting, at, claimed)
	k.clear(r.At)
	k.sort()

	before := *k
	before.Told = slices.Clone(k.Told)
	k.note(r, lost)
	return len(k.dirty) > 0 || k.head == nil || r.Anew || k.Mark != before.Mark || k.At.Sub(before.At) >= time.Hour ||
		!sameReach(k.Told, before.Told)
}

// postpone leaves out new bills of a reading that was broken off before it was
// clear whether they are what a pending one has become: the next tells them again.
func (k *Kept) postpone(r Reading, fresh, doubt []int, at map[string]int) []int {
	if len(doubt) == 0 {
		return fresh
	}
	was := make([]connectors.Bill, len(doubt))
	for n, i := range doubt {
		was[n] = k.Bills[i].Bill()
	}
	return slices.DeleteFunc(fresh, func(i int) bool {
		if withinAny(r.Read, k.Bills[i], r.At) {
			return false
		}
		is := k.Bills[i].Bill()
		late := is.State != connectors.Pending && (is.Was == "" || is.Was == is.ID) &&
			slices.ContainsFunc(was, func(b connectors.Bill) bool { return became(b, is) && (b.Amount == is.Amount || tipped(b, is)) })
		if late {
			delete(at, is.ID)
			k.take(i)
		}
		return late
	})
}

// follow gives new bills the names of those that they were.
func (k *Kept) follow(fresh, waiting []int, at map[string]int, claimed map[string]bool) {
	taken := map[int]bool{} // of waiting
	var open []int
	for _, i := range fresh {
		b := &k.Bills[i]
		id, state, _, was := b.head()
		if was != "" && was != id && !claimed[was] { // the source says so itself
			b.First = was
			if j, ok := at[was]; ok && k.Bills[j].Packed != "" {
				b.First, taken[j] = k.Bills[j].Seed(), true
				k.take(j)
			}
			claimed[b.First] = true
			continue
		}
		if claimed[id] { // another goes by its name
			b.First = "again:" + id
		}
		if state != connectors.Pending {
			open = append(open, i)
		}
	}
	waiting = slices.DeleteFunc(waiting, func(i int) bool { return taken[i] })
	for was, is := range pair(k.Bills, waiting, open) {
		k.Bills[is].First = k.Bills[was].Seed()
		k.take(was)
	}
}

// take empties a bill that another has become: it goes with [Kept.clear].
func (k *Kept) take(i int) {
	k.soil(k.Bills[i].At)
	k.Bills[i].Packed = ""
}

// clear drops what nothing can become any more. A bill that had another id
// stays without its content, so that it has that again if it comes back.
func (k *Kept) clear(now time.Time) {
	kept := k.Bills[:0]
	for _, b := range k.Bills {
		switch {
		case b.Packed == "":
			continue
		case b.Gone && (now.Sub(b.At) >= bookedWithin || b.state() != connectors.Pending):
			if b.First == "" {
				k.soil(b.At)
				continue
			}
			if bare := b.bare(); bare != b {
				k.soil(b.At)
				b = bare
			}
		}
		b.told = false
		kept = append(kept, b)
	}
	clear(k.Bills[len(kept):])
	k.Bills = kept
	k.count -= k.living
	k.living = k.alive()
	k.count += k.living
}

// alive counts the bills that are told.
func (k *Kept) alive() (n int) {
	for _, b := range k.Bills {
		if !b.Gone {
			n++
		}
	}
	return n
}

// bare is what stays of a bill for the sake of its id.
func (b Known) bare() Known {
	return Known{Packed: Pack(connectors.Bill{ID: b.ID(), At: b.At}), At: b.At, First: b.First, Gone: true}
}

func (k *Kept) soil(at time.Time) { k.dirty[weekOf(at)] = true }

// note writes down of what the reading was.
func (k *Kept) note(r Reading, lost bool) {
	read := cut(connectors.Merge(r.Read), r.At)
	switch {
	case r.Anew:
		k.Settled, k.Whole = nil, r.At
	case r.Since:
		for i, s := range k.Told { // what reached the last reading reaches this one
			if !s.To.Before(k.At) {
				k.Told[i].To = connectors.Later(s.To, r.At)
			}
		}
	}
	if lost { // of other weeks it is not known any more what is there
		here := []connectors.Span{{From: time.Unix(k.first*week, 0), To: time.Unix((k.last+1)*week, 0)}}
		k.Told, k.Settled = common(k.Told, here), common(k.Settled, here)
	}
	k.Told = connectors.Merge(append(slices.Clone(k.Told), read...))
	k.Settled = connectors.Merge(append(slices.Clone(k.Settled), cut(read, midnight(r.At.Add(-Overlap)))...))
	k.At, k.Mark = connectors.Later(k.At, r.At), r.Mark
}

// pair finds what pending bills have become: of the new ones the only that fits
// one, where that fits no other. First those of the very same moment, then of
// the same amount, then of the same shop with an amount that is a fifth off at
// most, as a tip or the weighing of goods makes it. It does not guess.
func pair(all []Known, waiting, fresh []int) map[int]int {
	found := map[int]int{}
	if len(waiting) == 0 {
		return found
	}
	first, last := all[waiting[0]].At, all[waiting[0]].At
	for _, i := range waiting {
		first, last = connectors.Earlier(first, all[i].At), connectors.Later(last, all[i].At)
	}
	bills := map[int]connectors.Bill{} // of those that may have to do with one another
	for _, i := range waiting {
		bills[i] = all[i].Bill()
	}
	fresh = slices.DeleteFunc(fresh, func(j int) bool { return all[j].At.Sub(first) <= -bookedBefore || all[j].At.Sub(last) >= bookedWithin })
	for _, j := range fresh {
		bills[j] = all[j].Bill()
	}
	for _, fits := range []func(was, is connectors.Bill) bool{
		func(was, is connectors.Bill) bool {
			return was.Amount == is.Amount && !was.DateOnly && was.At.Equal(is.At)
		},
		func(was, is connectors.Bill) bool { return was.Amount == is.Amount },
		tipped,
	} {
		ofWas, ofIs := map[int][]int{}, map[int][]int{}
		for _, i := range waiting {
			for _, j := range fresh {
				if became(bills[i], bills[j]) && fits(bills[i], bills[j]) {
					ofWas[i], ofIs[j] = append(ofWas[i], j), append(ofIs[j], i)
				}
			}
		}
		taken := map[int]bool{}
		for i, js := range ofWas {
			if len(js) == 1 && len(ofIs[js[0]]) == 1 {
				found[i], taken[js[0]] = js[0], true
			}
		}
		waiting = slices.DeleteFunc(slices.Clone(waiting), func(i int) bool { _, ok := found[i]; return ok })
		fresh = slices.DeleteFunc(slices.Clone(fresh), func(j int) bool { return taken[j] })
	}
	return found
}

// tipped reports whether a shop has taken somewhat more or less than it asked for.
func tipped(was, is connectors.Bill) bool {
	off := is.Amount.Minor - was.Amount.Minor
	return is.Counterparty != "" && was.Counterparty != "" && was.Amount.Currency == is.Amount.Currency && max(off, -off)*5 <= was.Amount.Minor
}

// became reports whether nothing speaks against a bill having become another.
func became(was, is connectors.Bill) bool {
	apart := is.At.Sub(was.At)
	return was.Direction == is.Direction && apart > -bookedBefore && apart < bookedWithin && alike(was.Counterparty, is.Counterparty)
}

// alike takes names for the same that hold one another: what is pending is
// often told with more or less around the shop's name.
func alike(a, b string) bool {
	a, b = plain(a), plain(b)
	return strings.Contains(a, b) || strings.Contains(b, a)
}

func plain(s string) string { return strings.Join(strings.Fields(strings.ToLower(s)), "") }

// same reports whether nothing has changed.
func same(a, b Known) bool { return a.Packed == b.Packed && a.First == b.First && a.Gone == b.Gone }

// withinAny reports whether a bill would have been told in one of spans: a day
// wholly, or up to now.
func withinAny(all []connectors.Span, b Known, now time.Time) bool {
	return slices.ContainsFunc(all, func(s connectors.Span) bool {
		end := b.At.Add(1)
		if b.DateOnly() {
			end = b.At.AddDate(0, 0, 1)
		}
		return !b.At.Before(s.From) && (!end.After(s.To) || !s.To.Before(now.Add(-time.Minute)))
	})
}

func midnight(t time.Time) time.Time {
	y, m, d := t.In(shanghai).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, shanghai)
}

// cut is what lies before a moment.
func cut(all []connectors.Span, at time.Time) (out []connectors.Span) {
	for _, s := range all {
		if s.To = connectors.Earlier(s.To, at); !s.Empty() {
			out = append(out, s)
		}
	}
	return out
}

// common is what two lists of spans have in common.
func common(a, b []connectors.Span) (out []connectors.Span) {
	for _, x := range a {
		for _, y := range b {
			if o := x.Overlap(y); !o.Empty() {
				out = append(out, o)
			}
		}
	}
	return connectors.Merge(out)
}

// without is what is left of a span.
func without(s connectors.Span, taken []connectors.Span) (out []connectors.Span) {
	for _, t := range connectors.Merge(taken) {
		if o := s.Overlap(t); o.Empty() {
			continue
		}
		if head := (connectors.Span{From: s.From, To: t.From}); !head.Empty() {
			out = append(out, head)
		}
		s.From = connectors.Later(s.From, t.To)
	}
	if !s.Empty() {
		out = append(out, s)
	}
	return out
}

// sameReach takes no notice of the last end, which moves with every reading.
func sameReach(a, b []connectors.Span) bool {
	return len(a) == len(b) && slices.EqualFunc(a, b, func(a, b connectors.Span) bool {
		return a.From.Equal(b.From) && (a.To.Equal(b.To) || a.To.Sub(b.To).Abs() < time.Hour)
	})
}
