package page

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/audit"
	"jali/internal/language"
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
	Again      bool   // living, and not readable until the person says yes again
	Ends       string // how soon it ends or becomes so, where that is near

	KeptUntil time.Time // what was seen; zero: nothing is
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
	words := p.views[language.Of(r)].words
	grants, err := p.Consent.Grants(ctx, s)
	if err != nil {
		return nil, err
	}
	paused, err := p.Consent.Paused(ctx, s)
	if err != nil {
		return nil, err
	}
	kept, err := p.Consent.Kept(ctx, s)
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
		card := grantCard{Grant: g, ClientName: c.Name, KeptUntil: kept[g.ID], Terms: words.terms(terms, p.Aggregate.Sources()),
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
			readable := p.Consent.ReadableUntil(g)
			if card.Again = !now.Before(readable); !card.Again {
				card.Left = words.left(g, now)
				card.Ends = words.ends(g, readable, now)
			}
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

// nearEnd is how long before its end a grant is marked.
const nearEnd = 7 * 24 * time.Hour

// ends says how soon a living grant ends, or before that wants another yes
// (readable is the earlier of the two), and nothing where that is more than a
// week away. One for a single use is not missed when it ends.
func (c *catalog) ends(g consent.Grant, readable, now time.Time) string {
	left := readable.Sub(now)
	if left <= 0 || left > nearEnd || g.Agreed.Uses.Once() {
		return ""
	}
	days, hours := int((left+24*time.Hour-1)/(24*time.Hour)), int((left+time.Hour-1)/time.Hour)
	switch again := readable.Before(g.Agreed.Until); {
	case again && days > 1:
		return c.N("grant.again.days", days)
	case again:
		return c.N("grant.again.hours", hours)
	case days > 1:
		return c.N("grant.ends.days", days)
	}
	return c.N("grant.ends.hours", hours)
}

// endingGrant is a living grant that ends soon or wants another yes, as home
// tells of it.
type endingGrant struct {
	ID     consent.GrantID
	Client consent.Name
	Ends   string
}

func (p *Page) ending(r *http.Request, s consent.Session) ([]endingGrant, error) {
	grants, err := p.Consent.Grants(r.Context(), s)
	if err != nil {
		return nil, err
	}
	words, now := p.views[language.Of(r)].words, p.Now()
	clients := map[consent.ClientID]consent.Client{}
	var list []endingGrant
	for _, g := range grants {
		if g.State != consent.Given || !now.Before(g.Agreed.Until) || g.Agreed.Uses.Once() {
			continue
		}
		readable := p.Consent.ReadableUntil(g)
		soon := words.ends(g, readable, now)
		if !now.Before(readable) {
			soon = words.T("grant.again")
		}
		if soon == "" {
			continue
		}
		c, err := p.clientName(r.Context(), g.Client, clients)
		if err != nil {
			return nil, err
		}
		list = append(list, endingGrant{g.ID, c.Name, soon})
	}
	return list, nil
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
	paused, err := p.pausedOnly(r.Context(), s, place)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	clients = append(clients, paused...)
	all, err := p.Consent.AllPaused(r.Context(), s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.render(w, r, http.StatusOK, "grants", p.frameOf(r, s, "grants.title", "grants",
		map[string]any{"Clients": clients, "AllPaused": all, "Done": done(r)}))
}

// pausedOnly are the clients that the person has paused and never granted
// anything: they have asked, and can be let to again.
func (p *Page) pausedOnly(ctx context.Context, s consent.Session, others map[consent.ClientID]*clientCard) ([]*clientCard, error) {
	paused, err := p.Consent.Paused(ctx, s)
	if err != nil {
		return nil, err
	}
	var list []*clientCard
	for _, id := range slices.Sorted(maps.Keys(paused)) {
		if others[id] != nil || !paused[id] {
			continue
		}
		c, err := p.clientName(ctx, id, map[consent.ClientID]consent.Client{})
		if err != nil {
			return nil, err
		}
		list = append(list, &clientCard{ID: id, Name: c.Name, Paused: true})
	}
	return list, nil
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
		whole, yes, err := p.Consent.Record(r.Context(), s, g.ID)
		switch {
		case err == nil && len(yes) > 0:
			signed = indent(yes[len(yes)-1].Agreement)
		case err != nil && !errors.Is(err, consent.ErrNoGrant): // refused ones have none
			p.fail(w, r, err)
			return
		}
		p.render(w, r, http.StatusOK, "grant", p.frameOf(r, s, "grant.title", "grants",
			map[string]any{"Grant": g, "Deeds": deeds, "Signed": signed, "Receipts": p.receiptLinks(whole, yes), "Issuer": p.Issuer, "Done": done(r)}))
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

// dones is what a page may say was just done, after the redirect of a post.
var dones = map[string]bool{"revoked": true, "paused": true, "resumed": true, "connected": true, "disconnected": true,
	"agreed": true, "declined": true, "filed": true, "unfiled": true, "decided": true, "undecided": true,
	"all_resumed": true, "all_revoked": true, "passkey_added": true, "passkey_removed": true, "session_ended": true, "others_ended": true}

func toDone(w http.ResponseWriter, r *http.Request, path, what string) {
	http.Redirect(w, r, path+"?done="+what, http.StatusSeeOther)
}

func done(r *http.Request) string {
	if d := r.URL.Query().Get("done"); dones[d] {
		return d
	}
	return ""
}
