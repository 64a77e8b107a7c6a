package match

import (
	"testing"

	"pgregory.net/rapid"
)

// The sparse method finds as much as trying everything does.
func TestAssignWeighsMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lefts, rights := rapid.IntRange(1, 5).Draw(t, "lefts"), rapid.IntRange(1, 5).Draw(t, "rights")
		var offers []edge
		for l := range lefts {
			for r := range rights {
				if rapid.Bool().Draw(t, "offered") {
					offers = append(offers, edge{left: int32(l), right: int32(r), weight: rapid.Int32Range(1, 9).Draw(t, "weight")})
				}
			}
		}
		var best func(l int, taken int) int32
		best = func(l int, taken int) int32 {
			if l == lefts {
				return 0
			}
			most := best(l+1, taken)
			for _, e := range offers {
				if int(e.left) == l && taken&(1<<e.right) == 0 {
					most = max(most, e.weight+best(l+1, taken|1<<e.right))
				}
			}
			return most
		}
		var got int32
		taken := map[int32]bool{}
		for l, e := range assign(lefts, rights, offers) {
			if e < 0 {
				continue
			}
			if int(offers[e].left) != l || taken[offers[e].right] {
				t.Errorf("left %d has %v, which is another's", l, offers[e])
			}
			taken[offers[e].right] = true
			got += offers[e].weight
		}
		if want := best(0, 0); got != want {
			t.Errorf("of %v links of %d were chosen, want %d", offers, got, want)
		}
	})
}
