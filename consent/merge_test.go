package consent

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jali/internal/fault"
)

func TestMerge(t *testing.T) {
	for _, tt := range []struct {
		why          string
		change, more func(*Terms)
		want         func(*Terms)
		member       string // of an ErrTerms
	}{
		{"the same", nil, nil, func(*Terms) {}, ""},
		{"another datatype", nil, func(t *Terms) { t.Datatypes = []Datatype{Statements} },
			func(t *Terms) { t.Datatypes = []Datatype{Balances, Bills, Statements} }, ""},
		{"balances alone keep the bills", nil, func(t *Terms) { t.Datatypes, t.Fields, t.Period = []Datatype{Balances}, "", Period{} }, func(*Terms) {}, ""},
		{"bills where there were none", func(t *Terms) { t.Datatypes, t.Fields, t.Period = []Datatype{Balances}, "", Period{} }, nil,
			func(t *Terms) { *t = once() }, ""},
		{"one more source", func(t *Terms) { t.Sources = []string{"alipay"} }, func(t *Terms) { t.Sources = []string{"unionpay", "alipay"} },
			func(t *Terms) { t.Sources = []string{"alipay", "unionpay"} }, ""},
		{"sources of a grant for which the person picks", nil, func(t *Terms) { t.Sources = []string{"alipay"} }, func(*Terms) {}, ""},
		{"no source named", func(t *Terms) { t.Sources = []string{"alipay"} }, nil, func(*Terms) {}, ""},
		{"nothing but a datatype", func(t *Terms) { t.Period, t.Retention = Period{From: "2026-10-01", To: "2026-10-31"}, time.Hour },
			func(t *Terms) {
				*t = Terms{Purpose: t.Purpose, Datatypes: []Datatype{Statements}, Uses: t.Uses}
			},
			func(t *Terms) { t.Datatypes = []Datatype{Balances, Bills, Statements} }, ""},
		{"bills where there were none, and nothing of them", func(t *Terms) { t.Datatypes, t.Fields, t.Period = []Datatype{Balances}, "", Period{} },
			func(t *Terms) { t.Fields, t.Period = "", Period{} },
			func(t *Terms) { t.Datatypes, t.Fields, t.Period = once().Datatypes, Minimal, Period{Days: defaultDays} }, ""},
		{"less of each bill", nil, func(t *Terms) { t.Fields = Minimal }, func(*Terms) {}, ""},
		{"more of each bill", func(t *Terms) { t.Fields = Minimal }, nil, func(t *Terms) { t.Fields = Standard }, ""},
		{"a longer window", nil, func(t *Terms) { t.Period.Days = 60 }, func(t *Terms) { t.Period.Days = 60 }, ""},
		{"days that meet", func(t *Terms) { t.Period = Period{From: "2026-10-01", To: "2026-10-31"} },
			func(t *Terms) { t.Period = Period{From: "2026-11-01", To: "2026-11-10"} },
			func(t *Terms) { t.Period = Period{From: "2026-10-01", To: "2026-11-10"} }, ""},
		{"days with a day between", func(t *Terms) { t.Period = Period{From: "2026-10-01", To: "2026-10-31"} },
			func(t *Terms) { t.Period = Period{From: "2026-11-02", To: "2026-11-10"} }, nil, "period"},
		{"days with a day between, the other way", func(t *Terms) { t.Period = Period{From: "2026-11-02", To: "2026-11-10"} },
			func(t *Terms) { t.Period = Period{From: "2026-10-01", To: "2026-10-31"} }, nil, "period"},
		{"days and a window", nil, func(t *Terms) { t.Period = Period{From: "2026-10-01", To: "2026-10-31"} }, nil, "period"},
		{"more often", nil, func(t *Terms) { t.Uses.Limit = 3 }, func(t *Terms) { t.Uses.Limit = 3 }, ""},
		{"daily and in all", nil, func(t *Terms) { t.Uses.Per = "day" }, nil, "uses.per"},
		{"days of two zones", func(t *Terms) { t.Uses.Per = "day" }, func(t *Terms) { t.Uses = Uses{1, "day", "Europe/Vienna"} }, nil, "uses.tz"},
		{"one zone by two names", func(t *Terms) { t.Uses.Per = "day" }, func(t *Terms) { t.Uses = Uses{1, "day", "Asia/Shanghai"} },
			func(t *Terms) { t.Uses.Per = "day" }, ""},
		{"longer", nil, func(t *Terms) { t.Until = t.Until.Add(time.Hour) }, func(t *Terms) { t.Until = t.Until.Add(time.Hour) }, ""},
		{"not as long", nil, func(t *Terms) { t.Until = t.Until.Add(-time.Second) }, func(*Terms) {}, ""},
		{"kept longer", nil, func(t *Terms) { t.Retention = time.Hour }, func(t *Terms) { t.Retention = time.Hour }, ""},
		{"for something else", nil, func(t *Terms) { t.Purpose = Bookkeeping }, nil, "purpose"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			before, more := once(), once()
			if tt.change != nil {
				tt.change(&before)
			}
			if tt.more != nil {
				tt.more(&more)
			}
			got, err := before.Merge(more)
			if tt.want == nil {
				var f *fault.Error
				if !errors.As(err, &f) || !errors.Is(err, ErrTerms) || !strings.HasPrefix(f.Detail, "authorization_details[0]."+tt.member+" ") {
					t.Errorf("Merge = %v, want an ErrTerms about %s", err, tt.member)
				}
				return
			}
			want := before
			tt.want(&want)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("Merge = %+v, %v\nwant    %+v", got, err, want)
			}
		})
	}
}

