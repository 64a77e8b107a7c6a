package consent

import (
	"slices"
	"time"
)

// Rule is what a purpose may be asked for at most, and what it means when a
// request leaves something out. The list is closed and published.
type Rule struct {
	Purpose Purpose
	Name    Name // as people read it
	Says    Name // one sentence: what the client will do

	Datatypes []Datatype
	Period    Length // the longest; zero: no bills and no statements, so no period
	Uses      int    // the most on one day, or in all
	Life      Length // the longest from the request on
	Fields    BillFields
	Retention time.Duration

	// DefaultDays and DefaultLife stand in for a period and an end that a
	// request leaves out. Fields left out are Minimal, retention none, and the
	// person picks the sources.
	DefaultDays int
	DefaultLife Length
}

// Length is a stretch of the calendar.
type Length struct{ Years, Months, Days int }

// After answers the moment a length after t, by the calendar of Asia/Shanghai.
func (l Length) After(t time.Time) time.Time {
	return t.In(Shanghai).AddDate(l.Years, l.Months, l.Days)
}

// days is how many days a window that moves with each use may count: 13 months
// are 395, whichever months they are.
func (l Length) days() int { return (l.Years*12+l.Months)*365/12 + l.Days }

var (
	halfYear    = Length{Days: 180}
	month       = Length{Days: 30}
	yearAndOne  = Length{Months: 13}
	defaultDays = 30
)

var rules = []Rule{
	{
		Purpose:   BalanceOverview,
		Name:      Name{"余额总览", "Balance overview"},
		Says:      Name{"把你在各处的余额放在一起给你看。", "Shows you the balances of your accounts side by side."},
		Datatypes: []Datatype{Balances}, Uses: 4, Life: halfYear, DefaultLife: month,
	},
	{
		Purpose:   BillOverview,
		Name:      Name{"账单汇总", "Bill overview"},
		Says:      Name{"把你在各处的账单汇总给你看。", "Shows you the bills of your accounts in one list."},
		Datatypes: []Datatype{Balances, Bills, Statements}, Period: yearAndOne, Uses: 4, Life: halfYear,
		Fields: Standard, DefaultDays: defaultDays, DefaultLife: month,
	},
	{
		Purpose:   RepaymentReminder,
		Name:      Name{"还款提醒", "Repayment reminder"},
		Says:      Name{"在该还款的时候提醒你。", "Reminds you when a repayment is due."},
		Datatypes: []Datatype{Statements}, Period: Length{Months: 3}, Uses: 1, Life: halfYear,
		DefaultDays: defaultDays, DefaultLife: month,
	},
	{
		Purpose:   Bookkeeping,
		Name:      Name{"记账", "Bookkeeping"},
		Says:      Name{"替你记账，并按你同意的时间保存账单。", "Keeps your books, and your bills for as long as you agree to."},
		Datatypes: []Datatype{Balances, Bills, Statements}, Period: yearAndOne, Uses: 4, Life: Length{Years: 1},
		Fields: Full, Retention: 30 * 24 * time.Hour, DefaultDays: defaultDays, DefaultLife: month,
	},
	{
		Purpose:   Reconciliation,
		Name:      Name{"对账", "Reconciliation"},
		Says:      Name{"拿它自己的记录与你的账单核对。", "Checks its own records against your bills."},
		Datatypes: []Datatype{Balances, Bills}, Period: yearAndOne, Uses: 1, Life: Length{Days: 90},
		Fields: Full, Retention: 30 * 24 * time.Hour, DefaultDays: defaultDays, DefaultLife: month,
	},
}

// Purposes answers the closed list, in the order it is published in.
func Purposes() []Rule { return slices.Clone(rules) }

// Rule answers what the purpose allows; false where there is no such purpose.
func (p Purpose) Rule() (Rule, bool) {
	for _, r := range rules {
		if r.Purpose == p {
			return r, true
		}
	}
	return Rule{}, false
}
