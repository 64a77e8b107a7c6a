// Package rar reads and writes authorization_details (RFC 9396) of the one
// type that Jali knows, "account_view". Its functions are pure.
//
// It decides how [consent.Terms] are written; what may stand in them is
// decided by [consent.Terms.Within]. One member is Jali's own: a period of
// {"days": N} moves with each use and ends on its day.
package rar

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"jali/consent"
	"jali/internal/fault"
)

// Type is the only type of authorization_details that is accepted.
const Type = "account_view"

// action is the only one there is.
const action = "view"

// ErrInvalid says which member is wrong, and why; never its value.
var ErrInvalid = consent.ErrTerms

// Parse reads the authorization_details parameter of a request made at now:
// a JSON array with exactly one object. What is left out takes its purpose's
// default; what is unknown, doubled, of a wrong type or beyond the purpose's
// ceilings is ErrInvalid, which says which member and why, never its value.
// resource is the only location there is.
func Parse(raw []byte, now time.Time, resource string) (consent.Terms, error) {
	t, given, err := parse(raw, resource)
	if err != nil {
		return consent.Terms{}, err
	}
	t = defaults(t, given, now)
	if err := t.Within(now); err != nil {
		return consent.Terms{}, err
	}
	return t, nil
}

// ParseMore reads what is to be merged into a grant: what is left out stays
// unset, since it is the grant's to say ([consent.Terms.Merge]). Ceilings are
// held by what the grant would become.
func ParseMore(raw []byte, resource string) (consent.Terms, error) {
	t, _, err := parse(raw, resource)
	return t, err
}

func parse(raw []byte, resource string) (consent.Terms, object, error) {
	tree, err := read(raw)
	if err != nil {
		return consent.Terms{}, nil, at("", err.Error())
	}
	list, ok := tree.([]any)
	if !ok || len(list) != 1 {
		return consent.Terms{}, nil, at("", "must be an array of exactly one object")
	}
	o, ok := list[0].(object)
	if !ok {
		return consent.Terms{}, nil, at("[0]", "must be an object")
	}
	r := reader{path: "[0]", of: o}
	t := r.terms(resource)
	return t, o, r.err
}

// defaults fills in what a request leaves out, by its purpose.
func defaults(t consent.Terms, given object, now time.Time) consent.Terms {
	rule, ok := t.Purpose.Rule()
	if !ok {
		return t // Within says so
	}
	bills := slices.Contains(t.Datatypes, consent.Bills)
	if _, said := given["bill_fields"]; bills && !said {
		t.Fields = consent.Minimal
	}
	if _, said := given["period"]; !said && (bills || slices.Contains(t.Datatypes, consent.Statements)) {
		t.Period = consent.Period{Days: rule.DefaultDays}
	}
	if _, said := given["until"]; !said {
		t.Until = rule.DefaultLife.After(now).Truncate(time.Second).UTC()
	}
	return t
}

// Format writes agreed terms as the enriched authorization_details array of a
// token answer, with the grant's account aliases left out. Parse reads it back
// as the same terms for as long as they could be asked for.
func Format(t consent.Terms) json.RawMessage {
	d := details{
		Type: Type, Locations: t.Locations, Actions: []string{action}, Datatypes: t.Datatypes, Sources: t.Sources,
		Fields: t.Fields, Purpose: t.Purpose, Uses: t.Uses,
		Until: t.Until.In(consent.Shanghai).Format(time.RFC3339), Retention: t.RetentionISO(),
	}
	if !t.Period.Zero() {
		d.Period = &t.Period
	}
	b, err := json.Marshal([]details{d})
	if err != nil {
		return json.RawMessage("[]") // strings and numbers alone: cannot be
	}
	return b
}

type details struct {
	Type      string             `json:"type"`
	Locations []string           `json:"locations,omitempty"`
	Actions   []string           `json:"actions"`
	Datatypes []consent.Datatype `json:"datatypes"`
	Sources   []string           `json:"sources,omitempty"`
	Fields    consent.BillFields `json:"bill_fields,omitempty"`
	Period    *consent.Period    `json:"period,omitempty"`
	Purpose   consent.Purpose    `json:"purpose"`
	Uses      consent.Uses       `json:"uses"`
	Until     string             `json:"until"`
	Retention string             `json:"retention"`
}

func at(path, why string) *fault.Error {
	return ErrInvalid.Saying("authorization_details" + path + " " + why)
}

// Invalid reports whether err is an ErrInvalid, for an OAuth answer.
func Invalid(err error) bool { return errors.Is(err, ErrInvalid) }
