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
	tree, err := read(raw)
	if err != nil {
		return consent.Terms{}, at("", err.Error())
	}
	list, ok := tree.([]any)
	if !ok || len(list) != 1 {
		return consent.Terms{}, at("", "must be an array of exactly one object")
	}
	o, ok := list[0].(object)
	if !ok {
		return consent.Terms{}, at("[0]", "must be an object")
	}
	r := reader{path: "[0]", of: o}
	t := r.terms(now, resource)
	if r.err != nil {
		return consent.Terms{}, r.err
	}
	if err := t.Within(now); err != nil {
		return consent.Terms{}, err
	}
	return t, nil
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
