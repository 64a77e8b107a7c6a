package consent

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/internal/fault"
)

func TestWithin(t *testing.T) {
	day := 24 * time.Hour
	for _, tt := range []struct {
		why    string
		change func(*Terms)
		member string // named by the fault; empty: within
	}{
		{"as it should be", func(*Terms) {}, ""},
		{"no purpose", func(t *Terms) { t.Purpose = "" }, "purpose"},
		{"a purpose of one's own", func(t *Terms) { t.Purpose = "scoring" }, "purpose"},

		{"no datatype", func(t *Terms) { t.Datatypes = nil }, "datatypes"},
		{"one twice", func(t *Terms) { t.Datatypes = []Datatype{Bills, Bills} }, "datatypes"},
		{"out of order", func(t *Terms) { t.Datatypes = []Datatype{Bills, Balances} }, "datatypes"},
		{"one that is none", func(t *Terms) { t.Datatypes = []Datatype{"bills", "secrets"} }, "datatypes"},
		{"bills for balance_overview", func(t *Terms) { t.Purpose = BalanceOverview }, "datatypes"},
		{"balances for repayment_reminder", func(t *Terms) {
			*t = Terms{Purpose: RepaymentReminder, Datatypes: []Datatype{Balances}, Uses: t.Uses, Until: t.Until}
		}, "datatypes"},
		{"statements for reconciliation", func(t *Terms) { t.Purpose, t.Datatypes = Reconciliation, []Datatype{Statements} }, "datatypes"},

		{"sources", func(t *Terms) { t.Sources = []string{"alipay", "wechatpay"} }, ""},
		{"a source twice", func(t *Terms) { t.Sources = []string{"alipay", "alipay"} }, "sources"},
		{"a source that is markup", func(t *Terms) { t.Sources = []string{"<b>"} }, "sources"},
		{"more sources than one reads", func(t *Terms) {
			for i := range maxSources + 1 {
				t.Sources = append(t.Sources, "s"+string(rune('a'+i/26))+string(rune('a'+i%26)))
			}
		}, "sources"},

		{"no level of bills", func(t *Terms) { t.Fields = "" }, "bill_fields"},
		{"a level that is none", func(t *Terms) { t.Fields = "all" }, "bill_fields"},
		{"full for bill_overview", func(t *Terms) { t.Fields = Full }, "bill_fields"},
		{"full for bookkeeping", func(t *Terms) { t.Purpose, t.Fields = Bookkeeping, Full }, ""},
		{"a level without bills", func(t *Terms) { t.Datatypes = []Datatype{Statements} }, "bill_fields"},

		{"a month of days", func(t *Terms) { t.Period = Period{From: "2026-10-01", To: "2026-10-31"} }, ""},
		{"one day", func(t *Terms) { t.Period = Period{From: "2026-10-01", To: "2026-10-01"} }, ""},
		{"13 months", func(t *Terms) { t.Period = Period{From: "2025-10-01", To: "2026-10-31"} }, ""},
		{"13 months and a day", func(t *Terms) { t.Period = Period{From: "2025-10-01", To: "2026-11-01"} }, "period"},
		{"13 moving months", func(t *Terms) { t.Period = Period{Days: 395} }, ""},
		{"more than 13 moving months", func(t *Terms) { t.Period = Period{Days: 396} }, "period.days"},
		{"less than a day", func(t *Terms) { t.Period = Period{Days: -1} }, "period.days"},
		{"backwards", func(t *Terms) { t.Period = Period{From: "2026-10-02", To: "2026-10-01"} }, "period.to"},
		{"no beginning", func(t *Terms) { t.Period = Period{To: "2026-10-01"} }, "period.from"},
		{"no end", func(t *Terms) { t.Period = Period{From: "2026-10-01"} }, "period.to"},
		{"both ways", func(t *Terms) { t.Period = Period{From: "2026-10-01", To: "2026-10-01", Days: 1} }, "period"},
		{"no such day", func(t *Terms) { t.Period = Period{From: "2026-02-30", To: "2026-03-01"} }, "period.from"},
		{"a moment", func(t *Terms) { t.Period = Period{From: "2026-02-01T00:00:00Z", To: "2026-03-01"} }, "period.from"},
		{"no period with bills", func(t *Terms) { t.Period = Period{} }, "period"},
		{"four months for repayment_reminder", func(t *Terms) {
			*t = Terms{Purpose: RepaymentReminder, Datatypes: []Datatype{Statements}, Uses: t.Uses, Until: t.Until, Period: Period{From: "2026-07-01", To: "2026-10-31"}}
		}, "period"},
		{"a period for balances alone", func(t *Terms) {
			*t = Terms{Purpose: BalanceOverview, Datatypes: []Datatype{Balances}, Uses: t.Uses, Until: t.Until, Period: Period{Days: 1}}
		}, "period"},

		{"never", func(t *Terms) { t.Uses = Uses{} }, "uses.limit"},
		{"less than never", func(t *Terms) { t.Uses = Uses{Limit: -1} }, "uses.limit"},
		{"four a day", func(t *Terms) { t.Uses = Uses{Limit: 4, Per: "day"} }, ""},
		{"five a day", func(t *Terms) { t.Uses = Uses{Limit: 5, Per: "day"} }, "uses.limit"},
		{"five in all, which may be one day's", func(t *Terms) { t.Uses = Uses{Limit: 5} }, "uses.limit"},
		{"two a day for reconciliation", func(t *Terms) { t.Purpose, t.Uses = Reconciliation, Uses{Limit: 2, Per: "day"} }, "uses.limit"},
		{"an hour", func(t *Terms) { t.Uses = Uses{Limit: 1, Per: "hour"} }, "uses.per"},
		{"a zone", func(t *Terms) { t.Uses = Uses{Limit: 1, Per: "day", TZ: "Europe/Vienna"} }, ""},
		{"a zone without a day", func(t *Terms) { t.Uses = Uses{Limit: 1, TZ: "Europe/Vienna"} }, "uses.tz"},
		{"no such zone", func(t *Terms) { t.Uses = Uses{Limit: 1, Per: "day", TZ: "Mars/Olympus"} }, "uses.tz"},
		{"the machine's zone", func(t *Terms) { t.Uses = Uses{Limit: 1, Per: "day", TZ: "Local"} }, "uses.tz"},
		{"a zone that is a file", func(t *Terms) { t.Uses = Uses{Limit: 1, Per: "day", TZ: "../../etc/passwd"} }, "uses.tz"},

		{"it has ended", func(t *Terms) { t.Until = noon }, "until"},
		{"180 days", func(t *Terms) { t.Until = noon.Add(180 * day) }, ""},
		{"180 days and a second", func(t *Terms) { t.Until = noon.Add(180*day + time.Second) }, "until"},
		{"half a second", func(t *Terms) { t.Until = t.Until.Add(time.Second / 2) }, "until"},
		{"a year for bookkeeping", func(t *Terms) { t.Purpose, t.Until = Bookkeeping, noon.AddDate(1, 0, 0) }, ""},
		{"more than a year", func(t *Terms) { t.Purpose, t.Until = Bookkeeping, noon.AddDate(1, 0, 0).Add(time.Second) }, "until"},
		{"91 days for reconciliation", func(t *Terms) { t.Purpose, t.Until = Reconciliation, noon.Add(91*day) }, "until"},

		{"keeping what was shown", func(t *Terms) { t.Retention = time.Second }, "retention"},
		{"30 days for bookkeeping", func(t *Terms) { t.Purpose, t.Retention = Bookkeeping, 30*day }, ""},
		{"31 days for bookkeeping", func(t *Terms) { t.Purpose, t.Retention = Bookkeeping, 31*day }, "retention"},
		{"less than not at all", func(t *Terms) { t.Retention = -time.Second }, "retention"},
		{"half a second kept", func(t *Terms) { t.Purpose, t.Retention = Bookkeeping, time.Second/2 }, "retention"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			terms := once()
			tt.change(&terms)
			err := terms.Within(noon)
			var f *fault.Error
			switch {
			case tt.member == "" && err != nil:
				t.Errorf("Within() = %v, want nil", err)
			case tt.member == "":
			case !errors.As(err, &f) || !errors.Is(err, ErrTerms) || !strings.HasPrefix(f.Detail, "authorization_details[0]."+tt.member+" "):
				t.Errorf("Within() = %v, want an ErrTerms about %s", err, tt.member)
			}
		})
	}
}

