package page

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"jali/consent"
)

// choiceForm is what the narrowing controls offer and have been set to.
type choiceForm struct {
	Datatypes          []option
	Fields             []option
	Days, MaxDays      int
	From, To           consent.Date
	MinDate, MaxDate   consent.Date
	Uses               []option
	Until              consent.Date
	MinUntil, MaxUntil consent.Date
	Narrowed           bool
}

type option struct {
	Value, Label string
	On           bool
}

// choices are what can be narrowed: nothing wider than asked is offered.
func (p *Page) choices(words *catalog, asked consent.Terms, c consent.Choice) choiceForm {
	f := choiceForm{Narrowed: len(c.Datatypes) > 0 && len(c.Datatypes) < len(asked.Datatypes) || !c.Period.Zero() || c.Fields != "" || c.Uses.Limit > 0 || !c.Until.IsZero()}
	for _, d := range asked.Datatypes {
		f.Datatypes = append(f.Datatypes, option{string(d), words.T("datatype." + string(d)),
			len(c.Datatypes) == 0 || slices.Contains(c.Datatypes, d)})
	}
	if slices.Contains(asked.Datatypes, consent.Bills) {
		levels := []consent.BillFields{consent.Minimal, consent.Standard, consent.Full}
		on := asked.Fields
		if c.Fields != "" {
			on = c.Fields
		}
		for _, l := range levels[:slices.Index(levels, asked.Fields)+1] {
			f.Fields = append(f.Fields, option{string(l), words.T("fields." + string(l)), l == on})
		}
	}
	period := asked.Period
	if !c.Period.Zero() {
		period = c.Period
	}
	f.MaxDays, f.Days = asked.Period.Days, period.Days
	f.MinDate, f.MaxDate, f.From, f.To = asked.Period.From, asked.Period.To, period.From, period.To
	f.Uses = useOptions(words, asked.Uses, c.Uses)
	now := p.Now()
	f.MinUntil, f.MaxUntil = consent.DateOf(now, shanghai), consent.DateOf(asked.Until, shanghai)
	f.Until = f.MaxUntil
	if !c.Until.IsZero() {
		f.Until = consent.DateOf(c.Until, shanghai)
	}
	return f
}

// useOptions go from what was asked down to once.
func useOptions(words *catalog, asked, chosen consent.Uses) []option {
	if chosen.Limit == 0 {
		chosen = asked
	}
	var list []option
	offer := func(u consent.Uses) {
		value := "total:"
		if u.Per != "" {
			value = "day:"
		}
		list = append(list, option{value + strconv.Itoa(u.Limit), words.often(u), u.Limit == chosen.Limit && u.Per == chosen.Per})
	}
	const most = 12
	for n := asked.Limit; n >= 1 && len(list) < most; n-- {
		offer(consent.Uses{Limit: n, Per: asked.Per})
	}
	if asked.Per != "" || list[len(list)-1].Value != "total:1" {
		offer(consent.Uses{Limit: 1})
	}
	return list
}

// readChoice reads the form. What is left as it was asked stays unset, so that
// it stays exactly as asked; what is no form of ours is errForm.
func readChoice(form url.Values, asked consent.Terms) (consent.Choice, error) {
	var c consent.Choice
	for _, id := range form["account"] {
		c.Accounts = append(c.Accounts, consent.AccountID(id))
	}
	for _, d := range form["datatype"] {
		c.Datatypes = append(c.Datatypes, consent.Datatype(d))
	}
	if form.Has("narrow") && len(c.Datatypes) == 0 {
		return c, consent.ErrNothingChosen
	}
	if c.Fields = consent.BillFields(form.Get("fields")); c.Fields == asked.Fields {
		c.Fields = ""
	}
	switch {
	case asked.Period.Days > 0 && form.Get("days") != "":
		if c.Period.Days = atoi(form.Get("days")); c.Period.Days <= 0 {
			return c, errForm
		}
	case asked.Period.Days == 0 && (form.Get("from") != "" || form.Get("to") != ""):
		c.Period = consent.Period{From: consent.Date(form.Get("from")), To: consent.Date(form.Get("to"))}
	}
	if u := form.Get("uses"); u != "" {
		kind, limit, _ := strings.Cut(u, ":")
		if c.Uses.Limit = atoi(limit); c.Uses.Limit <= 0 {
			return c, errForm
		}
		switch kind {
		case "day":
			c.Uses.Per = "day"
		case "total":
		default:
			return c, errForm
		}
		if c.Uses.Limit == asked.Uses.Limit && c.Uses.Per == asked.Uses.Per {
			c.Uses = consent.Uses{}
		}
	}
	if day := consent.Date(form.Get("until")); day != "" && day != consent.DateOf(asked.Until, shanghai) {
		if !day.Valid() {
			return c, errForm
		}
		c.Until = day.Start().AddDate(0, 0, 1).Add(-time.Second) // the end of that day
	}
	return c, nil
}
