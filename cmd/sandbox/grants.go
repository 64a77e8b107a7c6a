package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"jali/consent"
	"jali/internal/fault"
)

// grantJSON is a request, or what became of it.
type grantJSON struct {
	ID            string       `json:"grant_id"`
	Client        string       `json:"client_id"`
	Person        string       `json:"person,omitempty"`
	State         string       `json:"state"`
	Paused        bool         `json:"paused"`
	NeedsYes      bool         `json:"needs_yes,omitempty"`
	Purpose       string       `json:"purpose"`
	Datatypes     []string     `json:"datatypes"`
	Sources       []string     `json:"sources,omitempty"`
	Fields        string       `json:"bill_fields,omitempty"`
	Period        *periodJSON  `json:"period,omitempty"`
	Uses          consent.Uses `json:"uses"`
	UsesLeft      int          `json:"uses_left"`
	Used          int          `json:"used,omitempty"`
	Accounts      []string     `json:"accounts,omitempty"`
	Until         time.Time    `json:"until"`
	ReadableUntil time.Time    `json:"readable_until,omitzero"`
	Retention     string       `json:"retention"`
	KeptUntil     time.Time    `json:"kept_until,omitzero"`
	Action        string       `json:"action,omitempty"`
	Revises       string       `json:"revises,omitempty"`
	Revision      int          `json:"revision"`
	Decoupled     bool         `json:"decoupled"`
	PushedAt      time.Time    `json:"pushed_at"`
	LapsesAt      time.Time    `json:"lapses_at"`
	DecidedAt     time.Time    `json:"decided_at,omitzero"`
	EndedAt       time.Time    `json:"ended_at,omitzero"`
	EndedBy       string       `json:"ended_by,omitempty"`
	LastUse       time.Time    `json:"last_use,omitzero"`
}

