package mock

import "time"

// Statements close on the first of a month, for the month before. What they ask
// for is due on the tenth, of a credit card on the twentieth.
const (
	closingDay = 1
	dueDay     = 10
	cardDueDay = 20
)

// statement is a month's summary of an account of debt.
type statement struct {
	from, to time.Time // closed at to
	owed     int64     // in all, when it closed
	due      int64     // of that, by dueOn
	minimum  int64     // what keeps the person from default
	dueOn    time.Time // midnight
	paid     int64     // since it closed, up to the next closing or to now; what shops give back is not
	interest int64     // posted in the month
}

// settled reports whether what was asked for has been paid.
func (s statement) settled() bool { return s.paid >= s.due }

// statements are those that have closed by now, oldest first. Months in which
// nothing was owed and nothing moved have none. The caller reads the world.
func (a *account) statements(now time.Time) []statement {
	rows := a.bankRows(now)
	if !a.owes() || len(rows) == 0 {
		return nil
	}
	var all []statement
	first := rows[0].at.In(beijing)
	for close := time.Date(first.Year(), first.Month()+1, closingDay, 0, 0, 0, 0, beijing); !close.After(now); close = close.AddDate(0, 1, 0) {
		s := statement{from: close.AddDate(0, -1, 0), to: close}
		owed, moved := a.opening, false
		for _, x := range rows {
			switch {
			case x.at.Before(close):
				owed += x.amount
				moved = moved || !x.at.Before(s.from)
				if x.sub == "INTR" && !x.at.Before(s.from) {
					s.interest -= x.amount
				}
			case x.amount > 0 && x.sub != "RIMB" && x.at.Before(close.AddDate(0, 1, 0)):
				s.paid += x.amount
			}
		}
		if s.owed = max(0, -owed); s.owed == 0 && !moved {
			continue
		}
		day := dueDay
		if a.kind == creditCard {
			day = cardDueDay
		}
		s.dueOn = time.Date(close.Year(), close.Month(), day, 0, 0, 0, 0, beijing)
		if s.due = s.owed; a.kind == loan {
			s.due = min(s.owed, a.rate+s.interest)
			s.minimum = s.due
		} else {
			s.minimum = min(s.owed, max(s.owed/10, 1000))
		}
		all = append(all, s)
	}
	return all
}

func (a *account) lastStatement(now time.Time) (statement, bool) {
	all := a.statements(now)
	if len(all) == 0 {
		return statement{}, false
	}
	return all[len(all)-1], true
}
