package page

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/ledger"
)

// billRow is a bill with the account it is listed under and, folded into it,
// the same movement as other accounts saw it.
type billRow struct {
	beside
	NewDay   bool
	Also     []beside // mirrors that are folded into this row
	Refunds  *beside
	Refunded []beside
	Invested []beside // what this loan seems to have bought, and the lender forbids
	Borrowed *beside  // the loan that seems to have paid for this
}

// beside is a bill as others refer to it.
type beside struct {
	aggregate.OwnBill
	In    aggregate.OwnAccount
	Title string
}

// Where leads to the bill by itself, among those of its month.
func (b beside) Where() string {
	return "/?" + url.Values{"month": {b.At.In(shanghai).Format("2006-01")}, "bill": {b.ID}}.Encode() + "#bills"
}

// doubt is below what percentage a link between bills is told as a guess.
const doubt = 90

// Doubted reports links that the person may want to look at.
func (b beside) Doubted() bool { return b.Sure > 0 && b.Sure < doubt }

// Corrected reports a category that comes from the person's own word.
func (b beside) Corrected() bool { return b.CategoryBy == "person" || b.CategoryBy == "learnt" }

// foldBills puts every uncounted bill under the counted one that it mirrors.
// One whose counted twin is not in the look stands by itself. What is to be
// said of a bill is said where it is shown.
func foldBills(look aggregate.Look, accounts map[consent.AccountID]aggregate.OwnAccount) []billRow {
	byID := make(map[string]int, len(look.Bills))
	for i, b := range look.Bills {
		byID[b.ID] = i
	}
	other := func(id string) beside {
		b := look.Bills[byID[id]]
		return beside{b, accounts[b.Account], title(b)}
	}
	under := map[string]string{} // the bill under which one is shown that is not shown by itself
	for _, b := range look.Bills {
		for _, m := range b.Mirrors {
			if i, ok := byID[m]; ok && !b.Counted && look.Bills[i].Counted {
				under[b.ID] = m
				break
			}
		}
	}
	var rows []billRow
	place := make(map[string]int, len(look.Bills)) // of the row that shows a bill
	for _, b := range look.Bills {
		if under[b.ID] == "" {
			place[b.ID] = len(rows)
			rows = append(rows, billRow{beside: other(b.ID)})
		}
	}
	row := func(id string) *billRow {
		if at, ok := under[id]; ok {
			id = at
		}
		if i, ok := place[id]; ok {
			return &rows[i]
		}
		return nil
	}
	for _, b := range look.Bills {
		if at, ok := under[b.ID]; ok {
			r := row(at)
			r.Also = append(r.Also, other(b.ID))
		}
		if original := row(b.Refunds); original != nil && under[b.ID] == "" {
			back := row(b.ID)
			of := original.beside // rows move when some are left out
			back.Refunds = &of
			original.Refunded = append(original.Refunded, back.beside)
		}
	}
	for _, u := range look.LoanUses {
		if loan, bought := row(u.Loan), row(u.Investment); loan != nil && bought != nil {
			loan.Invested = append(loan.Invested, bought.beside)
			from := loan.beside
			bought.Borrowed = &from
		}
	}
	return rows
}

// title is what a bill is called by its source, unless that is a code alone.
func title(b aggregate.OwnBill) string {
	for _, s := range []string{b.Counterparty, b.Description} {
		if s = strings.TrimSpace(s); s != "" && s != "/" {
			return s
		}
	}
	if strings.ContainsFunc(b.RawKind, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		return strings.TrimSpace(b.RawKind)
	}
	return ""
}

// tree is all categories as options, the narrower ones set in. It is the same
// in every form, so it is written once.
func (c *catalog) tree() template.HTML {
	var b strings.Builder
	for _, n := range ledger.Categories {
		name := template.HTMLEscapeString(c.pick(n.ZH, n.EN))
		if strings.Contains(n.Code, ".") {
			name = "\u2003" + name
		}
		b.WriteString(`<option value="` + n.Code + `">` + name + `</option>`)
	}
	return template.HTML(b.String()) //nolint:gosec // our own words, escaped
}

// correct files a bill under the category that the person says, or takes that
// back, and returns to where the bill stands.
func (p *Page) correct(w http.ResponseWriter, r *http.Request, s consent.Session) {
	bill, category, what := r.PostFormValue("bill"), r.PostFormValue("category"), "filed"
	if r.PostFormValue("back") == "yes" {
		category, what = "", "unfiled"
	} else if category == "" {
		p.fail(w, r, errForm)
		return
	}
	if err := p.Aggregate.Correct(r.Context(), s, bill, category); err != nil {
		p.fail(w, r, err)
		return
	}
	http.Redirect(w, r, doneAt(r.PostFormValue("next"), what, "bills"), http.StatusSeeOther)
}

// doneAt is a path of ours that says there what was done; of an untrusted next
// that is none, home.
func doneAt(next, what, fragment string) string {
	u, err := url.Parse(nextOr(next, "/"))
	if err != nil {
		u = &url.URL{Path: "/"}
	}
	q := u.Query()
	q.Set("done", what)
	u.RawQuery, u.Fragment = q.Encode(), fragment
	return u.String()
}
