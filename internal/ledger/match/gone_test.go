package match_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"jali/connectors"
	"jali/internal/ledger/match"
	"jali/internal/ledger/year"
)

// gone takes away the bills of so many accounts, by turns other ones.
func gone(many int) func(*year.Life) *year.Life {
	return func(l *year.Life) *year.Life {
		n := len(l.Accounts)
		missing := map[int]bool{}
		for k := range many {
			missing[(int(l.Seed)+k*n/many)%n] = true
		}
		at := make([]int, len(l.Bills))
		left := &year.Life{Seed: l.Seed, Accounts: l.Accounts}
		for i, b := range l.Bills {
			if at[i] = -1; missing[b.Account] {
				continue
			}
			at[i] = len(left.Bills)
			left.Bills = append(left.Bills, b)
			left.Truth.Of = append(left.Truth.Of, l.Truth.Of[i])
			left.Truth.Named = append(left.Truth.Named, l.Truth.Named[i])
		}
		left.Truth.Movements = slices.Clone(l.Truth.Movements)
		for m := range left.Truth.Movements {
			move := &left.Truth.Movements[m]
			var bills []int
			for _, i := range move.Bills {
				if at[i] >= 0 {
					bills = append(bills, at[i])
				}
			}
			move.Bills = bills
		}
		for m := range left.Truth.Movements {
			if move := &left.Truth.Movements[m]; move.Gives >= 0 && len(left.Truth.Movements[move.Gives].Bills) == 0 {
				move.Gives = -1
			}
		}
		return left
	}
}

// Most people bring some of their files. What cannot be found then is not
// found, but what is linked must stay right: where the right bill is missing,
// another of its amount must not stand in for it.
func TestWhatIsLinkedIsRightWhereFilesAreMissing(t *testing.T) {
	const mirrors, refunds = 995, 990
	for _, many := range []int{1, 3} {
		t.Run(fmt.Sprint(many, " gone"), func(t *testing.T) {
			var all []*year.Life
			for seed := range uint64(12) {
				all = append(all, gone(many)(year.Live(seed, year.Plan{})))
			}
			f := measure(all, join)
			t.Logf("mirrors: %v", f.mirrors)
			t.Logf("refunds: %v", f.refunds)
			if f.mirrors.precision() < mirrors || f.refunds.precision() < refunds || f.strangers > 0 {
				t.Errorf("fewer are right than %d and %d in a thousand, or strangers were suggested (%d)", mirrors, refunds, f.strangers)
			}
			if careless := measure(all[:2], byAmount); careless.mirrors.precision() >= mirrors {
				t.Errorf("who links by amount and day alone passes: %v", careless.mirrors)
			}
		})
	}
}

// Every account of a life, by turns, is read once more: three months of it, the
// day alone, without number or ids. The copies are put with what they copy, and
// what was found among the others stays as right as it was.
func TestACopyIsKnown(t *testing.T) {
	const days = 90
	var right, wrong, missed int
	for seed := range uint64(9) {
		l := withoutIDs(year.Live(seed, year.Plan{}))
		all := items(l)
		account := l.Accounts[int(seed)%len(l.Accounts)]
		copyOf := map[string]string{}
		var first, n int
		for i := range l.Bills {
			if all[i].Account != account.ID {
				continue
			}
			if n++; n == 1 {
				first = i
			}
			b := l.Bills[i].Bill
			if b.At.Sub(l.Bills[first].At).Hours() > 24*days {
				break
			}
			it := all[i]
			it.ID, it.Account, it.Tail, it.Bill = "copy/"+it.ID, "copy", "", &b
			y, m, d := b.At.Date()
			b.ID, b.DateOnly, b.At = it.ID, true, time.Date(y, m, d, 0, 0, 0, 0, b.At.Location())
			copyOf[it.ID] = all[i].ID
			all = append(all, it)
		}
		r := match.Join(all, nil)
		for i, it := range all {
			of, ok := copyOf[it.ID]
			if !ok || !r.Joined[i].Counted && len(r.Joined[i].Mirrors) == 0 {
				continue
			}
			mirrors := r.Joined[i].Mirrors
			switch same := slices.IndexFunc(all, func(o match.Item) bool { return slices.Contains(mirrors, o.ID) && o.Account == account.ID }); {
			case same < 0:
				missed++
			case all[same].ID == of, alike(all[same].Bill, it.Bill):
				right++
			default:
				wrong++
			}
		}
	}
	t.Logf("%d right, %d wrong, %d missed", right, wrong, missed)
	if all := right + wrong + missed; all == 0 || 1000*right < 970*all || 1000*wrong > 5*all {
		t.Error("of a thousand copies less than 970 are with what they copy, or more than 5 with something else")
	}
}

// alike reports that nobody could tell which of two bills of a day a copy is of.
func alike(a, b *connectors.Bill) bool {
	return a.At.Format(time.DateOnly) == b.At.Format(time.DateOnly) && a.Counterparty == b.Counterparty && a.Description == b.Description
}