// The published list is what the design says, whole.
func TestPurposes(t *testing.T) {
	day := 24 * time.Hour
	want := []struct {
		p         Purpose
		zh        string
		datatypes []Datatype
		months    int
		uses      int
		until     time.Time
		fields    BillFields
		retention time.Duration
	}{
		{BalanceOverview, "余额总览", []Datatype{Balances}, 0, 4, noon.Add(180 * day), "", 0},
		{BillOverview, "账单汇总", []Datatype{Balances, Bills, Statements}, 13, 4, noon.Add(180 * day), Standard, 0},
		{RepaymentReminder, "还款提醒", []Datatype{Statements}, 3, 1, noon.Add(180 * day), "", 0},
		{Bookkeeping, "记账", []Datatype{Balances, Bills, Statements}, 13, 4, noon.AddDate(1, 0, 0), Full, 30 * day},
		{Reconciliation, "对账", []Datatype{Balances, Bills}, 13, 1, noon.Add(90 * day), Full, 30 * day},
	}
	list := Purposes()
	if len(list) != len(want) {
		t.Fatalf("%d purposes, want %d", len(list), len(want))
	}
	for i, w := range want {
		r := list[i]
		if r.Purpose != w.p || r.Name.ZH != w.zh || r.Name.EN == "" || r.Says.ZH == "" || r.Says.EN == "" ||
			!slices.Equal(r.Datatypes, w.datatypes) || r.Period.Months != w.months || r.Uses != w.uses ||
			!r.Life.After(noon).Equal(w.until) || r.Fields != w.fields || r.Retention != w.retention {
			t.Errorf("%s is %+v, want %+v", w.p, r, w)
		}
	}
}

