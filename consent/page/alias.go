package page

import (
	"net/http"

	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/fault"
)

// aliasPage asks for an alias and says which of the person's own accounts
// stands behind it. The answer comes to the post itself: an alias stands in no
// address and no history.
type aliasPage struct {
	Found      bool
	ClientName consent.Name
	Account    aggregate.OwnAccount
	Wrong      bool // nothing of this person's stands behind it
}

func (p *Page) aliasForm(w http.ResponseWriter, r *http.Request, s consent.Session) {
	p.render(w, r, http.StatusOK, "alias", p.frameOf(r, s, "alias.title", "grants", aliasPage{}))
}

func (p *Page) alias(w http.ResponseWriter, r *http.Request, s consent.Session) {
	status, d := http.StatusOK, aliasPage{}
	found, err := p.Aggregate.Behind(r.Context(), s, r.PostFormValue("alias"))
	if err == nil {
		var c consent.Client
		c, err = p.clientName(r.Context(), found.Client, map[consent.ClientID]consent.Client{})
		d = aliasPage{Found: true, ClientName: c.Name, Account: found.Account}
	} else if k := fault.Of(err).Kind; k == fault.NotFound {
		status, d, err = p.Status(k), aliasPage{Wrong: true}, nil
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	f := p.frameOf(r, s, "alias.title", "grants", d)
	f.Self = "/alias"
	p.render(w, r, status, "alias", f)
}
