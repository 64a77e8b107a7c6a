package page

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/aggregate"
)

// pairsPerPage are shown at once: decisions are made one by one.
const pairsPerPage = 5

type duplicatesPage struct {
	looking
	Pairs   []pair
	More    int // suggestions that are not on this page
	Decided []pair
	Done    string
}

// pair is two bills that may be one movement, or one the other's refund, and
// what speaks for it.
type pair struct {
	A, B beside // of a refund: what came back, and what was paid
	Link aggregate.Link
	Sure int
	Yes  bool      // decided so
	At   time.Time // when it was decided; zero: it waits
	Why  []string
}

func (p *Page) duplicates(w http.ResponseWriter, r *http.Request, s consent.Session) {
	d := &duplicatesPage{Done: done(r)}
	p.withLook(w, r, s, "duplicates", "duplicates.title", &d.looking, d, func(look aggregate.Look, words *catalog) {
		accounts := accountsOf(look)
		bills := make(map[string]beside, len(look.Bills))
		for _, b := range look.Bills {
			bills[b.ID] = beside{b, accounts[b.Account], title(b)}
		}
		both := func(a, b string, link aggregate.Link, sure int) (pair, bool) {
			x, okA := bills[a]
			y, okB := bills[b]
			return pair{A: x, B: y, Link: link, Sure: sure, Why: words.why(x, y)}, okA && okB
		}
		for _, g := range look.Suggestions {
			if one, ok := both(g.A, g.B, g.Link, g.Sure); ok {
				d.Pairs = append(d.Pairs, one)
			}
		}
		if len(d.Pairs) > pairsPerPage {
			d.Pairs, d.More = d.Pairs[:pairsPerPage], len(d.Pairs)-pairsPerPage
		}
		for _, g := range look.Decided {
			if one, ok := both(g.A, g.B, g.Link, 0); ok {
				one.Yes, one.At = g.Yes, g.At
				d.Decided = append(d.Decided, one)
			}
		}
	})
}

// decide keeps the person's word on one pair; undecide takes it back.
func (p *Page) decide(w http.ResponseWriter, r *http.Request, s consent.Session) {
	a, b, link, err := readPair(r)
	said, what := r.PostFormValue("said"), "decided"
	if err == nil && said != "yes" && said != "no" {
		err = errForm
	}
	if err == nil {
		err = p.Aggregate.Decide(r.Context(), s, a, b, link, said == "yes")
	}
	p.toDuplicates(w, r, what, err)
}

func (p *Page) undecide(w http.ResponseWriter, r *http.Request, s consent.Session) {
	a, b, link, err := readPair(r)
	if err == nil {
		err = p.Aggregate.Undecide(r.Context(), s, a, b, link)
	}
	p.toDuplicates(w, r, "undecided", err)
}

func (p *Page) toDuplicates(w http.ResponseWriter, r *http.Request, what string, err error) {
	if err != nil {
		p.fail(w, r, err)
		return
	}
	q := url.Values{"done": {what}}
	if year := r.PostFormValue("year"); atoi(year) > 0 {
		q.Set("year", strconv.Itoa(atoi(year)))
	}
	http.Redirect(w, r, "/duplicates?"+q.Encode(), http.StatusSeeOther)
}

func readPair(r *http.Request) (a, b string, link aggregate.Link, err error) {
	a, b, link = r.PostFormValue("a"), r.PostFormValue("b"), aggregate.Link(r.PostFormValue("link"))
	if a == "" || b == "" || a == b || link != aggregate.Mirror && link != aggregate.Refund {
		err = errForm
	}
	return a, b, link, err
}

// why is what can be seen of two bills that speaks for their belonging
// together, or against it.
func (c *catalog) why(a, b beside) []string {
	var all []string
	if a.Amount == b.Amount {
		all = append(all, c.T("why.amount"))
	} else if apart, err := a.Amount.Sub(b.Amount); err == nil {
		apart.Minor = max(apart.Minor, -apart.Minor)
		all = append(all, c.T("why.apart", c.Money(money.Amount{Minor: apart.Minor, Currency: apart.Currency})))
	}
	dayA, dayB := midnight(a.At), midnight(b.At)
	switch days := int(dayA.Sub(dayB).Abs() / (24 * time.Hour)); {
	case days > 0:
		all = append(all, c.N("why.days", days))
	case a.DateOnly || b.DateOnly:
		all = append(all, c.T("why.day"))
	default:
		all = append(all, c.N("why.minutes", int(a.At.Sub(b.At).Abs()/time.Minute)))
	}
	switch {
	case a.Title != "" && a.Title == b.Title:
		all = append(all, c.T("why.shop"))
	case names(a, b) || names(b, a):
		all = append(all, c.T("why.names"))
	}
	if a.In.ID == b.In.ID {
		all = append(all, c.T("why.account"))
	}
	return all
}

// names reports that a says it was paid from b's account.
func names(a, b beside) bool {
	return b.In.Tail != "" && contains(a.Method, b.In.Tail) || contains(a.Method, b.In.Source.Name.ZH) || contains(a.Method, b.In.Source.Name.EN) ||
		b.In.Source.Kind == connectors.Wallet && contains(a.Title, b.In.Source.Name.ZH)
}

// likely is a confidence in words.
func (c *catalog) likely(percent int) string {
	switch {
	case percent >= 90:
		return c.T("sure.nearly", percent)
	case percent >= 70:
		return c.T("sure.probably", percent)
	case percent >= 40:
		return c.T("sure.perhaps", percent)
	default:
		return c.T("sure.hardly", percent)
	}
}