// Whatever is merged, what there was stays open and nothing is added that
// neither opens.
func TestMergingOnlyAdds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawTerms(t), drawTerms(t)
		m, err := a.Merge(b)
		if err != nil {
			if !errors.Is(err, ErrTerms) {
				t.Fatal(err)
			}
			return
		}
		for _, x := range []Terms{a, b} {
			if _, err := m.Narrow(Choice{Datatypes: x.Datatypes, Fields: x.Fields, Period: x.Period, Uses: x.Uses.sameZone(m.Uses), Until: x.Until}, noon); err != nil {
				t.Fatalf("%+v\nis not within %+v: %v", x, m, err)
			}
		}
		for _, c := range Changes(a, m, nil, nil) {
			if !c.Wider {
				t.Fatalf("a merge takes away: %+v", c)
			}
		}
		if again, err := m.Merge(b); err != nil || len(Changes(m, again, nil, nil)) != 0 {
			t.Fatalf("merged twice: %+v, %v", again, err)
		}
	})
}

func TestChanges(t *testing.T) {
	for _, tt := range []struct {
		why           string
		change        func(*Terms)
		before, after []AccountID
		want          []Change
	}{
		{"nothing", func(*Terms) {}, wallet, []AccountID{"card", "wallet"}, nil},
		{"until later", func(t *Terms) { t.Until = t.Until.Add(time.Hour) }, nil, nil,
			[]Change{{"until", []string{"2026-11-18T05:00:00Z"}, []string{"2026-11-18T06:00:00Z"}, true}}},
		{"one account for another", func(*Terms) {}, wallet, []AccountID{"fund", "card"},
			[]Change{{"accounts", []string{"card", "wallet"}, []string{"card", "fund"}, true}}},
		{"an account less", func(*Terms) {}, wallet, wallet[:1], []Change{{"accounts", []string{"card", "wallet"}, []string{"wallet"}, false}}},
		{"the person picks no more", func(t *Terms) { t.Sources = []string{"alipay"} }, nil, nil, []Change{{"sources", nil, []string{"alipay"}, false}}},
		{"daily, not once", func(t *Terms) { t.Uses = Uses{2, "day", "Europe/Vienna"} }, nil, nil,
			[]Change{{"uses", []string{"1"}, []string{"2/day Europe/Vienna"}, true}}},
		{"all of it", func(t *Terms) {
			*t = Terms{Purpose: RepaymentReminder, Datatypes: []Datatype{Statements}, Period: Period{From: "2026-10-01", To: "2026-10-02"}, Uses: t.Uses, Until: t.Until, Retention: 48 * time.Hour}
		}, nil, nil, []Change{
			{"purpose", []string{"bill_overview"}, []string{"repayment_reminder"}, true},
			{"datatypes", []string{"balances", "bills"}, []string{"statements"}, true},
			{"bill_fields", []string{"standard"}, nil, false},
			{"period", []string{"P30D"}, []string{"2026-10-01/2026-10-02"}, true},
			{"retention", []string{"PT0S"}, []string{"P2D"}, true},
		}},
	} {
		after := once()
		tt.change(&after)
		if got := Changes(once(), after, tt.before, tt.after); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v\nwant %+v", tt.why, got, tt.want)
		}
	}
	// By one name or another it is the same zone.
	if got := Changes(daily(2, ""), daily(2, "Asia/Shanghai"), nil, nil); got != nil {
		t.Errorf("the same days: %+v", got)
	}
}
