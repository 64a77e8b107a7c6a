package aggregate

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/consent"
	"jali/internal/fault"
)

// Belongs is the person's word on which account of theirs a file tells of,
// where the file does not say. The zero Belongs says nothing.
type Belongs struct {
	Account consent.AccountID // one that is here
	Called  string            // else the one that they call so: one that is here, or another
}

// Which is what is asked about an account that its file does not name.
type Which struct {
	Here []Candidate       // the accounts that it may be; none: it is the first of its sort
	To   consent.AccountID // the one that it seems to be
	Why  WhichWhy
}

// Candidate is an account that is here and that a file may tell of.
type Candidate struct {
	Account consent.AccountID
	Name    string
	Called  string
	Covers  connectors.Span
	Told    int // of the file's bills, those of days that its own files tell
	Known   int // of the file's bills, those that it has
}

// WhichWhy says why a file's account is taken for one, or for another, unless the
// person says otherwise.
type WhichWhy string

const (
	WhichFirst   WhichWhy = "first"   // there is none like it
	WhichKnown   WhichWhy = "known"   // of the days that both tell, it has most of the file's bills
	WhichOnly    WhichWhy = "only"    // there is no other
	WhichAnother WhichWhy = "another" // the days are told of already, and hardly one of its bills is known
	WhichUnknown WhichWhy = "unknown" // there are several, and nothing speaks for one
)

const (
	longestCall = 20 // runes of what an account is called
	mostTried   = 12 // accounts that a file is held against
)

var (
	// ErrWhich is a file that names no account, of a person who has several that
	// it may tell of.
	ErrWhich = &fault.Error{Kind: fault.Conflict, Code: "account_unclear", Owner: fault.Person, Action: "choose",
		Detail: "the file does not say of which account it tells, and there are several; say which"}
	// ErrCalled is a name for an account that is too long or cannot be shown.
	ErrCalled = &fault.Error{Kind: fault.Invalid, Code: "account_name_invalid", Owner: fault.Person, Action: "choose",
		Detail: "an account is called by 1 to 20 characters in one line"}
	errNotHere = &fault.Error{Kind: fault.Conflict, Code: "account_not_found", Owner: fault.Person, Action: "choose",
		Detail: "the account that was chosen is not one that this file may tell of"}
)

// tidy is b as it is kept.
func (b Belongs) tidy() (Belongs, error) {
	b.Called = strings.Join(strings.Fields(b.Called), " ")
	bad := func(r rune) bool { return !unicode.IsPrint(r) }
	if !utf8.ValidString(b.Called) || utf8.RuneCountInString(b.Called) > longestCall || strings.ContainsFunc(b.Called, bad) {
		return b, ErrCalled
	}
	return b, nil
}

// nameless reports whether a file says of an account what sort it is and
// nothing else: not its number, nor whose wallet it is, nor has the person
// named it in a mapping.
func nameless(f *billfile.File, a billfile.Account) bool {
	ref := a.Ref.ID.RevealString()
	return a.Number.Empty() && f.Mapping == nil && (ref == "" || ref != f.Holder.RevealString())
}

// among answers which of the accounts that fit a nameless one the person means;
// it is none where they name another. One that has no name of theirs goes by
// its product's. Of several, none is meant unless they say so.
func (b Belongs) among(fits []account) (account, error) {
	switch {
	case b.Account != "":
		for _, have := range fits {
			if have.ID == b.Account {
				return have, nil
			}
		}
		return account{}, errNotHere
	case b.Called != "":
		for _, called := range []func(account) string{
			func(a account) string { return a.Called },
			func(a account) string {
				if a.Called != "" {
					return ""
				}
				return a.Name
			}} {
			for _, have := range fits {
				if called(have) == b.Called {
					return have, nil
				}
			}
		}
	case len(fits) == 1:
		return fits[0], nil
	}
	return account{}, nil
}

