package page

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/aggregate"
)

// plot is what a script draws and, for those who do not see it, a table.
type plot struct {
	Currency string
	Data     plotData
	Rows     []plotRow
}

// plotData goes into the page as JSON. Numbers are major units, rounded by
// nobody: they are drawn, never summed.
type plotData struct {
	Labels []string    `json:"labels"`
	Series []plotSerie `json:"series"`
	Sign   string      `json:"sign"`
}

type plotSerie struct {
	Name   string    `json:"name"`
	Values []float64 `json:"values"`
}

type plotRow struct {
	Label string
	A, B  money.Amount
	Share int // of the largest row, in thousandths
}

func number(a money.Amount) float64 {
	f, _ := strconv.ParseFloat(a.Value(), 64)
	return f
}

// mainCurrency is the one most bills are in.
func mainCurrency(look aggregate.Look) string {
	n := map[string]int{}
	best := ""
	for _, b := range look.Bills {
		c := b.Amount.Currency
		if n[c]++; best == "" || n[c] > n[best] {
			best = c
		}
	}
	return best
}

// flowPlot sums what came in and went out per day of a month, or per week of
// a longer time.
func flowPlot(look aggregate.Look, f billFilter, words *catalog) *plot {
	currency := mainCurrency(look)
	if currency == "" {
		return nil
	}
	step := 1
	if f.To.Sub(f.From) > 32*24*time.Hour {
		step = 7
	}
	in, out := map[string]money.Amount{}, map[string]money.Amount{}
	for _, b := range look.Bills {
		if !counts(b, currency) || b.At.Before(f.From) || !b.At.Before(f.To) {
			continue
		}
		key := strconv.Itoa(int(b.At.Sub(f.From)/(24*time.Hour)) / step)
		switch b.Flow {
		case connectors.FlowIn:
			add(in, key, b.Amount)
		case connectors.FlowOut:
			add(out, key, b.Amount)
		}
	}
	if len(in)+len(out) == 0 {
		return nil
	}
	pl := &plot{Currency: currency, Data: plotData{Sign: currencySigns[currency], Series: []plotSerie{
		{Name: words.T("flow.in")}, {Name: words.T("flow.out")}}}}
	for i, day := 0, f.From; day.Before(f.To); i, day = i+1, day.AddDate(0, 0, step) {
		key, label := strconv.Itoa(i), day.Format("1/2")
		pl.Data.Labels = append(pl.Data.Labels, label)
		pl.Data.Series[0].Values = append(pl.Data.Series[0].Values, number(in[key]))
		pl.Data.Series[1].Values = append(pl.Data.Series[1].Values, number(out[key]))
		if !in[key].Zero() || !out[key].Zero() {
			pl.Rows = append(pl.Rows, plotRow{Label: label, A: orZero(in[key], currency), B: orZero(out[key], currency)})
		}
	}
	return pl
}

func orZero(a money.Amount, currency string) money.Amount {
	if a.Currency == "" {
		a.Currency = currency
	}
	return a
}

const plottedCategories = 8

// spentPlot sums what went out per category, largest first.
func spentPlot(look aggregate.Look, words *catalog) *plot {
	currency := mainCurrency(look)
	sums := map[string]money.Amount{}
	for _, b := range look.Bills {
		if counts(b, currency) && b.Flow == connectors.FlowOut {
			add(sums, words.Category(b.Category), b.Amount)
		}
	}
	if len(sums) == 0 {
		return nil
	}
	pl := &plot{Currency: currency, Data: plotData{Sign: currencySigns[currency],
		Series: []plotSerie{{Name: words.T("flow.out")}}}}
	for label, sum := range sums {
		pl.Rows = append(pl.Rows, plotRow{Label: label, A: sum})
	}
	slices.SortFunc(pl.Rows, func(a, b plotRow) int {
		if a.A.Minor != b.A.Minor {
			if a.A.Minor > b.A.Minor {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Label, b.Label)
	})
	for i := range pl.Rows {
		if most := pl.Rows[0].A.Minor; most > 0 {
			pl.Rows[i].Share = int(number(pl.Rows[i].A) / number(pl.Rows[0].A) * 1000)
		}
		if i < plottedCategories {
			pl.Data.Labels = append(pl.Data.Labels, pl.Rows[i].Label)
			pl.Data.Series[0].Values = append(pl.Data.Series[0].Values, number(pl.Rows[i].A))
		}
	}
	return pl
}
