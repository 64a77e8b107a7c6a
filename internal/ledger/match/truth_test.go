package match_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"jali/connectors"
	"jali/internal/ledger/match"
	"jali/internal/ledger/year"
)

// seeds is how many made-up years are matched.
const seeds = 24

// At least this many in a thousand of the links that are made are right, and
// of those that there are, are made.
const (
	wantWithIDs    = 995
	wantWithoutIDs = 970
)

type joiner func([]match.Item) match.Result

func join(items []match.Item) match.Result { return match.Join(items, nil) }

// items are a life's bills as a matcher is given them.
func items(l *year.Life) []match.Item {
	all := make([]match.Item, len(l.Bills))
	for i := range l.Bills {
		a := l.Accounts[l.Bills[i].Account]
		all[i] = match.Item{ID: l.Bills[i].ID, Account: a.ID, Source: a.Source, Names: a.Names, Tail: a.Tail, Kind: a.Kind, Bill: &l.Bills[i].Bill}
	}
	return all
}

var longNumber = regexp.MustCompile(`[0-9A-Z]{9,}`)

// withoutIDs takes away every number by which one bill could be known in
// another, also where it stands in a text.
func withoutIDs(l *year.Life) *year.Life {
	for i := range l.Bills {
		b := &l.Bills[i].Bill
		b.Order, b.Merchant, b.Refs, b.RefundOf = "", "", nil, ""
		b.Description = longNumber.ReplaceAllString(b.Description, "")
	}
	return l
}

// tally counts links: made and right, made and wrong, not made.
type tally struct{ right, wrong, missed int }

func (t tally) precision() int { return 1000 * t.right / max(1, t.right+t.wrong) }
func (t tally) recall() int    { return 1000 * t.right / max(1, t.right+t.missed) }
func (t *tally) add(o tally) {
	t.right, t.wrong, t.missed = t.right+o.right, t.wrong+o.wrong, t.missed+o.missed
}

func (t tally) String() string {
	return fmt.Sprintf("precision %.2f %%, recall %.2f %% (%d right, %d wrong, %d missed)", 100*float64(t.right)/float64(max(1, t.right+t.wrong)),
		100*float64(t.right)/float64(max(1, t.right+t.missed)), t.right, t.wrong, t.missed)
}

// figures are what a matcher comes to.
type figures struct {
	mirrors, refunds tally
	suggested, apt   int // suggestions, and those of them that are right
	strangers        int // suggestions that a bill's own text speaks against
	off              int // lives whose totals differ from the truth's
	unexplained      int // of these, by more than wrong and missed links bring about
	bills            int
}

func (f *figures) add(o figures) {
	f.mirrors.add(o.mirrors)
	f.refunds.add(o.refunds)
	f.suggested, f.apt, f.strangers, f.off = f.suggested+o.suggested, f.apt+o.apt, f.strangers+o.strangers, f.off+o.off
	f.unexplained, f.bills = f.unexplained+o.unexplained, f.bills+o.bills
}

func (f figures) passes(want int) bool {
	return min(f.mirrors.precision(), f.mirrors.recall(), f.refunds.precision(), f.refunds.recall()) >= want && f.strangers == 0 && f.unexplained == 0
}

// judged is one life being held against its truth.
type judged struct {
	*year.Life
	place map[string]int // of each bill by its ID
	class []int          // of each bill: equal for those that nobody could tell apart, having the same source's same words on the same day
	found match.Result
}

func judge(l *year.Life, by joiner) *judged {
	j := &judged{Life: l, place: map[string]int{}, class: make([]int, len(l.Bills)), found: by(items(l))}
	seen := map[string]int{}
	for i, b := range l.Bills {
		j.place[b.ID] = i
		b.ID = ""
		words := fmt.Sprintf("%d %v %+v", b.Account, b.At.Unix(), b.Bill)
		if _, ok := seen[words]; !ok {
			seen[words] = i
		}
		j.class[i] = seen[words]
	}
	return j
}

// pair is two bills of one movement, by class.
func (j *judged) pair(a, b int) [2]int {
	return [2]int{min(j.class[a], j.class[b]), max(j.class[a], j.class[b])}
}

func (j *judged) mirrors() (t tally) {
	true_ := map[[2]int]int{}
	for _, m := range j.Truth.Movements {
		for n, a := range m.Bills {
			for _, b := range m.Bills[n+1:] {
				true_[j.pair(a, b)]++
			}
		}
	}
	for a, joined := range j.found.Joined {
		for _, id := range joined.Mirrors {
			b := j.place[id]
			if b < a {
				continue
			}
			if p := j.pair(a, b); true_[p] > 0 {
				true_[p]--
				t.right++
			} else {
				t.wrong++
			}
		}
	}
	for _, left := range true_ {
		t.missed += left
	}
	return t
}

