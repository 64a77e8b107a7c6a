package match_test

import (
	"testing"

	"jali/internal/ledger/year"
)

// without takes an account of a life away, as if its file had not been brought.
func without(account int) func(*year.Life) *year.Life {
	return func(l *year.Life) *year.Life {
		account := (account + int(l.Seed)) % len(l.Accounts)
		from := l.Truth
		l.Truth = year.Truth{Movements: from.Movements}
		for i := range l.Truth.Movements {
			l.Truth.Movements[i].Bills = nil
		}
		all := l.Bills
		l.Bills = nil
		for i, b := range all {
			if b.Account == account {
				continue
			}
			m := &l.Truth.Movements[from.Of[i]]
			m.Bills = append(m.Bills, len(l.Bills))
			l.Bills, l.Truth.Of, l.Truth.Named = append(l.Bills, b), append(l.Truth.Of, from.Of[i]), append(l.Truth.Named, from.Named[i])
		}
		for i := range l.Truth.Movements {
			m := &l.Truth.Movements[i]
			if m.Gives >= 0 && len(l.Truth.Movements[m.Gives].Bills) == 0 {
				m.Gives = -1
			}
		}
		return l
	}
}

// Nobody brings every file. What belongs to a bill that is not here must not be
// found in another. How much is found is not asked: a bank's words alone often
// do not say what was given back.
func TestAMissingFileLeadsNobodyAstray(t *testing.T) {
	for _, tt := range []struct {
		why    string
		change func(*year.Life) *year.Life
		want   int
	}{
		{"as the sources tell it", asTheyAre, wantWithIDs},
		{"with all ids taken away", withoutIDs, wantWithoutIDs},
	} {
		t.Run(tt.why, func(t *testing.T) {
			f := measure(lives(func(l *year.Life) *year.Life { return tt.change(without(0)(l)) }), join)
			t.Logf("mirrors: %v", f.mirrors)
			t.Logf("refunds: %v", f.refunds)
			if min(f.mirrors.precision(), f.refunds.precision()) < tt.want || f.strangers > 0 || f.mirrors.recall() < tt.want {
				t.Errorf("links are less sure than %d.%d %%, or %d strangers were suggested", tt.want/10, tt.want%10, f.strangers)
			}
		})
	}
}
