package rar

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"jali/consent"
)

// reader takes an object apart member by member, and keeps the first fault.
type reader struct {
	path string
	of   object
	err  error
}

func (r *reader) terms(resource string) consent.Terms {
	r.knows("type", "locations", "actions", "datatypes", "sources", "bill_fields", "period", "purpose", "uses", "until", "retention")
	r.require("type", "actions", "datatypes", "purpose", "uses")
	if r.text("type") != Type {
		r.fail("type", "must be "+Type)
	}
	if a := r.texts("actions"); !slices.Equal(a, []string{action}) {
		r.fail("actions", `must be ["`+action+`"]`)
	}
	return consent.Terms{
		Purpose:   consent.Purpose(r.text("purpose")),
		Datatypes: named[consent.Datatype](r.texts("datatypes")),
		Sources:   named[string](r.texts("sources")),
		Fields:    consent.BillFields(r.text("bill_fields")),
		Retention: r.retention(),
		Uses:      r.uses(),
		Period:    r.period(),
		Until:     r.until(),
		Locations: r.locations(resource),
	}
}

func (r *reader) uses() consent.Uses {
	in := r.inner("uses", "limit", "per", "tz")
	in.require("limit")
	u := consent.Uses{Limit: in.number("limit"), Per: in.text("per"), TZ: in.text("tz")}
	for _, name := range []string{"per", "tz"} {
		if v, given := in.of[name]; given && v == "" {
			in.fail(name, "must not be empty")
		}
	}
	r.take(in)
	return u
}

func (r *reader) period() consent.Period {
	if _, given := r.of["period"]; !given {
		return consent.Period{}
	}
	in := r.inner("period", "from", "to", "days")
	if _, rolling := in.of["days"]; !rolling {
		in.require("from", "to")
	}
	p := consent.Period{From: consent.Date(in.text("from")), To: consent.Date(in.text("to")), Days: in.number("days")}
	if _, rolling := in.of["days"]; rolling && p.Days < 1 {
		in.fail("days", "must be at least 1")
	}
	r.take(in)
	return p
}

// until is RFC 3339; a fraction of a second is cut off.
func (r *reader) until() time.Time {
	s := r.text("until")
	if _, given := r.of["until"]; !given || r.err != nil {
		return time.Time{}
	}
	var t time.Time
	if err := t.UnmarshalText([]byte(s)); err != nil { // stricter than time.Parse
		r.fail("until", "must be a time of RFC 3339 with an offset, as 2006-01-02T15:04:05+08:00")
	}
	return t.Truncate(time.Second).UTC()
}

// duration is what of ISO 8601 has one meaning whatever the calendar says.
var duration = regexp.MustCompile(`^P(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?$`)

func (r *reader) retention() time.Duration {
	s := r.text("retention")
	if _, given := r.of["retention"]; !given || r.err != nil {
		return 0
	}
	m := duration.FindStringSubmatch(s)
	if m == nil || strings.HasSuffix(s, "P") || strings.HasSuffix(s, "T") {
		r.fail("retention", "must be an ISO 8601 duration in days, hours, minutes and seconds, as P30D or PT0S")
		return 0
	}
	var d time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		n, _ := strconv.Atoi(m[i+1]) // digits, or nothing at all
		d += time.Duration(n) * unit
	}
	return d
}

func (r *reader) locations(resource string) []string {
	list := r.texts("locations")
	switch _, given := r.of["locations"]; {
	case !given && resource == "":
		return nil
	case given && !slices.Equal(list, []string{resource}):
		r.fail("locations", "must be this server's data API alone")
		return nil
	}
	return []string{resource}
}

// inner reads an object member.
func (r *reader) inner(name string, known ...string) *reader {
	in := &reader{path: r.path + "." + name, err: r.err}
	o, ok := r.of[name].(object)
	if !ok && in.err == nil {
		r.fail(name, "must be an object")
		in.err = r.err
	}
	in.of = o
	in.knows(known...)
	return in
}

func (r *reader) take(in *reader) {
	if r.err == nil {
		r.err = in.err
	}
}

func (r *reader) fail(name, why string) {
	if r.err == nil {
		r.err = at(r.path+"."+name, why)
	}
}

// knows refuses members that nobody reads. Their names are the sender's words
// and are not said again.
func (r *reader) knows(names ...string) {
	for n := range r.of {
		if !slices.Contains(names, n) && r.err == nil {
			r.err = at(r.path, "has a member that is not known; known are "+strings.Join(names, ", "))
		}
	}
}

func (r *reader) require(names ...string) {
	for _, n := range names {
		if _, ok := r.of[n]; !ok {
			r.fail(n, "is required")
		}
	}
}

func (r *reader) text(name string) string {
	v, given := r.of[name]
	s, ok := v.(string)
	if given && !ok {
		r.fail(name, "must be a string")
	}
	return s
}

func (r *reader) number(name string) int {
	v, given := r.of[name]
	if !given {
		return 0
	}
	s, ok := v.(json.Number)
	n, err := strconv.Atoi(string(s))
	if !ok || err != nil || n < 0 || n > 1e6 {
		r.fail(name, "must be a whole number")
		return 0
	}
	return n
}

// texts is a list of at least one string; nil where it is left out.
func (r *reader) texts(name string) []string {
	v, given := r.of[name]
	if !given {
		return nil
	}
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		r.fail(name, "must be a list of at least one string")
		return nil
	}
	out := make([]string, len(list))
	for i, e := range list {
		if out[i], ok = e.(string); !ok {
			r.fail(name, "must be a list of strings")
			return nil
		}
	}
	return out
}

// named sorts a list and leaves repeats in: Within refuses them.
func named[T ~string](list []string) []T {
	if list == nil {
		return nil
	}
	out := make([]T, len(list))
	for i, s := range list {
		out[i] = T(s)
	}
	slices.Sort(out)
	return out
}
