// Package problems says what each code means that a client can meet: in an
// answer of the data API, as an OAuth error, in a source's report, or from the
// sandbox. It is what /problems/{code} shows, and where the title of an answer
// and the Chinese of its detail come from.
//
// The unit is the [Entry]. A code has one, wherever it is met: codes mean the
// same in all of Jali. Which answer can hold which code is the documents' to
// say, and when it is sent that of the rooms that send it; tests here hold all
// three together.
package problems

import (
	"net/url"
	"slices"
	"strings"

	"jali/internal/fault"
	"jali/internal/language"
)

// Place is where a code can be met.
type Place string

const (
	Data    Place = "data"    // answers under /v1
	OAuth   Place = "oauth"   // the member error of answers under /oauth
	Report  Place = "report"  // the member code in a view's sources
	Sandbox Place = "sandbox" // answers under /sandbox
)

// Name is a text in both languages.
type Name struct{ ZH, EN string }

// In is the text in Chinese, or else in English; languages are those of package
// language.
func (n Name) In(lang string) string {
	if lang == language.Chinese {
		return n.ZH
	}
	return n.EN
}

// Entry explains one code.
type Entry struct {
	Code    string
	Owner   fault.Owner // who can mend it
	Action  string      // what the person can do, as an answer says it; empty: nothing
	Waits   bool        // whether a problem says by retry_after how long to wait
	Detail  string      // one that a problem of this code can have, for [Detail]; a code that no problem tells of has none
	Met     []Place
	Title   Name // a few words, without a full stop
	Meaning Name // what has happened
	Remedy  Name // what to do
}

// At reports whether the code can be met at a place.
func (e Entry) At(p Place) bool { return slices.Contains(e.Met, p) }

var (
	all    = sorted(data, oauth, report, sandbox)
	byCode = index(all)
)

func sorted(lists ...[]Entry) []Entry {
	list := slices.Concat(lists...)
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Code, b.Code) })
	return list
}

func index(list []Entry) map[string]Entry {
	m := make(map[string]Entry, len(list))
	for _, e := range list {
		m[e.Code] = e
	}
	return m
}

// All answers every entry, by code.
func All() []Entry { return slices.Clone(all) }

// Find answers the entry of a code.
func Find(code string) (Entry, bool) {
	e, ok := byCode[code]
	return e, ok
}

// URL is where an issuer explains a code: the type of a problem (RFC 9457,
// section 3.1.1) and the error_uri of an OAuth error (RFC 6749, section 5.2).
func URL(issuer, code string) string { return issuer + "/problems/" + url.PathEscape(code) }
