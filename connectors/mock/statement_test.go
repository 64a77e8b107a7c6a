package mock

import "testing"

// Who repays what is asked for has repaid it on the day it is due, whatever a
// shop gave back meanwhile, which is no repayment to whoever reads the rows; or
// owes nothing more.
func TestDebtsAreRepaidInFull(t *testing.T) {
	tt := startTown(t, 1)
	tried := 0
	tt.world.read(noon, func() {
		for _, p := range tt.world.people {
			a := p.at(Qingshi, creditLine)
			if a == nil || p.index%4 == 3 {
				continue
			}
			for _, s := range a.statements(noon) {
				if !s.dueOn.AddDate(0, 0, 1).Before(noon) {
					continue
				}
				repaid, owed, balance := int64(0), int64(0), a.opening
				for _, x := range a.bankRows(noon) {
					if !x.at.Before(s.dueOn.AddDate(0, 0, 1)) {
						continue
					}
					if balance += x.amount; x.own == "还款" && !x.at.Before(s.to) {
						repaid, owed = repaid+x.amount, -balance
					}
				}
				tried++
				if repaid < s.due && (repaid == 0 || owed > 0) {
					t.Errorf("%s has repaid %d of %d fen by %v, and owes %d", p.id, repaid, s.due, s.dueOn, owed)
				}
			}
		}
	})
	if tried == 0 {
		t.Error("nobody owes")
	}
}
