package page

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"jali/consent"
	"jali/internal/language"
)

// A decoupled request (OpenID CIBA Core 1.0) comes from another device: it
// waits here until the person looks, and its answer goes nowhere by this
// browser.

// standing is what every page of a signed-in person tells on top.
type standing struct {
	Waiting int  // requests that await an answer
	Paused  bool // everything
}

// standing is asked for by the layout. Who cannot be told is told nothing: the
// page itself matters more.
func (p *Page) standing(ctx context.Context, s consent.Session) standing {
	var st standing
	waiting, err := p.Consent.Waiting(ctx, s)
	if err == nil {
		st.Waiting = len(waiting)
		st.Paused, err = p.Consent.AllPaused(ctx, s)
	}
	if err != nil && ctx.Err() == nil {
		p.Log.ErrorContext(ctx, "a page does not know what waits", "err", err)
	}
	return st
}

// waitingCard is a request in the list.
type waitingCard struct {
	consent.Grant
	ClientName consent.Name
	Purpose    string
}

func (p *Page) requests(w http.ResponseWriter, r *http.Request, s consent.Session) {
	ctx, words := r.Context(), p.views[language.Of(r)].words
	waiting, err := p.Consent.Waiting(ctx, s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	clients := map[consent.ClientID]consent.Client{}
	cards := make([]waitingCard, 0, len(waiting))
	for _, g := range waiting {
		c, err := p.clientName(ctx, g.Client, clients)
		if err != nil {
			p.fail(w, r, err)
			return
		}
		cards = append(cards, waitingCard{g, c.Name, words.terms(g.Asked, nil).Purpose})
	}
	p.render(w, r, http.StatusOK, "requests", p.frameOf(r, s, "requests.title", "grants",
		map[string]any{"Waiting": cards, "IDs": idsOf(waiting), "Done": done(r)}))
}

// requestIDs tells a script which requests wait, so that it loads the page
// again when that changes.
func (p *Page) requestIDs(w http.ResponseWriter, r *http.Request, s consent.Session) {
	waiting, err := p.Consent.Waiting(r.Context(), s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"waiting": idsOf(waiting)})
}

func idsOf(waiting []consent.Grant) string {
	list := ""
	for _, g := range waiting {
		list += string(g.ID) + " "
	}
	return list
}

// afterDecision is where a browser goes that has decided: to the client with
// the ticket, and with a decoupled request, which has none, back to the list.
func afterDecision(request consent.GrantID, t consent.Ticket, done string) string {
	if t == "" {
		return "/requests?done=" + done
	}
	if done == "declined" {
		return "/consent/" + url.PathEscape(string(request)) + "/return?ticket=" + url.QueryEscape(string(t))
	}
	return finishURL(request, t)
}

// introducePage shows the code by which a client finds the person who reads it out.
type introducePage struct {
	Code    []string // in two groups; none: no code lives
	Digits  string   // the same for who listens: each digit by itself
	Until   time.Time
	Minutes int
}

func (p *Page) introduceForm(w http.ResponseWriter, r *http.Request, s consent.Session) {
	in, err := p.Consent.Introduced(r.Context(), s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	d := introducePage{}
	if left := in.Until.Sub(p.Now()); in.Code != "" && left > 0 {
		half := len(in.Code) / 2
		d = introducePage{Code: []string{in.Code[:half], in.Code[half:]}, Until: in.Until, Minutes: int((left + time.Minute - 1) / time.Minute)}
		for i, digit := range in.Code {
			if i > 0 {
				d.Digits += " "
			}
			d.Digits += string(digit)
		}
	}
	p.render(w, r, http.StatusOK, "introduce", p.frameOf(r, s, "introduce.title", "grants", d))
}

func (p *Page) introduce(w http.ResponseWriter, r *http.Request, s consent.Session) {
	if _, err := p.Consent.Introduce(r.Context(), s); err != nil {
		p.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/introduce", http.StatusSeeOther)
}
