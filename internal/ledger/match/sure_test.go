package match_test

import (
	"testing"

	"jali/internal/ledger/match"
)

// How sure a link is said to be is how often it is right: of those called
// between n and n+10 percent at least n are, in the made-up years. Those two
// that nobody could tell apart are both right.
func TestSureIsHowOftenItIsRight(t *testing.T) {
	type bucket struct{ right, all int }
	var by [11]bucket
	for _, l := range lives(withoutIDs) {
		j := judge(l, join)
		real := map[[2]int]bool{}
		for _, m := range j.Truth.Movements {
			for n, a := range m.Bills {
				for _, b := range m.Bills[n+1:] {
					real[j.pair(a, b)] = true
				}
			}
		}
		for a, joined := range j.found.Joined {
			for _, id := range joined.Mirrors {
				b := &by[joined.Sure/10]
				b.all++
				if real[j.pair(a, j.place[id])] {
					b.right++
				}
			}
		}
		for _, s := range j.found.Suggestions {
			b := &by[s.Sure/10]
			b.all++
			x, y := j.place[s.A], j.place[s.B]
			if s.Link == match.Mirror && real[j.pair(x, y)] || s.Link == match.Refund && j.Truth.Movements[j.Truth.Of[x]].Gives == j.Truth.Of[y] {
				b.right++
			}
		}
	}
	for n, b := range by {
		if b.all == 0 {
			continue
		}
		t.Logf("%3d to %3d %%: %.1f %% of %d are right", 10*n, 10*n+9, 100*float64(b.right)/float64(b.all), b.all)
		if b.all >= 20 && b.right*100 < b.all*10*n {
			t.Errorf("of %d links called %d percent or more %d are right", b.all, 10*n, b.right)
		}
	}
}