// which finds out, for each account that a file does not name, which of those
// here it may be: it is held against one after the other. report is what the
// file would bring where it seems to belong.
func (s *Service) which(ctx context.Context, p consent.PersonID, r *billfile.Reader) (report ImportReport, to []Belongs, err error) {
	at, err := s.placeOf(ctx, p, r.File(), nil)
	if err != nil {
		return ImportReport{}, nil, err
	}
	to = make([]Belongs, len(at.fits))
	asked := make([]*Which, len(at.fits))
	tries := 0
	for i, fits := range at.fits {
		if !nameless(r.File(), r.File().Accounts[i]) {
			continue
		}
		asked[i] = &Which{}
		for _, have := range fits[:min(len(fits), mostTried)] {
			asked[i].Here = append(asked[i].Here, Candidate{Account: have.ID, Name: have.Name, Called: have.Called, Covers: hull(have.Covers)})
		}
		tries = max(tries, len(asked[i].Here))
	}
	for n := range tries {
		for i, w := range asked {
			if w != nil && len(w.Here) > 0 {
				to[i] = Belongs{Account: w.Here[min(n, len(w.Here)-1)].Account}
			}
		}
		if report, err = s.takeIn(ctx, p, r, Taking{Accept: true, Dry: true, to: to}, nil); err != nil {
			return ImportReport{}, nil, err
		}
		for i, w := range asked {
			if w != nil && n < len(w.Here) {
				w.Here[n].Known = report.Accounts[i].Known
			}
		}
	}
	if err := countTold(r, asked, at.fits); err != nil {
		return ImportReport{}, nil, err
	}
	tried := slices.Clone(to)
	for i, w := range asked {
		if w != nil {
			w.decide(at.fits[i], r.File().Accounts[i].Covers)
			to[i] = Belongs{Account: w.To}
		}
	}
	if tries == 0 || !slices.Equal(tried, to) {
		if report, err = s.takeIn(ctx, p, r, Taking{Accept: true, Dry: true, to: to}, nil); err != nil {
			return ImportReport{}, nil, err
		}
	}
	for i, w := range asked {
		if w != nil {
			report.Accounts[i].Account, report.Accounts[i].Which = w.To, w
		}
	}
	return report, to, nil
}

// countTold counts how many of a file's bills each of those here should have, if
// it were the file's account.
func countTold(r *billfile.Reader, asked []*Which, fits [][]account) error {
	for row, err := range r.Bills() {
		if err != nil {
			return err
		}
		w := asked[row.Account]
		if w == nil {
			continue
		}
		for i := range w.Here {
			if slices.ContainsFunc(fits[row.Account][i].Covers, func(s connectors.Span) bool { return within(row.At, row.DateOnly, s) }) {
				w.Here[i].Told++
			}
		}
	}
	return nil
}

// settled is how with a word on every account that may be one of several; where
// nobody has said it and nothing speaks for one, it is [ErrWhich].
func (s *Service) settled(ctx context.Context, p consent.PersonID, r *billfile.Reader, how Taking) (Taking, error) {
	at, err := s.placeOf(ctx, p, r.File(), how.belongs)
	if err != nil {
		return how, err
	}
	to := make([]Belongs, len(at.fits))
	var seems []Belongs
	var report ImportReport
	for n, fits := range at.fits {
		to[n] = how.belongs(n)
		if len(fits) == 0 || to[n].Account != "" || strings.TrimSpace(to[n].Called) != "" {
			continue
		}
		if seems == nil {
			if report, seems, err = s.which(ctx, p, r); err != nil {
				return how, err
			}
		}
		to[n] = seems[n]
		if to[n].Account != "" {
			continue
		}
		// Who cannot be asked has meant the only one there is, unless bills would
		// be taken for those of another card, and lost.
		if how.asks || len(fits) > 1 || report.Accounts[n].Which.Here[0].Known > 0 {
			return how, ErrWhich
		}
	}
	how.to = to
	return how, nil
}

// decide takes the account that has the most of the file's bills, if it has most
// of those that it should have: two cards pay the same fare on the same day.
// Without any, it takes the only one, unless that has others of the very same days.
func (w *Which) decide(fits []account, covers connectors.Span) {
	best := -1
	for i, c := range w.Here {
		if c.Known > 0 && 2*c.Known >= c.Told && (best < 0 || c.Known > w.Here[best].Known) {
			best = i
		}
	}
	switch {
	case len(w.Here) == 0:
		w.Why = WhichFirst
	case best >= 0:
		w.To, w.Why = w.Here[best].Account, WhichKnown
	case len(w.Here) > 1:
		w.Why = WhichUnknown
	case slices.ContainsFunc(fits[0].Covers, func(s connectors.Span) bool { return !s.Overlap(covers).Empty() }):
		w.Why = WhichAnother
	default:
		w.To, w.Why = w.Here[0].Account, WhichOnly
	}
}
