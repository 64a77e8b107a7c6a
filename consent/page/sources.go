package page

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/language"
)

// comeBack keeps, while a person is at a source's own login, where they were.
const comeBack = "jali_back"

type sourcesPage struct {
	Connections []connected
	Others      []offering // without a connection that reads from the source itself
	Done        string
}

// connected is a connection and what there is to know of its source.
type connected struct {
	aggregate.Connection
	Facts []string
	Told  []toldDays // by its files
}

type offering struct {
	connectors.Source
	Facts []string
}

// facts says in words what a source tells and how far it goes.
func (w *catalog) facts(o aggregate.Offer) []string {
	var tells []string
	for _, d := range o.Tells {
		tells = append(tells, w.T("datatype."+d))
	}
	all := []string{w.T("sources.tells", strings.Join(tells, w.T("list.comma")))}
	history, days := "sources.history", int(o.History/(24*time.Hour))
	if days > 730 {
		history, days = "sources.history.years", (days+182)/365
	}
	for _, limit := range []struct {
		key string
		n   int
	}{
		{history, days},
		{"sources.window", int(o.MaxWindow / (24 * time.Hour))},
		{"sources.unattended", o.Unattended},
	} {
		if limit.n > 0 {
			all = append(all, w.T(limit.key, strconv.Itoa(limit.n)))
		}
	}
	return all
}

func (p *Page) sources(w http.ResponseWriter, r *http.Request, s consent.Session) {
	connections, err := p.Aggregate.Connections(r.Context(), s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	accounts, err := p.Aggregate.Accounts(r.Context(), s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	d := sourcesPage{Done: done(r)}
	facts, words := map[string][]string{}, p.views[language.Of(r)].words
	for _, o := range p.Aggregate.Offers() {
		facts[o.ID] = words.facts(o)
		if !slices.ContainsFunc(connections, func(c aggregate.Connection) bool { return c.Source.ID == o.ID && !c.Imported }) {
			d.Others = append(d.Others, offering{o.Source, facts[o.ID]})
		}
	}
	for _, c := range connections {
		one := connected{Connection: c}
		if c.Imported {
			one.Told = toldOf(accounts, c.Source.ID)
		} else {
			one.Facts = facts[c.Source.ID]
		}
		d.Connections = append(d.Connections, one)
	}
	p.render(w, r, http.StatusOK, "sources", p.frameOf(r, s, "sources.title", "sources", d))
}

// connect sends the browser to the source's own login page.
func (p *Page) connect(w http.ResponseWriter, r *http.Request, s consent.Session) {
	id := r.PathValue("source")
	to, err := p.Aggregate.BeginLink(r.Context(), s, id, p.origin+"/connect/return")
	if err != nil {
		p.fail(w, r, err)
		return
	}
	http.SetCookie(w, p.backCookie(localPath(r.PostFormValue("next"))))
	name := consent.Name{ZH: id, EN: id}
	for _, src := range p.Aggregate.Sources() {
		if src.ID == id {
			name = consent.Name(src.Name)
		}
	}
	p.depart(w, r, s, to, name, false)
}

func (p *Page) backCookie(next string) *http.Cookie {
	c := &http.Cookie{Name: comeBack, Value: url.QueryEscape(next), Path: "/connect", MaxAge: 900,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(p.origin, "https:")}
	if next == "" {
		c.MaxAge = -1
	}
	return c
}

// connectReturn takes what the source sent back. Banks that sign it put it
// behind the # of the address, which no server sees: a script hands it on.
func (p *Page) connectReturn(w http.ResponseWriter, r *http.Request, s consent.Session) {
	if r.URL.RawQuery == "" {
		p.render(w, r, http.StatusOK, "handover", p.frameOf(r, s, "handover.title", "", nil))
		return
	}
	if _, err := p.Aggregate.FinishLink(r.Context(), s, r.URL.Query()); err != nil {
		p.fail(w, r, err)
		return
	}
	back := ""
	if c, err := r.Cookie(comeBack); err == nil {
		back, _ = url.QueryUnescape(c.Value)
		http.SetCookie(w, p.backCookie(""))
	}
	http.Redirect(w, r, nextOr(back, "/sources?done=connected"), http.StatusSeeOther)
}

func (p *Page) disconnectForm(w http.ResponseWriter, r *http.Request, s consent.Session) {
	connections, err := p.Aggregate.Connections(r.Context(), s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	i := slices.IndexFunc(connections, func(c aggregate.Connection) bool { return c.ID == r.PathValue("connection") })
	if i < 0 {
		p.fail(w, r, errNoPage)
		return
	}
	p.render(w, r, http.StatusOK, "disconnect", p.frameOf(r, s, "disconnect.title", "sources", connections[i]))
}

func (p *Page) disconnect(w http.ResponseWriter, r *http.Request, s consent.Session) {
	if err := p.Aggregate.Disconnect(r.Context(), s, r.PathValue("connection")); err != nil {
		p.fail(w, r, err)
		return
	}
	p.destroyKeys(r)
	toDone(w, r, "/sources", "disconnected")
}