type periodJSON struct {
	Days int    `json:"days,omitempty"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// listed is the most of anything that one answer lists.
const listed = 500

var (
	errNoGrant    = consent.ErrNoGrant
	errImpossible = &fault.Error{Kind: fault.Conflict, Code: "event_impossible"}
)

func (s *sandbox) listGrants(r *http.Request) (any, error) {
	all, err := s.house.Consent.All(r.Context())
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	var some []consent.Grant
	for _, g := range all {
		if wants(q.Get("person"), string(g.Person)) && wants(q.Get("client_id"), string(g.Client)) && wants(q.Get("state"), string(g.State)) && len(some) < listed {
			some = append(some, g)
		}
	}
	list, err := s.grantsNow(r.Context(), some)
	return map[string]any{"grants": list}, err
}

// wants reports whether a filter lets something through; empty lets all.
func wants(filter, is string) bool { return filter == "" || filter == is }

// grantsNow tells of grants, with what else is known of their people.
func (s *sandbox) grantsNow(ctx context.Context, grants []consent.Grant) ([]grantJSON, error) {
	type known struct {
		kept   map[consent.GrantID]time.Time
		paused map[consent.ClientID]bool
		all    bool
	}
	people := map[consent.PersonID]known{}
	list := []grantJSON{}
	for _, g := range grants {
		k, ok := people[g.Person]
		if !ok && g.Person != "" {
			var err error
			own := consent.Session{Person: g.Person}
			if k.kept, err = s.house.Consent.Kept(ctx, own); err != nil {
				return nil, err
			}
			if k.paused, err = s.house.Consent.Paused(ctx, own); err != nil {
				return nil, err
			}
			if k.all, err = s.house.Consent.AllPaused(ctx, own); err != nil {
				return nil, err
			}
			people[g.Person] = k
		}
		one := s.grantNow(g)
		one.Paused = k.all || k.paused[g.Client]
		if until, ok := k.kept[g.ID]; ok {
			one.KeptUntil = until.UTC()
		}
		list = append(list, one)
	}
	return list, nil
}

// grantNow tells of a grant by what is stored of it.
func (s *sandbox) grantNow(g consent.Grant) grantJSON {
	terms, now := g.Agreed, s.now()
	if terms.Purpose == "" {
		terms = g.Asked
	}
	one := grantJSON{
		ID: string(g.ID), Client: string(g.Client), Person: string(g.Person), State: string(g.State),
		Purpose: string(terms.Purpose), Datatypes: texts(terms.Datatypes), Sources: terms.Sources, Fields: string(terms.Fields),
		Uses: terms.Uses, UsesLeft: g.Left(now), Used: g.Uses, Accounts: texts(g.Accounts), Until: terms.Until.UTC(), Retention: terms.RetentionISO(),
		Action: string(g.Action), Revises: string(g.Revises), Revision: g.Revision, Decoupled: g.Decoupled,
		PushedAt: g.PushedAt.UTC(), LapsesAt: g.LapsesAt.UTC(), DecidedAt: g.DecidedAt.UTC(), EndedAt: g.EndedAt.UTC(), EndedBy: g.EndedBy, LastUse: g.LastUse.UTC(),
	}
	if p := terms.Period; !p.Zero() {
		one.Period = &periodJSON{p.Days, string(p.From), string(p.To)}
	}
	if g.State == consent.Given {
		one.ReadableUntil = s.house.Consent.ReadableUntil(g).UTC()
		one.NeedsYes = !now.Before(one.ReadableUntil)
	}
	return one
}

func texts[T ~string](list []T) []string {
	all := make([]string, len(list))
	for i, v := range list {
		all[i] = string(v)
	}
	return all
}

// grant finds a grant or a request.
func (s *sandbox) grant(ctx context.Context, id string) (consent.Grant, error) {
	all, err := s.house.Consent.All(ctx)
	if err != nil {
		return consent.Grant{}, err
	}
	for _, g := range all {
		if string(g.ID) == id {
			return g, nil
		}
	}
	return consent.Grant{}, errNoGrant
}

func (s *sandbox) readGrant(r *http.Request) (any, error) {
	return s.grantAnswer(r.Context(), r.PathValue("id"))
}

func (s *sandbox) grantAnswer(ctx context.Context, id string) (grantJSON, error) {
	g, err := s.grant(ctx, id)
	if err != nil {
		return grantJSON{}, err
	}
	list, err := s.grantsNow(ctx, []consent.Grant{g})
	if err != nil {
		return grantJSON{}, err
	}
	return list[0], nil
}

func (s *sandbox) revokeGrant(r *http.Request) (any, error) {
	g, err := s.grant(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if err := s.revoke(r.Context(), g); err != nil {
		return nil, err
	}
	return s.grantAnswer(r.Context(), string(g.ID))
}

// revoke has its person end a grant.
func (s *sandbox) revoke(ctx context.Context, g consent.Grant) error {
	_, err := s.house.Consent.Revoke(ctx, consent.Session{Person: g.Person}, g.ID)
	if errors.Is(err, consent.ErrNoGrant) {
		err = errImpossible.Saying("this was never given; decide the request instead")
	}
	return err
}

type viewJSON struct {
	Grant  string    `json:"grant_id"`
	Client string    `json:"client_id"`
	State  string    `json:"state"`
	Until  time.Time `json:"until"`
}

func (s *sandbox) listViews(r *http.Request) (any, error) {
	shelf, err := s.house.Aggregate.Shelf(r.Context())
	if err != nil {
		return nil, err
	}
	list, now, q := []viewJSON{}, s.now(), r.URL.Query()
	for _, v := range shelf {
		one := viewJSON{string(v.Grant), string(v.Client), "open", v.Until.UTC()}
		if !now.Before(v.Until) {
			one.State = "gone"
		}
		if wants(q.Get("grant_id"), one.Grant) && wants(q.Get("state"), one.State) && len(list) < listed {
			list = append(list, one)
		}
	}
	return map[string]any{"views": list}, nil
}
