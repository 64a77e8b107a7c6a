package consent

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawTerms makes terms that may be asked at noon.
func drawTerms(t *rapid.T) Terms {
	r := rapid.SampledFrom(rules).Draw(t, "rule")
	x := Terms{Purpose: r.Purpose}
	for _, d := range r.Datatypes {
		if rapid.Bool().Draw(t, "with "+string(d)) {
			x.Datatypes = append(x.Datatypes, d)
		}
	}
	if len(x.Datatypes) == 0 {
		x.Datatypes = []Datatype{r.Datatypes[0]}
	}
	if slices.Contains(x.Datatypes, Bills) {
		x.Fields = rapid.SampledFrom([]BillFields{Minimal, Standard, Full}[:r.Fields.rank()]).Draw(t, "fields")
	}
	if x.dated() {
		x.Period = drawPeriod(t, r.Period.days()-10)
	}
	x.Uses = drawUses(t, r.Uses)
	x.Until = noon.Add(time.Duration(rapid.IntRange(1, 90*24*3600).Draw(t, "until")) * time.Second).UTC()
	return x
}

func drawPeriod(t *rapid.T, most int) Period {
	days := rapid.IntRange(1, most).Draw(t, "days")
	if rapid.Bool().Draw(t, "moves") {
		return Period{Days: days}
	}
	from := Date("2026-01-01").Start().AddDate(0, 0, rapid.IntRange(0, 300).Draw(t, "from"))
	return Period{From: DateOf(from, Shanghai), To: DateOf(from.AddDate(0, 0, days-1), Shanghai)}
}

func drawUses(t *rapid.T, most int) Uses {
	u := Uses{Limit: rapid.IntRange(1, most).Draw(t, "limit")}
	if rapid.Bool().Draw(t, "daily") {
		u.Per = "day"
		u.TZ = rapid.SampledFrom([]string{"", "Asia/Shanghai", "Europe/Vienna"}).Draw(t, "tz")
	}
	return u
}

// Whatever a choice says, what comes out opens nothing that was not asked for.
func TestNarrowingNeverWidens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		asked := drawTerms(t)
		if err := asked.Within(noon); err != nil {
			t.Fatalf("the generator is wrong: %v", err)
		}
		var c Choice
		if rapid.Bool().Draw(t, "chooses datatypes") {
			c.Datatypes = rapid.SliceOf(rapid.SampledFrom([]Datatype{Balances, Bills, Statements, "secrets"})).Draw(t, "datatypes")
		}
		c.Fields = rapid.SampledFrom([]BillFields{"", Minimal, Standard, Full, "all"}).Draw(t, "choice of fields")
		if rapid.Bool().Draw(t, "chooses a period") {
			c.Period = drawPeriod(t, 400)
		}
		if rapid.Bool().Draw(t, "chooses uses") {
			c.Uses = drawUses(t, 6)
			c.Uses.Limit -= rapid.IntRange(0, 1).Draw(t, "less")
		}
		if rapid.Bool().Draw(t, "chooses an end") {
			c.Until = noon.Add(time.Duration(rapid.IntRange(-10, 100*24*3600).Draw(t, "choice of end")) * time.Second)
		}
		n, err := asked.Narrow(c, noon)
		if err != nil {
			if !errors.Is(err, ErrWider) {
				t.Fatalf("Narrow: %v", err)
			}
			return
		}
		if err := n.Within(noon); err != nil {
			t.Fatalf("narrowed terms are beyond the purpose: %v\n%+v", err, n)
		}
		if !subset(n.Datatypes, asked.Datatypes) || n.Fields.rank() > asked.Fields.rank() || n.Until.After(asked.Until) ||
			n.Retention > asked.Retention || n.Purpose != asked.Purpose || n.Uses.Limit > asked.Uses.Limit ||
			n.Uses.Per == "day" && asked.Uses.Per == "" {
			t.Fatalf("wider: asked %+v, got %+v", asked, n)
		}
		// No use, on any day, opens a day of bills that was not asked for.
		for _, day := range []time.Time{noon, noon.AddDate(0, 1, 0)} {
			from, to := n.Period.Range(day)
			wasFrom, wasTo := asked.Period.Range(day)
			if from.Before(to) && (from.Before(wasFrom) || to.After(wasTo)) {
				t.Fatalf("a use on %v opens [%v, %v), asked was [%v, %v)", day, from, to, wasFrom, wasTo)
			}
		}
	})
}

