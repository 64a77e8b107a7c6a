package page

import (
	"jali/connectors"
	"jali/consent"
)

// termsText is what terms say, line by line, in one language.
type termsText struct {
	Purpose, Why string
	Datatypes    []string
	Fields       string // empty without bills
	Period       string // empty without bills or statements
	Often        string
	Until        string
	Keep         string
	Sources      []string
	Hidden       []string // what it will not show
}

func (c *catalog) terms(t consent.Terms, known []connectors.Source) termsText {
	out := termsText{
		Purpose: string(t.Purpose),
		Often:   c.often(t.Uses), Until: c.Moment(t.Until), Keep: c.duration(t.Retention),
		Period: c.period(t.Period),
	}
	if rule, ok := t.Purpose.Rule(); ok {
		out.Purpose, out.Why = c.Name(rule.Name), c.Name(rule.Says)
	}
	bills := false
	for _, d := range t.Datatypes {
		out.Datatypes = append(out.Datatypes, c.or("datatype."+string(d), string(d)))
		bills = bills || d == consent.Bills
	}
	if bills {
		out.Fields = c.or("fields."+string(t.Fields), string(t.Fields))
	}
	for _, id := range t.Sources {
		name := id
		for _, s := range known {
			if s.ID == id {
				name = c.Source(s)
			}
		}
		out.Sources = append(out.Sources, name)
	}
	out.Hidden = append(out.Hidden, c.T("hidden.numbers"), c.T("hidden.names"))
	switch {
	case !bills:
		out.Hidden = append(out.Hidden, c.T("hidden.bills"))
	case t.Fields == consent.Minimal:
		out.Hidden = append(out.Hidden, c.T("hidden.shops"))
	case t.Fields == consent.Standard:
		out.Hidden = append(out.Hidden, c.T("hidden.descriptions"))
	}
	out.Hidden = append(out.Hidden, c.T("hidden.rest"))
	return out
}

func (c *catalog) often(u consent.Uses) string {
	switch {
	case u.Once():
		return c.T("uses.once")
	case u.Per == "":
		return c.N("uses.total", u.Limit)
	default:
		return c.N("uses.day", u.Limit)
	}
}

func (c *catalog) period(p consent.Period) string {
	switch {
	case p.Days > 0:
		return c.N("period.days", p.Days)
	case p.From != "" || p.To != "":
		return c.T("period.between", c.Day(p.From), c.Day(p.To))
	default:
		return ""
	}
}
