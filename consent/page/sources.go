package page

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
)

// comeBack keeps, while a person is at a source's own login, where they were.
const comeBack = "jali_back"

type sourcesPage struct {
	Connections []aggregate.Connection
	Others      []connectors.Source // without a connection that reads from the source itself
	Done        string
}

func (p *Page) sources(w http.ResponseWriter, r *http.Request, s consent.Session) {
	connections, err := p.Aggregate.Connections(r.Context(), s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	d := sourcesPage{Connections: connections, Done: done(r)}
	for _, src := range p.Aggregate.Sources() {
		if !slices.ContainsFunc(connections, func(c aggregate.Connection) bool { return c.Source.ID == src.ID && !c.Imported }) {
			d.Others = append(d.Others, src)
		}
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

// connectReturn takes what the source sent back.
func (p *Page) connectReturn(w http.ResponseWriter, r *http.Request, s consent.Session) {
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