// refunds holds what a refund's bills say it gives back against what it does:
// every one that says something must be right, and one of them must.
func (j *judged) refunds() (t tally) {
	for _, m := range j.Truth.Movements {
		right, wrong := 0, 0
		for _, i := range m.Bills {
			id := j.found.Joined[i].Refunds
			if id == "" {
				continue
			}
			paid := func(b int) bool { return j.class[b] == j.class[j.place[id]] }
			if m.Gives >= 0 && slices.ContainsFunc(j.Truth.Movements[m.Gives].Bills, paid) {
				right++
			} else {
				wrong++
			}
		}
		switch {
		case wrong > 0:
			t.wrong++
		case right > 0:
			t.right++
		}
		if m.Gives >= 0 && len(m.Bills) > 0 && right == 0 {
			t.missed++
		}
	}
	return t
}

// totals holds in and out of the counted bills against the truth's. Movements
// whose bills were put together rightly must come to the cent to what they are;
// what else the totals differ by is wrong and missed links.
func (j *judged) totals() (off, unexplained bool) {
	got, want, rightly, right := map[string]int64{}, map[string]int64{}, map[string]int64{}, map[string]int64{}
	add := func(to map[string]int64, f connectors.Flow, currency string, minor int64) {
		if f != connectors.FlowInternal {
			to[string(f)+currency] += minor
		}
	}
	for _, m := range j.Truth.Movements {
		whole := true
		var group []int
		for _, i := range m.Bills {
			group = append(group, j.class[i])
		}
		slices.Sort(group)
		for _, i := range m.Bills {
			have := []int{j.class[i]}
			for _, id := range j.found.Joined[i].Mirrors {
				have = append(have, j.class[j.place[id]])
			}
			slices.Sort(have)
			whole = whole && slices.Equal(group, have)
		}
		if m.Counts {
			add(want, m.Flow, m.Amount.Currency, m.Amount.Minor)
			if whole {
				add(right, m.Flow, m.Amount.Currency, m.Amount.Minor)
			}
		}
		for _, i := range m.Bills {
			if joined := j.found.Joined[i]; joined.Counted {
				add(got, joined.Flow, j.Bills[i].Amount.Currency, j.Bills[i].Amount.Minor)
				if whole {
					add(rightly, joined.Flow, j.Bills[i].Amount.Currency, j.Bills[i].Amount.Minor)
				}
			}
		}
	}
	return fmt.Sprint(got) != fmt.Sprint(want), fmt.Sprint(rightly) != fmt.Sprint(right)
}

// suggestions counts those that are right, and those that link a bill with an
// account when its text names another by number.
func (j *judged) suggestions() (apt, strangers int) {
	for _, s := range j.found.Suggestions {
		a, b := j.place[s.A], j.place[s.B]
		switch {
		case s.Link == match.Mirror && j.Truth.Of[a] == j.Truth.Of[b],
			s.Link == match.Refund && j.Truth.Movements[j.Truth.Of[a]].Gives == j.Truth.Of[b]:
			apt++
		case s.Link == match.Mirror && (j.names(a, b) || j.names(b, a)):
			strangers++
		}
	}
	return apt, strangers
}

func (j *judged) names(a, b int) bool {
	named := j.Truth.Named[a]
	return named >= 0 && named != j.Bills[b].Account && j.Accounts[j.Bills[b].Account].Kind != connectors.WalletBalance
}

func measure(lives []*year.Life, by joiner) (f figures) {
	for _, l := range lives {
		j := judge(l, by)
		one := figures{mirrors: j.mirrors(), refunds: j.refunds(), suggested: len(j.found.Suggestions), bills: len(l.Bills)}
		one.apt, one.strangers = j.suggestions()
		off, unexplained := j.totals()
		if off {
			one.off++
		}
		if unexplained {
			one.unexplained++
		}
		f.add(one)
	}
	return f
}

func lives(change func(*year.Life) *year.Life) (all []*year.Life) {
	for seed := range uint64(seeds) {
		all = append(all, change(year.Live(seed, year.Plan{})))
	}
	return all
}

func asTheyAre(l *year.Life) *year.Life { return l }

