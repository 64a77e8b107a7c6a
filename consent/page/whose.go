package page

import (
	"cmp"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
)

// whose asks of which of the person's accounts a file tells, or what to call
// the first of its sort.
type whose struct {
	aggregate.Which
	Account string // the field that says which
	Called  string // the field with the name of another
	To      string // what is chosen: an account, another, or nothing yet
	Name    string
}

// another is chosen for an account that is not here yet.
const another = "another"

const mostAccounts = 64 // of one file, that are asked for

func whoseFields(upload string, n int) (account, called string) {
	return fmt.Sprintf("to.%s.%d", upload, n), fmt.Sprintf("called.%s.%d", upload, n)
}

func (c *catalog) whose(upload string, n int, a aggregate.AccountReport, said url.Values) *whose {
	if a.Which == nil || n >= mostAccounts {
		return nil
	}
	w := &whose{Which: *a.Which, To: string(a.Which.To)}
	w.Account, w.Called = whoseFields(upload, n)
	switch {
	case len(w.Here) > 0:
		w.Name = c.T("whose.suggest", strconv.Itoa(len(w.Here)+1))
		if w.Why == aggregate.WhichAnother {
			w.To = another
		}
	}
	if said.Has(w.Called) {
		w.Name = said.Get(w.Called)
	}
	if said.Has(w.Account) {
		w.To = said.Get(w.Account)
	}
	return w
}

// candidate is an account as it is told from others like it.
func (c *catalog) candidate(a aggregate.Candidate) string {
	name := cmp.Or(a.Called, a.Name)
	if a.Covers != (connectors.Span{}) {
		name += " · " + c.T("period.between", c.Date(a.Covers.From), c.LastDay(a.Covers.To))
	}
	if a.Known > 0 {
		name += " · " + c.N("whose.known", a.Known)
	}
	return name
}

// belongs reads what was said of a file's accounts.
func belongs(form url.Values, upload string) ([]aggregate.Belongs, error) {
	var to []aggregate.Belongs
	for n := range mostAccounts {
		account, called := whoseFields(upload, n)
		name := strings.TrimSpace(form.Get(called))
		b := aggregate.Belongs{}
		switch chosen := form.Get(account); {
		case chosen == another && name == "":
			return nil, aggregate.ErrCalled
		case chosen == another || !form.Has(account):
			b.Called = name
		default:
			b.Account = consent.AccountID(chosen)
		}
		to = append(to, b)
	}
	return to, nil
}
