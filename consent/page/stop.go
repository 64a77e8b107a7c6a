package page

import (
	"net/http"

	"jali/consent"
)

// What stops a client: pausing it, pausing all, and ending all of its grants.

func (p *Page) pause(w http.ResponseWriter, r *http.Request, s consent.Session) {
	p.stop(w, r, p.Consent.Pause(r.Context(), s, consent.ClientID(r.PathValue("client"))), "paused")
}

func (p *Page) resume(w http.ResponseWriter, r *http.Request, s consent.Session) {
	p.stop(w, r, p.Consent.Resume(r.Context(), s, consent.ClientID(r.PathValue("client"))), "resumed")
}

func (p *Page) pauseAll(w http.ResponseWriter, r *http.Request, s consent.Session) {
	if err := p.Consent.PauseAll(r.Context(), s); err != nil {
		p.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/grants", http.StatusSeeOther) // every page says so from now on
}

func (p *Page) resumeAll(w http.ResponseWriter, r *http.Request, s consent.Session) {
	p.stop(w, r, p.Consent.ResumeAll(r.Context(), s), "all_resumed")
}

func (p *Page) stop(w http.ResponseWriter, r *http.Request, err error, what string) {
	if err != nil {
		p.fail(w, r, err)
		return
	}
	toDone(w, r, "/grants", what)
}

// revokeAllForm says what ends, before it does.
func (p *Page) revokeAllForm(w http.ResponseWriter, r *http.Request, s consent.Session) {
	cards, err := p.cards(r, s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	var ending []grantCard
	for _, c := range cards {
		if string(c.Client) == r.PathValue("client") && c.Revocable {
			ending = append(ending, c)
		}
	}
	if len(ending) == 0 {
		p.fail(w, r, errNoPage)
		return
	}
	p.render(w, r, http.StatusOK, "revokeall", p.frameOf(r, s, "revokeall.title", "grants",
		map[string]any{"Client": ending[0].Client, "Name": ending[0].ClientName, "Grants": ending}))
}

func (p *Page) revokeAll(w http.ResponseWriter, r *http.Request, s consent.Session) {
	_, err := p.Consent.RevokeAll(r.Context(), s, consent.ClientID(r.PathValue("client")))
	p.stop(w, r, err, "all_revoked")
}