// A made-up person's year, over and over: how much of what belongs together is
// put together, and how much else.
func TestOnlyWhatBelongsTogetherIsLinked(t *testing.T) {
	for _, tt := range []struct {
		why    string
		change func(*year.Life) *year.Life
		want   int
	}{
		{"as the sources tell it", asTheyAre, wantWithIDs},
		{"with all ids taken away", withoutIDs, wantWithoutIDs},
	} {
		t.Run(tt.why, func(t *testing.T) {
			f := measure(lives(tt.change), join)
			t.Logf("seeds 0 to %d, %d bills", seeds-1, f.bills)
			t.Logf("mirrors: %v", f.mirrors)
			t.Logf("refunds: %v", f.refunds)
			t.Logf("suggestions: %d, of which %d are right and %d are contradicted; totals to the cent in %d of %d lives", f.suggested, f.apt, f.strangers, seeds-f.off, seeds)
			if !f.passes(tt.want) {
				t.Errorf("less than %d.%d %%, or totals are off by more than wrong links explain (%d), or strangers were suggested (%d)", tt.want/10, tt.want%10, f.unexplained, f.strangers)
			}
		})
	}
}

// The measure itself is measured: the truth passes it, and faults do not.
func TestTheMeasureSeesFaults(t *testing.T) {
	few := lives(asTheyAre)[:3]
	truths := map[string]*year.Life{}
	for _, l := range few {
		truths[l.Bills[0].ID] = l
	}
	knowing := func(all []match.Item) match.Result { return fromTruth(truths[all[0].ID]) }
	for _, tt := range []struct {
		why    string
		by     joiner
		passes bool
	}{
		{"the truth itself", knowing, true},
		{"nothing is linked", func(all []match.Item) match.Result { return apart(all) }, false},
		{"whatever is of one amount on one day is linked", byAmount, false},
		{"refunds are linked to the payment before theirs", func(all []match.Item) match.Result {
			r := knowing(all)
			var last string
			for i := range r.Joined {
				if of := r.Joined[i].Refunds; of != "" {
					r.Joined[i].Refunds, last = last, of
				}
			}
			return r
		}, false},
		{"one group is counted twice", func(all []match.Item) match.Result {
			r := knowing(all)
			i := slices.IndexFunc(r.Joined, func(j match.Joined) bool { return len(j.Mirrors) > 0 && !j.Counted && j.Flow == connectors.FlowOut })
			r.Joined[i].Counted = true
			return r
		}, false},
		{"one internal movement is called spent", func(all []match.Item) match.Result {
			r := knowing(all)
			i := slices.IndexFunc(r.Joined, func(j match.Joined) bool { return j.Counted && j.Flow == connectors.FlowInternal })
			r.Joined[i].Flow = connectors.FlowOut
			return r
		}, false},
		{"a stranger is suggested", func(all []match.Item) match.Result {
			r := knowing(all)
			l := truths[all[0].ID]
			a := slices.IndexFunc(l.Truth.Named, func(n int) bool { return n >= 0 })
			b := slices.IndexFunc(l.Bills, func(b year.Bill) bool {
				return l.Accounts[b.Account].Kind != connectors.WalletBalance && b.Account != l.Truth.Named[a]
			})
			r.Suggestions = append(r.Suggestions, match.Suggestion{A: all[a].ID, B: all[b].ID, Link: match.Mirror, Sure: 50})
			return r
		}, false},
	} {
		if f := measure(few, tt.by); f.passes(995) != tt.passes {
			t.Errorf("%s: passes %v, want %v: %+v", tt.why, !tt.passes, tt.passes, f)
		}
	}
}

// fromTruth is what a matcher that knows everything would find.
func fromTruth(l *year.Life) match.Result {
	r := match.Result{Joined: make([]match.Joined, len(l.Bills))}
	for _, m := range l.Truth.Movements {
		for n, i := range m.Bills {
			j := &r.Joined[i]
			j.Counted, j.Flow, j.Sure = n == 0 && m.Counts, m.Flow, 100
			for _, k := range m.Bills {
				if k != i {
					j.Mirrors = append(j.Mirrors, l.Bills[k].ID)
				}
			}
			if m.Gives >= 0 {
				j.Refunds = l.Bills[l.Truth.Movements[m.Gives].Bills[0]].ID
			}
		}
	}
	return r
}

func apart(all []match.Item) match.Result {
	r := match.Result{Joined: make([]match.Joined, len(all))}
	for i, it := range all {
		r.Joined[i] = match.Joined{Counted: it.Bill.State != connectors.Failed && !it.Bill.Amount.Zero(), Flow: it.Bill.Flow}
	}
	return r
}

func byAmount(all []match.Item) match.Result {
	r := apart(all)
	first := map[string]int{}
	for i, it := range all {
		k := it.Bill.At.Format("2006-01-02 ") + strconv.FormatInt(it.Bill.Amount.Minor, 10)
		other, seen := first[k]
		switch {
		case !seen:
			first[k] = i
		case all[other].Account != it.Account && len(r.Joined[other].Mirrors) == 0:
			r.Joined[i].Mirrors, r.Joined[i].Counted = []string{all[other].ID}, false
			r.Joined[other].Mirrors = []string{it.ID}
		}
	}
	return r
}
