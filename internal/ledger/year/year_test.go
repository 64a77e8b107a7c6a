package year_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/internal/ledger/year"
)

func TestALifeIsItsSeeds(t *testing.T) {
	a, b := year.Live(7, year.Plan{Days: 60}), year.Live(7, year.Plan{Days: 60})
	if d := cmp.Diff(a, b); d != "" {
		t.Error(d)
	}
	if c := year.Live(8, year.Plan{Days: 60}); cmp.Equal(a.Bills, c.Bills) {
		t.Error("another seed gives the same life")
	}
}

// What a matcher is asked to find is there, in many lives, and the truth does
// not contradict itself.
func TestALifeHoldsWhatLivesHold(t *testing.T) {
	kinds, groups, partial, months, mixed := map[connectors.Kind]int{}, map[int]int{}, 0, 0, 0
	for seed := range uint64(5) {
		l := year.Live(seed, year.Plan{})
		back := map[int]int64{}
		ids := map[string]bool{}
		for i, b := range l.Bills {
			kinds[b.Kind]++
			if ids[b.ID] || b.Amount.Minor < 0 || b.Amount.Currency == "" || !slices.Contains(l.Truth.Movements[l.Truth.Of[i]].Bills, i) {
				t.Fatalf("seed %d: %+v", seed, b)
			}
			ids[b.ID] = true
		}
		for i, m := range l.Truth.Movements {
			groups[len(m.Bills)]++
			accounts := map[int]bool{}
			for _, n := range m.Bills {
				accounts[l.Bills[n].Account] = true
			}
			if len(accounts) != len(m.Bills) {
				t.Errorf("seed %d: movement %d is told twice in one account", seed, i)
			}
			if m.Gives >= 0 && len(m.Bills) > 0 {
				paid := l.Truth.Movements[m.Gives]
				back[m.Gives] += m.Amount.Minor
				if back[m.Gives] > paid.Amount.Minor {
					t.Errorf("seed %d: more of movement %d came back than was paid", seed, m.Gives)
				}
				if m.Amount.Minor < paid.Amount.Minor {
					partial++
				}
				if l.Bills[m.Bills[0]].At.Month() != l.Bills[paid.Bills[0]].At.Month() {
					months++
				}
			}
			if m.Spends >= 0 {
				mixed++
			}
		}
	}
	t.Log("bills by kind", kinds, "movements by how many tell of them", groups)
	for _, k := range []connectors.Kind{connectors.Payment, connectors.Refund, connectors.Transfer, connectors.Topup, connectors.Withdrawal, connectors.Repayment,
		connectors.LoanKind, connectors.Investment, connectors.Redemption, connectors.Interest, connectors.Fee, connectors.RedPacket, connectors.Adjustment, connectors.Income} {
		if kinds[k] == 0 {
			t.Errorf("nobody has a bill of kind %s", k)
		}
	}
	if groups[1] == 0 || groups[2] == 0 || groups[3] == 0 || partial == 0 || months == 0 || mixed == 0 {
		t.Errorf("movements by how many tell of them %v, refunds in part %d, in another month %d, loans into funds %d", groups, partial, months, mixed)
	}
}
