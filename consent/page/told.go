package page

import (
	"slices"
	"strings"
	"time"

	"jali/connectors"
	"jali/internal/aggregate"
)

// toldDays is of which days files tell the bills of some accounts of a source.
type toldDays struct {
	Accounts []aggregate.OwnAccount // empty: all of the source's that are out of files
	Spans    []connectors.Span
}

// toldOf answers what a source's files tell: accounts that they tell of for the
// same days stand together.
func toldOf(accounts []aggregate.OwnAccount, source string) []toldDays {
	var all []toldDays
	for _, a := range accounts {
		if !a.Imported || a.Source.ID != source || len(a.Covers) == 0 {
			continue
		}
		i := slices.IndexFunc(all, func(t toldDays) bool {
			return slices.EqualFunc(t.Spans, a.Covers, func(x, y connectors.Span) bool { return x.From.Equal(y.From) && x.To.Equal(y.To) })
		})
		if i < 0 {
			i, all = len(all), append(all, toldDays{Spans: a.Covers})
		}
		all[i].Accounts = append(all[i].Accounts, a)
	}
	if len(all) == 1 {
		all[0].Accounts = nil
	}
	return all
}

// whole reports whether one of merged spans reaches over all of s, but for the
// moments that asking takes.
func whole(spans []connectors.Span, s connectors.Span) bool {
	return slices.ContainsFunc(spans, func(c connectors.Span) bool {
		return !c.From.After(s.From) && !c.To.Add(whileAsking).Before(s.To)
	})
}

// reaching answers those of spans that reach into [from, to).
func reaching(spans []connectors.Span, from, to time.Time) []connectors.Span {
	return slices.DeleteFunc(slices.Clone(spans), func(s connectors.Span) bool { return !s.From.Before(to) || !from.Before(s.To) })
}

// Spans says days, such as those that files tell of.
func (c *catalog) Spans(spans []connectors.Span) string {
	var all []string
	for _, s := range spans {
		all = append(all, c.T("period.between", c.Date(s.From), c.LastDay(s.To)))
	}
	return strings.Join(all, c.T("list.comma"))
}

// Names are accounts of one source.
func (c *catalog) Names(accounts []aggregate.OwnAccount) string {
	var all []string
	for _, a := range accounts {
		all = append(all, c.accountName(a))
	}
	return strings.Join(all, c.T("list.comma"))
}