func TestPeriodRange(t *testing.T) {
	at := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, Shanghai) }
	for _, tt := range []struct {
		why      string
		p        Period
		now      time.Time
		from, to time.Time
	}{
		{"both days are in it", Period{From: "2026-10-01", To: "2026-10-31"}, noon, at(2026, 10, 1), at(2026, 11, 1)},
		{"30 days end with today", Period{Days: 30}, noon, at(2026, 10, 20), at(2026, 11, 19)},
		{"one day is today", Period{Days: 1}, noon, at(2026, 11, 18), at(2026, 11, 19)},
		{"today is Shanghai's", Period{Days: 1}, time.Date(2026, 11, 17, 16, 0, 0, 0, time.UTC), at(2026, 11, 18), at(2026, 11, 19)},
		{"a second before", Period{Days: 1}, time.Date(2026, 11, 17, 15, 59, 59, 0, time.UTC), at(2026, 11, 17), at(2026, 11, 18)},
		{"over a leap day", Period{Days: 2}, at(2028, 3, 1), at(2028, 2, 29), at(2028, 3, 2)},
		{"none", Period{}, noon, time.Time{}, time.Time{}},
	} {
		from, to := tt.p.Range(tt.now)
		if !from.Equal(tt.from) || !to.Equal(tt.to) {
			t.Errorf("%s: [%v, %v), want [%v, %v)", tt.why, from, to, tt.from, tt.to)
		}
	}
}
