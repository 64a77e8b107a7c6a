package page

import (
	"net/http"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/audit"
	"jali/internal/fault"
)

// grantCard is a grant as its giver reads it.
type grantCard struct {
	consent.Grant
	ClientName consent.Name
	Terms      termsText
	Accounts   []aggregate.OwnAccount
	Gone       int // accounts that are not connected any more
	Living     bool
	Revocable  bool // living, or used up with a view that may still be open
	Paused     bool
	Left       string
}

type clientCard struct {
	ID     consent.ClientID
	Name   consent.Name
	Paused bool
	Living []grantCard
	Ended  []grantCard
}

func (p *Page) cards(r *http.Request, s consent.Session) ([]grantCard, error) {
	ctx := r.Context()
	words := p.views[language(r)].words
	grants, err := p.Consent.Grants(ctx, s)
	if err != nil {
		return nil, err
	}
	paused, err := p.Consent.Paused(ctx, s)
	if err != nil {
		return nil, err
	}
	own, err := p.Aggregate.Accounts(ctx, s)
	if err != nil {
		return nil, err
	}
	byID := map[consent.AccountID]aggregate.OwnAccount{}
	for _, a := range own {
		byID[a.ID] = a
	}
	clients := map[consent.ClientID]consent.Client{}
	var cards []grantCard
	now := p.Now()
	for _, g := range grants {
		c, err := p.clientName(ctx, g.Client, clients)
		if err != nil {
			return nil, err
		}
		terms := g.Agreed
		if g.State == consent.Refused {
			terms = g.Asked
		}
		card := grantCard{Grant: g, ClientName: c.Name, Terms: words.terms(terms, p.Aggregate.Sources()),
			Living: g.State == consent.Given && now.Before(g.Agreed.Until), Paused: paused[g.Client]}
		card.Revocable = card.Living || g.State == consent.Exhausted
		if g.State == consent.Given && !card.Living {
			card.State = consent.Expired // its time is over, though the sweep has not been by
		}
		for _, id := range g.Accounts {
			if a, ok := byID[id]; ok {
				card.Accounts = append(card.Accounts, a)
			} else {
				card.Gone++
			}
		}
		if card.Living {
			card.Left = words.left(g, now)
		}
		cards = append(cards, card)
	}
	return cards, nil
}

// left says how often a living grant may still be used.
func (c *catalog) left(g consent.Grant, now time.Time) string {
	if g.Agreed.Uses.Per == "" {
		return c.N("grant.left.total", g.Left(now))
	}
	return c.N("grant.left.day", g.Left(now))
}

