package page

import (
	"net/http"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/ledger/sums"
)

type sumsPage struct {
	looking
	Currencies []currencySums
	Unknown    []stretch
	Gaps       []gap
}

// currencySums is what there is in one currency; nothing is converted.
type currencySums struct {
	Currency string
	In, Out  money.Amount
	Months   []sums.Month
	Partly   bool // some month is
	Worth    []sums.Worth
	Lines    []lines

	Flow, Course, Spent *plot
}

// lines are sums under one sort of name.
type lines struct {
	Of   string // "category", "source", "shop"
	Rows []line
}

type line struct {
	Name    string
	In, Out money.Amount
	Bills   int
}

// stretch is what a source, or its files of some accounts, have told all bills
// of, where that is not all of the look.
type stretch struct {
	Source   connectors.Source
	toldDays      // no spans: of no day all
	Some     bool // there are bills of it even so
}

func (p *Page) sums(w http.ResponseWriter, r *http.Request, s consent.Session) {
	d := &sumsPage{}
	p.withLook(w, r, s, "sums", "sums.title", &d.looking, d, func(look aggregate.Look, words *catalog) {
		for _, c := range look.Sums.Currencies {
			d.Currencies = append(d.Currencies, words.currency(c, look))
		}
		d.Unknown, d.Gaps = unknown(look, d.From, d.To), gaps(look, accountsOf(look))
	})
}

func (c *catalog) currency(of sums.Currency, look aggregate.Look) currencySums {
	out := currencySums{Currency: of.Currency, Months: of.Months, Worth: of.Worth,
		In: money.Amount{Currency: of.Currency}, Out: money.Amount{Currency: of.Currency}}
	sign := currencySigns[of.Currency]
	flow := &plot{Currency: of.Currency, Data: plotData{Sign: sign, Series: []plotSerie{{Name: c.T("flow.in")}, {Name: c.T("flow.out")}}}}
	for _, m := range of.Months {
		out.Partly = out.Partly || m.Partly
		if sum, err := out.In.Add(m.In); err == nil {
			out.In = sum
		}
		if sum, err := out.Out.Add(m.Out); err == nil {
			out.Out = sum
		}
		flow.Data.add(m.Month, m.In, m.Out)
	}
	if !out.In.Zero() || !out.Out.Zero() {
		out.Flow = flow
	}
	if len(of.Worth) > 1 {
		out.Course = &plot{Currency: of.Currency, Data: plotData{Sign: sign, Series: []plotSerie{{Name: c.T("home.net")}, {Name: c.T("home.assets")}, {Name: c.T("home.debts")}}}}
		for _, w := range of.Worth {
			out.Course.Data.add(w.At.Add(-1).In(shanghai).Format(time.DateOnly), w.Net, w.Assets, w.Debts)
		}
	}
	sources := map[string]connectors.Source{}
	for _, a := range look.Accounts {
		sources[a.Source.ID] = a.Source
	}
	name := map[string]func(string) string{
		"category": c.Category,
		"source":   func(id string) string { return c.Source(sources[id]) },
		"shop":     func(shop string) string { return shop },
	}
	for _, part := range []struct {
		of  string
		all []sums.Line
	}{{"category", of.Categories}, {"source", of.Sources}, {"shop", of.Shops}} {
		list := lines{Of: part.of}
		for _, l := range part.all {
			called := name[part.of](l.Name)
			if l.Name == "" || called == "" {
				called = c.T("sums.rest")
			}
			list.Rows = append(list.Rows, line{called, l.In, l.Out, l.Bills})
		}
		if len(list.Rows) > 0 {
			out.Lines = append(out.Lines, list)
		}
	}
	spent := &plot{Currency: of.Currency, Data: plotData{Sign: sign, Series: []plotSerie{{Name: c.T("flow.out")}}}}
	for _, l := range of.Categories {
		if len(spent.Data.Labels) < plottedCategories && l.Out.Minor > 0 {
			spent.Data.add(c.Category(l.Name), l.Out)
		}
	}
	if len(spent.Data.Labels) > 0 {
		out.Spent = spent
	}
	return out
}

// add draws one more place: a value for each series.
func (d *plotData) add(label string, values ...money.Amount) {
	d.Labels = append(d.Labels, label)
	for i, v := range values {
		d.Series[i].Values = append(d.Series[i].Values, number(v))
	}
}

// unknown answers the sources whose bills do not reach over all of the days
// that are summed.
func unknown(look aggregate.Look, from, to time.Time) []stretch {
	some, accounts := map[string]bool{}, accountsOf(look)
	for _, b := range look.Bills {
		some[accounts[b.Account].Source.ID] = true
	}
	var all []stretch
	if look.At.Before(to) {
		to = look.At
	}
	for _, r := range look.Sources {
		parts := []toldDays{{Spans: []connectors.Span{r.Covers}}}
		if files := toldOf(look.Accounts, r.Source.ID); r.Status == aggregate.FromFile && len(files) > 0 {
			parts = files
		}
		for _, t := range parts {
			if !whole(t.Spans, connectors.Span{From: from, To: to}) {
				t.Spans = reaching(t.Spans, from, to)
				all = append(all, stretch{r.Source, t, some[r.Source.ID] && len(t.Accounts) == 0})
			}
		}
	}
	return all
}
