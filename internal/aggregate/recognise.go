package aggregate

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"jali/connectors/billfile"
	"jali/consent"
	"jali/internal/kv"
)

// place is where a file belongs among what is here.
type place struct {
	link     string    // the connection; empty: there is none yet
	accounts []account // of each of the file's, what is here; without an ID: nothing
	here     []string  // all accounts out of files of that source, when this was found

	fits   [][]account // of each of the file's that it does not name, those that it may be
	called []string    // of each, what the person calls it; empty: nothing
}

// placeOf finds the connection and the accounts that a file belongs to.
//
// Files of one source are of one connection, unless they name another holder.
// An account is known again by its number, or by what its source calls it. Of
// a number that is masked (6225****1234), or told by its end alone, what can be
// seen must agree, and so must kind and currency: if there is exactly one such
// account, it is taken for the same. If there are several nobody can say which,
// and the file's account becomes one of its own, whose bills the person may
// find twice; so does one that agrees in all and is another in truth become the
// same, which is rarer. An account that no file gives a number is the only one
// of its kind and currency, unless the person has said in to that it is another.
func (s *Service) placeOf(ctx context.Context, p consent.PersonID, f *billfile.File, to func(int) Belongs) (place, error) {
	var here []string
	err := s.DB.View(ctx, func(tx kv.Tx) (err error) {
		here, err = filed(tx, p, f.Source.ID)
		return err
	})
	if err != nil {
		return place{}, err
	}
	all, err := s.load(ctx, p)
	if err != nil {
		return place{}, err
	}
	at, err := recognise(slices.DeleteFunc(all, func(k known) bool { return !k.Imported || k.Source != f.Source.ID }), f, to)
	at.here = here
	return at, err
}

// filed names the accounts out of files of a source: by that it is seen that
// somebody else has brought or taken some.
func filed(tx kv.Tx, p consent.PersonID, source string) ([]string, error) {
	all, err := rowsOf[pot](tx, kv.Prefix("aggregate", "account", p))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, a := range all {
		var l link
		if ok, err := kv.Load(tx, linkKey(p, a.Link), &l); err != nil {
			return nil, err
		} else if ok && l.Imported && a.Source == source {
			names = append(names, a.Link+" "+string(a.ID))
		}
	}
	return names, nil
}

// recognise is placeOf among connections of files of the source.
func recognise(all []known, f *billfile.File, to func(int) Belongs) (place, error) {
	at := place{accounts: make([]account, len(f.Accounts)), fits: make([][]account, len(f.Accounts)), called: make([]string, len(f.Accounts))}
	holder := f.Holder.RevealString()
	taken := map[consent.AccountID]bool{}
	fits := func(a billfile.Account, same func(account, billfile.Account) bool) (fits []account) {
		for _, k := range all {
			for _, have := range k.accounts {
				if !taken[have.ID] && alike(have, a) && same(have, a) && (kin(have.Holder, holder) || byNumber(have, a)) {
					fits = append(fits, have)
				}
			}
		}
		return fits
	}
	for _, same := range []func(account, billfile.Account) bool{byName, byLook} {
		for i, a := range f.Accounts {
			if at.accounts[i].ID != "" || nameless(f, a) {
				continue
			}
			if fits := fits(a, same); len(fits) == 1 {
				at.accounts[i] = fits[0]
				taken[fits[0].ID] = true
			}
		}
	}
	for i, a := range f.Accounts {
		if !nameless(f, a) {
			continue
		}
		var said Belongs
		if to != nil {
			said = to(i)
		}
		said, err := said.tidy()
		if err != nil {
			return at, err
		}
		at.called[i], at.fits[i] = said.Called, fits(a, byLook)
		if at.accounts[i], err = said.among(at.fits[i]); err != nil {
			return at, err
		}
		if id := at.accounts[i].ID; id != "" {
			taken[id] = true
		}
	}
	for _, a := range at.accounts {
		if a.ID != "" && at.link == "" {
			at.link = a.Link
		}
	}
	if at.link == "" {
		at.link = linkOf(all, holder)
	}
	return at, nil
}

// linkOf is the connection of a holder's files; where files name none on either
// side, the only one there is.
func linkOf(all []known, holder string) string {
	fits := func(f func(a account) bool) (ids []string) {
		for _, k := range all {
			if slices.ContainsFunc(k.accounts, f) {
				ids = append(ids, k.ID)
			}
		}
		return ids
	}
	if same := fits(func(a account) bool { return a.Holder == holder }); len(same) > 0 {
		return same[0]
	}
	if near := fits(func(a account) bool { return kin(a.Holder, holder) }); len(near) == 1 {
		return near[0]
	}
	return ""
}

// kin reports whether two files may be of the same holder.
func kin(a, b string) bool { return a == b || a == "" || b == "" }

// alike reports whether nothing but the number can tell two accounts apart.
func alike(have account, a billfile.Account) bool {
	return have.Kind == a.Kind && have.Side == a.Side && kin(have.Currency, a.Currency)
}

// byName reports whether both are called the same, in full.
func byName(have account, a billfile.Account) bool {
	ref := a.Ref.ID.RevealString()
	return byNumber(have, a) || ref != "" && ref == have.Ref
}

func byNumber(have account, a billfile.Account) bool {
	n := digitsOf(a.Number.RevealString())
	return len(n) >= 8 && !masked.MatchString(n) && n == digitsOf(have.Number)
}

// byLook reports whether what is to be seen of both numbers agrees; of two
// without a number, that neither has a name either.
func byLook(have account, a billfile.Account) bool {
	n := a.Number.RevealString()
	if n == "" && have.Number == "" {
		return have.Ref == a.Ref.ID.RevealString() || have.Ref == "" || a.Ref.ID.Empty()
	}
	return agree(n, have.Number)
}

// masked is what stands for digits that are not to be seen.
var masked = regexp.MustCompile(`[*＊•]+|[xX]{2,}`)

func digitsOf(number string) string {
	return strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(number)
}

// agree reports whether two numbers may be the same: four digits at the end
// are wanted.
func agree(a, b string) bool {
	from, end, full := visible(a)
	from2, end2, full2 := visible(b)
	if full && full2 {
		return from == from2
	}
	n := min(len(end), len(end2))
	if n < 4 || end[len(end)-n:] != end2[len(end2)-n:] {
		return false
	}
	m := min(len(from), len(from2))
	return from[:m] == from2[:m]
}

// visible answers how a number begins and ends, as far as it is shown. A short one
// is the end of one.
func visible(number string) (from, end string, full bool) {
	n := digitsOf(number)
	if at := masked.FindAllStringIndex(n, -1); len(at) > 0 {
		return n[:at[0][0]], n[at[len(at)-1][1]:], false
	}
	if len(n) < 8 {
		return "", n, false
	}
	return n, n, true
}