func TestNarrow(t *testing.T) {
	fixed := once()
	fixed.Period = Period{From: "2026-10-01", To: "2026-10-31"}
	for _, tt := range []struct {
		why    string
		asked  Terms
		choice Choice
		want   func(*Terms) // nil: ErrWider
	}{
		{"nothing chosen changes nothing", once(), Choice{}, func(*Terms) {}},
		{"without bills there are no fields and no period", once(), Choice{Datatypes: []Datatype{Balances}},
			func(t *Terms) { t.Datatypes, t.Fields, t.Period = []Datatype{Balances}, "", Period{} }},
		{"repeats are one", once(), Choice{Datatypes: []Datatype{Bills, Balances, Bills}}, func(*Terms) {}},
		{"a shorter window", once(), Choice{Period: Period{Days: 7}}, func(t *Terms) { t.Period.Days = 7 }},
		{"a longer one", once(), Choice{Period: Period{Days: 31}}, nil},
		{"fixed days of a window that moves", once(), Choice{Period: Period{From: "2026-11-01", To: "2026-11-02"}}, nil},
		{"a window that moves for fixed days", fixed, Choice{Period: Period{Days: 1}}, nil},
		{"fewer days", fixed, Choice{Period: Period{From: "2026-10-10", To: "2026-10-10"}},
			func(t *Terms) { t.Period = Period{From: "2026-10-10", To: "2026-10-10"} }},
		{"a day earlier", fixed, Choice{Period: Period{From: "2026-09-30", To: "2026-10-10"}}, nil},
		{"days that sort well and are none", fixed, Choice{Period: Period{From: "2026-10-1x", To: "2026-10-20"}}, nil},
		{"once of four a day", daily(4, ""), Choice{Uses: Uses{Limit: 1}}, func(t *Terms) { t.Uses = Uses{Limit: 1} }},
		{"two of four a day keep their zone", daily(4, "Europe/Vienna"), Choice{Uses: Uses{Limit: 2, Per: "day"}},
			func(t *Terms) { t.Uses = Uses{Limit: 2, Per: "day", TZ: "Europe/Vienna"} }},
		{"another zone", daily(4, ""), Choice{Uses: Uses{Limit: 1, Per: "day", TZ: "Europe/Vienna"}}, nil},
		{"daily where once was asked", once(), Choice{Uses: Uses{Limit: 1, Per: "day"}}, nil},
		{"a zone alone", daily(4, ""), Choice{Uses: Uses{TZ: "Europe/Vienna"}}, nil},
		{"a second less", once(), Choice{Until: once().Until.Add(-time.Second)}, func(t *Terms) { t.Until = t.Until.Add(-time.Second) }},
		{"a second more", once(), Choice{Until: once().Until.Add(time.Second)}, nil},
	} {
		t.Run(tt.why, func(t *testing.T) {
			got, err := tt.asked.Narrow(tt.choice, noon)
			if tt.want == nil {
				if !errors.Is(err, ErrWider) {
					t.Errorf("Narrow = %+v, %v; want ErrWider", got, err)
				}
				return
			}
			want := tt.asked
			tt.want(&want)
			if err != nil || !slices.Equal(got.Datatypes, want.Datatypes) || got.Fields != want.Fields || got.Period != want.Period ||
				got.Uses != want.Uses || !got.Until.Equal(want.Until) {
				t.Errorf("Narrow = %+v, %v; want %+v", got, err, want)
			}
		})
	}
}