func (p *Page) grants(w http.ResponseWriter, r *http.Request, s consent.Session) {
	cards, err := p.cards(r, s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	var clients []*clientCard
	place := map[consent.ClientID]*clientCard{}
	for _, g := range cards {
		c := place[g.Client]
		if c == nil {
			c = &clientCard{ID: g.Client, Name: g.ClientName, Paused: g.Paused}
			place[g.Client] = c
			clients = append(clients, c)
		}
		if g.Living {
			c.Living = append(c.Living, g)
		} else {
			c.Ended = append(c.Ended, g)
		}
	}
	p.render(w, r, http.StatusOK, "grants", p.frameOf(r, s, "grants.title", "grants",
		map[string]any{"Clients": clients, "Done": done(r)}))
}

func (p *Page) grant(w http.ResponseWriter, r *http.Request, s consent.Session) {
	cards, err := p.cards(r, s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	id := r.PathValue("grant")
	for _, g := range cards {
		if string(g.ID) != id {
			continue
		}
		events, _, err := p.timeline(r.Context(), s, "", 200, func(e audit.Event) bool { return e.On == id })
		var deeds []deed
		if err == nil {
			deeds, err = p.tell(r, s, events)
		}
		if err != nil {
			p.fail(w, r, err)
			return
		}
		for i := range deeds {
			deeds[i].Grant = "" // this page
		}
		signed := ""
		evidence, err := p.Consent.Evidence(r.Context(), s, g.ID)
		switch {
		case err == nil:
			signed = indent(evidence.Agreement)
		case fault.Of(err).Kind != fault.NotFound:
			p.fail(w, r, err)
			return
		}
		p.render(w, r, http.StatusOK, "grant", p.frameOf(r, s, "grant.title", "grants",
			map[string]any{"Grant": g, "Deeds": deeds, "Signed": signed, "Done": done(r)}))
		return
	}
	p.fail(w, r, errNoPage)
}

func (p *Page) revoke(w http.ResponseWriter, r *http.Request, s consent.Session) {
	id := r.PathValue("grant")
	if _, err := p.Consent.Revoke(r.Context(), s, consent.GrantID(id)); err != nil {
		p.fail(w, r, err)
		return
	}
	toDone(w, r, "/grants/"+id, "revoked")
}

func (p *Page) pause(w http.ResponseWriter, r *http.Request, s consent.Session) {
	if err := p.Consent.Pause(r.Context(), s, consent.ClientID(r.PathValue("client"))); err != nil {
		p.fail(w, r, err)
		return
	}
	toDone(w, r, "/grants", "paused")
}

func (p *Page) resume(w http.ResponseWriter, r *http.Request, s consent.Session) {
	if err := p.Consent.Resume(r.Context(), s, consent.ClientID(r.PathValue("client"))); err != nil {
		p.fail(w, r, err)
		return
	}
	toDone(w, r, "/grants", "resumed")
}

// dones is what a page may say was just done, after the redirect of a post.
var dones = map[string]bool{"revoked": true, "paused": true, "resumed": true, "connected": true, "disconnected": true,
	"passkey_added": true, "passkey_removed": true, "session_ended": true, "others_ended": true}

func toDone(w http.ResponseWriter, r *http.Request, path, what string) {
	http.Redirect(w, r, path+"?done="+what, http.StatusSeeOther)
}

func done(r *http.Request) string {
	if d := r.URL.Query().Get("done"); dones[d] {
		return d
	}
	return ""
}

// termsText is what terms say, line by line, in one language.
type termsText struct {
	Purpose, Why string
	Datatypes    []string
	Fields       string // empty without bills
	Period       string // empty without bills or statements
	Often        string
	Until        string
	Keep         string
	Sources      []string
	Hidden       []string // what it will not show
}

func (c *catalog) terms(t consent.Terms, known []connectors.Source) termsText {
	out := termsText{
		Purpose: string(t.Purpose),
		Often:   c.often(t.Uses), Until: c.Moment(t.Until), Keep: c.duration(t.Retention),
		Period: c.period(t.Period),
	}
	if rule, ok := t.Purpose.Rule(); ok {
		out.Purpose, out.Why = c.Name(rule.Name), c.Name(rule.Says)
	}
	bills := false
	for _, d := range t.Datatypes {
		out.Datatypes = append(out.Datatypes, c.or("datatype."+string(d), string(d)))
		bills = bills || d == consent.Bills
	}
	if bills {
		out.Fields = c.or("fields."+string(t.Fields), string(t.Fields))
	}
	for _, id := range t.Sources {
		name := id
		for _, s := range known {
			if s.ID == id {
				name = c.Source(s)
			}
		}
		out.Sources = append(out.Sources, name)
	}
	out.Hidden = append(out.Hidden, c.T("hidden.numbers"), c.T("hidden.names"))
	switch {
	case !bills:
		out.Hidden = append(out.Hidden, c.T("hidden.bills"))
	case t.Fields == consent.Minimal:
		out.Hidden = append(out.Hidden, c.T("hidden.shops"))
	case t.Fields == consent.Standard:
		out.Hidden = append(out.Hidden, c.T("hidden.descriptions"))
	}
	out.Hidden = append(out.Hidden, c.T("hidden.rest"))
	return out
}

func (c *catalog) often(u consent.Uses) string {
	switch {
	case u.Once():
		return c.T("uses.once")
	case u.Per == "":
		return c.N("uses.total", u.Limit)
	default:
		return c.N("uses.day", u.Limit)
	}
}

func (c *catalog) period(p consent.Period) string {
	switch {
	case p.Days > 0:
		return c.N("period.days", p.Days)
	case p.From != "" || p.To != "":
		return c.T("period.between", c.Day(p.From), c.Day(p.To))
	default:
		return ""
	}
}
